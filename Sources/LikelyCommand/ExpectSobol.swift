import ArgumentParser
import Foundation
import Likely

/// `likely expect sobol`
struct ExpectSobol: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sobol",
    abstract: "Sobol' indices: which inputs the variance of a model's output comes from.",
    discussion: """
      Inputs have to be independent. A draw costs a run, one more an input or group, and one more with --total.

      Example:
        likely expect sobol --model ./model.sh --inputs inputs.json --budget 600
      """)

  @OptionGroup var arguments: ExpectArguments

  @Option(
    help: ArgumentHelp(
      "Groups of inputs, such as w,t;L: a name alone is a group of one. Each input by itself if left out.",
      valueName: "groups"))
  var groups: String?

  @Flag(help: "Total indices too: what would be left of the variance were all others known.")
  var total = false

  @Flag(help: "Leave the output's mean in, as in the paper; errors are then larger unless it is small.")
  var uncentred = false

  @Option(help: ArgumentHelp("Which number of the model's answer, from 1.", valueName: "n"))
  var output = 1

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard output >= 1 else { throw ValidationError("--output \(output): at least 1") }
  }

  func run() throws {
    var random = try common.startOnProcessor()
    let problem = try ExpectProblem(arguments, table: nil)
    guard problem.model.correlations.isEmpty else {
      throw StatisticsError(
        .badData, arguments.inputs, found: "correlations", expected: "independent inputs",
        advice: "Sobol' indices share out the variance of independent inputs; leave the correlations out")
    }
    let names = problem.model.names
    let listed = groups?.split(separator: ";").map { String($0).listed } ?? names.map { [$0] }
    guard !listed.isEmpty, listed.allSatisfy({ !$0.isEmpty }) else {
      throw UsageError("--groups \(groups ?? ""): names of inputs are expected, as in w,t;L")
    }
    let indices = try listed.map { group in
      try group.map { name in
        guard let index = names.firstIndex(of: name) else {
          throw UsageError("--groups \(name): no such input; there are \(names.joined(separator: ", "))")
        }
        return index
      }
    }
    let runs = try arguments.runs(problem.model)
    let perDraw = SobolExpectations.runsPerDraw(groups: indices.count, total: total)
    let least = 100 * perDraw
    guard arguments.budget >= least else {
      throw UsageError(
        "--budget \(arguments.budget): a draw costs \(perDraw) runs here, and 100 draws are the fewest: --budget \(least)"
      )
    }
    let found = try arguments.study(runsPerDraw: perDraw).sobolIndices(
      dimension: names.count, groups: indices, total: total, centred: !uncentred, using: &random
    ) { u in
      let answers = try runs(problem.values(u))
      guard output <= answers.size(1) else {
        throw UsageError("--output \(output): the model answers \(answers.size(1)) numbers")
      }
      return answers[.all, output - 1]
    }
    try ExpectReport(arguments, problem, runs).show(found, groups: listed.map { $0.joined(separator: ",") })
  }
}
