import Foundation
import Testing

@Suite("likely select", .enabled(if: Program.isBuilt, Program.advice))
struct SelectCommandTests {
  /// 300 rows: two predictions, one good, of a label.
  private static func table(_ shift: Int) -> String {
    var text = "name,x1,x2,good,poor,scale,label\n"
    for i in 0..<300 {
      let k = i + shift
      let (x1, x2) = (sin(Double(k) * 1.3), cos(Double(k) * 2.1))
      let label = x1 + 0.5 * x2 + 0.3 * sin(Double(k) * 7.7)
      text +=
        "row\(k),\(x1),\(x2),\(x1 + 0.5 * x2),\(sin(Double(k) * 5.1)),\(0.1 + 0.01 * Double(k % 7)),\(label)\n"
    }
    return text
  }

  private func run(_ line: String, in folder: URL) throws -> Outcome {
    try Program.run(line.split(separator: " ").map(String.init), in: folder)
  }

  private func withTables(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      for (name, shift) in [("a.csv", 0), ("b.csv", 1000)] {
        try Data(Self.table(shift).utf8).write(to: folder.appending(path: name))
      }
      try body(folder)
    }
  }

  private let source = "--units a.csv --candidates b.csv --label label --threshold 0.8"

  @Test("predictions, ratios and learners select mostly right candidates, named by --id")
  func run() throws {
    try withTables { folder in
      for options in [
        "--predictions good,poor", "--predictions good/scale", "--features x1,x2",
        "--predictions good --method cs",
      ] {
        let outcome = try run(
          "select run \(source) \(options) --q 0.1,0.3 --id name --out s.csv --json", in: folder)
        #expect(outcome.status == 0, "\(outcome.error)")
        let object = try outcome.object()
        let selections = try #require(object["selections"] as? [[String: Any]])
        let sizes = selections.compactMap { $0["size"] as? Int }
        #expect(sizes.count == 2 && sizes[1] >= 20, "\(options): \(sizes)")
        let labels = try String(contentsOf: folder.appending(path: "b.csv"), encoding: .utf8).split(
          separator: "\n"
        )
        .dropFirst().map { $0.split(separator: ",") }
        let truth = Dictionary(uniqueKeysWithValues: labels.map { (String($0[0]), Double($0[6])! > 0.8) })
        let chosen = try #require(selections[1]["selected"] as? [String])
        #expect(Double(chosen.count { truth[$0] == false }) <= 0.4 * Double(chosen.count))
        let lines = try String(contentsOf: folder.appending(path: "s.csv"), encoding: .utf8).split(
          separator: "\n")
        #expect(lines.count == 601 && lines[0] == "id,q,selected,p,e,R,model")
      }
    }
  }

  @Test("small labels are selected with the other direction, and halves of labelled rows are read")
  func evaluate() throws {
    try withTables { folder in
      let small = try run(
        "select evaluate --data a.csv --label label --threshold -0.8 --direction small --predictions good --q 0.2 --repetitions 20 --out page",
        in: folder)
      #expect(small.status == 0, "\(small.error)")
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "page/report.html").path))
      let line =
        "select evaluate --data a.csv --label label --threshold 0.8 --features x1,x2 --q 0.2 --repetitions 6 --json"
      #expect(
        try run(line + " --threads 1", in: folder).output == run(line + " --threads 2", in: folder).output)
    }
  }

  @Test("baselines are there to compare, the one that is not valid told so, and ties are counted")
  func baselines() throws {
    try withTables { folder in
      for method in ["naive", "split", "random"] {
        let line =
          "select run \(source) --predictions good,poor --q 0.3 --method \(method) --out s.csv --json"
        let outcome = try run(line, in: folder)
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.error.contains("not held") == (method == "naive"))
        let object = try outcome.object()
        #expect(object["tied_share"] as? Double == 0)
      }
      let tied = try run(
        "select run --units a.csv --candidates a.csv --label label --threshold 0.8 --predictions good",
        in: folder)
      #expect(tied.output.contains("100 % of the candidates are tied"))
    }
  }

  @Test("a threshold that nobody passes is told, and so is a level that nothing can reach")
  func warnings() throws {
    try withTables { folder in
      let outcome = try run(
        "select run --units a.csv --candidates b.csv --label label --threshold 9 --predictions good --q 0.001",
        in: folder)
      #expect(outcome.status == 0)
      #expect(outcome.error.contains("no labelled unit passes") && outcome.error.contains("(n + 1) q"))
    }
  }

  static let mistakes: [Mistake] = [
    Mistake("no file", "select run --units none.csv --candidates t.csv --label y", 66, "none.csv"),
    Mistake("no label", "select run --units t.csv --candidates t.csv --label z", 64, "\"z\""),
    Mistake("bad level", "select run --units t.csv --candidates t.csv --label y --q 1.5", 64, "--q 1.5"),
    Mistake(
      "missing label", "select run --units gap.csv --candidates t.csv --label y", 65, "gap.csv:3, y",
      "missing"),
    Mistake(
      "unknown learner", "select run --units t.csv --candidates t.csv --label y --learners tree", 64, "tree",
      "forest"),
    Mistake(
      "a method without predictions", "select run --units t.csv --candidates t.csv --label y --method msel",
      64,
      "--predictions"),
    Mistake(
      "full with predictions",
      "select run --units t.csv --candidates t.csv --label y --predictions x --method full", 64,
      "--method full"),
    Mistake(
      "one model of two",
      "select run --units t.csv --candidates t.csv --label y --predictions x,y --method cs", 64, "msel"),
    Mistake(
      "missing column", "select run --units t.csv --candidates other.csv --label y --predictions x", 64,
      "other.csv", "\"x\""),
    Mistake(
      "scales of nothing", "select run --units zero.csv --candidates zero.csv --label y --predictions x/s",
      65, "no scale above 0"),
    Mistake("too few rows", "select evaluate --data gap.csv --label y --repetitions 1", 64, "--repetitions"),
  ]

  @Test("mistakes are told with their place and the way out, and nothing is written", arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    try withTemporaryFolder { folder in
      let files = [
        "t.csv": "x,y\n1,0\n2,1\n3,0\n4,1\n", "gap.csv": "x,y\n1,0\n2,\n", "other.csv": "w\n1\n2\n",
        "zero.csv": "x,s,y\n1,0,0\n2,0,1\n",
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
