import Foundation
import Likely

/// A count as people write it; weights may be no whole numbers.
func wholeNumber(_ value: Double) -> String {
  value == value.rounded() && abs(value) < 1e15
    ? "\(Int(value))" : formatNumber(value, digits: 6, trimmed: true)
}

/// An effect, with its errors and what is merely seen, as tables, JSON and a page.
struct CausalAnswer {
  let query: CausalQuery
  let law: Factor<Double>
  var identification: Identification?
  var estimate: EffectEstimate?
  /// P(targets | what is set was seen), cells as of the law; NaN where no case has it.
  var seen: Factor<Double>?
  var records: Double?
  var contrasts: [(name: String, interval: EffectEstimate.Interval)] = []

  /// What the contrasts are read by.
  private var readings: [EffectEstimate.Reading] = []
  /// The cells asked for; all where nil.
  private var eventCells: [Int]?

  init(
    query: CausalQuery, law: Factor<Double>, identification: Identification? = nil,
    estimate: EffectEstimate? = nil, seen: Factor<Double>? = nil, records: Double? = nil
  ) {
    (self.query, self.law, self.identification, self.estimate) = (query, law, identification, estimate)
    (self.seen, self.records) = (seen, records)
  }

  private var conditions: [FiniteVariable] { Array(law.variables.dropLast(query.targets.count)) }

  private func interval(_ cell: Int, level: Double) -> EffectEstimate.Interval {
    read(
      EffectEstimate.Reading("", weights: law.values.indices.map { $0 == cell ? 1 : 0 }), level: level)
  }

  private func read(_ reading: EffectEstimate.Reading, level: Double) -> EffectEstimate.Interval {
    estimate?.read(reading, level: level)
      ?? EffectEstimate.Interval(value: reading.value(law.values))
  }

  private func states(_ cell: Int) -> [String] { law.variables.states(of: cell) }

  // MARK: Contrasts

  /// What is compared, and which cells are shown.
  mutating func addContrasts(_ contrast: Contrast?, event: [String: String], level: Double) throws {
    let targets = Array(law.variables.suffix(query.targets.count))
    for target in targets { if let state = event[target.name] { _ = try target.index(of: state) } }
    if let contrast {
      readings = try EffectEstimate.Reading.comparing(
        law, targets: targets.count, set: contrast.first, versus: contrast.second, event: event)
      contrasts = readings.map { ($0.name, read($0, level: level)) }
    }
    guard !event.isEmpty else { return }
    eventCells = law.values.indices.filter { cell in
      zip(targets, states(cell).suffix(targets.count)).allSatisfy { event[$0.name] == $1 }
    }
  }

  private var shownCells: [Int] { eventCells ?? Array(law.values.indices) }

  // MARK: Tables

  func table(level: Double) -> ReportTable {
    let hasErrors = estimate?.method != nil
    var columns = law.variables.map { ReportTable.Column.text($0.name) }
    columns.append(.number(query.interventions.isEmpty ? "probability" : "when set", digits: 6))
    if hasErrors {
      columns += [.number("s.e.", digits: 2), .number("from", digits: 4), .number("to", digits: 4)]
    }
    if seen != nil { columns.append(.number("when seen", digits: 6)) }
    var table = ReportTable(
      title: query.text + (records.map { ", \(wholeNumber($0)) records" } ?? "")
        + (hasErrors ? ", \(formatNumber(100 * level, digits: 3, trimmed: true)) % intervals" : ""),
      columns: columns)
    for cell in shownCells {
      let interval = interval(cell, level: level)
      var row: [ReportTable.Cell] = states(cell).map { .text($0) } + [.number(interval.value)]
      if hasErrors {
        row += [
          .number(interval.standardError), interval.range.map { .number($0.lowerBound) } ?? nil,
          interval.range.map { .number($0.upperBound) } ?? nil,
        ]
      }
      if let seen { row.append(seen.values[cell].isNaN ? .text("no cases") : .number(seen.values[cell])) }
      table.append(row)
    }
    return table
  }

  var contrastTable: ReportTable? {
    if contrasts.isEmpty { return nil }
    let hasErrors = estimate?.method != nil
    var table = ReportTable(
      title: "Comparison",
      columns: [.text("what"), .number("value", digits: 6)]
        + (hasErrors ? [.number("s.e.", digits: 2), .number("from"), .number("to")] : []))
    for (name, interval) in contrasts {
      var row: [ReportTable.Cell] = [.text(name), .number(interval.value)]
      if hasErrors {
        row += [
          .number(interval.standardError), interval.range.map { .number($0.lowerBound) } ?? nil,
          interval.range.map { .number($0.upperBound) } ?? nil,
        ]
      }
      table.append(row)
    }
    return table
  }

