import Foundation
import Likely
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite("Interrupted programs", .serialized, .enabled(if: Program.isBuilt, Program.advice))
struct InterruptionTests {
  private struct Configuration: Decodable {
    let data: String
    let steps: Int
  }

  private func training(_ out: String, steps: Int) -> [String] {
    [
      "interpolant", "train", "--data", "two.csv", "--steps", "\(steps)", "--batch", "8", "--width", "8",
      "--depth", "1",
      "--checkpoint-every", "20", "--validate-every", "50", "--threads", "1", "--quiet", "--out", out,
    ]
  }

  private func model(_ folder: URL, _ run: String) throws -> Data {
    try Data(contentsOf: folder.appending(path: "\(run)/model.safetensors"))
  }

  /// Waits until `condition` holds; fails after a minute.
  private func wait(_ running: Running, until condition: () -> Bool) throws {
    let start = ContinuousClock.now
    while !condition() {
      try #require(running.isRunning && ContinuousClock.now - start < .seconds(60))
      usleep(5000)
    }
  }

  @Test(
    "SIGTERM and SIGINT finish the step, leave a checkpoint and say how to go on",
    arguments: [SIGTERM, SIGINT])
  func terminated(signal: Int32) throws {
    try Inputs.with { folder in
      let steps = 3000
      #expect(try Program.run(training("whole", steps: steps), in: folder).status == 0)
      let running = try Program.start(training("cut", steps: steps), in: folder)
      let metrics = folder.appending(path: "cut/metrics.jsonl")
      try wait(running) { MetricsLog.read(metrics).count > 5 }
      running.signal(signal)
      let outcome = try running.finish()
      #expect(outcome.status == 75 && !outcome.isKilled)
      let checkpoint = try #require(
        try CheckpointStore(folder: folder.appending(path: "cut/checkpoints")).newest())
      #expect(outcome.error.contains("stopped after step \(checkpoint.step)"))
      #expect(outcome.error.contains("--resume") && outcome.error.contains("cut"))
      #expect(checkpoint.step < steps)
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "cut/model.safetensors").path))

      let resumed = try Program.run(["interpolant", "train", "--out", "cut", "--resume"], in: folder)
      #expect(resumed.status == 0, "\(resumed.error)")
      #expect(try model(folder, "cut") == model(folder, "whole"))
    }
  }

  /// Whatever is in a killed run's folder is whole.
  private func expectReadable(_ folder: URL) throws {
    let run = try RunFolder(existing: folder)
    if FileManager.default.fileExists(atPath: run.configuration.path) {
      #expect(try run.readConfiguration(Configuration.self).data == "two.csv")
    }
    if let text = try? String(contentsOf: run.metrics, encoding: .utf8) {
      #expect(text.isEmpty || text.hasSuffix("\n"))
      #expect(MetricsLog.read(run.metrics).count == text.split(separator: "\n").count)
    }
    var notes: [String] = []
    let store = CheckpointStore(folder: run.checkpoints)
    let checkpoint = try store.newest { notes.append($0) }
    #expect(checkpoint?.step == store.steps.last && notes.isEmpty)
    if FileManager.default.fileExists(atPath: run.model.path) {
      _ = try InterpolantModel(contentsOf: run.model)
    }
  }

  @Test("killed at 20 random moments, a run resumes to the parameters of an undisturbed one")
  func killed() throws {
    try Inputs.with { folder in
      let steps = 400
      let start = ContinuousClock.now
      #expect(try Program.run(training("whole", steps: steps), in: folder).status == 0)
      let seconds = ContinuousClock.now - start
      let expected = try model(folder, "whole")
      var random = RandomSource(seed: 71)
      var (fresh, early, midway) = (0, 0, 0)
      for moment in 0..<20 {
        let out = "run\(moment)"
        let running = try Program.start(training(out, steps: steps), in: folder)
        // One moment in each twentieth of the undisturbed time, so that every phase is hit.
        usleep(UInt32((Double(moment) + random.uniform()) / 20 * seconds.inMicroseconds))
        running.signal(SIGKILL)
        _ = try running.finish()

        let place = folder.appending(path: out)
        var arguments = training(out, steps: steps)
        if FileManager.default.fileExists(atPath: place.path) { try expectReadable(place) }
        let checkpoints = CheckpointStore(folder: place.appending(path: "checkpoints")).steps
        if FileManager.default.fileExists(atPath: place.appending(path: "config.yaml").path) {
          arguments = ["interpolant", "train", "--out", out, "--resume"]
          if checkpoints.isEmpty { early += 1 } else { midway += 1 }
        } else {
          fresh += 1
        }
        let outcome = try Program.run(arguments, in: folder)
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(try model(folder, out) == expected, "moment \(moment)")
        try expectReadable(place)
      }
      print(
        "killed before the configuration \(fresh), before a checkpoint \(early), after one \(midway) times")
      #expect(midway >= 3)
    }
  }

  @Test("killed before its first checkpoint, a run resumes from its beginning")
  func beforeFirstCheckpoint() throws {
    try Inputs.with { folder in
      #expect(try Program.run(training("whole", steps: 60), in: folder).status == 0)
      let place = folder.appending(path: "early")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: folder.appending(path: "whole/config.yaml"), to: place.appending(path: "config.yaml"))
      #expect(
        try Program.run(["interpolant", "train", "--out", "early", "--resume"], in: folder).status == 0)
      #expect(try model(folder, "early") == model(folder, "whole"))
    }
  }
}

extension Duration {
  fileprivate var inMicroseconds: Double {
    Double(components.seconds) * 1e6 + Double(components.attoseconds) * 1e-12
  }
}
