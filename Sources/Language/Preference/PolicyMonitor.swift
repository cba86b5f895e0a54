import Foundation
import Probability
import Torch

/// What a policy writes, at one moment of its training.
public struct PolicyReading: Sendable, Hashable {
  /// Mean σ(r(y) − r(y′)) against the competitor's responses to the same prompts; `nil` without a judge.
  public var win: Estimate?
  /// Mean reward; `nil` without a judge.
  public var reward: Estimate?
  /// Of the laws of all drawn tokens, means: the entropy in bits of the k most probable tokens among themselves, and
  /// their probability together.
  public var topEntropy: Double
  public var topMass: Double
  /// Expectation-adjusted distinct n-grams of all responses.
  public var diversity: Double
  /// Mean number of tokens.
  public var length: Double
  /// Mean ln π(y)/π_ref(y) of its own responses, an estimate of KL(π‖π_ref) where they are drawn at temperature 1; `nil`
  /// without a reference.
  public var divergence: Estimate?

  /// Name and value, in the order in which they are logged.
  public var metrics: [(name: String, value: Double)] {
    var found = [
      ("generated_entropy", topEntropy), ("generated_mass", topMass), ("diversity", diversity),
      ("length", length),
    ]
    if let win { found += [("win", win.value), ("win_error", win.standardError)] }
    if let reward { found.append(("reward", reward.value)) }
    if let divergence { found.append(("divergence", divergence.value)) }
    return found
  }
}

/// Draws responses to the same prompts from the same streams again and again, judges and measures them.
public struct PolicyMonitor {
  /// Rewards of responses to prompts, one each, finite.
  public typealias Judge = (_ prompts: [[Int]], _ responses: [[Int]]) throws -> [Double]

  public let prompts: [[Int]]
  /// One response a prompt is drawn.
  public var generation: GenerationOptions
  /// Tokens whose law is looked at.
  public var topTokens = 10
  public var diversityBase = TextDiversity.Base.vocabulary
  /// What the divergence is taken from.
  public var reference: Transformer?
  private let judge: Judge?
  private let competitors: [Double]
  private let random: RandomSource

  /// - Parameters:
  ///   - judge: rewards responses; win rates and rewards need one.
  ///   - competitors: responses to the same prompts that the policy is compared with.
  ///   - random: every reading draws from the same streams.
  /// - Throws: ``LanguageError`` where prompts and responses do not fit each other or rewards are not finite; what the judge
  ///   throws.
  public init(
    prompts: [[Int]], generation: GenerationOptions, judge: Judge? = nil, competitors: [[Int]]? = nil,
    random: RandomSource
  ) throws {
    guard !prompts.isEmpty else {
      throw LanguageError(.badValue, file: "prompts", found: "none", expected: "at least one")
    }
    (self.prompts, self.generation, self.judge, self.random) = (prompts, generation, judge, random)
    if let judge, let competitors {
      guard competitors.count == prompts.count else {
        throw LanguageError(
          .badValue, file: "competitor", found: "\(competitors.count) responses",
          expected: "one to each of the \(prompts.count) prompts")
      }
      self.competitors = try Self.rewards(judge, prompts, competitors)
    } else {
      self.competitors = []
    }
  }

  /// One response a prompt, always from the same streams.
  public func responses(of model: some LanguageModel) throws(LanguageError) -> [Generation] {
    var options = generation
    (options.samples, options.statistics) = (1, topTokens)
    return try model.generate(prompts, options: options, random: random).map { $0[0] }
  }

  /// - Throws: ``LanguageError``; what the judge throws.
  public func read(_ model: some LanguageModel) throws -> PolicyReading {
    let drawn = try responses(of: model)
    let texts = drawn.map(\.tokens)
    let laws = drawn.flatMap(\.alternatives).map { $0.map(\.logProbability) }
    let top = laws.map(Self.entropyAndMass)
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    var reading = PolicyReading(
      topEntropy: mean(top.map(\.entropy)), topMass: mean(top.map(\.mass)),
      diversity: TextDiversity(texts, vocabularySize: model.vocabularySize, base: diversityBase).mean,
      length: mean(texts.map { Double($0.count) }))
    if let judge {
      let rewards = try Self.rewards(judge, prompts, texts)
      reading.reward = Estimate(meanOf: rewards)
      if !competitors.isEmpty {
        reading.win = Estimate(meanOf: zip(rewards, competitors).map { 1 / (1 + exp($1 - $0)) })
      }
    }
    if let reference {
      let items = zip(prompts, texts).map { ScoringItem(prompt: $0, continuations: [$1]) }
      let known = try reference.score(items).map { $0[0].logLikelihood }
      reading.divergence = Estimate(
        meanOf: zip(drawn, known).map { $0.logProbabilities.reduce(0, +) - $1 })
    }
    return reading
  }

  /// Of the most probable tokens' log-probabilities: the entropy in bits of their shares, and their sum.
  static func entropyAndMass(_ logs: [Double]) -> (entropy: Double, mass: Double) {
    let mass = logs.reduce(0) { $0 + exp($1) }
    let entropy = logs.reduce(0.0) { sum, log in
      let share = exp(log) / mass
      return share > 0 ? sum - share * Foundation.log2(share) : sum
    }
    return (entropy, mass)
  }

  private static func rewards(_ judge: Judge, _ prompts: [[Int]], _ responses: [[Int]]) throws -> [Double] {
    let found = try judge(prompts, responses)
    guard found.count == responses.count, found.allSatisfy(\.isFinite) else {
      throw LanguageError(
        .badValue, file: "judge",
        found: found.count == responses.count
          ? "a reward that is not finite" : "\(found.count) rewards of \(responses.count) responses",
        expected: "a finite number a response")
    }
    return found
  }
}
