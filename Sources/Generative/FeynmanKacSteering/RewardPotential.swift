import Sampling
import Torch

/// Potentials from what stands for the reward on the way, and from the reward of x₀ at the end.
struct RewardPotential<Path: SteerablePath>: Potential {
  typealias State = Path.State

  let path: Path
  let options: SteeringOptions
  /// Indices before the last with rewards.
  let acts: Set<Int>
  let reward: any Reward
  let intermediate: IntermediateReward
  let record: RewardRecord

  func initialMemory(_ shape: ParticleShape) -> SteeringMemory {
    options.potential.initialMemory(shape.rows, floor: options.floor)
  }

  func logPotential(
    of state: State, at step: Int, remembering memory: inout SteeringMemory, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) throws -> Tensor? {
    let isLast = step == options.steps
    guard isLast || acts.contains(step) else { return nil }
    let r =
      isLast
      ? try rewards(of: path.rows(of: state), shape.rows, at: step)
      : try estimate(state, at: step, shape, random)
    record.rewards = r
    if options.potential == .max { record.belowFloor += (r .< options.floor).sum().item() }
    record.means.append((step, r.mean().item()))
    return options.potential.logPotential(r, strength: options.strength, isLast: isLast, &memory)
  }

  private func estimate(_ state: State, at step: Int, _ shape: ParticleShape, _ random: GroupRandom) throws
    -> Tensor
  {
    switch intermediate {
    case .denoised:
      if let known = path.rewardOfDenoised(state) { return try checked(known, shape.rows, at: step) }
      guard let mean = path.denoised(state) else {
        throw SteeringError.option("intermediate", "denoised", "samples or a value: symbols have no mean")
      }
      return try rewards(of: mean, shape.rows, at: step)
    case .noisy: return try rewards(of: path.rows(of: state), shape.rows, at: step)
    case .value(let estimate):
      return try checked(try estimate(path.rows(of: state), step), shape.rows, at: step)
    case .samples(let count, let average):
      // Streams of their own: the path's draws are the same whatever the potential asks for.
      var own = random.split(step)
      guard let draws = try path.completions(of: state, at: step, count: count, shape, using: &own) else {
        throw SteeringError.option(
          "intermediate", "samples", "denoised, noisy or a value: this model does not draw x₀ given x_t")
      }
      let r = try rewards(of: draws, shape.rows * count, at: step, each: count)
      return average(r.reshape(shape.rows, count), strength: options.strength)
    }
  }

  private func rewards(of x: Tensor, _ count: Int, at step: Int, each: Int = 1) throws -> Tensor {
    record.evaluations += count
    let r = try inBlocks(x, of: options.rewardBatch) { rows in
      let found = try reward(rows)
      guard found.count == rows.size(0) else {
        throw SteeringError.rewardShape(found: found.shape, rows: rows.size(0))
      }
      return found.reshape(rows.size(0))
    }
    return try checked(r, count, at: step, each: each)
  }

  /// One number a row in `Double`, neither NaN nor +∞.
  private func checked(_ found: Tensor, _ count: Int, at step: Int, each: Int = 1) throws -> Tensor {
    guard found.count == count else { throw SteeringError.rewardShape(found: found.shape, rows: count) }
    let r = found.detach().to(.double, device: .cpu).reshape(count)
    let largest = r.max().item()
    if largest.isNaN || largest == .infinity {
      let values = r.doubles
      let row = values.firstIndex { $0.isNaN || $0 == .infinity }!
      throw SteeringError.reward(step: step, row: row / each, value: values[row])
    }
    return r
  }
}

/// What a run was told by its reward.
final class RewardRecord {
  /// The latest, `[rows]`.
  var rewards = Tensor.zeros([0])
  var means: [(step: Int, mean: Double)] = []
  /// Rows that the reward was asked for.
  var evaluations = 0
  /// Rewards below the floor, where it acts.
  var belowFloor = 0.0
}
