import Foundation
import Language
import Testing
import Torch
import Training

@Suite("Training on preferences")
struct PreferenceTests {
  private func loaded(endToken: Bool = true) throws -> PretrainedModel {
    let tokenizer = try Tokenizer.characters(of: ["abcdefghijklmnopqrstuvwxyz :\n."])
    let shape = TransformerConfiguration.llama(
      vocabularySize: tokenizer.vocabularySize, width: 16, layers: 2, heads: 2, contextLength: 48)
    var random = RandomSource(seed: 1)
    let end = tokenizer.id(of: "<|endoftext|>")
    return try PretrainedModel(
      model: Transformer(shape, using: &random), tokenizer: tokenizer,
      endTokens: endToken ? end.map { [$0] } ?? [] : [])
  }

  private func read(_ text: String, _ model: PretrainedModel) throws -> Result<PreferencePairs, LanguageError>
  {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent("pairs.jsonl")
    try Data(text.utf8).write(to: url)
    return Result { () throws(LanguageError) in try model.preferences(contentsOf: url) }
  }

  @Test("pairs are read as tokens; what says nothing is left out and counted")
  func texts() throws {
    let model = try loaded()
    let long = String(repeating: "a", count: 60)
    let found = try read(
      """
      {"prompt": "ab", "chosen": "c", "rejected": "dd"}
      {"prompt": "ab", "chosen": "c", "rejected": "c"}
      {"prompt": "ab", "chosen": "", "rejected": "c"}

      {"prompt": "ab", "chosen": "\(long)", "rejected": "c"}
      {"prompt": "ab", "chosen": "c", "rejected": "e", "score_chosen": 2, "score_rejected": 2.0}
      {"prompt": "ab", "chosen": "f", "rejected": "e", "score_chosen": 3, "score_rejected": 2.5}
      """, model
    ).get()
    #expect(found.pairs.map(\.line) == [1, 7])
    #expect(
      (found.identical, found.empty, found.tooLong, found.ties) == ([2], [3], [5], [6]))
    let end = model.endTokens
    #expect(end.count == 1)
    #expect(found.pairs[0].prompt == model.tokenizer.encode("ab"))
    #expect(found.pairs[0].chosen == model.tokenizer.encode("c") + end)
    #expect(found.pairs[0].rejected == model.tokenizer.encode("dd") + end)
    #expect(found.omissions.first == "1 pair with two equal responses, the first in line 2")
  }

  @Test("conversations go through the template, with the prompt given, repeated or in both responses")
  func conversations() throws {
    let model = try loaded()
    model.chatTemplate = .plain()
    let user = #"{"role": "user", "content": "hi"}"#
    func said(_ text: String) -> String { #"{"role": "assistant", "content": "\#(text)"}"# }
    let found = try read(
      """
      {"prompt": [\(user)], "chosen": [\(said("yes"))], "rejected": [\(said("no"))]}
      {"prompt": "hi", "chosen": [\(said("yes"))], "rejected": [\(said("no"))]}
      {"chosen": [\(user), \(said("yes"))], "rejected": [\(user), \(said("no"))]}
      """, model
    ).get()
    #expect(found.pairs.count == 3)
    #expect(Set(found.pairs.map(\.prompt)).count == 1 && Set(found.pairs.map(\.chosen)).count == 1)
    let pair = found.pairs[0]
    #expect(model.tokenizer.decode(pair.prompt + pair.chosen).contains("yes"))
    #expect(model.tokenizer.decode(pair.rejected).contains("no"))
  }

  @Test("what is broken is told with its line")
  func broken() throws {
    let model = try loaded()
    func complaint(_ text: String) throws -> String {
      if case .failure(let error) = try read(text, model) { "\(error)" } else { "" }
    }
    let good = #"{"prompt": "a", "chosen": "b", "rejected": "c"}"#
    #expect(
      try complaint(good + "\n{\"prompt\": \"a\", \"chosen\": \"b\"}").contains(
        "pairs.jsonl:2: found the keys prompt, chosen, expected \"chosen\" and \"rejected\""))
    #expect(
      try complaint("{\"chosen\": \"b\", \"rejected\": \"c\"}").contains("expected \"prompt\" beside"))
    let messages = #"[{"role": "assistant", "content": "b"}]"#
    #expect(
      try complaint(good + "\n{\"prompt\": \"a\", \"chosen\": \(messages), \"rejected\": \(messages)}")
        .contains(
          "pairs.jsonl:2: found responses that are conversations, after lines in which they are texts"))
    #expect(
      try complaint("{\"prompt\": \"a\", \"chosen\": \(messages), \"rejected\": \(messages)}").contains(
        "no chat template"))
    #expect(
      try complaint(
        #"{"prompt": "a", "chosen": "b", "rejected": "c", "score_chosen": 1, "score_rejected": 2}"#
      ).contains("pairs.jsonl:1: found \"score_chosen\" 1.0 below \"score_rejected\" 2.0"))
  }

  @Test("likelihoods of pairs are those of scoring, weights and all; the reference knows them too")
  func likelihoods() throws {
    let fixture = try ModelFixture("llama")
    let pairs = [
      PreferencePair(prompt: [1, 2, 3], chosen: [4, 5], rejected: [4, 6, 7]),
      PreferencePair(
        prompt: [8], chosen: [9], rejected: [10, 11], chosenWeights: [0.5], rejectedWeights: [0, 2]),
    ]
    let found = fixture.model.likelihoods(of: pairs)
    let reference = try fixture.model.referenceLikelihoods(of: pairs)
    let scores = try fixture.model.score(
      pairs.map { ScoringItem(prompt: $0.prompt, continuations: [$0.chosen, $0.rejected]) })
    let second = scores[1].map(\.tokenLogProbabilities)
    let expected = [
      scores[0][0].logLikelihood, scores[0][1].logLikelihood, 0.5 * second[0][0], 2 * second[1][1],
    ]
    let own = Tensor.stack([found.chosen.detach(), found.rejected.detach()], axis: 1)
    #expect(largestDifference(own.reshape(-1), Tensor(expected)) < 1e-4)
    #expect(largestDifference(reference.reshape(-1), Tensor(expected)) < 1e-4)
    #expect(found.rejectedLengths.doubles == [3, 2])
  }

  /// Prompts 1…8; a response repeats its first token (preferred) or another one.
  private func toyPairs() -> [PreferencePair] {
    (0..<40).map { i in
      let (a, b) = (10 + i % 5, 20 + i % 3)
      return PreferencePair(line: i, prompt: [1 + i % 8], chosen: [a, a, a], rejected: [a, b, b])
    }
  }

  @Test(
    "an objective falls and ranks what it was told of, with all weights and with an adapter",
    arguments: [PreferenceLoss.Preset.dpo, .asft, .orpo, .simpo, .ipo, .kto], [false, true])
  func training(preset: PreferenceLoss.Preset, adapts: Bool) throws {
    let fixture = try ModelFixture("llama")
    var options = PreferenceOptions()
    options.loss = .preset(preset)
    (options.batchSize, options.learningRate) = (8, adapts ? 1e-2 : 1e-3)
    if adapts { options.adapter = LowRankOptions() }
    options.training = TrainingOptions(steps: 40, clipNorm: 1, validateEvery: 10)
    let training = try PreferenceTraining(fixture.model, pairs: toyPairs(), options: options)
    #expect(training.pairs.count == 36 && training.monitor.pairs.count == 4)
    let before = try training.monitor.read(fixture.model)
    #expect(abs(before.margin) < 1e-4 && abs(before.chosenChange) < 1e-4)
    var steps: [Int] = []
    let result = try training.fit { step, _, _ in steps.append(step) }
    let after = try training.monitor.read(fixture.model)
    #expect(result.steps == 40 && steps == [10, 20, 30, 40])
    #expect(after.loss < before.loss && after.margin > 1)
    #expect(after.accuracy > 0.99)
    if adapts {
      let reference = try fixture.model.withAdapter(nil) { () throws in
        try fixture.model.referenceLikelihoods(of: toyPairs())
      }
      let plain = try ModelFixture("llama").model.referenceLikelihoods(of: toyPairs())
      #expect(reference.isEqual(to: plain))
    }
  }

  @Test("a reference that is kept is read again, and refused for another model or other pairs")
  func cache() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let cache = ReferenceCache(url: folder.appendingPathComponent("reference.safetensors"))
    let model = try ModelFixture("llama").model
    let found = try cache.likelihoods(of: toyPairs(), under: model)
    #expect(found.isEqual(to: try model.referenceLikelihoods(of: toyPairs())))
    #expect(try cache.likelihoods(of: toyPairs(), under: ModelFixture("llama").model).isEqual(to: found))
    var others = toyPairs()
    others[3].chosen[0] += 1
    let pairs = #expect(throws: LanguageError.self) { try cache.likelihoods(of: others, under: model) }
    #expect(pairs?.place == "pairs" && pairs?.found == "likelihoods of other pairs")
    model.scaleHead(0, layer: 0, by: 0.9)
    let weights = #expect(throws: LanguageError.self) { try cache.likelihoods(of: toyPairs(), under: model) }
    #expect(weights?.found == "likelihoods of another model")
  }

  @Test("what observes the training may end it, or say which model was the best")
  func stopping() throws {
    let fixture = try ModelFixture("llama")
    var options = PreferenceOptions()
    options.training = TrainingOptions(steps: 40, validateEvery: 10)
    let training = try PreferenceTraining(fixture.model, pairs: toyPairs(), options: options)
    let result = try training.fit { step, _, observation in
      observation.value = step == 10 ? 0 : 1
      observation.stops = step == 20
    }
    #expect(result.steps == 20 && result.stoppedEarly && result.best?.step == 10)
  }
}

