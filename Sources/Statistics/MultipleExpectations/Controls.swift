import Probability
import Torch

/// What is taken from f_jφ_j/g: multiples of c = g_l/g or f_l/g, whose means are known to be 1.
package enum Controls: Sendable {
  /// β_j g_j/g from the j-th alone.
  case own([Double])
  /// B, `[L, J]`: every component and every law from every expectation. The laws take what is constant in φ.
  case all(Tensor)

  /// c, `[L, n]`, of components `[J, n]` and laws `[1 or J, n]` over one density.
  static func rows(
    _ kind: MultipleExpectations.ControlVariates, components: Tensor, laws: Tensor
  ) -> Tensor { kind == .own ? components : .concatenate([components, laws], axis: 0) }

  var kind: MultipleExpectations.ControlVariates { if case .own = self { .own } else { .all } }

  /// Least squares on draws of g: f_jφ_j/g and c, `[J, n]` and `[L, n]`.
  init(_ kind: MultipleExpectations.ControlVariates, _ f: Tensor, _ g: Tensor) {
    let (df, dg) = (f - f.mean(1, keep: true), g - g.mean(1, keep: true))
    switch kind {
    case .own:
      let covariances = (df * dg).sum(1).doubles
      let squares = dg.square().sum(1).doubles
      // Where g is g_j itself, their ratio differs from 1 by rounding alone.
      let rounding = 1e-20 * Double(g.size(1))
      self = .own(zip(covariances, squares).map { $1 > rounding ? $0 / $1 : 0 })
    case .all:
      let gram = dg.matmul(dg.transposed)
      // The shares' combination of g_l/g is constant, so the matrix is singular.
      // Where all are constant but for rounding, that is not to be fitted to.
      let ridge = max(1e-10 * gram.diagonal().mean().item(), 1e-20 * Double(g.size(1)))
      let identity = Tensor.identity(g.size(0), dtype: .double)
      self = .all((gram + identity * ridge).solve(dg.matmul(df.transposed)))
    }
  }

  /// What is averaged: its mean is I_j, `[J, n]`.
  package func terms(_ f: Tensor, _ g: Tensor) -> Tensor {
    switch self {
    case .own(let beta): f + (1 - g) * Tensor(beta).unsqueeze(1)
    case .all(let coefficients): f + coefficients.transposed.matmul(1 - g)
    }
  }

  /// f − β g.
  func residuals(_ f: Tensor, _ g: Tensor) -> Tensor {
    switch self {
    case .own(let beta): f - g * Tensor(beta).unsqueeze(1)
    case .all(let coefficients): f - coefficients.transposed.matmul(g)
    }
  }

  /// Row by row, `[L, J]`; for `own` the diagonal.
  var values: [Double] {
    switch self {
    case .own(let beta): beta
    case .all(let coefficients): coefficients.doubles
    }
  }
}
