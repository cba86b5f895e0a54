import ArgumentParser
import Files
import Foundation
import Likely

/// `likely expect …`
struct ExpectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "expect",
    abstract: "Many expectations of an expensive model from one sample.",
    discussion: """
      Example:
        likely expect run --model ./model.sh --inputs inputs.json --budget 200
      """,
    subcommands: [ExpectRun.self])
}

/// `likely expect run`
struct ExpectRun: ParsableCommand {
  enum Family: String, ExpressibleByArgument, CaseIterable { case gaussian, diagonal, mixture }

  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Estimates the mean of every number that a command answers, for random inputs.",
    discussion: """
      The command reads a line of JSON a run, {"load": 12.5, …}, and answers each with a number or a list of numbers.

      Example:
        likely expect run --model ./model.sh --inputs inputs.json --budget 200
      """)

  @Option(help: ArgumentHelp("Command that runs the model.", valueName: "command"))
  var model: String

  @Option(
    help: ArgumentHelp(
      "JSON list of the inputs' laws: normal (mean, deviation or cv), lognormal (mean, cv), uniform (low, high).",
      valueName: "file.json"))
  var inputs: String

  @Option(help: ArgumentHelp("Runs of the model, exploration included.", valueName: "n"))
  var budget = 2000

  @Option(
    help: ArgumentHelp(
      "What sampling densities are fitted in: gaussian, diagonal or mixture of two.", valueName: "name"))
  var family = Family.gaussian

  @Flag(help: "Weigh expectations by 1/I² instead of alike: relative errors count.")
  var relative = false

  @Option(
    help: ArgumentHelp("Share of the inputs' own law in every sample, which keeps tails.", valueName: "share")
  )
  var defensive = 0.0

  @Option(help: ArgumentHelp("Seconds for a batch of runs.", valueName: "s"))
  var timeLimit = 600.0

  @Flag(help: "Print as JSON.")
  var json = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    var random = common.start()
    let laws = try InputLaw.read(URL(argument: inputs))
    let process = ExternalProcess(model, timeLimit: timeLimit)
    func evaluate(_ u: Tensor) throws -> Tensor {
      let columns = laws.enumerated().map { $1.value(u[.all, $0]).doubles }
      let requests = (0..<u.size(0)).map { row -> JSONValue in
        .object(.init(uniqueKeysWithValues: laws.indices.map { (laws[$0].name, .number(columns[$0][row])) }))
      }
      var values: [Double] = []
      var width: Int?
      for (row, answer) in try process(requests).enumerated() {
        let parsed = try? JSONSerialization.jsonObject(with: Data(answer.utf8), options: .fragmentsAllowed)
        guard let numbers = parsed as? [Double] ?? (parsed as? Double).map({ [$0] }), !numbers.isEmpty,
          numbers.count == width ?? numbers.count
        else {
          throw StatisticsError(
            .badData, "the model at \(requests[row].compact)", found: "the answer \(answer.prefix(60))",
            expected: width.map { "\($0) numbers" } ?? "a number, or a list of numbers")
        }
        width = numbers.count
        values += numbers
      }
      return Tensor(values, shape: [u.size(0), width ?? 1])
    }
    var study = MultipleExpectations(budget: budget)
    study.defensive = defensive
    study.family = family == .gaussian ? .gaussian : family == .diagonal ? .diagonal : .mixture(2)
    study.weighsRelatively = relative
    let law = GaussianMixture.standardNormal(dimension: laws.count)
    let found = try study.estimate(law, using: &random, of: evaluate)
    show(found, calls: process.calls)
  }

  private func show(_ found: MultipleExpectations.Result, calls: Int) {
    if json {
      let object: JSONValue = [
        "estimates": .array(found.estimates.map { .number($0.value) }),
        "standard_errors": .array(found.estimates.map { .number($0.standardError) }),
        "covariance": .array(found.covariance.map(JSONValue.number)),
        "effective_sizes": .array(found.effectiveSizes.map(JSONValue.number)),
        "gains": .array(found.gains.map(JSONValue.number)),
        "shares": .array(found.shares.map(JSONValue.number)),
        "controls": .array(found.controls.map(JSONValue.number)), "runs": .integer(calls),
        "stop": .string(found.stop.rawValue),
      ]
      print(object.pretty, terminator: "")
      return
    }
    var table = ReportTable(
      title: "Means by \(found.finalCount) runs after \(calls - found.finalCount) of exploration",
      columns: [
        .integer("output"), .uncertain("mean"), .number("effective runs"),
        .number("plain variance over this"),
      ])
    for (j, estimate) in found.estimates.enumerated() {
      table.append([
        .integer(j + 1), .uncertain(estimate.value, estimate.standardError), .number(found.effectiveSizes[j]),
        .number(found.gains[j]),
      ])
    }
    print(table.plainText)
    if let weak = found.gains.firstIndex(where: { $0 < 1 }) {
      tell(
        "likely: output \(weak + 1): plain draws would have done better; a larger --budget or --defensive 0.1 helps"
      )
    }
  }
}
