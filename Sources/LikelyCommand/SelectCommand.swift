import ArgumentParser
import Files
import Foundation
import Likely

extension ConformalSelection.Pruning: ExpressibleByArgument {}

/// `likely select …`
struct SelectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "select",
    abstract: "Candidates whose unknown labels pass a threshold, with a guaranteed false discovery rate.",
    discussion: """
      Example:
        likely select run --units grades.csv --candidates grades.csv --label grade
      """,
    subcommands: [SelectRun.self, SelectEvaluate.self])
}

/// `likely select run`
struct SelectRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract:
      "Selects candidates by labelled units: with predictions of any model, or with learners of its own.",
    discussion: """
      Example:
        likely select run --units grades.csv --candidates grades.csv --label grade
      """)

  @Option(help: ArgumentHelp("Table of labelled units.", valueName: "file.csv"))
  var units: String

  @Option(
    help: ArgumentHelp(
      "Table of candidates with the same columns; a label is not looked at.", valueName: "file.csv"))
  var candidates: String

  @OptionGroup var source: ScoreArguments

  @Option(help: ArgumentHelp("Column that names the candidates; their lines if left out.", valueName: "name"))
  var id: String?

  @Option(
    help: ArgumentHelp(
      "Column of both tables: how much likelier such a row is among candidates.", valueName: "name"))
  var shift: String?

  @Flag(help: "Print as JSON.")
  var json = false

  @Option(help: ArgumentHelp("File for every candidate's p- and e-value.", valueName: "file.csv"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let out, !out.hasSuffix(".csv") { throw ValidationError("--out \(out): a name that ends with .csv") }
  }

  func run() throws {
    var random = try common.startOnProcessor()
    let units = try DataTable(contentsOf: URL(argument: units))
    let candidates = try DataTable(contentsOf: URL(argument: candidates))
    let passes = try source.passes(units)
    if let method = source.method, method == .naive || method == .inSample {
      tell("likely: --method \(method.rawValue): the false discovery rate is not held")
    }
    let passing = passes.count(where: \.self)
    if passing == 0 || passing == passes.count {
      tell(
        "likely: \(passing == 0 ? "no" : "every") labelled unit passes; that is valid, and the selection says little"
      )
    }
    let levels = try source.levels()
    let told = try source.told(
      units, candidates, passes, shift: shift, .init(excluded: [id, shift].compactMap(\.self)), using: &random
    )
    for level in levels where Double(passes.count + 1) * level < 1 {
      tell(
        "likely: (n + 1) q = \(formatNumber(Double(passes.count + 1) * level)): with fewer units than 1/q a candidate that is selected alone owes it to its uniform number"
      )
    }
    let identifiers: [String]
    if let id {
      let words = try candidates.words(id)
      identifiers = words.codes.map { words.levels[$0] }
    } else {
      identifiers = candidates.lines.map(String.init)
    }
    show(levels, told, identifiers, passing: passing, units: passes.count)
    guard let out else { return }
    var table = ReportTable(
      title: "selection",
      columns: [
        .text("id"), .number("q"), .integer("selected"), .number("p", digits: 17), .number("e", digits: 17),
        .integer("R"),
        .text("model"),
      ])
    for (level, selection) in zip(levels, told.selections) {
      let chosen = Set(selection.chosen)
      for j in identifiers.indices {
        table.append([
          .text(identifiers[j]), .number(level), .integer(chosen.contains(j) ? 1 : 0),
          .number(selection.pValues[j]),
          .number(selection.eValues[j]), .integer(selection.sizes[j]), .text(told.names[selection.models[j]]),
        ])
      }
    }
    try writeAtomically(Data(table.csv.utf8), to: URL(argument: out))
    if !json { print("candidates: \(out)") }
  }

  private func show(
    _ levels: [Double], _ told: ScoreArguments.Told, _ identifiers: [String], passing: Int, units: Int
  ) {
    let (names, ties) = (told.names, told.ties)
    if json {
      let rows: [JSONValue] = zip(levels, zip(told.selections, told.alone)).map { level, row in
        [
          "q": .number(level), "size": .integer(row.0.chosen.count),
          "selected": .array(row.0.chosen.map { .string(identifiers[$0]) }),
          "sizes_by_model": .object(.init(uniqueKeysWithValues: zip(names, row.1.map(JSONValue.integer)))),
        ]
      }
      print(
        ([
          "units": .integer(units), "passing": .integer(passing), "tied_share": .number(ties),
          "selections": .array(rows),
        ] as JSONValue).pretty, terminator: "")
      return
    }
    print("\(units) labelled units, of which \(passing) pass; \(identifiers.count) candidates")
    if ties > 0.01 {
      print(
        "\(formatNumber(100 * ties, digits: 3)) % of the candidates are tied with a unit, which chance resolves"
      )
    }
    for (level, (selection, sizes)) in zip(levels, zip(told.selections, told.alone)) {
      let shown = selection.chosen.prefix(20).map { identifiers[$0] }.joined(separator: ", ")
      print(
        "q = \(formatNumber(level)): \(selection.chosen.count) selected"
          + (selection.chosen.isEmpty ? "" : ": \(shown)\(selection.chosen.count > 20 ? ", …" : "")"))
      if names.count > 1 {
        print(
          "  each model alone would select " + zip(names, sizes).map { "\($0) \($1)" }.joined(separator: ", ")
            + "; taking the largest is not valid")
      }
    }
  }
}
