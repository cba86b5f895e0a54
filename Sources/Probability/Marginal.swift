import RealModule
import Torch

/// The law of one number, which may be truncated or a mixture, as a map from a standard normal number.
///
/// ```swift
/// let width = try Marginal(Normal(mean: 0.062, standardDeviation: 0.0062), within: 0...)
/// width.value(ofNormal: u)   // has that law where u ~ N(0, 1)
/// ```
public struct Marginal: Sendable {
  public typealias Family = QuantileDistribution & ContinuousDistribution

  private let shares: [Double]
  private let laws: [any Family]
  public let low: Double
  public let high: Double
  /// The mass of the whole law below ``low`` and between the ends.
  private let below: Double
  private let mass: Double

  /// - Parameters:
  ///   - law: of numbers.
  ///   - low, high: the ends it is cut at, with at least 1e-9 of its mass between them.
  /// - Throws: ``ParameterError``.
  public init(_ law: some Family, low: Double = -.infinity, high: Double = .infinity) throws(ParameterError) {
    try self.init(mixture: [(1, law)], low: low, high: high)
  }

  /// - Parameter mixture: shares ≥ 0, which are divided by their sum, and laws of numbers.
  public init(
    mixture: [(share: Double, law: any Family)], low: Double = -.infinity, high: Double = .infinity
  ) throws(ParameterError) {
    let check = ParameterCheck("Marginal")
    let total = mixture.reduce(0) { $0 + $1.share }
    guard !mixture.isEmpty, mixture.allSatisfy({ $0.share >= 0 }), total > 0, total.isFinite else {
      throw check.error("shares", found: "\(mixture.map(\.share))", expected: "numbers ≥ 0, not all 0")
    }
    precondition(mixture.allSatisfy { $0.law.eventShape.isEmpty }, "Marginal: laws of numbers are expected")
    guard low < high else {
      throw check.error("low, high", found: "\(low) and \(high)", expected: "low below high")
    }
    (shares, laws) = (mixture.map { $0.share / total }, mixture.map(\.law))
    (self.low, self.high) = (low, high)
    let parts = zip(shares, laws)
    below = low == -.infinity ? 0 : parts.reduce(0) { $0 + $1.0 * $1.1.cdf(Tensor(low)).item() }
    mass = (high == .infinity ? 1 : parts.reduce(0) { $0 + $1.0 * $1.1.cdf(Tensor(high)).item() }) - below
    guard mass > 1e-9 else {
      throw check.error(
        "low, high", found: "\(low) and \(high) with the mass \(mass) between them", expected: "at least 1e-9"
      )
    }
  }

  private var isWhole: Bool { low == -.infinity && high == .infinity }

  /// log of the density, elementwise; −∞ outside the ends.
  public func logDensity(_ x: Tensor) -> Tensor {
    let terms = zip(shares, laws).map { $1.componentLogProbability(x) + .log($0) }
    let whole = terms.count == 1 ? terms[0] : Tensor.stack(terms, axis: 0).logSumExp(0)
    return isWhole ? whole : (whole - .log(mass)).filled(where: (x .< low) .| (x .> high), with: -.infinity)
  }

  /// P(X ≤ x), elementwise.
  public func cdf(_ x: Tensor) -> Tensor {
    let whole = zip(shares, laws).map { $1.cdf(x) * $0 }.reduce(Tensor(0.0)) { $0 + $1 }
    return isWhole ? whole : ((whole - below) / mass).clamp(0, 1)
  }

  /// The x with P(X ≤ x) = p, elementwise; for mixtures by bisection between the parts' quantiles.
  public func quantile(_ p: Tensor) -> Tensor {
    let level = isWhole ? p : p * mass + below
    let ends = laws.map { $0.quantile(level) }
    let found: Tensor
    if ends.count == 1 {
      found = ends[0]
    } else {
      let (first, last) = (Tensor.stack(ends, axis: 0).min(0), Tensor.stack(ends, axis: 0).max(0))
      let share = bisect(level, low: 0, high: 1) { t in
        zip(shares, laws).map { $1.cdf(first + (last - first) * t) * $0 }.reduce(Tensor(0.0)) { $0 + $1 }
      }
      found = first + (last - first) * share
    }
    return isWhole ? found : found.clamp(low, high)
  }

  /// The number at a standard normal one, elementwise: it has this law where `u` is N(0, 1).
  public func value(ofNormal u: Tensor) -> Tensor {
    // Without a detour over probabilities, which would lose the digits of the upper tail.
    if isWhole, let normal = laws[0] as? Normal, laws.count == 1 {
      return u * normal.standardDeviation + normal.mean
    }
    if isWhole, let law = laws[0] as? LogNormal, laws.count == 1 {
      return (u * law.logarithm.standardDeviation + law.logarithm.mean).exp()
    }
    return quantile(Normal.standard().cdf(u).clamp(0, 1 - 0x1p-53))
  }

  /// The inverse of ``value(ofNormal:)``, elementwise; finite everywhere.
  public func normal(ofValue x: Tensor) -> Tensor {
    if isWhole, let normal = laws[0] as? Normal, laws.count == 1 {
      return (x - normal.mean) / normal.standardDeviation
    }
    if isWhole, let law = laws[0] as? LogNormal, laws.count == 1 {
      return ((x.clamp(1e-300).log() - law.logarithm.mean) / law.logarithm.standardDeviation)
    }
    return cdf(x).clamp(1e-300, 1 - 0x1p-53).normalQuantile()
  }
}
