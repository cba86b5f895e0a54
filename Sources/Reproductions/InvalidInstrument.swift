import Foundation
import Probability
import Report
import Statistics
import Torch
import Training

/// Sun, Cui & Tchetgen Tchetgen 2022 (arXiv 1907.11882), effects with an invalid instrument: four ways of being right (A),
/// candidates chosen by the data (B), learners that see other covariates (C), pensions (D).
public struct SelectiveEffects: Experiment {
  public static let slug = "selective-ate"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] { scale == .quick ? ["D"] : ["A", "B", "C", "D"] }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    log("\(part)…")
    return switch part {
    case "A": try robustness(random: random)
    case "B": try selection(random: random)
    case "C": try learners(scale == .paper ? 500 : 100, random: random)
    default: try pensions()
    }
  }

  /// X, uniform on the square, in place of which learners may be given others; ψ = 1, δ = 1 + X₁, η = 0.12.
  private static func study(_ n: Int, isTransformed: Bool = false, using random: inout RandomSource) throws
    -> InstrumentData
  {
    let x = random.uniform([n, 2], low: -1, high: 1, dtype: .double).doubles
    let noise = random.normal([n], dtype: .double).doubles
    var (y, a, z, seen) = ([Double](), [Double](), [Double](), [Double]())
    for i in 0..<n {
      let (x1, x2) = (x[2 * i], x[2 * i + 1])
      let u = random.uniform() < 0.5 ? 1.0 : -1
      let instrument = random.uniform() < 1 / (1 + exp(-0.4 * x1 + 0.4 * x2)) ? 1.0 : 0
      let p = 0.06 * u + (instrument == 1 ? 0.5 + 0.1 * x1 : 0.12 + 0.06 * x2)
      let exposure = random.uniform() < p ? 1.0 : 0
      let direct = (1.5 + 0.5 * x2) * instrument
      y.append((1 + x1) * exposure + direct + 1 + x1 - x2 + 2 * u + noise[i])
      a.append(exposure)
      z.append(instrument)
      seen += isTransformed ? [exp(x1 / 2), x2 / (1 + exp(x1))] : [x1, x2]
    }
    return try InstrumentData(
      outcome: y, exposure: a, instrument: z, covariates: Tensor(seen, shape: [n, 2]))
  }

  private static func candidates(_ pi: Basis, _ p: Basis, _ delta: Basis, _ mu: Basis, _ eta: Basis)
    -> NuisanceCandidates
  {
    NuisanceCandidates(
      pi: [.basis(pi)], p: [.basis(p)], delta: [.basis(delta)], mu: [.basis(mu)], eta: [.basis(eta)])
  }

  // MARK: A

  private func robustness(random: RandomSource) throws -> ExperimentOutcome {
    let (n, repetitions) = (8000, 200)
    let (right, wrong) = (Basis.linear, Basis.intercept)
    let rows: [(name: String, candidates: NuisanceCandidates)] = [
      ("all right", Self.candidates(right, right, right, right, .intercept)),
      ("δ, μ, η wrong", Self.candidates(right, right, wrong, wrong, .none)),
      ("p, η wrong", Self.candidates(right, wrong, right, right, .none)),
      ("π, μ wrong", Self.candidates(wrong, right, right, wrong, .intercept)),
      ("π, p wrong", Self.candidates(wrong, wrong, right, right, .intercept)),
      ("all wrong", Self.candidates(wrong, wrong, wrong, wrong, .none)),
    ]
    var estimator = InvalidInstrument(selection: .none)
    estimator.folds = 1
    let fixed = estimator
    let found = try Repetitions(repetitions).run(random) { stream -> [Estimate] in
      let data = try Self.study(n, using: &stream)
      var estimates = try rows.map { try fixed.estimate(data, $0.candidates, random: stream).effect }
      let others = EffectComparisons(data)
      estimates.append(try others.regression())
      estimates.append(try others.twoStage())
      return estimates
    }
    var table = ReportTable(
      title: "A: n = \(n), \(repetitions) repetitions, ψ = 1",
      columns: [
        .text("nuisances"), .number("mean"), .number("deviation"), .number("median error", digits: 3),
        .number("coverage", digits: 3),
      ])
    var outcome = ExperimentOutcome()
    for (r, name) in (rows.map(\.name) + ["regression", "two-stage least squares"]).enumerated() {
      let own = found.map { $0[r] }
      let mean = Estimate(meanOf: own.map(\.value))
      let deviation = mean.standardError * Double(repetitions).squareRoot()
      let coverage = Double(own.count { $0.interval().contains(1) }) / Double(repetitions)
      let errors = own.map(\.standardError).sorted()
      table.append([
        .text(name), .number(mean.value), .number(deviation), .number(errors[repetitions / 2]),
        .number(coverage),
      ])
      if r < 5 {
        outcome.claims.append(
          Claim(
            "A, \(name): distance of the mean to 1, in standard errors",
            measured: abs(mean.zScore(against: 1)),
            uncertainty: nil,
            rule: .below(3.5)))
      }
      if r == 0 {
        outcome.claims.append(
          Claim(
            "A, all right: coverage of 95 % intervals", measured: coverage, uncertainty: nil,
            rule: .within(0.92...0.98)))
        outcome.claims.append(
          Claim(
            "A, all right: n times the variance, of which the bound is 203",
            measured: Double(n) * deviation * deviation,
            uncertainty: nil, rule: .within(170...240)))
      }
      if r == 5 {
        outcome.claims.append(
          Claim(
            "A, all wrong: mean", measured: mean.value, uncertainty: mean.standardError, rule: .above(1.4)))
      }
    }
    outcome.items = [.table(table)]
    return outcome
  }

  // MARK: B

  private func selection(random: RandomSource) throws -> ExperimentOutcome {
    let both: [NuisanceLearner] = [.basis(.linear), .basis(.intercept)]
    let candidates = NuisanceCandidates(pi: both, p: both, delta: both, mu: both, eta: [.basis(.intercept)])
    struct Found: Sendable {
      var minimax, mixed, oracle, average, wrong: Double
    }
    let found = try Repetitions(60).run(random) { stream -> Found in
      let data = try Self.study(4000, using: &stream)
      func effect(_ selection: InvalidInstrument.Selection, _ candidates: NuisanceCandidates) throws
        -> InvalidInstrument.Result
      {
        var estimator = InvalidInstrument(selection: selection)
        estimator.folds = 2
        return try estimator.estimate(data, candidates, random: stream.split("estimate"))
      }
      let minimax = try effect(.minimax, candidates)
      return Found(
        minimax: minimax.effect.value, mixed: try effect(.mixed, candidates).effect.value,
        oracle: try effect(.none, candidates).effect.value,
        average: minimax.table.reduce(0) { $0 + $1.effect } / Double(minimax.table.count),
        wrong: try effect(.none, Self.candidates(.intercept, .intercept, .intercept, .intercept, .intercept))
          .effect.value)
    }
    func error(_ value: (Found) -> Double) -> Double {
      (found.reduce(0) { $0 + (value($1) - 1) * (value($1) - 1) } / Double(found.count)).squareRoot()
    }
    let (oracle, average) = (error(\.oracle), error(\.average))
    var table = ReportTable(
      title: "B: root mean squared error, n = 4,000, 60 studies",
      columns: [.text("choice"), .number("error")])
    for (name, value) in [
      ("all right", oracle), ("minimax", error(\.minimax)), ("mixed", error(\.mixed)),
      ("average of 16", average),
      ("all wrong", error(\.wrong)),
    ] { table.append([.text(name), .number(value)]) }
    return ExperimentOutcome(
      claims: [("minimax", error(\.minimax)), ("mixed", error(\.mixed))].flatMap { name, value in
        [
          Claim(
            "B: error of the \(name) rule over that of the right choice", measured: value / oracle,
            uncertainty: nil,
            rule: .atMost(1.25)),
          Claim(
            "B: error of the \(name) rule over that of the average of all choices", measured: value / average,
            uncertainty: nil, rule: .below(1)),
        ]
      }, items: [.table(table)])
  }

  // MARK: C

  private func learners(_ repetitions: Int, random: RandomSource) throws -> ExperimentOutcome {
    var trees = GradientBoosting(trees: 40)
    (trees.depth, trees.smallestLeaf) = (2, 50)
    let candidates = NuisanceCandidates([
      .regressor(Lasso(), .polynomial(3)), .regressor(trees, .linear), .basis(.intercept),
    ])
    let constant = NuisanceCandidates([.basis(.intercept)])
    let found = try Repetitions(repetitions).run(random) { stream -> (chosen: Double, constant: Double) in
      let data = try Self.study(4000, isTransformed: true, using: &stream)
      var estimator = InvalidInstrument(selection: .minimax)
      estimator.folds = 2
      let chosen = try estimator.estimate(data, candidates, random: stream.split("estimate")).effect.value
      estimator.selection = .none
      return (chosen, try estimator.estimate(data, constant, random: stream.split("estimate")).effect.value)
    }
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    let (chosen, alone) = (median(found.map(\.chosen)), median(found.map(\.constant)))
    return ExperimentOutcome(claims: [
      Claim(
        "C: median effect with chosen learners, of \(repetitions) studies", measured: chosen,
        uncertainty: nil,
        rule: .near(1, tolerance: 0.15)),
      Claim("C: median effect with constants alone", measured: alone, uncertainty: nil, rule: .above(1.4)),
    ])
  }

  // MARK: D

  private func pensions() throws -> ExperimentOutcome {
    let table = try DataTable(contentsOf: DataCatalogue.file(of: DataCatalogue.dataSet(named: "pension")))
    func data(_ columns: [String], squared: String? = nil) throws -> InstrumentData {
      var x = try DesignCoding(table, columns: columns).matrix(of: table)
      if let squared {
        let values = Tensor(try table.numbers(squared))
        let standard =
          (values - values.mean()) / ((values - values.mean()) * (values - values.mean())).mean().sqrt()
        x = .concatenate([x, (standard * standard).unsqueeze(1)], axis: 1)
      }
      return try InstrumentData(
        outcome: table.numbers("net_tfa"), exposure: table.numbers("p401"), instrument: table.numbers("e401"),
        covariates: x)
    }
    let bins =
      (2...7).map { "i\($0)" } + (2...5).map { "a\($0)" } + [
        "marr", "twoearn", "db", "pira", "hown", "fsize", "educ",
      ]
    let own = try data(bins)
    let comparisons = EffectComparisons(own)
    let found = try comparisons.oneSided()
    let (regression, twoStage) = (try comparisons.regression(), try comparisons.twoStage())
    let eligibility = try comparisons.instrumentEffect()
    let general = comparisons.generalScores(found)
    let largest = zip(general, found.influence).map { abs($0 - $1 - found.effect.value) }.max()!
    let scale = found.influence.map(abs).max()!
    var claims: [Claim] = []
    func near(_ what: String, _ measured: Double, _ truth: Double) {
      claims.append(
        Claim(
          "D: \(what)", measured: measured, uncertainty: nil, rule: .near(truth, tolerance: 1e-4 * abs(truth))
        ))
    }
    near("share with the instrument (eligible)", own.instrument.reduce(0, +) / Double(own.count), 0.371357)
    near("share exposed (participating)", own.exposure.reduce(0, +) / Double(own.count), 0.261624)
    near("least squares", regression.value, 14_546.40)
    near("two-stage least squares", twoStage.value, 13_139.45)
    near("the effect", found.effect.value, 13_549.12)
    near("its standard error", found.effect.standardError, 2_773.52)
    near("mean of δ", found.plugIn, 13_649.18)
    near("effect of eligibility", eligibility.value, 8_301.53)
    near("its standard error", eligibility.standardError, 1_151.77)
    claims.append(
      Claim(
        "D: largest difference of the general and the one-sided influence function, over the largest",
        measured: largest / scale, uncertainty: nil, rule: .atMost(1e-8)))
    let linear = ["age", "inc", "fsize", "educ", "marr", "twoearn", "db", "pira", "hown"]
    let squared = try EffectComparisons(data(linear, squared: "inc")).oneSided()
    claims.append(
      Claim(
        "D: smallest π with squared income", measured: squared.propensityRange.lowerBound, uncertainty: nil,
        rule: .below(0.01)))
    var result = ReportTable(
      title: "D: dollars of net financial assets",
      columns: [.text("estimator"), .uncertain("effect"), .number("smallest π"), .number("largest π")])
    for (name, effect, range) in [
      ("bins", found.effect, found.propensityRange),
      ("linear and squared income", squared.effect, squared.propensityRange),
    ] {
      result.append([
        .text(name), .uncertain(effect.value, effect.standardError), .number(range.lowerBound),
        .number(range.upperBound),
      ])
    }
    result.append([
      .text("effect of eligibility"), .uncertain(eligibility.value, eligibility.standardError), .missing,
      .missing,
    ])
    return ExperimentOutcome(claims: claims, items: [.table(result)])
  }
}
