import Probability
import RealModule
import Torch

/// Sequential Monte Carlo over independent groups of particles.
///
/// Draws from the path measure Π p(x_t|x_{t−1})·Π G_t, for any proposal τ in place of p, and estimates its normaliser
/// without bias in every group. Weights of steps that do not resample are carried on.
///
/// Source: Del Moral, Doucet & Jasra 2006. Cost: one move and one potential a step for all rows at once; log-weights
/// are kept in `Double` on the processor, with one transfer from the device a step.
public struct SequentialMonteCarlo: Sendable {
  public var resampling = Resampling.systematic
  /// A group resamples where its effective sample size is below this share of its particles; `nil` always.
  public var threshold: Double? = 0.5
  /// Indices after whose potential groups may resample; all but the last when `nil`.
  public var schedule: Set<Int>?
  /// A living group with fewer effective particles is an error; `nil` lets it be.
  public var leastEffectiveSampleSize: Double?

  public init(resampling: Resampling = .systematic, threshold: Double? = 0.5, schedule: Set<Int>? = nil) {
    precondition(threshold.map { $0 >= 0 } ?? true, "SequentialMonteCarlo: threshold \(threshold!)")
    (self.resampling, self.threshold, self.schedule) = (resampling, threshold, schedule)
  }

  /// - Parameters:
  ///   - random: group g uses its stream `firstGroup + g`.
  /// - Throws: ``ParticleError``, and what the proposal and the potential throw.
  public func run<State, P: Proposal<State>, G: Potential<State>>(
    _ proposal: P, _ potential: G, _ shape: ParticleShape, random: RandomSource, firstGroup: Int = 0
  ) throws -> ParticleResult<State> {
    var random = GroupRandom(random, groups: shape.groups, first: firstGroup)
    var memory = potential.initialMemory(shape)
    var trace = ParticleTrace()
    var particles: Particles<State>?
    for step in 0...proposal.steps {
      let proposed: Proposed<State>
      if var previous = particles {
        if schedule?.contains(step - 1) ?? true,
          let (ancestors, rows) = previous.resample(resampling, threshold, using: &random)
        {
          memory = memory.gathered(rows)
          trace.resamplings.append((step - 1, ancestors))
        }
        particles = previous
        proposed = try proposal.move(previous.state, to: step, shape, using: &random)
      } else {
        proposed = try proposal.start(shape, using: &random)
      }
      var next = particles ?? Particles(proposed.state, shape)
      next.state = proposed.state
      if let ratio = proposed.logRatio { try next.add(ratio, of: "the proposal's ratio", at: step) }
      let potential = try potential.logPotential(
        of: next.state, at: step, remembering: &memory, shape, using: &random)
      if let potential { try next.add(potential, of: "the potential", at: step) }
      let sizes = next.effectiveSampleSize
      if let least = leastEffectiveSampleSize, let group = sizes.firstIndex(where: { $0 > 0 && $0 < least }) {
        throw ParticleError.collapsed(step: step, group: group, effectiveSampleSize: sizes[group])
      }
      trace.effectiveSampleSizes.append(sizes)
      particles = next
    }
    return ParticleResult(particles: particles!, trace: trace)
  }
}

/// Why particles cannot be weighted.
public enum ParticleError: Error, Sendable, Hashable, CustomStringConvertible {
  /// NaN or +∞ among log-weights.
  case notANumber(what: String, step: Int, row: Int, value: Double)
  /// Weights of another shape than one a row.
  case shape(what: String, step: Int, found: [Int], rows: Int)
  /// Fewer effective particles than asked for.
  case collapsed(step: Int, group: Int, effectiveSampleSize: Double)

  public var description: String {
    switch self {
    case .notANumber(let what, let step, let row, let value):
      "\(what) of particle \(row) at step \(step) is \(value); finite numbers or −∞ are expected"
    case .shape(let what, let step, let found, let rows):
      "\(what) at step \(step) has shape \(found); one value a particle is expected, [\(rows)]"
    case .collapsed(let step, let group, let size):
      "group \(group) has \(size) effective particles at step \(step); take more particles or a milder potential"
    }
  }
}
