import ArgumentParser
import Files
import Foundation
import Likely

/// `likely epidemic …`
struct EpidemicCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "epidemic",
    abstract: "Compartment models: course, thresholds, fits to counts, forecasts, sensitivity.",
    discussion: """
      A model is the preset meningitis (carriers and two stages of disease), the preset endemic-carriers, or a file of
      your own: `likely epidemic show --model meningitis` prints one to start from.

      Example:
        likely epidemic simulate --until 120 --set beta=0.3
        likely epidemic thresholds
      """,
    subcommands: [
      EpidemicShow.self, EpidemicSimulate.self, EpidemicThresholds.self, EpidemicScan.self, EpidemicFit.self,
      EpidemicSensitivity.self, EpidemicStochastic.self,
    ])
}

/// A model and the values of its parameters.
struct EpidemicArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A preset (\(CompartmentModel.presets.map(\.name).joined(separator: ", "))) or a model file.",
      valueName: "model"))
  var model = "meningitis"

  @Option(help: ArgumentHelp("JSON object of parameters and their values.", valueName: "file.json"))
  var params: String?

  @Option(help: ArgumentHelp("A parameter's value, NAME=VALUE; may be given again.", valueName: "name=value"))
  var set: [String] = []

  @Option(
    help: ArgumentHelp(
      "At a date: 'T: NAME = V', 'T: NAME *= F' or 'T: S -> R SHARE'; again for more.", valueName: "event"))
  var at: [String] = []

  func chosenModel() throws -> CompartmentModel { try CompartmentModel.named(model) }

  /// The values of all parameters; those of --set win.
  func values(_ model: CompartmentModel) throws -> [Double] {
    var given: [String: Double] = [:]
    if let params { given = try Self.read(params) }
    for pair in set {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let value = Double(parts[1].trimmingCharacters(in: .whitespaces)) else {
        throw UsageError("--set \(pair): NAME=VALUE with a number is expected, such as beta=0.2")
      }
      given[parts[0].trimmingCharacters(in: .whitespaces)] = value
    }
    return try model.values(given)
  }

  /// The model's events, or those of --at, which must come before the end; a model's own may lie beyond it.
  /// - Parameter end: what sets the end, in words.
  func interventions(_ model: CompartmentModel, from: Double = 0, until: Double, end: String = "--until")
    throws
    -> [Intervention]
  {
    guard !at.isEmpty else { return model.interventions }
    return try at.map { text in
      let event = try Intervention(text, of: model)
      guard event.time >= from, event.time < until else {
        func short(_ x: Double) -> String { formatNumber(x, digits: 6, trimmed: true) }
        throw UsageError(
          "--at \"\(text)\": from \(short(from)) to before \(short(until)) is expected, the end by \(end)"
        )
      }
      return event
    }
  }

  /// R0 alone knows no events.
  func checkUse(of outcomes: [ModelOutcome]) throws {
    guard at.isEmpty || outcomes.contains(where: { $0 != .reproductionNumber }) else {
      throw UsageError("--at: r0 is that of the parameters given by --set, without events")
    }
  }

  private static func read(_ path: String) throws -> [String: Double] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw StatisticsError(.missing, path, found: "no such file", expected: "a JSON object of parameters")
    }
    let value: ExactJSON
    do { value = try ExactJSON.parse(Array(data)) } catch {
      throw StatisticsError(
        .badData, "\(path), byte \(error.offset + 1)", found: error.found, expected: error.expected)
    }
    guard case .object(let entries) = value else {
      throw StatisticsError(.badData, path, found: "no object", expected: "{\"NAME\": VALUE, …}")
    }
    var result: [String: Double] = [:]
    for (name, entry) in entries {
      switch entry {
      case .number(let x): result[name] = x
      case .integer(let x): result[name] = Double(x)
      default: throw StatisticsError(.badData, "\(path), \(name)", found: "no number", expected: "a number")
      }
    }
    return result
  }
}

/// Where results go.
struct EpidemicOutput: ParsableArguments {
  @Option(help: ArgumentHelp("Folder for the page, its data and the table as CSV.", valueName: "folder"))
  var out: String?

  @Option(help: ArgumentHelp("File for the table.", valueName: "file.csv"))
  var csv: String?

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    if let csv, !csv.hasSuffix(".csv") { throw ValidationError("--csv \(csv): a name that ends with .csv") }
  }

  /// Writes the files that were asked for, and says so.
  func write(_ page: HTMLReport, table: String) throws {
    if let csv {
      try writeAtomically(Data(table.utf8), to: URL(argument: csv))
      if !json { print("table: \(csv)") }
    }
    if let out {
      let folder = URL(argument: out)
      try page.write(to: folder)
      try writeAtomically(Data(table.utf8), to: folder.appending(path: "table.csv"))
      if !json { print("report: \(out)/report.html") }
    }
  }
}

/// What every page about a model begins with.
func epidemicPage(_ title: String, _ model: CompartmentModel, _ values: [Double], _ events: [Intervention])
  -> HTMLReport
{
  var page = HTMLReport(title: title, subtitle: "model \(model.name), times in \(model.timeUnit)s")
  var table = ReportTable(
    title: "Parameters", columns: [.text("parameter"), .number("value", digits: 6), .text("meaning")])
  for (parameter, value) in zip(model.parameters, values) {
    table.append([.text(parameter.name), .number(value), .text(parameter.note)])
  }
  page.add(
    "Model",
    [.table(table)]
      + (events.isEmpty ? [] : [.text(events.map { "At \($0.words(model))." }.joined(separator: "\n\n"))])
      + [.configuration(title: "Model file", text: model.text)])
  return page
}

extension Intervention {
  func words(_ model: CompartmentModel) -> String {
    let when = "\(model.timeUnit) \(formatNumber(time, digits: 6, trimmed: true))"
    switch action {
    case .set(let parameter, let value): return "\(when): \(model.parameters[parameter].name) = \(value)"
    case .scale(let parameter, let factor):
      return "\(when): \(model.parameters[parameter].name) times \(factor)"
    case .move(let from, let to, let share):
      let names = model.compartments.map(\.name)
      return "\(when): a share of \(share) of \(names[from]) moves to \(names[to])"
    }
  }
}

/// Lines of a CSV file.
func csvTable(_ names: [String], _ rows: [[Double?]]) -> String {
  ([names.joined(separator: ",")] + rows.map { $0.map { $0.map { "\($0)" } ?? "" }.joined(separator: ",") })
    .joined(separator: "\n") + "\n"
}

/// `likely epidemic show`
struct EpidemicShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Prints a model's text, to be changed and given as --model FILE.",
    discussion: """
      Example:
        likely epidemic show --model meningitis
      """)

  @Option(help: ArgumentHelp("A preset or a model file, which is checked.", valueName: "model"))
  var model = "meningitis"

  func run() throws { print(try CompartmentModel.named(model).text) }
}
