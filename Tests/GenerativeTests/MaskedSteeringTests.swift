import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch
import Training

@Suite("Steering masked diffusions") struct MaskedSteeringTests {
  private let tiny = TinyChain()

  private func run(
    groups: Int = 50, intermediate: IntermediateReward = .samples(3), reward: ClosureReward? = nil,
    seed: UInt64 = 1, _ change: (inout SteeringOptions) -> Void = { _ in }
  ) throws -> SteeringResult {
    var options = SteeringOptions()
    (options.steps, options.groups, options.threshold, options.strength) = (4, groups, nil, 2)
    change(&options)
    return try tiny.sampler.steer(
      reward: reward ?? tiny.reward, intermediate: intermediate, options: options,
      random: RandomSource(seed: seed))
  }

  @Test(
    "the mean of Ẑ is Z and weighted draws have the tilted law, for every potential and average",
    arguments: SteeringPotentialKind.allCases, SampleAverage.allCases)
  func unbiased(kind: SteeringPotentialKind, average: SampleAverage) throws {
    let accumulates = [.max, .sum, .reward].contains(kind)
    let strength = accumulates ? 0.3 : 2
    let exact = tiny.expectation(strength: strength)
    let startsWith0 = (0..<81).map { $0 < 27 ? 1.0 : 0 }
    let share = tiny.expectation(strength: strength, of: startsWith0)
    for (particles, threshold) in [(1, nil), (4, nil), (4, 0.5)] as [(Int, Double?)] {
      let result = try run(
        groups: 8000, intermediate: .samples(3, average: average), seed: UInt64(20 + particles)
      ) {
        ($0.potential, $0.particles, $0.strength, $0.threshold) = (kind, particles, strength, threshold)
      }
      let evidence = result.particles.logEvidence.map { exp($0) }
      #expect(abs(Estimate(meanOf: evidence).zScore(against: exact)) < 5.5)
      let first = (result.particles.state[.all, 0] .== 0).to(.double).reshape(8000, particles)
      let products = zip((first * result.particles.weights).sum(1).doubles, evidence).map(*)
      #expect(abs(Estimate(meanOf: products).zScore(against: share)) < 5.5)
    }
  }

  @Test("independent unmasking: importance and difference estimate one normaliser")
  func independentUnmasking() throws {
    let sampler = try MaskedSampler(tiny.denoiser)
    func evidence(_ kind: SteeringPotentialKind) throws -> Estimate {
      var options = SteeringOptions()
      (options.steps, options.groups, options.strength, options.potential) = (5, 20_000, 2, kind)
      let result = try sampler.steer(reward: tiny.reward, options: options, random: RandomSource(seed: 5))
      return Estimate(meanOf: result.particles.logEvidence.map { exp($0) })
    }
    let difference = try evidence(.importance) - evidence(.difference)
    #expect(abs(difference.zScore(against: 0)) < 5.5)
  }

  @Test("the optimal intermediate reward is the constant log Z at the start, and Ẑ is unbiased with it")
  func optimal() throws {
    let exact = tiny.expectation(strength: 2)
    for threshold in [nil, 0.5] {
      let result = try run(groups: 8000, intermediate: tiny.optimal(strength: 2)) { $0.threshold = threshold }
      #expect(abs(result.meanRewards[0].mean - log(exact) / 2) < 1e-12)
      let evidence = Estimate(meanOf: result.particles.logEvidence.map { exp($0) })
      #expect(abs(evidence.zScore(against: exact)) < 5.5)
    }
  }

  @Test("averages of sampled rewards")
  func averages() {
    let r = Tensor(rows: [[1.0, 3], [0, -.infinity], [-.infinity, -.infinity]])
    func close(_ found: Tensor, _ expected: [Double]) -> Bool {
      zip(found.doubles, expected).allSatisfy { $0 == $1 || abs($0 - $1) < 1e-14 }
    }
    let two = log((exp(2.0) + exp(6.0)) / 2) / 2
    #expect(close(SampleAverage.exponential(r, strength: 2), [two, log(0.5) / 2, -.infinity]))
    let one = log((exp(1.0) + exp(3.0)) / 2)
    #expect(close(SampleAverage.unscaled(r, strength: 2), [one, log(0.5), -.infinity]))
    #expect(close(SampleAverage.exponential(r[0..<1], strength: 0), [2]))
    #expect(close(SampleAverage.exponential(r, strength: 1), SampleAverage.unscaled(r, strength: 7).doubles))
  }

