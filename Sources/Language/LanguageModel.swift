import Torch

/// A law of texts, token by token: what scores, generates and is trained on likelihood.
///
/// Transformers, n-grams and finite-state chains are language models; what is written for one works with all.
public protocol LanguageModel {
  associatedtype Cache: LanguageCache
  /// Tokens are 0..<vocabularySize.
  var vocabularySize: Int { get }
  /// The most tokens that a text may have; `nil` where there is no limit.
  var contextLength: Int? { get }
  /// What the model remembers of texts that have not begun.
  func makeCache(batch: Int) -> Cache
  /// Logits of the token that follows every one of `tokens` `[batch, new]`, given what the cache remembers, which then
  /// remembers these too.
  ///
  /// - Parameter lastOnly: only of the token that follows the last one.
  /// - Returns: `[batch, new or 1, vocabularySize]`; a softmax gives probabilities.
  func logits(_ tokens: Tensor, cache: Cache, lastOnly: Bool) -> Tensor
  /// Logits of whole texts `[batch, length]` without memory, `[batch, length, vocabularySize]`: differentiable where the
  /// model is.
  func logits(_ tokens: Tensor) -> Tensor
  /// Runs `body`, which asks for logits of so many rows token by token, about as many times: a model may make itself
  /// ready for that.
  func generating<Result>(rows: Int, tokens: Int, _ body: () -> Result) -> Result
}

/// What a language model remembers of the texts of a batch.
public protocol LanguageCache: AnyObject {
  /// Slots of every row: its tokens and those that hold none.
  var length: Int { get }
  /// Leaves the first slots of the next pass empty, so many of every row, fewer than it has, so that texts of different
  /// lengths end together. At most once.
  func pad(_ counts: [Int])
  /// Forgets all slots but the first.
  func crop(to length: Int)
  /// An independent one with row `rows[i]` of this as row i.
  func fork(rows: [Int]) -> Self
}

extension LanguageModel {
  public func generating<Result>(rows: Int, tokens: Int, _ body: () -> Result) -> Result { body() }

  public func logits(_ tokens: Tensor) -> Tensor {
    logits(tokens, cache: makeCache(batch: tokens.size(0)), lastOnly: false)
  }
}
