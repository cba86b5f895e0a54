import Foundation
import Testing
import Torch
import Training

/// y = x A + noise, fitted by a linear layer.
struct Regression {
  let x: Tensor
  let y: Tensor

  init() {
    var random = RandomSource(seed: 41)
    x = random.normal([64, 3])
    y = x.matmul(random.normal([3, 2])) + random.normal([64, 2]) * 0.3 + 0.7
  }

  func layer(seed: UInt64 = 1) -> Linear {
    var random = RandomSource(seed: seed)
    return Linear(3, 2, using: &random)
  }

  func loss(_ layer: Linear) -> Tensor { (layer(x) - y).square().mean() }

  /// The parameters where the loss is smallest, `[4, 2]`, the bias last.
  var optimum: Tensor {
    let design = Tensor.concatenate([x, .ones([64, 1])], axis: 1).to(.double)
    return design.leastSquares(y.to(.double))
  }

  func distance(_ layer: Linear) -> Double {
    let found = Tensor.concatenate([layer.weight.value.transposed, layer.bias!.value.unsqueeze(0)])
    return (found.detach().to(.double) - optimum).abs().max().item()
  }
}

@Suite("Trainer") struct TrainerTests {
  private let problem = Regression()
  private let random = RandomSource(seed: 42)

  private func trainer(_ layer: Linear, _ options: TrainingOptions, rate: Double = 0.2) -> Trainer {
    Trainer(
      layer, optimiser: SGD(layer.trainableParameters, learningRate: rate), options: options, random: random)
  }

  @Test("linear regression ends at the closed-form optimum")
  func optimum() throws {
    let layer = problem.layer()
    #expect(problem.distance(layer) > 0.1)
    let result = try trainer(layer, TrainingOptions(steps: 400)).fit { _, _ in problem.loss(layer) }
    #expect(problem.distance(layer) < 1e-5)
    #expect(result.steps == 400 && !result.stoppedEarly && result.best == nil)
    #expect(abs(result.loss - problem.loss(layer).item()) < 1e-6)
    #expect(!layer.isTraining)
  }

