import Foundation
import Generative
import Probability
import Testing
import Torch

@Suite("Exact interpolants") struct StochasticInterpolantExactTests {
  @Test("the flow between normals is the monotone map, forwards and backwards", arguments: [1.0, 2.0])
  func gaussianFlow(_ a: Double) throws {
    let (base, target) = (Mixtures.normal(-1, 0.5), Mixtures.normal(2, 3))
    let model = try InterpolantModel(exactFrom: base, to: target, schedule: .linear(.brownian(a: a)))
    let x = Tensor([-3.0, -1, 0.2, 1.7], shape: [4, 1])
    let expected = (x + 1) * (3 / 0.5).squareRoot() + 2
    var random = RandomSource(seed: 1)
    var options = SamplerOptions()
    options.steps = 400
    let forward = try model.sample(4, start: x, options: options, using: &random).points
    #expect(distance(forward, expected) < 1e-6)
    options.generator = .backwardODE
    #expect(distance(try model.sample(4, start: expected, options: options, using: &random).points, x) < 1e-6)
    options.generator = .ode
    options.integrator = .dopri5
    options.tolerance = 1e-9
    #expect(distance(try model.sample(4, start: x, options: options, using: &random).points, expected) < 1e-6)
  }

  @Test(
    "the likelihood's error falls by the order of the scheme, for both ends and several schedules",
    arguments: [InterpolantSchedule.linear(.brownian(a: 1)), .trigonometric(.quadratic), .linear(.zero)])
  func likelihoodOrder(_ schedule: InterpolantSchedule) throws {
    let model = try InterpolantModel(exactFrom: Mixtures.pair, to: Mixtures.triple, schedule: schedule)
    var random = RandomSource(seed: 2)
    let x = Mixtures.triple.sample(40, using: &random)
    let x0 = Mixtures.pair.sample(40, using: &random)
    func errors(_ steps: Int) throws -> (end: Double, start: Double) {
      var options = LikelihoodOptions()
      options.steps = steps
      let end = try model.logLikelihood(x, options: options, using: &random).values
      let start = try model.logLikelihoodOfStart(
        x0, target: Mixtures.triple, options: options, using: &random
      ).values
      return (
        distance(end, Mixtures.triple.logProbability(x)), distance(start, Mixtures.pair.logProbability(x0))
      )
    }
    let (coarse, fine) = (try errors(160), try errors(320))
    #expect(fine.end < 1e-4 && fine.start < 1e-4)
    #expect(coarse.end / fine.end > 8 && coarse.start / fine.start > 8)
  }

  @Test("the adaptive likelihood meets its tolerance")
  func adaptiveLikelihood() throws {
    let model = try InterpolantModel(
      exactFrom: Mixtures.pair, to: Mixtures.triple, schedule: .linear(.brownian(a: 1)))
    var random = RandomSource(seed: 3)
    let x = Mixtures.triple.sample(20, using: &random)
    var options = LikelihoodOptions()
    options.isAdaptive = true
    options.tolerance = 1e-8
    let result = try model.logLikelihood(x, options: options, using: &random)
    #expect(distance(result.values, Mixtures.triple.logProbability(x)) < 1e-5)
  }

  @Test("Hutchinson's likelihood is within its own standard errors of the exact one")
  func hutchinsonLikelihood() throws {
    let model = try InterpolantModel(
      exactFrom: Mixtures.pair, to: Mixtures.triple, schedule: .linear(.brownian(a: 1)))
    var random = RandomSource(seed: 4)
    let x = Mixtures.triple.sample(200, using: &random)
    var options = LikelihoodOptions()
    options.steps = 60
    options.probes = 16
    let result = try model.logLikelihood(x, options: options, using: &random)
    let z = (result.values - Mixtures.triple.logProbability(x)) / (try #require(result.standardErrors))
    // Student's t with 15 degrees of freedom has variance 15/13.
    #expect(abs(z.square().mean().item() - 15.0 / 13) < 0.6)
    #expect(abs(z.mean().item()) < 5 / 200.0.squareRoot())
  }

  @Test(
    "Feynman–Kac and both proxies give the density where the score is the model's own",
    arguments: [LikelihoodOptions.Method.sde, .proxy, .proxyReverse])
  func stochasticLikelihood(_ method: LikelihoodOptions.Method) throws {
    let model = try InterpolantModel(
      exactFrom: Mixtures.normal(-1, 0.5), to: Mixtures.normal(1, 1.5), schedule: .linear(.brownian(a: 1)))
    let x = Tensor([-0.5, 1, 2], shape: [3, 1])
    var random = RandomSource(seed: 5)
    var options = LikelihoodOptions()
    options.method = method
    options.steps = 800
    options.paths = 2000
    options.epsilon = 0.4
    let result = try model.logLikelihood(x, options: options, using: &random)
    let truth = Mixtures.normal(1, 1.5).logProbability(x)
    let errors = try #require(result.standardErrors).doubles
    for (i, (value, exact)) in zip(result.values.doubles, truth.doubles).enumerated() {
      // Five standard errors and the Euler scheme's bias.
      #expect(
        abs(value - exact) < 5 * errors[i] + 0.01,
        "\(method) at point \(i): \(value) ± \(errors[i]) for \(exact)")
    }
  }

