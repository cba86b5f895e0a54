import Solvers
import Torch

/// The mean of a/(Gα) over points: what Σ w Var is, as a function of the shares α of the densities G. Convex, and 1/t along
/// every ray.
package struct SharesCriterion: SmoothObjective {
  /// G, `[n, L]`, > 0 somewhere in every row.
  let densities: Tensor
  /// a, `[n]`, ≥ 0, of mean 1.
  let numerators: Tensor

  package init(densities: Tensor, numerators: Tensor) {
    (self.densities, self.numerators) = (densities, numerators)
  }

  package var dimension: Int { densities.size(1) }

  /// The shares from which the criterion falls by no more than about `tolerance` of itself.
  package func minimum(from start: [Double], tolerance: Double) -> [Double] {
    ProximalNewton(tolerance: tolerance, mostIterations: 50).minimiseOverSimplex(self, from: start)
  }

  private func mixture(_ alpha: [Double]) -> Tensor { densities.matmul(Tensor(alpha)).clamp(1e-300) }

  package func value(at alpha: [Double]) -> Double { (numerators / mixture(alpha)).mean().item() }

  package func expansion(at alpha: [Double]) -> (value: Double, gradient: [Double], hessian: [Double]) {
    let mixture = mixture(alpha)
    let terms = numerators / mixture
    let slopes = terms / mixture
    let gradient = slopes.matmul(densities)
    let hessian = densities.transposed.matmul(densities * (slopes / mixture).unsqueeze(1))
    let n = Double(densities.size(0))
    let all = Tensor.concatenate([terms.sum().reshape(1), -gradient, hessian.reshape(-1) * 2]).doubles
    return (all[0] / n, all[1...dimension].map { $0 / n }, all[(dimension + 1)...].map { $0 / n })
  }
}
