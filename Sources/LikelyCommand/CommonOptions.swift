import ArgumentParser
import Foundation
import Likely
import Logging

/// Options of every verb.
struct CommonOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Seed of all randomness.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(help: ArgumentHelp("cpu, cuda or cuda:N.", valueName: "device"))
  var device = "cpu"

  @Option(help: ArgumentHelp("Threads of an operation; 0 takes what libtorch chooses.", valueName: "n"))
  var threads = 0

  @Flag(name: .shortAndLong, help: "No progress on standard error.")
  var quiet = false

  @Option(
    help: ArgumentHelp(
      "What is told on standard error: debug, info, notice, warning or error.", valueName: "level"))
  var logLevel = LogLevel.notice

  @Option(
    help: ArgumentHelp(
      "YAML file whose keys are long options; options given here win.", valueName: "file.yaml"))
  var config: String?

  func validate() throws {
    guard let device = Device(device) else {
      throw ValidationError("--device \(device): expected cpu, cuda or cuda:N")
    }
    guard device == .cpu || Device.isCUDAAvailable else {
      throw ValidationError("--device \(device): the libtorch in use has no CUDA device; use cpu")
    }
    guard threads >= 0 else { throw ValidationError("--threads \(threads): at least 0") }
  }

  /// Applies the thread count and gives the random source.
  func start() -> RandomSource {
    if threads > 0 { Libtorch.threads = threads }
    let level = quiet ? max(logLevel.level, .warning) : logLevel.level
    LineLogHandler.programLevel.withLock { $0 = level }
    return RandomSource(seed: seed)
  }

  /// The same for commands that run in double precision on the processor only.
  func startOnProcessor() throws -> RandomSource {
    guard target == .cpu else {
      throw UsageError("--device \(device): this command runs on the processor; leave the option out")
    }
    return start()
  }

  var target: Device { Device(device) ?? .cpu }
}

/// How much is told on standard error.
enum LogLevel: String, ExpressibleByArgument, CaseIterable {
  case debug, info, notice, warning, error

  var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .notice }
}

/// Prints to standard error.
func tell(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }

extension URL {
  /// A path of the command line.
  init(argument: String) { self.init(fileURLWithPath: argument) }
}
