import Probability
import Sampling
import Torch

/// Potentials from rewards of E[x₀ | x_t] on the way and of x₀ at the end.
struct RewardPotential: Potential {
  let options: SteeringOptions
  /// Indices before the last with rewards.
  let acts: Set<Int>
  let reward: any Reward
  let intermediate: IntermediateReward
  /// Told of every batch of rewards.
  let observe: (Int, Tensor) -> Void

  func initialMemory(_ shape: ParticleShape) -> SteeringMemory {
    options.potential.initialMemory(shape.rows, floor: options.floor)
  }

  func logPotential(
    of state: DiffusionState, at step: Int, remembering memory: inout SteeringMemory, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) throws -> Tensor? {
    let isLast = step == options.steps
    guard isLast || acts.contains(step) else { return nil }
    let found = isLast ? try reward(state.x) : try intermediate(state, step, reward)
    guard found.count == shape.rows else {
      throw SteeringError.rewardShape(found: found.shape, rows: shape.rows)
    }
    let r = found.detach().to(.double, device: .cpu).reshape(shape.rows)
    let largest = r.max().item()
    if largest.isNaN || largest == .infinity {
      let values = r.doubles
      let row = values.firstIndex { $0.isNaN || $0 == .infinity }!
      throw SteeringError.reward(step: step, row: row, value: values[row])
    }
    observe(step, r)
    return options.potential.logPotential(r, strength: options.strength, isLast: isLast, &memory)
  }
}

/// What stands for the reward of the finished draw at x_t.
public enum IntermediateReward: Sendable {
  /// r(E[x₀ | x_t]).
  case denoised
  /// r(x_t) itself, for rewards that know noise.
  case noisy
  /// Any estimate from x_t and its index, `[n]`; (1/λ) log E[exp(λ r(x₀)) | x_t] gives the optimal potential.
  case value(@Sendable (_ x: Tensor, _ step: Int) throws -> Tensor)

  func callAsFunction(_ state: DiffusionState, _ step: Int, _ reward: any Reward) throws -> Tensor {
    switch self {
    case .denoised: try reward(state.denoised!)
    case .noisy: try reward(state.x)
    case .value(let estimate): try estimate(state.x, step)
    }
  }
}

/// Draws of p(x₀) exp(λ r(x₀)) as weighted particles, all of them.
public struct SteeringResult: Sendable {
  /// Rows x₀ with their weights, `[groups·k] + event`.
  public let particles: Particles<Tensor>
  /// r(x₀), `[groups, k]`.
  public let rewards: Tensor
  public let trace: ParticleTrace
  /// The mean reward where rewards were taken, by index.
  public let meanRewards: [(step: Int, mean: Double)]
  /// Rows that the model and the reward were asked for.
  public let modelEvaluations: Int
  public let rewardEvaluations: Int

  /// log of the mean of the groups' Ẑ, an unbiased estimate of E[exp(λ r)], with its relative standard error.
  public var logEvidence: Estimate { logMeanExpEstimate(particles.logEvidence) }

  /// The weighted mean of the rewards over a group, averaged over the groups that live.
  public var meanReward: Estimate {
    let means = (particles.weights * rewards.filled(where: particles.weights .== 0, with: 0)).sum(1).doubles
    return Estimate(meanOf: zip(means, particles.dead).filter { !$0.1 }.map(\.0))
  }

  /// The largest reward of every group; −∞ of a dead one.
  public var bestRewards: [Double] { rewards.max(1).doubles }

  /// The mean of the largest rewards of the groups that live.
  public var meanBestReward: Estimate {
    Estimate(meanOf: zip(bestRewards, particles.dead).filter { !$0.1 }.map(\.0))
  }

  /// The row of every group with the largest reward, `[groups] + event`.
  public var best: Tensor {
    let first = Tensor((0..<rewards.size(0)).map { Int64($0 * rewards.size(1)) })
    return particles.state.gathered(first + rewards.argmax(1))
  }
}

/// Steers a diffusion model towards a reward without training it (Singhal et al. 2025).
///
/// - Parameters:
///   - schedule: of the model's noise; `options.steps` equal steps in time are taken.
///   - intermediate: what stands for the reward of the finished draw on the way.
///   - random: group g draws from stream g, so its result does not depend on the other groups.
/// - Throws: ``SteeringError``, `ParticleError`, and what the reward throws.
/// - Complexity: one model evaluation a particle and step, shared by the step and the reward, and one reward a particle
///   where the potential acts.
public func steer(
  _ model: some ReverseDiffusion, _ schedule: NoiseSchedule, reward: some Reward,
  intermediate: IntermediateReward = .denoised, options: SteeringOptions, random: RandomSource
) throws -> SteeringResult {
  try options.validate()
  let path = DiffusionPath(
    model: model, levels: schedule.levels(steps: options.steps), stochasticity: options.stochasticity)
  return try steer(
    along: path, reward: reward, intermediate: intermediate, options: options, random: random)
}

/// Steers any path.
func steer(
  along path: some SteerablePath, reward: some Reward, intermediate: IntermediateReward = .denoised,
  options: SteeringOptions, random: RandomSource
) throws -> SteeringResult {
  let acts = options.acts(from: path.firstReward)
  // Copies of a particle never part again without noise.
  if !path.isStochastic, options.particles > 1, !acts.isEmpty { throw SteeringError.deterministic }
  let shape = ParticleShape(groups: options.groups, particles: options.particles)
  var rewards = Tensor.zeros([0])
  var means: [(step: Int, mean: Double)] = []
  let potential = RewardPotential(options: options, acts: acts, reward: reward, intermediate: intermediate) {
    step, r in
    rewards = r
    means.append((step, r.mean().item()))
  }
  let engine = SequentialMonteCarlo(
    resampling: options.resampling, threshold: options.threshold, schedule: acts)
  let result = try withoutGradient { try engine.run(path, potential, shape, random: random) }
  return SteeringResult(
    particles: result.particles.map(\.x), rewards: rewards.reshape(shape.groups, shape.particles),
    trace: result.trace, meanRewards: means,
    modelEvaluations: path.modelEvaluations(rewardSteps: acts.count) * shape.rows,
    rewardEvaluations: means.count * shape.rows)
}
