import Foundation
import Probability
import Sampling
import Testing
import Torch

/// x₀ ~ N(0, 1), x_t = 0.9 x_{t−1} + N(0, 0.5²), y_t = x_t + N(0, 0.7²): everything about it is known.
struct LinearGaussian {
  let observations: [Double]
  let decay = 0.9
  let noise = 0.5
  let error = 0.7

  /// log p(y) by Kalman's recursion, with the mean of the last state given y.
  var exact: (logEvidence: Double, mean: Double) {
    var (mean, variance, total) = (0.0, 1.0, 0.0)
    for (t, y) in observations.enumerated() {
      if t > 0 { (mean, variance) = (decay * mean, decay * decay * variance + noise * noise) }
      let s = variance + error * error
      total -= 0.5 * (log(2 * .pi * s) + (y - mean) * (y - mean) / s)
      (mean, variance) = (mean + variance / s * (y - mean), variance * (1 - variance / s))
    }
    return (total, mean)
  }
}

/// Moves by the model itself, or towards the observation with the ratio that corrects it.
struct LinearGaussianProposal: Proposal {
  let model: LinearGaussian
  var isGuided = false
  var steps: Int { model.observations.count - 1 }

  func start(_ shape: ParticleShape, using random: inout GroupRandom) -> Proposed<Tensor> {
    Proposed(random.normal(particles: shape.particles, event: [], dtype: .double))
  }

  func move(_ x: Tensor, to step: Int, _ shape: ParticleShape, using random: inout GroupRandom) -> Proposed<
    Tensor
  > {
    let z = random.normal(particles: shape.particles, event: [], dtype: .double)
    let mean = model.decay * x
    guard isGuided else { return Proposed(mean + model.noise * z) }
    let shift = 0.3 * (model.observations[step] - mean)
    let next = mean + shift + model.noise * z
    let ratio = 0.5 * z.square() - 0.5 * ((next - mean) / model.noise).square()
    return Proposed(next, logRatio: ratio)
  }
}

struct LinearGaussianPotential: Potential {
  let model: LinearGaussian
  func initialMemory(_ shape: ParticleShape) -> Tensor? { nil }
  func logPotential(
    of x: Tensor, at step: Int, remembering memory: inout Tensor?, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) -> Tensor? {
    -0.5 * ((x - model.observations[step]) / model.error).square()
      - 0.5 * log(2 * .pi * model.error * model.error)
  }
}

@Suite("Particles") struct ParticleTests {
  private let model = LinearGaussian(observations: [0.3, -0.8, 1.9, 2.4, 0.2, -1.3, -0.5, 0.9])

  @Test(
    "normals of small, middle and large groups are normal, new at every call, and each group's own",
    arguments: [10, 3000, 50_001])
  func normals(particles: Int) {
    let source = RandomSource(seed: 9)
    var pair = GroupRandom(source, groups: 2)
    let draws = (0..<4).map { _ in pair.normal(particles: particles, event: [], dtype: .double) }
    let pooled = Tensor.concatenate(draws)
    let law = try! Normal(mean: 0.0, standardDeviation: 1.0)
    #expect(kolmogorovSmirnov(pooled) { law.cdf($0) }.pValue > 1e-6)
    let correlation = Estimate(meanOf: (draws[0] * draws[1]).doubles)
    #expect(abs(correlation.value) < 5 * correlation.standardError)
    let neighbours = Estimate(meanOf: (pooled[0..<pooled.count - 1] * pooled[1..<pooled.count]).doubles)
    #expect(abs(neighbours.value) < 5 * neighbours.standardError)
    #expect(Set(pooled.doubles).count == pooled.count)
    var alone = GroupRandom(source, groups: 1, first: 1)
    let second = alone.normal(particles: particles, event: [], dtype: .double)
    #expect(second.isEqual(to: draws[0][particles..<2 * particles]))
  }

  @Test(
    "the mean of Ẑ is Z for every scheme, threshold, schedule and number of particles",
    arguments: Resampling.allCases, [1, 2, 5, 32])
  func unbiased(scheme: Resampling, particles: Int) throws {
    let exact = model.exact.logEvidence
    for (i, threshold) in [nil, 0.5, 0.9].enumerated() {
      for (j, schedule) in [nil, Set([1, 4])].enumerated() {
        for isGuided in [false, true] {
          let smc = SequentialMonteCarlo(resampling: scheme, threshold: threshold, schedule: schedule)
          let result = try smc.run(
            LinearGaussianProposal(model: model, isGuided: isGuided), LinearGaussianPotential(model: model),
            ParticleShape(groups: 4000, particles: particles),
            random: RandomSource(seed: UInt64(1 + 10 * i + 5 * j)))
          let ratio = result.particles.logEvidence.map { exp($0 - exact) }
          #expect(abs(Estimate(meanOf: ratio).zScore(against: 1)) < 5.5)
          #expect(abs(result.logEvidence.value - log(Estimate(meanOf: ratio).value) - exact) < 1e-9)
        }
      }
    }
  }

  @Test("many particles find the filter's mean and the evidence")
  func filter() throws {
    let result = try SequentialMonteCarlo().run(
      LinearGaussianProposal(model: model), LinearGaussianPotential(model: model),
      ParticleShape(groups: 20, particles: 4000), random: RandomSource(seed: 7))
    let means = (result.particles.weights * result.particles.state.reshape(20, 4000)).sum(1).doubles
    #expect(abs(Estimate(meanOf: means).zScore(against: model.exact.mean)) < 5)
    #expect(abs(result.logEvidence.value - model.exact.logEvidence) < 5 * result.logEvidence.standardError)
    #expect(result.logEvidence.standardError < 0.02)
  }

