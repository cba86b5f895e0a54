import Foundation
import Generative
import Probability
import Report
import Solvers
import Torch
import Training

// Experiments C, D and E: fields learned by networks.
extension StochasticInterpolants {
  // MARK: C

  /// Five modes in d = 16, against exact fields.
  func learnedMixture(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let d = 16
    var stream = random.split("target")
    let means = stream.normal([5, d], dtype: .double) * 3
    let w = stream.normal([5, d, d], dtype: .double)
    let covariances = w.transposed.matmul(w) / Double(d) + Tensor.identity(d, dtype: .double)
    let target = try GaussianMixture(
      weights: [Double](repeating: 0.2, count: 5), means: means, covariances: covariances)
    let exact = try ExactFields(
      from: .standardNormal(dimension: d), to: target, schedule: .linear(.brownian(a: 1)))

    var options = InterpolantOptions()
    options.schedule = exact.schedule
    options.fields = [.velocity, .denoiser]
    options.batchSize = 512
    options.learningRate = 2e-3
    options.training = TrainingOptions(steps: 4000, schedule: .step(every: 1500, factor: 0.5))
    options.standardises = false
    options.seed = stream.next()
    log("C: training b and η in d = 16")
    let data = InterpolantData(
      target: .generator(dimension: d) { target.sample($0, using: &$1) },
      base: .mixture(.standardNormal(dimension: d)))
    let (model, _) = try InterpolantTraining(options, data: data).fit(
      progress: log.bar("C", total: 4000))

    let errors = relativeErrors(model, exact, random: random.split("errors"))
    var outcome = ExperimentOutcome(claims: [
      Claim(
        "C: E|b̂ − b|²/E|b|²", measured: errors.velocity, uncertainty: nil, rule: .atMost(0.02)),
      Claim("C: E|η̂ − η|²/E|η|²", measured: errors.denoiser, uncertainty: nil, rule: .atMost(0.10)),
    ])
    outcome.append(try sweep(model, target, random: random.split("sweep"), log: log))
    return outcome
  }

  private func relativeErrors(_ model: InterpolantModel, _ exact: ExactFields, random: RandomSource) -> (
    velocity: Double, denoiser: Double
  ) {
    var sums: [InterpolantField: (error: Double, size: Double)] = [:]
    withoutGradient {
      for k in 0..<50 {
        var stream = random.split(k)
        let t = (Double(k) + 0.5) / 50
        let points = exact.marginal(at: t).sample(2000, using: &stream)
        for field in [InterpolantField.velocity, .denoiser] {
          let truth = exact(field, t, points)
          let guess = model.fields(field, t, points.to(.float)).to(.double)
          let old = sums[field] ?? (0, 0)
          sums[field] = (
            old.error + (guess - truth).square().sum().item(), old.size + truth.square().sum().item()
          )
        }
      }
    }
    func ratio(_ field: InterpolantField) -> Double { sums[field]!.error / sums[field]!.size }
    return (ratio(.velocity), ratio(.denoiser))
  }

  private func sweep(
    _ model: InterpolantModel, _ target: GaussianMixture, random: RandomSource, log: ExperimentLog
  ) throws -> ExperimentOutcome {
    let count = 20_000
    let law = target.marginal(over: [0, 1])
    var stream = random.split("test")
    let test = law.sample(50_000, using: &stream)
    let truth = law.logProbability(test)
    func divergence(_ points: Tensor) throws -> Estimate {
      klDivergence(logP: truth, logQ: try KernelDensity(points[.all, 0..<2]).logProbability(test))
    }
    let floor = try divergence(target.sample(count, using: &stream))
    var table = ReportTable(
      title: "C: KL of the (x₁, x₂) marginal by KDE, 20,000 draws",
      columns: [.text("generator"), .uncertain("KL"), .number("smallest mode weight"), .number("largest")])
    table.append(["true samples (floor)", .uncertain(floor.value, floor.standardError), nil, nil])
    var best = Double.infinity
    var worstWeight = 0.0
    var (levels, values) = ([Double](), [Double]())
    for epsilon in [0, 0.5, 1, 2, 4, 8] {
      log("C: sampling with ε = \(epsilon)")
      var options = SamplerOptions()
      options.generator = epsilon == 0 ? .ode : .forward
      options.integrator = epsilon == 0 ? .heun : .stochasticHeun
      options.epsilon = .constant(epsilon)
      options.steps = 250
      (options.start, options.end) = (1e-3, 1 - 1e-3)
      var draws = random.split("draws \(epsilon)")
      let points = try model.sample(count, options: options, using: &draws).points
      let value = try divergence(points)
      let weights = target.responsibilities(points).argmax(-1).binCount(minimumLength: 5).doubles.map {
        $0 / Double(count)
      }
      best = min(best, value.value)
      worstWeight = max(worstWeight, weights.map { abs($0 - 0.2) }.max()!)
      levels.append(epsilon)
      values.append(value.value)
      table.append([
        .text(epsilon == 0 ? "ODE" : "SDE, ε = \(epsilon)"), .uncertain(value.value, value.standardError),
        .number(weights.min()!), .number(weights.max()!),
      ])
    }
    let plot = Plot(
      "C: KL against the noise level", x: "ε", y: "KL",
      marks: [
        .line(x: levels, y: values), .points(x: levels, y: values), .rule(y: floor.value, label: "floor"),
      ])
    return ExperimentOutcome(
      claims: [
        Claim(
          "C: best KL over ε above the floor of true samples", measured: best - floor.value,
          uncertainty: floor.standardError,
          rule: .atMost(0.008)),
        Claim(
          "C: largest deviation of a mode's weight from 0.2 over all ε", measured: worstWeight,
          uncertainty: nil,
          rule: .atMost(0.03)),
      ], items: [.table(table), .plot(plot, name: "kl-by-epsilon")])
  }

