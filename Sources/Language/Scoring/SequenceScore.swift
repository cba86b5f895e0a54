import Foundation
import Torch

/// How probable a model finds a continuation.
public struct SequenceScore: Sendable {
  /// log p of every token given all before it, in nats.
  public let tokenLogProbabilities: [Double]
  /// The model's hidden state at every position that predicts a token, `[tokens, width]`; only on request.
  public let hiddenStates: Tensor?

  public init(tokenLogProbabilities: [Double], hiddenStates: Tensor? = nil) {
    (self.tokenLogProbabilities, self.hiddenStates) = (tokenLogProbabilities, hiddenStates)
  }

  public var tokens: Int { tokenLogProbabilities.count }

  /// log p of the continuation, in nats.
  public var logLikelihood: Double { tokenLogProbabilities.reduce(0, +) }

  /// exp of the mean surprise of its tokens.
  public var perplexity: Double { exp(-logLikelihood / Double(tokens)) }
}

/// A prompt with the continuations whose probability is asked for.
public struct ScoringItem: Sendable, Hashable {
  public var prompt: [Int]
  public var continuations: [[Int]]

  public init(prompt: [Int], continuations: [[Int]]) {
    (self.prompt, self.continuations) = (prompt, continuations)
  }
}

/// A language model that finds log-probabilities of continuations faster than by the logits of whole texts.
public protocol ContinuationScoring: LanguageModel {
  /// Scores of items that ``LanguageModel/score(_:tokensPerBatch:hiddenStates:)`` has checked, in their order.
  func scores(of items: [ScoringItem], tokensPerBatch: Int, hiddenStates: Bool) -> [[SequenceScore]]
}

extension LanguageModel {
  /// log p of continuations of prompts, token by token.
  ///
  /// - Parameters:
  ///   - items: prompts of at least one token; continuations may be empty.
  ///   - tokensPerBatch: read side by side; results do not depend on it beyond rounding.
  ///   - hiddenStates: keeps them, where the model has any.
  /// - Returns: a score for every continuation of every item.
  /// - Throws: ``LanguageError`` for an empty prompt, a token outside the vocabulary, or a text longer than the model's
  ///   context; see ``LanguageModel/fits(_:)``.
  /// - Complexity: a transformer reads what texts begin with in common once, a prompt for all its continuations above all,
  ///   and finds logits only where a token of a continuation follows.
  public func score(_ items: [ScoringItem], tokensPerBatch: Int = 8192, hiddenStates: Bool = false)
    throws(LanguageError) -> [[SequenceScore]]
  {
    precondition(tokensPerBatch > 0, "score: \(tokensPerBatch) tokens a batch")
    for (i, item) in items.enumerated() {
      let place = "item \(i)"
      guard !item.prompt.isEmpty else {
        throw LanguageError(
          .badValue, file: "texts", place: place, found: "a prompt of no tokens",
          expected: "at least one, such as the token that begins a text")
      }
      for tokens in [item.prompt] + item.continuations {
        if let token = tokens.first(where: { !(0..<vocabularySize).contains($0) }) {
          throw LanguageError(
            .badValue, file: "texts", place: place, found: "token \(token)",
            expected: "tokens 0 to \(vocabularySize - 1)")
        }
      }
      if let contextLength,
        let longest = item.continuations.first(where: { !fits(item.prompt.count + $0.count) })
      {
        throw LanguageError(
          .tooLong, file: "texts", place: place, found: "\(item.prompt.count + longest.count) tokens",
          expected: "at most the model's \(contextLength) positions")
      }
    }
    return withoutGradient {
      if let fast = self as? any ContinuationScoring {
        return fast.scores(of: items, tokensPerBatch: tokensPerBatch, hiddenStates: hiddenStates)
      }
      return items.map { item in
        item.continuations.map { SequenceScore(tokenLogProbabilities: direct(item.prompt, $0)) }
      }
    }
  }

  /// Whether a text of so many tokens can be scored.
  public func fits(_ tokens: Int) -> Bool { contextLength.map { tokens <= $0 } ?? true }

  private func direct(_ prompt: [Int], _ continuation: [Int]) -> [Double] {
    guard !continuation.isEmpty else { return [] }
    let text = Tensor(prompt + continuation.dropLast()).unsqueeze(0)
    let logs = logits(text)[0].slice(axis: 0, start: prompt.count - 1).to(.double).logSoftmax(-1)
    return logs.gather(axis: 1, Tensor(continuation).unsqueeze(1)).squeeze(1).doubles
  }
}
