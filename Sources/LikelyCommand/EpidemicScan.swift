import ArgumentParser
import Foundation
import Likely

/// A range of the command line: `beta=0.1:0.4`, `beta=0.01:1:log`, or with a number of values `beta=0.1:0.4:7`.
struct ParameterRange {
  let name: String
  let low: Double
  let high: Double
  let count: Int?
  let isLog: Bool

  init(_ text: String, option: String, counted: Bool) throws {
    let form = counted ? "NAME=LOW:HIGH:COUNT, and :log after it" : "NAME=LOW:HIGH, and :log after it"
    let ends = text.split(separator: "=", maxSplits: 1).map(String.init)
    var parts =
      ends.count == 2 ? ends[1].split(separator: ":", omittingEmptySubsequences: false).map(String.init) : []
    let isLog = parts.last == "log"
    if isLog { parts.removeLast() }
    guard parts.count == (counted ? 3 : 2), let low = Double(parts[0]), let high = Double(parts[1]),
      low.isFinite,
      high.isFinite
    else { throw UsageError("\(option) \(text): \(form) is expected") }
    let count = counted ? Int(parts[2]) : nil
    if counted, !(count.map { (2...1000).contains($0) } ?? false) {
      throw UsageError("\(option) \(text): from 2 to 1000 values are expected")
    }
    guard low < high, !isLog || low > 0 else {
      throw UsageError("\(option) \(text): LOW below HIGH is expected" + (isLog ? ", both above 0" : ""))
    }
    (self.name, self.low, self.high, self.count, self.isLog) = (ends[0], low, high, count, isLog)
  }

  var values: [Double] {
    let n = count ?? 2
    return (0..<n).map { i in
      let share = Double(i) / Double(n - 1)
      return isLog ? low * pow(high / low, share) : low + (high - low) * share
    }
  }
}

/// `likely epidemic scan`
struct EpidemicScan: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan", abstract: "Outcomes over a grid of one or two parameters.",
    discussion: """
      Outcomes: \(ModelOutcome.forms).

      Example:
        likely epidemic scan --grid beta=0.05:0.4:8 --grid eps=0.2:2:10
        likely epidemic scan --grid phi=0:0.3:4 --outcome attack,end:D --csv s.csv
      """)

  @OptionGroup var arguments: EpidemicArguments

  @Option(
    help: ArgumentHelp(
      "NAME=LOW:HIGH:COUNT, with :log for equal ratios; again for a second.", valueName: "range"))
  var grid: [String] = []

  @Option(help: ArgumentHelp("Outcomes between commas.", valueName: "names"))
  var outcome = "r0,attack"

  @Option(help: ArgumentHelp("The end of each run, in the model's unit of time.", valueName: "t"))
  var until = 400.0

  @OptionGroup var output: EpidemicOutput
  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard until > 0, until.isFinite else { throw ValidationError("--until \(until): above 0") }
    guard (1...2).contains(grid.count) else { throw ValidationError("--grid: one or two ranges") }
  }

  func run() throws {
    _ = try common.startOnProcessor()
    let model = try arguments.chosenModel()
    let values = try arguments.values(model)
    let events = try arguments.interventions(model, until: until)
    let ranges = try grid.map { try ParameterRange($0, option: "--grid", counted: true) }
    guard Set(ranges.map(\.name)).count == ranges.count else {
      throw UsageError("--grid \(ranges[0].name): twice; two different parameters are expected")
    }
    let outcomes = try outcome.listed.map { try ModelOutcome($0, of: model) }
    guard !outcomes.isEmpty else { throw UsageError("--outcome: at least one of \(ModelOutcome.forms)") }
    try arguments.checkUse(of: outcomes)
    var points = ranges[0].values.map { [$0] }
    if ranges.count == 2 { points = ranges[1].values.flatMap { y in ranges[0].values.map { [$0, y] } } }
    let sets = try points.map { point in
      var set = values
      for (value, range) in zip(point, ranges) {
        guard let place = model.index(ofParameter: range.name) else {
          _ = try model.values([range.name: value])
          continue
        }
        set[place] = value
      }
      return set
    }
    let found = try model.outcomes(outcomes, of: sets, to: until, interventions: events)
    var table = ReportTable(
      title: "Scan", columns: ranges.map { .number($0.name) } + outcomes.map { .number("\($0)", digits: 6) })
    for (point, row) in zip(points, found) {
      table.append((point + row).map { $0.isFinite ? .number($0) : .missing })
    }
    if output.json { print(table.json.compact) } else { print(table.plainText) }
    var page = epidemicPage("Scan of an epidemic", model, values, events)
    let plots = outcomes.enumerated().map { i, outcome in
      ReportItem.plot(Self.plot("\(outcome)", ranges, found.map { $0[i] }), name: "scan-\(outcome)")
    }
    page.add("Scan", plots + [.table(table)])
    try output.write(
      page,
      table: csvTable(ranges.map(\.name) + outcomes.map(\.description), zip(points, found).map { $0 + $1 }))
  }

  private static func plot(_ title: String, _ ranges: [ParameterRange], _ values: [Double]) -> Plot {
    let x = ranges[0]
    guard ranges.count == 2 else {
      return Plot(
        title, x: Axis(x.name, scale: x.isLog ? .log : .linear), y: Axis(title),
        marks: [.line(x: x.values, y: values), .points(x: x.values, y: values)])
    }
    let width = x.values.count
    let rows = stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
    func names(_ range: ParameterRange) -> [String] {
      range.values.map { formatNumber($0, digits: 3, trimmed: true) }
    }
    return Plot(
      title, x: Axis(x.name), y: Axis(ranges[1].name),
      marks: [.heatMap(columns: names(x), rows: names(ranges[1]), values: rows, color: Axis(title))])
  }
}

