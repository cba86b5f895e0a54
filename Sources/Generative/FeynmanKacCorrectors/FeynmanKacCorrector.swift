import Foundation
import Probability
import Sampling
import Torch

/// How a composition is drawn.
public struct CorrectorOptions: Sendable, Hashable {
  /// Where g is taken over a step.
  public enum WeightRule: String, Sendable, Hashable, CaseIterable, Codable {
    /// At the step's start.
    case left
    /// The mean of both ends, with no further evaluation.
    case trapezoid
    /// Not g but the target's densities at both ends of a step weigh it: exact for steps of any length, where all experts
    /// know their densities.
    case density
  }

  public var particles = 2000
  /// Independent groups, worked on together; their spread is the error of everything reported.
  public var groups = 1
  public var steps = 400
  public var spacing = DiffusionGrid.Spacing.uniform
  /// The schedule's time at which the path ends.
  public var end = 1e-3
  /// Times between which groups may resample; weights are carried outside.
  public var window = 0.0...1.0
  /// A group resamples where its effective sample size is below this share of its particles; 0 never does.
  public var threshold = 0.5
  public var resampling = Resampling.systematic
  public var rule = WeightRule.left
  /// Largest deviation of an increment from its group's mean. It makes high dimensions run, at the price of a bias.
  public var clamp: Double?
  /// Whether a drift c σ² x is moved from the weights to the path, c by least squares over a group at every step, so that
  /// its weights vary least. One number is fitted to a group's particles: take hundreds.
  public var usesControlVariate = false
  /// Without the correction every particle has the same weight, and the law is wrong.
  public var isCorrected = true
  /// Whether a group with fewer than two effective particles is an error.
  public var stopsOnCollapse = true

  public init() {}

  func validate(_ target: ComposedTarget) throws(CorrectorError) {
    func require(_ holds: Bool, _ name: String, _ found: Any, _ expected: String) throws(CorrectorError) {
      if !holds { throw .option(name, "\(found)", expected) }
    }
    try require(particles >= 1, "particles", particles, "at least 1")
    try require(groups >= 1, "groups", groups, "at least 1")
    try require(steps >= 1, "steps", steps, "at least 1")
    try require(end >= 0 && end < 1, "end", end, "a time in [0, 1)")
    try require(threshold >= 0 && threshold.isFinite, "threshold", threshold, "a share ≥ 0 of the particles")
    try require(
      !usesControlVariate || (rule == .left && isCorrected), "control-variate", "on",
      "weights by the rule left, whose increments it fits")
    try require(
      clamp == nil || rule != .density, "clamp", clamp ?? 0,
      "none with weights by density, which have no increments")
    if rule == .density {
      let probe = Tensor.zeros([1] + target.experts.eventShape, dtype: target.experts.dtype)
      try require(
        target.experts.logDensities(probe, at: DiffusionLevel(signal: 1, noise: 1)) != nil, "weights",
        "density",
        "left or trapezoid, as not all experts know their densities")
    }
    try require(clamp.map { $0 > 0 } ?? true, "clamp", clamp ?? 0, "a positive number")
    let z = target.extraNoise
    try require(z > 0 && z.isFinite, "extra-noise", z, "a positive number")
  }
}

/// Weighted draws of a composition.
public struct CorrectorResult: Sendable {
  /// Rows at the path's end with their weights.
  public let particles: Particles<Tensor>
  public let trace: ParticleTrace
  /// From noise to data.
  public let times: [Double]
  /// log of the normaliser of the product of the experts' noise, N(0, σ̃²I)^B.
  public let logNormaliserOfNoise: Double
  /// The variance of every coordinate where particles start, σ̃²/B.
  public let startVariance: Double
  /// The largest |g dt|, and the share of increments that were clamped.
  public let largestIncrement: Double
  public let clampedShare: Double
  /// Evaluations of a model on a row.
  public let modelEvaluations: Int

  /// log Z of the composition relative to its noise: the mean over groups, on the scale of Z.
  public var logEvidence: Estimate { logMeanExpEstimate(particles.logEvidence) }

  /// How many of its particles at the start a group's last ones descend from.
  public var distinctAncestors: [Int] {
    let n = particles.shape.particles
    let roots = trace.roots(particles.shape)
    return (0..<particles.shape.groups).map { Set(roots[$0 * n..<($0 + 1) * n]).count }
  }

  /// E of a function of rows, `[n]`, by the weights: the mean over groups.
  public func mean(of function: (Tensor) -> Tensor) -> Estimate {
    let values = function(particles.state).to(.double, device: .cpu).reshape(particles.shape.groups, -1)
    return Estimate(meanOf: (values * particles.weights).sum(1).doubles)
  }

