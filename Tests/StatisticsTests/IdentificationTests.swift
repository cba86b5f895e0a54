import Foundation
import Statistics
import Testing
import Torch

@Suite("Identification") struct IdentificationTests {
  /// Diagrams, effects that can be identified, and effects that cannot, from Tian & Pearl, Shpitser & Pearl and Pearl's book.
  static let identifiable: [(name: String, text: String, targets: [String], set: [String], seen: [String])] =
    [
      ("back door", "z : -> Z\nx : Z -> X\ny : X, Z -> Y", ["Y"], ["X"], []),
      ("front door", StringDiagramTests.smoking, ["C"], ["S"], []),
      ("M", "hidden U, V\nx : U -> X\nz : U, V -> Z\ny : X, V -> Y", ["Y"], ["X"], []),
      ("napkin", "hidden U, V\nw : U, V -> W\nz : W -> Z\nx : Z, U -> X\ny : X, V -> Y", ["Y"], ["X"], []),
      (
        "front door with a cause of all",
        "hidden U\nz : -> Z\nx : Z, U -> X\nm : X, Z -> M\ny : M, U, Z -> Y", ["Y"], ["X"], []
      ),
      (
        "two set", "hidden U, V\na : U -> A\nb : A, V -> B\nc : B, U -> C\ny : C, V -> Y", ["Y"], ["A", "C"],
        []
      ),
      (
        "context before", "hidden U\nz : -> Z\nx : Z, U -> X\nm : X -> M\ny : M, U, Z -> Y", ["Y"], ["X"],
        ["Z"]
      ),
      ("context after", "z : -> Z\nx : Z -> X\ny : X, Z -> Y\nw : Y -> W", ["Y"], ["X"], ["W"]),
      ("hidden chain", "hidden U, V\nv : U -> V\nx : U -> X\nm : X -> M\ny : M, V -> Y", ["Y"], ["X"], []),
      ("hidden mediator", "hidden M\nx : -> X\nm : X -> M\ny : M -> Y\nz : X -> Z", ["Y", "Z"], ["X"], []),
      ("several targets", "hidden U\nx : U -> X\ny : X -> Y\nz : Y, U -> Z", ["Y", "Z"], ["X"], []),
      ("no effect", "hidden U\nx : U -> X\ny : U -> Y", ["Y"], ["X"], []),
      ("plain", "hidden U\nx : U -> X\ny : U, X -> Y", ["Y"], [], ["X"]),
    ]

  @Test("formulas give what surgery on the whole model gives, on random models", arguments: identifiable)
  func agreesWithSurgery(
    _ example: (name: String, text: String, targets: [String], set: [String], seen: [String])
  ) throws {
    let diagram = try CausalDiagram(parsing: example.text)
    let found = try diagram.identify(example.targets, do: example.set, given: example.seen)
    #expect(found.formula != nil, "\(example.name): \(found.refusal?.text ?? "")")
    guard found.formula != nil else { return }
    for (states, seed) in [(2, 1), (2, 2), (3, 3)] {
      let network = try StringDiagramTests.network(diagram, states: states, seed: UInt64(seed))
      // Only the law of what was measured goes in.
      let joint = JointTable(try network.marginal(diagram.observed))
      let law = try found.evaluate(on: joint)
      let truth = try network.answer(found.query)
      #expect(law.variables == truth.variables)
      expectClose(law.values, truth.values, 1e-10, "\(example.name): \(found.formula!.text)")
      if example.set.count == 1, example.seen.isEmpty {
        let single = try diagram.identify(example.targets, doSingle: example.set[0])
        if single.formula != nil {
          expectClose(try single.evaluate(on: joint).values, truth.values, 1e-10, "\(example.name)")
        }
      }
    }
  }

