import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch

/// Two mixtures on the line whose compositions quadrature knows.
private struct LineMixtures {
  let first = mixture([0.3, 0.7], [-2, 1.5], [0.6, 0.9])
  let second = mixture([0.6, 0.4], [-1, 2], [0.8, 0.5])

  static func mixture(_ weights: [Double], _ means: [Double], _ deviations: [Double]) -> GaussianMixture {
    try! GaussianMixture(
      weights: weights, means: Tensor(means).unsqueeze(1),
      covariances: Tensor(deviations.map { $0 * $0 }).reshape(-1, 1, 1))
  }

  /// log ∫ Π qᵢ^βᵢ and the composition's mean, at a level.
  func truth(_ exponents: [Double], at level: DiffusionLevel) -> (logZ: Double, mean: Double) {
    let x = Tensor((0..<30_000).map { -30 + 0.002 * (Double($0) + 0.5) }).unsqueeze(1)
    let log =
      MixtureDenoiser(first).logDensity(x, at: level) * exponents[0]
      + MixtureDenoiser(second).logDensity(x, at: level) * exponents[1]
    let mean = (log.softmax(0) * x.squeeze(1)).sum().item()
    return (log.logSumExp(0).item() + Foundation.log(0.002), mean)
  }
}

private func gaussian(_ mean: [Double], _ variances: [Double]) -> MixtureDenoiser {
  MixtureDenoiser(
    try! GaussianMixture(
      weights: [1], means: Tensor(mean).unsqueeze(0),
      covariances: (Tensor.identity(mean.count, dtype: .double) * Tensor(variances)).unsqueeze(0)))
}

@Suite("Feynman–Kac correctors") struct FeynmanKacCorrectorsTests {
  private let line = LineMixtures()

  private func options(_ particles: Int, groups: Int = 4, steps: Int = 200) -> CorrectorOptions {
    var options = CorrectorOptions()
    (options.particles, options.groups, options.steps, options.spacing) = (particles, groups, steps, .logSNR)
    return options
  }

  @Test("an exponent of 1 and a guidance of 0 or 1 give no weights and the plain reverse path, bit for bit")
  func trivial() throws {
    let (a, b) = (MixtureDenoiser(line.first), MixtureDenoiser(line.second))
    let plain = try ComposedTarget.product([a], exponents: [1])
    let random = RandomSource(seed: 1)
    var uncorrected = options(50)
    uncorrected.isCorrected = false
    let expected = try correct(plain, .vpLinear(), options: uncorrected, random: random)
    for target in [
      try ComposedTarget.annealed(a, exponent: 1), try .geometric(a, b, weight: 0),
      try .geometric(b, a, weight: 1),
    ] {
      let result = try correct(target, .vpLinear(), options: options(50), random: random)
      #expect(result.particles.logWeights.abs().max().item() == 0)
      #expect(result.particles.state.isEqual(to: expected.particles.state))
      #expect(result.trace.resamplings.isEmpty)
    }
    // Identical models need no correction whatever the guidance.
    let same = try correct(.geometric(a, a, weight: 3), .vpLinear(), options: options(50), random: random)
    #expect(same.particles.logWeights.abs().max().item() < 1e-9)
  }

  @Test("a product of a model with itself is the model annealed")
  func repeated() throws {
    let a = MixtureDenoiser(line.first)
    let random = RandomSource(seed: 2)
    let product = try correct(
      .product([a, a], exponents: [0.75, 1.25]), .ve(), options: options(100), random: random)
    let annealed = try correct(.annealed(a, exponent: 2), .ve(), options: options(100), random: random)
    expectNear(product.particles.state, annealed.particles.state, 1e-6)
    expectNear(product.particles.logWeights, annealed.particles.logWeights, 1e-6)
  }

