import Solvers
import Torch

/// The mean of a/(Gα) over points: what Σ w Var is, as a function of the shares α of the densities G. Convex, and 1/t along
/// every ray.
package final class SharesCriterion: SmoothObjective {
  /// G, `[L, n]`, > 0 somewhere in every column.
  let densities: Tensor
  /// a, `[n]`, ≥ 0, of mean 1.
  let numerators: Tensor
  /// Newton's method asks for the value at a point before it asks for the rest.
  private var last: (alpha: [Double], mixture: Tensor, terms: Tensor)?

  package init(densities: Tensor, numerators: Tensor) {
    (self.densities, self.numerators) = (densities, numerators)
  }

  package var dimension: Int { densities.size(0) }

  /// The shares from which the criterion falls by no more than about `tolerance` of itself.
  package func minimum(from start: [Double], tolerance: Double) -> [Double] {
    ProximalNewton(tolerance: tolerance, mostIterations: 50).minimiseOverSimplex(self, from: start)
  }

  /// Gα and a/(Gα).
  private func terms(at alpha: [Double]) -> (mixture: Tensor, terms: Tensor) {
    if let last, last.alpha == alpha { return (last.mixture, last.terms) }
    let mixture = Tensor(alpha).matmul(densities).clamp(1e-300)
    let terms = numerators / mixture
    last = (alpha, mixture, terms)
    return (mixture, terms)
  }

  package func value(at alpha: [Double]) -> Double { terms(at: alpha).terms.mean().item() }

  package func expansion(at alpha: [Double]) -> (value: Double, gradient: [Double], hessian: [Double]) {
    let (mixture, terms) = terms(at: alpha)
    let slopes = terms / mixture
    let gradient = densities.matmul(slopes)
    let hessian = (densities * (slopes / mixture)).matmul(densities.transposed)
    let n = Double(densities.size(1))
    let all = Tensor.concatenate([terms.sum().reshape(1), -gradient, hessian.reshape(-1) * 2]).doubles
    return (all[0] / n, all[1...dimension].map { $0 / n }, all[(dimension + 1)...].map { $0 / n })
  }
}
