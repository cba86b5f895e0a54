import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch
import Training

@Suite("Masked diffusion of text") struct MaskedTextTests {
  private let tiny = TinyChain()

  @Test(
    "with exact conditionals the bound is the entropy: it is tight", arguments: MaskedNoiseSchedule.allCases)
  func tight(schedule: MaskedNoiseSchedule) {
    var random = RandomSource(seed: 1)
    let tokens = tiny.chain.sample(100_000, length: 4, using: &random)
    let bounds = MaskedLoss(schedule)(
      { tiny.denoiser.tokenProbabilities($0).log().clamp(-50) }, tokens, mask: 3, using: &random)
    let entropy = -tiny.probabilities.reduce(0) { $0 + $1 * log($1) } / 4
    // What lies below the earliest time is left out: 1e-3 of the masks, whose guesses cost a fraction of a nat.
    let bound = Estimate(meanOf: bounds.doubles)
    #expect(bound.standardError < 0.01 && abs(bound.zScore(against: entropy)) < 5.5)
  }

  @Test("guesses without knowledge cost log V", arguments: MaskedNoiseSchedule.allCases)
  func uniform(schedule: MaskedNoiseSchedule) {
    var random = RandomSource(seed: 2)
    let tokens = random.integers([50_000, 8], in: 0..<5)
    let bounds = MaskedLoss(schedule)(
      { .zeros([$0.size(0), 8, 5]) }, tokens, mask: 5, using: &random)
    let share = schedule.maskedShare(at: 1) - schedule.maskedShare(at: MaskedLoss.earliest)
    #expect(abs(Estimate(meanOf: bounds.doubles).zScore(against: share * log(5))) < 5.5)
  }

  @Test("a block without causality sees every position, with it only those before")
  func block() {
    var random = RandomSource(seed: 3)
    let x = random.normal([1, 6, 8])
    var changed = x
    changed = changed.replacing(axis: 1, 3..<4, with: random.normal([1, 1, 8]))
    for causal in [false, true] {
      let block = TransformerBlock(8, heads: 2, causal: causal, using: &random)
      let moved = (block(x) - block(changed)).abs().max(2).reshape(-1).doubles.map { $0 > 1e-6 }
      #expect(moved == (causal ? [false, false, false, true, true, true] : .init(repeating: true, count: 6)))
    }
    let names = TransformerBlock(8, heads: 2, using: &random).namedParameters.map(\.name)
    #expect(names.first == "attentionNorm.weight" && names.last == "feedForward.layers.1.bias")
  }

  private func options() -> MaskedTextOptions {
    var options = MaskedTextOptions()
    options.network = MaskedTransformerOptions(length: 8, width: 16, depth: 1, heads: 2)
    options.learningRate = 1e-2
    options.batchSize = 32
    options.training = TrainingOptions(steps: 200, validateEvery: 100)
    return options
  }

  private func train() throws -> (MaskedTextModel, MaskedTextTraining) {
    let vocabulary = try CharacterVocabulary("abc")
    let tokens = try vocabulary.encode(String(repeating: "abc", count: 200))
    let training = try MaskedTextTraining(options(), tokens: tokens, vocabulary: vocabulary)
    return (try training.fit().model, training)
  }

  @Test("a text of period three is learned to its entropy, log 3 a window, and prompts are continued")
  func learns() throws {
    let (model, training) = try train()
    var random = RandomSource(seed: 4)
    let held = try #require(training.heldOut)
    #expect(held.count == 60)
    let bits = try model.bitsPerCharacter(held, using: &random)
    #expect(bits.value > 0.1 && bits.value < log2(3) / 8 + 0.15)
    let sampler = try model.sampler(prompt: "bc")
    let drawn = try sampler.sample(20, steps: 16, random: RandomSource(seed: 5))
    #expect(model.vocabulary.lines(drawn).filter { $0 == "bcabcabc" }.count >= 18)
    // Steering towards words that start with c: a third of the model's.
    let c = ClosureReward { tokens in
      Tensor.zeros([tokens.size(0)], dtype: .double).filled(where: tokens[.all, 0] .!= 2, with: -.infinity)
    }
    var steering = SteeringOptions()
    (steering.potential, steering.groups, steering.steps) = (.importance, 200, 16)
    let result = try model.sampler().steer(reward: c, options: steering, random: RandomSource(seed: 6))
    #expect(abs(exp(result.logEvidence.value) - 1 / 3) < 0.12)
  }