  /// Equally weighted rows of every group, drawn by the weights.
  public func resampled(_ scheme: Resampling = .systematic, random: RandomSource) -> Tensor {
    let (groups, n) = (particles.shape.groups, particles.shape.particles)
    let weights = particles.weights.reshape(-1).doubles
    let rows = (0..<groups).flatMap { group -> [Int64] in
      var stream = random.split(group)
      let own = Array(weights[group * n..<(group + 1) * n])
      // A dead group keeps its rows: nothing says which to prefer.
      guard own.contains(where: { $0 > 0 }) else { return (0..<n).map { Int64(group * n + $0) } }
      return scheme.ancestors(own, using: &stream).map { Int64(group * n + $0) }
    }
    return particles.state.gathered(Tensor(rows))
  }
}

/// Draws a composition of diffusion models with the weights that make it exact (Skreta et al. 2025).
///
/// Simply following the combined score draws from another law at every time; g of ``CorrectorPotential`` says by how
/// much, and Sequential Monte Carlo corrects it.
/// - Parameter random: group g draws from stream g.
/// - Throws: ``CorrectorError``, `ParticleError`.
/// - Complexity: one evaluation of every expert a particle and step.
public func correct(
  _ target: ComposedTarget, _ schedule: NoiseSchedule, options: CorrectorOptions, random: RandomSource
) throws -> CorrectorResult {
  try options.validate(target)
  let latest = schedule.latestTime
  let grid = DiffusionGrid(
    schedule, steps: options.steps, spacing: options.spacing, start: latest, end: options.end)
  guard grid.levels[options.steps].noise > 0 else {
    throw CorrectorError.option("end", "\(options.end)", "a time > 0, as the score has no value at the data")
  }
  try validate(target, grid)
  let shape = ParticleShape(groups: options.groups, particles: options.particles)
  var (largest, clamped) = (0.0, 0.0)
  let potential = CorrectorPotential(target: target, grid: grid, options: options) {
    largest = max(largest, $0)
    clamped += $1 / Double(options.steps)
  }
  let active = Set((0..<options.steps).filter { options.window.contains(grid.times[$0]) })
  var engine = SequentialMonteCarlo(
    resampling: options.resampling, threshold: options.threshold, schedule: active)
  let canCollapse = options.isCorrected && options.stopsOnCollapse && options.threshold > 0
  engine.leastEffectiveSampleSize = canCollapse && options.particles >= 8 ? 2 : nil
  let path = CorrectorPath(
    target: target, grid: grid, weighsByDensity: options.isCorrected && options.rule == .density,
    usesControlVariate: options.usesControlVariate)
  let result: ParticleResult<CorrectorState>
  do {
    result = try withoutGradient { try engine.run(path, potential, shape, random: random) }
  } catch ParticleError.collapsed(let step, _, let size) {
    throw CorrectorError.collapsed(time: grid.times[step], effectiveSampleSize: size)
  }
  let d = Double(target.experts.freedom)
  let total = target.exponents(grid.times[0]).reduce(0, +)
  let variance = grid.levels[0].noise * grid.levels[0].noise
  return CorrectorResult(
    particles: result.particles.map(\.x), trace: result.trace, times: grid.times,
    logNormaliserOfNoise: 0.5 * d * ((1 - total) * log(2 * .pi * variance) - log(total)),
    startVariance: variance / total, largestIncrement: largest, clampedShare: clamped,
    modelEvaluations: (options.steps + 1) * shape.rows * target.experts.count)
}

/// Checks the exponents over the path.
private func validate(_ target: ComposedTarget, _ grid: DiffusionGrid) throws(CorrectorError) {
  for time in grid.times {
    let exponents = target.exponents(time)
    guard exponents.count == target.experts.count, exponents.allSatisfy(\.isFinite) else {
      throw .option("exponents", "\(exponents)", "\(target.experts.count) finite numbers, one an expert")
    }
    let total = exponents.reduce(0, +)
    guard total > 0 else {
      throw .option("exponents", "\(exponents) with sum \(total)", "a sum > 0, so that noise has a law")
    }
  }
  if case .varying = target.exponents, target.extraNoise != 1,
    target.experts.logDensities(
      .zeros([1] + target.experts.eventShape, dtype: target.experts.dtype), at: grid.levels[0])
      == nil
  {
    throw .option(
      "extra-noise", "\(target.extraNoise)",
      "1 with exponents that vary, unless the experts know their densities")
  }
  if let tilt = target.tilt,
    abs(tilt.strength(grid.times[0])) > 1e-2 * max(1, abs(tilt.strength(grid.times[grid.steps])))
  {
    throw .option(
      "strength", "\(tilt.strength(grid.times[0])) at noise", "0 there, as particles start without the reward"
    )
  }
}
