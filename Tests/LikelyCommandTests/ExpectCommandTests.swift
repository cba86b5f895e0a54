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
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
      let values = try #require(object["estimates"] as? [Double])
      let errors = try #require(object["standard_errors"] as? [Double])
      // E s = 4, Var s = 1 + 1/3.
      for (j, truth) in [4, 16 + 4.0 / 3].enumerated() { #expect(abs(values[j] - truth) < 5 * errors[j]) }
      #expect(object["runs"] as? Int == 300)
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
  ]

  @Test("mistakes are told with their place", arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    try withModel { folder in
      try Data("[1]".utf8).write(to: folder.appending(path: "bad.json"))
      try Data(#"[{"name": "x", "law": "normal", "mean": 3}]"#.utf8).write(
        to: folder.appending(path: "half.json"))
      let words = folder.appending(path: "words.sh")
      try Data("#!/bin/sh\nwhile read -r line; do echo hello; done\n".utf8).write(to: words)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: words.path)
      let outcome = try Program.run(mistake.arguments, in: folder)
      #expect(outcome.status == mistake.status, "\(outcome.error)")
      for word in mistake.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      #expect(outcome.output.isEmpty)
    }
  }
}