  @Test(
    "every single effect of random diagrams: identified ones agree with surgery, and the condition is never wider"
  )
  func randomDiagrams() throws {
    var random = RandomSource(seed: 8)
    var (identified, refused, fixed) = (0, 0, 0)
    for trial in 0..<60 {
      let names = ["A", "B", "C", "D", "E"]
      var boxes: [CausalDiagram.Box] = []
      let confounders = ["U", "V"]
      var fed: [String: [String]] = [:]
      for u in confounders {
        let first = random.integer(in: 0..<5)
        let second = (first + 1 + random.integer(in: 0..<4)) % 5
        for i in [first, second] { fed[names[i], default: []].append(u) }
        boxes.append(.init(u.lowercased(), of: u, parents: []))
      }
      for (i, name) in names.enumerated() {
        let parents = names[..<i].filter { _ in random.uniform() < 0.5 }
        boxes.append(.init(name.lowercased(), of: name, parents: parents + (fed[name] ?? [])))
      }
      let diagram = try CausalDiagram(boxes, hidden: ["U", "V"])
      let network = try StringDiagramTests.network(diagram, states: 2, seed: UInt64(100 + trial))
      let joint = JointTable(try network.marginal(names))
      for x in names {
        for y in names where y != x {
          let found = try diagram.identify([y], do: [x])
          let single = try diagram.identify([y], doSingle: x)
          #expect(single.formula == nil || found.formula != nil)
          guard found.formula != nil else {
            refused += 1
            #expect(found.refusal != nil && !found.refusal!.path.isEmpty)
            continue
          }
          identified += 1
          let truth = try network.answer(found.query).values
          expectClose(try found.evaluate(on: joint).values, truth, 1e-10, "\(diagram.text) \(x) \(y)")
          if single.formula != nil {
            expectClose(try single.evaluate(on: joint).values, truth, 1e-10, "\(diagram.text) \(x) \(y)")
          }
        }
      }
      // Variables that are set or seen in one state may be summed over inside a formula all the same.
      for target in names {
        let others = names.filter { $0 != target }
        let first = random.integer(in: 0..<4)
        let second = others[(first + 1 + random.integer(in: 0..<3)) % 4]
        let (x, z) = (CausalQuery.Setting(others[first], "1"), CausalQuery.Setting(second, "0"))
        for query in [
          CausalQuery(of: [target], settings: [x, z]),
          CausalQuery(of: [target], settings: [x], evidence: [z]),
        ] {
          let found = try diagram.identify(query)
          guard found.formula != nil else { continue }
          fixed += 1
          let truth = try network.answer(query).values
          expectClose(try found.evaluate(on: joint).values, truth, 1e-10, "\(diagram.text) \(query.text)")
        }
      }
    }
    #expect(identified > 800 && refused > 30 && fixed > 200)
  }

  @Test("a front door under two settings sums over all states of what is set")
  func frontDoorOfTwo() throws {
    let boxes: [CausalDiagram.Box] = [
      .init("h", of: "H", parents: []), .init("s", of: "S", parents: ["H"]),
      .init("t", of: "T", parents: ["S"]), .init("c", of: "C", parents: ["H", "T"]),
    ]
    let diagram = try CausalDiagram(boxes, hidden: ["H"])
    let network = try StringDiagramTests.network(diagram, seed: 4)
    let joint = JointTable(try network.marginal(["S", "T", "C"]))
    for (s, t) in [("0", "1"), ("1", "0"), ("1", "1")] {
      let query = CausalQuery(of: ["C"], do: ["S": s, "T": t])
      let law = try diagram.identify(query).evaluate(on: joint)
      expectClose(law.values, try network.answer(query).values, 1e-12)
      #expect(abs(law.values.reduce(0, +) - 1) < 1e-12)
    }
  }

  static let refused: [(text: String, targets: [String], set: [String], path: String)] = [
    ("hidden U\nx : U -> X\ny : X, U -> Y", ["Y"], ["X"], "X ← U → Y"),
    ("hidden U\nx : U -> X\nz : X, U -> Z\ny : Z -> Y", ["Y"], ["X"], "X ← U → Z"),
    ("hidden U, V\nx : U -> X\nz : U, V -> Z\ny : X, Z, V -> Y", ["Y"], ["X"], "X ← U → Z ← V → Y"),
    ("hidden U, V\nx : U -> X\nz : X, V -> Z\ny : Z, U, V -> Y", ["Y"], ["X"], "X ← U → Y ← V → Z"),
  ]

