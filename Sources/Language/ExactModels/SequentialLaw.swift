import Torch

/// A law of texts whose conditionals are known exactly, token by token: for tests, and as an oracle.
public protocol SequentialLaw: Sendable {
  /// What of a text decides what follows.
  associatedtype State: Sendable
  /// Tokens are 0..<vocabularySize.
  var vocabularySize: Int { get }
  /// Before the first token.
  var start: State { get }
  /// After one token more.
  func state(after token: Int, in state: State) -> State
  /// log p of every token that may come next, `vocabularySize` numbers.
  func logProbabilities(in state: State) -> [Double]
}

/// A ``SequentialLaw`` as a language model; its logits are log-probabilities, in `Double` on the processor.
///
/// It works row by row and token by token, which is fast enough for what it is for.
public struct ExactLanguageModel<Law: SequentialLaw>: LanguageModel {
  public let law: Law

  public init(_ law: Law) { self.law = law }

  public var vocabularySize: Int { law.vocabularySize }
  public var contextLength: Int? { nil }
  public func makeCache(batch: Int) -> ExactCache<Law> { ExactCache(law, batch: batch) }

  public func logits(_ tokens: Tensor, cache: ExactCache<Law>, lastOnly: Bool) -> Tensor {
    let (batch, new) = (tokens.size(0), tokens.size(1))
    let all = cache.append(tokens.integers, new: new)
    let slots = lastOnly ? new - 1..<new : 0..<new
    let values = all.flatMap { states in slots.flatMap { law.logProbabilities(in: states[$0]) } }
    return Tensor(values, shape: [batch, slots.count, vocabularySize])
  }

  /// log p of a text from its very first token on, in nats.
  public func logProbability(_ tokens: [Int]) -> Double {
    var (state, sum) = (law.start, 0.0)
    for token in tokens {
      sum += law.logProbabilities(in: state)[token]
      state = law.state(after: token, in: state)
    }
    return sum
  }
}

/// The states of a batch of texts after every one of their tokens.
public final class ExactCache<Law: SequentialLaw>: LanguageCache {
  private let law: Law
  /// Of every row, after so many slots; empty slots leave the state as it was.
  private var states: [[Law.State]]
  private var padding: [Int]?

  fileprivate init(_ law: Law, batch: Int) {
    self.law = law
    states = Array(repeating: [law.start], count: batch)
  }

  private init(_ law: Law, states: [[Law.State]]) { (self.law, self.states) = (law, states) }

  public var length: Int { states[0].count - 1 }

  public func pad(_ counts: [Int]) {
    precondition(counts.count == states.count, "pad: \(counts.count) counts for \(states.count) rows")
    padding = counts
  }

  public func crop(to length: Int) {
    precondition((0...self.length).contains(length), "crop: \(length) of \(self.length) tokens")
    let dropped = self.length - length
    for row in states.indices { states[row].removeLast(dropped) }
  }

  public func fork(rows: [Int]) -> ExactCache<Law> { ExactCache(law, states: rows.map { states[$0] }) }

  /// - Returns: of every row the states after the new tokens.
  fileprivate func append(_ tokens: [Int], new: Int) -> [[Law.State]] {
    for row in states.indices {
      for slot in 0..<new {
        let last = states[row][states[row].count - 1]
        let isEmpty = slot < padding?[row] ?? 0
        states[row].append(isEmpty ? last : law.state(after: tokens[row * new + slot], in: last))
      }
    }
    padding = nil
    return states.map { Array($0.suffix(new)) }
  }
}
