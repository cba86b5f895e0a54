import Foundation
import Language
import Testing
import Torch

@Suite("Continuous actions on drawn responses (OnPolicy)")
struct OnPolicyContinuousTests {
  @Test("densities of actions are those of the laws before tanh, and integrate to one")
  func densities() throws {
    var random = RandomSource(seed: 8)
    let policy = TanhGaussianPolicy(dimension: 1, using: &random)
    let grid = (1..<4000).map { [-0.99 + 1.98 * Double($0) / 4000] }
    let owners = Array(repeating: 0, count: grid.count)
    let own = policy.logProbabilities(grid, owners: owners, prompts: [0]).detach().doubles
    let reference = policy.referenceLogProbabilities(grid, owners: owners, prompts: [0])
    let edge = atanh(0.99)
    func cauchy(_ x: Double) -> Double { 0.5 + atan((x + 0.7) / 0.4) / .pi }
    let mass = reference.reduce(0) { $0 + exp($1) } * 1.98 / 4000
    #expect(abs(mass - (cauchy(edge) - cauchy(-edge))) < 1e-3)
    let (mean, deviation) = (
      policy.means.snapshot().doubles[0], exp(policy.logDeviations.snapshot().doubles[0])
    )
    func normal(_ x: Double) -> Double { 0.5 * erfc(-(x - mean) / deviation / 2.0.squareRoot()) }
    let ownMass = own.reduce(0) { $0 + exp($1) } * 1.98 / 4000
    #expect(abs(ownMass - (normal(edge) - normal(-edge))) < 1e-3)
    // Draws of the reference lie where its distribution function says.
    let drawn = try policy.sample(4000, for: [0], from: .reference, random: random)[0].map { atanh($0[0]) }
    let below = Double(drawn.count { $0 < -0.7 }) / 4000
    #expect(abs(below - 0.5) < 6 * 0.5 / 4000.0.squareRoot())
  }

  @Test("ten dimensions find a target", arguments: [OnlineObjective.Name.reinforce, .bestOfN, .ipo])
  func target(_ name: OnlineObjective.Name) throws {
    var random = RandomSource(seed: 9)
    let policy = TanhGaussianPolicy(dimension: 10, using: &random)
    var options = OnlinePreferenceOptions()
    (options.objective, options.iterations, options.innerSteps) = (.named(name), 120, 5)
    options.learningRate = 0.02
    let loop = try OnlinePreferenceLoop(
      policy, options: options, prompts: { count, _ in Array(0..<count) },
      reward: { _, actions in
        actions.map { $0.map { action in -action.reduce(0) { $0 + ($1 - 0.4) * ($1 - 0.4) } } }
      })
    let result = try loop.run(random: random)
    let (first, last) = (result.readings[0].batchReward, result.readings.last!.batchReward)
    #expect(first < -8 && last > 0.4 * first, "\(first), \(last)")
    #expect(result.readings.last!.law.divergence! > 1)
  }
}

@Suite("Transformers on drawn responses (OnPolicy)")
struct OnPolicyTransformerTests {
  private func model() throws -> Transformer {
    var random = RandomSource(seed: 3)
    let shape = TransformerConfiguration.llama(
      vocabularySize: 12, width: 16, layers: 1, heads: 2, contextLength: 24)
    return try Transformer(shape, using: &random)
  }

  private var generation: GenerationOptions {
    var generation = GenerationOptions()
    (generation.maximumTokens, generation.stopTokens) = (10, [0])
    return generation
  }

  @Test("log-probabilities of responses are those of scoring, and begin as the reference's")
  func likelihoods() throws {
    let policy = try TransformerPolicy(model(), generation: generation)
    let prompts = [[1, 2], [3]]
    let drawn = try policy.sample(3, for: prompts, from: .current, random: RandomSource(seed: 1))
    let (responses, owners) = (drawn.flatMap { $0 }, [0, 0, 0, 1, 1, 1])
    let own = policy.logProbabilities(responses, owners: owners, prompts: prompts).detach().doubles
    let reference = try policy.referenceLogProbabilities(responses, owners: owners, prompts: prompts)
    for (i, response) in responses.enumerated() {
      let item = ScoringItem(prompt: prompts[owners[i]], continuations: [response])
      let score = try policy.model.score([item])[0][0].logLikelihood
      #expect(abs(own[i] - score) < 1e-4 && abs(reference[i] - score) < 1e-4)
    }
  }

