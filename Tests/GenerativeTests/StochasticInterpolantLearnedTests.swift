import Foundation
import Generative
import Probability
import Testing
import Torch
import Training

@Suite("Learned interpolants") struct StochasticInterpolantLearnedTests {
  /// Small and quick: 64 units, a few hundred steps.
  static func options(_ schedule: InterpolantSchedule, _ fields: [InterpolantField], steps: Int = 600)
    -> InterpolantOptions
  {
    var options = InterpolantOptions()
    options.schedule = schedule
    options.fields = fields
    options.network = NetworkOptions(width: 64, depth: 2)
    options.batchSize = 256
    options.learningRate = 4e-3
    options.training = TrainingOptions(steps: steps, schedule: .cosine(), averageDecay: 0.99)
    return options
  }

  static func generator(_ mixture: GaussianMixture) -> TargetData {
    .generator(dimension: mixture.dimension) { mixture.sample($0, using: &$1) }
  }

  /// Schedules with enough noise that a point tells something of z; with γ = t(1−t) it is some 4 % of its variance.
  static let cases: [(InterpolantSchedule, [InterpolantField])] = [
    (.linear(.brownian(a: 1)), [.velocity, .denoiser]), (.linear(.sine), [.drift, .denoiser]),
    (.linear(.brownian(a: 1)), [.startMean, .endMean]), (.oneSidedLinear, [.denoiser]),
    (.linear(.brownian(a: 1)), [.velocity, .energy]), (.linear(.brownian(a: 1)), [.velocity, .score]),
  ]

  @Test("every loss leads to its exact field", arguments: cases)
  func converges(_ schedule: InterpolantSchedule, _ fields: [InterpolantField]) throws {
    let base = schedule.kind == .oneSided ? GaussianMixture.standardNormal(dimension: 2) : Mixtures.pair
    let exact = try ExactFields(from: base, to: Mixtures.triple, schedule: schedule)
    var options = Self.options(schedule, fields, steps: 1500)
    options.standardises = false
    let data = InterpolantData(
      target: Self.generator(Mixtures.triple), base: schedule.kind == .oneSided ? .gaussian : .mixture(base))
    let (model, _) = try InterpolantTraining(options, data: data).fit()
    var random = RandomSource(seed: 1)
    for field in [InterpolantField.velocity, .denoiser] where model.fields.provides(field) {
      for t in [0.3, 0.5, 0.7] {
        let x = exact.marginal(at: t).sample(4000, using: &random)
        let truth = exact(field, t, x)
        let guess = model.fields(field, t, x.to(.float))
        let relative = ((guess.to(.double) - truth).square().mean() / truth.square().mean()).item()
        // A network that learned nothing has 1.
        #expect(relative < 0.15, "\(field) at \(t) from \(fields): \(relative)")
      }
    }
  }

  @Test("scaling the data shifts the log-likelihood by the log-determinant and nothing else")
  func standardisation() throws {
    var random = RandomSource(seed: 2)
    let rows = Mixtures.triple.sample(2000, using: &random)
    let options = Self.options(.oneSidedLinear, [.velocity], steps: 100)
    func logLikelihood(_ data: Tensor, _ test: Tensor) throws -> Tensor {
      let (model, _) = try InterpolantTraining(options, data: InterpolantData(target: .rows(data))).fit()
      var stream = RandomSource(seed: 3)
      return try model.logLikelihood(test, using: &stream).values
    }
    let test = Mixtures.triple.sample(50, using: &random)
    let plain = try logLikelihood(rows, test)
    let scaled = try logLikelihood(rows * 8 + 4, test * 8 + 4)
    #expect(distance(scaled, plain - 2 * log(8)) < 1e-3)
  }

