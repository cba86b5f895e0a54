import Foundation
import Statistics
import Testing
import Torch

/// The scenario of the paper: w(S, T, C), C the fastest.
enum Smoking {
  static let variables = ["S", "T", "C"].map { FiniteVariable($0, count: 2) }
  static let values = [0.5, 0.1, 0.01, 0.02, 0.1, 0.05, 0.02, 0.2]
  static let joint = Factor<Double>(variables, values: values)
  static let effect = [1 - 0.253477633478, 0.253477633478, 1 - 0.542297297297, 0.542297297297]

  static func diagram() throws -> CausalDiagram { try CausalDiagram(parsing: StringDiagramTests.smoking) }
}

func expectClose(_ a: [Double], _ b: [Double], _ tolerance: Double = 1e-12, _ comment: Comment? = nil) {
  #expect(a.count == b.count)
  for (x, y) in zip(a, b) { #expect(abs(x - y) <= tolerance, comment) }
}

@Suite("String diagram surgery") struct StringDiagramSurgeryTests {
  @Test("the comb of the smoking scenario, and its cut")
  func smoking() throws {
    let comb = try Smoking.joint.comb(a: "S", b: "T", c: "C")
    expectClose(comb.g.values, [1 - 0.047619047619, 0.047619047619, 1 - 0.594594594595, 0.594594594595])
    expectClose(
      comb.f.values,
      [0.525, 0.105, 0.246666666667, 0.123333333333, 0.21, 0.42, 0.033636363636, 0.336363636364])
    #expect(comb.recompositionError < 1e-15)
    expectClose(comb.cut().values, Smoking.effect)
    let seen = Smoking.joint.marginal(["S", "C"]).conditional(given: ["S"]).channel
    expectClose([seen[[0, 1]], seen[[1, 1]]], [0.190476190476, 0.675675675676])
  }

  @Test("the formula found from the diagram gives the comb's numbers, its text is the front door")
  func formula() throws {
    let found = try Smoking.diagram().identify(["C"], do: ["S"])
    #expect(found.formula?.text == "Σ_{T} P(T | S) Σ_{S′} P(S′) P(C | S′, T)")
    #expect(
      found.formula?.latex
        == "\\sum_{T} P(T \\mid S) \\, \\sum_{S'} P(S') \\, P(C \\mid S', T)")
    #expect(found.components == [["S", "C"], ["T"]])
    let law = try found.evaluate(on: JointTable(variables: Smoking.variables, values: Smoking.values))
    #expect(law.variables.map(\.name) == ["S", "C"])
    expectClose(law.values, Smoking.effect)
    let single = try Smoking.diagram().identify(["C"], doSingle: "S")
    expectClose(
      try single.evaluate(on: JointTable(variables: Smoking.variables, values: Smoking.values)).values,
      Smoking.effect)
  }

  /// H a copy of S, s = h, t = g, c(h, t) = w(c | s = h, t): one of many hidden models with this law.
  @Test("a hidden model with this law has this surgery")
  func hiddenModel() throws {
    let w = Smoking.joint
    let s = w.marginal(["S"]).values
    let network = try CausalNetwork(
      Smoking.diagram(), variables: Smoking.variables + [FiniteVariable("H", count: 2)],
      tables: [
        "H": s, "S": [1, 0, 0, 1],
        "T": w.marginal(["S", "T"]).conditional(given: ["S"]).channel.values,
        "C": w.conditional(given: ["S", "T"]).channel.values,
      ])
    expectClose(try network.marginal(["S", "T", "C"]).values, Smoking.values, 1e-15)
    expectClose(try network.answer(CausalQuery(of: ["C"], do: ["S": nil])).values, Smoking.effect)
    expectClose(
      try network.answer(CausalQuery(of: ["C"], do: ["S": "1"])).values, Array(Smoking.effect[2...]))
  }

  @Test("the deterministic table")
  func deterministic() throws {
    let variables = [
      FiniteVariable("A", count: 3), FiniteVariable("B", count: 4), FiniteVariable("C", count: 2),
    ]
    let counts = (0..<24).map { i in
      let (a, b, c) = (i / 8, i / 2 % 4, i % 2)
      return Double(1 + (5 * a + 2 * b + 3 * c + a * b) % 7)
    }
    #expect(counts.reduce(0, +) == 85)
    let joint = Factor(variables, values: counts.map { $0 / 85 })
    let cut = try joint.comb(a: "A", b: "B", c: "C").cut()
    let truth = [0.454565317036, 0.474385614386, 0.478313532309]
    expectClose((0..<3).map { cut[[$0, 0]] }, truth, 1e-11)
    let found = try CausalDiagram(parsing: "hidden H; H -> A; A -> B; H, B -> C").identify(["C"], do: ["A"])
    expectClose(try found.evaluate(on: JointTable(joint)).values, cut.values)
  }

  @Test("a comb without mass somewhere is refused with the cell")
  func noSupport() throws {
    var values = Smoking.values
    (values[4], values[0]) = (0, values[0] + values[4])
    (values[5], values[0]) = (0, values[0] + values[5])
    let joint = Factor(Smoking.variables, values: values)
    let comb = #expect(throws: StatisticsError.self) { try joint.comb(a: "S", b: "T", c: "C") }
    #expect(comb!.description.contains("no mass at S=1, T=0"))
    let found = try Smoking.diagram().identify(["C"], do: ["S"])
    let error = #expect(throws: StatisticsError.self) { try found.evaluate(on: JointTable(joint)) }
    #expect(error!.description.contains("no mass at S=1, T=0"))
    #expect(error!.kind == .noAnswer)
  }

  @Test("rows without mass do not matter where nothing needs them")
  func harmlessGaps() throws {
    // Nobody has S = 1, so what follows from it is open, and what follows from S = 0 is not.
    let joint = Factor<Double>(Smoking.variables, values: [0.5, 0.2, 0.2, 0.1, 0, 0, 0, 0])
    let found = try Smoking.diagram().identify(CausalQuery(of: ["C"], do: ["S": "0"]))
    let law = try found.evaluate(on: JointTable(joint))
    expectClose(law.values, [0.7, 0.3])
    let other = try Smoking.diagram().identify(CausalQuery(of: ["C"], do: ["S": "1"]))
    let error = #expect(throws: StatisticsError.self) { try other.evaluate(on: JointTable(joint)) }
    #expect(error!.description.contains("no mass at S=1"))
  }

  // MARK: Identities of surgery

  static let shapes = [
    "a : -> A\nb : A -> B\nc : A, B -> C\nd : C -> D",
    "a : -> A\nb : -> B\nc : A, B -> C\nd : C, A -> D",
    StringDiagramTests.smoking.replacingOccurrences(of: "hidden H", with: "h : -> H"),
  ]

  @Test("surgery's identities hold on random networks", arguments: shapes)
  func identities(_ text: String) throws {
    let diagram = try CausalDiagram(parsing: text)
    let network = try StringDiagramTests.network(diagram, states: 3, seed: 11)
    let all = diagram.variables
    for x in all {
      let cut = try network.cutting([x])
      #expect(try cut.cutting([x]) == cut)
      let open = try network.answer(CausalQuery(of: all.filter { $0 != x }, do: [x: nil]))
      // Uniform, a point, or any other state with full support: the same after disintegration.
      let others = all.filter { $0 != x }
      let byUniform = try cut.marginal([x] + others).conditional(given: [x]).channel
      expectClose(byUniform.values, open.values)
      let biased = try network.replacing(x, parents: [], rows: [0.2, 0.5, 0.3])
      expectClose(try biased.marginal([x] + others).conditional(given: [x]).channel.values, open.values)
      for state in 0..<3 {
        let point = try network.setting([x: "\(state)"]).marginal(others)
        expectClose(point.values, open.slice([x: state]).values)
        // Truncated factorisation.
        let product = others.reduce(Factor<Double>([], values: [1])) {
          $0.multiplied(by: network.tables[$1]!)
        }
        expectClose(product.slice([x: state]).marginal(others).values, point.values)
      }
      let after = diagram.descendants(of: [x])
      for d in others where !after.contains(d) {
        let law = try network.answer(CausalQuery(of: [d], do: [x: nil]))
        let plain = try network.marginal([d]).values
        expectClose(law.values, plain + plain + plain)
      }
      if diagram.parents(of: x).isEmpty {
        expectClose(try network.answer(CausalQuery(of: others, given: [x: nil])).values, open.values)
      }
      for y in all where y != x {
        #expect(try network.cutting([x]).cutting([y]) == network.cutting([y]).cutting([x]))
      }
    }
  }

  @Test("evidence and do together: Bayes' rule after the surgery")
  func evidence() throws {
    let network = try StringDiagramTests.network(
      try CausalDiagram(parsing: Self.shapes[0]), states: 2, seed: 4)
    let joint = try network.answer(CausalQuery(of: ["A", "D"], do: ["B": "1"]))
    let law = try network.answer(CausalQuery(of: ["A"], do: ["B": "1"], given: ["D": "0"]))
    let total = joint[[0, 0]] + joint[[1, 0]]
    expectClose(law.values, [joint[[0, 0]] / total, joint[[1, 0]] / total])
  }

  @Test("soft and conditional interventions; a policy that makes a cycle is refused")
  func policies() throws {
    let network = try StringDiagramTests.network(
      try CausalDiagram(parsing: Self.shapes[0]), states: 2, seed: 6)
    let policy = try network.setting("B", given: ["A"]) { $0[0] == "0" ? "1" : "0" }
    let a = try network.marginal(["A"]).values
    let c = network.tables["C"]!
    expectClose(
      try policy.marginal(["C"]).values,
      (0..<2).map { a[0] * c[[0, 1, $0]] + a[1] * c[[1, 0, $0]] })
    let soft = try network.replacing("B", parents: [], rows: [0.3, 0.7])
    let set = try network.answer(CausalQuery(of: ["C"], do: ["B": nil]))
    expectClose(
      try soft.marginal(["C"]).values, (0..<2).map { 0.3 * set[[0, $0]] + 0.7 * set[[1, $0]] })
    let cycle = #expect(throws: StatisticsError.self) { try network.setting("B", given: ["D"]) { $0[0] } }
    #expect(cycle!.description.contains("cycle B → C → D → B"), "\(cycle!)")
  }

  // MARK: Counterfactuals

  private func flip(_ p: Double) throws -> CausalNetwork {
    try CausalNetwork(
      try CausalDiagram(parsing: "x : -> X\nu : -> U\ny : X, U -> Y"),
      variables: ["X", "U", "Y"].map { FiniteVariable($0, count: 2) },
      tables: ["X": [0.4, 0.6], "U": [1 - p, p], "Y": [1, 0, 0, 1, 0, 1, 1, 0]])
  }

  @Test("the twin of Y = X xor U knows U from the evidence")
  func twin() throws {
    for p in [0.1, 0.5, 0.83] {
      let network = try flip(p)
      let law = try network.counterfactual(
        of: ["Y"], do: ["X": "1"], given: [.init("X", "0"), .init("Y", "1")])
      expectClose(law.values, [1, 0], 0)
      #expect(law.variables.map(\.name) == ["Y"])
      expectClose(try network.answer(CausalQuery(of: ["Y"], do: ["X": "1"])).values, [p, 1 - p])
      // Without evidence a counterfactual is an intervention.
      expectClose(try network.counterfactual(of: ["Y"], do: ["X": "1"]).values, [p, 1 - p])
      // What nothing set reaches is the same in both worlds.
      let u = try network.counterfactual(
        of: ["U"], do: ["X": "1"], given: [.init("X", "0"), .init("Y", "1")])
      expectClose(u.values, [0, 1], 0)
      // For every state that was seen: U = y tells what Y would be with X = 1 from Y = X xor U.
      let open = try network.counterfactual(of: ["Y"], do: ["X": "1"], given: [.init("X", "0"), .init("Y")])
      #expect(open.variables.map(\.name) == ["Y", "Y*"])
      expectClose(open.values, [0, 1, 1, 0], 0)
    }
  }

  @Test("a stochastic box after the surgery has no counterfactual, and is named with its row")
  func stochasticTwin() throws {
    let network = try StringDiagramTests.network(
      try CausalDiagram(parsing: "x : -> X\ny : X -> Y"), states: 2, seed: 1)
    let error = #expect(throws: StatisticsError.self) {
      try network.counterfactual(of: ["Y"], do: ["X": "1"], given: [.init("Y", "1")])
    }
    #expect(error!.description.contains("box y, row X=0") && error!.description.contains("private random"))
    let impossible = #expect(throws: StatisticsError.self) {
      let network = try flip(0)
      _ = try network.counterfactual(of: ["Y"], do: ["X": "1"], given: [.init("X", "0"), .init("Y", "1")])
    }
    #expect(impossible!.description.contains("no mass at X=0, Y=1"))
  }

  // MARK: The line

  @Test("linear-Gaussian front door: the product of two regression coefficients")
  func gaussian() throws {
    let diagram = try CausalDiagram(parsing: "hidden H; h : -> H; a : H -> A; b : A -> B; c : B, H -> C")
    let (alpha, beta1, beta2, gamma) = (0.8, 1.3, -0.7, 2.1)
    let network = try LinearGaussianNetwork(
      diagram,
      [
        "H": .init(coefficients: [], intercept: 0.3, variance: 1),
        "A": .init(coefficients: [alpha], variance: 0.5), "B": .init(coefficients: [beta1], variance: 0.4),
        "C": .init(coefficients: [beta2, gamma], intercept: -1, variance: 0.9),
      ])
    let law = try network.joint()
    let (va, b) = (alpha * alpha + 0.5, beta1)
    expectClose(
      law.covariance[0] + [law.covariance[1][1]],
      [va, b * va, beta2 * b * va + gamma * alpha, b * b * va + 0.4])
    let slope = try law.combSlope(a: "A", b: "B", c: "C")
    #expect(abs(slope - beta1 * beta2) < 1e-12)
    let zero = try network.answer(of: ["C"], do: ["A": 0])
    let one = try network.answer(of: ["C"], do: ["A": 1])
    #expect(abs(one.mean[0] - zero.mean[0] - beta1 * beta2) < 1e-12)
    #expect(abs(law.covariance[0][2] / va - slope) > 0.5)
    // Seeing H after the surgery: what is left is b and the noise.
    let seen = try network.answer(of: ["C"], do: ["A": 1], given: ["H": 2])
    expectClose(seen.mean, [beta2 * beta1 + gamma * 2 - 1])
    expectClose(seen.covariance[0], [beta2 * beta2 * 0.4 + 0.9])
    let dependent = #expect(throws: StatisticsError.self) {
      let twice = try LinearGaussianNetwork(
        try CausalDiagram(parsing: "a : -> A; b : A -> B; c : A, B -> C"),
        [
          "A": .init(coefficients: [], variance: 1), "B": .init(coefficients: [2], variance: 0),
          "C": .init(coefficients: [1, 1], variance: 1),
        ])
      _ = try twice.joint().regression(of: "C", on: ["A", "B"])
    }
    #expect(dependent!.description.contains("linearly dependent"))
    let die = #expect(throws: StatisticsError.self) {
      try diagram.stringDiagram.cutting(["A"]).interpreted(in: GaussianChannels(network.channels))
    }
    #expect(die!.description.contains("box h") || die!.description.contains("uniform"))
  }
}