  @Test("the file gives the model back; what is no model is named")
  func file() throws {
    let (model, _) = try train()
    let folder = FileManager.default.temporaryDirectory.appending(path: "masked-text-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appending(path: "model.safetensors")
    try model.write(to: url)
    let read = try MaskedTextModel(contentsOf: url)
    #expect(read.vocabulary == model.vocabulary && read.length == 8 && read.schedule == model.schedule)
    let tokens = Tensor(rows: [[Int64(0), 3, 3, 3, 1, 3, 3, 2]])
    #expect(read.tokenProbabilities(tokens).isEqual(to: model.tokenProbabilities(tokens)))
    #expect(MaskedTextModel.kind.matches(url))

    let other = folder.appending(path: "other.safetensors")
    try Safetensors.write([("a", Tensor([1.0]))], metadata: [:], to: other)
    let error = #expect(throws: ModelFileError.self) { try MaskedTextModel(contentsOf: other) }
    #expect("\(error!)".contains("it holds no masked text model"))
    try Safetensors.write(
      model.network.state().map {
        ("network.\($0.name)", $0.name == "output.bias" ? .full([3], .nan) : $0.tensor)
      },
      metadata: try SafetensorsFile(contentsOf: url).metadata, to: other)
    #expect(
      "\(#expect(throws: ModelFileError.self) { try MaskedTextModel(contentsOf: other) }!)".contains(
        "output.bias"))
    try Safetensors.write(
      model.network.state().dropLast().map { ("network.\($0.name)", $0.tensor) },
      metadata: try SafetensorsFile(contentsOf: url).metadata,
      to: other)
    #expect(throws: ModuleStateError.self) { try MaskedTextModel(contentsOf: other) }
  }

  @Test("faulty options and texts are named")
  func faults() throws {
    let vocabulary = try CharacterVocabulary("abc")
    func error(_ tokens: [Int64], _ change: (inout MaskedTextOptions) -> Void = { _ in }) -> String {
      var options = options()
      change(&options)
      let thrown = #expect(throws: MaskedDiffusionError.self) {
        try MaskedTextTraining(options, tokens: Tensor(tokens), vocabulary: vocabulary)
      }
      return "\(thrown!)"
    }
    let good = [Int64](repeating: 1, count: 200)
    var masked = good
    masked[17] = 3
    #expect(
      error(masked)
        == "the mask at position 17 of a text: only symbols are expected, masks are drawn in training")
    masked[17] = 4
    #expect(error(masked).contains("symbol 4 at position 17"))
    #expect(error([0, 1, 2]).contains("a text of 3 symbols: at least 8 are needed"))
    // The held-out end counts too.
    #expect(error([Int64](repeating: 1, count: 60)).contains("a text of 6 symbols"))
    #expect(
      error(good) { $0.network.heads = 3 } == "heads: found 3, expected a number that divides the width 16")
    #expect(error(good) { $0.network.depth = 0 }.hasPrefix("depth: found 0"))
    #expect(error(good) { $0.batchSize = 0 }.hasPrefix("batch: found 0"))
    #expect(error(good) { $0.learningRate = .nan }.hasPrefix("lr: found nan"))
    #expect(error(good) { $0.validationFraction = 1 }.hasPrefix("validation: found 1.0"))
    let model = try MaskedTextTraining(options(), tokens: Tensor(good), vocabulary: vocabulary).makeModel()
    #expect(throws: TextError.self) { try model.sampler(prompt: "abd") }
    #expect(throws: MaskedDiffusionError.promptLength(found: 9, expected: 8)) {
      try model.sampler(prompt: "abcabcabc")
    }
  }
}

@Suite("n-grams of Shakespeare's letters") struct ShakespeareLettersTests {
  private static let text: URL? = try? DataCatalogue.file(of: DataCatalogue.dataSet(named: "tinyshakespeare"))

  @Test(
    "published cross-entropies, log Z and mean rewards",
    .enabled(if: ShakespeareLettersTests.text != nil, "tinyshakespeare is not here: set LIKELY_DATA"))
  func published() throws {
    let tokens = try CharacterVocabulary.letters.encode(
      reduceToLetters(String(textOf: try #require(Self.text))))
    #expect(tokens.count == 1_059_581)
    let count = tokens.count * 9 / 10
    let models = try (1...4).map {
      try NGramModel(order: $0, counting: tokens[0..<count], symbols: 27)
    }
    for (model, bits) in zip(models.dropFirst(), [3.3401, 2.8107, 2.4141]) {
      #expect(abs(model.crossEntropy(of: tokens[count...]) - bits) < 1e-4)
    }
    let chain = try MarkovChain(
      initial: models[0].logProbabilities.exp(), transition: models[1].logProbabilities.exp())
    for (strength, normaliser, mean) in [
      (0, 0.0, -3.2207), (4, -11.38779, -2.54203), (16, -36.14132, -1.73954), (32, -60.22095, -1.32761),
    ] as [(Double, Double, Double)] {
      let found = chain.tilted(byMeanOf: models[2].logProbabilities, strength: strength, length: 32)
      #expect(abs(found.logNormaliser - normaliser) < 1e-4 && abs(found.meanScore - mean) < 1e-4)
    }
  }
}
