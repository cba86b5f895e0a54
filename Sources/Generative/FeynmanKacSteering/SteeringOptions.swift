import Sampling

/// How particles are steered.
public struct SteeringOptions: Sendable, Hashable {
  public var potential = SteeringPotentialKind.difference
  /// λ ≥ 0 of the target p(x₀) exp(λ r(x₀)).
  public var strength = 1.0
  /// k of every group.
  public var particles = 4
  /// Independent groups, worked on together.
  public var groups = 1
  /// Reverse steps T.
  public var steps = 100
  /// Indices in 0..<steps after which groups may resample, counted from noise (0); every one when `nil`.
  public var resamplingSteps: Set<Int>?
  /// A group resamples where its effective sample size is below this share of its particles; `nil` always.
  public var threshold: Double? = 0.5
  public var resampling = Resampling.systematic
  /// η in [0, 1] of the reverse steps.
  public var stochasticity = 1.0
  /// The reward before the first one.
  public var floor = 0.0
  /// κ ≥ 0: diffusion models' steps go κ λ Σ ∇r(E[x₀ | x_t]) further, and their weights take it back, so that the law
  /// is the same. 1 follows the gradient as guidance does; rewards must then be differentiable.
  public var gradientScale = 0.0
  /// The most rows of one evaluation of a diffusion model; all at once when `nil`.
  public var modelBatch: Int?
  /// The most rows that the reward is asked for at once; all when `nil`.
  public var rewardBatch: Int?

  public init() {}

  /// Indices `start`, `start` + `every`, … up to `end`.
  public static func steps(from start: Int, through end: Int, every: Int) -> Set<Int> {
    precondition(every > 0, "SteeringOptions.steps: every \(every)")
    return Set(stride(from: start, through: end, by: every))
  }

  func validate() throws(SteeringError) {
    guard particles >= 1 else { throw .option("particles", "\(particles)", "at least 1") }
    guard groups >= 1 else { throw .option("groups", "\(groups)", "at least 1") }
    guard steps >= 1 else { throw .option("steps", "\(steps)", "at least 1") }
    guard strength >= 0, strength.isFinite else {
      throw .option("strength", "\(strength)", "a finite number ≥ 0")
    }
    guard (0...1).contains(stochasticity) else {
      throw .option("stochasticity", "\(stochasticity)", "a number in [0, 1]")
    }
    guard threshold.map({ $0 >= 0 }) ?? true else {
      throw .option("threshold", "\(threshold!)", "a share ≥ 0 of the particles")
    }
    guard gradientScale >= 0, gradientScale.isFinite else {
      throw .option("gradient", "\(gradientScale)", "a finite number ≥ 0")
    }
    for (name, batch) in [("model batch", modelBatch), ("reward batch", rewardBatch)] {
      guard batch.map({ $0 >= 1 }) ?? true else { throw .option(name, "\(batch!)", "at least 1") }
    }
    guard floor.isFinite else { throw .option("floor", "\(floor)", "a finite number") }
    if let outside = resamplingSteps?.sorted().first(where: { !(0..<steps).contains($0) }) {
      throw .option("resamplingSteps", "\(outside)", "steps in 0..<\(steps)")
    }
  }

  /// - Throws: ``SteeringError`` where a model's steps cannot follow a gradient.
  func requireNoGradient(_ why: String) throws(SteeringError) {
    guard gradientScale == 0 else { throw .option("gradient", "\(gradientScale)", "0: \(why)") }
  }

  /// The indices before the last at which the potential acts and groups may resample.
  func acts(from first: Int) -> Set<Int> {
    guard potential != .importance else { return [] }
    return (resamplingSteps ?? Set(0..<steps)).filter { $0 >= first }
  }
}

/// Why particles cannot be steered.
public enum SteeringError: Error, Sendable, Hashable, CustomStringConvertible {
  case option(_ name: String, _ found: String, _ expected: String)
  /// Resampling with a sampler that has no noise.
  case deterministic
  /// A reward of NaN or +∞.
  case reward(step: Int, row: Int, value: Double)
  /// Not one reward a row.
  case rewardShape(found: [Int], rows: Int)

  public var description: String {
    switch self {
    case .option(let name, let found, let expected):
      "\(name): found \(found), expected \(expected)"
    case .deterministic:
      "a sampler without noise never parts the copies that resampling makes; take a stochasticity or ε above 0, "
        + "or the importance potential, or no resampling steps"
    case .reward(let step, let row, let value):
      "the reward of particle \(row) at step \(step) is \(value); finite numbers or −∞ are expected"
    case .rewardShape(let found, let rows):
      "the reward returned the shape \(found); one number a row is expected, [\(rows)]"
    }
  }
}
