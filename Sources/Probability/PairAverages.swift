import Torch

// What the two-sample metrics have in common: averages of a function of two draws over all pairs.

/// Which average over pairs stands for an expectation over two independent draws.
public enum PairAverage: Sendable, Hashable {
  /// Over pairs of different draws (U-statistic): unbiased for equal weights, may be negative.
  case unbiased
  /// Over all pairs (V-statistic): ≥ 0, biased upwards by O(1/n).
  case biased
}

/// Draws as rows of `Double`.
func asRows(_ x: Tensor) -> Tensor {
  precondition(x.rank == 1 || x.rank == 2, "draws have the shape [n] or [n, d], not \(x.shape)")
  precondition(x.size(0) > 0, "there are no draws in the shape \(x.shape)")
  return (x.rank == 1 ? x.unsqueeze(-1) : x).detach().to(.double)
}

/// The most elements that a block of a pair matrix has: 32 MB of `Double`.
let pairBlock = 1 << 22

/// Draws with weights that sum to 1.
struct WeightedRows {
  let rows: Tensor
  let weights: Tensor

  init(_ x: Tensor, _ logWeights: Tensor?) {
    rows = asRows(x)
    weights = normalisedWeights(logWeights, rows: rows)
  }
}

/// The weighted mean of `value(a, b)` over all pairs of rows.
func pairMean(_ a: WeightedRows, _ b: WeightedRows, _ value: (Tensor, Tensor) -> Tensor) -> Double {
  precondition(
    a.rows.size(1) == b.rows.size(1),
    "draws of \(a.rows.size(1)) and of \(b.rows.size(1)) numbers cannot be compared")
  // A Swift sum over blocks costs one wait a block; a block is large enough for that not to matter.
  let size = max(1, pairBlock / b.rows.size(0))
  return zip(a.rows.split(size), a.weights.split(size)).reduce(0) {
    $0 + $1.1.dot(value($1.0, b.rows).matmul(b.weights)).item()
  }
}

/// The weighted mean over pairs within one sample; the unbiased one leaves out each draw paired with itself.
func pairMean(within a: WeightedRows, _ average: PairAverage, _ value: (Tensor, Tensor) -> Tensor) -> Double {
  guard average == .unbiased else { return pairMean(a, a, value) }
  // A kernel of a difference has the same value on the whole diagonal.
  let diagonal = value(a.rows[0..<1], a.rows[0..<1]).item()
  let selves = a.weights.square().sum().item()
  precondition(selves < 1, "an unbiased average over pairs needs at least 2 draws with weight")
  return (pairMean(a, a, value) - selves * diagonal) / (1 - selves)
}
