import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch
import Training

/// The mixture of the brief's experiment A under r = x₁ + ½x₂, of which everything is known.
struct TiltedMixture {
  let weights = [0.5, 0.3, 0.2]
  let means = [[-2.0, 0], [2, 0], [0, 3]]
  let deviations = [0.5, 0.7, 0.4]
  let direction = [1, 0.5]
  let strength = 1.0

  var mixture: GaussianMixture {
    let identity = Tensor.identity(2, dtype: .double)
    return try! GaussianMixture(
      weights: weights, means: Tensor(rows: means),
      covariances: .stack(deviations.map { $0 * $0 * identity }))
  }

  var reward: ClosureReward {
    ClosureReward { [direction] in $0.to(.double).matmul(Tensor(direction)) }
  }

  /// Z = Σ πₖ exp(λ aᵀμₖ + ½ λ² sₖ² |a|²), the weights of the target and the mean of its reward.
  var exact: (logEvidence: Double, weights: [Double], reward: Double) {
    let square = direction.reduce(0) { $0 + $1 * $1 }
    let inner = means.map { zip($0, direction).reduce(0) { $0 + $1.0 * $1.1 } }
    let terms = (0..<3).map {
      log(weights[$0]) + strength * inner[$0] + 0.5 * pow(strength * deviations[$0], 2) * square
    }
    let total = logSumExp(terms)
    let tilted = terms.map { exp($0 - total) }
    let reward = (0..<3).reduce(0.0) {
      $0 + tilted[$1] * (inner[$1] + strength * pow(deviations[$1], 2) * square)
    }
    return (total, tilted, reward)
  }
}

@Suite("Feynman–Kac steering") struct FeynmanKacSteeringTests {
  private let target = TiltedMixture()

  private func run(
    groups: Int = 1, seed: UInt64 = 1, reward: ClosureReward? = nil,
    _ change: (inout SteeringOptions) -> Void = { _ in }
  ) throws -> SteeringResult {
    var options = SteeringOptions()
    options.steps = 20
    options.groups = groups
    options.threshold = nil
    change(&options)
    return try steer(
      MixtureDenoiser(target.mixture), .vpCosine(), reward: reward ?? target.reward, options: options,
      random: RandomSource(seed: seed))
  }

