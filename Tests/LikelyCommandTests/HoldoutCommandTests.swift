import Foundation
import Testing

@Suite("likely holdout", .enabled(if: Program.isBuilt, Program.advice))
struct HoldoutCommandTests {
  private func run(_ line: String, in folder: URL) throws -> Outcome {
    try Program.run(line.split(separator: " ").map(String.init), in: folder)
  }

  private func withTables(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      for (name, shift) in [("a.csv", 0), ("b.csv", 1)] {
        let rows = (0..<400).map { "\(Double(($0 + shift) % 10)),\(($0 + shift) % 2)\n" }
        try Data(("x,y\n" + rows.joined()).utf8).write(to: folder.appending(path: name))
      }
      try body(folder)
    }
  }

  @Test(
    "questions are answered line by line, bad ones with the row and the way out, and the log keeps the budget"
  )
  func serve() throws {
    try withTables { folder in
      let right = Array(repeating: 0, count: 400)
      let questions = [
        #"{"metric": "column", "column": "x", "above": 4}"#,
        #"{"metric": "accuracy", "name": "all ones", "train": \#(right), "holdout": \#(right)}"#,
        #"{"metric": "mean", "train": \#(right), "holdout": [1, 2]}"#, #"{"metric": "auc"}"#, "hello",
        #"{"metric": "mean", "train": \#(right), "holdout": \#(Array(repeating: 1, count: 400))}"#,
      ]
      try Data(questions.joined(separator: "\n").utf8).write(to: folder.appending(path: "q.jsonl"))
      let serve =
        "holdout serve --train a.csv --holdout b.csv --label y --ask q.jsonl --state log.jsonl --reproducible --sigma 0.001"
      let outcome = try run("\(serve) --budget 1", in: folder)
      #expect(outcome.status == 65)
      let answers = try outcome.output.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      #expect(answers.count == 6)
      #expect(answers[0]["source"] as? String == "training" && answers[0]["answer"] as? Double == 0.5)
      #expect(answers[1]["metric"] as? String == "all ones")
      #expect((answers[2]["error"] as? String)?.contains("holdout: found 2 values, expected 400") == true)
      #expect((answers[3]["error"] as? String)?.contains("accuracy, squared-error") == true)
      #expect((answers[4]["error"] as? String)?.contains("question 5") == true)
      #expect(answers[5]["source"] as? String == "holdout" && answers[5]["budget_left"] as? Int == 0)
      // The next run has nothing left.
      let again = try run("\(serve) --budget 1", in: folder)
      #expect(again.output.contains("all 0 corrections used"))
      try Data("nonsense\n".utf8).write(to: folder.appending(path: "log.jsonl"))
      let broken = try run("\(serve) --budget 1", in: folder)
      #expect(broken.status == 65 && broken.error.contains("log.jsonl:1") && broken.output.isEmpty)
    }
  }

  @Test("the budget names the mechanism with most questions, the attack its exact accuracy")
  func numbers() throws {
    try withTemporaryFolder { folder in
      let budget = try run("holdout budget --n 1000 --tau 0.1", in: folder)
      #expect(budget.status == 0 && budget.output.contains("most adaptive questions: splitting"))
      let attack = try run("holdout attack --n 1001 --d 101 --repetitions 10 --json", in: folder)
      let object = try JSONSerialization.jsonObject(with: Data(attack.output.utf8)) as? [String: Any]
      #expect((object?["exact"] as? Double).map { abs($0 - 0.60032) < 6e-6 } == true)
    }
  }

  static let mistakes: [Mistake] = [
    Mistake("no table", "holdout serve --train none.csv --holdout none.csv", 66, "none.csv"),
    Mistake("even records", "holdout attack --n 1000 --d 11", 64, "odd"),
    Mistake("tau of nothing", "holdout budget --n 100 --tau 0", 64, "tau"),
    Mistake("noise without size", "holdout attack --n 11 --d 11 --noise laplace", 64, "deviation"),
  ]

  @Test("mistakes are told with the way out", arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    try withTemporaryFolder { folder in
      let outcome = try Program.run(mistake.arguments, in: folder)
      #expect(outcome.status == mistake.status, "\(outcome.error)")
      for word in mistake.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      #expect(outcome.output.isEmpty)
    }
  }

  @Test("a threshold below twice the noise and an unknown label are refused")
  func options() throws {
    try withTables { folder in
      let weak = try run(
        "holdout serve --train a.csv --holdout b.csv --threshold 0.01 --sigma 0.01", in: folder)
      #expect(weak.status == 64 && weak.error.contains("more than twice the noise"))
    }
  }
}
