import Probability
import Sampling
import Torch
import Training

/// How an intermediate reward is learned.
public struct RewardLearningOptions: Sendable, Hashable {
  /// Paths of the unsteered model that are learned from.
  public var paths = 4096
  /// Hidden units of a layer, or the transformer's width.
  public var width = 64
  /// Hidden layers, or the transformer's blocks.
  public var depth = 2
  /// States a step.
  public var batchSize = 512
  /// Of Adam.
  public var learningRate = 3e-3
  public var training = TrainingOptions(steps: 1000, schedule: .cosine())

  public init() {}

  func validate(strength: Double, steps: Int) throws(SteeringError) {
    for (name, value) in [
      ("paths", paths), ("width", width), ("depth", depth), ("batch", batchSize), ("steps", steps),
      ("training steps", training.steps),
    ] where value < 1 {
      throw .option(name, "\(value)", "at least 1")
    }
    guard strength > 0, strength.isFinite else {
      throw .option("strength", "\(strength)", "a finite number > 0: at 0 nothing depends on the reward")
    }
    guard learningRate > 0, learningRate.isFinite else {
      throw .option("learning rate", "\(learningRate)", "a positive number")
    }
  }
}

/// Learns (1/λ) log E[exp(λ r(x₀)) | x_t] from draws of a diffusion model (Singhal et al. 2025).
///
/// A network a is fitted by squared error to exp(λ r(x₀)) along the model's own paths, which makes it the conditional
/// expectation; the intermediate reward is (1/λ) log a. As the fit becomes exact, the potential `difference` becomes the
/// optimal one. Worth its cost where many draws are steered by one reward.
///
/// - Parameters:
///   - options: the strength, steps and stochasticity that steering will have.
/// - Returns: an intermediate reward that asks neither the model nor the reward.
/// - Throws: ``SteeringError``, `TrainingError`, and what the reward throws.
/// - Complexity: one path of the model and one reward for each of `learning.paths`, then the training.
public func learnedReward(
  _ model: some ReverseDiffusion, _ schedule: NoiseSchedule, reward: some Reward, options: SteeringOptions,
  learning: RewardLearningOptions = RewardLearningOptions(), random: RandomSource
) throws -> IntermediateReward {
  try options.validate()
  let path = DiffusionPath(
    model: model, levels: schedule.levels(steps: options.steps), stochasticity: options.stochasticity)
  return try learnedReward(
    along: path, reward: reward, strength: options.strength, learning: learning, random: random
  ) { states, stream in
    PointRewardNetwork(
      standardising: states, width: learning.width, depth: learning.depth, using: &stream)
  }
}

extension MaskedSampler {
  /// Learns (1/λ) log E[exp(λ r(x₀)) | x_t] from sequences of the model; see
  /// ``learnedReward(_:_:reward:options:learning:random:)``.
  public func learnedReward(
    reward: some Reward, options: SteeringOptions, learning: RewardLearningOptions = RewardLearningOptions(),
    random: RandomSource
  ) throws -> IntermediateReward {
    try options.validate()
    let size = MaskedTransformerOptions(
      length: model.length, width: learning.width, depth: learning.depth,
      heads: [4, 2].first { learning.width % $0 == 0 } ?? 1)
    return try Generative.learnedReward(
      along: MaskedPath(sampler: self, steps: options.steps), reward: reward, strength: options.strength,
      learning: learning, random: random
    ) { _, stream in SequenceRewardNetwork(symbols: model.symbols, options: size, using: &stream) }
  }
}

/// Learns along any path.
private func learnedReward<Path: SteerablePath>(
  along path: Path, reward: some Reward, strength λ: Double, learning: RewardLearningOptions,
  random: RandomSource, network make: ([Tensor], inout RandomSource) -> any RewardNetwork
) throws -> IntermediateReward {
  try learning.validate(strength: λ, steps: path.steps)
  let (states, rewards) = try unsteered(path, reward, learning.paths, random.split("paths"))
  // Scaled to a mean of 1, so that no exponential overflows and the loss has one size for all rewards.
  let scale = (λ * rewards).logMeanExp().item()
  guard scale.isFinite else {
    throw SteeringError.option(
      "reward", "exp(λ r) = \(scale < 0 ? "0" : "∞ or NaN") on average", "a finite mean > 0")
  }
  let targets = (λ * rewards - scale).exp().to(.float)
  var stream = random.split("network")
  let network = make(states, &stream)
  let optimiser = Adam(network.trainableParameters, learningRate: learning.learningRate)
  let trainer = Trainer(
    network, optimiser: optimiser, options: learning.training, random: random.split("training"))
  let stacked = Tensor.stack(states)
  let steps = states.count
  _ = try trainer.fit { _, stream in
    let rows = stream.integers([learning.batchSize], in: 0..<learning.paths)
    let indices = stream.integers([learning.batchSize], in: 0..<steps)
    let share = indices.to(.float) / Double(steps)
    let guess = network(stacked[indices, rows], share: share).exp()
    return (guess - targets.select(axis: 0, rows)).square().mean()
  }
  let learned = LearnedReward(network: network)
  return .value { x, step in
    let share = Tensor.full([x.size(0)], Double(step) / Double(steps))
    return (learned.network(x, share: share).to(.double) + scale) / λ
  }
}

/// States of the model's own paths at every index but the last, `[n] + event` each, and the rewards of their ends, `[n]`.
private func unsteered<Path: SteerablePath>(
  _ path: Path, _ reward: some Reward, _ count: Int, _ random: RandomSource
) throws -> (states: [Tensor], rewards: Tensor) {
  try withoutGradient {
    let shape = ParticleShape(groups: count, particles: 1)
    var streams = GroupRandom(random, groups: count)
    var state = try path.start(shape, using: &streams).state
    var states: [Tensor] = []
    for step in 1...path.steps {
      states.append(path.rows(of: state))
      state = try path.move(state, to: step, shape, using: &streams).state
    }
    let found = try reward(path.rows(of: state))
    guard found.count == count else { throw SteeringError.rewardShape(found: found.shape, rows: count) }
    return (states, found.detach().to(.double, device: .cpu).reshape(count))
  }
}

/// The trained network, which nothing changes any more.
private struct LearnedReward: @unchecked Sendable {
  let network: any RewardNetwork
}
