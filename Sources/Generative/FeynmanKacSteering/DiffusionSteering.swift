import Torch
import Training

extension DiffusionModel {
  /// Steers the model towards a reward (Singhal et al. 2025); see ``steer(_:_:reward:intermediate:options:random:)``.
  ///
  /// Rewards see rows in the data's coordinates, E[x₀ | x_t] on the way, and so are the rows of the result.
  /// - Parameter intermediate: of standardised rows where it is a function; ``learnedReward(reward:options:class:guidance:learning:random:)``
  ///   makes one.
  /// - Throws: ``DiffusionError``, ``SteeringError``, `ParticleError`, and what the reward throws.
  public func steer(
    reward: some Reward, intermediate: IntermediateReward = .denoised, options: SteeringOptions,
    class className: String? = nil, guidance: Double = 1,
    random: RandomSource
  ) throws -> SteeringResult {
    let result = try Generative.steer(
      denoiser(class: className, guidance: guidance), schedule,
      reward: RestoredReward(reward: reward, standardiser: standardiser), intermediate: intermediate,
      options: options, random: random)
    return result.mappingRows { standardiser.restore($0.to(.double, device: .cpu)) }
  }

  /// Learns (1/λ) log E[exp(λ r(x₀)) | x_t] from the model's own draws; see
  /// ``learnedReward(_:_:reward:options:learning:random:)``.
  /// - Throws: ``DiffusionError``, ``SteeringError``, `TrainingError`, and what the reward throws.
  public func learnedReward(
    reward: some Reward, options: SteeringOptions, class className: String? = nil, guidance: Double = 1,
    learning: RewardLearningOptions = RewardLearningOptions(), random: RandomSource
  ) throws -> IntermediateReward {
    try Generative.learnedReward(
      denoiser(class: className, guidance: guidance), schedule,
      reward: RestoredReward(reward: reward, standardiser: standardiser), options: options,
      learning: learning, random: random)
  }
}

/// A reward of rows in the data's coordinates, for standardised ones.
private struct RestoredReward<Base: Reward>: Reward {
  let reward: Base
  let standardiser: Standardiser

  func callAsFunction(_ x: Tensor) throws -> Tensor { try reward(standardiser.restore(x.to(.double))) }
}
