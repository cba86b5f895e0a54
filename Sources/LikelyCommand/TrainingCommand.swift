import ArgumentParser
import Foundation
import Likely

/// Where a training leaves its run, on the command line.
struct RunDestination: ParsableArguments {
  @Option(help: ArgumentHelp("Run folder to make.", valueName: "folder"))
  var out: String

  @Flag(help: "Continue the run in --out from its newest checkpoint, with its configuration.")
  var resume = false
}

/// A verb that trains a model into a run folder.
protocol TrainingCommand: ParsableCommand {
  var data: String? { get }
  var common: CommonOptions { get }
  var destination: RunDestination { get set }
}

extension TrainingCommand {
  /// - Throws: where there is nothing to train on and nothing to continue.
  func requireData() throws {
    guard destination.resume || data != nil else {
      throw ValidationError("Missing expected argument '--data <source>'")
    }
  }

  /// The command, or with --resume the one that the run was begun with: its configuration decides everything but where
  /// and how the work is shown.
  func resumed() throws -> Self {
    guard destination.resume else { return self }
    let stored = RunFolder.configurationPath(of: URL(argument: destination.out))
    guard FileManager.default.fileExists(atPath: stored.path) else {
      throw RunFolderError.missing(stored.path)
    }
    var result = try Self.parse(
      ConfigurationFile.options(stored.path, of: Self.self) + ["--out", destination.out]
        + (common.quiet ? ["--quiet"] : []))
    result.destination.resume = true
    return result
  }

  /// Makes the run folder, or opens the one that is continued, and trains into it.
  func train<Outcome>(
    steps: Int, _ fit: (RunFolder, _ isResuming: Bool, ProgressLine, Interruption) throws -> Outcome
  ) throws -> (run: RunFolder, outcome: Outcome) {
    let run = try RunFolder(creating: URL(argument: destination.out), resuming: destination.resume)
    if !destination.resume { try run.write(configuration: ConfigurationFile.resolved(self)) }
    // A run that was stopped before its first checkpoint starts from its beginning, which is the same run.
    let isResuming = destination.resume && run.hasCheckpoint
    let progress = ProgressLine("training", total: steps, silent: common.quiet)
    return (run, try fit(run, isResuming, progress, Interruption()))
  }
}

extension RunFolder {
  /// Where a run keeps its configuration.
  static func configurationPath(of folder: URL) -> URL { folder.appending(path: "config.yaml") }

  /// Whether there is a state to continue from.
  var hasCheckpoint: Bool { !CheckpointStore(folder: checkpoints).steps.isEmpty }
}
