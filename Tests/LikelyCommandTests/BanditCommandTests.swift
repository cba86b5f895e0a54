import Foundation
import Testing

@Suite("likely bandit and likely prefer online", .enabled(if: Program.isBuilt, Program.advice))
struct BanditCommandTests {
  private let small = "--iterations 3 --prompts 5 --samples 4 --inner-steps 2 --seeds 2"

  private func run(_ options: String, in folder: URL) throws -> Outcome {
    try Program.run(["bandit", "preference"] + options.split(separator: " ").map(String.init), in: folder)
  }

  @Test("the table as JSON has a row an objective and source, and the advice by alignment")
  func json() throws {
    try withTemporaryFolder { folder in
      let outcome = try run("\(small) --compare best-of-n,rwr,ppo --data current,fixed --json", in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      let object = try outcome.object()
      let rows = try #require(object["rows"] as? [[String: Any]])
      #expect(rows.count == 6)
      #expect(rows.compactMap { $0["queries"] as? Int } == Array(repeating: 60, count: 6))
      #expect(rows.compactMap { $0["steps"] as? Int } == Array(repeating: 6, count: 6))
      #expect((object["alignment"] as? Double).map { abs($0 - 0.039046) < 1e-5 } == true)
      #expect((object["advice"] as? String)?.contains("current policy") == true)
      // The best of four draws of the reference in closed form, of which only offline data have one.
      let forms = rows.map { $0["closed_form"] as? Double }
      #expect(forms[0] == nil && forms[1].map { abs($0 - 0.144631) < 1e-5 } == true)
    }
  }

  @Test("the same seed prints the same, on one thread or two; another prints something else")
  func seeds() throws {
    try withTemporaryFolder { folder in
      let first = try run("\(small) --seed 3 --threads 1", in: folder).output
      #expect(try run("\(small) --seed 3 --threads 2", in: folder).output == first)
      #expect(try run("\(small) --seed 4 --threads 1", in: folder).output != first)
    }
  }

  @Test("curves have a line an iteration and seed, the page its plots")
  func files() throws {
    try withTemporaryFolder { folder in
      let outcome = try run("\(small) --policy network --csv c.csv --out page", in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      let lines = try String(contentsOf: folder.appending(path: "c.csv"), encoding: .utf8)
        .split(separator: "\n")
      #expect(lines.count == 7 && lines[0].hasPrefix("objective,data,seed,iteration,queries,steps,reward,kl"))
      let columns = lines.map { $0.split(separator: ",", omittingEmptySubsequences: false).count }
      #expect(Set(columns).count == 1)
      let page = try String(contentsOf: folder.appending(path: "page/report.html"), encoding: .utf8)
      #expect(page.contains("Expected reward"))
    }
  }

  @Test("iterations without a pair are told")
  func noPairs() throws {
    try withTemporaryFolder { folder in
      let outcome = try run("--threshold 1 --iterations 20 --seeds 1", in: folder)
      #expect(outcome.status == 0)
      #expect(outcome.error.contains("10 iterations had no pair"))
      #expect(outcome.error.contains("1 of 1 trainings ended after 10 iterations in a row"))
    }
  }

  static let mistakes: [Mistake] = [
    Mistake("unknown objective", "bandit preference --objective dopo", 65, "dopo", "best-of-n", "ipo"),
    Mistake("unknown of several", "bandit preference --compare ipo,dopo", 65, "dopo", "reinforce"),
    Mistake("unknown source", "bandit preference --data nobody", 64, "nobody", "fixed"),
    Mistake("one sample", "bandit preference --samples 1", 65, "samples", "at least 2"),
    Mistake("no temperature", "bandit preference --objective dpo --beta 0", 65, "beta", "above 0"),
    Mistake("no margin", "bandit preference --margin 0", 65, "margin", "above 0"),
    Mistake("no steps", "bandit preference --inner-steps 0", 65, "inner steps", "at least 1"),
    Mistake("too much mix", "bandit preference --mix 1.5", 65, "mix", "[0, 1]"),
    Mistake("mix of fixed data", "bandit preference --mix 0.5 --data fixed", 65, "mix", "current"),
    Mistake("no width", "bandit preference --width 0", 64, "--width"),
    Mistake("no seeds", "bandit preference --seeds 0", 64, "--seeds"),
    Mistake("curves of another kind", "bandit preference --csv curves.txt", 64, ".csv"),
    Mistake("no prompt", "prefer online --model x --out new", 64, "--prompt"),
    Mistake("unknown reward", "prefer online --model x --prompt a --reward tall --out new", 64, "shortest"),
    Mistake("no model", "prefer online --model nowhere --prompt a --out new", 66, "nowhere"),
  ]

  @Test("mistakes are named with a way out, and leave nothing", arguments: mistakes)
  func refused(_ mistake: Mistake) throws {
    try withTemporaryFolder { folder in
      let outcome = try Program.run(mistake.arguments, in: folder)
      #expect(outcome.status == mistake.status && !outcome.isKilled, "\(outcome.error)")
      for word in mistake.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      #expect(outcome.output.isEmpty)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test("a model learns to answer briefly; a command's rewards and its faults come through")
  func model() throws {
    try withTemporaryFolder { folder in
      let text = String(repeating: "the cat sat on the mat\n", count: 60)
      try Data(text.utf8).write(to: folder.appending(path: "notes.txt"))
      func likely(_ line: String) throws -> Outcome {
        try Program.run(line.split(separator: " ").map(String.init) + ["--quiet"], in: folder)
      }
      let train = "lm train --data notes.txt --width 16 --depth 1 --context 32 --steps 5 --out little"
      #expect(try likely(train).status == 0)
      let online =
        "prefer online --model little --prompt the --iterations 12 --lr 1e-2 --inner-steps 4 --tokens 12"
      let short = try likely("\(online) --objective reinforce --out short")
      #expect(short.status == 0, "\(short.error)")
      #expect(short.output.contains("steps") && short.output.contains("advice:"))
      let metrics = try String(contentsOf: folder.appending(path: "short/metrics.jsonl"), encoding: .utf8)
        .split(separator: "\n")
      #expect(metrics.count == 12)
      let rewards = try metrics.map { line in
        try #require(
          (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["batch_reward"]
            as? Double)
      }
      #expect(rewards[11] > rewards[0])
      #expect(try likely("lm generate short --prompt the --tokens 4").status == 0)

      let script = "while read -r row; do echo ${#row}; done\n"
      try Data(script.utf8).write(to: folder.appending(path: "long.sh"))
      let words = "\(online) --objective reinforce --out long".split(separator: " ").map(String.init)
      let long = try Program.run(words + ["--reward", "command:sh long.sh", "--quiet"], in: folder)
      #expect(long.status == 0, "\(long.error)")
      try Data("while read -r row; do echo many; done\n".utf8).write(to: folder.appending(path: "bad.sh"))
      let bad = try Program.run(
        words.dropLast() + ["bad", "--reward", "command:sh bad.sh", "--quiet"], in: folder)
      #expect(bad.status == 65 && bad.error.contains("many") && bad.error.contains("a number"))
    }
  }
}