  @Test("many samples tend to the average over the factorised law, and leave the path's draws alone")
  func manySamples() throws {
    func first(_ intermediate: IntermediateReward) throws -> SteeringResult {
      try run(groups: 1, intermediate: intermediate) {
        ($0.particles, $0.resamplingSteps) = (1, [0])
      }
    }
    let marginals = tiny.denoiser.tokenProbabilities(.full([1, 4], 3, dtype: .int64)).doubles
    let exact = tiny.table.doubles.enumerated().reduce(0.0) { sum, entry in
      let i = entry.offset
      let p = TinyChain.digits(i).enumerated().reduce(1.0) { $0 * marginals[3 * $1.0 + $1.1] }
      return sum + p * exp(2 * entry.element)
    }
    let many = try first(.samples(100_000))
    // The deviation of exp(2r) is below 2, that of the mean below 0.0065, and of half its logarithm less.
    #expect(abs(many.meanRewards[0].mean - log(exact) / 2) < 0.02)
    #expect(many.particles.state.isEqual(to: try first(.samples(1)).particles.state))
    #expect(many.rewardEvaluations == 100_001)
  }

  @Test("λ = 0 leaves the sampler's draws, equal weights and log Ẑ = 0; one particle is a sample")
  func identities() throws {
    let base = try run { ($0.potential, $0.particles) = (.importance, 4) }
    for kind in SteeringPotentialKind.allCases {
      let result = try run { ($0.potential, $0.strength, $0.threshold) = (kind, 0, 0.5) }
      #expect(result.particles.state.isEqual(to: base.particles.state))
      #expect(result.particles.logEvidence.allSatisfy { abs($0) < 1e-12 })
    }
    let single = try run { $0.particles = 1 }
    let sample = try tiny.sampler.sample(50, steps: 4, random: RandomSource(seed: 1))
    #expect(single.particles.state.isEqual(to: sample))
    let constant = try run(reward: ClosureReward { .full([$0.size(0)], 0.7, dtype: .double) }) {
      $0.threshold = 0.5
    }
    #expect(constant.particles.state.isEqual(to: base.particles.state))
    #expect(constant.particles.logEvidence.allSatisfy { abs($0 - 1.4) < 1e-12 })
  }

  @Test("a group's sequences and weights do not depend on the other groups")
  func groups() throws {
    let (few, many) = (try run(groups: 2), try run(groups: 40))
    #expect(many.particles.state[0..<8].isEqual(to: few.particles.state))
    #expect(distance(many.particles.weights[0..<2], few.particles.weights) < 1e-12)
  }

  /// Remembers every row that it was asked for.
  private final class CountingDenoiser: MaskedDenoiser {
    let inner: MarkovChainDenoiser
    var rows = 0
    init(_ inner: MarkovChainDenoiser) { self.inner = inner }
    var length: Int { inner.length }
    var symbols: Int { inner.symbols }
    var device: Device { inner.device }
    func tokenProbabilities(_ tokens: Tensor) -> Tensor {
      rows += tokens.size(0)
      return inner.tokenProbabilities(tokens)
    }
  }

  @Test("the model is asked once a row and change, the reward once a sample; the counts say so")
  func counts() throws {
    let exact = try run(groups: 5)
    #expect(exact.modelEvaluations == 1 + 3 * 20)
    #expect(exact.rewardEvaluations == 4 * 3 * 20 + 20)
    #expect(try run(groups: 5) { $0.potential = .importance }.rewardEvaluations == 20)
    #expect(try run(groups: 5, intermediate: tiny.optimal(strength: 2)).rewardEvaluations == 20)
    let counting = CountingDenoiser(tiny.denoiser)
    var options = SteeringOptions()
    (options.steps, options.groups) = (40, 20)
    let result = try MaskedSampler(counting).steer(
      reward: tiny.reward, options: options, random: RandomSource(seed: 2))
    #expect(result.modelEvaluations == counting.rows)
    // Four masks are lifted in at most four steps, whatever the number of steps.
    #expect(counting.rows < 1 + 4 * 80)
  }

