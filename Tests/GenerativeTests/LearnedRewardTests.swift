import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch
import Training

@Suite("Learned intermediate rewards") struct LearnedRewardTests {
  private func value(_ reward: IntermediateReward, _ x: Tensor, _ step: Int) throws -> Tensor {
    guard case .value(let estimate) = reward else { throw CancellationError() }
    return try withoutGradient { try estimate(x, step) }
  }

  @Test("masked sequences: close to the enumerated log-expectation at every state, and Ẑ stays unbiased")
  func sequences() throws {
    let tiny = TinyChain()
    var options = SteeringOptions()
    (options.steps, options.strength, options.particles, options.groups) = (4, 2, 4, 8000)
    var learning = RewardLearningOptions()
    (learning.width, learning.depth, learning.training.steps, learning.paths) = (32, 2, 800, 20_000)
    let learned = try tiny.sampler.learnedReward(
      reward: tiny.reward, options: options, learning: learning, random: RandomSource(seed: 1))
    let tokens = Tensor((0..<256).flatMap { i in [64, 16, 4, 1].map { i / $0 % 4 } }, shape: [256, 4])
    let exact = try value(tiny.optimal(strength: 2), tokens, 0)
    // States by how often the model is in them, at a random step.
    let seen = tiny.agreement(tokens).matmul(Tensor(tiny.probabilities))
    let masks = (tokens .== 3).sum(1).integers
    let ways = Tensor(masks.map { [1.0, 0.25, 1 / 6.0, 0.25, 1][$0] * ($0 == 0 ? 0 : 1) })
    let weights = seen * ways / (seen * ways).sum()
    func spread(_ x: Tensor) -> Double {
      let mean = (weights * x).sum().item()
      return (weights * (x - mean).square()).sum().item().squareRoot()
    }
    let error = (weights * (try value(learned, tokens, 1) - exact).square()).sum().item().squareRoot()
    // Far smaller than what there is to learn.
    #expect(error < 0.35 * spread(exact), "\(error) of \(spread(exact))")
    let result = try tiny.sampler.steer(
      reward: tiny.reward, intermediate: learned, options: options, random: RandomSource(seed: 2))
    let evidence = Estimate(meanOf: result.particles.logEvidence.map { exp($0) })
    #expect(abs(evidence.zScore(against: tiny.expectation(strength: 2))) < 5.5)
    #expect(result.rewardEvaluations == 8000 * 4)
  }

  @Test("mixtures: close to the closed form along the model's paths, and better than the reward of the mean")
  func mixture() throws {
    let target = TiltedMixture()
    let denoiser = MixtureDenoiser(target.mixture)
    let levels = NoiseSchedule.vpCosine().levels(steps: 10)
    var options = SteeringOptions()
    (options.steps, options.particles, options.groups) = (10, 4, 4000)
    let learned = try learnedReward(
      denoiser, .vpCosine(), reward: target.reward, options: options, random: RandomSource(seed: 3))
    var random = RandomSource(seed: 4)
    var errors = (learned: 0.0, mean: 0.0)
    for step in 1..<10 {
      let level = levels[step]
      let clean = target.mixture.sample(4000, using: &random)
      let x = level.signal * clean + level.noise * random.normal([4000, 2], dtype: .double)
      let exact = denoiser.noisy(level).logExpectedExponential(of: Tensor(target.direction), given: x)
      // On the scale of exp(λ r), on which it was fitted.
      func error(_ estimate: Tensor) -> Double {
        (estimate.to(.double).exp() - exact.exp()).square().mean().item() / 9
      }
      errors.learned += error(try value(learned, x, step))
      errors.mean += error(try target.reward(denoiser.denoised(x, at: level)))
    }
    #expect(errors.learned < 0.2 * errors.mean, "\(errors)")
    let result = try steer(
      denoiser, .vpCosine(), reward: target.reward, intermediate: learned, options: options,
      random: RandomSource(seed: 5))
    let ratios = result.particles.logEvidence.map { exp($0 - target.exact.logEvidence) }
    #expect(abs(Estimate(meanOf: ratios).zScore(against: 1)) < 5.5)
  }

  @Test("what cannot be learned is named")
  func faults() throws {
    let tiny = TinyChain()
    func error(
      _ reward: ClosureReward? = nil,
      _ change: (inout SteeringOptions, inout RewardLearningOptions) -> Void = { _, _ in }
    ) -> String {
      var (options, learning) = (SteeringOptions(), RewardLearningOptions())
      options.steps = 4
      learning.paths = 8
      change(&options, &learning)
      let thrown = #expect(throws: SteeringError.self) {
        try tiny.sampler.learnedReward(
          reward: reward ?? tiny.reward, options: options, learning: learning, random: RandomSource(seed: 1))
      }
      return "\(thrown!)"
    }
    #expect(error { options, _ in options.strength = 0 }.contains("at 0 nothing depends on the reward"))
    #expect(error { _, learning in learning.paths = 0 } == "paths: found 0, expected at least 1")
    #expect(error { _, learning in learning.width = 0 } == "width: found 0, expected at least 1")
    #expect(error { _, learning in learning.learningRate = -1 }.contains("learning rate: found -1.0"))
    #expect(
      error(ClosureReward { .full([$0.size(0)], -.infinity, dtype: .double) }).contains(
        "exp(λ r) = 0 on average"))
    #expect(error(ClosureReward { .full([$0.size(0)], .nan, dtype: .double) }).contains("∞ or NaN"))
    #expect(error(ClosureReward { $0 }).contains("one number a row is expected, [8]"))
  }
}
