import Files
import Foundation
import Likely

/// What the verbs of `likely expect` print and write.
struct ExpectReport {
  private let arguments: ExpectArguments
  private let problem: ExpectProblem
  private let runs: ModelRuns

  init(_ arguments: ExpectArguments, _ problem: ExpectProblem, _ runs: ModelRuns) {
    (self.arguments, self.problem, self.runs) = (arguments, problem, runs)
  }

  // MARK: Means

  func show(_ found: MultipleExpectations.Result, laws: String?) throws {
    let kind = laws == nil ? "output" : "law"
    var table = ReportTable(
      title: "Means by \(found.finalCount) draws after exploration",
      columns: [
        .integer(kind), .uncertain("mean"), .number("effective draws"), .number("largest share"),
        .number("variance of as many plain runs over this"),
      ])
    for (j, estimate) in found.estimates.enumerated() {
      table.append([
        .integer(j + 1), .uncertain(estimate.value, estimate.standardError), .number(found.effectiveSizes[j]),
        .number(found.largestShares[j]), .number(found.gains[j]),
      ])
    }
    warn(found, found.estimates.indices.map { "\(kind) \($0 + 1)" })
    if arguments.json { print(object(found).pretty, terminator: "") } else { print(table.plainText) }
    try write(found, table, [Self.plot(found, kind)])
  }

  /// - Parameter names: of the expectations.
  private func warn(_ found: MultipleExpectations.Result, _ names: [String]) {
    if runs.recalled > 0 { tell("likely: \(runs.recalled) runs were taken from \(arguments.journal ?? "")") }
    for j in found.unreached {
      tell(
        "likely: \(names[j]): 0 at every run of the exploration, so nothing was learnt for it; a rare event needs a larger --budget or laws that reach it"
      )
    }
    if let j = found.largestShares.firstIndex(where: { $0 > 0.1 }) {
      tell(
        "likely: \(names[j]): one run has \(formatNumber(100 * found.largestShares[j], digits: 2)) % of the weight; the error is not to be trusted, --defensive 0.1 helps"
      )
    }
    if let j = found.gains.indices.first(where: { found.gains[$0] < 1 && !found.unreached.contains($0) }) {
      tell(
        "likely: \(names[j]): plain draws would have done better; a larger --budget or --defensive 0.1 helps"
      )
    }
  }

  private func object(_ found: MultipleExpectations.Result) -> JSONValue {
    [
      "estimates": .array(found.estimates.map { .number($0.value) }),
      "standard_errors": .array(found.estimates.map { .number($0.standardError) }),
      "covariance": .array(found.covariance.map(JSONValue.number)),
      "effective_sizes": .array(found.effectiveSizes.map(JSONValue.number)),
      "largest_shares": .array(found.largestShares.map(JSONValue.number)),
      "gains": .array(found.gains.map(JSONValue.number)),
      "shares": .array(found.shares.map(JSONValue.number)),
      "controls": .array(found.controls.map(JSONValue.number)),
      "weights": .array(found.weights.map(JSONValue.number)),
      "criteria": .array(found.criteria.map(JSONValue.number)),
      "rounds": .integer(found.criteria.count), "stop": .string(found.stop.rawValue),
      "final_draws": .integer(found.finalCount), "runs": .integer(runs.calls),
      "runs_recalled": .integer(runs.recalled),
      "unreached": .array(found.unreached.map { .integer($0 + 1) }),
    ]
  }

  private static func plot(_ found: MultipleExpectations.Result, _ kind: String) -> Plot {
    let x = found.estimates.indices.map { Double($0 + 1) }
    let reach = found.estimates.map { 2 * $0.standardError }
    let values = found.estimates.map(\.value)
    // Few of them are told apart by name; a row of many is read as a curve.
    if values.count <= 12 {
      let names = found.estimates.indices.map { "\(kind) \($0 + 1)" }
      return Plot(
        "Means, ± 2 standard errors", x: "", y: "mean", marks: [.bars(names, values, uncertainties: reach)])
    }
    return Plot(
      "Means, ± 2 standard errors", x: Axis(kind), y: Axis("mean"),
      marks: [
        .errorBars(
          x: x, lower: zip(values, reach).map { $0 - $1 }, upper: zip(values, reach).map { $0 + $1 }),
        .points(x: x, y: values),
      ])
  }

  // MARK: Sobol' indices

