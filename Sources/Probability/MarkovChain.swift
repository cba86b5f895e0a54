import RealModule
import Torch

/// A Markov chain over `symbols` symbols, whose every law over sequences is known.
public struct MarkovChain: Sendable {
  /// P(x₁), `[symbols]`.
  public let initial: Tensor
  /// P(next | present), `[symbols, symbols]`, a row for every present symbol.
  public let transition: Tensor

  public var symbols: Int { initial.size(0) }

  /// - Parameters:
  ///   - initial: `[symbols]`, probabilities.
  ///   - transition: `[symbols, symbols]`, probabilities whose rows sum to 1.
  /// - Throws: ``ParameterError``.
  public init(initial: Tensor, transition: Tensor) throws(ParameterError) {
    let check = ParameterCheck("MarkovChain")
    guard initial.rank == 1, initial.count > 0 else {
      throw check.error("initial", found: "of shape \(initial.shape)", expected: "[symbols]")
    }
    let n = initial.count
    guard transition.shape == [n, n] else {
      throw check.error("transition", found: "of shape \(transition.shape)", expected: "[\(n), \(n)]")
    }
    let parts = [("initial", initial.to(.double)), ("transition", transition.to(.double))]
    for (name, value) in parts {
      try check.probability(name, value)
      try check.require("the sum of \(name)", value.sum(-1), "1") { ($0 - 1).abs() .< 1e-6 }
    }
    (self.initial, self.transition) = (parts[0].1, parts[1].1)
  }

  /// Sequences, `[count, length]`, `Int64`.
  public func sample(_ count: Int, length: Int, using random: inout RandomSource) -> Tensor {
    precondition(length > 0, "MarkovChain: sequences of length \(length)")
    guard count > 0 else { return .zeros([0, length], dtype: .int64) }
    var columns = [random.categorical(initial, count: count)]
    for _ in 1..<length {
      let rows = transition.select(axis: 0, columns[columns.count - 1])
      columns.append(random.categorical(rows, count: 1).squeeze(1))
    }
    return .stack(columns, axis: 1)
  }

  /// log P of sequences `[n, length]`: `[n]`.
  public func logProbability(_ tokens: Tensor) -> Tensor {
    let first = initial.log().select(axis: 0, tokens[.all, 0])
    let length = tokens.size(1)
    guard length > 1 else { return first }
    let pairs =
      tokens.slice(axis: 1, start: 0, end: length - 1) * Double(symbols)
      + tokens.slice(axis: 1, start: 1)
    return first + Tensor.embedding(transition.log().reshape(-1, 1), pairs).squeeze(-1).sum(1)
  }

  /// P(xᵢ = v | evidence) for every position of many sequences at once, by the forward-backward recursion.
  ///
  /// - Parameter evidence: likelihoods `[n, length, symbols]`, ≥ 0 of any scale: ones where nothing is known, the indicator
  ///   of a symbol where it is seen.
  /// - Returns: `[n, length, symbols]`, `Double`; NaN for a row whose evidence the chain cannot produce.
  /// - Complexity: 2·`length` products of `[n, symbols]` with the transition matrix.
  public func marginals(given evidence: Tensor) -> Tensor {
    let likelihoods = evidence.to(.double)
    let length = likelihoods.size(1)
    precondition(
      likelihoods.rank == 3 && length > 0 && likelihoods.size(2) == symbols,
      "MarkovChain.marginals: evidence of shape \(likelihoods.shape), [n, length, \(symbols)] is expected")
    let columns = (0..<length).map { likelihoods[.all, $0] }
    // Messages are scaled to a sum of 1, so that long sequences do not underflow.
    func scaled(_ message: Tensor) -> Tensor { message / message.sum(1, keep: true) }
    var forward = [scaled(initial * columns[0])]
    for column in columns.dropFirst() {
      forward.append(scaled(forward[forward.count - 1].matmul(transition) * column))
    }
    let transposed = transition.transposed.contiguous()
    var result = [forward[length - 1]]
    var backward = columns[length - 1]
    for i in stride(from: length - 2, through: 0, by: -1) {
      let message = scaled(backward.matmul(transposed))
      result.append(scaled(forward[i] * message))
      backward = message * columns[i]
    }
    return .stack(result.reversed(), axis: 1)
  }

  /// The chain's sequences of `length` weighted by exp(λ r), for r the mean over positions 3… of a score of three
  /// successive symbols.
  ///
  /// - Parameter score: `[symbols, symbols, symbols]`, of a symbol (last) after two others, finite.
  /// - Returns: log E[exp(λ r)], and the mean of r under the weighted law: the derivative of the former in λ.
  /// - Complexity: O(`length`·symbols³).
  public func tilted(byMeanOf score: Tensor, strength: Double, length: Int) -> (
    logNormaliser: Double, meanScore: Double
  ) {
    precondition(
      score.shape == [symbols, symbols, symbols] && length >= 3,
      "MarkovChain.tilted: a score of shape \(score.shape) for length \(length)")
    // The weight of a pair of symbols with all that comes before it, and its derivative in λ; both scaled to a sum of 1.
    let share = score.to(.double) / Double(length - 2)
    let step = transition.unsqueeze(0) * (strength * share).exp()
    let slope = (share * step).filled(where: step .== 0, with: 0)
    var weights = initial.unsqueeze(1) * transition
    var derivatives = Tensor.zeros(like: weights)
    var logNormaliser = 0.0
    for _ in 2..<length {
      derivatives = (derivatives.unsqueeze(-1) * step + weights.unsqueeze(-1) * slope).sum(0)
      weights = (weights.unsqueeze(-1) * step).sum(0)
      let total = weights.sum()
      (weights, derivatives) = (weights / total, derivatives / total)
      logNormaliser += .log(total.item())
    }
    return (logNormaliser, derivatives.sum().item())
  }
}
