import Foundation
import Testing

@Suite("likely effect", .enabled(if: Program.isBuilt, Program.advice))
struct EffectCommandTests {
  static func table(_ rows: Int = 800) -> String {
    var text = "age,site,z,a,y\n"
    for i in 0..<rows {
      let age = Double(i * 37 % 100) / 50 - 1
      let z = i % 2
      let hidden = i / 2 % 2
      let a = (i * 61 % 100) < 12 + 40 * z + 6 * hidden ? 1 : 0
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
      let resampled = try run("effect estimate --data study.csv --y y --a a --z z --bootstrap 20", in: folder)
      #expect(resampled.output.contains("resampled, choice and all"))
    }
  }

  static let mistakes: [Mistake] = [
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
        "big.csv": Self.table(),
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
