import Foundation
import Probability
import Report
import Statistics
import Torch
import Training

/// Jacobs, Kissinger & Zanasi 2019 (arXiv 1811.08338), causal inference by surgery on string diagrams: the smoking scenario
/// (E1), a table (E2), a real network with a hidden cause (E3), effects from samples (E4), large networks (E5) and the line
/// (E6).
public struct StringDiagramSurgery: Experiment {
  public static let slug = "string-diagram-surgery"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] {
    scale == .quick ? ["E1", "E2", "E3", "E6"] : ["E1", "E2", "E3", "E4", "E5", "E6"]
  }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "E1": return try smoking()
    case "E2": return try table()
    case "E3": return try proteins()
    case "E4": return try samples(random: random, log: log)
    case "E5": return try largeNetworks(random: random, log: log)
    default: return try line(random: random)
    }
  }

  private static func worst(_ a: [Double], _ b: [Double]) -> Double {
    precondition(a.count == b.count, "\(a.count) numbers beside \(b.count)")
    return zip(a, b).map { abs($0 - $1) }.max() ?? 0
  }

  private static func error(_ name: String, _ found: [Double], _ truth: [Double], atMost bar: Double) -> Claim
  {
    Claim(
      "\(name), largest error of \(truth.count)", measured: worst(found, truth), uncertainty: nil,
      rule: .atMost(bar))
  }

  // MARK: E1

  private static let variables = ["S", "T", "C"].map { FiniteVariable($0, count: 2) }
  private static let smokingLaw = [0.5, 0.1, 0.01, 0.02, 0.1, 0.05, 0.02, 0.2]
  private static let effectTruth = 0.288819663820

  private static func frontDoor() throws -> CausalDiagram {
    try CausalDiagram(parsing: "hidden H\ns : H -> S\nt : S -> T\nc : H, T -> C")
  }

  private func smoking() throws -> ExperimentOutcome {
    let joint = Factor<Double>(Self.variables, values: Self.smokingLaw)
    let comb = try joint.comb(a: "S", b: "T", c: "C")
    let seen = joint.marginal(["S", "C"]).conditional(given: ["S"]).channel
    let effect = comb.cut()
    let truth = [0.253477633478, 0.542297297297]
    let found = try Self.frontDoor().identify(["C"], do: ["S"])
    let byFormula = try found.evaluate(on: JointTable(joint))
    let hidden = try CausalNetwork(
      Self.frontDoor(), variables: Self.variables + [FiniteVariable("H", count: 2)],
      tables: [
        "H": joint.marginal(["S"]).values, "S": [1, 0, 0, 1],
        "T": joint.marginal(["S", "T"]).conditional(given: ["S"]).channel.values,
        "C": joint.conditional(given: ["S", "T"]).channel.values,
      ])
    let surgery = try hidden.answer(CausalQuery(of: ["C"], do: ["S": nil]))
    var table = ReportTable(
      title: "E1: does smoking cause cancer? \(found.formula?.text ?? "")",
      columns: [
        .text("smoking"), .number("P(cancer | seen)", digits: 12), .number("P(cancer | set)", digits: 12),
      ])
    for s in 0..<2 { table.append([.text("\(s)"), .number(seen[[s, 1]]), .number(effect[[s, 1]])]) }
    return ExperimentOutcome(
      claims: [
        Self.error(
          "E1: P(C=1 | S)", [seen[[0, 1]], seen[[1, 1]]], [0.190476190476, 0.675675675676], atMost: 1e-12),
        Self.error(
          "E1: g of the comb", [comb.g[[0, 1]], comb.g[[1, 1]]], [0.047619047619, 0.594594594595],
          atMost: 1e-12),
        Self.error(
          "E1: f of the comb", comb.f.values,
          [0.525, 0.105, 0.246666666667, 0.123333333333, 0.21, 0.42, 0.033636363636, 0.336363636364],
          atMost: 1e-12),
        Claim(
          "E1: error of recomposition", measured: comb.recompositionError, uncertainty: nil,
          rule: .below(1e-15)),
        Self.error(
          "E1: P(C=1 | do S) by the cut comb", [effect[[0, 1]], effect[[1, 1]]], truth, atMost: 1e-12),
        Self.error(
          "E1: P(C=1 | do S) by the identified formula", [byFormula[[0, 1]], byFormula[[1, 1]]], truth,
          atMost: 1e-12),
        Self.error(
          "E1: law of a hidden model", try hidden.marginal(["S", "T", "C"]).values, Self.smokingLaw,
          atMost: 1e-15),
        Self.error("E1: its surgery", [surgery[[0, 1]], surgery[[1, 1]]], truth, atMost: 1e-12),
      ], items: [.table(table)])
  }

  // MARK: E2

  private func table() throws -> ExperimentOutcome {
    let variables = [
      FiniteVariable("A", count: 3), FiniteVariable("B", count: 4), FiniteVariable("C", count: 2),
    ]
    let weights = (0..<24).map { i in
      let (a, b, c) = (i / 8, i / 2 % 4, i % 2)
      return Double(1 + (5 * a + 2 * b + 3 * c + a * b) % 7)
    }
    let total = weights.reduce(0, +)
    let cut = try Factor<Double>(variables, values: weights.map { $0 / total }).comb(a: "A", b: "B", c: "C")
      .cut()
    return ExperimentOutcome(claims: [
      Claim("E2: sum of the weights", measured: total, uncertainty: nil, rule: .near(85, tolerance: 0)),
      Self.error(
        "E2: P(C=0 | do A)", (0..<3).map { cut[[$0, 0]] }, [0.454565317036, 0.474385614386, 0.478313532309],
        atMost: 1e-11),
    ])
  }

  // MARK: E3

  private func proteins() throws -> ExperimentOutcome {
    let statement =
      "E3: P(Erk | do Mek) of sachs with PKC hidden by the formula, less surgery on the whole network"
    let whole: CausalNetwork
    do {
      whole = try CausalNetwork(
        bif: try DataCatalogue.file(of: try DataCatalogue.dataSet(named: "sachs")))
    } catch let error as DataSetError {
      return ExperimentOutcome(claims: [Claim(statement, rule: .atMost(1e-9), notRun: error.description)])
    }
    let hidden = try whole.hiding(["PKC"])
    // Nothing but the joint law of the ten measured proteins goes in.
    let joint = JointTable(try hidden.marginal(hidden.diagram.observed))
    let query = CausalQuery(of: ["Erk"], do: ["Mek": nil])
    let found = try hidden.diagram.identify(query)
    let byFormula = try found.evaluate(on: joint).values
    let single = try hidden.diagram.identify(["Erk"], doSingle: "Mek").evaluate(on: joint).values
    let surgery = try whole.answer(query).values
    let seen = try whole.answer(CausalQuery(of: ["Erk"], given: ["Mek": nil])).values
    let aktQuery = CausalQuery(of: ["Akt"], do: ["Mek": "HIGH"])
    let akt = try hidden.diagram.identify(aktQuery).evaluate(on: joint).values
    let truth = [
      0.255161430068, 0.585490794703, 0.159347775230, 0.109610609235, 0.612154328130, 0.278235062635,
      0.006144080355, 0.561306519414, 0.432549400231,
    ]
    let seenTruth = [
      0.197395529298, 0.627244334535, 0.175360136167, 0.067686325619, 0.710672830576, 0.221640843805,
      0.008333333137, 0.217028985510, 0.774637681353,
    ]
    var table = ReportTable(
      title: "E3: Erk when Mek is set and when it is seen. \(found.formula?.text ?? "")",
      columns: [.text("Mek"), .text("Erk"), .number("set", digits: 9), .number("seen", digits: 9)])
    let states = whole.variables["Erk"]!.states
    for (i, value) in byFormula.enumerated() {
      table.append([.text(states[i / 3]), .text(states[i % 3]), .number(value), .number(seen[i])])
    }
    func isRefused(_ x: String) throws -> Bool {
      let refusal = try hidden.diagram.identify(["Mek"], doSingle: x).refusal
      return refusal?.path.contains("← PKC →") == true
    }
    return ExperimentOutcome(
      claims: [
        Self.error(statement, byFormula, surgery, atMost: 1e-9),
        Self.error("E3: the same by the c-component of Mek alone", single, surgery, atMost: 1e-9),
        Self.error("E3: P(Erk | do Mek), less the stored values", byFormula, truth, atMost: 1e-11),
        Self.error("E3: P(Erk | Mek), less the stored values", seen, seenTruth, atMost: 1e-11),
        Self.error(
          "E3: P(Akt | do Mek=HIGH), less the stored values", akt,
          [0.497284280673, 0.363406961145, 0.139308758182], atMost: 1e-11),
        Claim(
          "E3: how far P(Erk | Mek) is from P(Erk | do Mek)", measured: Self.worst(seen, surgery),
          uncertainty: nil, rule: .near(0.34, tolerance: 0.005)),
        Claim(
          "E3: the effects of Raf and of PKA on Mek, which share PKC with it",
          observed: try isRefused("Raf") && isRefused("PKA"),
          condition: "are refused with the path as a witness"),
      ], items: [.table(table)])
  }

  // MARK: E4

  private func samples(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let found = try Self.frontDoor().identify(["C"], do: ["S"])
    let formula = try found.required()
    let difference = EffectEstimate.Reading("difference", weights: [0, -1, 0, 1])
    let (repetitions, resamples) = (300, 500)
    func study(_ size: Int) throws -> (errors: [Double], covered: Int) {
      log("E4: \(repetitions) samples of \(size)")
      let stream = random.split("samples of \(size)")
      let shares = try CountTable.resampledShares(
        of: Self.smokingLaw.map { $0 * Double(size) }, repetitions, random: stream.split("samples"))
      var errors: [Double] = []
      var covered = 0
      for k in 0..<repetitions {
        let counts = Self.smokingLaw.indices.map { (shares[$0 * repetitions + k] * Double(size)).rounded() }
        let estimate = try EffectEstimate(
          formula, answering: found.query, from: CountTable(variables: Self.variables, cells: counts),
          method: .bootstrap(resamples), random: stream.split(k))
        let reading = estimate.read(difference)
        errors.append(reading.value - Self.effectTruth)
        if reading.range!.contains(Self.effectTruth) { covered += 1 }
      }
      return (errors, covered)
    }
    let (large, small) = (try study(10_000), try study(1_000))
    func rootMeanSquare(_ errors: [Double]) -> Double {
      (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
    }
    let mean = Estimate(meanOf: large.errors)
    let coverage = Double(large.covered) / Double(repetitions)
    let ratio = rootMeanSquare(small.errors) / rootMeanSquare(large.errors)
    let plot = Plot(
      "E4: errors of the effect", caption: "300 samples each of 10,000 and of 1,000 records.",
      x: "estimate less truth", y: "density",
      marks: [
        .histogram(small.errors, series: "1,000", normalized: true),
        .histogram(large.errors, series: "10,000", normalized: true),
      ])
    return ExperimentOutcome(
      claims: [
        Claim(
          "E4: coverage of 95 % bootstrap intervals, 300 samples of 10,000", measured: coverage,
          uncertainty: (coverage * (1 - coverage) / Double(repetitions)).squareRoot(),
          rule: .within(0.92...0.98)),
        Claim(
          "E4: mean error of the difference", measured: mean.value, uncertainty: mean.standardError,
          rule: .agrees(with: 0, uncertainties: 3)),
        Claim(
          "E4: r.m.s. error with 1,000 records over that with 10,000", measured: ratio, uncertainty: nil,
          rule: .within(2.5...4)),
      ], items: [.plot(plot, name: "errors")])
  }

  // MARK: E5

  private func largeNetworks(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    var claims: [Claim] = []
    for name in ["alarm", "hailfinder"] {
      let rule = Rule.below(0.05)
      let statement = "E5: seconds of the slowest surgery query to \(name)"
      let network: CausalNetwork
      do {
        network = try CausalNetwork(bif: try DataCatalogue.file(of: try DataCatalogue.dataSet(named: name)))
      } catch let error as DataSetError {
        claims.append(Claim(statement, rule: rule, notRun: error.description))
        continue
      }
      log("E5: every pair of \(name)")
      var (slowest, pairs) = (0.0, 0)
      for x in network.diagram.variables {
        for y in network.diagram.variables where y != x {
          let query = CausalQuery(of: [y], do: [x: nil])
          // The least of three, since other work on the machine only adds to it.
          let times = try (0..<3).map { _ in try Self.seconds { _ = try network.answer(query) } }
          slowest = max(slowest, times.min()!)
          pairs += 1
        }
      }
      claims.append(
        Claim("\(statement), of \(pairs) pairs", measured: slowest, uncertainty: nil, rule: rule))
    }
    let found = try Self.frontDoor().identify(["C"], do: ["S"])
    let formula = try found.required()
    let counts = CountTable(variables: Self.variables, cells: Self.smokingLaw.map { ($0 * 10_000).rounded() })
    let times = try (0..<5).map { k in
      try Self.seconds {
        _ = try EffectEstimate(
          formula, answering: found.query, from: counts, method: .bootstrap(1000), random: random.split(k))
      }
    }
    claims.append(
      Claim(
        "E5: seconds of 1,000 bootstrap tables of E1, resampling included", measured: times.sorted()[2],
        uncertainty: nil, rule: .below(0.05)))
    return ExperimentOutcome(claims: claims)
  }

  private static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let time = try ContinuousClock().measure(body)
    return Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18
  }

  // MARK: E6

  private func line(random: RandomSource) throws -> ExperimentOutcome {
    let diagram = try CausalDiagram(parsing: "hidden H\na : H -> A\nb : A -> B\nc : B, H -> C")
    var random = random
    var (formula, surgery, naive) = (0.0, 0.0, Double.infinity)
    for _ in 0..<100 {
      // Away from zero, so that there is an effect and a confounder.
      let slopes = (0..<4).map { _ in (0.5 + random.uniform()) * (random.uniform() < 0.5 ? -1 : 1) }
      let variances = random.uniforms(4).map { 0.5 + $0 }
      let network = try LinearGaussianNetwork(
        diagram,
        [
          "H": .init(coefficients: [], variance: variances[0]),
          "A": .init(coefficients: [slopes[0]], variance: variances[1]),
          "B": .init(coefficients: [slopes[1]], variance: variances[2]),
          "C": .init(coefficients: [slopes[2], slopes[3]], variance: variances[3]),
        ])
      let truth = slopes[1] * slopes[2]
      let law = try network.joint()
      formula = max(formula, abs(try law.combSlope(a: "A", b: "B", c: "C") - truth))
      let means = try [0.0, 1].map { try network.answer(of: ["C"], do: ["A": $0]).mean[0] }
      surgery = max(surgery, abs(means[1] - means[0] - truth))
      naive = min(naive, abs(try law.regression(of: "C", on: ["A"])[0] - truth))
    }
    return ExperimentOutcome(claims: [
      Claim(
        "E6: slope of E[C | do a] by two regressions on the exact covariance, largest error of 100 models",
        measured: formula, uncertainty: nil, rule: .atMost(1e-12)),
      Claim(
        "E6: the same by surgery on the diagram", measured: surgery, uncertainty: nil, rule: .atMost(1e-12)),
      Claim(
        "E6: least error of the plain regression of C on A", measured: naive, uncertainty: nil,
        rule: .above(0.01)),
    ])
  }
}
