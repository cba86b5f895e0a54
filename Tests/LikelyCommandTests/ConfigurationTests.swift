import Foundation
import Testing

@Suite("Configuration files", .enabled(if: Program.isBuilt, Program.advice)) struct ConfigurationTests {
  private func bytes(_ folder: URL, _ run: String) throws -> Data {
    try Data(contentsOf: folder.appending(path: "\(run)/model.safetensors"))
  }

  private func train(_ options: [String], in folder: URL) throws -> Outcome {
    try Program.run(["interpolant", "train"] + options, in: folder)
  }

  private func write(_ text: String, in folder: URL) throws {
    try Data(text.utf8).write(to: folder.appending(path: "c.yaml"))
  }

  @Test("a run's own configuration, fed back, gives the same model bit for bit")
  func roundTrip() throws {
    try Inputs.with { folder in
      let options = [
        "--data", "two.csv", "--no-standardise", "--lr", "0.0123", "--seed", "7", "--columns", "-1,1",
        "--ema", "0.5",
      ]
      #expect(try train(options + Program.small + ["--out", "a"], in: folder).status == 0)
      let again = try train(["--config", "a/config.yaml", "--out", "b"], in: folder)
      #expect(again.status == 0, "\(again.error)")
      #expect(try bytes(folder, "a") == bytes(folder, "b"))
      let (a, b) = (folder.appending(path: "a/config.yaml"), folder.appending(path: "b/config.yaml"))
      #expect(try Data(contentsOf: a) == Data(contentsOf: b))
      // And the configuration matters.
      #expect(try train(["--config", "a/config.yaml", "--seed", "8", "--out", "c"], in: folder).status == 0)
      #expect(try bytes(folder, "a") != bytes(folder, "c"))
    }
  }

  @Test("options on the command line win over the file, wherever they stand")
  func precedence() throws {
    try Inputs.with { folder in
      try write(
        "data: two.csv\nsteps: 1000000\nwidth: 8\ndepth: 1\nbatch: 8\nthreads: 1\nquiet: true\nlr: 1e-3\n",
        in: folder)
      #expect(try train(["--steps", "2", "--config=c.yaml", "--out", "a"], in: folder).status == 0)
      #expect(
        try train(["--data", "two.csv", "--out", "b", "--lr", "1e-3"] + Program.small, in: folder).status == 0
      )
      #expect(try bytes(folder, "a") == bytes(folder, "b"))
    }
  }

  @Test(
    "a file that cannot be used is refused by name",
    arguments: [
      ("steps: 5\nspeed: 9\n", 64, ["c.yaml", "unknown key speed", "steps"]),
      ("- a\n- b\n", 64, ["c.yaml", "mapping"]),
      ("steps: [1\n", 64, ["c.yaml", "YAML"]), ("steps: {a: 1}\n", 64, ["c.yaml", "steps"]),
      ("steps: many\n", 64, ["steps", "many"]), ("config: c.yaml\n", 64, ["c.yaml", "config"]),
    ])
  func errors(text: String, status: Int32, words: [String]) throws {
    try Inputs.with { folder in
      try write(text, in: folder)
      let outcome = try train(["--config", "c.yaml", "--data", "two.csv", "--out", "new"], in: folder)
      #expect(outcome.status == status)
      for word in words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "new").path))
    }
  }

  @Test("a missing file, and none, are refused")
  func missing() throws {
    try Inputs.with { folder in
      let missing = try train(["--config", "nowhere.yaml", "--out", "new"], in: folder)
      #expect(missing.status == 66 && missing.error.contains("nowhere.yaml"))
      let none = try train(["--out", "new", "--config"], in: folder)
      #expect(none.status == 64 && none.error.contains("--config"))
    }
  }
}
