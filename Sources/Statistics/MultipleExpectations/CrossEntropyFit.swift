import Probability
import Torch

/// The members of a family nearest to weighted points, for many sets of weights at once.
///
/// A covariance of few points is near singular. Its draws keep to a plane, off which f/g is not seen: estimates
/// are then wrong and show no error. Few effective points therefore give a wider density, ``cautious(_:_:_:law:)``.
enum CrossEntropyFit {
  /// - Parameters:
  ///   - x: `[n, d]`.
  ///   - weights: `[J, n]`, ≥ 0, every row summing to 1.
  ///   - ridge: added to the variances, in units of the points' own, so that it means the same in every coordinate.
  ///   - law: of the inputs; asked for only where a row has few effective points.
  /// - Returns: one density a row of weights.
  static func densities(
    _ x: Tensor, _ weights: Tensor, _ family: MultipleExpectations.Family, ridge: Double,
    law: @autoclosure () -> LawMoments, using random: inout RandomSource
  ) throws(StatisticsError) -> [GaussianMixture] {
    let centre = x.mean(0)
    let scale = (x - centre).square().mean(0).sqrt()
    if let j = scale.doubles.firstIndex(where: { !($0 > 1e-150) }) {
      throw StatisticsError(
        .noAnswer, "a sampling density", found: "the same number in coordinate \(j + 1) of every point",
        expected: "points that spread in every direction", advice: "leave the input out, or mend its law")
    }
    let x = (x - centre) / scale
    let sizes = weights.square().sum(1).doubles.map { 1 / $0 }
    let isScant = sizes.map { $0 < leastSize(x.size(1), family) }
    let cautious =
      isScant.contains(true) ? Self.cautious(x, weights, sizes, law: law().scaled(centre, scale)) : nil
    if case .mixture(let parts) = family {
      var found: [GaussianMixture] = []
      for j in 0..<weights.size(0) {
        if isScant[j], let cautious {
          found += try normals(cautious.means[j..<j + 1], cautious.covariances[j..<j + 1], centre, scale)
          continue
        }
        let own = try WeightedMixture.fit(
          x, weights[j], parts: parts, ridge: ridge, using: &random)
        found.append(try moved(own, centre, scale))
      }
      return found
    }
    var means = weights.matmul(x)
    let identity = Tensor.identity(x.size(1), dtype: .double)
    var covariances: Tensor
    if family == .diagonal {
      let variances = (weights.matmul(x.square()) - means.square()).clamp(0)
      covariances = identity * variances.unsqueeze(2)
    } else {
      covariances = secondMoments(x, weights) - means.unsqueeze(2) * means.unsqueeze(1)
    }
    covariances = covariances + identity * ridge
    if let cautious {
      let places = Tensor(isScant.map { $0 ? 1.0 : 0 }).unsqueeze(1) .> 0.5
      means = .where(places, cautious.means, means)
      covariances = .where(places.unsqueeze(2), cautious.covariances, covariances)
    }
    return try normals(means, covariances, centre, scale)
  }

  /// Effective points, (Σw)²/Σw², that a fit needs: as many as a covariance has numbers, and two for each of the
  /// mean's.
  private static func leastSize(_ d: Int, _ family: MultipleExpectations.Family) -> Double {
    let one = max(2 * (d + 1), family == .diagonal ? 0 : d * (d + 1) / 2)
    guard case .mixture(let parts) = family else { return Double(one) }
    return Double(one * parts)
  }

  /// Normals of independent coordinates, nowhere narrower than the law, so that f/g has no heavy tail.
  ///
  /// The mean is drawn towards the law's by the James–Stein factor 1 − (d/size)/‖m‖²: it stays where points say
  /// the same in few coordinates, and goes where it is their noise in many. What then is left are plain draws.
  private static func cautious(_ x: Tensor, _ weights: Tensor, _ sizes: [Double], law: LawMoments)
    -> (means: Tensor, covariances: Tensor)
  {
    let means = weights.matmul(x)
    let own = weights.matmul(x.square()) - means.square()
    let variances = own.maximum(law.variance)
    let offsets = means - law.mean
    let d = Double(x.size(1))
    let squares = (offsets.square() / variances).sum(1).doubles
    let factors = zip(squares, sizes).map { $0 > 0 ? max(0, 1 - d / $1 / $0) : 0 }
    let identity = Tensor.identity(x.size(1), dtype: .double)
    return (offsets * Tensor(factors).unsqueeze(1) + law.mean, identity * variances.unsqueeze(2))
  }

  /// Out of the points' units.
  private static func normals(_ means: Tensor, _ covariances: Tensor, _ centre: Tensor, _ scale: Tensor)
    throws(StatisticsError) -> [GaussianMixture]
  {
    let found = covariances * (scale.unsqueeze(1) * scale)
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
