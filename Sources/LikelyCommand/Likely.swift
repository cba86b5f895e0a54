import ArgumentParser
import Foundation
import Likely

/// The root command.
@main
struct LikelyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "likely",
    abstract: "Fit, sample, steer and check models through their likelihood.",
    discussion: """
      Example:
        likely interpolant train --data toy:moons --steps 500 --out runs/moons
        likely interpolant sample runs/moons --count 1000 --out samples.csv
      """,
    version: "likely 0.1.0, libtorch \(Libtorch.version)",
    subcommands: [
      InterpolantCommand.self, DiffusionCommand.self, TextDiffusionCommand.self, LanguageCommand.self,
      PreferCommand.self, CriticalTokensCommand.self, BanditCommand.self, OrdinalCommand.self,
      HoldoutCommand.self, SelectCommand.self, EffectCommand.self,
      CausalCommand.self, ExpectCommand.self, ClusterCommand.self,
      SteerCommand.self,
      CorrectCommand.self, EpidemicCommand.self, ReproduceCommand.self, TourCommand.self,
      MethodsCommand.self, DataCommand.self,
      RunsCommand.self, ReportCommand.self,
    ])

  /// Parses, runs, and turns errors into a line and an exit code of sysexits.
  static func main() {
    LineLogHandler.start()
    do {
      let arguments = try ConfigurationFile.expand(Array(CommandLine.arguments.dropFirst()), of: self)
      var command = try parseAsRoot(joiningNegativeNumbers(arguments))
      try command.run()
    } catch {
      let code = ExitStatus.code(of: error)
      if let code {
        tell("likely: \(error)")
        Foundation.exit(code)
      }
      exit(withError: error)
    }
  }

  /// `--epsilon -1` as `--epsilon=-1`, and `--columns -1,2` likewise: the parser takes what starts with a dash for an option, and would say
  /// that the value is missing instead of what is wrong with it.
  static func joiningNegativeNumbers(_ arguments: [String]) -> [String] {
    var result: [String] = []
    for argument in arguments {
      let isNegative =
        argument.hasPrefix("-")
        && (Double(argument) != nil || argument.dropFirst().first.map { $0.isNumber || $0 == "." } ?? false)
      if isNegative, let last = result.last, last.hasPrefix("--"),
        !last.contains("=")
      {
        result[result.count - 1] = "\(last)=\(argument)"
      } else {
        result.append(argument)
      }
    }
    return result
  }
}
