import Foundation
import Testing

@Suite("likely ordinal", .enabled(if: Program.isBuilt, Program.advice))
struct OrdinalCommandTests {
  /// 200 rows: the grade rises with hours, more for evening classes.
  private static func table() -> String {
    var text = "class,hours,noise,grade\n"
    for i in 0..<200 {
      let hours = Double(i * 37 % 100) / 10
      let evening = i % 3 == 0
      let score = hours + (evening ? 2 : 0) + 4 * sin(Double(i) * 1.7)
      let grade = score < 3 ? "fail" : score < 8 ? "pass" : score < 12 ? "good" : "best"
      text += "\(evening ? "evening" : "morning"),\(hours),\(i * 71 % 13),\(grade)\n"
    }
    return text
  }

  private func withTable(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try Data(Self.table().utf8).write(to: folder.appending(path: "grades.csv"))
      try body(folder)
    }
  }

  private func run(_ line: String, in folder: URL) throws -> Outcome {
    try Program.run(line.split(separator: " ").map(String.init), in: folder)
  }

  private let source = "--data grades.csv --response grade --levels fail,pass,good,best"

  @Test("a fit writes model, weights and page, and its predictions are probabilities")
  func fit() throws {
    try withTable { folder in
      let fit = try run("ordinal fit \(source) --out runs/grades --grid 8", in: folder)
      #expect(fit.status == 0, "\(fit.error)")
      #expect(fit.output.contains("classes: fail") && fit.output.contains("classmorning"))
      for name in ["model.json", "weights.csv", "report.html"] {
        #expect(FileManager.default.fileExists(atPath: folder.appending(path: "runs/grades/\(name)").path))
      }
      let predict = try run("ordinal predict runs/grades --data grades.csv --out p.csv", in: folder)
      #expect(predict.status == 0, "\(predict.error)")
      #expect(predict.output.contains("on the 200 known classes: Brier"))
      let lines = try String(contentsOf: folder.appending(path: "p.csv"), encoding: .utf8).split(
        separator: "\n")
      #expect(lines[0] == "line,fail,pass,good,best" && lines.count == 201)
      for line in lines.dropFirst() {
        let numbers = line.split(separator: ",").dropFirst().compactMap { Double($0) }
        #expect(abs(numbers.reduce(0, +) - 1) < 1e-12 && numbers.allSatisfy { $0 >= 0 })
      }
    }
  }

  @Test("the fit as JSON has the conditions of an optimum, and --reference turns a weight's sign")
  func json() throws {
    try withTable { folder in
      func weights(_ options: String) throws -> [String: Any] {
        let outcome = try run("ordinal fit \(source) --json \(options)", in: folder)
        #expect(outcome.status == 0, "\(outcome.error)")
        return try outcome.object()
      }
      let presto = try weights("--lambda 0.01 --drop noise")
      #expect((presto["kkt_residual"] as? Double ?? 1) < 1e-8)
      #expect((presto["beta"] as? [[Double]])?.count == 3)
      let one = try weights("--form proportional --drop noise")["beta"] as? [[Double]]
      let other =
        try weights("--form proportional --drop noise --reference class=morning")["beta"] as? [[Double]]
      #expect(abs(try #require(one)[0][0] + #require(other)[0][0]) < 1e-6)
      #expect(try weights("--form proportional")["beta_standard_errors"] != nil)
    }
  }

  @Test("forms are compared on the same held-out rows, at any number of threads alike")
  func compare() throws {
    try withTable { folder in
      let line = "ordinal compare \(source) --grid 5 --forms logistic,proportional,presto,lasso --seed 2"
      let one = try run(line + " --threads 1", in: folder)
      #expect(one.status == 0, "\(one.error)")
      #expect(try run(line + " --threads 2", in: folder).output == one.output)
      for form in ["logistic", "proportional", "presto", "lasso"] { #expect(one.output.contains(form)) }
    }
  }

  static let mistakes: [Mistake] = [
    Mistake("no such file", "ordinal fit --data none.csv --response grade", 66, "none.csv"),
    Mistake("no such response", "ordinal fit --data t.csv --response grad", 64, "grad", "grade"),
    Mistake("no order", "ordinal fit --data t.csv --response grade", 64, "grade", "order"),
    Mistake(
      "unknown class", "ordinal fit --data t.csv --response grade --levels fail,pass", 65, "t.csv:4",
      "\"good\""),
    Mistake(
      "absent class", "ordinal fit --data t.csv --response grade --levels fail,pass,good,best", 65, "\"best\""
    ),
    Mistake(
      "two classes", "ordinal fit --data two.csv --response y", 64, "logistic", "2 classes"),
    Mistake("missing", "ordinal fit --data gap.csv --response y", 65, "gap.csv:3, x", "missing"),
    Mistake("infinite", "ordinal fit --data inf.csv --response y", 65, "inf.csv:3, x", "infinite"),
    Mistake(
      "more classes than rows",
      "ordinal fit --data t.csv --response grade --levels fail,pass,good --lambda -1",
      64, "--lambda", "at least 0"),
    Mistake(
      "class of one row", "ordinal fit --data few.csv --response y", 65, "class 3", "2 rows"),
    Mistake(
      "bad reference", "ordinal fit --data t.csv --response grade --levels fail,pass,good --reference a=b",
      64, "a"),
    Mistake(
      "bad rare", "ordinal fit --data t.csv --response grade --levels fail,pass,good --rare x", 64, "--rare x"
    ),
    Mistake("no model", "ordinal predict none --data t.csv --out p.csv", 66, "none", "ordinal fit"),
    Mistake(
      "no lambda to walk", "ordinal path --data few.csv --response y --form proportional", 64, "presto"),
    Mistake(
      "negative weight", "ordinal fit --data few.csv --response y --weights x", 65, "few.csv:2, x", "-1"),
  ]

  @Test("mistakes are told with their place and the way out, and nothing is written", arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    try withTemporaryFolder { folder in
      let files = [
        "t.csv": "hours,grade\n1,fail\n2,pass\n3,good\n", "two.csv": "x,y\n1,0\n2,1\n3,0\n",
        "gap.csv": "x,y\n1,0\n,1\n3,2\n", "inf.csv": "x,y\n1,0\ninf,1\n3,2\n",
        "few.csv": "x,y\n-1,1\n2,1\n3,2\n4,2\n5,3\n",
      ]
      for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
      let outcome = try Program.run(mistake.arguments, in: folder)
      #expect(outcome.status == mistake.status, "\(outcome.error)")
      for word in mistake.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == files.count)
    }
  }

  @Test("a level that the model has not seen is told by its line")
  func unseen() throws {
    try withTable { folder in
      #expect(try run("ordinal fit \(source) --lambda 0.05 --out m", in: folder).status == 0)
      try Data("class,hours,noise\nmorning,3,1\nnoon,2,2\n".utf8).write(to: folder.appending(path: "new.csv"))
      let outcome = try run("ordinal predict m --data new.csv --out p.csv", in: folder)
      #expect(outcome.status == 65)
      #expect(outcome.error.contains("new.csv:3, class: found the level \"noon\""))
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "p.csv").path))
    }
  }
}
