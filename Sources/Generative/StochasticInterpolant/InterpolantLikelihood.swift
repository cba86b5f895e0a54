import Foundation
import Probability
import Solvers
import Torch

/// How a likelihood is evaluated.
public struct LikelihoodOptions: Sendable, Hashable {
  public enum Method: String, Sendable, CaseIterable {
    /// Change of variables along the flow: exact up to the integration.
    case ode
    /// Feynman–Kac average over paths of the forward model's law, inside the logarithm.
    case sde
    /// The identity along Y that is exact only where ŝ is the model's own score.
    case proxy
    /// The identity along the true reverse process, exact only where ŝ is the model's own score.
    case proxyReverse = "proxy-reverse"
  }
  public var method = Method.ode
  /// Steps of the integration, at least 1.
  public var steps = 100
  /// Hutchinson probes, 0 for the exact divergence; `nil` takes the exact one up to 64 dimensions and 4 probes beyond.
  public var probes: Int?
  /// Whether the adaptive dopri5 is used instead of fixed steps (flow only).
  public var isAdaptive = false
  public var tolerance = 1e-5
  /// Noise level of the stochastic methods, > 0.
  public var epsilon = 0.5
  /// Paths a point of the stochastic methods.
  public var paths = 64
  public var start: Double?
  public var end: Double?

  public init() {}

  /// Probes to take in `dimension` columns; `nil` for the exact divergence.
  func probeCount(_ dimension: Int) -> Int? {
    if let probes { return probes == 0 ? nil : probes }
    return dimension <= 64 ? nil : 4
  }
}

/// Log-likelihoods of rows.
public struct LogLikelihoods: Sendable {
  /// log ρ̂(x), `[n]` in Double, in the data's coordinates.
  public let values: Tensor
  /// The standard error of each value from probes or paths; `nil` where the evaluation is deterministic.
  public let standardErrors: Tensor?
  public let method: LikelihoodOptions.Method
  public let statistics: SolverStatistics

  /// The mean over rows, with the spread over rows as its standard error.
  public var mean: Estimate { Estimate(meanOf: values.doubles) }
}

extension InterpolantModel {
  /// log ρ̂(x) of the model at t = 1.
  ///
  /// Flow: log ρ₀(X_{1→0}(x)) − ∫ div b dt by RK4 backwards. The divergence, which costs most, is not an unknown
  /// of the equation: it is integrated by Gauss's rule of `steps + 1` nodes along the integrator's own interpolant. Cost: `4·steps`
  /// fields and `steps + 1` divergences, where an augmented system takes `4·steps` of both; memory is bounded by blocks of rows.
  /// - Throws: ``InterpolantError`` where the base has no density, or the method needs a score there is not.
  public func logLikelihood(
    _ data: Tensor, condition: Tensor? = nil, options: LikelihoodOptions = LikelihoodOptions(),
    using random: inout RandomSource
  ) throws -> LogLikelihoods {
    let x = try enter(data)
    try validate(condition: condition)
    switch base {
    case .gaussian, .mixture: break
    case .samples, .given: throw InterpolantError.noBaseDensity
    }
    guard schedule.kind != .mirror else { throw InterpolantError.noBaseDensity }
    try require(.velocity)
    if options.method != .ode {
      try requireScore()
      guard options.epsilon > 0, options.epsilon.isFinite else {
        throw InterpolantError.negativeEpsilon(options.epsilon)
      }
    }
    let stream = random.split("likelihood")
    _ = random.next()
    let probes = options.probeCount(dimension)
    let blocks = try inBlocks(x, size: likelihoodBlock) { model, index, rows in
      var blockRandom = stream.split(index)
      let rowsCondition = condition.map { $0[rows].to(device: model.device) }
      return options.method == .ode
        ? try model.flow(x[rows], rowsCondition, options, probes, backwards: true, using: &blockRandom)
        : try model.stochastic(x[rows], rowsCondition, options, using: &blockRandom)
    }
    let values = Tensor.concatenate(blocks.map(\.values)) + standardiser.logDeterminant
    let errors = blocks[0].errors == nil ? nil : Tensor.concatenate(blocks.compactMap(\.errors))
    return LogLikelihoods(
      values: values, standardErrors: errors, method: options.method, statistics: blocks[0].statistics)
  }

