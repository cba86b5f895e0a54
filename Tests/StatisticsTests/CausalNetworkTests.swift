import Foundation
import Statistics
import Testing
import Training

@Suite("Networks and their files") struct CausalNetworkTests {
  static let sprinkler = """
    network "lawn" { property author = someone; }
    // a comment
    variable Rain { type discrete [ 2 ] { no, yes }; }
    variable Sprinkler {
      type discrete [ 2 ] { off, on };
      property position = (3, 4);
    }
    variable Wet { type discrete [ 2 ] { "not wet", wet }; }
    probability ( Rain ) { table 0.8, 0.2; }
    probability ( Sprinkler | Rain ) { (no) 0.6, 0.4; (yes) 0.99, 0.01; }
    /* rows in another order */
    probability ( Wet | Sprinkler, Rain ) {
      (on, yes) 0.01, 0.99;
      (off, no) 1, 0;
      default 0.1, 0.9;
    }
    """

  private func folder(_ name: String) -> URL? {
    let root = ProcessInfo.processInfo.environment["LIKELY_DATA"] ?? "../shared/data"
    let url = URL(fileURLWithPath: root).appending(path: "bayesnets/\(name).bif")
    return FileManager.default.fileExists(atPath: url.path) ? url : nil
  }

  @Test("a file is read: comments, properties, rows in any order, a default, names in quotes")
  func reading() throws {
    let network = try CausalNetwork(parsingBIF: Self.sprinkler)
    #expect(network.diagram.parents(of: "Wet") == ["Sprinkler", "Rain"])
    #expect(network.variables["Wet"]!.states == ["not wet", "wet"])
    #expect(network.tables["Wet"]!.values == [1, 0, 0.1, 0.9, 0.1, 0.9, 0.01, 0.99])
    #expect(network.warnings.isEmpty)
    // P(Rain | do(Sprinkler)) = P(Rain); seen, it is not.
    expectClose(
      try network.answer(CausalQuery(of: ["Rain"], do: ["Sprinkler": "on"])).values, [0.8, 0.2])
    expectClose(
      try network.answer(CausalQuery(of: ["Rain"], given: ["Sprinkler": "on"])).values,
      [0.32 / 0.322, 0.002 / 0.322])
  }

  @Test("one table for all rows has the child as the slowest")
  func wholeTable() throws {
    let text = """
      variable A { type discrete [ 2 ] { a0, a1 }; } variable B { type discrete [ 3 ] { b0, b1, b2 }; }
      probability ( A ) { table 0.5, 0.5; }
      probability ( B | A ) { table 0.1, 0.2, 0.3, 0.4, 0.6, 0.4; }
      """
    #expect(try CausalNetwork(parsingBIF: text).tables["B"]!.values == [0.1, 0.3, 0.6, 0.2, 0.4, 0.4])
  }

  @Test("what is written is read to the same bits")
  func roundTrip() throws {
    let network = try CausalNetwork(parsingBIF: Self.sprinkler)
    #expect(try CausalNetwork(parsingBIF: network.bif) == network)
    let random = try StringDiagramTests.network(
      try CausalDiagram(parsing: "a : -> A\nb : A -> B\nc : A, B -> C"), states: 3, seed: 9)
    let again = try CausalNetwork(parsingBIF: random.bif)
    for name in random.diagram.variables {
      expectClose(again.tables[name]!.values, random.tables[name]!.values, 1e-15)
    }
  }