extension PreferenceTests {
  @Test("responses that were judged by themselves make pairs for objectives that rank points")
  func labels() throws {
    let model = try loaded()
    let found = try read(
      """
      {"prompt": "ab", "response": "c", "label": true}
      {"prompt": "x", "response": "d", "label": false}
      {"prompt": "ab", "response": "e", "label": true}
      {"prompt": "y", "response": "f", "label": true}
      {"prompt": "z", "response": "", "label": true}
      """, model
    ).get()
    #expect(found.pairs.map(\.line) == [1, 3, 4] && found.empty == [5])
    #expect(found.pairs.allSatisfy { $0.rejectedPrompt == model.tokenizer.encode("x") })
    // Both sides are what they are alone.
    let both = try model.model.referenceLikelihoods(of: found.pairs).doubles
    for (i, pair) in found.pairs.enumerated() {
      let good = try model.model.score([ScoringItem(prompt: pair.prompt, continuations: [pair.chosen])])
      let bad = try model.model.score([
        ScoringItem(prompt: pair.rejectedPrompt!, continuations: [pair.rejected])
      ])
      #expect(abs(both[2 * i] - good[0][0].logLikelihood) < 1e-4)
      #expect(abs(both[2 * i + 1] - bad[0][0].logLikelihood) < 1e-4)
    }
    var options = PreferenceOptions()
    (options.loss, options.learningRate) = (.preset(.asft), 1e-3)
    (options.validationFraction, options.training) = (0, TrainingOptions(steps: 10))
    let training = try PreferenceTraining(model.model, pairs: found.pairs, options: options)
    let before = try training.monitor.read(model.model)
    _ = try training.fit()
    let after = try training.monitor.read(model.model)
    #expect(after.chosenPerToken > before.chosenPerToken && after.similarity.isNaN)
    options.loss = .preset(.dpo)
    let error = #expect(throws: LanguageError.self) {
      try PreferenceTraining(model.model, pairs: found.pairs, options: options)
    }
    #expect("\(error!)".contains("asft"))
    for bad in [
      #"{"prompt": "a", "response": "b", "label": 1}"#, #"{"prompt": "a", "label": true}"#,
      #"{"prompt": "a", "response": "b", "label": true}"#,
      "{\"prompt\": \"a\", \"response\": \"b\", \"label\": true}\n{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}",
    ] {
      #expect(throws: LanguageError.self) { try read(bad, model).get() }
    }
  }

  @Test("where the mass went is told, and a loss that is not finite leaves its pairs")
  func signs() throws {
    let fixture = try ModelFixture("llama")
    var options = PreferenceOptions()
    options.learningRate = 1e-2
    options.training = TrainingOptions(steps: 20, validateEvery: 20)
    let training = try PreferenceTraining(fixture.model, pairs: toyPairs(), options: options)
    #expect(training.monitor.gainers(fixture.model, count: 3).allSatisfy { $0.gain < 1e-6 })
    _ = try training.fit()
    let gained = training.monitor.gainers(fixture.model, count: 3)
    #expect(!gained.isEmpty && gained[0].gain > 1e-3)
    #expect(zip(gained, gained.dropFirst()).allSatisfy { $0.gain >= $1.gain })

    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let run = try RunFolder(creating: folder, resuming: false)
    options.learningRate = 1e30
    let broken = try PreferenceTraining(ModelFixture("llama").model, pairs: toyPairs(), options: options)
    let error = #expect(throws: TrainingError.self) { try broken.fit(run: run) }
    guard case .nonFinite? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let text = try String(
      contentsOf: folder.appendingPathComponent("non-finite-batch.jsonl"), encoding: .utf8)
    #expect(text.split(separator: "\n").count == 8 && text.contains("chosen_tokens"))
  }
}
