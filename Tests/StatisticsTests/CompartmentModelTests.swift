import Foundation
import Statistics
import Testing

/// Susceptible, infected, recovered; with births where `birth` is above 0.
let sirText = """
  model sir
  time day
  compartments S I R D
  infected I
  parameter N = 1000
  parameter I0 = 1
  parameter beta = 0.5 per day
  parameter gamma = 0.2 per day   # recovery
  parameter mu = 0 per day
  infection S -> I : beta*S*I/N
  I -> R : gamma*I
  0 -> S : mu*N
  S -> 0 : mu*S
  I -> 0 : mu*I
  R -> 0 : mu*R
  start S = N - I0
  start I = I0
  observe cases : beta*S*I/N
  """

func near(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool { abs(a - b) <= tolerance * max(1, abs(b)) }

func statisticsError(_ body: () throws -> Void) -> StatisticsError? {
  #expect(throws: StatisticsError.self, performing: body)
}

@Suite("Compartment models: text") struct CompartmentModelTextTests {
  /// The slope of a compartment with this inflow, by a step of the solver.
  private func rate(_ formula: String, parameters: String = "") throws -> Double {
    let model = try CompartmentModel(
      text: "compartments A B\n\(parameters)\n0 -> A : \(formula)\nA -> B : 0*A\nstart A = 1\nstart B = 2")
    return (try model.simulate(model.values(), to: 1e-7).final("A") - 1) / 1e-7
  }

  @Test("formulas: precedence, signs, powers, functions, names and numbers")
  func formulas() throws {
    let cases: [(String, Double)] = [
      ("2 + 3*4", 14), ("(2 + 3)*4", 20), ("2*3^2", 18), ("2^3^2", 512), ("2^-1", 0.5), ("7 - 2 - 1", 4),
      ("8/4/2", 1), ("1e3 + 1.5e-1", 1000.15), ("4 + -3", 1), ("5*B/2", 5), ("min(3, 2) + max(1, 4)", 6),
      ("exp(log(3))", 3), ("sqrt(16) + abs(-2)", 6), ("floor(2.7) + step(0) + step(-1)", 3),
      ("2*cos(0) + sin(0)", 2),
      ("pi", .pi), ("tanh(0) + 1", 1), ("p*q", 6), ("season(t + 1, 10, 0, 3)", 1),
      ("season(t + 4, 10, 0, 3) + 1", 1),
      ("-(-3)", 3), ("+3", 3), ("(-2)^2", 4),
    ]
    for (formula, value) in cases {
      let found = try rate(formula, parameters: "parameter p = 2\nparameter q = 3")
      #expect(abs(found - value) < 1e-5 * max(1, value), "\(formula): \(found)")
    }
  }

  @Test("mistakes are named by line, place and what would do")
  func mistakes() {
    let cases: [(text: String, words: [String])] = [
      ("", ["model:1", "compartments"]), ("compartments S I", ["no flows"]),
      ("compartments S I\nS -> J : S", [":2", "J", "S, I"]),
      ("compartments S I\nS -> I S", [":2", "FROM -> TO : RATE"]),
      ("compartments S I\nS -> I : S*bata\n", ["bata", "character 3"]),
      ("compartments S I\nparameter beta = 1\nS -> I : bata*S", ["bata", "did you mean beta?", ":3"]),
      ("compartments S I\nS -> I : (S", [":2", "')'", "the end"]),
      ("compartments S I\nS -> I : S S", ["operator"]),
      ("compartments S I\nS -> I : S*", ["the end", "a number, a name"]),
      ("compartments S I\nS -> I : exp(S, I)", ["one argument"]),
      ("compartments S I\nS -> I : foo(S)", ["the function foo", "exp"]),
      ("compartments S I\nS -> I : 1.2.3*S", ["1.2.3"]),
      ("compartments S I\nS -> S : S", ["two different ends"]), ("compartments S S", ["the name S again"]),
      ("compartments S I\nparameter b = x", ["\"x\"", "a finite number"]),
      ("compartments S I\nparameter b = 2 in 0..1", ["b = 2.0", "[0.0, 1.0]"]),
      ("compartments S I\nparameter b = 2 in 1", ["LOW..HIGH"]),
      ("compartments S I\nparameter b = 2 per week", ["per week", "per day"]),
      ("compartments S I\ninfection S -> I : S", ["leads to I", "infected"]),
      ("compartments S I\ninfected J", ["J", "S, I"]), ("time fortnight", ["fortnight", "week"]),
      ("compartment S I", ["did you mean compartments?"]), ("compartments S 1I", ["1I", "letters"]),
      ("compartments S I\nS -> I : S\nstart S = S", ["the name S"]),
      ("compartments S I\nS -> I : S\nstart S = 1\nstart S = 2", ["second start"]),
      ("compartments S I\nS -> I : S\nat 5 : b = 2", [":3", "the parameter b"]),
      ("compartments S I\nS -> I : {g}*S", ["{g}", "groups"]),
      ("compartments S I\nS -> I : " + String(repeating: "(", count: 500), ["100"]),
    ]
    for (text, words) in cases {
      let error = statisticsError { _ = try CompartmentModel(text: text) }
      #expect(error?.kind == .badData, "\(text)")
      for word in words { #expect(error.map { "\($0)".contains(word) } == true, "\(text): \(error!)") }
    }
  }

  @Test("files: missing, not text, and presets by name")
  func files() throws {
    #expect(statisticsError { _ = try CompartmentModel.named("nowhere.model") }?.kind == .missing)
    #expect(
      try CompartmentModel.named("meningitis").compartments.map(\.name) == ["S", "C", "I1", "I2", "R", "D"])
    let url = FileManager.default.temporaryDirectory.appending(path: "likely-\(UUID().uuidString).model")
    defer { try? FileManager.default.removeItem(at: url) }
    try Data([0xff, 0xfe, 0]).write(to: url)
    #expect(statisticsError { _ = try CompartmentModel(contentsOf: url) }?.kind == .badData)
    try Data(sirText.utf8).write(to: url)
    #expect(try CompartmentModel(contentsOf: url).name == "sir")
  }

  @Test("lines may end as on Windows, and mistakes keep their lines")
  func windows() throws {
    let text = sirText.replacingOccurrences(of: "\n", with: "\r\n")
    let model = try CompartmentModel(text: text)
    let plain = try CompartmentModel(text: sirText)
    #expect(model.parameters == plain.parameters && model.flows == plain.flows)
    let error = statisticsError {
      _ = try CompartmentModel(text: "compartments S I\r\n\r\nS -> I : bata*S\r\n")
    }
    #expect(error.map { "\($0)".contains("model:3") } == true)
  }

  @Test("closed forms are for the flows of meningitis, whatever its name and its values")
  func identity() throws {
    let preset = CompartmentModel.meningitis
    #expect(preset.isMeningitis && !CompartmentModel.endemicCarriers.isMeningitis)
    func changed(_ old: String, _ new: String) throws -> Bool {
      #expect(preset.text.contains(old))
      return try CompartmentModel(text: preset.text.replacingOccurrences(of: old, with: new)).isMeningitis
    }
    #expect(try changed("model meningitis", "model mine"))
    #expect(try changed("parameter beta = 0.2", "parameter beta = 0.4"))
    #expect(try !changed("R -> S : om*R", "R -> S : 2*om*R"))
    #expect(try !changed("eps*C + I1 + kap*I2)/mixing", "eps*C + I1)/mixing"))
    #expect(try !changed("parameter om", "parameter more = 1\nparameter om"))
  }

  @Test("every preset reads its own text")
  func presets() throws {
    for preset in CompartmentModel.presets {
      let again = try CompartmentModel(text: preset.text)
      #expect(again.parameters == preset.parameters && again.flows.count == preset.flows.count)
    }
  }

  @Test("parameters: unknown names with the nearest, ranges, and what starts below zero")
  func parameters() throws {
    let model = CompartmentModel.meningitis
    func error(_ given: [String: Double]) -> StatisticsError? {
      statisticsError { _ = try model.start(model.values(given)) }
    }
    for (given, words) in [
      (["betta": 0.1], ["betta", "did you mean beta?"]),
      (["beta": -1], ["parameter beta", "-1.0", "≥ 0", "per day"]),
      (["phi": 1.2], ["phi", "1.2", "[0.0, 1.0]"]), (["beta": .nan], ["beta", "nan"]),
      (["beta": .infinity], ["beta", "inf"]),
      (["C0": 2e5], ["compartment S at the start", "take more than"]),
    ] as [([String: Double], [String])] {
      let found = error(given)
      #expect(found?.kind == .option)
      for word in words { #expect(found.map { "\($0)".contains(word) } == true, "\(found!)") }
    }
    #expect(try model.start(model.values(["C0": 1e5])).first == 0)
  }

  @Test("groups: lines and sums are written out, and equal groups are as one")
  func groups() throws {
    let text = """
      groups young old
      compartments S_young I_young R_young S_old I_old R_old
      infected I_young I_old
      parameter m = 0.5 per day
      parameter gamma = 0.2 per day
      parameter N = 500
      let force_{g} = sum{h}(m*I_{h}/(2*N)) + 0*I_{g}
      infection S_{g} -> I_{g} : force_{g}*S_{g}
      I_{g} -> R_{g} : gamma*I_{g}
      start S_{g} = N - 1
      start I_{g} = 1
      """
    let model = try CompartmentModel(text: text)
    let values = try model.values()
    let next = try model.nextGeneration(values)
    #expect(near(next.reproductionNumber, 2.5, 1e-12))
    // Each group gets its own infected back.
    #expect(next.diseaseFree == [500, 0, 0, 500, 0, 0])
    let found = try model.simulate(values, to: 60)
    let whole = try CompartmentModel(text: sirText).simulate(
      try CompartmentModel(text: sirText).values(["I0": 2]), to: 60)
    #expect(near(found.final("S_young") + found.final("S_old"), whole.final("S"), 1e-6))
  }
}

@Suite("Compartment models: next generation") struct NextGenerationTests {
  @Test("SIR: R0 = β/(γ + μ), growth β − γ − μ, elasticities and critical values")
  func sir() throws {
    let model = try CompartmentModel(text: sirText)
    for mu in [0, 0.01] {
      let values = try model.values(["mu": mu])
      let next = try model.nextGeneration(values)
      #expect(near(next.reproductionNumber, 0.5 / (0.2 + mu), 1e-12))
      #expect(near(next.growthRate, 0.3 - mu, 1e-12) && near(next.doublingTime, log(2) / (0.3 - mu), 1e-12))
      let elasticities = Dictionary(uniqueKeysWithValues: next.elasticities.map { ($0.parameter, $0.value) })
      #expect(near(elasticities["beta"]!, 1, 1e-12))
      #expect(near(elasticities["gamma"]!, -0.2 / (0.2 + mu), 1e-12))
      #expect(near(elasticities["mu"]!, -mu / (0.2 + mu), 1e-9), "\(elasticities)")
      // Frequency-dependent contacts do not care for N, as the disease-free S is N itself.
      #expect(abs(elasticities["N"]!) < 1e-9)
      #expect(near(try model.criticalValue(of: "beta", values)!, 0.2 + mu, 1e-12))
      #expect(try model.criticalValue(of: "N", values) == nil)
      #expect(try model.reproductionNumbers([values])[0] == next.reproductionNumber)
    }
  }

  @Test(
    "elasticities are those of finite differences, where the state without infection moves with parameters")
  func movingState() throws {
    // Susceptibles settle at births over exits; R0 = beta S*/(g + m), S* = b/(m + v).
    let model = try CompartmentModel(
      text: """
        compartments S E I V
        infected E I
        parameter b = 3 per day
        parameter m = 0.02 per day
        parameter v = 0.05 per day
        parameter beta = 0.01 per day
        parameter k = 0.3 per day
        parameter g = 0.2 per day
        0 -> S : b
        S -> 0 : m*S
        S -> V : v*S
        V -> 0 : m*V
        infection S -> E : beta*S*I
        E -> I : k*E
        E -> 0 : m*E
        I -> V : g*I
        I -> 0 : m*I
        start S = 100
        """)
    let values = try model.values()
    let next = try model.nextGeneration(values)
    let exact = 0.01 * 3 / 0.07 * 0.3 / 0.32 / 0.22
    #expect(near(next.reproductionNumber, exact, 1e-9))
    #expect(near(next.diseaseFree[0], 3 / 0.07, 1e-9) && next.names == ["E", "I"])
    for (place, elasticity) in next.elasticities.enumerated() {
      var (up, down) = (values, values)
      let h = 1e-5
      up[place] *= 1 + h
      down[place] *= 1 - h
      let r = try model.reproductionNumbers([up, down])
      #expect(abs((log(r[0]) - log(r[1])) / (2 * h) - elasticity.value) < 1e-6, "\(elasticity)")
    }
  }

  @Test("a disease by way of a vector: R0 is a root, and the shares are those of growth")
  func vector() throws {
    let model = try CompartmentModel(
      text: """
        compartments S I R V W
        infected I W
        parameter a = 0.3 per day
        parameter c = 0.5 per day
        parameter g = 0.1 per day
        parameter d = 0.2 per day
        infection S -> I : a*W*S/100
        infection V -> W : c*I*V/100
        I -> R : g*I
        W -> V : d*W
        start S = 99
        start I = 1
        start V = 100
        """)
    let next = try model.nextGeneration(model.values())
    #expect(near(next.reproductionNumber, (0.3 * 0.5 / (0.1 * 0.2)).squareRoot(), 1e-12))
    let r = next.growthRate
    #expect(near((r + 0.1) * (r + 0.2), 0.15, 1e-12))
    #expect(near(next.growthShares[0] / next.growthShares[1], 0.3 / (r + 0.1), 1e-12))
    // The mean of two generations: its elasticities are halves.
    #expect(near(next.elasticities.first { $0.parameter == "a" }!.value, 0.5, 1e-12))
  }

  @Test("who is never healed infects without end, which is said")
  func infinite() throws {
    let model = CompartmentModel.meningitis
    for (given, name) in [
      (["th": 0, "rC": 0], "C"), (["sg": 0, "g1": 0, "d1": 0], "I1"), (["g2": 0, "d2": 0], "I2"),
    ] as [([String: Double], String)] {
      let values = try model.values(given)
      for body in [{ _ = try model.nextGeneration(values) }, { _ = try MeningitisForms(values) }]
        as [() throws -> Void]
      {
        let error = statisticsError(body)
        #expect(
          error?.kind == .noAnswer && "\(error!)".contains(name) && "\(error!)".contains("R0 is infinite"))
      }
      #expect(try model.reproductionNumbers([values])[0].isNaN)
    }
    let divided = try CompartmentModel(
      text: sirText.replacingOccurrences(
        of: "infection S -> I : beta*S*I/N", with: "infection S -> I : beta*S*I/mu"))
    let flow = statisticsError { _ = try divided.nextGeneration(divided.values()) }
    #expect(flow.map { "\($0)".contains("flow beta*S*I/mu") } == true)
    let healthy = try CompartmentModel(text: "compartments A B\nA -> B : 0.1*A\nstart A = 1")
    #expect(statisticsError { _ = try healthy.nextGeneration(healthy.values()) }?.kind == .badData)
  }

  @Test("equilibria of SIR with births, their stability, and none where the infection dies out")
  func equilibria() throws {
    let model = try CompartmentModel(text: sirText)
    let found = try model.equilibria(try model.values(["mu": 0.02]))
    let endemic = try #require(found.endemic)
    #expect(near(endemic.state[0], 1000 * 0.22 / 0.5, 1e-9))
    #expect(near(endemic.state[1], 0.02 * 1000 / 0.22 * (1 - 0.22 / 0.5), 1e-9))
    #expect(endemic.isStable && !found.diseaseFree.isStable && near(found.diseaseFree.leading, 0.28, 1e-9))
    // λ² + μ R0 λ + μ (R0 − 1)(γ + μ) = 0.
    let r0 = 0.5 / 0.22
    let inside = pow(0.02 * r0 / 2, 2) - 0.02 * (r0 - 1) * 0.22
    #expect(
      near(endemic.eigenvalues[1].real, -0.02 * r0 / 2, 1e-6)
        || near(endemic.eigenvalues[0].real, -0.02, 1e-6))
    #expect(endemic.eigenvalues.contains { near($0.imaginary, (-inside).squareRoot(), 1e-6) })
    let low = try model.equilibria(try model.values(["mu": 0.02, "beta": 0.1]))
    #expect(low.endemic == nil && low.diseaseFree.isStable)
    // Immunity that is lost, in a closed population: conserved, so one eigenvalue is 0 and the rest decide.
    let carriers = CompartmentModel.endemicCarriers
    let rested = try carriers.equilibria(try carriers.values(["A": 0]))
    let start = try carriers.start(try carriers.values())
    for (a, b) in zip(try #require(rested.endemic).state, start) { #expect(near(a, b, 1e-9)) }
    #expect(rested.endemic!.isStable && rested.endemic!.leading < -0.01)
    #expect(statisticsError { _ = try carriers.equilibria(carriers.values(["A": 0.4])) }?.kind == .noAnswer)
  }
}