  @Test("the diffusive equation carries a point into the target")
  func diffusive() throws {
    let target = Mixtures.make([0.3, 0.7], [[-2], [1]], [[[0.3]], [[0.5]]])
    let model = try InterpolantModel(
      exactFrom: Mixtures.normal(0.5, 1e-10), to: target, schedule: .diffusive(a: 1))
    var options = SamplerOptions()
    options.generator = .forward
    options.integrator = .eulerMaruyama
    options.epsilon = .constant(1)
    options.steps = 1000
    (options.start, options.end) = (0, 1)
    var random = RandomSource(seed: 6)
    let start = Tensor.full([10_000, 1], 0.5, dtype: .double)
    let points = try model.sample(10_000, start: start, options: options, using: &random).points
    let test = kolmogorovSmirnov(points.flatten(), cdf: { target.cdf($0.unsqueeze(1)) })
    #expect(test.statistic < 1.95 / 100 + 0.003)
  }

  @Test("denoising steps finish what a stopped generator left")
  func denoising() throws {
    let model = try InterpolantModel(
      exactFrom: .standardNormal(dimension: 2), to: Mixtures.triple, schedule: .oneSidedLinear)
    var options = SamplerOptions()
    options.end = 0.9
    options.steps = 200
    options.denoisingSteps = 400
    var (a, b) = (RandomSource(seed: 7), RandomSource(seed: 7))
    let stopped = try model.sample(50, options: options, using: &a).points
    let full = try model.sample(50, options: SamplerOptions(), using: &b).points
    #expect(distance(stopped, full) < 5e-3)
  }

  @Test("losses of exact fields are −½E|f|², their minimum")
  func minimumOfLosses() throws {
    let exact = try ExactFields(from: Mixtures.pair, to: Mixtures.triple, schedule: .linear(.brownian(a: 1)))
    let model = try InterpolantModel(exactFrom: Mixtures.pair, to: Mixtures.triple, schedule: exact.schedule)
    var random = RandomSource(seed: 8)
    let diagnosis = try model.diagnose(
      end: Mixtures.triple.sample(20_000, using: &random), exact: exact, times: 5, using: &random)
    for row in diagnosis.rows {
      let x = exact.marginal(at: row.time).sample(100_000, using: &random)
      let minimum = -0.5 * exact(row.field, row.time, x).square().sum(-1).mean().item()
      #expect(
        abs(row.loss.value - minimum) < 5 * row.loss.standardError + 0.01, "\(row.field) at \(row.time)")
      #expect(try #require(row.excess).value == 0)
    }
  }

  @Test("antithetic pairs keep the velocity loss's variance finite near the ends")
  func antitheticVariance() throws {
    let model = try InterpolantModel(
      exactFrom: Mixtures.pair, to: Mixtures.triple, schedule: .linear(.brownian(a: 1)))
    var random = RandomSource(seed: 9)
    let rows = Mixtures.triple.sample(4000, using: &random)
    func error(_ antithetic: Bool) throws -> Double {
      // The first of 2,000 times is 1/4000.
      let diagnosis = try model.diagnose(end: rows, times: 2000, antithetic: antithetic, using: &random)
      return diagnosis.rows[0].loss.standardError
    }
    #expect(try error(false) > 5 * error(true))
  }

  @Test("impossible requests say what is wrong and what to do")
  func errors() throws {
    var random = RandomSource(seed: 10)
    let model = try InterpolantModel(
      exactFrom: Mixtures.pair, to: Mixtures.triple, schedule: .linear(.brownian(a: 1)))
    var options = SamplerOptions()
    (options.start, options.end) = (0.9, 0.1)
    #expect(throws: InterpolantError.timeOrder(start: 0.9, end: 0.1)) {
      try model.sample(1, options: options, using: &random)
    }
    options = SamplerOptions()
    options.generator = .forward
    options.epsilon = .constant(-1)
    #expect(throws: InterpolantError.negativeEpsilon(-1)) {
      try model.sample(1, options: options, using: &random)
    }
    #expect(throws: InterpolantError.columnsDiffer(found: 3, expected: 2)) {
      try model.logLikelihood(.zeros([4, 3]), using: &random)
    }
    #expect(throws: InterpolantError.nonFiniteData(row: 2, column: 1)) {
      try model.logLikelihood(Tensor([0, 0, .nan, 0], shape: [2, 2]), using: &random)
    }
    #expect(throws: InterpolantError.oneSidedNeedsGaussianBase) {
      try ExactFields(from: Mixtures.pair, to: Mixtures.triple, schedule: .oneSidedLinear)
    }
    #expect(throws: InterpolantError.self, "γ reaches 1, where α and β are not differentiable") {
      try ExactFields(from: Mixtures.pair, to: Mixtures.triple, schedule: .trigonometric(.sine))
    }
    #expect(throws: (any Error).self) {
      try InterpolantModel(exactFrom: Mixtures.normal(0, 1), to: Mixtures.triple, schedule: .linear(.zero))
    }
  }
}
