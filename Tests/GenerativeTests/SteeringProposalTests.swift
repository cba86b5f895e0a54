import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch

@Suite("Steering along gradients, in batches, and towards densities") struct SteeringProposalTests {
  private let target = TiltedMixture()

  private func run(
    groups: Int = 1, seed: UInt64 = 1, reward: (any Reward)? = nil,
    _ change: (inout SteeringOptions) -> Void = { _ in }
  ) throws -> SteeringResult {
    var options = SteeringOptions()
    (options.steps, options.groups) = (20, groups)
    change(&options)
    func steered(_ reward: some Reward) throws -> SteeringResult {
      try steer(
        MixtureDenoiser(target.mixture), .vpCosine(), reward: reward, options: options,
        random: RandomSource(seed: seed))
    }
    let used: any Reward = reward ?? target.reward
    return try steered(used)
  }

  @Test(
    "steps along the gradient keep the law: the mean of Ẑ is Z", arguments: [0.5, 1, 2],
    [SteeringPotentialKind.difference, .importance])
  func unbiased(scale: Double, kind: SteeringPotentialKind) throws {
    for (particles, steps) in [(1, 20), (4, 3), (8, 20)] {
      let result = try run(groups: 4000, seed: UInt64(particles)) {
        ($0.potential, $0.gradientScale, $0.particles, $0.steps) = (kind, scale, particles, steps)
      }
      let ratios = result.particles.logEvidence.map { exp($0 - target.exact.logEvidence) }
      #expect(abs(Estimate(meanOf: ratios).zScore(against: 1)) < 5)
    }
  }

  @Test("the weighted draws have the target's mean reward, and fewer of them do than without the gradient")
  func law() throws {
    func error(_ scale: Double) throws -> (reward: Estimate, spread: Double) {
      let result = try run(groups: 2000, seed: 3) { ($0.gradientScale, $0.particles) = (scale, 8) }
      let logs = result.particles.logEvidence
      return (result.meanReward, Estimate(meanOf: logs).standardError)
    }
    let (plain, guided) = (try error(0), try error(1))
    // Self-normalised means of small groups are biased downwards: guided ones less.
    #expect(guided.reward.value > plain.reward.value + 0.05)
    #expect(abs(guided.reward.value - target.exact.reward) < 0.1)
    #expect(guided.spread < 0.7 * plain.spread)
  }

  @Test("a gradient scale of 0 and a strength of 0 leave the draws alone")
  func none() throws {
    let plain = try run(groups: 20)
    let zero = try run(groups: 20) { $0.gradientScale = 0 }
    #expect(plain.particles.state.isEqual(to: zero.particles.state))
    let weak = try run(groups: 20) { ($0.gradientScale, $0.strength) = (1, 0) }
    let base = try run(groups: 20) { $0.potential = .importance }
    #expect(weak.particles.state.isEqual(to: base.particles.state))
  }

  @Test("a step's estimate of the reward is asked for once; a way back counts as two evaluations")
  func counts() throws {
    let plain = try run(groups: 3) { $0.particles = 5 }
    #expect(plain.modelEvaluations == 20 * 15 && plain.rewardEvaluations == 21 * 15)
    let guided = try run(groups: 3) { ($0.particles, $0.gradientScale) = (5, 1) }
    #expect(guided.modelEvaluations == 3 * 20 * 15 && guided.rewardEvaluations == 21 * 15)
  }

  @Test("rows are evaluated in batches without changing anything", arguments: [0.0, 1])
  func batches(scale: Double) throws {
    let most = MostRows()
    let reward = ClosureReward { [target] x in
      most.saw(x.size(0))
      return try target.reward(x)
    }
    let whole = try run(groups: 7, reward: reward) { ($0.particles, $0.gradientScale) = (6, scale) }
    #expect(most.rows == 42)
    most.forget()
    let parts = try run(groups: 7, reward: reward) {
      ($0.particles, $0.gradientScale, $0.modelBatch, $0.rewardBatch) = (6, scale, 10, 4)
    }
    #expect(most.rows == (scale == 0 ? 4 : 42))
    #expect((whole.particles.state - parts.particles.state).abs().max().item() < 1e-12)
  }

  @Test("rewards below the floor of max are counted, and nowhere else")
  func floor() throws {
    let high = try run(groups: 10) { ($0.potential, $0.floor) = (.max, 100) }
    #expect(high.rewardsBelowFloor == 21 * 40)
    #expect(try run(groups: 10) { ($0.potential, $0.floor) = (.max, -100) }.rewardsBelowFloor == 0)
    #expect(try run(groups: 10) { $0.floor = 100 }.rewardsBelowFloor == 0)
  }

  @Test("a density as reward: a normal's is the quadratic reward with its constant")
  func density() throws {
    let (centre, deviation) = (Tensor([1.0, 0.5]), 0.8)
    let normal = try GaussianMixture(
      weights: [1], means: centre.unsqueeze(0),
      covariances: deviation * deviation * Tensor.identity(2, dtype: .double).unsqueeze(0))
    let byDensity = try run(groups: 50, reward: DensityReward(normal))
    let quadratic = ClosureReward {
      ($0.to(.double) - centre).square().sum(1) * (-0.5 / (deviation * deviation))
    }
    let byFormula = try run(groups: 50, reward: quadratic) {
      $0.floor = log(2 * Double.pi * deviation * deviation)
    }
    #expect((byDensity.particles.state - byFormula.particles.state).abs().max().item() < 1e-9)
    let constant = -log(2 * Double.pi * deviation * deviation)
    #expect(abs(byDensity.logEvidence.value - byFormula.logEvidence.value - constant) < 1e-9)
  }

  @Test("what cannot follow a gradient says so")
  func refusals() throws {
    func error(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return ""
    }
    let hard = ClosureReward { x in Tensor.zeros([x.size(0)], dtype: .double) }
    #expect(
      error { _ = try run(reward: hard) { $0.gradientScale = 1 } }.contains("a reward without one"))
    #expect(error { _ = try run { $0.gradientScale = -1 } }.contains("gradient: found -1.0"))
    #expect(error { _ = try run { $0.gradientScale = .nan } }.contains("gradient: found nan"))
    #expect(error { _ = try run { $0.modelBatch = 0 } }.contains("model batch: found 0"))
    #expect(error { _ = try run { $0.rewardBatch = 0 } }.contains("reward batch: found 0"))
  }
}

/// The most rows that a reward has seen at once.
private final class MostRows: @unchecked Sendable {
  private(set) var rows = 0
  func saw(_ count: Int) { rows = max(rows, count) }
  func forget() { rows = 0 }
}
