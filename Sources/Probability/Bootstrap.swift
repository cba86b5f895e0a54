import RealModule
import Torch

/// Confidence intervals for a statistic by resampling independent observations (Efron 1979, 1987).
public struct Bootstrap: Sendable, Hashable {
  public enum Method: Sendable, Hashable {
    /// Quantiles of the resampled statistic.
    case percentile
    /// Bias-corrected and accelerated: quantiles shifted for bias and skewness, second-order accurate.
    case bca
  }

  public var method: Method
  /// The confidence level in (0, 1).
  public var level: Double
  /// How many resamples.
  public var resamples: Int

  public init(method: Method = .bca, level: Double = 0.95, resamples: Int = 2000) {
    precondition(level > 0 && level < 1, "Bootstrap: the level \(level) is not in (0, 1)")
    precondition(resamples >= 2, "Bootstrap: needs at least 2 resamples, not \(resamples)")
    self.method = method
    self.level = level
    self.resamples = resamples
  }

  /// A statistic with its bootstrap standard error and interval.
  public struct Result: Sendable, Hashable {
    /// The statistic of the observations and the standard deviation of its resamples.
    public let estimate: Estimate
    public let interval: ClosedRange<Double>
  }

  /// The interval of any statistic; observations may be numbers, pairs or rows.
  ///
  /// Cost: `resamples` evaluations, and for BCa one more for each observation.
  /// - Parameters:
  ///   - observations: at least two.
  ///   - statistic: of observations in any order, finite on every resample.
  public func callAsFunction<Observation>(
    _ observations: [Observation], using source: inout RandomSource,
    statistic: ([Observation]) -> Double
  ) -> Result {
    let n = observations.count
    precondition(n >= 2, "Bootstrap: needs at least 2 observations, not \(n)")
    let value = statistic(observations)
    var replicates: [Double] = []
    var resample = observations
    for _ in 0..<resamples {
      for i in 0..<n { resample[i] = observations[source.integer(in: 0..<n)] }
      replicates.append(statistic(resample))
    }
    precondition(
      value.isFinite && replicates.allSatisfy(\.isFinite), "Bootstrap: the statistic is not finite")
    replicates.sort()
    let spread = Estimate(meanOf: replicates).standardError * Double(resamples).squareRoot()
    let tail = 0.5 * (1 - level)
    var levels = (tail, 1 - tail)
    if method == .bca, replicates.first! < replicates.last! {
      let acceleration = Self.acceleration(observations, statistic)
      levels = Self.correctedLevels(tail, value, replicates, acceleration)
    }
    let low = quantile(ofSorted: replicates, levels.0)
    return Result(
      estimate: Estimate(value, standardError: spread),
      interval: low...max(low, quantile(ofSorted: replicates, levels.1)))
  }

  /// The interval of the mean.
  public func mean(_ values: [Double], using source: inout RandomSource) -> Result {
    self(values, using: &source) { $0.reduce(0, +) / Double($0.count) }
  }

  /// Efron 1987: Φ(z₀ + (z₀ + z)/(1 − a(z₀ + z))) in place of Φ(z).
  private static func correctedLevels(
    _ tail: Double, _ value: Double, _ replicates: [Double], _ acceleration: Double
  ) -> (Double, Double) {
    // Half of the ties count as below, so that a statistic on a lattice is not called biased. The share
    // is kept off 0 and 1, where the bias would be infinite.
    let below = Double(replicates.count { $0 < value }) + 0.5 * Double(replicates.count { $0 == value })
    let count = Double(replicates.count)
    let bias = normalQuantile(min(max(below / count, 0.5 / count), 1 - 0.5 / count))
    func corrected(_ level: Double) -> Double {
      let shifted = bias + normalQuantile(level)
      return normalCDF(bias + shifted / (1 - acceleration * shifted))
    }
    return (corrected(tail), corrected(1 - tail))
  }

  /// A sixth of the skewness of the statistic's influence, from leaving out one observation at a time.
  private static func acceleration<Observation>(
    _ observations: [Observation], _ statistic: ([Observation]) -> Double
  ) -> Double {
    var rest = Array(observations.dropFirst())
    var values = [statistic(rest)]
    for i in rest.indices {
      // Exchanging one element turns "without i" into "without i + 1".
      rest[i] = observations[i]
      values.append(statistic(rest))
    }
    let mean = values.reduce(0, +) / Double(values.count)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let cubes = values.reduce(0) { $0 + .pow(mean - $1, 3) }
    return squares > 0 ? cubes / (6 * .pow(squares, 1.5)) : 0
  }
}