  /// The generator's coefficients of a target at x: u and ζ² by the path, g by the potential.
  @Test(
    "g is that of the master formula", arguments: [1.0, 0.4, 3],
    [NoiseSchedule.vpLinear(), .ve(low: 0.05, high: 10)])
  func masterFormula(z: Double, schedule: NoiseSchedule) throws {
    let exponents = [-0.5, 2.0]
    let direction = 0.7
    // b (or σ²) and the time derivatives by differences: everything here is smooth.
    let (t, h) = (0.4, 1e-5)
    let models = [MixtureDenoiser(line.first), MixtureDenoiser(line.second)]
    func logTarget(_ x: Tensor, _ t: Double) -> Tensor {
      zip(models, exponents).reduce(Tensor.zeros([x.size(0)], dtype: .double)) {
        $0 + $1.0.logDensity(x, at: schedule.level(at: t)) * $1.1
      } + x.squeeze(1) * (direction * (1 - t))
    }
    let grid = DiffusionGrid(schedule, steps: 1, start: t + h / 2, end: t - h / 2)
    let (drift, variance) = (grid.driftOfStep(0) / h, grid.varianceOfStep(0) / h)
    let x = Tensor([-1.5, -0.2, 0.9, 2.5]).unsqueeze(1)
    let level = schedule.level(at: t)
    func velocity(_ x: Tensor) -> Tensor {
      let scores = models.map { level.score(x, denoised: $0.denoised(x, at: level)) }
      let combined = scores[0] * exponents[0] + scores[1] * exponents[1]
      return x * (-drift) + combined * (0.5 * (1 + z) * variance) + 0.5 * z * variance * direction * (1 - t)
    }
    func derivative(_ f: (Tensor) -> Tensor, _ e: Double = 1e-4) -> Tensor { (f(x + e) - f(x - e)) / (2 * e) }
    let value = { (x: Tensor) in logTarget(x, t) }
    let first = derivative(value)
    let second = (value(x + 1e-3) + value(x - 1e-3) - 2 * value(x)) / 1e-6
    // Sampling time runs against the schedule's.
    let change = (logTarget(x, t - h) - logTarget(x, t + h)) / (2 * h)
    let u = velocity(x).squeeze(1)
    let master =
      change + derivative { velocity($0).squeeze(1) } + u * first - 0.5 * z * variance
      * (second + first.square())
    var target = ComposedTarget(try ExpertList(models), exponents: .constant(exponents))
    target.extraNoise = z
    target.tilt = RewardTilt(strength: direction) { $0.squeeze(1) }
    let rate = try target.weightRate(x, schedule, at: t)
    expectNear(rate, master, 2e-4 * max(1, master.abs().max().item()))
  }

  @Test(
    "Gaussian experts: the product's law and its normaliser",
    arguments: [NoiseSchedule.vpLinear(), .edm(low: 0.01, high: 20)])
  func gaussianProduct(schedule: NoiseSchedule) throws {
    let experts = [gaussian([1, 0], [1, 0.5]), gaussian([-0.5, 1], [0.4, 2])]
    let exponents = [1.5, 0.5]
    let result = try correct(
      .product(experts, exponents: exponents), schedule, options: options(2000, groups: 8, steps: 300),
      random: RandomSource(seed: 3))
    let (means, variances) = ([[1.0, 0], [-0.5, 1]], [[1.0, 0.5], [0.4, 2]])
    for d in 0..<2 {
      let precision = exponents[0] / variances[0][d] + exponents[1] / variances[1][d]
      let mean =
        (exponents[0] * means[0][d] / variances[0][d] + exponents[1] * means[1][d] / variances[1][d])
        / precision
      let found = result.mean { $0[.all, d] }
      let square = result.mean { ($0[.all, d] - mean).square() }
      #expect(abs(found.value - mean) < 5 * found.standardError + 0.02)
      #expect(abs(square.value * precision - 1) < 5 * square.standardError * precision + 0.05)
    }
  }

