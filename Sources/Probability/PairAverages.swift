import Torch

// What the two-sample metrics have in common: averages of a function of two draws over all pairs.

/// Which average over pairs stands for an expectation over two independent draws.
public enum PairAverage: Sendable, Hashable {
  /// Over pairs of different draws (U-statistic): unbiased, may be negative.
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

/// The mean of `value(a, b)` over all pairs of rows.
func pairMean(_ a: Tensor, _ b: Tensor, _ value: (Tensor, Tensor) -> Tensor) -> Double {
  precondition(a.size(1) == b.size(1), "draws of \(a.size(1)) and of \(b.size(1)) numbers cannot be compared")
  return pairSum(a, b, value) / (Double(a.size(0)) * Double(b.size(0)))
}

/// The mean over pairs within one sample; the unbiased one leaves out each draw paired with itself.
func pairMean(within a: Tensor, _ average: PairAverage, _ value: (Tensor, Tensor) -> Tensor) -> Double {
  let n = a.size(0)
  guard average == .unbiased else { return pairMean(a, a, value) }
  precondition(n >= 2, "an unbiased average over pairs needs at least 2 draws")
  // A kernel of a difference has the same value on the whole diagonal.
  let diagonal = value(a[0..<1], a[0..<1]).item()
  return (pairSum(a, a, value) - Double(n) * diagonal) / (Double(n) * Double(n - 1))
}

private func pairSum(_ a: Tensor, _ b: Tensor, _ value: (Tensor, Tensor) -> Tensor) -> Double {
  // A Swift sum over blocks costs one wait a block; a block is large enough for that not to matter.
  a.split(max(1, pairBlock / b.size(0))).reduce(0) { $0 + value($1, b).sum().item() }
}
