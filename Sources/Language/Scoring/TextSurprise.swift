import Foundation
import Torch

/// How a model finds a long text, read through a window.
public struct TextSurprise: Sendable, Hashable {
  /// −log p of every token but the first, in nats, in all.
  public let nats: Double
  /// Tokens that were predicted.
  public let tokens: Int

  public var natsPerToken: Double { nats / Double(tokens) }
  /// exp of the nats a token.
  public var perplexity: Double { exp(natsPerToken) }
}

extension LanguageModel {
  /// The surprise of a text of any length: every token but the first is predicted once, from at least `window − stride`
  /// tokens before it where there are so many.
  ///
  /// - Parameters:
  ///   - tokens: at least two.
  ///   - window: tokens that are read at once, at least 2 and at most the model's context, which it is when `nil` (1024
  ///     without a limit).
  ///   - stride: tokens that a window adds, in 1..<window; half the window when `nil`. The smaller, the better the
  ///     predictions and the longer it takes.
  /// - Throws: ``LanguageError``.
  public func surprise(of tokens: [Int], window: Int? = nil, stride: Int? = nil, tokensPerBatch: Int = 8192)
    throws(LanguageError) -> TextSurprise
  {
    let window = window ?? min(contextLength ?? 1024, max(2, tokens.count))
    let stride = stride ?? max(1, window / 2)
    guard tokens.count >= 2 else {
      throw LanguageError(.badValue, file: "text", found: "\(tokens.count) tokens", expected: "at least 2")
    }
    guard window >= 2, fits(window) else {
      throw LanguageError(
        .badValue, file: "text", place: "window", found: "\(window)",
        expected: "2 to the model's \(contextLength.map(String.init) ?? "any") positions")
    }
    guard (1..<window).contains(stride) else {
      throw LanguageError(
        .badValue, file: "text", place: "stride", found: "\(stride)", expected: "1 to \(window - 1)")
    }
    var items: [ScoringItem] = []
    var start = 1
    while start < tokens.count {
      let end = min(tokens.count, start == 1 ? window : start + stride)
      let first = max(0, end - window)
      items.append(
        ScoringItem(prompt: Array(tokens[first..<start]), continuations: [Array(tokens[start..<end])]))
      start = end
    }
    let scores = try score(items, tokensPerBatch: tokensPerBatch)
    return TextSurprise(
      nats: -scores.reduce(0) { $0 + $1[0].logLikelihood }, tokens: tokens.count - 1)
  }
}
