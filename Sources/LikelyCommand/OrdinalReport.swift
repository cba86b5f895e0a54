import Foundation
import Likely

/// What a fit of ordered classes found, as text, JSON and a page.
struct OrdinalReport {
  let data: OrdinalData
  let regression: OrdinalRegression
  let fit: OrdinalFit
  /// `[transitions][columns]`, of refits on resampled rows.
  let intervals: [[ClosedRange<Double>]]?
  let path: OrdinalValidation.Path?

  private var names: [String] { data.schema.coding.names }
  private var levels: [String] { data.schema.levels }

  /// `≤ low`, …: what a transition's probability is of.
  private var transitions: [String] {
    if let only = fit.model.only { return ["not \(levels[only])"] }
    return levels.dropLast().map { fit.model.kind == .cumulative ? "≤ \($0)" : "\($0), not later" }
  }

  func warn() {
    if !fit.isConverged {
      tell(
        "likely: the fit is short of its optimum by a slope of \(formatNumber(fit.residual, digits: 2)) after \(fit.iterations) "
          + "iterations" + (regression.crossing == .strict ? ", held back by --crossing strict" : ""))
    }
    if !fit.separated.isEmpty {
      tell(
        "likely: \(fit.separated.map { names[$0] }.joined(separator: ", ")): some classes are told apart perfectly, "
          + "and the best weight is infinite; a penalty helps")
    }
  }

  /// One row a transition and column.
  var weights: ReportTable {
    var columns: [ReportTable.Column] = [
      .text(fit.model.kind.rawValue), .text("column"), .number("weight", digits: 6),
      .number("difference", digits: 6),
    ]
    let hasErrors = fit.standardErrors != nil
    if hasErrors { columns.append(.number("standard error")) }
    if intervals != nil { columns += [.number("low"), .number("high")] }
    var table = ReportTable(title: "Weights in the columns' own units", columns: columns)
    let differences = fit.model.differences
    for (k, transition) in transitions.enumerated() {
      var row: [ReportTable.Cell] = [
        .text(transition), .text("(intercept)"), .number(fit.model.intercepts[k]), .missing,
      ]
      if let errors = fit.standardErrors { row.append(.number(errors.intercepts[k])) }
      if intervals != nil { row += [.missing, .missing] }
      table.append(row)
      for (j, name) in names.enumerated() {
        var row: [ReportTable.Cell] = [
          .text(transition), .text(name), .number(fit.model.weights[k][j]), .number(differences[k][j]),
        ]
        if let errors = fit.standardErrors { row.append(.number(errors.weights[k][j])) }
        if let intervals {
          row += [.number(intervals[k][j].lowerBound), .number(intervals[k][j].upperBound)]
        }
        table.append(row)
      }
    }
    return table
  }

  private var facts: [(String, String)] {
    let counts = levels.indices.map { k in
      "\(levels[k]) \((0..<data.response.count).count { data.response.lowest[$0] == k && data.response.highest[$0] == k })"
    }
    let total = data.weights?.reduce(0, +) ?? Double(data.response.count)
    var facts = [
      ("rows", "\(data.response.count)"), ("classes", counts.joined(separator: ", ")),
      ("columns", "\(names.count)"), ("form", regression.form.rawValue), ("link", regression.link.rawValue),
      ("transitions", regression.kind.rawValue),
    ]
    if regression.isPenalised {
      facts.append(("λ", formatNumber(fit.lambda, digits: 6)))
      facts.append(("weights that are not 0", "\(fit.nonZero)"))
    }
    facts += [
      ("objective", formatNumber(fit.objective, digits: 10)),
      ("log-likelihood", formatNumber(-total * fit.negativeLogLikelihood, digits: 8)),
      ("slope that is left", formatNumber(fit.residual, digits: 2)), ("iterations", "\(fit.iterations)"),
    ]
    if regression.kind == .cumulative {
      facts.append(("rows whose cumulative probabilities cross", "\(fit.crossings)"))
    }
    return facts
  }

  func show() {
    for (name, value) in facts { print("\(name): \(value)") }
    print(weights.plainText)
  }

  var json: JSONValue {
    func array(_ values: [Double]) -> JSONValue { .array(values.map(JSONValue.number)) }
    var object: [(String, JSONValue)] = [
      ("form", .string(regression.form.rawValue)), ("link", .string(regression.link.rawValue)),
      ("transitions", .string(regression.kind.rawValue)), ("levels", .array(levels.map(JSONValue.string))),
      ("columns", .array(names.map(JSONValue.string))),
      ("lambda", .number(fit.lambda)), ("alpha", array(fit.model.intercepts)),
      ("beta", .array(fit.model.weights.map(array))), ("psi", .array(fit.model.differences.map(array))),
      ("objective", .number(fit.objective)), ("negative_log_likelihood", .number(fit.negativeLogLikelihood)),
      ("non_zero", .integer(fit.nonZero)), ("kkt_residual", .number(fit.residual)),
      ("iterations", .integer(fit.iterations)), ("crossing_rows", .integer(fit.crossings)),
      ("separated", .array(fit.separated.map { .string(names[$0]) })),
    ]
    if let errors = fit.standardErrors {
      object.append(("alpha_standard_errors", array(errors.intercepts)))
      object.append(("beta_standard_errors", .array(errors.weights.map(array))))
    }
    if let path {
      object.append(
        (
          "cross_validation",
          .array(
            path.lambdas.indices.map { place in
              [
                "lambda": .number(path.lambdas[place]), "score": .number(path.scores[place].value),
                "standard_error": .number(path.scores[place].standardError),
                "chosen": .bool(place == path.chosen),
              ]
            })
        ))
    }
    return .object(.init(uniqueKeysWithValues: object))
  }

