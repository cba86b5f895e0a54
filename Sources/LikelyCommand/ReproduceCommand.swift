import ArgumentParser
import Foundation
import Likely

/// `likely reproduce`
struct ReproduceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reproduce",
    abstract: "Runs a paper's experiment and decides its claims by stated rules; exit 1 where one fails.",
    discussion: """
      Example:
        likely reproduce stochastic-interpolants --scale quick
      """)

  @Argument(help: ArgumentHelp("A method of `likely methods`, or all.", valueName: "method"))
  var method: String

  @Option(help: ArgumentHelp("quick (seconds), laptop (minutes) or paper.", valueName: "scale"))
  var scale = Scale.quick

  @Option(
    help: ArgumentHelp("Parts to run, such as A,D; all of the scale when left out.", valueName: "parts"))
  var only: String?

  @OptionGroup var common: CommonOptions

  @Flag(help: "Print one JSON object a method.")
  var json = false

  @Option(help: ArgumentHelp("Folder for report.html and report.json.", valueName: "folder"))
  var out: String?

  func run() throws {
    let random = common.start()
    let experiments = try Experiments.matching(method)
    var failed = false
    for experiment in experiments {
      let (result, page) = try Experiments.run(
        experiment, only: only?.split(separator: ",").map(String.init), seed: common.seed, scale: scale,
        random: random, log: common.quiet ? .silent : ExperimentLog { tell($0) })
      print(json ? result.json.compact : result.plainText)
      if let out {
        let folder =
          experiments.count == 1 ? URL(argument: out) : URL(argument: out).appending(path: result.slug)
        try createFolder(at: folder)
        try page.write(to: folder)
      }
      failed = failed || result.claims.contains { $0.verdict == .fails }
    }
    if failed { throw ExitCode(1) }
  }
}

extension Scale: ExpressibleByArgument {}
