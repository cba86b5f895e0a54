import Foundation
import Testing

@Suite("likely prefer and critical-tokens", .serialized)
struct PreferCommandTests {
  /// A little model and files about it.
  private func prepare(_ folder: URL) throws {
    func write(_ text: String, _ name: String) throws {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
    try write(String(repeating: "the cat sat on the mat\n", count: 60), "notes.txt")
    try write(String(repeating: "a dog\n", count: 200), "other.txt")
    try write(
      String(repeating: #"{"prompt": "the ", "chosen": "cat", "rejected": "mat"}"# + "\n", count: 10),
      "prefs.jsonl")
    try write(#"{"prompt": "the ", "chosen": "cat", "rejected": ""}"# + "\n", "empty.jsonl")
    try write(#"{"prompt": "the "}"# + "\n", "asked.jsonl")
    try write(#"{"prompt": "the ", "response": "cat", "answer": "cat"}"# + "\n", "right.jsonl")
    try write(#"{"prompt": "the ", "response": "cat"}"# + "\n", "unanswered.jsonl")
    try write(#"{"messages": [{"role": "user", "content": "the"}]}"# + "\n", "asks.jsonl")
    try write(#"{"x": {"positive": [], "negative": []}}"#, "none.json")
    try write("while read -r row; do echo nan; done\n", "nan.sh")
    for (data, out) in [("notes", "little"), ("other", "foreign")] {
      let outcome = try run(
        "lm train --data \(data).txt --width 16 --depth 1 --context 64 --steps 2 --batch 8 --out \(out)",
        folder)
      #expect(outcome.status == 0, "\(outcome.error)")
    }
    let scored = try run(
      "critical-tokens score little little --data prefs.jsonl --out scores.jsonl", folder)
    #expect(scored.status == 0, "\(scored.error)")
    try write(
      #"{"line": 1, "chosen_tokens": [1], "rejected_tokens": [2], "chosen_scores": [0.5], "rejected_scores": [0.5]}"#,
      "foreign.jsonl")
  }

  private func run(_ line: String, _ folder: URL) throws -> Outcome {
    try Program.run(line.split(separator: " ").map(String.init) + ["--quiet"], in: folder)
  }

  private static let mistakes: [(line: String, status: Int32, words: [String])] = [
    ("prefer probe little --prompt the --chosen cat --rejected m", 65, ["cat", "3 tokens", "one token"]),
    ("prefer probe little --prompt the --chosen c --rejected c", 65, ["other", "another one"]),
    ("prefer probe little --prompt the --chosen c --rejected m --beta 0", 65, ["beta", "above 0"]),
    ("prefer monitor little foreign --data prefs.jsonl", 65, ["foreign", "vocabulary"]),
    ("prefer monitor little --data empty.jsonl", 65, ["empty.jsonl", "at least one"]),
    ("prefer monitor little --data prefs.jsonl --judge length", 64, ["--judge-prompts"]),
    (
      "prefer monitor little --data prefs.jsonl --judge-prompts asked.jsonl --judge tall", 64,
      ["tall", "command:PROGRAM"]
    ),
    ("prefer train --model little --data prefs.jsonl --keep-best-win --out new", 64, ["--judge"]),
    (
      "prefer train --model little --data prefs.jsonl --reference-model foreign --out new", 65,
      ["foreign", "vocabulary"]
    ),
    (
      "prefer train --model little --data prefs.jsonl --weights foreign.jsonl --out new", 65,
      ["foreign.jsonl", "other tokens"]
    ),
    ("prefer train --model little --data prefs.jsonl --weights prefs.jsonl --out new", 65, ["prefs.jsonl:1"]),
    ("prefer compare little --data prefs.jsonl --methods dopo", 64, ["dopo", "asft"]),
    (
      "prefer reward follow-up little --data asks.jsonl --out new.jsonl", 65,
      ["asks.jsonl:1", "ends with the assistant's"]
    ),
    (
      "prefer reward follow-up little --data prefs.jsonl --followups none.json --out new.jsonl", 65,
      ["none.json", "no follow-ups"]
    ),
    (
      "prefer reward follow-up little --data prefs.jsonl --categories speed --out new.jsonl", 65,
      ["speed", "relevance"]
    ),
    (
      "prefer mine little --prompts asked.jsonl --samples 1 --out new.jsonl", 64, ["--samples", "at least 2"]
    ),
    (
      "prefer mine little --prompts asked.jsonl --reward length --min-gap 1e9 --tokens 4 --out new.jsonl", 65,
      ["1000000000", "--samples"]
    ),
    ("prefer metrics --data right.jsonl --references prefs.jsonl", 65, ["prefs.jsonl:1"]),
    ("critical-tokens check --data unanswered.jsonl", 65, ["unanswered.jsonl:1", "no right answer"]),
    ("critical-tokens check --data asked.jsonl", 65, ["asked.jsonl:1", "response"]),
    ("critical-tokens check --data right.jsonl --k many", 64, ["many"]),
    ("critical-tokens select --data right.jsonl --extraction whole --out new", 65, ["no wrong solution"]),
    (
      "critical-tokens rollouts little --data right.jsonl --extraction whole --out new.jsonl", 65,
      ["no wrong solution"]
    ),
    ("critical-tokens score little foreign --data prefs.jsonl --out new.jsonl", 65, ["one tokeniser"]),
    ("critical-tokens score little little --data prefs.jsonl --beta -1 --out new.jsonl", 65, ["beta"]),
    ("prefer online --model little --responses prefs.jsonl --out new", 65, ["prefs.jsonl:1", "reward"]),
    (
      "prefer online --model little --prompt the --objective ppo --kl-target 1 --out new", 65,
      ["kl", "above 0"]
    ),
  ]

  @Test("mistakes are named with a way out, and leave nothing")
  func mistakes() throws {
    try withTemporaryFolder { folder in
      try prepare(folder)
      let before = Set(try FileManager.default.contentsOfDirectory(atPath: folder.path))
      for (line, status, words) in Self.mistakes {
        let outcome = try run(line, folder)
        #expect(outcome.status == status && !outcome.isKilled, "\(line): \(outcome.error)")
        for word in words { #expect(outcome.error.contains(word), "\(line): \(outcome.error)") }
      }
      let judge = ["--judge", "command:sh nan.sh", "--judge-tokens", "4", "--quiet"]
      let broken = try Program.run(
        "prefer monitor little --data prefs.jsonl --judge-prompts asked.jsonl".split(separator: " ").map(
          String.init) + judge, in: folder)
      #expect(broken.status == 65 && broken.error.contains("not finite"), "\(broken.error)")
      #expect(Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)) == before)
    }
  }

  @Test("a judged training reports what it wrote, weighs tokens, and resumes to the same model")
  func training() throws {
    try withTemporaryFolder { folder in
      try prepare(folder)
      let line =
        "prefer train --model little --data prefs.jsonl --lr 1e-2 --steps 8 --batch 4 --weights scores.jsonl "
        + "--aggregate token --judge-prompts asked.jsonl --judge length --judge-tokens 8 --keep-best-win "
      let outcome = try run(line + "--out run", folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      for word in ["win rate", "tokens that gained", "ln-ches", "adjusted distinct"] {
        #expect(outcome.output.contains(word), "\(outcome.output)")
      }
      let metrics = try String(contentsOf: folder.appending(path: "run/metrics.jsonl"), encoding: .utf8)
      for key in ["\"win\"", "\"ln_ches\"", "\"divergence\"", "\"displaced\""] {
        #expect(metrics.contains(key))
      }
      let again = try run("prefer train --resume --out run", folder)
      #expect(again.status == 0, "\(again.error)")

      let online = try run(
        "prefer online --model little --prompt the --lora 2 --iterations 3 --lr 1e-2 --tokens 6 --objective ppo "
          + "--baseline critic --kl 0.1 --kl-target 1 --out lora", folder)
      #expect(online.status == 0 && online.output.contains("adapter: lora, for little"), "\(online.error)")
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "lora/adapter_config.json").path))
      let drawn = try run("lm generate little --adapter lora --prompt the --tokens 4", folder)
      #expect(drawn.status == 0, "\(drawn.error)")
    }
  }
}
