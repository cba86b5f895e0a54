import Foundation
import Testing

/// A diagram, counts and networks for the examples of the help and for the tests here.
enum CausalInputs {
  static let smoking = "hidden H\ns : H -> S\nt : S -> T\nc : H, T -> C\n"
  static let counts = """
    S,T,C,count
    0,0,0,500
    0,0,1,100
    0,1,0,10
    0,1,1,20
    1,0,0,100
    1,0,1,50
    1,1,0,20
    1,1,1,200

    """
  static let lawn = """
    variable Rain { type discrete [ 2 ] { no, yes }; }
    variable Sprinkler { type discrete [ 2 ] { off, on }; }
    variable Wet { type discrete [ 2 ] { no, yes }; }
    probability ( Rain ) { table 0.8, 0.2; }
    probability ( Sprinkler | Rain ) { (no) 0.6, 0.4; (yes) 0.99, 0.01; }
    probability ( Wet | Sprinkler, Rain ) {
      (off, no) 1, 0; (off, yes) 0.2, 0.8; (on, no) 0.1, 0.9; (on, yes) 0.01, 0.99;
    }

    """
  static let flip = """
    variable X { type discrete [ 2 ] { 0, 1 }; }
    variable U { type discrete [ 2 ] { 0, 1 }; }
    variable Y { type discrete [ 2 ] { 0, 1 }; }
    probability ( X ) { table 0.4, 0.6; }
    probability ( U ) { table 0.7, 0.3; }
    probability ( Y | X, U ) { (0, 0) 1, 0; (0, 1) 0, 1; (1, 0) 0, 1; (1, 1) 1, 0; }

    """

