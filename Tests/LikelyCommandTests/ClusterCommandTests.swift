import Foundation
import Likely
import Testing

@Suite("likely cluster", .enabled(if: Program.isBuilt, Program.advice))
struct ClusterCommandTests {
  /// Two long clusters, names and kinds.
  static func table(_ rows: Int = 48) -> String {
    var text = "name,a,b,kind,w\n"
    for i in 0..<rows {
      let (u, v) = (sin(Double(i) * 1.7), cos(Double(i) * 2.9))
      let isFirst = i % 2 == 0
      let a = isFirst ? 4 * u : 0.4 * u + 8
      let b = isFirst ? 0.4 * v : 4 * v + 6
      text += "row\(i),\(a),\(b),\(isFirst ? "flat" : "tall"),\(1 + i % 3)\n"
    }
    return text
  }

  /// The numbers alone.
  static func numbers() -> String {
    table().split(separator: "\n").map { line in
      line.split(separator: ",")[1...2].joined(separator: ",") + "\n"
    }.joined()
  }

  /// 30 rows that are the same, and 30 far from them.
  static func copies() -> String {
    var text = "x,y\n"
    for i in 0..<60 {
      let (u, v) = (50 + sin(Double(i) * 1.7), 50 + cos(Double(i) * 2.9))
      text += i < 30 ? "0.1,0.3\n" : "\(u),\(v)\n"
    }
    return text
  }

  private func run(_ line: String, in folder: URL) throws -> Outcome {
    try Program.run(line.split(separator: " ").map(String.init), in: folder)
  }

  private func object(_ outcome: Outcome) throws -> [String: Any] {
    #expect(outcome.status == 0, "\(outcome.error)")
    return try outcome.object()
  }

  private let data = "--data t.csv --columns a,b --id name --truth kind"