  @Test("effects that cannot be identified are refused with the path that does it", arguments: refused)
  func refusals(_ example: (text: String, targets: [String], set: [String], path: String)) throws {
    let found = try CausalDiagram(parsing: example.text).identify(example.targets, do: example.set)
    #expect(found.formula == nil)
    #expect(found.refusal?.path == example.path)
    #expect(found.refusal.map { !$0.smaller.isEmpty && $0.larger.contains("X") } == true)
    let error = #expect(throws: StatisticsError.self) { try found.required() }
    #expect(error!.kind == .noAnswer && error!.description.contains(example.path))
  }

  /// Two models of the bow that agree on what is measured and not on the effect: the refusal is right.
  @Test("the bow's two models")
  func bow() throws {
    let diagram = try CausalDiagram(parsing: "hidden U\nx : U -> X\ny : X, U -> Y")
    let variables = ["U", "X", "Y"].map { FiniteVariable($0, count: 2) }
    func model(_ y: [Double]) throws -> CausalNetwork {
      try CausalNetwork(
        diagram, variables: variables, tables: ["U": [0.5, 0.5], "X": [1, 0, 0, 1], "Y": y])
    }
    let follows = try model([1, 0, 1, 0, 0, 1, 0, 1])
    let ignores = try model([1, 0, 0, 1, 1, 0, 0, 1])
    expectClose(try follows.marginal(["X", "Y"]).values, try ignores.marginal(["X", "Y"]).values)
    let query = CausalQuery(of: ["Y"], do: ["X": "1"])
    #expect(try follows.answer(query).values != ignores.answer(query).values)
  }

  @Test("the projection sees through hidden chains and hidden children of measured variables")
  func projection() throws {
    let graph = MixedGraph(
      try CausalDiagram(parsing: "hidden U, M\na : U -> A\nm : A, U -> M\nb : M -> B\nc : M -> C\nd : B -> D")
    )
    #expect(graph.parents == ["A": [], "B": ["A"], "C": ["A"], "D": ["B"]])
    #expect(graph.components(within: ["A", "B", "C", "D"]) == [["A", "B", "C"], ["D"]])
  }

  @Test("queries that contradict themselves are refused in words")
  func contradictions() throws {
    let diagram = try Smoking.diagram()
    let cases: [(CausalQuery, String)] = [
      (CausalQuery(of: ["S"], do: ["S": nil]), "query S: found the variable in do as well"),
      (
        CausalQuery(of: ["C"], do: ["S": nil], given: ["S": nil]), "given S: found the variable in do as well"
      ),
      (CausalQuery(of: ["C"], given: ["C": nil]), "query C: found the variable in given as well"),
      (CausalQuery(of: ["H"], do: ["S": nil]), "query H: found a hidden variable"),
      (CausalQuery(of: ["C"], do: ["H": nil]), "do H: found a hidden variable"),
      (CausalQuery(of: ["Q"]), "query Q: found a variable that the diagram does not have"),
      (CausalQuery(of: ["C", "C"]), "query C: found the variable twice"),
      (CausalQuery(of: []), "query: found no variable"),
    ]
    for (query, words) in cases {
      let error = #expect(throws: StatisticsError.self) { try diagram.identify(query) }
      #expect(error!.description.contains(words), "\(error!)")
    }
    let joint = JointTable(Smoking.joint)
    let state = #expect(throws: StatisticsError.self) {
      try diagram.identify(CausalQuery(of: ["C"], do: ["S": "2"])).evaluate(on: joint)
    }
    #expect(state!.description.contains("variable S: found the state 2, expected one of 0, 1"))
  }

  @Test("d-separation on the classical shapes")
  func separation() throws {
    let diagram = try CausalDiagram(parsing: "a : -> A\nb : A -> B\nc : B -> C\nd : A, C -> D\ne : D -> E")
    #expect(diagram.isSeparated(["A"], ["C"], given: ["B"]))
    #expect(!diagram.isSeparated(["A"], ["C"], given: []))
    #expect(!diagram.isSeparated(["A"], ["C"], given: ["B", "D"]))
    #expect(!diagram.isSeparated(["A"], ["C"], given: ["B", "E"]))
    #expect(diagram.isSeparated(["B"], ["E"], given: ["A", "C"]))
    #expect(diagram.isSeparated(["B"], ["A"], given: [], cutInto: ["B", "D"]))
  }
}