  @Test("a linear reward tilts a Gaussian to N(m + βSa, S)")
  func tilt() throws {
    var target = try ComposedTarget.product([gaussian([1, 0], [1, 0.5])], exponents: [1])
    let a = Tensor([0.8, -1.0])
    target.tilt = RewardTilt(strength: 1.5) { $0.matmul(a) }
    let result = try correct(
      target, .vpLinear(), options: options(2000, groups: 8, steps: 300), random: RandomSource(seed: 4))
    for (d, expected) in [(0, 1 + 1.5 * 0.8), (1, -1.5 * 0.5)] {
      let found = result.mean { $0[.all, d] }
      #expect(abs(found.value - expected) < 5 * found.standardError + 0.02)
    }
    // log E[exp(β a·x)] = β a·m + ½ β² aᵀSa.
    let exact = 1.5 * 0.8 + 0.5 * 2.25 * (0.64 + 0.5)
    #expect(abs(result.logEvidence.value - exact) < 5 * result.logEvidence.standardError + 0.05)
  }

  @Test("without resampling, E[exp w] is the ratio of normalisers")
  func evidence() throws {
    let exponents = [0.6, 0.6]
    var options = options(20_000, groups: 4, steps: 400)
    options.threshold = 0
    let target = try ComposedTarget.product(
      [MixtureDenoiser(line.first), MixtureDenoiser(line.second)], exponents: exponents)
    let result = try correct(target, .vpLinear(), options: options, random: RandomSource(seed: 5))
    let schedule = NoiseSchedule.vpLinear()
    let (data, noise) = (
      line.truth(exponents, at: schedule.level(at: 1e-3)), line.truth(exponents, at: schedule.level(at: 1))
    )
    #expect(
      abs(result.logEvidence.value - (data.logZ - noise.logZ)) < 5 * result.logEvidence.standardError + 0.03)
    #expect(abs(result.logNormaliserOfNoise - noise.logZ) < 1e-3)
    #expect(result.trace.resamplings.isEmpty)
    let mean = result.mean { $0.squeeze(1) }
    #expect(abs(mean.value - data.mean) < 5 * mean.standardError + 0.02)
  }

  @Test("the trapezoid rule and varying exponents, by density and by Itô's rule, reach the same law")
  func rules() throws {
    let models = [MixtureDenoiser(line.first), MixtureDenoiser(line.second)]
    let exact = line.truth([1, 1], at: NoiseSchedule.vpLinear().level(at: 1e-3)).mean
    var trapezoid = options(4000, groups: 8, steps: 300)
    trapezoid.rule = .trapezoid
    // From q alone at noise to q q′ at the data.
    let growing = ComposedTarget.Exponents.varying { [1, 1 - $0] }
    for (target, options) in [
      (try ComposedTarget.product(models, exponents: [1, 1]), trapezoid),
      (ComposedTarget(try ExpertList(models), exponents: growing), options(4000, groups: 8, steps: 300)),
      (
        ComposedTarget(try ExpertList(models.map(WithoutDensity.init)), exponents: growing),
        options(4000, groups: 8, steps: 300)
      ),
    ] {
      let result = try correct(target, .vpLinear(), options: options, random: RandomSource(seed: 6))
      let mean = result.mean { $0.squeeze(1) }
      #expect(abs(mean.value - exact) < 5 * mean.standardError + 0.03)
    }
  }

  @Test("a proposal without correction settles at c·v of the analysis")
  func proposalVariance() throws {
    // q_t = N(0, v_t) throughout: variance c v with c = z/(β(1 + z) − 1).
    let β = 2.0
    for z in [1.0, 3] {
      var target = try ComposedTarget.annealed(gaussian([0], [1]), exponent: β)
      target.extraNoise = z
      var options = options(4000, groups: 4, steps: 1200)
      (options.isCorrected, options.end) = (false, 0)
      let result = try correct(
        target, .ve(low: 0.05, high: 60), options: options, random: RandomSource(seed: 7))
      let variance = result.mean { $0.square().squeeze(1) }
      let c = z / (β * (1 + z) - 1)
      #expect(abs(variance.value / c - 1) < 5 * variance.standardError / c + 0.02)
    }
  }

  @Test("clamping bounds the increments and is reported; groups do not depend on each other")
  func clampAndGroups() throws {
    let target = try ComposedTarget.annealed(MixtureDenoiser(line.first), exponent: 3)
    var clamped = options(500, groups: 2)
    clamped.clamp = 0.01
    let result = try correct(target, .vpLinear(), options: clamped, random: RandomSource(seed: 8))
    #expect(result.clampedShare > 0 && result.clampedShare < 1)
    let wide = try correct(
      target, .vpLinear(), options: options(500, groups: 3), random: RandomSource(seed: 8))
    let narrow = try correct(
      target, .vpLinear(), options: options(500, groups: 2), random: RandomSource(seed: 8))
    #expect(wide.clampedShare == 0)
    #expect(wide.particles.state[0..<1000].isEqual(to: narrow.particles.state))
    let drawn = wide.resampled(random: RandomSource(seed: 9))
    #expect(drawn.shape == [1500, 1])
  }

  @Test("bad input is told by name")
  func badInput() throws {
    let (a, b) = (MixtureDenoiser(line.first), gaussian([0, 0], [1, 1]))
    func message(_ body: () throws -> Void) -> String {
      do {
        try body()
        return "nothing was thrown"
      } catch { return "\(error)" }
    }
    let random = RandomSource(seed: 0)
    #expect(message { _ = try ComposedTarget.product([a, b], exponents: [1, 1]) }.contains("[1] and [2]"))
    #expect(message { _ = try ComposedTarget.annealed(a, exponent: 0) }.contains("exponent: found 0.0"))
    #expect(message { _ = try ComposedTarget.annealed(a, exponent: 3, temper: 0.75) }.contains("[0, 0.75)"))
    #expect(
      message {
        _ = try correct(
          .product([a, a], exponents: [1, -2]), .vpLinear(), options: options(10), random: random)
      }.contains("a sum > 0"))
    #expect(
      message {
        _ = try correct(.product([a, a], exponents: [1]), .vpLinear(), options: options(10), random: random)
      }.contains("2 finite numbers"))
    var noisy = try ComposedTarget.product([a], exponents: [1])
    noisy.extraNoise = 0
    #expect(
      message { _ = try correct(noisy, .vpLinear(), options: options(10), random: random) }.contains(
        "extra-noise"))
    var late = options(10)
    late.end = 0
    #expect(
      message { _ = try correct(.annealed(a, exponent: 2), .vpLinear(), options: late, random: random) }
        .contains("a time > 0"))
    #expect(
      message {
        _ = try correct(
          .product([a, a], exponents: [-30, 31]), .vpLinear(), options: options(20), random: random)
      } == "nothing was thrown")
    #expect(
      message {
        _ = try correct(
          .product([a, MixtureDenoiser(line.second)], exponents: [-9, 10]), .vpLinear(),
          options: options(20, steps: 20), random: random)
      }.contains("collapsed at time"))
    let nan = try ComposedTarget.product([Broken()], exponents: [1])
    #expect(
      message { _ = try correct(nan, .vpLinear(), options: options(10), random: random) }
        .contains("the score of expert 1 at time 1.0 is not finite"))
  }
}

/// A mixture that does not tell its density.
private struct WithoutDensity: Denoiser {
  let model: MixtureDenoiser
  var eventShape: [Int] { model.eventShape }
  var dtype: DType { .double }
  func denoised(_ x: Tensor, at level: DiffusionLevel) -> Tensor { model.denoised(x, at: level) }
}

private struct Broken: Denoiser {
  var eventShape: [Int] { [1] }
  var dtype: DType { .double }
  func denoised(_ x: Tensor, at level: DiffusionLevel) -> Tensor { x * Double.nan }
}

private func expectNear(
  _ a: Tensor, _ b: Tensor, _ tolerance: Double, _ location: SourceLocation = #_sourceLocation
) {
  let distance = (a - b).abs().max().item()
  #expect(
    distance <= tolerance, "\(a.doubles.prefix(8)) and \(b.doubles.prefix(8))", sourceLocation: location)
}
