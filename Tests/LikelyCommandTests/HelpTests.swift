import Foundation
import Testing

@Suite("Help", .enabled(if: Program.isBuilt, Program.advice)) struct HelpTests {
  private func help(_ command: [String]) throws -> String {
    let outcome = try Program.run(command + ["--help"], in: FileManager.default.temporaryDirectory)
    #expect(outcome.status == 0 && outcome.error.isEmpty)
    return outcome.output
  }

  /// The names listed under SUBCOMMANDS.
  private func subcommands(_ help: String) -> [String] {
    guard let part = help.components(separatedBy: "SUBCOMMANDS:").dropFirst().first else { return [] }
    // The list ends with an empty line, before advice on `likely help`.
    return part.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().prefix { !$0.isEmpty }
      .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
  }

  private func examples(_ help: String) -> [String] {
    guard let part = help.components(separatedBy: "Example:").dropFirst().first else { return [] }
    return part.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
      .prefix { $0.hasPrefix("likely ") || $0.isEmpty }.filter { !$0.isEmpty }
  }

  /// Every verb with its help, the command before its verbs.
  private func allHelp(_ command: [String] = []) throws -> [(command: [String], help: String)] {
    try #require(command.count < 4)
    let text = try help(command)
    return [(command, text)] + (try subcommands(text).flatMap { try allHelp(command + [$0]) })
  }

  @Test("every verb shows an example, and names every option's meaning")
  func examplesEverywhere() throws {
    let all = try allHelp()
    #expect(all.count >= 14)
    #expect(all.contains { $0.command == ["interpolant", "train"] })
    for (command, help) in all where subcommands(help).isEmpty {
      #expect(!examples(help).isEmpty, "likely \(command.joined(separator: " "))")
    }
  }

  @Test("the examples work as printed, with fewer steps")
  func examplesWork() throws {
    // A later option wins, so that the printed one stays under test.
    let fewer = [
      "train": ["--steps", "2", "--width", "8", "--depth", "1", "--batch", "16", "--quiet"],
      "finetune": ["--steps", "2", "--quiet"], "prefer train": ["--steps", "2", "--quiet"],
      "prefer mine": ["--tokens", "8"], "prefer probe": ["--steps", "10"],
      "prefer compare": ["--methods", "asft,dpo", "--quiet"],
      "critical-tokens sample": ["--tokens", "8", "--n", "4"], "ordinal compare": ["--folds", "3"],
      "cluster compare": ["--quiet"],
      "critical-tokens rollouts": ["--tokens", "16", "--n", "4", "--quiet"],
      "prefer online": ["--iterations", "2", "--tokens", "8", "--quiet"],
      "rectify": ["--steps", "2", "--pairs", "64", "--batch", "16", "--quiet"],
      "sample": ["--count", "40", "--steps", "4", "--quiet"], "mirror": ["--steps", "4"],
      "loglik": ["--steps", "4"], "cross-entropy": ["--steps", "4", "--paths", "2"],
      "diagnose": ["--times", "2"], "compare": ["--steps", "10", "--groups", "4"],
      // Scores of two steps of training: particles too few to collapse.
      "anneal": ["--steps", "10", "--particles", "5"], "product": ["--steps", "10", "--particles", "5"],
      "guide": ["--steps", "10", "--particles", "5"],
      "epidemic sensitivity": ["--samples", "50", "--sobol", "32"], "epidemic stochastic": ["--runs", "5"],
      "expect reuse": ["--budget", "200"],
    ]
    try withTemporaryFolder { folder in
      for name in ["held-out.csv", "points.csv", "new.csv"] {
        try Data("x1,x2\n0.1,0.2\n-1,0.5\n2,1\n".utf8).write(to: folder.appending(path: name))
      }
      let pair = #"{"prompt": "the cat", "response": " sat on"}"# + "\n"
      try Data(String(repeating: pair, count: 20).utf8).write(
        to: folder.appending(path: "pairs.jsonl"))
      let preference = #"{"prompt": "the ", "chosen": "cat", "rejected": "mat"}"# + "\n"
      try Data(String(repeating: preference, count: 20).utf8).write(
        to: folder.appending(path: "prefs.jsonl"))
      try Data(#"{"prompt": "the ", "answer": 1}"#.utf8).write(to: folder.appending(path: "asked.jsonl"))
      let solved = [1, 2].map { #"{"prompt": "the ", "response": "cat \#($0)", "answer": 1}"# + "\n" }
      try Data(solved.joined().utf8).write(to: folder.appending(path: "solved.jsonl"))
      try Data(String(repeating: "the cat sat on the mat\n", count: 60).utf8).write(
        to: folder.appending(path: "notes.txt"))
      let grades = (0..<120).map { i in
        "\(["low", "high", "mid"][i * 7 % 3]),\(Double(i * 37 % 50) / 10),\(1 + (i * 37 % 50 + i * 13 % 40) / 30)\n"
      }
      try Data(("colour,hours,grade\n" + grades.joined()).utf8).write(
        to: folder.appending(path: "grades.csv"))
      try Data(ClusterCommandTests.numbers().utf8).write(to: folder.appending(path: "flowers.csv"))
      try Data(EffectCommandTests.table().utf8).write(to: folder.appending(path: "study.csv"))
      try Data(#"{"metric": "column", "column": "hours", "above": 2}"#.utf8).write(
        to: folder.appending(path: "q.jsonl"))
      let model = folder.appending(path: "model.sh")
      try Data("#!/bin/sh\nwhile read -r line; do echo \"$line\" | awk -F'[:}]' '{ print $2 }'; done\n".utf8)
        .write(to: model)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: model.path)
      try Data(#"[{"name": "load", "law": "uniform", "low": 0, "high": 2}]"#.utf8).write(
        to: folder.appending(path: "inputs.json"))
      let density =
        #"{"space": "normal", "inputs": ["load"], "density": {"defensive": 0, "components": [{"share": 1, "weights": [1], "means": [[0]], "covariances": [[[1]]]}]}}"#
      try Data(density.utf8).write(to: folder.appending(path: "d.json"))
      try CausalInputs.write(to: folder)
      let weekly = [2, 3, 6, 12, 25, 48, 80, 110, 105, 80, 52, 33, 20, 12, 7, 4].map { "\($0)\n" }
      try Data(("cases\n" + weekly.joined()).utf8).write(to: folder.appending(path: "weekly.csv"))
      var done: Set<String> = []
      for (_, help) in try allHelp() {
        for example in examples(help) where done.insert(example).inserted {
          let words = example.split(separator: " ").dropFirst().map(String.init)
          // These two are run as printed elsewhere, for minutes.
          if ["tour", "reproduce"].contains(words[0]) { continue }
          // An example may make a folder that another one made before.
          if !words.allSatisfy({ !["train", "rectify", "finetune", "convert"].contains($0) }) {
            let out = try #require(words.firstIndex(of: "--out").flatMap { words.dropFirst($0 + 1).first })
            try? FileManager.default.removeItem(at: folder.appending(path: out))
          }
          let verb = words.dropFirst().first ?? ""
          let options = fewer["\(words[0]) \(verb)"] ?? fewer[verb] ?? []
          let outcome = try Program.run(words + options, in: folder)
          #expect(outcome.status == 0, "\(example): \(outcome.error)")
        }
      }
      #expect(done.count >= 12)
    }
  }

  @Test("the version names the program and its libtorch")
  func version() throws {
    let outcome = try Program.run(["--version"], in: FileManager.default.temporaryDirectory)
    #expect(outcome.status == 0)
    #expect(try outcome.output.contains(Regex(#"^likely \d+\.\d+\.\d+, libtorch 2\.\d+"#)))
  }

  @Test("the methods and the data sets are listed")
  func lists() throws {
    let folder = FileManager.default.temporaryDirectory
    #expect(try Program.run(["methods"], in: folder).output.contains("stochastic-interpolants"))
    let data = try Program.run(["data", "list"], in: folder)
    #expect(data.status == 0 && data.output.contains("digits"))
  }
}