  // MARK: Page

  func page(rare: Int) -> HTMLReport {
    var page = HTMLReport(
      title: "Ordered classes: \(data.schema.response)",
      subtitle: "\(regression.form.rawValue), \(data.response.count) rows")
    var summary = ReportTable(title: "Fit", columns: [.text("what"), .text("value")])
    for (name, value) in facts { summary.append([.text(name), .text(value)]) }
    let plots = weightPlot.map { [ReportItem.plot($0, name: "weights")] } ?? []
    page.add("Fit", [.table(summary)] + plots + [.table(weights)])
    if let path { page.add("Choice of λ", [.plot(Self.pathPlot(path), name: "path")]) }
    let found = fit.model.probabilities(of: data.design)
    let probabilities =
      fit.model.only != nil || rare == levels.count - 1 ? found.last : found.values.map { $0[rare] }
    page.add(
      "Calibration on the training rows",
      [.plot(Self.calibration([("training rows", probabilities)], data, rare), name: "calibration")])
    return page
  }

  /// `nil` where all weights are 0.
  private var weightPlot: Plot? {
    // In columns of deviation 1, so that rows can be compared.
    let centred = data.design - data.design.mean(0)
    let deviations = (centred * centred).mean(0).sqrt().doubles
    let shown = names.indices.filter { j in fit.model.weights.contains { $0[j] != 0 } }
    guard !shown.isEmpty else { return nil }
    let mark = Mark.heatMap(
      columns: transitions, rows: shown.map { names[$0] },
      values: shown.map { j in fit.model.weights.map { $0[j] * deviations[j] } },
      color: "weight × deviation", palette: .diverging(center: 0))
    return Plot("Weights of the transitions", x: "transition", y: "", marks: [mark])
      .sized(width: 360, height: max(80, 20 * shown.count))
  }

  private static func pathPlot(_ path: OrdinalValidation.Path) -> Plot {
    let scores = path.scores
    return Plot(
      "Held-out rows", x: Axis("λ", scale: .log), y: "criterion",
      marks: [
        .band(
          x: path.lambdas, lower: scores.map { $0.value - $0.standardError },
          upper: scores.map { $0.value + $0.standardError }),
        .line(x: path.lambdas, y: scores.map(\.value)), .rule(x: path.lambda, label: "chosen"),
      ])
  }

  private static func calibration(_ series: [(String, [Double])], _ data: OrdinalData, _ rare: Int) -> Plot {
    let known = (0..<data.response.count).filter { data.response.lowest[$0] == data.response.highest[$0] }
    let isRare = known.map { data.response.lowest[$0] == rare }
    let curves = series.map { name, probabilities in
      (name, calibrationCurve(known.map { probabilities[$0] }, positive: isRare))
    }
    let largest = curves.flatMap { $0.1 }.map { max($0.meanProbability, $0.frequency) }.max() ?? 1
    return Plot(
      "Calibration of \(data.schema.levels[rare])", caption: "Bins of equal counts.", x: "mean probability",
      y: "frequency",
      marks: [.line(x: [0, largest], y: [0, largest], dashed: true)]
        + curves.map { name, bins in
          .points(x: bins.map(\.meanProbability), y: bins.map(\.frequency), series: name)
        })
  }

  static func calibration(_ found: [OrdinalValidation.Comparison], _ data: OrdinalData, _ rare: Int) -> Plot {
    calibration(found.map { ($0.form.rawValue, $0.rareProbabilities) }, data, rare)
  }

  static func table(_ found: [OrdinalValidation.Comparison], level: String) -> ReportTable {
    var table = ReportTable(
      title: "Held-out rows; the last five readings are of \(level)",
      columns: [
        .text("form"), .number("Brier"), .number("deviance"), .number("wrong", unit: "share"),
        .number("log-loss"), .number("Brier of it"), .number("AUC"), .number("average precision"),
        .number("calibration error"), .integer("crossing rows"),
      ])
    for comparison in found {
      let m = comparison.metrics
      func cell(_ value: Double) -> ReportTable.Cell { value.isNaN ? .missing : .number(value) }
      table.append([
        .text(comparison.form.rawValue), cell(m.brier), cell(m.deviance), cell(m.misclassification),
        cell(m.rareLogLoss), cell(m.rareBrier), cell(m.rareAUC), cell(m.rareAveragePrecision),
        cell(m.rareCalibration), .integer(comparison.crossings),
      ])
    }
    return table
  }
}
