import Foundation
import Torch

/// A policy with finitely many states, which writes so many tokens and succeeds where it ends in a goal: success from
/// every prefix, contrastive scores and rollouts are exact.
public struct TokenChain: Sendable, Hashable {
  /// π(token | state), `[state][token]`.
  public let law: [[Double]]
  /// The state after a token.
  public let next: [[Int]]
  /// Tokens of a text.
  public let horizon: Int
  public let goals: Set<Int>
  /// V: the probability of success after so many tokens in a state, `[time][state]`, time from 0 to the horizon.
  public let success: [[Double]]

  /// - Throws: ``LanguageError`` where a row is no law, or a state or the horizon is out of range.
  public init(law: [[Double]], next: [[Int]], horizon: Int, goals: Set<Int>) throws(LanguageError) {
    func failure(_ place: String, _ found: String, _ expected: String) -> LanguageError {
      LanguageError(.badValue, file: "chain", place: place, found: found, expected: expected)
    }
    let (states, tokens) = (law.count, law.first?.count ?? 0)
    guard states > 0, tokens > 0 else { throw failure("law", "nothing", "a row of probabilities a state") }
    for (state, row) in law.enumerated() {
      guard row.count == tokens, row.allSatisfy({ $0 >= 0 }), abs(row.reduce(0, +) - 1) < 1e-9 else {
        throw failure("law, state \(state)", "\(row)", "\(tokens) probabilities that add up to 1")
      }
    }
    guard next.count == states,
      next.allSatisfy({ $0.count == tokens && $0.allSatisfy((0..<states).contains) })
    else { throw failure("next", "\(next)", "a state of 0 to \(states - 1) for every state and token") }
    guard horizon >= 1 else { throw failure("horizon", "\(horizon)", "at least 1") }
    guard goals.allSatisfy((0..<states).contains) else {
      throw failure("goals", "\(goals.sorted())", "states of 0 to \(states - 1)")
    }
    (self.law, self.next, self.horizon, self.goals) = (law, next, horizon, goals)
    var success = [(0..<states).map { goals.contains($0) ? 1.0 : 0 }]
    for _ in 0..<horizon {
      let later = success[0]
      success.insert(
        (0..<states).map { state in zip(law[state], next[state]).reduce(0) { $0 + $1.0 * later[$1.1] } },
        at: 0)
    }
    self.success = success
  }

  /// The laws of the next token among texts that succeed and among texts that fail, p⁺ = πV′/V and
  /// p⁻ = π(1 − V′)/(1 − V); π itself where there are no such texts.
  public func conditioned(time: Int, state: Int) -> (positive: [Double], negative: [Double]) {
    let value = success[time][state]
    let later = next[state].map { success[time + 1][$0] }
    let row = law[state]
    return (
      value > 0 ? zip(row, later).map { $0 * $1 / value } : row,
      value < 1 ? zip(row, later).map { $0 * (1 - $1) / (1 - value) } : row
    )
  }

  /// s of every next token: softmax((1 + β) ln p⁺ − β ln p⁻); π where success or failure is certain before it.
  public func contrastiveScores(time: Int, state: Int, beta: Double = 1) -> [Double] {
    let value = success[time][state]
    guard value > 0, value < 1 else { return law[state] }
    let (positive, negative) = conditioned(time: time, state: state)
    let weights = zip(positive, negative).map { p, q in
      // A token after which nothing fails counts as failing with a probability that Double still holds.
      p > 0 ? exp((1 + beta) * log(p) - beta * log(max(q, 1e-300))) : 0
    }
    guard let infinite = weights.firstIndex(of: .infinity) else {
      let sum = weights.reduce(0, +)
      return weights.map { $0 / sum }
    }
    return weights.indices.map { $0 == infinite ? 1 : 0 }
  }

  /// Tokens from a state on until the horizon, and the states before, between and after them.
  public func sample(time: Int = 0, state: Int = 0, using random: inout RandomSource) -> (
    tokens: [Int], states: [Int]
  ) {
    var (tokens, states) = ([Int](), [state])
    for _ in time..<horizon {
      let row = law[states.last!]
      var left = random.uniform()
      var token = 0
      while token < row.count - 1, left >= row[token] {
        left -= row[token]
        token += 1
      }
      tokens.append(token)
      states.append(next[states.last!][token])
    }
    return (tokens, states)
  }

  /// How many of `count` texts from every state of a path on succeed, the state after the first token first.
  public func rollouts(along states: [Int], count: Int, random: RandomSource) -> [Int] {
    states.indices.dropFirst().map { time in
      var stream = random.split(time)
      return (0..<count).count { _ in
        goals.contains(sample(time: time, state: states[time], using: &stream).states.last!)
      }
    }
  }
}
