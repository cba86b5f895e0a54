import Probability
import Sampling
import Torch

/// Draws of p(x₀) exp(λ r(x₀)) as weighted particles, all of them.
public struct SteeringResult: Sendable {
  /// Rows x₀ with their weights, `[groups·k] + event`.
  public let particles: Particles<Tensor>
  /// r(x₀), `[groups, k]`.
  public let rewards: Tensor
  public let trace: ParticleTrace
  /// The mean reward where rewards were taken, by index.
  public let meanRewards: [(step: Int, mean: Double)]
  /// Rewards below the floor of the potential `max`, for which it stood instead.
  public let rewardsBelowFloor: Int
  /// Rows that the model and the reward were asked for; walking back for a gradient counts as two evaluations.
  public let modelEvaluations: Int
  public let rewardEvaluations: Int

  /// The same particles with their rows in other coordinates.
  func mappingRows(_ transform: (Tensor) -> Tensor) -> SteeringResult {
    SteeringResult(
      particles: particles.map(transform), rewards: rewards, trace: trace, meanRewards: meanRewards,
      rewardsBelowFloor: rewardsBelowFloor, modelEvaluations: modelEvaluations,
      rewardEvaluations: rewardEvaluations)
  }

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
///   where the potential acts, or as many as there are samples.
public func steer(
  _ model: some ReverseDiffusion, _ schedule: NoiseSchedule, reward: some Reward,
  intermediate: IntermediateReward = .denoised, options: SteeringOptions, random: RandomSource
) throws -> SteeringResult {
  try options.validate()
  let path = DiffusionPath(
    model: model, levels: schedule.levels(steps: options.steps), stochasticity: options.stochasticity,
    batch: options.modelBatch)
  guard options.gradientScale * options.strength > 0 else {
    return try steer(
      along: path, reward: reward, intermediate: intermediate, options: options, random: random)
  }
  return try steer(
    along: GuidedDiffusionPath(
      base: path, reward: reward, scale: options.gradientScale * options.strength), reward: reward,
    intermediate: intermediate, options: options, random: random)
}

/// Steers any path.
func steer(
  along path: some SteerablePath, reward: some Reward, intermediate: IntermediateReward = .denoised,
  options: SteeringOptions, random: RandomSource
) throws -> SteeringResult {
  if case .samples(let count, _) = intermediate, count < 1 {
    throw SteeringError.option("intermediate", "\(count) samples", "at least 1")
  }
  let acts = options.acts(from: path.firstReward)
  // Copies of a particle never part again without noise.
  if !path.isStochastic, options.particles > 1, !acts.isEmpty { throw SteeringError.deterministic }
  let shape = ParticleShape(groups: options.groups, particles: options.particles)
  let record = RewardRecord()
  let potential = RewardPotential(
    path: path, options: options, acts: acts, reward: reward, intermediate: intermediate, record: record)
  let engine = SequentialMonteCarlo(
    resampling: options.resampling, threshold: options.threshold, schedule: acts)
  let result = try withoutGradient { try engine.run(path, potential, shape, random: random) }
  return SteeringResult(
    particles: result.particles.map(path.rows),
    rewards: record.rewards.reshape(shape.groups, shape.particles),
    trace: result.trace, meanRewards: record.means, rewardsBelowFloor: Int(record.belowFloor),
    modelEvaluations: path.modelEvaluations(rewardSteps: acts.count, rows: shape.rows),
    rewardEvaluations: record.evaluations + path.rewardEvaluations(rows: shape.rows))
}