/// `likely epidemic sensitivity`
struct EpidemicSensitivity: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sensitivity",
    abstract: "Which uncertain parameter matters: partial rank correlations and Sobol's indices.",
    discussion: """
      Every --range is a parameter that is known only to lie there, uniformly. Outcomes: \(ModelOutcome.forms).

      Example:
        likely epidemic sensitivity --range beta=0.1:0.3 --range eps=0.5:2
      """)

  @OptionGroup var arguments: EpidemicArguments

  @Option(
    help: ArgumentHelp("NAME=LOW:HIGH, with :log for equal ratios; once a parameter.", valueName: "range"))
  var range: [String] = []

  @Option(help: ArgumentHelp("Outcomes between commas.", valueName: "names"))
  var outcome = "r0,attack"

  @Option(help: ArgumentHelp("Points of the Latin hypercube.", valueName: "n"))
  var samples = 1000

  @Option(
    help: ArgumentHelp("Rows of Sobol's design, a power of 2; 0 leaves the indices out.", valueName: "n"))
  var sobol = 1024

  @Option(help: ArgumentHelp("The end of each run, in the model's unit of time.", valueName: "t"))
  var until = 400.0

  @OptionGroup var output: EpidemicOutput
  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard until > 0, until.isFinite else { throw ValidationError("--until \(until): above 0") }
    guard !range.isEmpty else { throw ValidationError("--range: at least one, such as --range beta=0.1:0.3") }
    guard sobol == 0 || (2...1_000_000).contains(sobol), sobol & max(0, sobol - 1) == 0 else {
      throw ValidationError("--sobol \(sobol): a power of 2, or 0")
    }
  }

  func run() throws {
    let random = try common.startOnProcessor()
    let model = try arguments.chosenModel()
    let values = try arguments.values(model)
    let events = try arguments.interventions(model, until: until)
    let outcomes = try outcome.listed.map { try ModelOutcome($0, of: model) }
    guard !outcomes.isEmpty else { throw UsageError("--outcome: at least one of \(ModelOutcome.forms)") }
    try arguments.checkUse(of: outcomes)
    let ranges = try range.map { text in
      let range = try ParameterRange(text, option: "--range", counted: false)
      return (parameter: range.name, range: range.low...range.high, isLog: range.isLog)
    }
    var study = try SensitivityStudy(model, ranges: ranges, outcomes: outcomes, horizon: until)
    study.interventions = events
    var stream = random.split("hypercube")
    let ranks = try study.partialRankCorrelations(values, count: samples, using: &stream)
    stream = random.split("sobol")
    let indices = sobol > 0 ? try study.sobolIndices(values, count: sobol, using: &stream) : []
    var table = ReportTable(
      title: "Sensitivity",
      columns: [
        .text("outcome"), .text("parameter"), .number("PRCC", digits: 3), .number("p-value", digits: 2),
        .uncertain("first order"), .uncertain("total"),
      ])
    for (i, outcome) in outcomes.enumerated() {
      for (j, range) in ranges.enumerated() {
        func cell(_ value: Estimate?) -> ReportTable.Cell {
          value.map { .uncertain($0.value, $0.standardError) } ?? nil
        }
        table.append([
          .text("\(outcome)"), .text(range.parameter), .number(ranks[i].values[j]),
          .number(ranks[i].pValues[j]),
          cell(indices.isEmpty ? nil : indices[i].first[j]),
          cell(indices.isEmpty ? nil : indices[i].total[j]),
        ])
      }
    }
    if output.json { print(table.json.compact) } else { print(table.plainText) }
    var page = epidemicPage("Sensitivity of an epidemic", model, values, events)
    let plots = outcomes.enumerated().map { i, outcome -> ReportItem in
      let names = ranges.map(\.parameter)
      var marks = [Mark.bars(names, ranks[i].values, series: "PRCC", horizontal: true)]
      if !indices.isEmpty {
        marks.append(.bars(names, indices[i].total.map(\.value), series: "total index", horizontal: true))
      }
      return .plot(Plot("\(outcome)", x: "index", y: "", marks: marks), name: "sensitivity-\(outcome)")
    }
    page.add("Sensitivity", plots + [.table(table)])
    var csv = "outcome,parameter,prcc,p_value,first,first_error,total,total_error\n"
    for (i, outcome) in outcomes.enumerated() {
      for (j, range) in ranges.enumerated() {
        let sobol =
          indices.isEmpty
          ? ",,,"
          : [indices[i].first[j], indices[i].total[j]].map { "\($0.value),\($0.standardError)" }.joined(
            separator: ",")
        csv += "\(outcome),\(range.parameter),\(ranks[i].values[j]),\(ranks[i].pValues[j]),\(sobol)\n"
      }
    }
    try output.write(page, table: csv)
  }
}
