import Probability
import Solvers
import Torch

/// Mixtures of Gaussians fitted to weighted points.
enum WeightedMixture {
  /// From points drawn by weight, every point with its nearest; until the weighted log-likelihood rests to 1e-5, 500 rounds at
  /// most. Components without weight are dropped.
  /// - Parameters:
  ///   - x: `[n, d]`.
  ///   - weights: `[n]`, ≥ 0, summing to 1.
  ///   - ridge: added to the variances.
  static func fit(
    _ x: Tensor, _ weights: Tensor, parts: Int, ridge: Double, using random: inout RandomSource
  ) throws(StatisticsError) -> GaussianMixture {
    var mixture = GaussianMixtureEstimation(components: parts)
    mixture.ridge = ridge
    do { return try mixture.fit(x, weights: weights, using: &random).mixture } catch {
      throw StatisticsError(
        .noAnswer, "a sampling density", found: "\(error)",
        expected: "a covariance that is positive definite",
        advice: "take a larger budget, or the diagonal family")
    }
  }
}
