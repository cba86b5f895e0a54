import Foundation
import Language
import Torch
import Training

/// A small language with a known reward: a topic, then eight words, each of which allows six successors.
///
/// Tokens 0 to 23 are words, 24 to 29 stand for topics, one of which is the prompt.
package struct GrammarWorld: Sendable {
  package static let topics = 6
  package static let words = 24
  package static let length = 8
  package static let vocabulary = words + topics

  private let first: [DiscreteLaw]
  /// By topic and word.
  private let successors: [[(words: [Int], law: DiscreteLaw)]]
  package let values: [Double]

  package init(using random: inout RandomSource) {
    first = (0..<Self.topics).map { _ in .dirichlet(0.5, count: Self.words, using: &random) }
    successors = (0..<Self.topics).map { _ in
      (0..<Self.words).map { _ in
        let words = random.permutation(Self.words).integers.prefix(6)
        return (Array(words), .dirichlet(1, count: 6, using: &random))
      }
    }
    values = random.normal([Self.words], dtype: .double).doubles
  }

  package func prompt(topic: Int) -> [Int] { [Self.words + topic] }

  package func response(topic: Int, using random: inout RandomSource) -> [Int] {
    var words = [first[topic].sample(using: &random)]
    while words.count < Self.length {
      let next = successors[topic][words.last!]
      words.append(next.words[next.law.sample(using: &random)])
    }
    return words
  }

  /// Σ value/√8 less 1 a transition that the topic does not allow; a token that is no word has value 0 and allows none.
  package func reward(prompt: [Int], response: [Int]) -> Double {
    let topic = prompt[0] - Self.words
    let sum = response.reduce(0) { $0 + ($1 < Self.words ? values[$1] : 0) }
    let forbidden = zip(response, response.dropFirst()).count { word, next in
      word >= Self.words || !successors[topic][word].words.contains(next)
    }
    return sum / Double(Self.length).squareRoot() - Double(forbidden)
  }

  /// Texts of the language with random topics.
  package func texts(_ count: Int, using random: inout RandomSource) -> [WeightedText] {
    (0..<count).map { _ in
      let topic = random.integer(in: 0..<Self.topics)
      return WeightedText(prompt: prompt(topic: topic), response: response(topic: topic, using: &random))
    }
  }

  package static var generation: GenerationOptions {
    var options = GenerationOptions()
    (options.maximumTokens, options.batch) = (length, 512)
    return options
  }
}

/// A policy trained on the language, pairs of its own responses with labels drawn by the reward's difference, and a
/// monitor that compares it with what it wrote before.
struct GrammarStudy {
  let world: GrammarWorld
  let policy: Transformer
  let pairs: [PreferencePair]
  let monitor: PolicyMonitor

  init(pairs count: Int, random: RandomSource, log: ExperimentLog) throws {
    var stream = random.split("world")
    let world = GrammarWorld(using: &stream)
    policy = try smallDecoder(
      vocabulary: GrammarWorld.vocabulary, context: GrammarWorld.length + 1, using: &stream)
    try policy.pretrain(steps: 700, random: random.split("training"), log: log, title: "policy") {
      world.texts(64, using: &$1)
    }
    func prompts(_ count: Int, _ name: String) -> [[Int]] {
      var stream = random.split(name)
      return (0..<count).map { _ in world.prompt(topic: stream.integer(in: 0..<GrammarWorld.topics)) }
    }
    let asked = prompts(count, "pairs")
    var twice = GrammarWorld.generation
    twice.samples = 2
    let drawn = try policy.generate(asked, options: twice, random: random.split("responses"))
    var labels = random.split("labels")
    self.pairs = zip(asked, drawn).compactMap { prompt, drawn in
      let texts = drawn.map(\.tokens)
      let rewards = texts.map { world.reward(prompt: prompt, response: $0) }
      let first = labels.uniform() < 1 / (1 + exp(rewards[1] - rewards[0])) ? 0 : 1
      guard texts[0] != texts[1] else { return nil }
      return PreferencePair(prompt: prompt, chosen: texts[first], rejected: texts[1 - first])
    }
    let judged = prompts(512, "judged")
    let before = try policy.generate(
      judged, options: GrammarWorld.generation, random: random.split("competitors")
    ).map { $0[0].tokens }
    var monitor = try PolicyMonitor(
      prompts: judged, generation: GrammarWorld.generation,
      judge: { prompts, responses in zip(prompts, responses).map { world.reward(prompt: $0, response: $1) } },
      competitors: before, random: random.split("readings"))
    monitor.diversityBase = .power
    monitor.reference = try policy.copy()
    self.world = world
    self.monitor = monitor
  }

  /// What is seen after some epochs.
  struct Point {
    let epoch: Int
    let pairs: PreferenceReading
    let policy: PolicyReading
    var win: Double { policy.win?.value ?? .nan }
    var marginPerToken: Double { pairs.chosenPerToken - pairs.rejectedPerToken }
  }

  /// Trains a copy of the policy and reads it at some epochs, the beginning first.
  func trained(
    _ loss: PreferenceLoss, epochs: Int, learningRate: Double, readings: Set<Int>, seed: UInt64
  ) throws -> [Point] {
    let model = try policy.copy()
    var options = PreferenceOptions()
    (options.loss, options.batchSize, options.learningRate) = (loss, 32, learningRate)
    (options.validationFraction, options.watchedPairs, options.seed) = (0, pairs.count, seed)
    let stepsPerEpoch = (pairs.count + 31) / 32
    options.training = TrainingOptions(
      steps: epochs * stepsPerEpoch, clipNorm: 1, validateEvery: stepsPerEpoch)
    let training = try PreferenceTraining(model, pairs: pairs, options: options)
    var points = [
      Point(epoch: 0, pairs: try training.monitor.read(model), policy: try monitor.read(model))
    ]
    _ = try training.fit { step, reading, _ in
      let epoch = step / stepsPerEpoch
      guard readings.contains(epoch) else { return }
      points.append(Point(epoch: epoch, pairs: reading, policy: try monitor.read(model)))
    }
    return points
  }
}
