import Sampling
import Torch

/// In which order masks are lifted.
public enum Unmasking: Sendable, Hashable {
  /// Every mask on its own, with probability 1 − m(s)/m(t) in the step from t to s (Sahoo et al. 2024).
  case independent(MaskedNoiseSchedule)
  /// Equally many a step, at positions drawn without order. With as many steps as masks it is one a step, and the
  /// sequences have the law that the denoiser's conditionals make together: the model's own where it is exact.
  case randomOrder
}

/// Draws sequences from a masked diffusion: masks are lifted step by step, and a symbol once seen stays.
///
/// Source: Sahoo et al. 2024, Simple and Effective Masked Diffusion Language Models.
public struct MaskedSampler<Model: MaskedDenoiser> {
  public let model: Model
  public let unmasking: Unmasking
  /// Given symbols, and masks where symbols are drawn: `[length]`.
  public let prompt: Tensor

  /// - Parameter prompt: `[length]` whole numbers, the model's `mask` where a symbol is drawn; all of them when `nil`.
  /// - Throws: ``MaskedDiffusionError`` where the prompt does not fit the model.
  public init(_ model: Model, unmasking: Unmasking = .independent(.logLinear), prompt: Tensor? = nil)
    throws(MaskedDiffusionError)
  {
    (self.model, self.unmasking) = (model, unmasking)
    guard let prompt else {
      self.prompt = .full([model.length], Double(model.mask), dtype: .int64, device: model.device)
      return
    }
    guard prompt.shape == [model.length] else {
      throw .promptLength(found: prompt.count, expected: model.length)
    }
    for (position, found) in prompt.integers.enumerated() where !(0...model.mask).contains(found) {
      throw .symbol(position: position, found: found, symbols: model.symbols)
    }
    self.prompt = prompt.to(.int64, device: model.device)
  }

  /// Finished sequences, `[count, length]`.
  ///
  /// - Parameters:
  ///   - steps: at least 1; as many as there are masks for ``Unmasking/randomOrder`` to be exact.
  ///   - random: sequence i draws from stream i, so it does not depend on the others.
  /// - Throws: ``MaskedDiffusionError``, and what the model throws.
  /// - Complexity: one evaluation of the model a sequence and step that lifts a mask of it.
  public func sample(_ count: Int, steps: Int, random: RandomSource) throws -> Tensor {
    guard count >= 1 else { throw MaskedDiffusionError.option("count", "\(count)", "at least 1") }
    guard steps >= 1 else { throw MaskedDiffusionError.option("steps", "\(steps)", "at least 1") }
    let path = MaskedPath(sampler: self, steps: steps)
    let shape = ParticleShape(groups: count, particles: 1)
    var streams = GroupRandom(random, groups: count)
    return try withoutGradient {
      var state = try path.start(shape, using: &streams).state
      for step in 1...steps { state = try path.move(state, to: step, shape, using: &streams).state }
      return state.tokens
    }
  }

  /// Steers the sequences towards a reward (Singhal et al. 2025); see ``steer(_:_:reward:intermediate:options:random:)``.
  ///
  /// - Parameters:
  ///   - reward: of finished sequences, `[n, length]` `Int64` to `[n]`.
  ///   - intermediate: draws of x₀ copy the symbols seen and draw each masked one from its own law.
  ///   - options: `stochasticity` is not used.
  /// - Throws: ``SteeringError``, ``MaskedDiffusionError``, `ParticleError`, and what the model and the reward throw.
  /// - Complexity: one evaluation of the model a particle and step that lifts a mask of it, shared by the step and the
  ///   reward.
  public func steer(
    reward: some Reward, intermediate: IntermediateReward = .samples(4), options: SteeringOptions,
    random: RandomSource
  ) throws -> SteeringResult {
    try options.validate()
    try options.requireNoGradient("symbols have no gradient")
    let path = MaskedPath(sampler: self, steps: options.steps)
    return try Generative.steer(
      along: path, reward: reward, intermediate: intermediate, options: options, random: random)
  }
}
