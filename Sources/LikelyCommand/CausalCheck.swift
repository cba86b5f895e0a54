import ArgumentParser
import Foundation
import Likely

/// `likely causal check`
struct CausalCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Reads a diagram, and tests the independences it implies on data or on a network's law.",
    discussion: """
      Example:
        likely causal check --diagram smoke.txt --data counts.csv
        likely causal check --diagram lawn.bif
      """)

  @OptionGroup var source: DiagramArguments

  @Option(help: ArgumentHelp("Records or counts, CSV with a header.", valueName: "file.csv"))
  var data: String?

  @Option(help: ArgumentHelp("The column that says how often a row occurred.", valueName: "name"))
  var counts: String?

  @Option(help: ArgumentHelp("The largest deviations that are shown.", valueName: "n"))
  var show = 10

  @Flag(help: "Print as JSON.")
  var json = false

  func validate() throws {
    guard show >= 0 else { throw ValidationError("--show \(show): at least 0") }
  }

  func run() throws {
    let (diagram, network) = try source.load()
    let graph = MixedGraph(diagram)
    let components = graph.components(within: Set(graph.variables))
    var checks: [IndependenceCheck]?
    var skipped = 0
    if let data {
      let table = try CountTable(
        csv: URL(argument: data), columns: diagram.observed, states: diagram.states, countColumn: counts)
      (checks, skipped) = try diagram.checkIndependences(of: try table.distribution(), records: table.total)
    } else if let network {
      (checks, skipped) = try diagram.checkIndependences(of: network)
    }
    let implied = diagram.impliedIndependences
    if json {
      print(Self.json(diagram, components, implied, checks, skipped).compact)
      return
    }
    print("\(diagram.boxes.count) boxes without a cycle, \(diagram.observed.count) variables measured")
    let tied = components.filter { $0.count > 1 }.map { "{\($0.joined(separator: ", "))}" }
    print("tied by hidden causes: \(tied.isEmpty ? "none" : tied.joined(separator: " "))")
    print("implied independences of pairs: \(implied.count)")
    guard let checks, !checks.isEmpty else {
      if checks == nil {
        for (a, b, given) in implied.prefix(show) {
          print("  \(IndependenceCheck(a: a, b: b, given: given).text)")
        }
      }
      return
    }
    let hasTests = checks[0].pValue != nil
    var table = ReportTable(
      title: "Largest deviations" + (skipped > 0 ? " (\(skipped) tables too large)" : ""),
      columns: [.text("independence"), .number("deviation", digits: 3)]
        + (hasTests ? [.number("p", digits: 3)] : []))
    for check in checks.prefix(show) {
      table.append(
        [.text(check.text), .number(check.deviation)]
          + (hasTests ? [check.pValue.map { .number($0) } ?? nil] : []))
    }
    print("\n" + table.plainText)
    if hasTests { Self.warn(checks) }
  }

  /// Tells where data contradict a diagram: a p-value below 0.001 after Bonferroni's correction.
  private static func warn(_ checks: [IndependenceCheck]) {
    let significant = checks.filter { ($0.pValue ?? 1) * Double(checks.count) < 0.001 }
    guard let worst = significant.first else { return }
    tell(
      "likely: data and diagram disagree: \(worst.text) is off by \(formatNumber(worst.deviation, digits: 3)) "
        + "(p = \(formatNumber(worst.pValue ?? .nan, digits: 2)))"
        + (significant.count > 1 ? ", and \(significant.count - 1) more" : "")
        + "; an arrow or a hidden cause may be missing")
  }

  static func warn(_ diagram: CausalDiagram, _ table: CountTable) throws {
    let (checks, _) = try diagram.checkIndependences(
      of: try table.distribution(), records: table.total, limit: 1 << 14)
    warn(checks)
  }

  private static func json(
    _ diagram: CausalDiagram, _ components: [[String]], _ implied: [(a: String, b: String, given: [String])],
    _ checks: [IndependenceCheck]?, _ skipped: Int
  ) -> JSONValue {
    let rows = checks ?? implied.map { IndependenceCheck(a: $0.a, b: $0.b, given: $0.given) }
    return .members([
      ("diagram", diagram.json), ("components", .array(components.map { .array($0.map { .string($0) }) })),
      ("skipped", .integer(skipped)),
      (
        "independences",
        .array(
          rows.map { row in
            [
              "a": .string(row.a), "b": .string(row.b), "given": .array(row.given.map { .string($0) }),
              "deviation": checks == nil ? .null : .number(row.deviation),
              "p": row.pValue.map { .number($0) } ?? .null,
            ]
          })
      ),
    ])
  }
}
