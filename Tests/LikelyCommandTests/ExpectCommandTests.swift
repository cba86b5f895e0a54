import Foundation
import Testing

@Suite("likely expect", .enabled(if: Program.isBuilt, Program.advice))
struct ExpectCommandTests {
  /// A model x + y, and its square. A single awk would read ahead before it answers.
  private static let model = #"""
    #!/bin/sh
    while read -r line; do
      echo "$line" | awk -F'[:,}]' '{ s = $2 + $4; printf "[%.12g, %.12g]\n", s, s * s }'
    done

    """#

  private func withModel(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let model = folder.appending(path: "model.sh")
      try Data(Self.model.utf8).write(to: model)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: model.path)
      let inputs =
        #"[{"name": "x", "law": "normal", "mean": 3, "deviation": 1}, {"name": "y", "law": "uniform", "low": 0, "high": 2}]"#
      try Data(inputs.utf8).write(to: folder.appending(path: "inputs.json"))
      let sum = folder.appending(path: "sum.sh")
      try Data(
        Self.model.replacingOccurrences(of: "[%.12g, %.12g]\\n\", s, s * s", with: "%.12g\\n\", s").utf8
      )
      .write(to: sum)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: sum.path)
      try Data(inputs.replacingOccurrences(of: "\"y\"", with: "\"z\"").utf8).write(
        to: folder.appending(path: "other.json"))
      try body(folder)
    }
  }

  private func run(_ line: String, in folder: URL) throws -> Outcome {
    try Program.run(line.split(separator: " ").map(String.init), in: folder)
  }

  @Test("means of a model in another program are within five standard errors, and every run is counted")
  func means() throws {
    try withModel { folder in
      let outcome = try run(
        "expect run --model ./model.sh --inputs inputs.json --budget 300 --relative --time-limit 60 --json",
        in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      let object = try outcome.object()
      let values = try #require(object["estimates"] as? [Double])
      let errors = try #require(object["standard_errors"] as? [Double])
      // E s = 4, Var s = 1 + 1/3.
      for (j, truth) in [4, 16 + 4.0 / 3].enumerated() { #expect(abs(values[j] - truth) < 5 * errors[j]) }
      #expect(object["runs"] as? Int == 300)
    }
  }

  @Test("Sobol' indices of a sum are its inputs' variances, in groups too, with files and a page")
  func sobol() throws {
    try withModel { folder in
      let outcome = try run(
        "expect sobol --model ./model.sh --inputs inputs.json --budget 1200 --total --workers 2 --out sobol --json",
        in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      let object = try outcome.object()
      // Variances 1 and 1/3.
      for name in ["first", "total"] {
        let found = try #require(object[name] as? [[String: Double]])
        for (index, truth) in zip(found, [0.75, 0.25]) {
          let (value, error) = (try #require(index["value"]), try #require(index["standard_error"]))
          #expect(abs(value - truth) < 5 * error, "\(name): \(value) ± \(error)")
        }
      }
      #expect(object["runs"] as? Int == 1200)
      for file in ["report.html", "estimates.csv", "covariance.csv"] {
        #expect(FileManager.default.fileExists(atPath: folder.appending(path: "sobol/\(file)").path))
      }
      let grouped = try run(
        "expect sobol --model ./model.sh --inputs inputs.json --budget 400 --groups x,y --output 2",
        in: folder)
      #expect(grouped.status == 0 && grouped.output.contains("x,y"), "\(grouped.error)")
    }
  }

  @Test("one sample serves many laws, and its density another study")
  func laws() throws {
    try withModel { folder in
      try Data("x.mean,x~y\n2,0\n3,0.5\n4,-0.5\n".utf8).write(to: folder.appending(path: "laws.csv"))
      let outcome = try run(
        "expect run --model ./sum.sh --inputs inputs.json --laws laws.csv --budget 600 --out laws --json",
        in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      let object = try outcome.object()
      let values = try #require(object["estimates"] as? [Double])
      let errors = try #require(object["standard_errors"] as? [Double])
      for (j, truth) in [3.0, 4, 5].enumerated() { #expect(abs(values[j] - truth) < 5 * errors[j]) }
      let again = try run(
        "expect reuse --density laws/density.json --model ./model.sh --inputs inputs.json --budget 400 --json",
        in: folder)
      #expect(again.status == 0, "\(again.error)")
      #expect(again.output.contains(#""stop": "given""#))
      let other = try run(
        "expect reuse --density laws/density.json --model ./model.sh --inputs other.json", in: folder)
      #expect(other.status == 65 && other.error.contains("x, y"), "\(other.error)")
    }
  }

  @Test("a study that was stopped goes on from its journal")
  func journal() throws {
    try withModel { folder in
      let command =
        "expect run --model ./model.sh --inputs inputs.json --budget 200 --journal runs.jsonl --json"
      let whole = try run(command, in: folder)
      #expect(whole.status == 0, "\(whole.error)")
      let file = folder.appending(path: "runs.jsonl")
      let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      // Its header, and a line a run.
      #expect(lines.count == 201)
      // As a stop in the middle of a line leaves it.
      let kept = lines.prefix(91).joined(separator: "\n") + "\n" + lines[91].prefix(10)
      try Data(kept.utf8).write(to: file)
      let rest = try run(command, in: folder)
      #expect(rest.status == 0, "\(rest.error)")
      func estimates(_ outcome: Outcome) throws -> [Double] {
        try #require(try outcome.object()["estimates"] as? [Double])
      }
      #expect(try estimates(rest) == estimates(whole))
      #expect(rest.output.contains(#""runs": 110"#) && rest.output.contains(#""runs_recalled": 90"#))
      #expect(try String(contentsOf: file, encoding: .utf8).split(separator: "\n").count == 201)
      for other in [
        command.replacingOccurrences(of: "model.sh", with: "sum.sh"),
        command.replacingOccurrences(of: "inputs.json", with: "other.json"),
      ] {
        let refused = try run(other, in: folder)
        #expect(refused.status == 65 && refused.error.contains("runs.jsonl:1"), "\(refused.error)")
      }
      for text in ["hello\n", "a note without an end"] {
        try Data(text.utf8).write(to: file)
        let bad = try run(command, in: folder)
        #expect(bad.status == 65 && bad.error.contains("runs.jsonl:1"), "\(bad.error)")
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
      }
    }
  }

  static let mistakes: [Mistake] = [
    Mistake("no inputs", "expect run --model ./model.sh --inputs none.json", 66, "none.json"),
    Mistake("bad law", "expect run --model ./model.sh --inputs bad.json", 65, "bad.json", "uniform"),
    Mistake(
      "law without numbers", "expect run --model ./model.sh --inputs half.json", 65, "half.json, x",
      "deviation"),
    Mistake("no number", "expect run --model ./words.sh --inputs inputs.json", 65, "hello", "a number"),
    Mistake(
      "small budget", "expect run --model ./model.sh --inputs inputs.json --budget 20", 64, "at least 100"),
    Mistake(
      "negative weight", "expect run --model ./model.sh --inputs inputs.json --weights 1,-1", 64, "weight 2"),
    Mistake(
      "other outputs", "expect sobol --model ./model.sh --inputs inputs.json --output 3 --budget 400", 64,
      "answers 2"),
    Mistake(
      "no such input", "expect sobol --model ./model.sh --inputs inputs.json --groups x,v", 64, "v", "x, y"),
    Mistake(
      "dependent inputs", "expect sobol --model ./model.sh --inputs pair.json", 65, "pair.json",
      "independent"),
    Mistake(
      "two outputs under laws", "expect run --model ./model.sh --inputs inputs.json --laws two.csv", 65,
      "2 values"),
    Mistake(
      "two outputs under one law", "expect run --model ./model.sh --inputs inputs.json --laws single.csv", 65,
      "2 values"),
    Mistake(
      "no groups", "expect sobol --model ./model.sh --inputs inputs.json --groups ;", 64, "names of inputs"),
    Mistake(
      "lines too many", "expect run --model ./twice.sh --inputs inputs.json", 65, "more answers than"),
    Mistake(
      "laws of no input", "expect run --model ./sum.sh --inputs inputs.json --laws none-of.csv", 65, "v.mean"),
    Mistake(
      "no density", "expect reuse --density no.json --model ./model.sh --inputs inputs.json", 66, "no.json"),
    Mistake(
      "no such density", "expect reuse --density inputs.json --model ./model.sh --inputs inputs.json", 65,
      "density.json"),
  ]

  @Test("mistakes are told with their place", arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    try withModel { folder in
      try Data("[1]".utf8).write(to: folder.appending(path: "bad.json"))
      try Data(#"[{"name": "x", "law": "normal", "mean": 3}]"#.utf8).write(
        to: folder.appending(path: "half.json"))
      let pair =
        #"{"inputs": [{"name": "x", "law": "uniform", "low": 0, "high": 1}, {"name": "y", "law": "uniform", "low": 0, "high": 1}], "correlations": [{"between": ["x", "y"], "value": 0.5}]}"#
      try Data(pair.utf8).write(to: folder.appending(path: "pair.json"))
      try Data("x.mean\n1\n2\n3\n".utf8).write(to: folder.appending(path: "two.csv"))
      try Data("x.mean\n1\n".utf8).write(to: folder.appending(path: "single.csv"))
      try Data("v.mean\n1\n".utf8).write(to: folder.appending(path: "none-of.csv"))
      let words = folder.appending(path: "words.sh")
      try Data("#!/bin/sh\nwhile read -r line; do echo hello; done\n".utf8).write(to: words)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: words.path)
      let twice = folder.appending(path: "twice.sh")
      try Data("#!/bin/sh\nwhile read -r line; do printf '1\\n2\\n3\\n'; done\n".utf8).write(to: twice)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: twice.path)
      let outcome = try Program.run(mistake.arguments, in: folder)
      #expect(outcome.status == mistake.status, "\(outcome.error)")
      for word in mistake.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      #expect(outcome.output.isEmpty)
    }
  }
}
