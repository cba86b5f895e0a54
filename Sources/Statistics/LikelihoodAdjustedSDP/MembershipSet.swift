import Solvers
import Torch

/// Block matrices with (Σ_k Z_k) u = u and the same trace in every block: what memberships of rows with weights u² satisfy.
///
/// The nearest member of the set to W is W_k − ½(y uᵀ + u yᵀ) − t_k I with y and t in closed form: O(K n²).
package struct MembershipSet: AffineMatrixSet {
  /// `[n]`, roots of the rows' weights.
  package let roots: Tensor
  /// 1 with a block a cluster, K with one block for all.
  package let trace: Double
  /// ‖u‖².
  private let mass: Double

  package init(roots: Tensor, trace: Double) {
    (self.roots, self.trace) = (roots, trace)
    mass = roots.square().sum().item()
  }

  package func correction(_ w: Tensor) -> (matrix: Tensor, level: Tensor) {
    let (blocks, n) = (Double(w.size(0)), Double(w.size(1)))
    let excess = w.matmul(roots).sum(0) - roots
    let traces = w.diagonal().sum(-1) - trace
    let over = traces.sum()
    let s = (excess.dot(roots) * (n / mass) - over) / (blocks * (n - 1))
    let shared = (over - s * blocks) / n
    let y = (excess - shared * roots) * (2 / (blocks * mass)) - roots * (s / mass)
    let t = (traces - s) / n
    let half = y.outer(roots) * 0.5
    let identity = Tensor.identity(w.size(1), dtype: .double, device: w.device)
    let matrix = (half + half.transposed).unsqueeze(0) + t.reshape(-1, 1, 1) * identity
    return (matrix, y.dot(roots) + t.sum() * trace)
  }
}