  @Test("a class-conditional model draws the class that is asked for")
  func conditional() throws {
    var random = RandomSource(seed: 4)
    let labels = random.integers([3000], in: 0..<2)
    let centres = (labels.to(.double) * 6 - 3).unsqueeze(1)
    let rows = random.normal([3000, 2], dtype: .double) * 0.5 + centres
    let data = InterpolantData(
      target: .rows(rows), condition: labels.oneHot(2).to(.float), classes: ["low", "high"])
    let (model, _) = try InterpolantTraining(
      Self.options(.oneSidedLinear, [.velocity, .denoiser]), data: data
    ).fit()
    for (name, centre) in [("low", -3.0), ("high", 3.0)] {
      let points = try model.sample(500, condition: model.condition(class: name, count: 500), using: &random)
        .points
      #expect(abs(points.mean().item() - centre) < 0.3)
    }
    #expect(throws: InterpolantError.self) { try model.sample(5, using: &random) }
    #expect(throws: InterpolantError.self) { try model.condition(class: "middle", count: 1) }
  }

  @Test("a written model reads back to the same draws and likelihoods")
  func files() throws {
    var random = RandomSource(seed: 5)
    let folder = FileManager.default.temporaryDirectory.appending(path: "likely-\(random.next())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appending(path: "model.safetensors")
    let data = InterpolantData(target: Self.generator(Mixtures.triple), base: .mixture(Mixtures.pair))
    let (model, _) = try InterpolantTraining(
      Self.options(.linear(.brownian(a: 1)), [.velocity, .denoiser], steps: 20), data: data
    ).fit()
    try model.write(to: url)
    let copy = try InterpolantModel(contentsOf: url)
    var (a, b) = (RandomSource(seed: 6), RandomSource(seed: 6))
    #expect(try model.sample(20, using: &a).points.isEqual(to: copy.sample(20, using: &b).points))
    let x = Mixtures.triple.sample(10, using: &random)
    #expect(try model.logLikelihood(x, using: &a).values.isEqual(to: copy.logLikelihood(x, using: &b).values))
    let exact = try InterpolantModel(
      exactFrom: Mixtures.pair, to: Mixtures.triple, schedule: .linear(.quadratic))
    try exact.write(to: url)
    #expect(try InterpolantModel(contentsOf: url).fields is ExactFields)
  }

  @Test("rectification straightens paths and keeps the law")
  func rectification() throws {
    let data = InterpolantData(target: Self.generator(Mixtures.triple))
    let (model, _) = try InterpolantTraining(Self.options(.oneSidedLinear, [.velocity]), data: data).fit()
    var random = RandomSource(seed: 7)
    let pairs = try Rectification.pairs(of: model, count: 10_000, steps: 30, using: &random)
    let (straight, _) = try InterpolantTraining(Self.options(.oneSidedLinear, [.velocity]), data: pairs).fit()
    let before = try Rectification.curvature(of: model, using: &random)
    let after = try Rectification.curvature(of: straight, using: &random)
    #expect(after < before / 3)
    let points = try straight.sample(2000, using: &random).points
    #expect(energyDistance(points, Mixtures.triple.sample(2000, using: &random)) < 0.05)
  }

  @Test("minibatch optimal transport bends the paths less than independent pairs")
  func optimalTransport() throws {
    var random = RandomSource(seed: 8)
    func curvature(_ coupling: Coupling) throws -> Double {
      var options = Self.options(.linear(.zero), [.velocity], steps: 400)
      options.batchSize = 128
      let data = InterpolantData(
        target: Self.generator(Mixtures.triple), base: .mixture(Mixtures.pair), coupling: coupling)
      let (model, _) = try InterpolantTraining(options, data: data).fit()
      return try Rectification.curvature(of: model, using: &random)
    }
    #expect(try curvature(.minibatchOT) < curvature(.independent) / 2)
  }

  @Test("the mirror redraws near a point and refuses the flow, which is the identity")
  func mirror() throws {
    let data = InterpolantData(target: Self.generator(Mixtures.triple))
    let (model, _) = try InterpolantTraining(Self.options(.mirror(.brownian(a: 4)), [.denoiser]), data: data)
      .fit()
    var random = RandomSource(seed: 9)
    let start = Mixtures.triple.sample(2000, using: &random)
    #expect(throws: InterpolantError.mirrorFlowIsIdentity) {
      try model.sample(10, start: start, using: &random)
    }
    var options = SamplerOptions()
    options.generator = .forward
    options.epsilon = .constant(1)
    options.steps = 200
    let points = try model.sample(2000, start: start, options: options, using: &random).points
    #expect((points - start).square().sum(-1).mean().item() > 0.1)
    #expect(energyDistance(points, Mixtures.triple.sample(2000, using: &random)) < 0.1)
  }

