import Foundation
import Testing

@Suite("likely effect", .enabled(if: Program.isBuilt, Program.advice))
struct EffectCommandTests {
  /// - Parameter strength: by how much more often, in percent, rows with the instrument are exposed.
  static func table(_ rows: Int = 800, strength: Int = 40) -> String {
    var text = "age,site,z,a,y\n"
    for i in 0..<rows {
      let age = Double(i * 37 % 100) / 50 - 1
      let z = i % 2
      let hidden = i / 2 % 2
      let a = (i * 61 % 100) < 12 + strength * z + 6 * hidden ? 1 : 0
      let y = Double(a) * (1 + age) + Double(z) + 2 * Double(hidden) + sin(Double(i))
      text += "\(age),\(i % 3 == 0 ? "north" : "south"),\(z),\(a),\(y)\n"
    }
    return text
  }

  private func run(_ line: String, in folder: URL) throws -> Outcome {
    try Program.run(line.split(separator: " ").map(String.init), in: folder)
  }

  @Test("an estimate names its learners, writes influence values, and is the same on any number of threads")
  func estimate() throws {
    try withTemporaryFolder { folder in
      try Data(Self.table().utf8).write(to: folder.appending(path: "study.csv"))
      let line = "effect estimate --data study.csv --y y --a a --z z --learners lin,const,poly:2"
      let one = try run("\(line) --threads 1 --out page", in: folder)
      #expect(one.status == 0, "\(one.error)")
      #expect(one.output.contains("learners: π") && one.output.contains("two-stage least squares"))
      let rows = try String(contentsOf: folder.appending(path: "page/influence.csv"), encoding: .utf8)
        .split(separator: "\n")
      #expect(rows.count == 801)
      let json = try run("\(line) --threads 2 --json", in: folder)
      let object = try json.object()
      #expect((object["choices"] as? [Any])?.count == 27)
      // Products of large matrices round otherwise with more threads; what is printed for people does not show it.
      let shown = try run("\(line) --threads 1", in: folder).output
      #expect(try run("\(line) --threads 2", in: folder).output == shown)
      let choice = try #require(object["learners"] as? [String: String])
      #expect(Set(choice.keys) == ["pi", "p", "delta", "mu", "eta"])
      #expect((object["sensitivity"] as? [Double])?.count == 2)
      let all = try String(contentsOf: folder.appending(path: "page/choices.csv"), encoding: .utf8)
      #expect(all.split(separator: "\n").count == 28)
      let shares = try run(
        "effect estimate --data study.csv --y y --a a --z z --learners lin,boosted-logistic --json",
        in: folder
      ).object()
      #expect((shares["choices"] as? [Any])?.count == 4)
      let resampled = try run("effect estimate --data study.csv --y y --a a --z z --bootstrap 20", in: folder)
      #expect(resampled.output.contains("resampled, choice and all"))
    }
  }

  static let mistakes: [Mistake] = [
    Mistake("two roles", "effect estimate --data big.csv --y y --a a --z a", 64, "--a", "--z", "one role"),
    Mistake(
      "outcome as covariate", "effect estimate --data big.csv --y y --a a --z z --columns y,age", 64, "--y",
      "--columns"),
    Mistake(
      "a learner of quantiles",
      "effect estimate --data big.csv --y y --a a --z z --learners lin,quantile:0.5",
      64, "quantile:0.5", "means"),
    Mistake(
      "a forest of quantiles", "effect estimate --data big.csv --y y --a a --z z --learners forest:0.9", 64,
      "forest:0.9", "means"),
    Mistake(
      "shares alone", "effect estimate --data big.csv --y y --a a --z z --learners boosted-logistic", 64,
      "boosted-logistic", "shares"),
    Mistake(
      "no relevance", "effect estimate --data weak.csv --y y --a a --z z --floor 0.1", 65, "the effect",
      "below its floor 0.1", "variance relevance"),
    Mistake(
      "one-sided resamples", "effect estimate --data big.csv --y y --a a --z z --one-sided --bootstrap 20",
      64,
      "--one-sided", "--bootstrap"),
    Mistake("no file", "effect estimate --data none.csv --y y --a a --z z", 66, "none.csv"),
    Mistake("no column", "effect estimate --data t.csv --y w --a a --z z", 64, "\"w\"", "one of the"),
    Mistake("not binary", "effect estimate --data t.csv --y y --a x --z z", 65, "t.csv:2, x", "0 or 1"),
    Mistake("small cell", "effect estimate --data t.csv --y y --a a --z z", 65, "cell", "at least 10"),
    Mistake("missing", "effect estimate --data gap.csv --y y --a a --z z", 65, "gap.csv:3, y", "missing"),
    Mistake(
      "unknown learner", "effect estimate --data big.csv --y y --a a --z z --learners tree", 64, "tree",
      "boosted"),
    Mistake("bad degree", "effect estimate --data big.csv --y y --a a --z z --learners poly:9", 64, "poly:9"),
    Mistake(
      "one-sided it is not", "effect estimate --data big.csv --y y --a a --z z --one-sided", 65, "--one-sided"
    ),
    Mistake("too many folds", "effect estimate --data big.csv --y y --a a --z z --folds 900", 64, "folds"),
  ]

  @Test("mistakes are told with their place and the way out, and nothing is written", arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    try withTemporaryFolder { folder in
      let files = [
        "t.csv": "x,z,a,y\n0.5,0,1,2\n1.5,1,0,3\n0.1,0,0,1\n1.1,1,1,2\n", "gap.csv": "z,a,y\n0,1,2\n1,0,\n",
        "big.csv": Self.table(), "weak.csv": Self.table(strength: 0),
      ]
      for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
      let outcome = try Program.run(mistake.arguments, in: folder)
      #expect(outcome.status == mistake.status, "\(outcome.error)")
      for word in mistake.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      #expect(outcome.output.isEmpty)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == files.count)
    }
  }
}
