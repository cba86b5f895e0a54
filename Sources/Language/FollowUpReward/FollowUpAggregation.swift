import Foundation

/// How log-likelihoods of follow-ups make a reward (Zhang et al. 2025).
public struct FollowUpAggregation: Sendable, Hashable {
  /// What a follow-up's tokens make.
  public enum Tokens: String, Sendable, Hashable, CaseIterable {
    case mean, sum
  }

  /// What the follow-ups of a list make.
  public enum Lists: String, Sendable, Hashable, CaseIterable {
    case mean
    /// log mean exp.
    case logMeanExp = "log-mean-exp"
  }

  /// Which lists count: the difference, or one of them.
  public enum Polarity: String, Sendable, Hashable, CaseIterable {
    case both, positive, negative
  }

  public var tokens = Tokens.mean
  public var lists = Lists.mean
  public var polarity = Polarity.both

  public init() {}

  /// ℓ of a follow-up.
  public func value(_ tokenLogProbabilities: [Double]) -> Double {
    let sum = tokenLogProbabilities.reduce(0, +)
    return tokens == .sum ? sum : sum / Double(tokenLogProbabilities.count)
  }

  /// Of the ℓ of a list.
  public func list(_ values: [Double]) -> Double {
    switch lists {
    case .mean: return values.reduce(0, +) / Double(values.count)
    case .logMeanExp:
      let top = values.max() ?? 0
      return top + log(values.reduce(0) { $0 + exp($1 - top) } / Double(values.count))
    }
  }

  /// The reward of one category, from its two lists.
  public func reward(positive: Double?, negative: Double?) -> Double? {
    switch polarity {
    case .both: if let positive, let negative { positive - negative } else { nil }
    case .positive: positive
    case .negative: negative.map { -$0 }
    }
  }
}

/// ℓ of all follow-ups after one dialogue, and the reward they make.
public struct FollowUpScore: Sendable, Hashable {
  public struct Category: Sendable, Hashable {
    public let name: String
    /// ℓ of every follow-up.
    public let positive: [Double]
    public let negative: [Double]
    /// `nil` where the polarity asks for a list that is empty.
    public let reward: Double?
  }

  public let categories: [Category]
  /// Mean of the categories' rewards.
  public let reward: Double

  /// - Parameters:
  ///   - values: log-probabilities of the tokens of every follow-up, by category, the positive ones first.
  init(
    _ values: [(name: String, positive: [[Double]], negative: [[Double]])], aggregation: FollowUpAggregation
  ) {
    categories = values.map { category in
      let (positive, negative) = (
        category.positive.map(aggregation.value), category.negative.map(aggregation.value)
      )
      func list(_ values: [Double]) -> Double? { values.isEmpty ? nil : aggregation.list(values) }
      return Category(
        name: category.name, positive: positive, negative: negative,
        reward: aggregation.reward(positive: list(positive), negative: list(negative)))
    }
    let rewards = categories.compactMap(\.reward)
    reward = rewards.reduce(0, +) / Double(rewards.count)
  }
}

/// Follow-ups as tokens, by category.
public struct FollowUpTokens: Sendable, Hashable {
  public struct Category: Sendable, Hashable {
    public var name: String
    public var positive: [[Int]]
    public var negative: [[Int]]

    public init(name: String, positive: [[Int]], negative: [[Int]]) {
      (self.name, self.positive, self.negative) = (name, positive, negative)
    }
  }

  public var categories: [Category]

  public init(_ categories: [Category]) { self.categories = categories }

  var all: [[Int]] { categories.flatMap { $0.positive + $0.negative } }
}

extension LanguageModel {
  /// Scores dialogues, tokens each, by how likely the follow-ups are behind them.
  ///
  /// - Returns: a score a dialogue.
  /// - Throws: ``LanguageError`` where there are no follow-ups, or a dialogue with one of them does not fit the model.
  /// - Complexity: a transformer reads a dialogue once, and what follow-ups begin with in common once: about
  ///   |D| + Σ|f| tokens a dialogue instead of Σ(|D| + |f|).
  public func followUpScores(
    of dialogues: [[Int]], followUps: FollowUpTokens,
    aggregation: FollowUpAggregation = FollowUpAggregation(),
    tokensPerBatch: Int = 8192
  ) throws(LanguageError) -> [FollowUpScore] {
    try scores(
      of: dialogues.map { ($0, followUps) }, aggregation: aggregation, tokensPerBatch: tokensPerBatch)
  }

  /// The same with follow-ups of their own for every dialogue.
  func scores(
    of dialogues: [(tokens: [Int], followUps: FollowUpTokens)], aggregation: FollowUpAggregation,
    tokensPerBatch: Int
  ) throws(LanguageError) -> [FollowUpScore] {
    for (i, dialogue) in dialogues.enumerated() {
      let used = dialogue.followUps.categories.contains { category in
        switch aggregation.polarity {
        case .both: !category.positive.isEmpty && !category.negative.isEmpty
        case .positive: !category.positive.isEmpty
        case .negative: !category.negative.isEmpty
        }
      }
      guard used, !dialogue.followUps.all.contains([]) else {
        throw LanguageError(
          .badValue, file: "follow-ups", place: "dialogue \(i)",
          found: used ? "an empty one" : "no category with the \(aggregation.polarity.rawValue) lists",
          expected: "at least one follow-up of at least one token in each list that counts")
      }
    }
    let items = dialogues.map { ScoringItem(prompt: $0.tokens, continuations: $0.followUps.all) }
    let found = try score(items, tokensPerBatch: tokensPerBatch)
    return zip(dialogues, found).map { dialogue, scores in
      var rest = scores[...]
      func take(_ count: Int) -> [[Double]] {
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count).map(\.tokenLogProbabilities)
      }
      return FollowUpScore(
        dialogue.followUps.categories.map { ($0.name, take($0.positive.count), take($0.negative.count)) },
        aggregation: aggregation)
    }
  }
}