  @Test("rows that a file rounds are normalised with a warning, worse ones refused with box and row")
  func rounding() throws {
    func text(_ row: String) -> String {
      """
      variable A { type discrete [ 3 ] { x, y, z }; } variable B { type discrete [ 2 ] { u, v }; }
      probability ( B ) { table 0.5, 0.5; }
      probability ( A | B ) { (u) 0.2, 0.3, 0.5; (v) \(row); }
      """
    }
    let rounded = try CausalNetwork(parsingBIF: text("0.3333333, 0.3333333, 0.3333333"), source: "f.bif")
    #expect(
      rounded.warnings.count == 1 && rounded.warnings[0].contains("normalised: 1, of box A"))
    expectClose(Array(rounded.tables["A"]!.values[3...]), [1.0 / 3, 1.0 / 3, 1.0 / 3])
    for (row, words) in [
      ("0.333, 0.333, 0.333", "box A, row B=v: found a sum of 0.999"),
      ("0.5, 0.7, -0.2", "box A, row B=v: found -0.2 for A=z, expected a probability"),
      ("0.5, 0.5", "box A: 2 numbers, expected 3"), ("0.5, 0.5, x", "found \"x\", expected a number"),
    ] {
      let error = #expect(throws: StatisticsError.self) { try CausalNetwork(parsingBIF: text(row)) }
      #expect(error!.description.contains(words), "\(error!)")
    }
  }

  static let faults: [(String, String)] = [
    ("variable A { type discrete [ 3 ] { x, y }; }", "network:1: found 2 states of A, expected 3"),
    ("variable A { type continuous [ 2 ] { x, y }; }", "must be binned"),
    ("variable A { type discrete [ 1 ] { x }; }", "box A: found no probability block"),
    (
      "variable A { type discrete [ 1 ] { x }; }\nprobability ( A | B ) { (b) 1; }",
      "network:2: found the unknown variable B"
    ),
    (
      "variable A { type discrete [ 1 ] { x }; }\nprobability ( A ) { table 1; }\nprobability ( A ) { table 1; }",
      "network:3: found a second block for A"
    ),
    ("hello", "found \"hello\", expected network, variable or probability"),
    ("variable A { type discrete [ 1 ] {", "the end of the file"), ("", "no variables"),
    (
      """
      variable A { type discrete [ 2 ] { x, y }; } variable B { type discrete [ 2 ] { x, y }; }
      probability ( A | B ) { (x) 1, 0; (y) 1, 0; }
      probability ( B | A ) { (x) 1, 0; (y) 1, 0; }
      """, "the cycle"
    ),
    (
      """
      variable A { type discrete [ 2 ] { x, y }; } variable B { type discrete [ 2 ] { x, y }; }
      probability ( A ) { table 1, 0; }
      probability ( B | A ) { (x) 1, 0; (w) 1, 0; }
      """, "network:3: found box B: the state w of A, expected one of x, y"
    ),
    (
      """
      variable A { type discrete [ 2 ] { x, y }; } variable B { type discrete [ 2 ] { x, y }; }
      probability ( A ) { table 1, 0; }
      probability ( B | A ) { (x) 1, 0; }
      """, "box B without the row A=y"
    ),
    (
      """
      variable A { type discrete [ 2 ] { x, y }; } variable B { type discrete [ 2 ] { x, y }; }
      probability ( A ) { table 1, 0; }
      probability ( B | A ) { (x) 1, 0; (x) 1, 0; }
      """, "row A=x a second time"
    ),
  ]

  @Test("faults of a file are named with their line", arguments: faults)
  func faulty(_ text: String, _ words: String) {
    let error = #expect(throws: StatisticsError.self) { try CausalNetwork(parsingBIF: text) }
    #expect(error!.description.contains(words), "\(error!)")
  }

  @Test("a missing file is a missing file")
  func missing() {
    #expect(throws: TextError.self) { try CausalNetwork(bif: URL(fileURLWithPath: "/nowhere/net.bif")) }
  }

  @Test("tables of a wrong length, and evidence that cannot happen, are named")
  func tables() throws {
    let diagram = try CausalDiagram(parsing: "a : -> A\nb : A -> B")
    let variables = [FiniteVariable("A", count: 2), FiniteVariable("B", count: 2)]
    let length = #expect(throws: StatisticsError.self) {
      try CausalNetwork(diagram, variables: variables, tables: ["A": [0.5, 0.5], "B": [1, 0]])
    }
    #expect(length!.description.contains("box b: found 2 numbers, expected 2 rows of 2, 4 numbers"))
    let network = try CausalNetwork(
      diagram, variables: variables, tables: ["A": [1, 0], "B": [1, 0, 0, 1]])
    let never = #expect(throws: StatisticsError.self) {
      try network.answer(CausalQuery(of: ["A"], given: ["B": "1"]))
    }
    #expect(never!.description.contains("no mass at B=1"))
    // Setting what never happens is no problem: surgery asks nobody.
    expectClose(try network.answer(CausalQuery(of: ["B"], do: ["A": "1"])).values, [0, 1])
  }

  // MARK: Real networks

  @Test("sachs with PKC hidden: the formula on the observed joint is the surgery")
  func sachs() throws {
    guard let url = folder("sachs") else {
      print("skipped: bayesnets/sachs.bif is not in $LIKELY_DATA")
      return
    }
    let whole = try CausalNetwork(bif: url)
    let network = try whole.hiding(["PKC"])
    let query = CausalQuery(of: ["Erk"], do: ["Mek": nil])
    let found = try network.diagram.identify(query)
    let truth = [
      0.255161430068, 0.585490794703, 0.159347775230, 0.109610609235, 0.612154328130, 0.278235062635,
      0.006144080355, 0.561306519414, 0.432549400231,
    ]
    expectClose(try network.answer(query).values, truth, 1e-11)
    expectClose(try found.evaluate(on: network).values, truth, 1e-11)
    expectClose(
      try network.diagram.identify(["Erk"], doSingle: "Mek").evaluate(on: network).values, truth, 1e-11)
    for x in ["Raf", "PKA"] {
      let child = x == "Raf" ? "Mek" : "Raf"
      let refused = try network.diagram.identify(["Mek"], doSingle: x)
      #expect(refused.formula == nil && refused.refusal?.path.contains("← PKC →") == true)
      #expect(refused.refusal?.child == child)
    }
    let akt = try network.answer(CausalQuery(of: ["Akt"], do: ["Mek": "HIGH"]))
    expectClose(akt.values, [0.497284280673, 0.363406961145, 0.139308758182], 1e-11)
  }

  /// What pgmpy 1.1.2 gives: variable elimination after `model.do`, with the set state as evidence.
  static let pgmpy: [(network: String, target: String, query: CausalQuery, law: [Double])] = [
    (
      "alarm", "BP", CausalQuery(of: ["BP"], do: ["CO": "LOW"]),
      [0.777972000000, 0.185289000000, 0.036739000000]
    ),
    (
      "alarm", "HRBP", CausalQuery(of: ["HRBP"], do: ["CATECHOL": "HIGH"], given: ["BP": "LOW"]),
      [0.114128419985, 0.065275833488, 0.820595746527]
    ),
    (
      "child", "XrayReport", CausalQuery(of: ["XrayReport"], do: ["LungParench": "Congested"]),
      [0.122249980609, 0.112963122617, 0.225786198685, 0.324872526631, 0.214128171459]
    ),
    (
      "child", "BirthAsphyxia",
      CausalQuery(of: ["BirthAsphyxia"], do: ["Disease": "TGA"], given: ["Sick": "yes"]),
      [0.1, 0.9]
    ),
    (
      "hailfinder", "R5Fcst", CausalQuery(of: ["R5Fcst"], do: ["Scenario": "C"]),
      [0.267195229490, 0.425966178880, 0.306838591630]
    ),
    (
      "hailfinder", "R5Fcst",
      CausalQuery(of: ["R5Fcst"], do: ["InsChange": "Decreasing"], given: ["AreaMeso_ALS": "Neutral"]),
      [0.275329614475, 0.450346216103, 0.274324169422]
    ),
  ]

  @Test("surgery agrees with pgmpy on real networks, also with evidence")
  func parity() throws {
    for (name, _, query, law) in Self.pgmpy {
      guard let url = folder(name) else {
        print("skipped: bayesnets/\(name).bif is not in $LIKELY_DATA")
        continue
      }
      // pgmpy leaves rows as the file rounds them.
      expectClose(try CausalNetwork(bif: url).answer(query).values, law, 1e-7, "\(query.text)")
    }
  }

  @Test("a query is prepared once and run on a batch of tables, in logarithms too")
  func prepared() throws {
    let diagram = try CausalDiagram(parsing: "a : -> A\nb : A -> B\nc : A, B -> C")
    let networks = try (1...5).map { try StringDiagramTests.network(diagram, states: 2, seed: UInt64($0)) }
    let query = try SurgeryQuery(CausalQuery(of: ["C"], do: ["B": nil]), networks[0])
    let batch = networks[0].tables.mapValues { table in
      let name = table.variables.last!.name
      return Factor<Double>(
        table.variables, batch: 5,
        values: (0..<table.cells).flatMap { cell in networks.map { $0.tables[name]!.values[cell] } })
    }
    let found = try query(batch)
    for (i, network) in networks.enumerated() {
      expectClose(found.table(i).values, try network.answer(query.query).values)
    }
    let logs = try query(networks[0].tables.mapValues { $0.converted(to: LogNumber.self) })
    expectClose(logs.values.map(\.plain), try networks[0].answer(query.query).values)
  }

  @Test("a law over too many variables is refused with the size it would have")
  func tooLarge() throws {
    let diagram = try CausalDiagram((0..<30).map { CausalDiagram.Box("b\($0)", of: "V\($0)", parents: []) })
    let network = try StringDiagramTests.network(diagram, states: 2, seed: 1)
    let error = #expect(throws: StatisticsError.self) {
      try network.answer(CausalQuery(of: diagram.variables))
    }
    #expect(error!.kind == .noAnswer && error!.description.contains("at most 16777216"))
    #expect(error!.description.contains("cells"))
  }

  @Test(
    "all real networks are read, written and asked", arguments: ["alarm", "child", "hailfinder", "sachs"])
  func real(_ name: String) throws {
    guard let url = folder(name) else {
      print("skipped: bayesnets/\(name).bif is not in $LIKELY_DATA")
      return
    }
    let network = try CausalNetwork(bif: url)
    let again = try CausalNetwork(parsingBIF: network.bif)
    #expect(again.diagram.boxes == network.diagram.boxes)
    let last = network.diagram.topological.last!
    for x in network.diagram.variables.prefix(5) where x != last {
      let law = try network.answer(CausalQuery(of: [last], do: [x: nil]))
      let width = network.variables[last]!.count
      for row in stride(from: 0, to: law.values.count, by: width) {
        #expect(abs(law.values[row..<row + width].reduce(0, +) - 1) < 1e-12)
      }
    }
  }
}