  func show(_ found: SobolExpectations, groups: [String]) throws {
    var columns: [ReportTable.Column] = [.text("inputs"), .uncertain("first order")]
    if !found.total.isEmpty { columns.append(.uncertain("total")) }
    var table = ReportTable(
      title: "Shares of the variance \(found.variance) by \(found.runs) runs; mean \(found.mean)",
      columns: columns)
    for (i, group) in groups.enumerated() {
      var row: [ReportTable.Cell] = [
        .text(group), .uncertain(found.first[i].value, found.first[i].standardError),
      ]
      if !found.total.isEmpty { row.append(.uncertain(found.total[i].value, found.total[i].standardError)) }
      table.append(row)
    }
    let total = found.total.isEmpty ? [] : groups.map { "the product for all inputs but \($0)" }
    warn(
      found.expectations, groups.map { "the product for \($0)" } + total + ["the mean", "the mean square"])
    if arguments.json {
      func values(_ list: [Estimate]) -> JSONValue {
        .array(
          list.map { ["value": .number($0.value), "standard_error": .number($0.standardError)] })
      }
      let object: JSONValue = [
        "groups": .array(groups.map(JSONValue.string)), "first": values(found.first),
        "total": values(found.total), "mean": values([found.mean]), "variance": values([found.variance]),
        "runs": .integer(runs.calls), "runs_recalled": .integer(runs.recalled),
        "expectations": self.object(found.expectations),
      ]
      print(object.pretty, terminator: "")
    } else {
      print(table.plainText)
    }
    var marks: [Mark] = [
      .bars(
        groups, found.first.map(\.value), uncertainties: found.first.map { 2 * $0.standardError },
        series: found.total.isEmpty ? nil : "first order")
    ]
    if !found.total.isEmpty {
      marks.append(
        .bars(
          groups, found.total.map(\.value), uncertainties: found.total.map { 2 * $0.standardError },
          series: "total"))
    }
    try write(
      found.expectations, table, [Plot("Shares of the variance", x: "", y: "share", marks: marks)],
      saves: false)
  }

  // MARK: Files

  /// - Parameter saves: the density too, which lives in pairs of points for Sobol' indices.
  private func write(
    _ found: MultipleExpectations.Result, _ table: ReportTable, _ plots: [Plot], saves: Bool = true
  ) throws {
    guard let out = arguments.out else { return }
    let folder = URL(argument: out)
    var page = HTMLReport(
      title: "Many expectations from one sample",
      subtitle:
        "\(runs.calls) runs of \(arguments.model), inputs \(problem.model.names.joined(separator: ", "))")
    page.add("Answer", [.table(table)] + plots.enumerated().map { .plot($1, name: "means-\($0)") })
    if found.criteria.count > 1 {
      page.add(
        "Exploration",
        [
          .text(
            found.stop == .costs
              ? "It stopped as another round would have cost more than it gained."
              : "It stopped as half of the budget was spent."),
          .plot(
            Plot(
              "Weighted variance if the rest were spent now", x: Axis("round"),
              y: Axis("Σ w Var", scale: .log),
              marks: [
                .line(x: found.criteria.indices.map { Double($0 + 1) }, y: found.criteria),
                .points(x: found.criteria.indices.map { Double($0 + 1) }, y: found.criteria),
              ]), name: "exploration"),
        ])
    }
    try page.write(to: folder)
    let count = found.estimates.count
    let rows = found.estimates.indices.map { j -> [Double?] in
      [
        Double(j + 1), found.estimates[j].value, found.estimates[j].standardError, found.effectiveSizes[j],
        found.gains[j],
      ]
    }
    let names = ["expectation", "estimate", "standard_error", "effective_size", "gain"]
    try writeAtomically(Data(csvTable(names, rows).utf8), to: folder.appending(path: "estimates.csv"))
    let covariance = (0..<count).map { i in (0..<count).map { found.covariance[i * count + $0] as Double? } }
    try writeAtomically(
      Data(csvTable((1...count).map { "\($0)" }, covariance).utf8),
      to: folder.appending(path: "covariance.csv"))
    if saves {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
      let saved = SavedDensity(space: problem.space, inputs: problem.model.names, density: found.density)
      try writeAtomically(try encoder.encode(saved), to: folder.appending(path: "density.json"))
    }
    if !arguments.json {
      print("report: \(out)/report.html" + (saves ? ", density: \(out)/density.json" : ""))
    }
  }
}