  @Test("a group's result is the same whatever groups run beside it", arguments: [4, 2000, 70_001])
  func groups(particles: Int) throws {
    func run(_ groups: Int, first: Int) throws -> ParticleResult<Tensor> {
      try SequentialMonteCarlo().run(
        LinearGaussianProposal(model: model), LinearGaussianPotential(model: model),
        ParticleShape(groups: groups, particles: particles), random: RandomSource(seed: 8), firstGroup: first)
    }
    let all = try run(5, first: 0)
    for g in 0..<5 {
      let alone = try run(1, first: g)
      #expect(alone.particles.state.doubles == all.particles.state.reshape(5, particles)[g].doubles)
      #expect(alone.particles.logEvidence[0] == all.particles.logEvidence[g])
    }
  }

  /// Given log-weights, on particles that know their own number.
  private struct Given: Proposal, Potential {
    let logs: [[Double]]
    var steps: Int { logs.count - 1 }
    func start(_ shape: ParticleShape, using random: inout GroupRandom) -> Proposed<Tensor> {
      Proposed(Tensor((0..<shape.rows).map(Double.init)))
    }
    func move(_ x: Tensor, to step: Int, _ shape: ParticleShape, using random: inout GroupRandom) -> Proposed<
      Tensor
    > { Proposed(x) }
    func initialMemory(_ shape: ParticleShape) -> Tensor { Tensor((0..<shape.rows).map(Double.init)) }
    func logPotential(
      of x: Tensor, at step: Int, remembering memory: inout Tensor, _ shape: ParticleShape,
      using random: inout GroupRandom
    ) -> Tensor? {
      // What is remembered moves with its particle.
      #expect(memory.isEqual(to: x))
      return Tensor(logs[step])
    }
  }

  private func run(
    _ logs: [[Double]], groups: Int, _ smc: SequentialMonteCarlo = SequentialMonteCarlo(threshold: nil)
  ) throws -> ParticleResult<Tensor> {
    let given = Given(logs: logs)
    let shape = ParticleShape(groups: groups, particles: logs[0].count / groups)
    return try smc.run(given, given, shape, random: RandomSource(seed: 9))
  }

  @Test("weights of steps that do not resample are carried on")
  func carried() throws {
    let logs = [[0.1, 0.2, -0.3], [0.5, -0.5, 0], [-0.2, 0.3, 0.1]]
    let result = try run(logs, groups: 1, SequentialMonteCarlo(threshold: 0))
    for i in 0..<3 {
      let sum = logs.reduce(0) { $0 + $1[i] }
      #expect(abs(result.particles.logWeights.doubles[i] - sum) < 1e-12)
    }
    #expect(result.trace.resamplings.isEmpty)
  }

  @Test("a constant potential gives its sum exactly and never resamples by effective size")
  func constant() throws {
    let result = try run([[0.5, 0.5], [0.25, 0.25]], groups: 1, SequentialMonteCarlo(threshold: 0.99))
    #expect(abs(result.particles.logEvidence[0] - 0.75) < 1e-15)
    #expect(result.trace.resamplings.isEmpty && result.roots == [0, 1])
    #expect(result.trace.effectiveSampleSizes.flatMap { $0 }.allSatisfy { abs($0 - 2) < 1e-12 })
  }

  @Test("a group without weight is dead, never uniform, and the others go on")
  func dead() throws {
    let no = -Double.infinity
    let result = try run([[no, no, 0, 0], [0, 0, 0, no], [0, 0, 0, 0]], groups: 2)
    #expect(result.particles.dead == [true, false])
    #expect(result.particles.logEvidence[0] == no)
    #expect(abs(result.particles.logEvidence[1] - log(0.5)) < 1e-12)
    #expect(result.particles.state.doubles == [0, 1, 2, 2])
    #expect(result.particles.weights.reshape(-1).doubles == [0, 0, 0.5, 0.5])
    #expect(result.roots == [0, 1, 0, 0])
    #expect(result.logEvidence.value == log(0.25))
  }

  @Test("NaN and +∞ are refused with their particle and step", arguments: [Double.nan, .infinity])
  func notANumber(value: Double) throws {
    for before in [0, -Double.infinity] {
      let error = #expect(throws: ParticleError.self) {
        try run([[0, before, 0], [0, value, 0]], groups: 1, SequentialMonteCarlo(threshold: 0))
      }
      #expect("\(error!)".contains("particle 1 at step 1"))
    }
  }

  @Test("weights must be one a particle")
  func shapes() throws {
    #expect(throws: ParticleError.shape(what: "the potential", step: 1, found: [2], rows: 3)) {
      try run([[0, 0, 0], [0, 0]], groups: 1)
    }
  }

  @Test("draws of a group: normals, uniforms and categories have their laws", arguments: [40, 4000])
  func draws(particles: Int) {
    var random = GroupRandom(RandomSource(seed: 11), groups: 100)
    let normal = random.normal(particles: particles, event: [3], dtype: .double)
    #expect(normal.shape == [100 * particles, 3])
    #expect(
      kolmogorovSmirnov(normal.reshape(-1), cdf: { 0.5 * (-$0 * 0.5.squareRoot()).erfc() }).pValue > 1e-6)
    let weights = Tensor([0.2, 0, 0.5, 0.3]).expand([100 * particles, 4])
    let counts = random.categorical(weights).binCount(minimumLength: 4).doubles
    let n = Double(100 * particles)
    for (count, p) in zip(counts, [0.2, 0, 0.5, 0.3]) {
      #expect(abs(count - n * p) <= 5.5 * (n * p * (1 - p)).squareRoot())
    }
  }
}
