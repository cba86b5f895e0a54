import Probability
import RealModule
import Torch

/// Expectation–maximisation for mixtures of normals.
///
/// ```swift
/// let fit = try GaussianMixtureEstimation(components: 3, family: .full).fit(x, starts: 10, using: &random)
/// fit.mixture.responsibilities(x)   // [n, K]
/// ```
/// The log-likelihood never decreases, but for what `ridge` takes. Components whose weight falls to 1e-8 are dropped.
/// Cost: O(n K d²) a round.
public struct GaussianMixtureEstimation: Sendable, Hashable {
  /// What covariances may be.
  public enum Family: String, Sendable, Hashable, CaseIterable, Codable {
    /// Any, one a component.
    case full
    case diagonal
    /// One of all components.
    case tied
    /// Multiples of the identity.
    case spherical
  }

  public var components: Int
  public var family: Family
  /// Added to all variances.
  public var ridge = 0.0
  /// Rounds stop where the mean log-likelihood changes by less than this share of it.
  public var tolerance = 1e-5
  public var maximumRounds = 500

  public init(components: Int, family: Family = .full) {
    precondition(components >= 1, "GaussianMixtureEstimation: \(components) components")
    (self.components, self.family) = (components, family)
  }

  public struct Fit: Sendable {
    public let mixture: GaussianMixture
    /// The weighted mean of log p, after every round.
    public let course: [Double]
    public let isConverged: Bool
    public var meanLogLikelihood: Double { course.last ?? -.infinity }
  }

  /// From several starts, of which the likeliest is kept: points drawn by weight, every point with its nearest.
  ///
  /// - Parameters:
  ///   - x: `[n, d]`, `Double`.
  ///   - weights: `[n]`, ≥ 0; all the same where left out.
  /// - Throws: `ParameterError` where every start ends in a covariance that is not positive definite.
  public func fit(
    _ x: Tensor, weights: Tensor? = nil, starts: Int = 1, using random: inout RandomSource
  ) throws(ParameterError) -> Fit {
    let weights = normalised(x, weights)
    let levels = weights.cumulativeSum(0).doubles
    var best: Fit?
    var failure: ParameterError?
    for _ in 0..<max(1, starts) {
      let drawn = (0..<components).map { _ -> Int in
        let u = random.uniform() * (levels.last ?? 1)
        return min(levels.count - 1, levels.firstIndex { $0 > u } ?? levels.count - 1)
      }
      do throws(ParameterError) {
        let found = try fit(
          x, weights: weights, responsibilities: nearest(x, x.select(axis: 0, Tensor(drawn))))
        if found.meanLogLikelihood > best?.meanLogLikelihood ?? -.infinity { best = found }
      } catch {
        failure = error
      }
    }
    if let best { return best }
    throw failure!
  }

  /// From given responsibilities, such as labels as rows of the identity.
  /// - Parameter responsibilities: `[n, K]`, ≥ 0.
  /// - Throws: `ParameterError`.
  public func fit(_ x: Tensor, weights: Tensor? = nil, responsibilities: Tensor) throws(ParameterError) -> Fit
  {
    let weights = normalised(x, weights)
    let column = weights.unsqueeze(1)
    var r = responsibilities
    var course: [Double] = []
    while true {
      let current = try maximised(x, r * column)
      let value = (current.logProbability(x) * weights).sum().item()
      let isAtRest = course.last.map { abs(value - $0) <= tolerance * max(1, abs(value)) } ?? false
      course.append(value)
      if isAtRest || course.count >= maximumRounds {
        return Fit(mixture: current, course: course, isConverged: isAtRest)
      }
      r = current.responsibilities(x)
    }
  }

  /// From a given mixture.
  /// - Throws: `ParameterError`.
  public func fit(_ x: Tensor, weights: Tensor? = nil, from mixture: GaussianMixture) throws(ParameterError)
    -> Fit
  {
    try fit(x, weights: weights, responsibilities: mixture.responsibilities(x))
  }

  private func normalised(_ x: Tensor, _ weights: Tensor?) -> Tensor {
    guard let weights else {
      return .full([x.size(0)], 1 / Double(x.size(0)), dtype: .double, device: x.device)
    }
    return weights / weights.sum()
  }

  private func nearest(_ x: Tensor, _ centres: Tensor) -> Tensor {
    x.distances(to: centres).argmin(1).oneHot(components).to(.double)
  }

  /// The M-step for responsibilities times weights, `[n, K]`.
  private func maximised(_ x: Tensor, _ shares: Tensor) throws(ParameterError) -> GaussianMixture {
    let masses = shares.sum(0).doubles
    let kept = masses.indices.filter { masses[$0] > 1e-8 }
    let total = kept.reduce(0) { $0 + masses[$1] }
    let d = x.size(1)
    let identity = Tensor.identity(d, dtype: .double, device: x.device)
    var means: [Tensor] = []
    var covariances: [Tensor] = []
    for k in kept {
      let w = shares[.all, k].unsqueeze(1) / masses[k]
      let mean = (w * x).sum(0)
      let centred = x - mean
      means.append(mean)
      switch family {
      case .full, .tied: covariances.append((w * centred).transposed.matmul(centred))
      case .diagonal: covariances.append((w * centred.square()).sum(0).diagonalMatrix())
      case .spherical: covariances.append(identity * ((w * centred.square()).sum() / Double(d)))
      }
    }
    if family == .tied {
      let shared = zip(kept, covariances).map { $1 * (masses[$0] / total) }
      covariances = [Tensor](repeating: shared.dropFirst().reduce(shared[0]) { $0 + $1 }, count: kept.count)
    }
    return try GaussianMixture(
      weights: kept.map { masses[$0] / total }, means: .stack(means),
      covariances: .stack(covariances.map { $0 + identity * ridge }))
  }
}
