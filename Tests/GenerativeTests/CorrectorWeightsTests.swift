import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch

private func mixture(_ weights: [Double], _ means: [Double], _ deviations: [Double]) -> MixtureDenoiser {
  MixtureDenoiser(
    try! GaussianMixture(
      weights: weights, means: Tensor(means).unsqueeze(1),
      covariances: Tensor(deviations.map { $0 * $0 }).reshape(-1, 1, 1)))
}

@Suite("Correctors' weights by density and with a control variate") struct CorrectorWeightsTests {
  private let models = [
    mixture([0.3, 0.7], [-2, 1.5], [0.6, 0.9]), mixture([0.6, 0.4], [-1, 2], [0.8, 0.5]),
  ]

  private func options(_ particles: Int, groups: Int, steps: Int) -> CorrectorOptions {
    var options = CorrectorOptions()
    (options.particles, options.groups, options.steps, options.spacing) = (particles, groups, steps, .logSNR)
    return options
  }

  /// log ∫ Π qᵢ^βᵢ e^(γ x) at a level, and the composition's mean.
  private func truth(_ exponents: [Double], tilt: Double, _ level: DiffusionLevel) -> (
    logZ: Double, mean: Double
  ) {
    let x = Tensor((0..<20_000).map { -20 + 0.002 * (Double($0) + 0.5) }).unsqueeze(1)
    let log =
      models[0].logDensity(x, at: level) * exponents[0] + models[1].logDensity(x, at: level) * exponents[1]
      + tilt * x.squeeze(1)
    return (log.logSumExp(0).item() + Foundation.log(0.002), (log.softmax(0) * x.squeeze(1)).sum().item())
  }

  @Test(
    "by density Ẑ is unbiased however few steps there are", arguments: [(12, 1.0), (40, 1), (60, 2.5)])
  func exact(steps: Int, z: Double) throws {
    let schedule = NoiseSchedule.vpLinear()
    for (exponents, tilt) in [([0.7, 0.8], 0.0), ([1.4, 0.0], 0.5)] {
      var target = ComposedTarget(try ExpertList(models), exponents: .constant(exponents))
      target.extraNoise = z
      if tilt != 0 { target.tilt = RewardTilt(strength: tilt) { $0.squeeze(1) } }
      var options = options(64, groups: 500, steps: steps)
      (options.rule, options.stopsOnCollapse, options.end) = (.density, false, 0.02)
      let result = try correct(target, schedule, options: options, random: RandomSource(seed: UInt64(steps)))
      let exact = truth(exponents, tilt: tilt * 0.98, schedule.level(at: 0.02))
      let ratios = result.particles.logEvidence.map { exp($0 + result.logNormaliserOfNoise - exact.logZ) }
      #expect(abs(Estimate(meanOf: ratios).zScore(against: 1)) < 5)
    }
  }

  @Test("by density the law is right where the rule `left` is not yet")
  func coarse() throws {
    let schedule = NoiseSchedule.vpLinear()
    let target = ComposedTarget(try ExpertList(models), exponents: .constant([1, 1]))
    let exact = truth([1, 1], tilt: 0, schedule.level(at: 1e-3))
    func error(_ rule: CorrectorOptions.WeightRule) throws -> (error: Double, deviation: Double) {
      var options = options(4000, groups: 8, steps: 40)
      options.rule = rule
      let result = try correct(target, schedule, options: options, random: RandomSource(seed: 2))
      let found = result.logEvidence
      return (abs(found.value + result.logNormaliserOfNoise - exact.logZ), found.standardError)
    }
    let (density, left) = (try error(.density), try error(.left))
    #expect(density.error < 5 * density.deviation + 0.01)
    #expect(left.error > 3 * density.error)
  }