  /// log ρ̂⁽⁰⁾ of points x₀ under the flow from the target backwards; the target's density is a mixture's.
  public func logLikelihoodOfStart(
    _ data: Tensor, target: GaussianMixture, condition: Tensor? = nil,
    options: LikelihoodOptions = LikelihoodOptions(), using random: inout RandomSource
  ) throws -> LogLikelihoods {
    let x = try enter(data)
    try require(.velocity)
    let probes = options.probeCount(dimension)
    let stream = random.split("likelihood")
    _ = random.next()
    let blocks = try inBlocks(x, size: likelihoodBlock) { model, index, rows in
      var blockRandom = stream.split(index)
      return try model.flow(
        x[rows], condition.map { $0[rows].to(device: model.device) }, options, probes,
        backwards: false, using: &blockRandom,
        end: {
          target.logProbability(model.standardiser.restore($0.to(.double)))
            - model.standardiser.logDeterminant
        })
    }
    return LogLikelihoods(
      values: Tensor.concatenate(blocks.map(\.values)) + standardiser.logDeterminant, standardErrors: nil,
      method: .ode, statistics: blocks[0].statistics)
  }

  private typealias Block = (values: Tensor, errors: Tensor?, statistics: SolverStatistics)

  /// Rows whose Jacobians (rows × d × width) stay in a core's cache: half a megabyte, but at least 16 rows.
  private var likelihoodBlock: Int {
    guard let learned = fields as? LearnedFields else { return 1024 }
    return max(16, min(512, (1 << 17) / max(1, dimension * learned.network.options.width)))
  }

  private func flowRange(_ options: LikelihoodOptions) -> (start: Double, end: Double) {
    var sampler = SamplerOptions()
    (sampler.start, sampler.end) = (options.start, options.end)
    return timeRange(sampler)
  }

  // MARK: The flow

  private func flow(
    _ x: Tensor, _ condition: Tensor?, _ options: LikelihoodOptions, _ probeCount: Int?, backwards: Bool,
    using random: inout RandomSource, end: ((Tensor) -> Tensor)? = nil
  ) throws -> Block {
    let range = flowRange(options)
    guard range.start < range.end else {
      throw InterpolantError.timeOrder(start: range.start, end: range.end)
    }
    let (from, to) = backwards ? (range.end, range.start) : (range.start, range.end)
    let atEnd: (Tensor) -> Tensor = end ?? { self.base.logProbability($0, standardiser: self.standardiser)! }
    let probes = probeCount.map { count in
      Tensor.stack((0..<count).map { _ in random.rademacher(like: x) })
    }
    if options.isAdaptive { return try adaptiveFlow(x, condition, options, probes, from, to, atEnd) }

    let steps = options.steps
    let grid = TimeGrid.uniform(from: from, to: to, steps: steps)
    let h = (to - from) / Double(steps)
    let nodes = GaussLegendre.nodes(steps + 1, from: from, to: to)
    var next = 0
    // ∫ div b dt along the way; one column a probe, so that their spread gives a standard error.
    var integral = Tensor.zeros([x.size(0), probes?.size(0) ?? 1], dtype: .double, device: x.device)
    // The slope at the last grid point, which is also the next step's first.
    var knot: (t: Double, x: Tensor, slope: Tensor)?
    let field: TimeField = { t, y in
      if let knot, knot.t == t { return knot.slope }
      return self.fields(.velocity, t, y, condition: condition)
    }
    let solution = integrate(field, from: x, along: grid) { index, t, y in
      let slope = self.fields(.velocity, t, y, condition: condition)
      if let knot {
        // Hermite's cubic between two grid points is as accurate as the scheme itself.
        while next < nodes.count, index == steps || abs(nodes[next].t - from) <= abs(t - from) {
          let point = cubic(
            at: (nodes[next].t - knot.t) / h, from: (knot.x, knot.slope), to: (y, slope), h: h)
          let divergence = self.divergences(nodes[next].t, point, condition, probes).divergence
          integral = integral.adding(divergence.to(.double), scaledBy: nodes[next].weight)
          next += 1
        }
      }
      knot = (t, y, slope)
    }
    // Backwards the integral runs from 1 to 0 and changes sign twice.
    let perProbe = atEnd(solution.final).unsqueeze(1) + integral
    let statistics = SolverStatistics(evaluations: 4 * steps, steps: steps)
    guard let count = probes?.size(0) else { return (perProbe.squeeze(1), nil, statistics) }
    let error =
      count > 1 ? perProbe.standardDeviation(1) / Double(count).squareRoot() : perProbe.squeeze(1) * .nan
    return (perProbe.mean(1), error, statistics)
  }

  /// Hermite's cubic through two states with their slopes, at the share `u` of the step `h` between them.
  private func cubic(
    at u: Double, from a: (x: Tensor, slope: Tensor), to b: (x: Tensor, slope: Tensor), h: Double
  ) -> Tensor {
    let v = 1 - u
    return (a.x * (v * v * (1 + 2 * u))).adding(b.x, scaledBy: u * u * (1 + 2 * v))
      .adding(a.slope, scaledBy: h * u * v * v).adding(b.slope, scaledBy: -h * u * u * v)
  }

