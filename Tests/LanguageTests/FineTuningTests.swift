import Foundation
import Language
import Testing
import Torch
import Training

@Suite("Fine-tuning")
struct FineTuningTests {
  @Test("texts are packed whole, in order, and those that do not fit are told")
  func packing() {
    let texts = [
      WeightedText(prompt: [1, 2], response: [3, 4]), WeightedText(prompt: [5], response: Array(6...16)),
      WeightedText(prompt: [20], response: [21, 22, 23, 24]), WeightedText(prompt: [7], response: []),
    ]
    let packed = PackedTexts(texts, length: 8)
    #expect(packed.tooLong == [1])
    #expect(packed.rows == 1)
    #expect(packed.tokens[0].integers == [1, 2, 3, 20, 21, 22, 23, 0])
    #expect(packed.targets[0].integers == [2, 3, 4, 21, 22, 23, 24, 0])
    #expect(packed.weights[0].doubles == [0, 1, 1, 1, 1, 1, 1, 0])
    #expect(packed.reach[0].integers == [3, 3, 3, 7, 7, 7, 7, 8])
    #expect(packed.positions[0].integers == [0, 1, 2, 0, 1, 2, 3, 0])
  }

  private func texts(_ count: Int) -> [WeightedText] {
    // The response repeats the prompt's tokens backwards: something to be learned.
    var random = RandomSource(seed: 3)
    return (0..<count).map { _ in
      let prompt = (0..<3).map { _ in random.integer(in: 1..<9) }
      return WeightedText(prompt: [0] + prompt, response: prompt.reversed() + [10])
    }
  }

  private func options(_ change: (inout FineTuningOptions) -> Void) -> FineTuningOptions {
    var options = FineTuningOptions()
    (options.length, options.learningRate, options.batchSize) = (40, 1e-2, 4)
    options.training = TrainingOptions(steps: 30, clipNorm: 1)
    change(&options)
    return options
  }

  @Test("the loss of packed rows is that of the texts alone")
  func packedLoss() throws {
    for name in ["gpt2", "llama3", "mistral"] {
      let fixture = try ModelFixture(name)
      let texts = texts(12)
      let tuning = try FineTuning(fixture.model, texts: texts, options: options { $0.validationFraction = 0 })
      let items = texts.map {
        ScoringItem(prompt: Array($0.tokens.prefix(4)), continuations: [Array($0.tokens.dropFirst(4))])
      }
      let scores = try fixture.model.score(items)
      let expected = -scores.reduce(0) { $0 + $1[0].logLikelihood } / Double(12 * 4)
      #expect(abs(tuning.loss(of: tuning.texts) - expected) < 1e-5)
    }
  }

  @Test("an adapter learns while the model stays, and all weights learn without one")
  func learning() throws {
    for adapter in [LowRankOptions(), nil] {
      let fixture = try ModelFixture("llama")
      let tuning = try FineTuning(
        fixture.model, texts: texts(200), options: options { $0.adapter = adapter })
      let before = tuning.loss(of: tuning.heldOut!)
      let result = try tuning.fit()
      let after = tuning.loss(of: tuning.heldOut!)
      #expect(result.best != nil)
      #expect(after < before - 1, "\(before) to \(after)")
      fixture.model.attach(nil)
      let logits = withoutGradient { fixture.model.logits(fixture.tokens) }
      #expect((largestDifference(logits, fixture.logits) < 1e-4) == (adapter != nil))
    }
  }

  @Test("a training that is stopped and resumed ends with the same weights")
  func resuming() throws {
    func folder() -> URL { FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString) }
    let (whole, parts) = (folder(), folder())
    defer { for url in [whole, parts] { try? FileManager.default.removeItem(at: url) } }
    func tune(_ url: URL, steps: Int, resuming: Bool) throws -> [Double] {
      let tuning = try FineTuning(
        try ModelFixture("qwen3").model, texts: texts(60),
        options: options {
          $0.adapter = LowRankOptions()
          $0.validationFraction = 0
          $0.training = TrainingOptions(steps: steps, checkpointEvery: 5)
        })
      _ = try tuning.fit(run: RunFolder(creating: url, resuming: resuming), resuming: resuming)
      return tuning.adapter!.state().flatMap { $0.tensor.reshape(-1).doubles }
    }
    let expected = try tune(whole, steps: 10, resuming: false)
    _ = try tune(parts, steps: 5, resuming: false)
    #expect(try tune(parts, steps: 10, resuming: true) == expected)
  }

  @Test("two batches whose gradients are averaged make the step that one of both makes")
  func accumulation() throws {
    var ends: [[Double]] = []
    for (batch, count) in [(8, nil), (4, 2)] {
      let tuning = try FineTuning(
        try ModelFixture("llama").model, texts: texts(40),
        options: options {
          // A text of eight tokens a row, so that batches count alike.
          ($0.length, $0.batchSize, $0.validationFraction) = (7, batch, 0)
          $0.training = TrainingOptions(steps: 3, accumulation: count)
        })
      _ = try tuning.fit()
      ends.append(tuning.model.state().flatMap { $0.tensor.reshape(-1).doubles })
    }
    #expect(zip(ends[0], ends[1]).allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test("parameters are frozen by name, and unknown names are refused")
  func freezing() throws {
    let fixture = try ModelFixture("gpt2")
    let before = fixture.model.embedding.weight.snapshot()
    let tuning = try FineTuning(
      fixture.model, texts: texts(20),
      options: options {
        ($0.frozen, $0.validationFraction) = (["mbedding"], 0)
        $0.training = TrainingOptions(steps: 2)
      })
    _ = try tuning.fit()
    #expect(fixture.model.embedding.weight.snapshot().isEqual(to: before))
    #expect(throws: LanguageError.self) {
      _ = try FineTuning(fixture.model, texts: texts(20), options: options { $0.frozen = ["no such name"] })
    }
  }

  @Test("a fresh model learns a text, and mixed precision learns as well")
  func fromScratch() throws {
    let tokens = (0..<2000).map { [3, 1, 4, 1, 5, 9, 2, 6][$0 % 8] }
    for precision in [Precision.float32, .bf16Mixed] {
      var options = TextTrainingOptions()
      (options.batchSize, options.learningRate) = (8, 5e-3)
      options.training = TrainingOptions(steps: 150, warmUp: 5, clipNorm: 1, precision: precision)
      let shape = TransformerConfiguration.llama(
        vocabularySize: 10, width: 16, layers: 2, heads: 2, contextLength: 16)
      let training = try TextTraining(options, configuration: shape, tokens: tokens)
      let (model, result) = try training.fit()
      #expect(result.loss < 0.3)
      var greedy = GenerationOptions()
      (greedy.temperature, greedy.maximumTokens) = (0, 8)
      let found = try model.generate([[9, 2, 6, 3]], options: greedy, random: RandomSource(seed: 0))[0][0]
      #expect(found.tokens == [1, 4, 1, 5, 9, 2, 6, 3])
    }
  }
}
