import Probability
import Torch

/// The members of a family nearest to weighted points, for many sets of weights at once.
enum CrossEntropyFit {
  /// - Parameters:
  ///   - x: `[n, d]`.
  ///   - weights: `[J, n]`, ≥ 0, every row summing to 1.
  ///   - ridge: added to the variances, in units of the points' own, so that it means the same in every coordinate.
  /// - Returns: one density a row of weights.
  static func densities(
    _ x: Tensor, _ weights: Tensor, _ family: MultipleExpectations.Family, ridge: Double,
    using random: inout RandomSource
  ) throws(StatisticsError) -> [GaussianMixture] {
    let centre = x.mean(0)
    let scale = (x - centre).square().mean(0).sqrt()
    if let j = scale.doubles.firstIndex(where: { !($0 > 1e-150) }) {
      throw StatisticsError(
        .noAnswer, "a sampling density", found: "the same number in coordinate \(j + 1) of every point",
        expected: "points that spread in every direction", advice: "leave the input out, or mend its law")
    }
    let x = (x - centre) / scale
    if case .mixture(let parts) = family {
      var found: [GaussianMixture] = []
      for j in 0..<weights.size(0) {
        let own = try WeightedMixture.fit(
          x, weights[j], parts: parts, ridge: ridge, using: &random)
        found.append(try moved(own, centre, scale))
      }
      return found
    }
    let means = weights.matmul(x)
    let identity = Tensor.identity(x.size(1), dtype: .double)
    let covariances: Tensor
    if family == .diagonal {
      let variances = (weights.matmul(x.square()) - means.square()).clamp(0)
      covariances = identity * variances.unsqueeze(2)
    } else {
      covariances = secondMoments(x, weights) - means.unsqueeze(2) * means.unsqueeze(1)
    }
    let found = (covariances + identity * ridge) * (scale.unsqueeze(1) * scale)
    do {
      return try withTorchErrors {
        GaussianMixture.normals(means: means * scale + centre, covariances: found)
      }
    } catch {
      throw StatisticsError(
        .noAnswer, "a sampling density", found: "a covariance that is not positive definite",
        expected: "points that spread in every direction",
        advice: "take a larger budget, or the diagonal family")
    }
  }

  /// Out of the points' units.
  private static func moved(_ g: GaussianMixture, _ centre: Tensor, _ scale: Tensor)
    throws(StatisticsError) -> GaussianMixture
  {
    do {
      return try GaussianMixture(
        weights: g.weights, means: g.means * scale + centre,
        covariances: g.covariances * (scale.unsqueeze(1) * scale))
    } catch {
      throw StatisticsError(
        .noAnswer, "a sampling density", found: "\(error)", expected: "a positive definite covariance",
        advice: "take a larger budget, or the diagonal family")
    }
  }

  /// Σ_i w_ij x_i x_iᵀ, `[J, d, d]`.
  private static func secondMoments(_ x: Tensor, _ weights: Tensor) -> Tensor {
    let (n, d) = (x.size(0), x.size(1))
    let products = (x.unsqueeze(2) * x.unsqueeze(1)).reshape(n, d * d)
    return weights.matmul(products).reshape(-1, d, d)
  }
}
