import Probability
import RealModule
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
    switch family {
    case .gaussian: try mixture([1], [moments(x, weights, ridge: ridge, isDiagonal: false)])
    case .diagonal: try mixture([1], [moments(x, weights, ridge: ridge, isDiagonal: true)])
    case .mixture(let count): try expectationMaximisation(x, weights, count, ridge: ridge, using: &random)
    }
  }

  private static func moments(_ x: Tensor, _ weights: Tensor, ridge: Double, isDiagonal: Bool) -> (
    mean: Tensor, covariance: Tensor
  ) {
    let w = (weights / weights.sum()).unsqueeze(1)
    let mean = (w * x).sum(0)
    let centred = x - mean
    let floor = Tensor.full([x.size(1)], ridge, dtype: .double)
    if isDiagonal { return (mean, ((w * centred.square()).sum(0) + floor).diagonalMatrix()) }
    return (mean, (w * centred).transposed.matmul(centred) + floor.diagonalMatrix())
  }

  private static func mixture(_ weights: [Double], _ parts: [(mean: Tensor, covariance: Tensor)])
    throws(StatisticsError) -> GaussianMixture
  {
    do {
      return try GaussianMixture(
        weights: weights, means: .stack(parts.map(\.mean)), covariances: .stack(parts.map(\.covariance)))
    } catch {
      throw StatisticsError(
        .noAnswer, "a sampling density", found: "\(error)",
        expected: "a covariance that is positive definite",
        advice: "take a larger budget, or the diagonal family")
    }
  }

  /// From two points drawn by weight, every point with its nearest; until the weighted log-likelihood rests to 1e-5, 500 rounds at most.
  /// Components without weight are dropped.
  private static func expectationMaximisation(
    _ x: Tensor, _ weights: Tensor, _ count: Int, ridge: Double, using random: inout RandomSource
  ) throws(StatisticsError) -> GaussianMixture {
    guard count >= 1 else {
      throw StatisticsError(.option, "components", found: "\(count)", expected: "at least 1")
    }
    let levels = weights.cumulativeSum(0).doubles
    let starts = (0..<count).map { _ -> Int in
      let u = random.uniform() * (levels.last ?? 1)
      return min(levels.count - 1, levels.firstIndex { $0 > u } ?? levels.count - 1)
    }
    let nearest = x.distances(to: x.select(axis: 0, Tensor(starts))).doubles
    var responsibilities = [Double](repeating: 0, count: levels.count * count)
    for i in levels.indices {
      let own = (0..<count).min { nearest[i * count + $0] < nearest[i * count + $1] }!
      responsibilities[i * count + own] = 1
    }
    var r = Tensor(responsibilities, shape: [levels.count, count])
    var last = -Double.infinity
    var found: GaussianMixture?
    for _ in 0..<500 {
      let masses = (r * weights.unsqueeze(1)).sum(0).doubles
      let kept = masses.indices.filter { masses[$0] > 1e-8 }
      let total = kept.reduce(0) { $0 + masses[$1] }
      let parts = kept.map { moments(x, r[.all, $0] * weights, ridge: ridge, isDiagonal: false) }
      let current = try mixture(kept.map { masses[$0] / total }, parts)
      found = current
      let value = (current.logProbability(x) * weights).sum().item()
      if abs(value - last) <= 1e-5 * max(1, abs(value)) { break }
      last = value
      r = current.responsibilities(x)
    }
    return found!
  }
}
