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
      // The next run has nothing left, and no larger budget can be named.
      let again = try run("\(serve) --budget 1", in: folder)
      #expect(again.output.contains("all 1 corrections used after 3 queries"))
      let larger = try run("\(serve) --budget 2", in: folder)
      #expect(larger.status == 64 && larger.error.contains("budget 1, expected") && larger.output.isEmpty)
      let other = try run(serve.replacing("b.csv", with: "a.csv") + " --budget 1", in: folder)
      #expect(other.status == 65 && other.error.contains("another holdout") && other.output.isEmpty)
      try Data("nonsense\n".utf8).write(to: folder.appending(path: "log.jsonl"))
      let broken = try run("\(serve) --budget 1", in: folder)
      #expect(broken.status == 65 && broken.error.contains("log.jsonl:1") && broken.output.isEmpty)
    }
  }

  @Test("a question that cannot be answered says nothing of the holdout")
  func refusals() throws {
    try withTemporaryFolder { folder in
      func table(_ name: String, _ rows: [String]) throws {
        try Data(("x,y,w\n" + rows.joined(separator: "\n") + "\n").utf8).write(
          to: folder.appending(path: name))
      }
      try table("seen.csv", ["1,0,1", "2,1,2", "3,0,3", "4,1,4"])
      try table("one.csv", ["1,0,1", "2,0,no", "3,1,3", "4,1,4"])
      try table("two.csv", ["4,1,word", "3,1,2", "2,0,3", "1,0,7"])
      let given = #""train": [1, 1, 1, 1], "holdout": [1, 1, 1, 1]"#
      let questions = [
        #"{"metric": "accuracy", "range": [1, 2], \#(given)}"#,
        #"{"metric": "accuracy", "range": [0.5, 0.6], \#(given)}"#,
        #"{"metric": "column", "column": "x", "above": 2.5, "range": [1, 2]}"#,
        #"{"metric": "column", "column": "x", "above": 2.5, "range": [-1, 0]}"#,
        #"{"metric": "column", "column": "w", "above": 2}"#,
        #"{"metric": "product", "columns": ["w", "x"]}"#,
        #"{"metric": "log-loss", "train": [0, 0, 0, 0], "holdout": [0, 0.5, 1.5, 0]}"#,
        #"{"metric": "mean", "train": [0, 0, 0, 0], "holdout": [0, 0.5, 1, -2]}"#,
      ]
      try Data(questions.joined(separator: "\n").utf8).write(to: folder.appending(path: "q.jsonl"))
      let outcomes = try ["one.csv", "two.csv"].map {
        try run(
          "holdout serve --train seen.csv --holdout \($0) --label y --ask q.jsonl --mechanism means",
          in: folder)
      }
      let said = outcomes.map { $0.output.split(separator: "\n").map(String.init) }
      #expect(said[0].count == questions.count && said[0].allSatisfy { $0.contains("error") })
      #expect(said[1] == said[0].map { $0.replacing("one.csv", with: "two.csv") })
      #expect(said[0][0].contains("a range for the metric accuracy"))
      #expect(
        !said[0][4].contains("row ") && !said[0][4].contains("word") && !said[0][4].contains("one.csv:"))
      // What was submitted is told with its row.
      #expect(said[0][6].contains("holdout, row 3: found 1.5") && said[0][7].contains("row 4: found -2.0"))
    }
  }

  @Test("labels of log-loss are 0 and 1 in both tables")
  func logLoss() throws {
    try withTables { folder in
      let ones = Array(repeating: 1, count: 400)
      let question = #"{"metric": "log-loss", "train": \#(ones), "holdout": \#(ones)}"#
      // Lines as other systems end them; an empty one counts.
      try Data("\r\n\(question)\r\n{}\r\n".utf8).write(to: folder.appending(path: "q.jsonl"))
      let serve = "holdout serve --train a.csv --ask q.jsonl --mechanism means"
      let fine = try run("\(serve) --holdout b.csv --label y", in: folder)
      #expect(fine.output.contains(#""answer":0.5"#) && fine.output.contains("question 3"))
      let other = try run("\(serve) --holdout b.csv --label x", in: folder)
      #expect(other.output.contains("question 2: found the metric log-loss with other labels than 0 and 1"))
      try Data(("x,y\n" + String(repeating: "0,0\n0,2\n", count: 200)).utf8)
        .write(to: folder.appending(path: "c.csv"))
      let mixed = try run("\(serve) --holdout c.csv --label y", in: folder)
      #expect(mixed.status == 65 && mixed.output.isEmpty)
      #expect(mixed.error.contains("c.csv, y: found labels other than 0 and 1"))
      let none = try run("\(serve) --holdout b.csv --label z", in: folder)
      #expect(none.status == 64 && none.error.contains("no column \"z\""))
    }
  }

  @Test("the privacy of guess and check is that of all runs together")
  func guesses() throws {
    try withTables { folder in
      try Data(#"{"metric": "column", "column": "x", "above": 4}"#.utf8).write(
        to: folder.appending(path: "q.jsonl"))
      // Each run takes ε/4 for its threshold, so that three restarts leave nothing.
      let serve =
        "holdout serve --train a.csv --holdout b.csv --mechanism guess --ask q.jsonl --state log.jsonl --threshold 10"
      let outcomes = try (0..<4).map { _ in try run("\(serve) --budget 6", in: folder) }
      #expect(outcomes.dropLast().allSatisfy { $0.output.contains(#""source":"training""#) })
      #expect(outcomes[1].output.contains(#""budget_left":4"#))
      #expect(outcomes[3].output.contains("all 6 corrections, with those that restarts cost, used"))
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
    Mistake("a size without noise", "holdout attack --n 11 --d 11 --deviation 0.05", 64, "--noise"),
    Mistake("more than fits", "holdout attack --n 1000001 --d 1000001", 64, "GB of memory"),
    Mistake(
      "a budget below nothing", "holdout serve --train a --holdout b --budget=-1", 64, "--budget -1"),
    Mistake("endless ε", "holdout serve --train a --holdout b --epsilon inf", 64, "--epsilon inf"),
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