  @Test("the brief's numbers for the target")
  func truth() {
    #expect(abs(target.exact.logEvidence - 1.406277) < 1e-6)
    #expect(abs(target.exact.reward - 2.30763) < 1e-5)
    let tilted = target.mixture.tilted(by: Tensor(target.direction))
    #expect(abs(tilted.logNormaliser - target.exact.logEvidence) < 1e-12)
    #expect(
      abs(tilted.mixture.mean[0].item() - 1.8422) < 1e-4 && abs(tilted.mixture.mean[1].item() - 0.9309) < 1e-4
    )
    for (found, expected) in zip(target.exact.weights, [0.0194, 0.7379, 0.2428]) {
      #expect(abs(found - expected) < 1e-4)
    }
  }

  @Test(
    "the mean of Ẑ is Z for every potential, scheme and schedule", arguments: SteeringPotentialKind.allCases,
    Resampling.allCases)
  func unbiased(kind: SteeringPotentialKind, scheme: Resampling) throws {
    // Where potentials accumulate the last factor is so heavy-tailed that means do not settle; few steps and a small
    // λ tame it.
    let accumulates = [.max, .sum, .reward].contains(kind)
    let strength = accumulates ? 0.1 : 1
    for (particles, length, threshold) in [(1, 3, nil), (4, 20, 0.5), (8, 3, nil), (8, 20, nil)]
      as [(Int, Int, Double?)]
    {
      let steps = accumulates ? 3 : length
      let result = try run(groups: 4000, seed: UInt64(10 + particles + steps)) {
        ($0.potential, $0.resampling, $0.threshold) = (kind, scheme, threshold)
        ($0.particles, $0.steps, $0.strength) = (particles, steps, strength)
      }
      let exact = logEvidence(target, strength)
      let ratios = result.particles.logEvidence.map { exp($0 - exact) }
      #expect(abs(Estimate(meanOf: ratios).zScore(against: 1)) < 5.5)
    }
  }

  /// (1/λ) log E[exp(λ r(x₀)) | x_t], exactly.
  private func optimal(_ steps: Int) -> IntermediateReward {
    let levels = NoiseSchedule.vpCosine().levels(steps: steps)
    return .value { [target] x, step in
      MixtureDenoiser(target.mixture).noisy(levels[step]).logExpectedExponential(
        of: Tensor(target.direction) * target.strength, given: x) / target.strength
    }
  }

  @Test(
    "the optimal potential: its estimate is the constant log Z at noise, a martingale after, and Ẑ is unbiased"
  )
  func optimalPotential() throws {
    let exact = target.exact.logEvidence
    let denoiser = MixtureDenoiser(target.mixture)
    let direction = Tensor(target.direction)
    var random = RandomSource(seed: 7)
    for (signal, noise) in [(0.01, 1.0), (0.5, 0.8), (0.95, 0.2)] {
      let level = DiffusionLevel(signal: signal, noise: noise)
      let x =
        signal * target.mixture.sample(40_000, using: &random)
        + noise * random.normal([40_000, 2], dtype: .double)
      let values = denoiser.noisy(level).logExpectedExponential(of: direction, given: x)
      #expect(abs(Estimate(meanOf: (values - exact).exp().doubles).zScore(against: 1)) < 5)
      if signal == 0.01 { #expect((values - exact).abs().max().item() < 0.15) }
    }
    var options = SteeringOptions()
    (options.steps, options.groups, options.particles, options.threshold) = (20, 2000, 4, nil)
    let result = try steer(
      denoiser, .vpCosine(), reward: target.reward, intermediate: optimal(20), options: options,
      random: RandomSource(seed: 6))
    let ratios = result.particles.logEvidence.map { exp($0 - exact) }
    #expect(abs(Estimate(meanOf: ratios).zScore(against: 1)) < 5)
  }

  @Test("the unsteered path has the mixture's law for three steps as for twenty", arguments: [3, 20])
  func exactKernel(steps: Int) throws {
    let points = try run(groups: 20_000) {
      ($0.steps, $0.particles, $0.potential) = (steps, 1, .importance)
    }.particles.state
    for axis in 0..<2 {
      let marginal = target.mixture.marginal(over: [axis])
      let test = kolmogorovSmirnov(points[.all, axis]) { marginal.cdf($0) }
      #expect(test.pValue > 1e-6)
    }
  }

  @Test("λ = 0 leaves the base model's draws, equal weights and log Ẑ = 0")
  func noStrength() throws {
    let base = try run(groups: 50) { $0.potential = .importance }
    for kind in SteeringPotentialKind.allCases {
      let result = try run(groups: 50) {
        ($0.potential, $0.strength, $0.threshold) = (kind, 0, 0.5)
      }
      #expect(result.particles.state.isEqual(to: base.particles.state))
      #expect(result.particles.logEvidence.allSatisfy { abs($0) < 1e-12 })
    }
  }

  @Test("one particle is the base model's draw; a constant reward c gives log Ẑ = λ c and the base's draws")
  func trivial() throws {
    let base = try run(groups: 50) { ($0.potential, $0.particles) = (.importance, 1) }
    #expect(try run(groups: 50) { $0.particles = 1 }.particles.state.isEqual(to: base.particles.state))
    let free = try run(groups: 50) { $0.potential = .importance }
    let constant = ClosureReward { .full([$0.size(0)], 0.7, dtype: .double) }
    for kind in SteeringPotentialKind.allCases {
      let result = try run(groups: 50, reward: constant) {
        ($0.potential, $0.strength, $0.threshold) = (kind, 2, 0.5)
      }
      #expect(result.particles.state.isEqual(to: free.particles.state))
      #expect(result.particles.logEvidence.allSatisfy { abs($0 - 1.4) < 1e-9 })
    }
  }

  @Test("a shift of reward and floor leaves the draws and adds λ c to log Ẑ")
  func shift() throws {
    let plain = try run(groups: 100) { $0.strength = 0.5 }
    let reward = target.reward
    let shifted = try run(groups: 100, reward: ClosureReward { try reward($0) + 3 }) {
      ($0.strength, $0.floor) = (0.5, 3)
    }
    #expect(shifted.particles.state.isEqual(to: plain.particles.state))
    for (a, b) in zip(shifted.particles.logEvidence, plain.particles.logEvidence) {
      #expect(abs(a - b - 1.5) < 1e-9)
    }
  }

  @Test("model and reward are asked once a particle and step where they are needed")
  func counts() throws {
    let all = try run(groups: 5)
    #expect(all.modelEvaluations == 20 * 20 && all.rewardEvaluations == 21 * 20)
    let some = try run(groups: 5) {
      $0.resamplingSteps = SteeringOptions.steps(from: 5, through: 15, every: 5)
    }
    #expect(some.rewardEvaluations == 4 * 20)
    #expect(some.trace.resamplings.map(\.step) == [5, 10, 15])
    #expect(try run(groups: 5) { $0.potential = .importance }.rewardEvaluations == 20)
  }

  @Test("hard constraints: forbidden particles die, a group of them is reported dead")
  func constraint() throws {
    // Only the right half plane is allowed.
    let half = ClosureReward { x in
      Tensor.where(
        x[.all, 0] .> 0, Tensor.zeros([x.size(0)], dtype: .double),
        .full([x.size(0)], -.infinity, dtype: .double))
    }
    let result = try run(groups: 2000, reward: half) { ($0.potential, $0.particles) = (.importance, 4) }
    let right = 1 - target.mixture.marginal(over: [0]).cdf(Tensor([0.0])).item()
    let share = Estimate(meanOf: result.particles.logEvidence.map { exp($0) })
    #expect(abs(share.zScore(against: right)) < 5)
    let dead = zip(result.particles.dead, result.particles.logEvidence)
    #expect(dead.allSatisfy { $0 == ($1 == -.infinity) } && result.particles.dead.contains(true))
    let alive = result.particles.weights.reshape(-1) .> 0
    #expect(result.particles.state[.all, 0].masked(by: alive).min().item() > 0)
    // With a finite floor the potential of the maximum never forbids on the way, so it stays exact.
    let running = try run(groups: 2000, reward: half) { $0.potential = .max }
    #expect(abs(Estimate(meanOf: running.particles.logEvidence.map { exp($0) }).zScore(against: right)) < 5)
    for kind in SteeringPotentialKind.allCases {
      let result = try run(groups: 200, reward: half) { $0.potential = kind }
      let weights = result.particles.weights.reshape(-1)
      #expect(weights.isFinite().all().booleans == [true])
      #expect(result.particles.state[.all, 0].filled(where: weights .== 0, with: 1).min().item() > 0)
    }
  }

  @Test("faulty options and rewards are named")
  func faults() {
    func error(_ reward: ClosureReward? = nil, _ change: (inout SteeringOptions) -> Void) -> String {
      "\(#expect(throws: SteeringError.self) { try run(reward: reward, change) }!)"
    }
    #expect(error { $0.particles = 0 } == "particles: found 0, expected at least 1")
    #expect(error { $0.strength = -1 }.contains("strength: found -1.0"))
    #expect(error { $0.strength = .nan }.contains("strength: found nan"))
    #expect(error { $0.resamplingSteps = [3, 20] }.contains("found 20, expected steps in 0..<20"))
    #expect(error { $0.stochasticity = 0 }.contains("never parts the copies"))
    for value in [Double.nan, .infinity] {
      #expect(error(ClosureReward { .full([$0.size(0)], value) }) { _ in }.contains("particle 0 at step 0"))
    }
    #expect(error(ClosureReward { $0 }) { _ in }.contains("one number a row is expected, [4]"))
  }
}