  // MARK: D

  /// The paper's two-dimensional task.
  func checkerboard(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    var options = InterpolantOptions()
    options.schedule = .oneSidedLinear
    options.fields = [.velocity, .denoiser]
    // t itself as the input: features that resolve t near 1 let the fields err there on their own, which costs
    // the SDE its edges (see the guide).
    options.network = NetworkOptions(width: 128, depth: 4, activation: .relu, timeEmbedding: .identity)
    // ε means what it means in the paper only in the data's own coordinates.
    options.standardises = false
    options.batchSize = 1000
    options.learningRate = 2e-3
    options.training = TrainingOptions(steps: 7000, schedule: .cosine(), averageDecay: 0.999)
    var stream = random.split("seed")
    options.seed = stream.next()
    log("D: training on the checkerboard")
    let data = InterpolantData(
      target: .generator(dimension: 2) { ToyData.checkerboard.sample($0, using: &$1) })
    let (model, _) = try InterpolantTraining(options, data: data).fit(
      progress: log.bar("D", total: 7000))

    func offShare(_ points: Tensor) -> Double {
      1 - ToyData.isOnCheckerboard(points).to(.double).mean().item()
    }
    var flow = SamplerOptions()
    flow.integrator = .heun
    flow.steps = 200
    var draws = random.split("flow")
    let flowPoints = try model.sample(20_000, options: flow, using: &draws).points
    var diffusion = SamplerOptions()
    diffusion.generator = .forward
    diffusion.epsilon = .constant(0.5)
    diffusion.steps = 200
    diffusion.end = 0.99
    diffusion.denoisingSteps = 1
    draws = random.split("diffusion")
    let diffusionPoints = try model.sample(20_000, options: diffusion, using: &draws).points
    let (odeShare, sdeShare) = (offShare(flowPoints), offShare(diffusionPoints))

    draws = random.split("likelihood")
    let fresh = ToyData.checkerboard.sample(2000, using: &draws).to(.double)
    let likelihood = try model.logLikelihood(fresh, using: &draws).mean
    let best = -log2e(32)
    func cloud(_ title: String, _ points: Tensor) -> Plot {
      let shown = points[0..<4000]
      return Plot(
        title, x: Axis("x₁", domain: -4.5...4.5), y: Axis("x₂", domain: -4.5...4.5),
        marks: [.points(x: shown[.all, 0].doubles, y: shown[.all, 1].doubles)]
      ).sized(width: 220, height: 220)
    }
    return ExperimentOutcome(
      claims: [
        Claim(
          "D: share of the ODE's samples off the black squares", measured: odeShare, uncertainty: nil,
          rule: .atMost(0.12)),
        Claim(
          "D: share of the SDE's (ε = 1/2, to 0.99, one denoising jump)", measured: sdeShare,
          uncertainty: nil,
          rule: .atMost(0.02)),
        Claim(
          "D: SDE better than ODE (difference of the shares)", measured: odeShare - sdeShare,
          uncertainty: nil, rule: .above(0)),
        Claim(
          "D: mean log-likelihood of 2,000 fresh points, at most −log 32 up to 3 standard errors and at least 0.25 below",
          measured: likelihood.value, uncertainty: likelihood.standardError,
          rule: .within((best - 0.25)...(best + 3 * likelihood.standardError))),
      ],
      items: [
        .plot(
          .row([
            cloud("data", fresh[0..<2000]), cloud("ODE", flowPoints),
            cloud("SDE with denoising", diffusionPoints),
          ]), name: "checkerboard")
      ])
  }

