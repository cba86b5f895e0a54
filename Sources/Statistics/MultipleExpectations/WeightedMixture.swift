import Probability
import Solvers
import Torch

/// Gaussians and mixtures of them fitted to weighted points.
enum WeightedMixture {
  /// - Parameters:
  ///   - x: `[n, d]`.
  ///   - weights: `[n]`, ≥ 0, summing to 1.
  ///   - ridge: added to the variances.
  static func fit(
    _ x: Tensor, _ weights: Tensor, _ family: MultipleExpectations.Family, ridge: Double,
    using random: inout RandomSource
  ) throws(StatisticsError) -> GaussianMixture {
    if case .mixture(let count) = family, count < 1 {
      throw StatisticsError(.option, "components", found: "\(count)", expected: "at least 1")
    }
    do throws(ParameterError) {
      switch family {
      case .gaussian, .diagonal:
        var single = GaussianMixtureEstimation(
          components: 1, family: family == .diagonal ? .diagonal : .full)
        (single.ridge, single.maximumRounds) = (ridge, 1)
        let all = Tensor.ones([x.size(0), 1], dtype: .double)
        return try single.fit(x, weights: weights, responsibilities: all).mixture
      case .mixture(let count):
        var mixture = GaussianMixtureEstimation(components: count)
        mixture.ridge = ridge
        return try mixture.fit(x, weights: weights, using: &random).mixture
      }
    } catch {
      throw StatisticsError(
        .noAnswer, "a sampling density", found: "\(error)",
        expected: "a covariance that is positive definite",
        advice: "take a larger budget, or the diagonal family")
    }
  }
}
