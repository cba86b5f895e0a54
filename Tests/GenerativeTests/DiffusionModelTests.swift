import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch
import Training

@Suite("Diffusion models") struct DiffusionModelTests {
  /// Two classes on the line: N(−2, 0.5²) and N(1, 1).
  private func training(_ prediction: DiffusionPrediction, _ schedule: NoiseSchedule, steps: Int = 800) throws
    -> DiffusionTraining
  {
    var random = RandomSource(seed: 1)
    let labels = Tensor((0..<4000).map { Int64($0 % 2) })
    let z = random.normal([4000], dtype: .double)
    let first = labels.to(.double)
    let rows = (z * (0.5 + 0.5 * first) - 2 + 3 * first).unsqueeze(1)
    var options = DiffusionOptions()
    (options.prediction, options.schedule) = (prediction, schedule)
    (options.network.width, options.network.depth, options.network.activation) = (64, 2, .selu)
    (options.training.steps, options.batchSize, options.learningRate) = (steps, 256, 3e-3)
    return try DiffusionTraining(
      options, target: .rows(rows), labels: labels, classes: ["low", "high"], columns: ["x"])
  }

  @Test(
    "every prediction and schedule learns the denoiser that the data's law has",
    arguments: [
      (DiffusionPrediction.v, NoiseSchedule.vpCosine()), (.noise, .vpLinear()),
      (.denoised, .edm(low: 0.01, high: 20)),
      (.score, .ve(low: 0.05, high: 10)), (.velocity, .flowLinear),
    ])
  func denoisers(prediction: DiffusionPrediction, schedule: NoiseSchedule) throws {
    let model = try training(prediction, schedule).fit().model
    let scale = model.standardiser.scale.item()
    let mean = model.standardiser.mean.item()
    func exact(_ weights: [Double], _ means: [Double], _ deviations: [Double]) throws -> MixtureDenoiser {
      MixtureDenoiser(
        try GaussianMixture(
          weights: weights, means: Tensor(means.map { ($0 - mean) / scale }).unsqueeze(1),
          covariances: Tensor(deviations.map { $0 * $0 / scale / scale }).reshape(-1, 1, 1)))
    }
    var random = RandomSource(seed: 2)
    for (name, truth) in [
      ("low", try exact([1], [-2], [0.5])), ("high", try exact([1], [1], [1])),
      (nil, try exact([1, 1], [-2, 1], [0.5, 1])),
    ] {
      let denoiser = try model.denoiser(class: name)
      for ratio in [0.3, 1.0] {
        // Where σ/α is the ratio, at draws of the noisy law.
        let level = schedule.level(at: schedule.time(logSNR: -2 * log(ratio)))
        let clean = truth.mixture.sample(2000, using: &random)
        let x = clean * level.signal + random.normal(like: clean) * level.noise
        let (found, expected) = (
          denoiser.denoised(x.to(.float), at: level).to(.double), truth.denoised(x, at: level)
        )
        let error = (found - expected).square().mean().item().squareRoot()
        // Of the spread of a standardised column; no class is seen in one row of ten only.
        #expect(error < (name == nil ? 0.25 : 0.12), "\(name ?? "all") at \(ratio): \(error)")
      }
    }
  }