  @Test("a fit is certified, right, written in the rows' order, and predicts")
  func fit() throws {
    try withTemporaryFolder { folder in
      try Data(Self.table().utf8).write(to: folder.appending(path: "t.csv"))
      let shown = try run("cluster fit \(data) --k 2 --out run --memberships z.npy --threads 1", in: folder)
      #expect(shown.status == 0, "\(shown.error)")
      #expect(shown.output.contains("global maximum-likelihood labels") && shown.output.contains("error 0,"))
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "z.npy").path))
      let lines = try String(contentsOf: folder.appending(path: "run/labels.csv"), encoding: .utf8)
        .split(separator: "\n")
      #expect(lines.count == 49 && lines[0] == "row,cluster,outlier" && lines[1].hasPrefix("row0,"))
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "run/report.html").path))
      let predicted = try run(
        "cluster predict run --data t.csv --id name --truth kind --out p.csv", in: folder)
      #expect(predicted.output.contains("error 0,"), "\(predicted.error)")
      let again = try object(try run("cluster fit \(data) --k 2 --labels run/labels.csv --json", in: folder))
      #expect(again["is_certified"] as? Bool == true && (again["labels"] as? [Int])?.count == 48)
    }
  }

  @Test("a range of K is judged by BIC; families, weights, pairs, parts and outliers are taken")
  func options() throws {
    try withTemporaryFolder { folder in
      try Data(Self.table().utf8).write(to: folder.appending(path: "t.csv"))
      try Data("one,other\nrow0,row2\n".utf8).write(to: folder.appending(path: "pairs.csv"))
      let range = try object(try run("cluster fit \(data) --k 2-3 --json", in: folder))
      let choices = try #require(range["choices"] as? [[String: Double]])
      let best = try #require(choices.max { ($0["bic"] ?? 0) < ($1["bic"] ?? 0) })
      #expect(choices.count == 2 && range["clusters"] as? Int == best["clusters"].map { Int($0) })
      for more in [
        "--family diagonal", "--weights w", "--together pairs.csv", "--subsample 40 --parts 2",
        "--outliers 0.05",
        "--project 1 --family spherical", "--time-limit 60 --start ward --no-polish",
      ] {
        let found = try object(try run("cluster fit \(data) --k 2 \(more) --json", in: folder))
        #expect((found["labels"] as? [Int])?.count == 48, "\(more)")
      }
      let apart = try object(try run("cluster fit \(data) --k 2 --apart pairs.csv --json", in: folder))
      let labels = try #require(apart["labels"] as? [Int])
      #expect(labels[0] != labels[2])
    }
  }

  @Test("a K without a fit leaves the others, of which one cluster may be one")
  func range() throws {
    try withTemporaryFolder { folder in
      let lone = "x,y\n1,2\n2,1\n1.5,3\n2.2,0\n9,8\n8,9\n7,9.5\n9.5,7\n"
      try Data(lone.utf8).write(to: folder.appending(path: "lone.csv"))
      let found = try object(try run("cluster fit --data lone.csv --k 1-9 --start ward --json", in: folder))
      let fits = try #require(found["choices"] as? [[String: Any]])
      let failures = try #require(found["failures"] as? [[String: Any]])
      #expect(fits.count >= 2 && fits[0]["clusters"] as? Int == 1 && fits.count + failures.count == 9)
      #expect((failures.last?["error"] as? String)?.contains("9 clusters of 8 rows") == true)
      let shown = try run("cluster fit --data lone.csv --k 1-9 --start ward", in: folder)
      #expect(shown.output.contains("failed") && shown.error.contains("K = 9 is left out"))
    }
  }

  @Test("a comparison goes on where a method's labels have a cluster of identical rows")
  func identicalRows() throws {
    try withTemporaryFolder { folder in
      try Data(Self.copies().utf8).write(to: folder.appending(path: "copies.csv"))
      let found = try run(
        "cluster compare --data copies.csv --k 2 --methods kmeans,em-full,ila-sdp", in: folder)
      #expect(found.status == 0 && found.error.contains("ila-sdp: 2 clusters"), "\(found.error)")
      #expect(found.output.contains("–") && found.output.contains("kmeans"))
    }
  }

  static let hasIris: Bool = {
    guard let set = try? DataCatalogue.dataSet(named: "iris") else { return false }
    return (try? DataCatalogue.file(of: set)) != nil
  }()

  @Test("the classes of a data set are compared with, and are no column", .enabled(if: hasIris))
  func classes() throws {
    try withTemporaryFolder { folder in
      let found = try object(try run("cluster fit --data data:iris --k 3 --start ward --json", in: folder))
      let means = try #require(found["means"] as? [[Double]])
      #expect(means.allSatisfy { $0.count == 4 } && found["adjusted_rand_index"] is Double)
      let dropped = try object(
        try run("cluster fit --data data:iris --drop species --k 3 --start ward --json", in: folder))
      #expect(dropped["adjusted_rand_index"] == nil)
      #expect(dropped["labels"] as? [Int] == found["labels"] as? [Int])
    }
  }

  @Test("the methods are compared, with the true labels where there are some")
  func compare() throws {
    try withTemporaryFolder { folder in
      try Data(Self.table().utf8).write(to: folder.appending(path: "t.csv"))
      let outcome = try run("cluster compare \(data) --k 2", in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      for word in ["kmeans", "ward", "spectral", "sdp", "em-full", "ila-sdp", "ARI"] {
        #expect(outcome.output.contains(word))
      }
    }
  }

  static let mistakes: [Mistake] = [
    Mistake(
      "two roles", "cluster fit --data t.csv --k 2 --truth y --columns x,y", 64, "--truth", "--columns", "y"),
    Mistake("a column twice", "cluster fit --data t.csv --k 2 --columns x,x", 64, "--columns", "twice"),
    Mistake(
      "dropped and used", "cluster fit --data t.csv --k 2 --columns x --drop x", 64, "--columns", "--drop"),
    Mistake(
      "identical rows", "cluster fit --data copies.csv --k 2 --start ward,kmeans", 65, "30 rows", "line 2",
      "duplicates"),
    Mistake("no fit of any", "cluster fit --data t.csv --k 9-10", 64, "9 clusters of 8 rows"),
    Mistake(
      "two rows of a name", "cluster fit --data named.csv --id n --k 2 --together twice.csv", 65,
      "twice.csv:2", "\"u\"", "2 rows"),
    Mistake(
      "pairs that contradict", "cluster fit --data named.csv --id n --k 2 --together p.csv --apart p.csv", 64,
      "v and w"),
    Mistake("no file", "cluster fit --data none.csv --k 2", 66, "none.csv"),
    Mistake("no column", "cluster fit --data t.csv --k 2 --columns x,q", 64, "\"q\"", "one of the"),
    Mistake("one cluster", "cluster fit --data t.csv --k 1", 64, "--k 1"),
    Mistake("no number", "cluster fit --data t.csv --k two", 64, "--k two"),
    Mistake("too many clusters", "cluster fit --data t.csv --k 9", 64, "9 clusters of 8 rows"),
    Mistake("words", "cluster fit --data words.csv --k 2", 65, "words.csv:2, y", "\"red\""),
    Mistake("missing", "cluster fit --data gap.csv --k 2", 65, "gap.csv:3, y", "missing"),
    Mistake("infinite", "cluster fit --data infinite.csv --k 2", 65, "infinite.csv:3, y"),
    Mistake("constant", "cluster fit --data constant.csv --k 2", 65, "y", "the same number"),
    Mistake("collinear", "cluster fit --data double.csv --k 2 --project none", 65, "y", "determine"),
    Mistake("unknown start", "cluster fit --data t.csv --k 2 --start rows", 64, "--start rows", "ward"),
    Mistake("short labels", "cluster fit --data t.csv --k 2 --labels short.csv", 65, "short.csv", "2 labels"),
    Mistake("few labels", "cluster fit --data t.csv --k 3 --labels two.csv", 65, "2 different labels"),
    Mistake("duplicates", "cluster fit --data same.csv --k 3", 65, "different rows"),
    Mistake("unknown pair", "cluster fit --data t.csv --k 2 --together pair.csv", 65, "pair.csv:2", "\"99\""),
    Mistake("small part", "cluster fit --data t.csv --k 2 --subsample 2", 64, "subsample"),
    Mistake("no directions", "cluster fit --data t.csv --k 2 --project 7", 64, "project"),
    Mistake("no time", "cluster fit --data t.csv --k 2 --time-limit 0", 64, "--time-limit"),
    Mistake("no model", "cluster predict none --data t.csv", 66, "none/model.json"),
    Mistake("not a model", "cluster predict bad.json --data t.csv", 65, "bad.json"),
    Mistake("unknown method", "cluster compare --data t.csv --k 2 --methods tree", 64, "tree", "ward"),
    Mistake("a range to compare", "cluster compare --data t.csv --k 2-3", 64, "--k 2-3"),
  ]

  @Test("mistakes are told with their place and the way out, and nothing is written", arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    try withTemporaryFolder { folder in
      let rows = [(1, 2), (2, 1), (1.5, 3), (2.2, 0), (9, 8), (8, 9), (7, 9.5), (9.5, 7)]
      func csv(_ y: (Int) -> String) -> String {
        "x,y\n" + rows.indices.map { "\(rows[$0].0),\(y($0))\n" }.joined()
      }
      var named = "n,x,y\n"
      for (name, row) in zip("uvwuqrst", rows) { named += "\(name),\(row.0),\(row.1)\n" }
      let files = [
        "t.csv": csv { "\(rows[$0].1)" }, "words.csv": csv { _ in "red" },
        "gap.csv": csv { $0 == 1 ? "" : "\(rows[$0].1)" },
        "infinite.csv": csv { $0 == 1 ? "1e999" : "\(rows[$0].1)" },
        "constant.csv": csv { _ in "3" }, "double.csv": csv { "\(2 * rows[$0].0)" },
        "short.csv": "cluster\n1\n2\n", "two.csv": "cluster\n1\n1\n1\n1\n2\n2\n2\n2\n",
        "same.csv": "x,y\n1,2\n1,2\n3,5\n3,5\n4,4\n4,4\n", "pair.csv": "a,b\n2,99\n", "bad.json": "{}",
        "twice.csv": "a,b\nu,v\n", "p.csv": "a,b\nv,w\n", "copies.csv": Self.copies(),
        "named.csv": named,
      ]
      for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
      let outcome = try Program.run(mistake.arguments + ["--quiet"], in: folder)
      #expect(outcome.status == mistake.status, "\(outcome.error)")
      for word in mistake.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      #expect(outcome.output.isEmpty)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == files.count)
    }
  }
}