  /// The velocity with its exact divergence `[n, 1]`, or one estimate a probe `[n, probes]`.
  private func divergences(_ t: Double, _ x: Tensor, _ condition: Tensor?, _ probes: Tensor?)
    -> FieldWithDivergence
  {
    guard let probes else {
      let exact = fields.withDivergence(.velocity, t, x, condition: condition, rule: .exact)
      return FieldWithDivergence(value: exact.value, divergence: exact.divergence.unsqueeze(1))
    }
    let (value, pullback) = vectorJacobianProduct(
      of: { self.fields(.velocity, t, $0, condition: condition) }, at: x)
    let columns = (0..<probes.size(0)).map { (pullback(probes[$0]) * probes[$0]).sum(-1) }
    return FieldWithDivergence(value: value, divergence: .stack(columns, axis: 1))
  }

  private func adaptiveFlow(
    _ x: Tensor, _ condition: Tensor?, _ options: LikelihoodOptions, _ probes: Tensor?, _ from: Double,
    _ to: Double,
    _ atEnd: @escaping (Tensor) -> Tensor
  ) throws -> Block {
    let d = dimension
    let columns = probes?.size(0) ?? 1
    let augmented: TimeField = { t, y in
      let parts = self.divergences(t, y[.all, 0..<d], condition, probes)
      return .concatenate([parts.value, parts.divergence.to(like: parts.value)], axis: 1)
    }
    let controller = PIDController(relativeTolerance: options.tolerance, absoluteTolerance: options.tolerance)
    let start = Tensor.concatenate(
      [x, .zeros([x.size(0), columns], dtype: x.dtype, device: x.device)], axis: 1)
    let solution = try DormandPrince5(controller: controller).integrate(
      augmented, from: start, t0: from, t1: to)
    let perProbe = atEnd(solution.final[.all, 0..<d]).unsqueeze(1) + solution.final[.all, d...].to(.double)
    guard probes != nil else { return (perProbe.squeeze(1), nil, solution.statistics) }
    let error =
      columns > 1 ? perProbe.standardDeviation(1) / Double(columns).squareRoot() : perProbe.squeeze(1) * .nan
    return (perProbe.mean(1), error, solution.statistics)
  }

  // MARK: Stochastic routes

  /// Paths backwards from x with drift b_F (exact and proxy) or b_B (proxy along the reverse process).
  private func stochastic(
    _ x: Tensor, _ condition: Tensor?, _ options: LikelihoodOptions, using random: inout RandomSource
  ) throws -> Block {
    var sampler = SamplerOptions()
    sampler.generator = .backward
    (sampler.start, sampler.end) = (options.start, options.end)
    let range = timeRange(sampler)
    guard range.start < range.end else {
      throw InterpolantError.timeOrder(start: range.start, end: range.end)
    }
    let (n, paths, epsilon) = (x.size(0), options.paths, options.epsilon)
    let forward = FieldSum.forwardDrift(epsilon: epsilon)
    let drift = options.method == .proxyReverse ? FieldSum.backwardDrift(epsilon: epsilon) : forward
    let repeated = condition.map { $0.repeatInterleave(paths, axis: 0) }
    let grid = TimeGrid.uniform(from: range.end, to: range.start, steps: options.steps)
    let equation = StochasticEquation(
      drift: { t, y in self.fields(drift, t, y, condition: repeated) },
      diffusion: { _ in (2 * epsilon).squareRoot() })
    // ∫ of div b_F (and ∓ε|s|² for the proxies) by the trapezoidal rule along the path.
    var integral = Tensor.zeros([n * paths], dtype: .double, device: x.device)
    let h = (range.end - range.start) / Double(options.steps)
    let solution = integrate(
      equation, from: x.repeatInterleave(paths, axis: 0), along: grid, scheme: EulerMaruyama(), using: &random
    ) { index, t, y in
      let weight = index == 0 || index == options.steps ? h / 2 : h
      var integrand = self.fields.withDivergence(forward, t, y, condition: repeated, rule: .exact).divergence
      if options.method != .sde {
        let score = self.fields(.score, t, y, condition: repeated)
        let sign: Double = options.method == .proxy ? -1 : 1
        integrand = integrand.adding(score.square().sum(-1), scaledBy: sign * epsilon)
      }
      integral = integral.adding(integrand.to(.double), scaledBy: weight)
    }
    let logBase = base.logProbability(solution.final, standardiser: standardiser)!
    let logs = (logBase - integral).reshape(n, paths)
    let statistics = SolverStatistics(evaluations: options.steps, steps: options.steps)
    guard options.method == .sde else {
      return (logs.mean(1), logs.standardDeviation(1) / Double(paths).squareRoot(), statistics)
    }
    let value = logs.logMeanExp(1)
    // Delta method: the relative error of the mean of weights.
    let weights = (logs - value.unsqueeze(1)).exp()
    return (value, weights.standardDeviation(1) / Double(paths).squareRoot(), statistics)
  }
}