  @Test("a Gaussian's weights all go into the drift; a mixture's law stays")
  func controlVariate() throws {
    let normal = mixture([1], [0], [1.3])
    let target = try ComposedTarget.annealed(normal, exponent: 2)
    var options = options(500, groups: 4, steps: 400)
    options.usesControlVariate = true
    let result = try correct(target, .vpLinear(), options: options, random: RandomSource(seed: 3))
    let spread = result.particles.logWeights.standardDeviation(1).doubles.max()!
    #expect(spread < 1e-9)
    let square = result.mean { $0.square().sum(1) }
    #expect(abs(square.value - 1.69 / 2) < 5 * square.standardError + 0.02)
    var without = options
    without.usesControlVariate = false
    without.threshold = 0
    let plain = try correct(target, .vpLinear(), options: without, random: RandomSource(seed: 3))
    #expect(plain.particles.logWeights.standardDeviation(1).doubles.min()! > 0.1)

    let product = ComposedTarget(try ExpertList(models), exponents: .constant([1, 1]))
    options = self.options(4000, groups: 8, steps: 300)
    options.usesControlVariate = true
    let mixed = try correct(product, .vpLinear(), options: options, random: RandomSource(seed: 4))
    let mean = mixed.mean { $0.squeeze(1) }
    let exact = truth([1, 1], tilt: 0, NoiseSchedule.vpLinear().level(at: 1e-3)).mean
    #expect(abs(mean.value - exact) < 5 * mean.standardError + 0.03)
  }

  @Test("a mixture's log Z is right with a control variate, with a tenth of the error or less")
  func evidence() throws {
    let target = try ComposedTarget.annealed(models[0], exponent: 2)
    let schedule = NoiseSchedule.vpLinear()
    let (data, noise) = (
      truth([2, 0], tilt: 0, schedule.level(at: 1e-3)), truth([2, 0], tilt: 0, schedule.level(at: 1))
    )
    var options = options(1000, groups: 16, steps: 400)
    let plain = try correct(target, schedule, options: options, random: RandomSource(seed: 7)).logEvidence
    options.usesControlVariate = true
    let found = try correct(target, schedule, options: options, random: RandomSource(seed: 7)).logEvidence
    #expect(abs(found.value - (data.logZ - noise.logZ)) < 0.02)
    #expect(found.standardError < 0.1 * plain.standardError)
  }

  @Test("start variance and distinct ancestors are told")
  func facts() throws {
    let target = try ComposedTarget.product(models, exponents: [1, 1])
    let result = try correct(
      target, .ve(low: 0.05, high: 8), options: options(200, groups: 3, steps: 100),
      random: RandomSource(seed: 5))
    #expect(abs(result.startVariance - 32) < 1e-9)
    #expect(result.distinctAncestors.count == 3)
    #expect(result.distinctAncestors.allSatisfy { (1..<200).contains($0) })
    var plain = options(200, groups: 3, steps: 100)
    plain.threshold = 0
    #expect(
      try correct(target, .ve(low: 0.05, high: 8), options: plain, random: RandomSource(seed: 5))
        .distinctAncestors == [200, 200, 200])
  }

  @Test("rules that cannot be say why")
  func refusals() throws {
    let target = try ComposedTarget.product(models, exponents: [1, 1])
    func error(_ target: ComposedTarget, _ change: (inout CorrectorOptions) -> Void) -> String {
      var options = options(10, groups: 1, steps: 5)
      change(&options)
      do { _ = try correct(target, .vpLinear(), options: options, random: RandomSource(seed: 6)) } catch {
        return "\(error)"
      }
      return ""
    }
    #expect(
      error(target) { ($0.rule, $0.usesControlVariate) = (.trapezoid, true) }.contains("control-variate"))
    #expect(error(target) { ($0.rule, $0.clamp) = (.density, 1) }.contains("clamp"))
    let blind = try ComposedTarget.product([Blind(base: models[0])], exponents: [2])
    #expect(error(blind) { $0.rule = .density }.contains("not all experts know their densities"))
  }
}

/// A denoiser that does not tell its densities.
private struct Blind: Denoiser {
  let base: MixtureDenoiser
  var eventShape: [Int] { base.eventShape }
  var dtype: DType { .double }
  func denoised(_ x: Tensor, at level: DiffusionLevel) -> Tensor { base.denoised(x, at: level) }
}
