import Foundation
import Generative
import Probability
import Report
import Solvers
import Torch

/// Albergo, Boffi & Vanden-Eijnden 2023 (arXiv 2303.08797): experiments A (exact fields) and B (bound on the
/// divergence) at every scale, C–E (learned fields) from `laptop` on.
public struct StochasticInterpolants: Experiment {
  public static let slug = "stochastic-interpolants"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] {
    scale == .quick ? ["A", "B"] : ["A", "B", "C", "D", "E"]
  }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "A":
      log("A: exact fields between one-dimensional mixtures")
      return try exactFields(random: random)
    case "B":
      log("B: bound on the divergence of a stationary Gaussian")
      return divergenceBound(random: random)
    case "C": return try learnedMixture(random: random, log: log)
    case "D": return try checkerboard(random: random, log: log)
    case "E": return try realData(random: random, log: log)
    default: preconditionFailure("no part \(part)")
    }
  }

  // MARK: A

  private static let sampleCount = 20_000
  /// The 5 % critical distance of a Kolmogorov–Smirnov test with 20,000 draws.
  private static let criticalDistance = 0.0096

  private func exactFields(random: RandomSource) throws -> ExperimentOutcome {
    let base = try Self.mixture(weights: [0.5, 0.5], means: [-3, 3], variances: [0.25, 0.25])
    let third = 1.0 / 3
    let target = try Self.mixture(
      weights: [third, third, third], means: [-6, 0, 6], variances: [0.5, 0.33, 0.5])
    let model = try InterpolantModel(exactFrom: base, to: target, schedule: .linear(.brownian(a: 1)))
    var outcome = try density(model, target, random: random)
    outcome.append(try generated(model, target, random: random))
    outcome.append(try marginals(model, random: random))
    return outcome
  }

  private static func mixture(weights: [Double], means: [Double], variances: [Double]) throws
    -> GaussianMixture
  {
    try GaussianMixture(
      weights: weights, means: Tensor(means, shape: [means.count, 1]),
      covariances: Tensor(variances, shape: [variances.count, 1, 1]))
  }

  private func density(_ model: InterpolantModel, _ target: GaussianMixture, random: RandomSource) throws
    -> ExperimentOutcome
  {
    let points = Tensor([-7, -6, -3, 0, 1, 3.3, 6.5], shape: [7, 1])
    let truth = target.logProbability(points)
    var errors: [(steps: Int, error: Double)] = []
    for steps in [50, 100, 200, 400] {
      var options = LikelihoodOptions()
      options.steps = steps
      var stream = random
      let values = try model.logLikelihood(points, options: options, using: &stream).values
      errors.append((steps, (values - truth).abs().max().item()))
    }
    var claims = zip(errors, [2e-3, 1e-4, 1e-5]).map { row, bar in
      Claim(
        "A: largest error of the flow's log-density with \(row.steps) RK4 steps", measured: row.error,
        uncertainty: nil,
        rule: .atMost(bar))
    }
    let factors = zip(errors, errors.dropFirst()).prefix(2).map { $0.error / $1.error }
    claims.append(
      Claim(
        "A: smallest factor by which doubling the steps divides that error", measured: factors.min()!,
        uncertainty: nil,
        rule: .atLeast(10)))
    var table = ReportTable(
      title: "A: error of the flow's log-density", columns: [.integer("steps"), .number("error")])
    for row in errors { table.append([.integer(row.steps), .number(row.error)]) }
    return ExperimentOutcome(claims: claims, items: [.table(table)])
  }

  /// The stochastic generator's law at t = 1 for three noise levels, three streams each.
  private func generated(_ model: InterpolantModel, _ target: GaussianMixture, random: RandomSource) throws
    -> ExperimentOutcome
  {
    var outcome = ExperimentOutcome()
    var table = ReportTable(
      title: "A: Kolmogorov–Smirnov distance to ρ₁, 20,000 draws",
      columns: [.number("ε"), .integer("stream"), .number("distance")])
    for epsilon in [0.5, 2, 5] {
      var options = SamplerOptions()
      options.generator = .forward
      options.integrator = .eulerMaruyama
      options.epsilon = .constant(epsilon)
      options.steps = 1600
      var passed = 0
      for seed in 0..<3 {
        var stream = random.split("sde \(epsilon)").split(seed)
        let draws = try model.sample(Self.sampleCount, options: options, using: &stream).points
        let distance = kolmogorovSmirnov(draws.flatten(), cdf: { target.cdf($0.unsqueeze(1)) }).statistic
        if distance <= Self.criticalDistance { passed += 1 }
        table.append([.number(epsilon), .integer(seed), .number(distance)])
      }
      outcome.claims.append(
        Claim(
          "A: streams in which the SDE with ε = \(epsilon) is within \(Self.criticalDistance) of ρ₁",
          measured: Double(passed),
          uncertainty: nil, rule: .count(atLeast: 2, of: 3)))
    }
    outcome.items.append(.table(table))
    return outcome
  }

  /// All three generators have the law ρ_t on the way. Six tests at the 0.1 % level.
  private func marginals(_ model: InterpolantModel, random: RandomSource) throws -> ExperimentOutcome {
    guard let fields = model.fields as? ExactFields else { preconditionFailure() }
    let critical = 1.95 / Double(Self.sampleCount).squareRoot()
    var worst = 0.0
    var table = ReportTable(
      title: "A: distance of the generators to ρ_t",
      columns: [.text("generator"), .number("t"), .number("distance")])
    for generator in [SamplerOptions.Generator.ode, .forward, .backward] {
      for time in [0.3, 0.7] {
        var options = SamplerOptions()
        options.generator = generator
        options.integrator = generator == .ode ? .rk4 : .eulerMaruyama
        options.epsilon = .constant(1)
        options.steps = generator == .ode ? 100 : 800
        var stream = random.split("marginal \(generator.rawValue) \(time)")
        var start: Tensor?
        if generator == .backward {
          options.start = time
          start = fields.mixtures.target.sample(Self.sampleCount, using: &stream)
        } else {
          options.end = time
        }
        let draws = try model.sample(Self.sampleCount, start: start, options: options, using: &stream).points
        let law = fields.marginal(at: time)
        let distance = kolmogorovSmirnov(draws.flatten(), cdf: { law.cdf($0.unsqueeze(1)) }).statistic
        worst = max(worst, distance)
        table.append([.text(generator.rawValue), .number(time), .number(distance)])
      }
    }
    return ExperimentOutcome(
      claims: [
        Claim(
          "A: largest distance of ODE, forward and backward SDE to ρ_t at t = 0.3 and 0.7", measured: worst,
          uncertainty: nil, rule: .atMost(critical))
      ], items: [.table(table)])
  }

  // MARK: B

  private func divergenceBound(random: RandomSource) -> ExperimentOutcome {
    let (c, epsilon) = (1.0, 0.5)
    let example = KLControl.stationaryGaussian(c: c, d: c / epsilon, epsilon: epsilon)
    let bound = KLControl.bound(
      excessVelocity: example.excessVelocity, excessScore: example.excessScore, epsilon: epsilon)
    var violations = 0
    var stream = random
    for _ in 0..<100 {
      let (c, d) = (4 * stream.uniform() - 2, 8 * stream.uniform() - 4)
      let epsilon = exp(6 * stream.uniform() - 3)
      let draw = KLControl.stationaryGaussian(c: c, d: d, epsilon: epsilon)
      let limit = KLControl.bound(
        excessVelocity: draw.excessVelocity, excessScore: draw.excessScore, epsilon: epsilon)
      if limit < draw.divergence { violations += 1 }
    }
    return ExperimentOutcome(claims: [
      Claim(
        "B: divergence of the stationary Gaussian with c = 1, d = 2, ε = 1/2", paper: 1.2385,
        measured: example.divergence,
        uncertainty: nil, rule: .near(1.2385, tolerance: 5e-5)),
      Claim(
        "B: the corrected bound for it (the paper's constants give 1)", paper: 1.0, measured: bound,
        uncertainty: nil,
        rule: .near(2, tolerance: 1e-12)),
      Claim(
        "B: bounds below the true divergence among 100 random (c, d, ε)", measured: Double(violations),
        uncertainty: nil,
        rule: .atMost(0)),
    ])
  }
}
