import Probability
import Torch

/// The members of a family nearest to weighted points, for many sets of weights at once.
enum CrossEntropyFit {
  /// - Parameters:
  ///   - x: `[n, d]`.
  ///   - weights: `[n, J]`, ≥ 0, every column summing to 1.
  ///   - ridge: added to the variances.
  /// - Returns: one density a column.
  static func densities(
    _ x: Tensor, _ weights: Tensor, _ family: MultipleExpectations.Family, ridge: Double,
    using random: inout RandomSource
  ) throws(StatisticsError) -> [GaussianMixture] {
    if case .mixture(let parts) = family {
      var found: [GaussianMixture] = []
      for j in 0..<weights.size(1) {
        found.append(
          try WeightedMixture.fit(
            x, weights[.all, j].contiguous(), parts: parts, ridge: ridge, using: &random))
      }
      return found
    }
    let means = weights.transposed.matmul(x)
    let identity = Tensor.identity(x.size(1), dtype: .double)
    let covariances: Tensor
    if family == .diagonal {
      let variances = (weights.transposed.matmul(x.square()) - means.square()).clamp(0)
      covariances = identity * variances.unsqueeze(2)
    } else {
      covariances = secondMoments(x, weights) - means.unsqueeze(2) * means.unsqueeze(1)
    }
    let found = covariances + identity * ridge
    let factors: Tensor
    do { factors = try withTorchErrors { found.cholesky() } } catch {
      throw StatisticsError(
        .noAnswer, "a sampling density", found: "a covariance that is not positive definite",
        expected: "points that spread in every direction",
        advice: "take a larger budget, or the diagonal family")
    }
    return (0..<weights.size(1)).map {
      GaussianMixture.normal(mean: means[$0], covariance: found[$0], factor: factors[$0])
    }
  }

  /// Σ_i w_ij x_i x_iᵀ, `[J, d, d]`.
  private static func secondMoments(_ x: Tensor, _ weights: Tensor) -> Tensor {
    let (n, d) = (x.size(0), x.size(1))
    let products = (x.unsqueeze(2) * x.unsqueeze(1)).reshape(n, d * d)
    return weights.transposed.matmul(products).reshape(-1, d, d)
  }
}
