import Probability
import RealModule
import Torch

/// Weighted particles in groups.
public struct Particles<State: ParticleState>: Sendable {
  /// Rows in the order of groups.
  public var state: State
  public let shape: ParticleShape
  /// Since the last resampling, not normalised: `[groups, particles]`, `Double`, on the processor.
  public private(set) var logWeights: Tensor
  /// What they amount to, found once for every change of theirs.
  private var totals: WeightTotals
  /// Of the steps before the last resampling, `[groups]`.
  private var earlierEvidence: [Double]

  /// Equally weighted particles.
  public init(_ state: State, _ shape: ParticleShape) {
    (self.state, self.shape) = (state, shape)
    logWeights = .zeros([shape.groups, shape.particles], dtype: .double)
    totals = WeightTotals(logWeights)
    earlierEvidence = [Double](repeating: 0, count: shape.groups)
  }

  /// log Ẑ of every group; −∞ for a dead one.
  public var logEvidence: [Double] { zip(earlierEvidence, totals.logMeans).map(+) }

  /// Groups all of whose particles have weight 0.
  public var dead: [Bool] { totals.largest.map { $0 == -.infinity } }

  /// (Σw)²/Σw² of every group, 0 for a dead one.
  public var effectiveSampleSize: [Double] { totals.effectiveSizes }

  /// Weights that sum to 1 in every group, `[groups, particles]`; 0 throughout a dead one.
  public var weights: Tensor {
    totals.scaled / Tensor(totals.sums).unsqueeze(1).clamp(.leastNormalMagnitude)
  }

  /// The same weights on another state.
  public func map<Other: ParticleState>(_ transform: (State) throws -> Other) rethrows -> Particles<Other> {
    var result = Particles<Other>(try transform(state), shape)
    (result.logWeights, result.totals) = (logWeights, totals)
    result.earlierEvidence = earlierEvidence
    return result
  }

  /// Multiplies the weights by eˣ.
  mutating func add(_ x: Tensor, of what: String, at step: Int) throws {
    guard x.count == shape.rows, x.rank <= 2 else {
      throw ParticleError.shape(what: what, step: step, found: x.shape, rows: shape.rows)
    }
    let values = x.detach().to(.double, device: .cpu).reshape(shape.groups, shape.particles)
    let sum = logWeights + values
    let totals = WeightTotals(sum)
    // +∞ and NaN survive the sum and its maximum, and −∞ + ∞ gives NaN.
    if totals.largest.contains(where: { $0.isNaN || $0 == .infinity }) {
      let flat = sum.reshape(-1).doubles
      let row = flat.firstIndex { $0.isNaN || $0 == .infinity } ?? 0
      throw ParticleError.notANumber(what: what, step: step, row: row, value: values.reshape(-1)[row].item())
    }
    (logWeights, self.totals) = (sum, totals)
  }

  /// Replaces the particles of groups whose effective sample size is too small by draws from their weights.
  ///
  /// - Returns: where every row came from, also as `[rows]`; `nil` where no group was resampled.
  mutating func resample(_ scheme: Resampling, _ threshold: Double?, using random: inout GroupRandom)
    -> (ancestors: Ancestors, rows: Tensor)?
  {
    let n = shape.particles
    let sizes = effectiveSampleSize
    let chosen = sizes.indices.filter { group in
      sizes[group] > 0 && (threshold.map { sizes[group] < $0 * Double(n) } ?? true)
    }
    guard !chosen.isEmpty, n > 1 else { return nil }
    let weights = totals.scaled.reshape(-1).doubles
    let evidence = logEvidence
    var isChosen = [Bool](repeating: false, count: shape.groups)
    for group in chosen {
      isChosen[group] = true
      earlierEvidence[group] = evidence[group]
    }
    let ancestors = weights.withUnsafeBufferPointer { weights in
      [Int](unsafeUninitializedCapacity: shape.rows + Resampling.margin) { ancestors, initialised in
        // In order: what is written behind a group's last place belongs to the next.
        for group in 0..<shape.groups {
          let rows = group * n..<(group + 1) * n
          if isChosen[group] {
            scheme.writeAncestors(
              .init(rebasing: weights[rows]), to: ancestors.baseAddress! + rows.lowerBound,
              using: &random[group])
          } else {
            for i in 0..<n { ancestors[rows.lowerBound + i] = i }
          }
        }
        initialised = shape.rows
      }
    }
    let result = Ancestors(particles: ancestors, shape: shape, groups: chosen)
    let rows = result.rows
    state = state.gathered(rows)
    let isReset = Tensor(isChosen).unsqueeze(1).expand(logWeights.shape)
    logWeights = logWeights.filled(where: isReset, with: 0)
    totals = WeightTotals(logWeights)
    return (result, rows)
  }
}

/// Where particles came from at one resampling.
public struct Ancestors: Sendable, Hashable {
  /// Of every row the particle of its group, in 0..<particles.
  public let particles: [Int]
  public let shape: ParticleShape
  /// The groups that were resampled; in the others every particle is its own ancestor.
  public let groups: [Int]

  /// Of every row the row it came from, `[rows]`.
  var rows: Tensor {
    if shape.groups == 1 { return Tensor(particles) }
    let own = Tensor(particles).reshape(shape.groups, shape.particles)
    let first = Tensor.range(to: Double(shape.rows), by: Double(shape.particles))
    return (own + first.unsqueeze(1)).reshape(-1)
  }
}

/// What happened on the way.
public struct ParticleTrace: Sendable {
  /// `[step][group]`, after the step's potential and before resampling.
  public internal(set) var effectiveSampleSizes: [[Double]] = []
  /// The indices after which some group was resampled, with the ancestors.
  public internal(set) var resamplings: [(step: Int, ancestors: Ancestors)] = []

  /// Of every final row the particle at the start that it descends from, in 0..<particles.
  public func roots(_ shape: ParticleShape) -> [Int] {
    let n = shape.particles
    let start = (0..<shape.groups).flatMap { _ in 0..<n }
    return resamplings.reduce(start) { roots, resampling in
      resampling.ancestors.particles.enumerated().map { roots[$0 / n * n + $1] }
    }
  }
}

/// The end of a run.
public struct ParticleResult<State: ParticleState>: Sendable {
  public let particles: Particles<State>
  public let trace: ParticleTrace

  /// The same run with other states.
  public func map<Other: ParticleState>(_ transform: (State) throws -> Other) rethrows -> ParticleResult<
    Other
  > {
    ParticleResult<Other>(particles: try particles.map(transform), trace: trace)
  }

  /// log of the mean of the groups' Ẑ, with the standard error of the mean relative to it.
  ///
  /// Ẑ is unbiased, its logarithm is not: groups are averaged before the logarithm is taken.
  public var logEvidence: Estimate { logMeanExpEstimate(particles.logEvidence) }

  /// Of every final row the particle at the start that it descends from, in 0..<particles.
  public var roots: [Int] { trace.roots(particles.shape) }
}

/// log of the mean of eˣ with its standard error by the delta method: that of the mean, relative to it.
public func logMeanExpEstimate(_ logs: [Double]) -> Estimate {
  let value = logMeanExp(logs)
  guard value.isFinite else { return Estimate(value, standardError: .nan) }
  return Estimate(value, standardError: Estimate(meanOf: logs.map { .exp($0 - value) }).standardError)
}