  private func log2e(_ x: Double) -> Double { Foundation.log(x) }

  // MARK: E

  /// Images with pixel noise: MNIST pooled to 7×7 where it is here, else the 8×8 digits.
  func realData(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let rows: (images: Tensor, side: Int, name: String)
    do {
      rows = try images(random: random)
    } catch let error as DataSetError {
      let rule = Rule.atLeast(0.08)
      return ExperimentOutcome(claims: [
        Claim("E: nats a dimension above a full-covariance Gaussian", rule: rule, notRun: error.description)
      ])
    }
    let n = rows.images.size(0)
    let testCount = n / 5
    var options = InterpolantOptions()
    options.fields = [.velocity]
    options.network = NetworkOptions(width: 256, depth: 3)
    options.batchSize = 512
    options.learningRate = 1e-3
    options.noise = .gaussian(0.1)
    options.standardises = false
    let steps = rows.side == 7 ? 5000 : 2500
    options.training = TrainingOptions(steps: steps, schedule: .cosine(), averageDecay: 0.998)
    var stream = random.split("seed")
    options.seed = stream.next()
    log("E: training on \(rows.name)")
    let training = rows.images[testCount...]
    let data = InterpolantData(target: .rows(training))
    let (model, _) = try InterpolantTraining(options, data: data).fit(
      progress: log.bar("E", total: steps))

    var noise = random.split("pixel noise")
    let test = options.noise(rows.images[0..<min(testCount, 500)], using: &noise)
    let d = Double(rows.side * rows.side)
    var evaluation = LikelihoodOptions()
    evaluation.steps = 25
    let likelihood = try model.logLikelihood(test, options: evaluation, using: &noise)
    evaluation.steps = 50
    let halved = try model.logLikelihood(test, options: evaluation, using: &noise)
    evaluation.steps = 25
    evaluation.probes = 4
    let estimated = try model.logLikelihood(test, options: evaluation, using: &noise)

    let fitted = options.noise(training, using: &noise)
    let centred = fitted - fitted.mean(0, keep: true)
    let covariance = centred.transposed.matmul(centred) / Double(fitted.size(0) - 1)
    let gaussian = try GaussianMixture(
      weights: [1], means: fitted.mean(0, keep: true), covariances: covariance.unsqueeze(0)
    ).logProbability(test)
    let gain = Estimate(meanOf: ((likelihood.values - gaussian) / d).doubles)
    let difference = Estimate(meanOf: (estimated.values - likelihood.values).doubles)
    var table = ReportTable(
      title: "E: \(rows.name), nats a dimension", columns: [.text("model"), .uncertain("log-likelihood")])
    let flow = Estimate(meanOf: (likelihood.values / d).doubles)
    let normal = Estimate(meanOf: (gaussian / d).doubles)
    table.append(["flow, RK4 25 steps, exact divergence", .uncertain(flow.value, flow.standardError)])
    table.append(["full-covariance Gaussian", .uncertain(normal.value, normal.standardError)])
    var draws = random.split("draws")
    let samples = try model.sample(50, using: &draws).points
    return ExperimentOutcome(
      claims: [
        Claim(
          "E: nats a dimension above a full-covariance Gaussian (\(rows.name))", paper: nil,
          measured: gain.value,
          uncertainty: gain.standardError, rule: .atLeast(0.08)),
        Claim(
          "E: change of the mean by halving the steps, nats a dimension",
          measured: abs(halved.mean.value - likelihood.mean.value) / d, uncertainty: nil, rule: .below(1e-3)),
        Claim(
          "E: Hutchinson (4 probes) minus exact, nats a row", measured: difference.value,
          uncertainty: difference.standardError, rule: .agrees(with: 0, uncertainties: 3)),
      ],
      items: [
        .table(table),
        .image(
          imageGrid(samples, height: rows.side, width: rows.side, columns: 10).image(),
          caption: "E: samples of the flow"),
      ])
  }

  private func images(random: RandomSource) throws -> (images: Tensor, side: Int, name: String) {
    var stream = random.split("order")
    let mnist = try DataCatalogue.dataSet(named: "mnist-test")
    if let url = try? DataCatalogue.file(of: mnist) {
      let images = try IDX.read(contentsOf: url).to(.double)
      let pooled = images.unsqueeze(1).averagePool2d(4).reshape(images.size(0), -1) / 127.5 - 1
      return (pooled.select(axis: 0, stream.permutation(pooled.size(0))), 7, "MNIST pooled to 7×7")
    }
    let digits = try DataCatalogue.table("digits")
    let scaled = digits.values / 8 - 1
    return (scaled.select(axis: 0, stream.permutation(scaled.size(0))), 8, "8×8 digits")
  }
}
