import Statistics
import Testing
import Torch

@Suite("String diagrams") struct StringDiagramTests {
  static let smoking = """
    # H is whatever makes people smoke and ill
    hidden H
    s : H -> S
    t : S -> T
    c : H, T -> C
    """

  /// All boxes with tables drawn at random.
  static func network(_ diagram: CausalDiagram, states: Int = 2, seed: UInt64) throws -> CausalNetwork {
    var random = RandomSource(seed: seed)
    let variables = diagram.variables.map { FiniteVariable($0, count: states) }
    var tables: [String: [Double]] = [:]
    for box in diagram.boxes {
      var rows: [Double] = []
      for _ in 0..<box.parents.reduce(1, { n, _ in n * states }) {
        let weights = random.uniforms(states).map { 0.1 + $0 }
        let total = weights.reduce(0, +)
        rows += weights.map { $0 / total }
      }
      tables[box.variable] = rows
    }
    return try CausalNetwork(diagram, variables: variables, tables: tables)
  }

  private func close(_ a: [Double], _ b: [Double]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 1e-12 }
  }

  @Test("the diagram of a DAG has no inputs and a wire for every measured variable")
  func types() throws {
    let diagram = try CausalDiagram(parsing: Self.smoking)
    let omega = diagram.stringDiagram
    #expect(omega.inputs.isEmpty && omega.outputs == ["S", "T", "C"])
    #expect(Set(omega.boxes.map(\.name)) == ["h", "s", "t", "c"])
  }

  @Test("its meaning is the usual factorisation, by matrices and by contraction alike")
  func factorisation() throws {
    for (text, states) in [
      (Self.smoking, 2),
      ("a : -> A\nb : A -> B\nc : A, B -> C\nd : B, C -> D\nhidden B", 3),
      ("hidden U\nz : -> Z\nx : Z, U -> X\nm : X -> M\ny : M, U, Z -> Y", 2),
    ] {
      let diagram = try CausalDiagram(parsing: text)
      let network = try Self.network(diagram, states: states, seed: 3)
      let semantics = network.stochasticMatrices
      let matrix = try diagram.stringDiagram.interpreted(in: semantics)
      #expect(matrix.inputs.isEmpty && matrix.outputs.map(\.name) == diagram.observed)
      #expect(close(matrix.values, try semantics.contracted(diagram.stringDiagram, as: Double.self).values))
      #expect(close(matrix.values, try network.marginal(diagram.observed).values))
      #expect(abs(matrix.values.reduce(0, +) - 1) < 1e-12)
    }
  }

  @Test("cutting is a functor: with composition, with side-by-side, once is twice, in any order")
  func functor() throws {
    let s = StringDiagram.box("s", ["H"], ["S"])
    let t = StringDiagram.box("t", ["S"], ["T"])
    let (whole, parts) = (try s.then(t).cutting(["T"]), try s.cutting(["T"]).then(t.cutting(["T"])))
    #expect(whole == parts)
    #expect(s.beside(t).cutting(["S"]) == s.cutting(["S"]).beside(t.cutting(["S"])))
    let omega = try CausalDiagram(parsing: Self.smoking).stringDiagram
    #expect(omega.cutting(["S"]).cutting(["S"]) == omega.cutting(["S"]))
    #expect(omega.cutting(["S"]).cutting(["T"]) == omega.cutting(["T"]).cutting(["S"]))
    #expect(omega.cutting(["S", "T"]) == omega.cutting(["T"]).cutting(["S"]))
    #expect(omega.cutting(["S"]) != omega)
  }

  @Test("the meaning of the cut diagram is the surgery on the network")
  func cutMeaning() throws {
    let diagram = try CausalDiagram(parsing: Self.smoking)
    let network = try Self.network(diagram, seed: 5)
    let cut = try network.stochasticMatrices.contracted(diagram.stringDiagram.cutting(["S"]), as: Double.self)
    #expect(close(cut.values, try network.cutting(["S"]).marginal(["S", "T", "C"]).values))
  }

  @Test("copy is coassociative, cocommutative and counital; boxes and dice discard to nothing")
  func laws() throws {
    let v = StringDiagram.identity(["A"])
    let semantics = StochasticMatrices(
      variables: [FiniteVariable("A", count: 3), FiniteVariable("B", count: 2)],
      tables: ["f": [0.2, 0.8, 0.5, 0.5, 1, 0]])
    func equal(_ a: StringDiagram, _ b: StringDiagram) throws -> Bool {
      let (x, y) = (try a.interpreted(in: semantics), try b.interpreted(in: semantics))
      let contracted = try [a, b].map { try semantics.contracted($0, as: Double.self).values }
      return close(x.values, y.values) && close(contracted[0], contracted[1])
    }
    let copy = StringDiagram.copy("A")
    #expect(try equal(copy.then(copy.beside(v)), copy.then(v.beside(copy))))
    #expect(try equal(copy.then(.swap("A", "A")), copy))
    #expect(try equal(copy.then(StringDiagram.discard("A").beside(v)), v))
    let f = StringDiagram.box("f", ["A"], ["B"])
    #expect(try equal(f.then(.discard("B")), .discard("A")))
    #expect(try equal(StringDiagram.uniform("A").then(.discard("A")), .identity([])))
  }

  @Test("a wire that goes straight through, and one that feeds a box twice, are copied")
  func sharedWires() throws {
    let semantics = StochasticMatrices(
      variables: [FiniteVariable("A", count: 2)], tables: ["f": [0.1, 0.9, 0.4, 0.6, 0.5, 0.5, 1, 0]])
    let twice = try StringDiagram.copy("A").then(.box("f", ["A", "A"], ["A"]))
    #expect(close(try semantics.contracted(twice, as: Double.self).values, [0.1, 0.9, 1, 0]))
    let straight = try StringDiagram.copy("A").then(StringDiagram.identity(["A"]).beside(twice))
    let matrix = try straight.interpreted(in: semantics)
    #expect(close(try semantics.contracted(straight, as: Double.self).values, matrix.values))
  }

  @Test("wires that do not fit are named")
  func misfit() throws {
    let s = StringDiagram.box("s", ["H"], ["S"])
    let c = StringDiagram.box("c", ["T"], ["C"])
    let error = #expect(throws: StatisticsError.self) { try s.then(c) }
    #expect(error!.description.contains("s : H → S") && error!.description.contains("found S coming out"))
    #expect(error!.description.contains("expected T, which goes in"))
    #expect(throws: StatisticsError.self) { try s.replacingBoxes { _ in .uniform("S") } }
    let semantics = StochasticMatrices(
      variables: [FiniteVariable("H", count: 2), FiniteVariable("S", count: 2)], tables: ["s": [0.5, 0.5, 1]])
    let length = #expect(throws: StatisticsError.self) { try s.interpreted(in: semantics) }
    #expect(length!.description.contains("box s") && length!.description.contains("2 rows of 2, 4 numbers"))
  }

  @Test("a diagram's text is read and written; arrows, semicolons and names of boxes may be left out")
  func text() throws {
    let diagram = try CausalDiagram(parsing: Self.smoking)
    #expect(diagram.hidden == ["H"] && diagram.parents(of: "C") == ["H", "T"])
    #expect(try CausalDiagram(parsing: diagram.text) == diagram)
    let short = try CausalDiagram(parsing: "hidden H; H → S; S → T; H ⊗ T → C; states S = no, yes")
    #expect(short.boxes == diagram.boxes && short.states["S"] == ["no", "yes"])
    #expect(try CausalDiagram(parsing: short.text) == short)
  }

  static let badTexts: [(String, String)] = [
    ("a : C -> A\nb : A -> B\nc : B -> C", "the cycle A → B → C → A"),
    ("a : -> A\na2 : -> A", "a second box that makes A"),
    ("b : A -> B", "box b: found the unknown variable A"),
    ("a : -> A\nb : A, A -> B", "the input A twice"),
    ("a : -> A\nb : A -> B, C", "diagram:2: found a box with the outputs B, C"),
    ("a : -> A\n\nthis is no box", "diagram:3: found \"this is no box\""),
    ("", "no boxes"), ("hidden H\na : -> A", "the hidden variable H, which no box uses"),
    ("a : -> A\nstates B = x, y", "states of B, which no box makes"),
    ("a : -> A\nstates A = x, x", "the state x twice"), ("a : -> A B", "no spaces"),
  ]

  @Test("what cannot be a diagram is refused with its line or box", arguments: badTexts)
  func badText(_ text: String, _ words: String) {
    let error = #expect(throws: StatisticsError.self) { try CausalDiagram(parsing: text) }
    #expect(error!.description.contains(words), "\(error!)")
  }

  @Test("the drawing has every box, hidden ones dashed, and dice where boxes were cut")
  func dot() throws {
    let diagram = try CausalDiagram(parsing: Self.smoking)
    let whole = diagram.dot()
    #expect(whole.hasPrefix("digraph") && whole.contains("label=\"t\"") && whole.contains("style=dashed"))
    #expect(!whole.contains("triangle"))
    let cut = diagram.dot(cut: ["S"])
    #expect(cut.contains("triangle") && cut.contains("discard H s"))
    #expect(cut.filter { $0 == "{" }.count == cut.filter { $0 == "}" }.count)
  }
}