  @Test("a step is rate × schedule × clipped gradient, drawn from the step's own stream")
  func step() throws {
    let layer = problem.layer()
    var expected = layer.weight.snapshot().to(.double)
    let bias = layer.bias!
    bias.isTrainable = false
    var seen: [UInt64] = []
    let options = TrainingOptions(steps: 4, schedule: .linear(), clipNorm: 0.1)
    _ = try trainer(layer, options, rate: 0.5).fit { step, stream in
      seen.append(stream.next())
      let w = layer.weight.value.detach()
      let gradient = valueAndGradient(
        of: { (problem.x.linear(weight: $0, bias: bias.value) - problem.y).square().mean() }, at: w
      ).gradient.to(.double)
      let norm = gradient.norm().item()
      #expect(norm > 0.1)
      expected = expected - gradient * (0.1 / norm * 0.5 * (1 - Double(step) / 4))
      return problem.loss(layer)
    }
    #expect((layer.weight.value.detach().to(.double) - expected).abs().max().item() < 1e-5)
    #expect(
      seen
        == (0..<4).map { step in
          var stream = random.split(step)
          return stream.next()
        })
  }

  @Test("the averaged parameters are validated and left in the module")
  func average() throws {
    let layer = problem.layer()
    var trail: [Tensor] = []
    let trainer = trainer(layer, TrainingOptions(steps: 30, averageDecay: 0.9, validateEvery: 10))
    var validated: [Tensor] = []
    let result = try trainer.fit(
      validation: {
        validated.append(layer.weight.snapshot())
        #expect(!layer.isTraining)
        return Double(-validated.count)
      },
      loss: { step, _ in
        if step > 0 { trail.append(layer.weight.snapshot()) }
        return problem.loss(layer)
      })
    // The start, then every step's parameters, averaged.
    var average = problem.layer().weight.snapshot()
    for (k, weight) in trail.prefix(9).enumerated() {
      average = average.lerp(weight, weight: 1 - min(0.9, Double(1 + k) / Double(10 + k)))
    }
    // Nine of the ten updates before the first validation are in the trail; the tenth is in the next step's.
    average = average.lerp(trail[9], weight: 1 - min(0.9, 10.0 / 19))
    #expect((average - validated[0]).abs().max().item() < 1e-6)
    #expect(result.best?.step == 30 && result.best?.value == -3)
    #expect(layer.weight.value.detach().isEqual(to: validated[2]))
  }

  @Test("the best validation is kept, and patience ends the training")
  func earlyStopping() throws {
    let layer = problem.layer()
    let values = [3.0, 1, 2, .nan, 5, 0]
    var states: [Tensor] = []
    let options = TrainingOptions(steps: 60, validateEvery: 5, patience: 3)
    let result = try trainer(layer, options).fit(
      validation: {
        states.append(layer.weight.snapshot())
        return values[states.count - 1]
      }, loss: { _, _ in problem.loss(layer) })
    #expect(result.stoppedEarly && result.steps == 25)
    #expect(result.best?.step == 10 && result.best?.value == 1)
    #expect(states.count == 5)
    #expect(layer.weight.value.detach().isEqual(to: states[1]))
  }

  @Test("bfloat16 training stays near the float32 optimum, with float32 parameters")
  func mixed() throws {
    let layer = problem.layer()
    let options = TrainingOptions(steps: 300, precision: .bf16Mixed)
    _ = try trainer(layer, options, rate: 0.1).fit { _, _ in problem.loss(layer) }
    #expect(layer.weight.value.dtype == .float)
    let distance = problem.distance(layer)
    #expect(distance < 0.02 && distance > 1e-6)
  }

  @Test(
    "a gradient of NaN stops before the step, with step, culprit and the last good checkpoint",
    arguments: [nil, 0.5])
  func nonFinite(clip: Double?) throws {
    try withTemporaryFolder { folder in
      let run = try RunFolder(creating: folder.appending(path: "run"))
      let layer = problem.layer()
      let options = TrainingOptions(steps: 20, clipNorm: clip, checkpointEvery: 4)
      let trainer = Trainer(
        layer, optimiser: SGD(layer.trainableParameters, learningRate: 0.1), options: options, random: random,
        run: run)
      var before: Tensor?
      let error = #expect(throws: TrainingError.self) {
        try trainer.fit { step, _ in
          before = layer.weight.snapshot()
          // √ at 0 is 0 with an infinite slope, which the difference multiplies by 0.
          let bias = layer.bias!.value
          return step < 9 ? problem.loss(layer) : problem.loss(layer) + (bias - bias).sqrt().sum()
        }
      }
      let path = run.checkpoints.appending(path: "step-000000008.safetensors").path
      #expect(
        error == .nonFinite(step: 10, culprit: "the gradient of bias", checkpoint: path))
      #expect(layer.weight.value.detach().isEqual(to: before!))
      #expect(try CheckpointStore(folder: run.checkpoints).newest()?.step == 8)
      let text = try #require(error?.description)
      #expect(text.contains("step 10") && text.contains("bias") && text.contains(path))
    }
  }

  @Test("a loss of infinity is its own culprit")
  func infiniteLoss() {
    let layer = problem.layer()
    let error = #expect(throws: TrainingError.self) {
      try trainer(layer, TrainingOptions(steps: 5)).fit { step, _ in
        problem.loss(layer) * (step == 2 ? .infinity : 1)
      }
    }
    #expect(error == .nonFinite(step: 3, culprit: "the loss", checkpoint: nil))
  }

  @Test("metrics are lines of JSON at the steps asked for")
  func metrics() throws {
    try withTemporaryFolder { folder in
      let run = try RunFolder(creating: folder)
      let layer = problem.layer()
      let options = TrainingOptions(steps: 25, schedule: .linear(), validateEvery: 20, logEvery: 10)
      let trainer = Trainer(
        layer, optimiser: SGD(layer.trainableParameters, learningRate: 0.2), options: options, random: random,
        run: run)
      var losses: [Double] = []
      _ = try trainer.fit(
        validation: { 7 },
        loss: { _, _ in
          let loss = problem.loss(layer)
          losses.append(loss.item())
          return loss
        })
      let lines = MetricsLog.read(run.metrics)
      #expect(lines.map { $0["step"] } == [10, 20, 20, 25, 25])
      #expect(lines.map { $0["validation"] } == [nil, nil, 7, nil, 7])
      for (line, step) in [(0, 10), (1, 20), (3, 25)] {
        #expect(abs(lines[line]["loss"]! - losses[step - 1]) < 1e-15)
        #expect(abs(lines[line]["learning_rate"]! - 0.2 * (1 - Double(step - 1) / 25)) < 1e-12)
        #expect(lines[line]["gradient_norm"]! > 0)
      }
      // A line cut short by a crash is left out.
      let handle = try FileHandle(forWritingTo: run.metrics)
      try handle.seekToEnd()
      try handle.write(contentsOf: Data("{\"step\":26,\"lo".utf8))
      try handle.close()
      #expect(MetricsLog.read(run.metrics).count == 5)
    }
  }
}
