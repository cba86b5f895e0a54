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
      InterpolantCommand.self, ReproduceCommand.self, TourCommand.self, MethodsCommand.self, DataCommand.self,
      RunsCommand.self, ReportCommand.self,
    ])

  /// Parses, runs, and turns errors into a line and an exit code of sysexits.
  static func main() {
    do {
      let arguments = try ConfigurationFile.expand(Array(CommandLine.arguments.dropFirst()))
      var command = try parseAsRoot(arguments)
      try command.run()
    } catch {
      let code = ExitStatus.code(of: error)
      if let code {
        FileHandle.standardError.write(Data("likely: \(error)\n".utf8))
        Foundation.exit(code)
      }
      exit(withError: error)
    }
  }
}
