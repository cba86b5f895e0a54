import RealModule
import Torch

/// Texts of a hidden Markov chain: a state that moves by itself shows a token every time. With tokens that tell the state
/// it is a finite-state machine.
public struct HiddenMarkovLaw: SequentialLaw {
  private let initial: [Double]
  private let transitions: [[Double]]
  private let emissions: [[Double]]
  public let vocabularySize: Int

  /// - Parameters:
  ///   - initial: p of the first state; one number a state, of sum 1.
  ///   - transitions: a row a state with p of the next state.
  ///   - emissions: a row a state with p of every token.
  /// - Throws: ``LanguageError`` naming the row that is no probability law.
  public init(initial: [Double], transitions: [[Double]], emissions: [[Double]]) throws(LanguageError) {
    let count = initial.count
    let rows =
      [("initial", initial, count)] + transitions.enumerated().map { ("transitions, row \($0)", $1, count) }
      + emissions.enumerated().map { ("emissions, row \($0)", $1, emissions[0].count) }
    guard count > 0, transitions.count == count, emissions.count == count else {
      throw LanguageError(
        .badValue, file: "hidden Markov chain",
        found: "\(count) states, \(transitions.count) rows of transitions, \(emissions.count) of emissions",
        expected: "a row of each for every state")
    }
    for (place, row, size) in rows {
      try checkLaw(row, size: size, file: "hidden Markov chain", place: place)
    }
    (self.initial, self.transitions, self.emissions) = (initial, transitions, emissions)
    vocabularySize = emissions[0].count
  }

  public var start: [Double] { initial }

  /// p of the hidden state that shows the next token.
  public func state(after token: Int, in belief: [Double]) -> [Double] {
    let seen = belief.indices.map { belief[$0] * emissions[$0][token] }
    let total = seen.reduce(0, +)
    return belief.indices.map { next in
      seen.indices.reduce(0) { $0 + seen[$1] / total * transitions[$1][next] }
    }
  }

  public func logProbabilities(in belief: [Double]) -> [Double] {
    (0..<vocabularySize).map { token in
      .log(belief.indices.reduce(0) { $0 + belief[$1] * emissions[$1][token] })
    }
  }
}

/// Refuses numbers that are no probabilities of sum 1.
func checkLaw(_ row: [Double], size: Int, file: String, place: String) throws(LanguageError) {
  let sum = row.reduce(0, +)
  guard row.count == size, size > 0, row.allSatisfy({ $0 >= 0 && $0.isFinite }), abs(sum - 1) < 1e-9 else {
    throw LanguageError(
      .badValue, file: file, place: place, found: "\(row.count) numbers of sum \(sum)",
      expected: "\(size) numbers of at least 0 and sum 1")
  }
}
