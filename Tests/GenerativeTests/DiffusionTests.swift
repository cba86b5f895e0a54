import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch

@Suite("Diffusion") struct DiffusionTests {
  static let schedules: [NoiseSchedule] = [.vpLinear(), .vpCosine(), .ve(), .flowLinear, .edm()]
  private let target = TiltedMixture()

  @Test("schedules keep their invariant, start clean and only gain noise", arguments: schedules)
  func schedule(schedule: NoiseSchedule) {
    let levels = (0...100).map { schedule.level(at: Double($0) / 100) }
    for level in levels {
      switch schedule {
      case .vpLinear, .vpCosine:
        #expect(abs(level.signal * level.signal + level.noise * level.noise - 1) < 1e-12)
      case .ve, .edm: #expect(level.signal == 1)
      case .flowLinear: #expect(abs(level.signal + level.noise - 1) < 1e-12)
      }
    }
    #expect(levels[0].signal == 1 && levels[0].noise <= 0.01)
    for (a, b) in zip(levels, levels.dropFirst()) {
      #expect(b.noise > a.noise || b == a)
      #expect(b.signal <= a.signal)
    }
    let path = schedule.levels(steps: 7)
    #expect(path.count == 8 && path[0] == levels[100] && path[7] == DiffusionLevel(signal: 1, noise: 0))
  }

  @Test("noise, score and v lead to the same denoised estimate, and the score is the marginal's")
  func conversions() {
    var random = RandomSource(seed: 1)
    let level = DiffusionLevel(signal: 0.8, noise: 0.6)
    let denoiser = MixtureDenoiser(target.mixture)
    let x = random.normal([50, 2], dtype: .double) * 2
    let clean = denoiser.denoised(x, at: level)
    let noise = level.noise(x, denoised: clean)
    let score = level.score(x, denoised: clean)
    let found = [
      level.denoised(x, noise: noise), level.denoised(x, score: score),
      level.denoised(x, v: 0.8 * noise - 0.6 * clean),
    ]
    for other in found { #expect((other - clean).abs().max().item() < 1e-12) }
    #expect((score - denoiser.noisy(level).score(x)).abs().max().item() < 1e-10)
    #expect((noise + 0.6 * score).abs().max().item() < 1e-10)
  }

  @Test("a normal's denoised estimate and draws given x are Bayes' rule's")
  func conditional() throws {
    let covariance = Tensor(rows: [[2.0, 0.6], [0.6, 0.5]])
    let mean = Tensor([1.0, -1])
    let normal = try GaussianMixture(
      weights: [1], means: mean.unsqueeze(0), covariances: covariance.unsqueeze(0))
    let level = DiffusionLevel(signal: 0.7, noise: 0.4)
    let x = Tensor(rows: [[0.3, 0.9]])
    // Precision C⁻¹ + (α/σ)² I.
    let precision = covariance.inverse() + Tensor.identity(2, dtype: .double) * (0.49 / 0.16)
    let posterior = precision.inverse()
    let expected = posterior.matmul(covariance.inverse().matmul(mean) + (0.7 / 0.16) * x[0])
    let noisy = MixtureDenoiser(normal).noisy(level)
    #expect((noisy.denoised(x)[0] - expected).abs().max().item() < 1e-12)
    var random = RandomSource(seed: 2)
    let n = 50_000
    let draws = noisy.cleanDraw(
      x.expand([n, 2]), components: .zeros([n], dtype: .int64),
      normals: random.normal([n, 2], dtype: .double))
    let centred = draws - expected
    // Five standard errors of a covariance's entries.
    #expect(
      ((centred.transposed.matmul(centred) / Double(n)) - posterior).abs().max().item() < 5 * 0.0075 * 0.2)
    for axis in 0..<2 {
      #expect(abs(Estimate(meanOf: draws[.all, axis].doubles).zScore(against: expected[axis].item())) < 5)
    }
  }

  /// Steps with E[x₀ | x_t] from N(0, σ²I), as a trained network would.
  private struct Ancestral: ReverseDiffusion {
    let model: MixtureDenoiser
    var eventShape: [Int] { model.eventShape }
    func denoised(_ x: Tensor, at level: DiffusionLevel) -> Tensor { model.denoised(x, at: level) }
  }

  @Test("ancestral and DDIM steps approach the mixture's law", arguments: [0, 0.5, 1])
  func samplers(stochasticity: Double) throws {
    var options = SteeringOptions()
    (options.particles, options.groups, options.potential) = (1, 8000, .importance)
    (options.steps, options.stochasticity) = (250, stochasticity)
    let points = try steer(
      Ancestral(model: MixtureDenoiser(target.mixture)), .vpCosine(), reward: target.reward, options: options,
      random: RandomSource(seed: 3)
    ).particles.state
    for axis in 0..<2 {
      let marginal = target.mixture.marginal(over: [axis])
      // Steps of finite length cost more than the 1.95/√8000 = 0.022 of chance.
      #expect(kolmogorovSmirnov(points[.all, axis]) { marginal.cdf($0) }.statistic < 0.03)
    }
  }

  @Test("the exact kernel has the mixture's law under every schedule", arguments: schedules)
  func exactKernel(schedule: NoiseSchedule) throws {
    var options = SteeringOptions()
    (options.particles, options.groups, options.potential, options.steps) = (1, 10_000, .importance, 4)
    let points = try steer(
      MixtureDenoiser(target.mixture), schedule, reward: target.reward, options: options,
      random: RandomSource(seed: 4)
    ).particles.state
    for axis in 0..<2 {
      let marginal = target.mixture.marginal(over: [axis])
      #expect(kolmogorovSmirnov(points[.all, axis]) { marginal.cdf($0) }.pValue > 1e-6)
    }
  }
}