  private static func json(_ interval: EffectEstimate.Interval) -> [(String, JSONValue)] {
    [
      ("value", .number(interval.value)),
      ("error", interval.standardError.isNaN ? .null : .number(interval.standardError)),
      ("from", interval.range.map { .number($0.lowerBound) } ?? .null),
      ("to", interval.range.map { .number($0.upperBound) } ?? .null),
    ]
  }

  func json(level: Double) -> JSONValue {
    let rows = shownCells.map { cell -> JSONValue in
      let states = zip(law.variables, states(cell)).map { ($0.name, JSONValue.string($1)) }
      return .members(
        [
          ("set_or_given", .members(Array(states.prefix(conditions.count)))),
          ("states", .members(Array(states.suffix(query.targets.count)))),
        ] + Self.json(interval(cell, level: level))
          + [("seen", seen.map { $0.values[cell].isNaN ? .null : .number($0.values[cell]) } ?? .null)])
    }
    return .members([
      ("query", .string(query.text)),
      ("method", .string(identification == nil ? "surgery" : "identification")),
      ("formula", identification?.formula.map { .string($0.text) } ?? .null),
      ("latex", identification?.formula.map { .string($0.latex) } ?? .null),
      ("records", records.map { .number($0) } ?? .null), ("lost", .integer(estimate?.lost ?? 0)),
      ("rows", .array(rows)),
      (
        "comparison",
        .array(contrasts.map { .members([("what", .string($0.name))] + Self.json($0.interval)) })
      ),
    ])
  }

  // MARK: Page

  func page(diagram: CausalDiagram, level: Double, files: [String]) -> HTMLReport {
    var page = HTMLReport(title: query.text, subtitle: "surgery on a string diagram")
    var facts: [(name: String, value: String)] = [
      ("measured", diagram.observed.joined(separator: ", ")),
      ("hidden", diagram.hidden.isEmpty ? "nothing" : diagram.hidden.sorted().joined(separator: ", ")),
    ]
    if let formula = identification?.formula {
      facts += [("formula", formula.text), ("LaTeX", formula.latex)]
      facts.append(
        (
          "tied by hidden causes",
          identification!.components.map { "{\($0.joined(separator: ", "))}" }.joined(separator: " ")
        ))
    } else {
      facts.append(("way", "surgery on the whole network"))
    }
    var items: [ReportItem] = [.facts(ReportItem.KeyedFacts(facts)), .table(table(level: level))]
    if let contrastTable { items.append(.table(contrastTable)) }
    if shownCells.count <= 60 { items.append(.plot(effectPlot(level: level), name: "effect")) }
    if let replicates = estimate?.replicates, !contrasts.isEmpty {
      items.append(.plot(replicatePlot(replicates), name: "resamples"))
    }
    page.add("Answer", items)
    page.add(
      "Diagram",
      [
        .text("Drawn in \(files.joined(separator: ", ")) beside this page."),
        .configuration(title: "diagram", text: diagram.text),
        .configuration(title: "diagram.dot", text: diagram.dot()),
      ])
    return page
  }

  private func effectPlot(level: Double) -> Plot {
    let names = shownCells.map { cell in
      zip(law.variables, states(cell)).map { "\($0.name)=\($1)" }.joined(separator: ", ")
    }
    let intervals = shownCells.map { interval($0, level: level) }
    let isUncertain = intervals.allSatisfy { $0.standardError.isFinite }
    var marks = [
      Mark.bars(
        names, intervals.map(\.value), uncertainties: isUncertain ? intervals.map(\.standardError) : nil,
        series: query.interventions.isEmpty ? "probability" : "when set", horizontal: true)
    ]
    if let seen {
      marks.append(.bars(names, shownCells.map { seen.values[$0] }, series: "when seen", horizontal: true))
    }
    return Plot(
      query.text, caption: isUncertain ? "Lines are one standard error on either side." : nil,
      x: Axis("probability", domain: 0...1), y: "", marks: marks)
  }

  /// The first comparison over the resamples or draws.
  private func replicatePlot(_ replicates: Factor<Double>) -> Plot {
    let (name, interval) = contrasts[0]
    let values = (0..<replicates.batch).map { k in
      readings[0].value((0..<law.cells).map { replicates.values[$0 * replicates.batch + k] })
    }
    return Plot(
      "\(name) over \(replicates.batch) resamples or draws", x: Axis(name), y: "count",
      marks: [.histogram(values), .rule(x: interval.value, label: "estimate")])
  }
}
