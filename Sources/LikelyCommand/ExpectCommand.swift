import ArgumentParser
import Foundation
import Likely

/// `likely expect …`
struct ExpectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "expect",
    abstract: "Many expectations of an expensive model from one sample.",
    discussion: """
      The model is a command: it reads a line of JSON a run, {"load": 12.5, …}, and answers each with a number or a
      list of numbers.

      Example:
        likely expect run --model ./model.sh --inputs inputs.json --budget 200
      """,
    subcommands: [ExpectRun.self, ExpectSobol.self, ExpectReuse.self])
}

/// `likely expect run`
struct ExpectRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Estimates the mean of every number that a model answers, for random inputs.",
    discussion: """
      With --laws the means of one number under many laws: a column such as load.mean or load.cv changes that number
      of an input's law, one such as load~stiffness a correlation; every row is a law.

      Example:
        likely expect run --model ./model.sh --inputs inputs.json --budget 200
      """)

  @OptionGroup var arguments: ExpectArguments

  @Option(help: ArgumentHelp("Table of laws, one a row, for one number of the model.", valueName: "file.csv"))
  var laws: String?

  @Flag(help: "Weigh expectations by 1/I² instead of alike: relative errors count.")
  var relative = false

  @Option(
    help: ArgumentHelp("Weights of the expectations' variances, between commas.", valueName: "numbers"))
  var weights: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard weights == nil || !relative else { throw ValidationError("--weights and --relative: one of both") }
  }

  func run() throws {
    var random = try common.startOnProcessor()
    let problem = try ExpectProblem(arguments, table: laws)
    var study = arguments.study()
    study.weighsRelatively = relative
    study.weights = try (weights ?? "").listed.map { text in
      guard let value = Double(text) else { throw UsageError("--weights \(text): a number is expected") }
      return value
    }
    let runs = try arguments.runs(problem.model)
    let found = try study.estimate(problem.laws, using: &random) {
      try problem.expectOne(runs(problem.values($0)), laws: laws)
    }
    try ExpectReport(arguments, problem, runs).show(found, laws: laws)
  }
}

/// `likely expect reuse`
struct ExpectReuse: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reuse",
    abstract: "Estimates the means of another model by the density that an earlier study ended with.",
    discussion: """
      All densities of that study serve as control variates; a tenth of the runs finds their factors.

      Example:
        likely expect reuse --density d.json --model ./model.sh --inputs inputs.json
      """)

  @Option(help: ArgumentHelp("density.json of an earlier --out.", valueName: "file.json"))
  var density: String

  @OptionGroup var arguments: ExpectArguments

  @Option(help: ArgumentHelp("Table of laws, one a row, for one number of the model.", valueName: "file.csv"))
  var laws: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    var random = try common.startOnProcessor()
    let saved = try SavedDensity.read(URL(argument: density))
    let problem = try ExpectProblem(arguments, table: laws, space: saved.space)
    try saved.check(problem.model, density)
    let runs = try arguments.runs(problem.model)
    let found = try arguments.study().estimate(problem.laws, from: saved.density, using: &random) {
      try problem.expectOne(runs(problem.values($0)), laws: laws)
    }
    try ExpectReport(arguments, problem, runs).show(found, laws: laws)
  }
}