  static func write(to folder: URL) throws {
    for (name, text) in [
      ("smoke.txt", smoking), ("counts.csv", counts), ("lawn.bif", lawn), ("xor.bif", flip),
    ] {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
  }
}

@Suite("likely causal", .enabled(if: Program.isBuilt, Program.advice)) struct CausalCommandTests {
  private func run(_ line: String, _ files: [String: String] = [:]) throws -> Outcome {
    try withTemporaryFolder { folder in
      try CausalInputs.write(to: folder)
      for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
      return try Program.run(["causal"] + line.split(separator: " ").map(String.init), in: folder)
    }
  }

  private func json(_ line: String, _ files: [String: String] = [:]) throws -> [String: Any] {
    let outcome = try run(line + " --json", files)
    #expect(outcome.status == 0, "\(outcome.error)")
    return try outcome.object()
  }

  private func values(_ object: [String: Any], _ key: String = "value") throws -> [Double] {
    try #require(object["rows"] as? [[String: Any]]).map { $0[key] as? Double ?? .nan }
  }

  private func close(_ a: [Double], _ b: [Double], _ tolerance: Double = 1e-9) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance }
  }

  @Test("the smoking scenario from counts: formula, effect, and what is merely seen")
  func smoking() throws {
    let answer = try json("query --diagram smoke.txt --data counts.csv --do S --query C=1")
    #expect(close(try values(answer), [0.253477633478, 0.542297297297]))
    #expect(close(try values(answer, "seen"), [0.190476190476, 0.675675675676]))
    #expect(answer["formula"] as? String == "Σ_{T} P(T | S) Σ_{S′} P(S′) P(C | S′, T)")
    // The verb may be left out.
    let outcome = try run("--diagram smoke.txt --data counts.csv --do S=1 --query C")
    #expect(outcome.status == 0 && outcome.output.contains("0.542297"), "\(outcome.error)")
  }

  @Test("a comparison with intervals of every kind; the same seed gives the same")
  func comparison() throws {
    for method in ["--bootstrap 300", "--posterior 300 --smoothing 0.5", "--delta"] {
      let line = "query --diagram smoke.txt --data counts.csv --do S=1 --versus S=0 --query C \(method)"
      let answer = try json(line)
      let rows = try #require(answer["comparison"] as? [[String: Any]])
      #expect(rows.compactMap { $0["what"] as? String } == ["E[C], difference", "E[C], ratio"])
      let (value, from, to) = (
        rows[0]["value"] as! Double, rows[0]["from"] as! Double, rows[0]["to"] as! Double
      )
      #expect(abs(value - 0.28882) < 0.02 && from < value && value < to && to - from < 0.3)
      #expect(try run(line + " --json").output == run(line + " --json").output)
    }
  }

  @Test("records are read like counts, a diagram's order of states is kept, names are words")
  func records() throws {
    let records =
      "C,S,T\nill,yes,much\nwell,no,little\nill,yes,little\nwell,no,much\nwell,yes,much\nill,no,little\n"
    let files = ["r.csv": records, "d.txt": "states C = well, ill\n" + CausalInputs.smoking]
    let answer = try json("query --diagram d.txt --data r.csv --do S=yes --query C --smoothing 1", files)
    let rows = try #require(answer["rows"] as? [[String: Any]])
    #expect(rows.compactMap { ($0["states"] as? [String: String])?["C"] } == ["well", "ill"])
  }

  @Test("a network is cut, and with a hidden variable the formula is used on what was measured")
  func network() throws {
    let cut = try json("query --diagram lawn.bif --do Sprinkler=on --query Rain")
    #expect(cut["method"] as? String == "surgery")
    #expect(close(try values(cut), [0.8, 0.2]))
    let both = try json("query --diagram lawn.bif --do Sprinkler=on --given Wet=yes --query Rain=yes")
    #expect(close(try values(both), [0.2 * 0.99 / (0.2 * 0.99 + 0.8 * 0.9)]))
    let hidden = try json("query --diagram lawn.bif --hidden Wet --do Sprinkler --query Rain=yes")
    #expect(hidden["method"] as? String == "identification")
    #expect(close(try values(hidden), [0.2, 0.2]))
    let refused = try run("query --diagram lawn.bif --hidden Rain --do Sprinkler --query Wet")
    #expect(refused.status == 65 && refused.error.contains("Sprinkler ← Rain → Wet"))
    #expect(refused.error.contains("without --hidden"))
  }

  @Test("a policy and a soft intervention replace a box")
  func replacement() throws {
    let files = [
      "policy.csv": "Rain,Sprinkler\nno,on\nyes,off\n", "soft.csv": "Sprinkler,p\non,0.25\noff,0.75\n",
    ]
    let policy = try json("query --diagram lawn.bif --replace policy.csv --query Wet=yes", files)
    #expect(close(try values(policy), [0.8 * 0.9 + 0.2 * 0.8]))
    let soft = try json("query --diagram lawn.bif --replace soft.csv --query Wet=yes", files)
    #expect(close(try values(soft), [0.25 * (0.8 * 0.9 + 0.2 * 0.99) + 0.75 * 0.2 * 0.8]))
  }

  @Test("identify prints formulas as text, LaTeX and JSON, and a refusal with its witness")
  func identify() throws {
    let text = try run("identify --diagram smoke.txt --do S --query C")
    #expect(text.output.hasPrefix("P(C | do(S)) = Σ_{T} P(T | S)"))
    #expect(text.output.contains("{S, C} {T}"))
    #expect(try run("identify --diagram smoke.txt --do S --query C --latex").output.hasPrefix("\\sum_{T}"))
    let bow = ["bow.txt": "hidden U\nx : U -> X\ny : U, X -> Y\n"]
    let refused = try json("identify --diagram bow.txt --do X --query Y", bow)
    #expect(refused["identified"] as? Bool == false)
    #expect((refused["refusal"] as? [String: Any])?["path"] as? String == "X ← U → Y")
    let outcome = try run("identify --diagram bow.txt --do X --query Y", bow)
    #expect(outcome.status == 65 && outcome.error.contains("X ← U → Y") && outcome.output.isEmpty)
  }

  @Test("cut writes diagrams, and a network that is asked gives what the query gave")
  func cut() throws {
    try withTemporaryFolder { folder in
      try CausalInputs.write(to: folder)
      func likely(_ line: String) throws -> Outcome {
        try Program.run(["causal"] + line.split(separator: " ").map(String.init), in: folder)
      }
      let text = try likely("cut --diagram smoke.txt --do S --out drawn")
      #expect(text.status == 0 && text.output.contains("s : -> S"))
      for name in ["diagram.dot", "cut.dot"] {
        let dot = try String(contentsOf: folder.appending(path: "drawn/\(name)"), encoding: .utf8)
        #expect(dot.hasPrefix("digraph") && dot.contains("triangle") == (name == "cut.dot"))
      }
      let bif = try likely("cut --diagram lawn.bif --do Sprinkler=on --format bif")
      try Data(bif.output.utf8).write(to: folder.appending(path: "on.bif"))
      let answer = try likely("query --diagram on.bif --query Wet")
      let direct = try likely("query --diagram lawn.bif --do Sprinkler=on --query Wet")
      #expect(answer.output.contains("0.918") && direct.output.contains("0.918"))
      #expect(try likely("cut --diagram smoke.txt --format term").output.contains("copy(H)"))
      #expect(try likely("cut --diagram smoke.txt --format bif").status == 64)
    }
  }

  @Test("check tells where data contradict the diagram, and query warns of it")
  func check() throws {
    let files = ["chain.txt": "s : -> S\nt : S -> T\nc : T -> C\n"]
    let outcome = try run("check --diagram chain.txt --data counts.csv", files)
    #expect(outcome.status == 0 && outcome.output.contains("C ⫫ S | T"), "\(outcome.error)")
    #expect(outcome.error.contains("data and diagram disagree: C ⫫ S | T is off by"))
    let query = try run("query --diagram chain.txt --data counts.csv --do S --query C", files)
    #expect(query.status == 0 && query.error.contains("data and diagram disagree"))
    #expect(try run("check --diagram smoke.txt --data counts.csv").error.isEmpty)
    let network = try json("check --diagram lawn.bif")
    #expect((network["independences"] as? [Any])?.count == 0)
  }

  @Test("the counterfactual of a flip is certain")
  func counterfactual() throws {
    let line = "counterfactual --diagram xor.bif --do X=1 --query Y"
    let answer = try json(line + " --given X=0,Y=1 --out twin")
    #expect(close(try values(answer, "probability"), [1, 0]))
    #expect(close(try values(try json(line), "probability"), [0.3, 0.7]))
  }

  @Test("gaps are told and left out, or filled")
  func gaps() throws {
    let files = ["gaps.csv": CausalInputs.counts + "1,,1,100\n0,NA,0,50\n"]
    let left = try run("query --diagram smoke.txt --data gaps.csv --do S --query C", files)
    #expect(left.error.contains("150 of 1150 records have gaps"))
    let filled = try run("query --diagram smoke.txt --data gaps.csv --do S --query C --missing em", files)
    #expect(filled.status == 0 && filled.output.contains("1150 records") && filled.output != left.output)
  }

  @Test("a page has the answer, its plots and the diagrams")
  func page() throws {
    try withTemporaryFolder { folder in
      try CausalInputs.write(to: folder)
      let line =
        "query --diagram smoke.txt --data counts.csv --do S=1 --versus S=0 --query C --bootstrap 100 --out page"
      let outcome = try Program.run(["causal"] + line.split(separator: " ").map(String.init), in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      let page = try String(contentsOf: folder.appending(path: "page/report.html"), encoding: .utf8)
      #expect(page.contains("P(C | do(S))") && page.contains("Comparison"))
      for name in [
        "plots/effect.vl.json", "plots/resamples.vl.json", "diagram.dot", "cut.dot", "report.json",
      ] {
        #expect(FileManager.default.fileExists(atPath: folder.appending(path: "page/\(name)").path))
      }
    }
  }

  static let mistakes: [(line: String, status: Int32, words: [String])] = [
    ("query --diagram nowhere.txt --query C", 66, ["nowhere.txt"]),
    ("query --diagram smoke.txt --do S --query C", 64, ["--data"]),
    ("query --diagram smoke.txt --data nowhere.csv --do S --query C", 66, ["nowhere.csv"]),
    ("query --diagram smoke.txt --data counts.csv --do Q --query C", 64, ["do Q", "H, S, T, C"]),
    ("query --diagram smoke.txt --data counts.csv --do S=7 --query C", 64, ["variable S", "7", "0, 1"]),
    ("query --diagram smoke.txt --data counts.csv --do S --query C=9", 64, ["variable C", "9"]),
    ("query --diagram smoke.txt --data counts.csv --do S --query S", 64, ["query S", "do as well"]),
    ("query --diagram smoke.txt --data counts.csv --do H --query C", 64, ["do H", "hidden"]),
    ("query --diagram smoke.txt --data counts.csv --do S=1 --versus T=0 --query C", 64, ["--versus T=0"]),
    ("query --diagram smoke.txt --data counts.csv --do S= --query C", 64, ["--do S="]),
    ("query --diagram smoke.txt --data counts.csv --do S --query C --bootstrap 1", 64, ["--bootstrap 1"]),
    ("query --diagram smoke.txt --data counts.csv --do S --query C --delta --bootstrap 9", 64, ["one of"]),
    ("query --diagram smoke.txt --data counts.csv --counts many --do S --query C", 65, ["no column many"]),
    ("query --diagram lawn.bif --do Wet --query Rain --delta", 64, ["--data"]),
    ("query --diagram lawn.bif --given Sprinkler=off,Wet=yes,Rain=no --query Rain", 64, ["query Rain"]),
    ("counterfactual --diagram smoke.txt --do S=1 --query C", 64, [".bif"]),
    ("counterfactual --diagram xor.bif --do X --query Y", 64, ["--do"]),
    (
      "counterfactual --diagram lawn.bif --do Rain=yes --query Wet", 65,
      ["box Sprinkler, row Rain=no", "function"]
    ),
    ("cut --diagram smoke.txt --do Q", 64, ["cut Q"]),
    ("identify --diagram smoke.txt --do S,T --query C --single", 64, ["--single"]),
  ]

  @Test("mistakes are named with a way out", arguments: mistakes)
  func refused(_ mistake: (line: String, status: Int32, words: [String])) throws {
    let outcome = try run(mistake.line)
    #expect(outcome.status == mistake.status && !outcome.isKilled, "\(outcome.status) \(outcome.error)")
    for word in mistake.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
    #expect(outcome.output.isEmpty)
  }

  static let badFiles: [(name: String, text: String, words: [String])] = [
    ("cycle.txt", "a : B -> A\nb : A -> B\n", ["cycle.txt", "the cycle"]),
    ("broken.txt", "a : -> A\nb = A\n", ["broken.txt:2"]),
    (
      "rows.bif", CausalInputs.lawn.replacingOccurrences(of: "0.8, 0.2", with: "0.8, 0.3"),
      ["box Rain", "1.1"]
    ),
    (
      "negative.bif", CausalInputs.lawn.replacingOccurrences(of: "0.6, 0.4", with: "1.4, -0.4"),
      ["box Sprinkler, row Rain=no"]
    ),
    (
      "short.bif", CausalInputs.lawn.replacingOccurrences(of: "0.6, 0.4", with: "1"),
      ["Sprinkler", "1 numbers"]
    ),
  ]

  @Test("files that are no diagram are refused with line, box and row", arguments: badFiles)
  func badFile(_ file: (name: String, text: String, words: [String])) throws {
    let outcome = try run("check --diagram \(file.name)", [file.name: file.text])
    #expect(outcome.status == 65 && outcome.output.isEmpty, "\(outcome.error)")
    for word in file.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
  }

  @Test("data without support are refused with the cells, and smoothing answers")
  func support() throws {
    let rows = CausalInputs.counts.split(separator: "\n").filter { !$0.hasPrefix("1,0,") }
    let files = ["rare.csv": rows.joined(separator: "\n") + "\n"]
    let outcome = try run("query --diagram smoke.txt --data rare.csv --do S --query C", files)
    #expect(outcome.status == 65 && outcome.error.contains("no mass at S=1, T=0"), "\(outcome.error)")
    let smoothed = try run(
      "query --diagram smoke.txt --data rare.csv --do S --query C --smoothing 0.5", files)
    #expect(smoothed.status == 0)
  }
}
