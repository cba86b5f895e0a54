import Foundation
import Language
import Testing
import Torch
import Training

@Suite("Soft prompts")
struct SoftPromptTests {
  static let names = ["llama", "gpt2"]

  private func fixture(_ name: String) throws -> (ModelFixture, tokens: Tensor, logits: Tensor) {
    let fixture = try ModelFixture(name)
    let folder = fixture.folder.appendingPathComponent("soft")
    try fixture.model.attachAdapter(folder: folder)
    let file = try SafetensorsFile(contentsOf: folder.appendingPathComponent("reference.safetensors"))
    return (fixture, try file.tensor(named: "tokens"), try file.tensor(named: "logits"))
  }

  @Test("a PEFT folder gives the logits that peft gives, with and without a cache", arguments: names)
  func parity(name: String) throws {
    let (fixture, tokens, logits) = try fixture(name)
    let model = fixture.model
    withoutGradient {
      #expect(largestDifference(model.logits(tokens), logits) < 1e-4)
      let cache = model.makeCache(batch: 2)
      let first = model.logits(tokens.slice(axis: 1, start: 0, end: 7), cache: cache, lastOnly: false)
      let rest = model.logits(tokens.slice(axis: 1, start: 7), cache: cache, lastOnly: false)
      #expect(largestDifference(.concatenate([first, rest], axis: 1), logits) < 1e-4)
      model.attach(softPrompt: nil)
      #expect(largestDifference(model.logits(tokens), logits) > 0.1)
    }
    #expect(model.contextLength == model.configuration.contextLength)
  }

  @Test("scores and responses of ragged prompts are those of each alone", arguments: names)
  func together(name: String) throws {
    let (fixture, tokens, logits) = try fixture(name)
    let rows = (0..<2).map { Array(tokens[$0].integers) }
    let items = [
      ScoringItem(
        prompt: Array(rows[0].prefix(4)), continuations: [Array(rows[0][4...]), [1, 2]]),
      ScoringItem(prompt: [rows[1][0]], continuations: [Array(rows[1][1...])]),
    ]
    let scores = try fixture.model.score(items)
    let logs = logits.logSoftmax(-1)
    let expected = (4..<12).reduce(0.0) { $0 + logs[0, $1 - 1, rows[0][$1]].item() }
    #expect(abs(scores[0][0].logLikelihood - expected) < 1e-3)
    var options = GenerationOptions()
    (options.temperature, options.maximumTokens) = (0, 6)
    let prompts = [rows[0], Array(rows[0].prefix(3)), rows[1] + [5, 6], rows[0] + [9]]
    let found = try fixture.model.generate(prompts, options: options, random: RandomSource(seed: 1))
    for (prompt, response) in zip(prompts, found) {
      let alone = try fixture.model.generate([prompt], options: options, random: RandomSource(seed: 1))
      #expect(response[0].tokens == alone[0][0].tokens)
    }
  }

  @Test("what is trained are the vectors alone; they are written and read back")
  func training() throws {
    let fixture = try ModelFixture("llama")
    let before = fixture.model.state()
    let texts = (0..<12).map { i in WeightedText(prompt: [i], response: [7, 9, 7, 9, 7, 9]) }
    var options = FineTuningOptions()
    (options.softPrompt, options.learningRate, options.batchSize) = (4, 0.05, 2)
    options.training = TrainingOptions(steps: 60)
    let tuning = try FineTuning(fixture.model, texts: texts, options: options)
    let first = tuning.loss(of: tuning.texts)
    _ = try tuning.fit()
    #expect(tuning.loss(of: tuning.texts) < 0.5 * first)
    for (old, new) in zip(before, fixture.model.state()) { #expect(old.tensor.isEqual(to: new.tensor)) }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let softPrompt = try #require(tuning.softPrompt)
    try softPrompt.write(to: folder, base: "llama", configuration: fixture.model.configuration)
    let read = try SoftPrompt(folder: folder, for: fixture.model)
    #expect(read.vectors.value.isEqual(to: softPrompt.vectors.value))
  }

  @Test("a soft prompt beside an adapter, or longer than the context, is refused")
  func refusals() throws {
    let fixture = try ModelFixture("llama")
    var options = FineTuningOptions()
    options.softPrompt = 4
    options.adapter = LowRankOptions()
    #expect(throws: LanguageError.self) {
      try FineTuning(fixture.model, texts: [WeightedText(prompt: [1], response: [2])], options: options)
    }
    var random = RandomSource(seed: 0)
    let error = #expect(throws: LanguageError.self) {
      try SoftPrompt(for: fixture.model, tokens: 63, using: &random)
    }
    #expect(error?.description == "soft prompt, tokens: found 63, expected 1 to 62")
  }
}
