import ArgumentParser
import Foundation
import Likely

/// `likely select evaluate`
struct SelectEvaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "False discoveries and power on random halves of labelled rows.",
    discussion: """
      Example:
        likely select evaluate --data grades.csv --label grade --repetitions 20
      """)

  @Option(help: ArgumentHelp("Table of labelled rows.", valueName: "file.csv"))
  var data: String

  @OptionGroup var source: ScoreArguments

  @Option(help: ArgumentHelp("Random halves.", valueName: "n"))
  var repetitions = 100

  @Flag(help: "Print as JSON.")
  var json = false

  @Option(help: ArgumentHelp("Folder for a page with curves over q.", valueName: "folder"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard repetitions >= 2 else { throw ValidationError("--repetitions \(repetitions): at least 2") }
  }

  func run() throws {
    let random = try common.startOnProcessor()
    let table = try DataTable(contentsOf: URL(argument: data))
    let passes = try source.passes(table)
    guard table.rowCount >= 4 else { throw UsageError("--data \(data): at least 4 rows are expected") }
    let levels = try source.levels()
    let source = source
    // Levels of words that only one half has must have their columns all the same.
    let rule = ScoreArguments.FeatureRule(
      coding: source.predictions == nil ? try source.coding(of: table) : nil)
    let found = try Repetitions(repetitions).run(random) { stream -> [ConformalSelection.Outcome] in
      var order = Array(passes.indices)
      order.shuffle(using: &stream)
      let half = order.count / 2
      let (first, second) = (Array(order[..<half]), Array(order[half...]))
      return try source.selections(
        table.rows(first), table.rows(second), first.map { passes[$0] }, rule, using: &stream
      ).map { ConformalSelection.outcome($0.chosen, passes: second.map { passes[$0] }) }
    }
    var result = ReportTable(
      title:
        "\(repetitions) random halves of \(table.rowCount) rows, of which \(passes.count(where: \.self)) pass",
      columns: [.number("q"), .uncertain("FDR"), .uncertain("power"), .uncertain("selected")])
    var curves: [(rate: Estimate, power: Estimate)] = []
    for (l, level) in levels.enumerated() {
      let (rate, power, size) = (
        Estimate(meanOf: found.map { $0[l].falseDiscoveryProportion }),
        Estimate(meanOf: found.map { $0[l].power }),
        Estimate(meanOf: found.map { Double($0[l].selected) })
      )
      curves.append((rate, power))
      result.append([
        .number(level), .uncertain(rate.value, rate.standardError),
        .uncertain(power.value, power.standardError),
        .uncertain(size.value, size.standardError),
      ])
    }
    if json { print(result.json.pretty, terminator: "") } else { print(result.plainText) }
    guard let out else { return }
    func marks(_ values: [Estimate]) -> [Mark] {
      [
        .line(x: levels, y: values.map(\.value)),
        .errorBars(
          x: levels, lower: values.map { $0.value - 2 * $0.standardError },
          upper: values.map { $0.value + 2 * $0.standardError }),
      ]
    }
    var page = HTMLReport(title: "Conformal selection", subtitle: data)
    page.add(
      "Random halves",
      [
        .table(result),
        .plot(
          .row([
            Plot(
              "False discoveries", caption: "Dashed: the level.", x: "q", y: "FDR",
              marks: [.line(x: levels, y: levels, dashed: true)] + marks(curves.map(\.rate))),
            Plot("Power", x: "q", y: "power", marks: marks(curves.map(\.power))),
          ]), name: "curves"),
      ])
    try page.write(to: URL(argument: out))
    if !json { print("report: \(out)/report.html") }
  }
}
