import Solvers
import Torch

/// A dual solution that fits a partition exactly, made from an approximate one.
///
/// If a partition is the optimum then S_k = ½(y uᵀ + u yᵀ) + t_k I − A_k − N_k has v_k = u 1_{G_k} in its kernel and N_k is 0 within
/// G_k. The first gives y from t, and what rows of N_k outside G_k must sum to against v_k; N_k is moved there, and stays
/// non-negative. Where the rest of S_k is positive, which holds some way before the iterates have converged, the bound is
/// then exact. It is a valid bound for any labels and iterates.
struct PartitionCertificate {
  let affinities: Tensor
  /// u, `[n]`.
  let roots: Tensor

  /// An upper bound on Σ ⟨A_k, Z_k⟩ over all partitions, near what the labels reach where they are the optimum.
  func bound(_ labels: [Int], dual: Tensor, nonnegative: Tensor) -> Double {
    let clusters = affinities.size(0)
    let n = Double(affinities.size(1))
    let inside = Tensor(labels, device: roots.device).oneHot(clusters).to(.double).transposed
    let outside = 1 - inside
    let v = inside * roots
    let masses = v.square().sum(1, keep: true)
    let a = affinities.matmul(v.unsqueeze(-1)).squeeze(-1)
    let level = (v * a).sum(1, keep: true) / masses
    // From D_k = ½(y uᵀ + u yᵀ) + t_k I.
    let whole = dual.matmul(roots).matmul(roots) / roots.square().sum()
    let t = ((dual.diagonal().sum(-1) - whole) / (n - 1)).unsqueeze(1)
    let y = (inside * (2 * a - (t + level) * roots) / masses).sum(0)
    let sums = (0.5 * (y * masses + (level - t) * roots) - a).relu() * outside
    let mask = outside.unsqueeze(2) * inside.unsqueeze(1)
    let own = nonnegative * mask
    let moved = (own + ((sums - own.matmul(roots)) / masses).unsqueeze(2) * roots).relu() * mask
    let reached = moved.matmul(roots)
    let fitted = moved * (sums / reached.clamp(1e-300)).unsqueeze(2)
    let rest = nonnegative.relu() * (outside.unsqueeze(2) * outside.unsqueeze(1))
    let half = y.outer(roots) * 0.5
    let s = (half + half.transposed).unsqueeze(0) - affinities - rest - fitted - fitted.transposed
    let least = s.eigh().values.min(1).sum()
    return (y.dot(roots) - least).item()
  }
}
