import Probability
import Torch

/// What is taken from f_jφ_j/g: multiples of c = g_l/g or f_l/g, whose means are known to be 1.
enum Controls: Sendable {
  /// β_j g_j/g from the j-th alone.
  case own([Double])
  /// B, `[L, J]`: every component and every law from every expectation. The laws take what is constant in φ.
  case all(Tensor)

  /// The columns c, `[n, L]`, of components `[n, J]` and laws `[n, 1 or J]` over one density.
  static func columns(
    _ kind: MultipleExpectations.ControlVariates, components: Tensor, laws: Tensor
  ) -> Tensor { kind == .own ? components : .concatenate([components, laws], axis: 1) }

  var kind: MultipleExpectations.ControlVariates { if case .own = self { .own } else { .all } }

  /// Least squares on draws of g: f_jφ_j/g and c, `[n, J]` and `[n, L]`.
  init(_ kind: MultipleExpectations.ControlVariates, _ f: Tensor, _ g: Tensor) {
    let (df, dg) = (f - f.mean(0), g - g.mean(0))
    switch kind {
    case .own:
      let covariances = (df * dg).sum(0).doubles
      let squares = dg.square().sum(0).doubles
      self = .own(zip(covariances, squares).map { $1 > 0 ? $0 / $1 : 0 })
    case .all:
      let gram = dg.transposed.matmul(dg)
      // The shares' combination of g_l/g is constant, so the matrix is singular.
      let ridge = max(1e-10 * gram.diagonal().mean().item(), .leastNormalMagnitude)
      let identity = Tensor.identity(g.size(1), dtype: .double)
      self = .all((gram + identity * ridge).solve(dg.transposed.matmul(df)))
    }
  }

  /// What is averaged: its mean is I_j, `[n, J]`.
  func terms(_ f: Tensor, _ g: Tensor) -> Tensor {
    switch self {
    case .own(let beta): f + (1 - g) * Tensor(beta)
    case .all(let coefficients): f + (1 - g).matmul(coefficients)
    }
  }

  /// f − β g.
  func residuals(_ f: Tensor, _ g: Tensor) -> Tensor {
    switch self {
    case .own(let beta): f - g * Tensor(beta)
    case .all(let coefficients): f - g.matmul(coefficients)
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