  @Test("short answers are learned, the reference stays", arguments: [OnlineObjective.Name.dpo, .reinforce])
  func lengths(_ name: OnlineObjective.Name) throws {
    let model = try model()
    let policy = try TransformerPolicy(model, generation: generation)
    var options = OnlinePreferenceOptions()
    (options.objective, options.learningRate, options.innerSteps) = (.named(name), 1e-2, 4)
    (options.iterations, options.prompts, options.samples, options.batch) = (12, 8, 6, 4)
    options.clipNorm = 1
    let prompts = [[1], [2, 3], [4, 5, 6]]
    let before = policy.reference.state().map(\.tensor.doubles)
    let loop = try OnlinePreferenceLoop(
      policy, options: options,
      prompts: { count, random in (0..<count).map { _ in prompts[random.integer(in: 0..<3)] } },
      reward: { _, texts in texts.map { $0.map { LengthReward.shortest($0.count) } } })
    let result = try loop.run(random: RandomSource(seed: 7))
    #expect(result.readings[0].batchReward < -5)
    #expect(result.readings.last!.batchReward > -3)
    #expect(policy.reference.state().map(\.tensor.doubles) == before)
    #expect(result.readings[1].law.divergence! > 0 && result.readings.last!.law.entropy! > 0)
    #expect(LengthReward.near(5)(3) == -2 && LengthReward.near(5)(7) == -2)
  }

  @Test("draws from another law than the model's are refused")
  func otherLaw() throws {
    for change in [
      { $0.temperature = 0.5 }, { $0.topK = 3 }, { $0.topP = 0.9 }, { $0.repetitionPenalty = 1.2 },
    ] as [(inout GenerationOptions) -> Void] {
      var options = generation
      change(&options)
      let error = #expect(throws: LanguageError.self) {
        try TransformerPolicy(self.model(), generation: options)
      }
      #expect(error?.place == "temperature and cuts")
    }
  }

  @Test("a folder with one label is a reward; more labels, and texts that do not fit, are refused")
  func rewardModel() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let tokenizer = try Tokenizer.characters(of: ["abcdefgh"])
    var random = RandomSource(seed: 6)
    let shape = TransformerConfiguration.llama(
      vocabularySize: tokenizer.vocabularySize, width: 16, layers: 1, heads: 2, contextLength: 12)
    func write(_ labels: [String], to name: String) throws -> (TextClassifier, URL) {
      let classifier = TextClassifier(try Transformer(shape, using: &random), labels: labels)
      classifier.head.weight.assign(random.normal([labels.count, 16]))
      let url = folder.appendingPathComponent(name)
      try classifier.write(to: url)
      try tokenizer.write(to: url.appendingPathComponent("tokenizer.json"))
      return (classifier, url)
    }
    let (classifier, url) = try write(["reward"], to: "one")
    let reward = try RewardModel(folder: url)
    let texts = ["ab", "abc", "hgfe", "a", "ab"]
    let found = try reward(texts, batch: 2)
    let tokens = texts.map { tokenizer.encode($0) }
    let exact = withoutGradient { classifier.scores(of: tokens) }.squeeze(1).doubles
    for (a, b) in zip(found, exact) { #expect(abs(a - b) < 1e-5) }
    #expect(found.count == 5 && abs(found[0] - found[1]) > 1e-3)
    let long = #expect(throws: LanguageError.self) { try reward([String(repeating: "a", count: 40)]) }
    #expect(long?.kind == .tooLong)
    let (_, two) = try write(["bad", "good"], to: "two")
    let labels = #expect(throws: LanguageError.self) { try RewardModel(folder: two) }
    #expect(labels?.place == "id2label" && labels?.found == "2 labels")
    let nowhere = #expect(throws: LanguageError.self) {
      try RewardModel(folder: folder.appendingPathComponent("nowhere"))
    }
    #expect(nowhere?.kind == .missing)
  }
}