  @Test("a diffusive model forecasts the next state from the present one")
  func forecasting() throws {
    var random = RandomSource(seed: 10)
    let now = random.normal([4000, 1], dtype: .double)
    let next = now * 0.5 + random.normal([4000, 1], dtype: .double) * 0.3
    var options = Self.options(.diffusive(a: 0.5), [.diffusiveDrift])
    options.standardises = false
    let data = InterpolantData(
      target: .rows(next), base: .samples(now), coupling: .paired, condition: now.to(.float))
    let (model, _) = try InterpolantTraining(options, data: data).fit()
    let start = Tensor.full([4000, 1], 1.5, dtype: .double)
    var sampler = SamplerOptions()
    sampler.generator = .forward
    sampler.epsilon = .constant(0.5)
    sampler.integrator = .eulerMaruyama
    sampler.steps = 200
    let points = try model.sample(
      4000, start: start, condition: start.to(.float), options: sampler, using: &random
    ).points
    #expect(abs(points.mean().item() - 0.75) < 0.1)
    #expect(abs(points.standardDeviation().item() - 0.3) < 0.08)
  }

  @Test("the Schrödinger bridge between normals has the closed form's covariance (experimental)")
  func bridge() throws {
    var random = RandomSource(seed: 11)
    var options = SchrodingerBridge.Options()
    options.steps = 600
    options.width = 48
    options.depth = 2
    options.learningRate = 4e-3
    options.interpolantRate = 2e-3
    let (v0, v1) = (1.0, 2.25)
    let bridge = try SchrodingerBridge(dimension: 1, options: options, using: &random)
    bridge.fit(
      start: { count, random in random.normal([count, 1]) },
      end: { count, random in random.normal([count, 1]) * v1.squareRoot() }, using: &random)
    let start = random.normal([20_000, 1])
    let solution = bridge.sample(from: start, steps: 200, savingEvery: 100, using: &random)
    let truth = SchrodingerBridge.gaussian(v0: v0, v1: v1, epsilon: options.epsilon)
    let covariance = (start * solution.final).mean().item()
    #expect(abs(covariance - truth.covariance) < 0.15)
    #expect(abs(solution.states[0].variance().item() - truth.variance(0.5)) < 0.2)
    #expect(abs(solution.final.variance().item() - v1) < 0.3)
  }

  @Test("a network that cannot have a score is refused before training")
  func refusals() throws {
    var options = Self.options(.linear(.zero), [.velocity, .score])
    let data = InterpolantData(target: Self.generator(Mixtures.triple), base: .mixture(Mixtures.pair))
    #expect(throws: InterpolantError.self) { try InterpolantTraining(options, data: data) }
    options = Self.options(.oneSidedLinear, [.velocity])
    #expect(throws: InterpolantError.oneSidedNeedsGaussianBase) {
      try InterpolantTraining(options, data: data)
    }
    let mismatched = InterpolantData(
      target: Self.generator(Mixtures.triple), base: .samples(.zeros([5, 3], dtype: .double)))
    #expect(throws: InterpolantError.dimensionMismatch(base: 3, target: 2)) {
      try InterpolantTraining(Self.options(.linear(.zero), [.velocity]), data: mismatched)
    }
  }
}
