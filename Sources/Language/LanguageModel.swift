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
  /// A cache of prompts, a row each, and the logits `[prompts, vocabularySize]` of what follows them: what several begin
  /// with may be read once for all.
  ///
  /// - Parameter beginning: of all these prompts, and shorter than each.
  func read(_ prompts: [[Int]], after beginning: PromptBeginning<Cache>?) -> (cache: Cache, logits: Tensor)
  /// Runs `body`, which asks for logits of so many rows token by token, about as many times: a model may make itself
  /// ready for that.
  func generating<Result>(rows: Int, tokens: Int, _ body: () -> Result) -> Result
}

/// Tokens that were read, and what a model remembers of them.
public struct PromptBeginning<Cache: LanguageCache> {
  /// How many they are.
  public let tokens: Int
  /// Of one row.
  public let cache: Cache

  public init(tokens: Int, cache: Cache) { (self.tokens, self.cache) = (tokens, cache) }
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

  public func read(_ prompts: [[Int]], after beginning: PromptBeginning<Cache>?) -> (
    cache: Cache, logits: Tensor
  ) {
    readRows(prompts.map { Array($0[(beginning?.tokens ?? 0)...]) }, after: beginning)
  }

  /// A cache of so many rows that remember the same.
  func makeCache(batch: Int, after beginning: PromptBeginning<Cache>?) -> Cache {
    beginning?.cache.fork(rows: Array(repeating: 0, count: batch)) ?? makeCache(batch: batch)
  }

  /// Reads what is left of prompts side by side, shorter ones behind empty slots.
  func readRows(_ rests: [[Int]], after beginning: PromptBeginning<Cache>?) -> (
    cache: Cache, logits: Tensor
  ) {
    let cache = makeCache(batch: rests.count, after: beginning)
    let longest = rests.map(\.count).max() ?? 0
    let paddings = rests.map { longest - $0.count }
    cache.pad(paddings)
    let tokens = zip(rests, paddings).map { Array(repeating: 0, count: $1) + $0 }
    return (cache, logits(Tensor(rows: tokens), cache: cache, lastOnly: true).squeeze(1))
  }

  /// What all prompts begin with, read; `nil` where that is nothing, or one prompt is all there is.
  func readBeginning(of prompts: [[Int]]) -> PromptBeginning<Cache>? {
    guard prompts.count > 1 else { return nil }
    // One token of every prompt is left, for the logits that follow it.
    let shortest = prompts.map(\.count).min()! - 1
    let common = (0..<shortest).first { i in prompts.contains { $0[i] != prompts[0][i] } } ?? shortest
    guard common > 0 else { return nil }
    let cache = makeCache(batch: 1)
    _ = logits(Tensor(Array(prompts[0][..<common])).unsqueeze(0), cache: cache, lastOnly: true)
    return PromptBeginning(tokens: common, cache: cache)
  }

  public func logits(_ tokens: Tensor) -> Tensor {
    logits(tokens, cache: makeCache(batch: tokens.size(0)), lastOnly: false)
  }
}