/// log Z at another strength.
private func logEvidence(_ target: TiltedMixture, _ strength: Double) -> Double {
  let square = target.direction.reduce(0) { $0 + $1 * $1 }
  return logSumExp(
    (0..<3).map { k in
      let inner = zip(target.means[k], target.direction).reduce(0) { $0 + $1.0 * $1.1 }
      return log(target.weights[k]) + strength * inner + 0.5 * pow(strength * target.deviations[k], 2)
        * square
    })
}

@Suite("Steering interpolants") struct InterpolantSteeringTests {
  private let target = TiltedMixture()

  private func model() throws -> InterpolantModel {
    try InterpolantModel(
      exactFrom: .standardNormal(dimension: 2), to: target.mixture, schedule: .oneSidedLinear)
  }

  private func run(
    groups: Int, epsilon: Double = 1, end: Double = 0.99, _ change: (inout SteeringOptions) -> Void
  ) throws -> SteeringResult {
    var options = SteeringOptions()
    options.steps = 100
    options.groups = groups
    change(&options)
    return try model().steer(
      reward: target.reward, options: options, epsilon: .constant(epsilon), end: end,
      random: RandomSource(seed: 4))
  }

  @Test("the steered SDE of exact fields has the tilted law, and Ẑ its normaliser, up to its steps")
  func tilted() throws {
    let result = try run(groups: 500) {
      $0.particles = 32
      $0.resamplingSteps = SteeringOptions.steps(from: 10, through: 90, every: 10)
    }
    let exact = target.exact
    #expect(abs(result.logEvidence.value - exact.logEvidence) < 0.05 + 5 * result.logEvidence.standardError)
    #expect(abs(result.meanReward.value - exact.reward) < 0.1)
    // Importance sampling without steering makes far less of the same particles.
    let importance = try run(groups: 4000) { ($0.particles, $0.potential) = (4, .importance) }
    let steered = try run(groups: 4000) {
      $0.particles = 4
      $0.resamplingSteps = SteeringOptions.steps(from: 10, through: 90, every: 10)
    }
    #expect((steered.meanReward - importance.meanReward).zScore(against: 0) > 5)
    #expect(result.modelEvaluations == (2 * 100 + 1 + 9) * 500 * 32)
  }