  @Test("a prompt stays through steering")
  func prompt() throws {
    let sampler = try MaskedSampler(
      tiny.denoiser, unmasking: .randomOrder, prompt: Tensor([Int64(3), 3, 1, 3]))
    var options = SteeringOptions()
    (options.steps, options.groups, options.strength) = (3, 4000, 2)
    let result = try sampler.steer(reward: tiny.reward, options: options, random: RandomSource(seed: 3))
    #expect((result.particles.state[.all, 2] .== 1).all().booleans == [true])
    let agrees = tiny.agreement(sampler.prompt.unsqueeze(0)).doubles
    let exact = tiny.expectation(strength: 2, of: agrees) / tiny.expectation(strength: 0, of: agrees)
    let evidence = Estimate(meanOf: result.particles.logEvidence.map { exp($0) })
    #expect(abs(evidence.zScore(against: exact)) < 5.5)
  }

  @Test("faulty requests are named")
  func faults() throws {
    func error(
      _ intermediate: IntermediateReward = .samples(2), _ reward: ClosureReward? = nil,
      _ change: (inout SteeringOptions) -> Void = { _ in }
    ) -> String {
      let thrown = #expect(throws: SteeringError.self) {
        try run(intermediate: intermediate, reward: reward, change)
      }
      return "\(thrown!)"
    }
    #expect(error(.samples(0)) == "intermediate: found 0 samples, expected at least 1")
    #expect(error(.denoised).contains("symbols have no mean"))
    #expect(error { $0.particles = 0 } == "particles: found 0, expected at least 1")
    #expect(
      error(.samples(2), ClosureReward { $0.to(.double) }).contains("one number a row is expected, [400]"))
    // Row 7 of the 16 samples belongs to particle 3.
    let faulty = ClosureReward { x in
      x.size(0) == 400 ? Tensor((0..<400).map { $0 == 7 ? .nan : 0 }) : .zeros([x.size(0)], dtype: .double)
    }
    #expect(error(.samples(2), faulty).contains("particle 3 at step 0"))
    let model = try NGramModel(order: 2, counting: Tensor([Int64(0), 1, 2, 0]), symbols: 3)
    var options = SteeringOptions()
    options.steps = 4
    #expect(throws: NGramError.symbol(position: 0, found: 3, symbols: 3)) {
      try tiny.sampler.steer(
        reward: NGramReward(model), intermediate: .noisy, options: options, random: RandomSource(seed: 1))
    }
  }

  @Test("mixtures: many samples of x₀ give the closed form of the intermediate reward")
  func mixtureSamples() throws {
    let target = TiltedMixture()
    let denoiser = MixtureDenoiser(target.mixture)
    let levels = NoiseSchedule.vpCosine().levels(steps: 10)
    var options = SteeringOptions()
    (options.steps, options.particles, options.groups) = (10, 1, 3)
    func rewards(_ intermediate: IntermediateReward) throws -> [Double] {
      try steer(
        denoiser, .vpCosine(), reward: target.reward, intermediate: intermediate, options: options,
        random: RandomSource(seed: 9)
      ).meanRewards.map(\.mean)
    }
    let exact = try rewards(
      .value { x, step in
        denoiser.noisy(levels[step]).logExpectedExponential(of: Tensor(target.direction), given: x)
      })
    let sampled = try rewards(.samples(40_000))
    #expect(exact.count == 11 && exact.last == sampled.last)
    for (a, b) in zip(exact, sampled) { #expect(abs(a - b) < 0.1) }
    // Unlike the reward of the mean, which is Jensen's lower bound.
    #expect(zip(exact, try rewards(.denoised)).dropLast().allSatisfy { $0 > $1 })
    let ratios = try steer(
      denoiser, .vpCosine(), reward: target.reward, intermediate: .samples(4),
      options: {
        var options = SteeringOptions()
        (options.steps, options.particles, options.groups) = (10, 8, 4000)
        return options
      }(), random: RandomSource(seed: 10)
    ).particles.logEvidence.map { exp($0 - target.exact.logEvidence) }
    #expect(abs(Estimate(meanOf: ratios).zScore(against: 1)) < 5.5)
  }

  @Test("a model without draws of x₀ is refused by name")
  func noSamples() throws {
    /// A denoiser that only knows E[x₀ | x_t].
    struct Shrinking: ReverseDiffusion {
      var eventShape: [Int] { [2] }
      func denoised(_ x: Tensor, at level: DiffusionLevel) -> Tensor { level.signal * x }
    }
    let error = #expect(throws: SteeringError.self) {
      try steer(
        Shrinking(), .vpCosine(), reward: TiltedMixture().reward, intermediate: .samples(2),
        options: SteeringOptions(), random: RandomSource(seed: 1))
    }
    #expect("\(error!)".contains("does not draw x₀ given x_t"))
  }
}