  @Test("a file gives the same model back, guidance is the combination, and blocks are whole")
  func files() throws {
    let model = try training(.v, .vpCosine(), steps: 20).fit().model
    let folder = FileManager.default.temporaryDirectory.appending(path: "diffusion-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appending(path: "model.safetensors")
    try model.write(to: url)
    #expect(DiffusionModel.kind.matches(url))
    let read = try DiffusionModel(contentsOf: url)
    #expect(read.schedule == model.schedule && read.columns == ["x"] && read.classes == ["low", "high"])
    var random = RandomSource(seed: 3)
    let x = random.normal([1300, 1])
    let level = model.schedule.level(at: 0.4)
    let (none, low) = (try model.denoiser(), try model.denoiser(class: "low"))
    #expect(try read.denoiser(class: "low").denoised(x, at: level).isEqual(to: low.denoised(x, at: level)))
    let guided = try model.denoiser(class: "low", guidance: 2.5).denoised(x, at: level)
    let combined = none.denoised(x, at: level) * -1.5 + low.denoised(x, at: level) * 2.5
    #expect(distance(guided, combined) < 1e-5)
    // A recorded evaluation goes through the network as it is.
    let recorded = withGradient { low.denoised(x, at: level).detach() }
    #expect(distance(recorded, low.denoised(x, at: level)) < 1e-4)
    #expect(throws: DiffusionError.self) { try model.denoiser(class: "middle") }
    #expect(throws: ModelFileError.self) { try InterpolantModel(contentsOf: url) }
  }

  @Test(
    "every sampler reaches a mixture's law",
    arguments: [DiffusionSampler.ddpm, .ddim(0), .ddim(0.5), .heun, .sde],
    [NoiseSchedule.vpLinear(), .edm(low: 0.01, high: 40), .flowLinear])
  func samplers(sampler: DiffusionSampler, schedule: NoiseSchedule) throws {
    let mixture = try GaussianMixture(
      weights: [0.4, 0.6], means: Tensor([-1.0, 1.5]).unsqueeze(1),
      covariances: Tensor([0.25, 0.49]).reshape(2, 1, 1))
    let model = ByExpectation(model: MixtureDenoiser(mixture))
    let x = sampler.sample(model, schedule, count: 20_000, steps: 300, random: RandomSource(seed: 4)).squeeze(
      1)
    let variance = 0.4 * 0.25 + 0.6 * 0.49 + 0.24 * 6.25
    #expect(abs(x.mean().item() - 0.5) < 0.06)
    #expect(abs(x.standardDeviation(0).item() - variance.squareRoot()) < 0.05)
    #expect(abs((x .< 0).to(.double).mean().item() - 0.4 * 0.97725 - 0.6 * 0.01606) < 0.02)
  }

  @Test("steering a trained model sees the data's coordinates")
  func steering() throws {
    let model = try training(.v, .vpCosine()).fit().model
    var options = SteeringOptions()
    (options.groups, options.particles, options.steps, options.strength) = (200, 8, 40, 1)
    let result = try model.steer(
      reward: ClosureReward { $0.squeeze(1) }, options: options, class: "high", random: RandomSource(seed: 5))
    // N(1, 1) tilted by e^x is N(2, 1), and E[e^x] = e^1.5.
    #expect(abs(result.meanReward.value - 2) < 0.2)
    #expect(abs(result.logEvidence.value - 1.5) < 0.2)
    #expect(distance(result.particles.state.reshape(200, 8), result.rewards) < 1e-9)
    let comparison = try SteeringComparison(sizes: [2, 4], options: options) { options in
      try model.steer(
        reward: ClosureReward { $0.squeeze(1) }, options: options, class: "high",
        random: RandomSource(seed: 6).split(options.particles))
    }
    #expect(comparison.entries.map(\.method.rawValue).count == 8)
    for four in stride(from: 0, to: 8, by: 4).map({ comparison.entries[$0..<$0 + 4] }) {
      let calls = Set(four.map(\.modelEvaluations))
      #expect(calls.count == 1)
    }
  }

  @Test("bad options and data are told by name")
  func mistakes() throws {
    func message(_ rows: Tensor, labels: Tensor? = nil, _ change: (inout DiffusionOptions) -> Void) -> String
    {
      var options = DiffusionOptions()
      change(&options)
      do {
        _ = try DiffusionTraining(options, target: .rows(rows), labels: labels, classes: ["a", "b"])
        return "nothing was thrown"
      } catch { return "\(error)" }
    }
    let rows = Tensor.zeros([5, 2], dtype: .double)
    #expect(message(rows) { $0.learningRate = 0 }.contains("lr: found 0.0"))
    #expect(message(rows) { $0.labelDropout = 2 }.contains("label-dropout"))
    let blind = message(rows) { ($0.schedule, $0.prediction) = (.flowLinear, .noise) }
    #expect(blind.contains("prediction: found noise"))
    #expect(message(rows) { $0.network.architecture = .unet }.contains("image-shape: found none"))
    #expect(message(rows[0..<1]) { _ in }.contains("found 1 rows"))
    #expect(message(rows, labels: Tensor([Int64(0), 1])) { _ in }.contains("found 2 classes for 5 rows"))
    let bad = rows.replacing(axis: 0, 3..<4, with: Tensor([0, Double.nan]).unsqueeze(0))
    #expect(message(bad) { _ in } == "row 4, column 2 is not a finite number")
  }
}

/// A mixture that steps by its expectation, as a network does.
private struct ByExpectation: ReverseDiffusion {
  let model: MixtureDenoiser
  var eventShape: [Int] { model.eventShape }
  var dtype: DType { .double }
  func denoised(_ x: Tensor, at level: DiffusionLevel) -> Tensor { model.denoised(x, at: level) }
}