  @Test("a group's draws do not depend on the other groups")
  func groups() throws {
    let some = try run(groups: 2) { $0.particles = 4 }
    let more = try run(groups: 6) { $0.particles = 4 }
    let difference = (some.particles.state - more.particles.state[0..<8]).abs().max().item()
    #expect(difference < 1e-9)
  }

  @Test("ε = 0 has no noise to part copies; without resampling it is the flow")
  func deterministic() throws {
    #expect(throws: SteeringError.deterministic) { try run(groups: 1, epsilon: 0) { _ in } }
    _ = try run(groups: 1, epsilon: 0) { $0.potential = .importance }
  }

  @Test("a learned model without a score is refused by name")
  func notDerivable() throws {
    var settings = InterpolantOptions()
    settings.schedule = InterpolantSchedule(name: "linear", gamma: .zero)!
    settings.fields = [.velocity]
    settings.network = NetworkOptions(width: 8, depth: 1)
    settings.training = TrainingOptions(steps: 1)
    var random = RandomSource(seed: 3)
    let rows = target.mixture.sample(600, using: &random)
    let flow = try InterpolantTraining(settings, data: InterpolantData(target: .rows(rows))).fit().model
    let error = #expect(throws: InterpolantError.self) {
      try flow.steer(reward: target.reward, options: SteeringOptions(), random: RandomSource(seed: 1))
    }
    #expect("\(error!)".contains("no score"))
  }
}
