import Probability
import RealModule
import Torch

/// Draws from a proposal q with the weights p/q that make them draws from a target p.
///
/// Source: Owen 2013, chapter 9. All diagnostics cost O(n) and the tail index a sort besides.
public struct ImportanceSample: Sendable {
  /// `[n] + event`.
  public let draws: Tensor
  /// log p(x) − log q(x) of every draw, not normalised; −∞ where p is 0.
  public let logWeights: [Double]

  /// - Parameters:
  ///   - draws: `[n] + event`, n ≥ 1.
  ///   - logWeights: `[n]`.
  /// - Throws: ``SamplingError`` for shapes that do not fit and, naming the draw, for weights that are NaN or +∞.
  public init(draws: Tensor, logWeights: Tensor) throws(SamplingError) {
    let (n, owner) = (draws.rank == 0 ? 0 : draws.size(0), "ImportanceSample")
    try SamplingError.require(n >= 1, owner, "draws", "of shape \(draws.shape)", "at least one row")
    try SamplingError.require(
      logWeights.shape == [n], owner, "logWeights", "of shape \(logWeights.shape)", "[\(n)], one a draw")
    let values = logWeights.detach().doubles
    if let draw = values.firstIndex(where: { $0.isNaN || $0 == .infinity }) {
      throw .weight(what: "the log-weight", draw: draw, value: values[draw])
    }
    (self.draws, self.logWeights) = (draws, values)
  }

  private init(draws: Tensor, unchecked logWeights: [Double]) {
    (self.draws, self.logWeights) = (draws, logWeights)
  }

  public var count: Int { logWeights.count }

  // MARK: Diagnostics

  /// log of the mean weight, with the standard error of the mean relative to it: ∫p where q is normalised.
  ///
  /// The mean is unbiased, its logarithm is not. −∞ ± NaN where all weights are 0.
  public var logEvidence: Estimate { logMeanExpEstimate(logWeights) }

  /// (Σw)²/Σw², in [1, n]; 0 where all weights are 0. It cannot see what the proposal missed; the tail index may.
  public var effectiveSampleSize: Double { Probability.effectiveSampleSize(logWeights: logWeights) }

  /// Effective over actual draws, in [0, 1].
  public var efficiency: Double { effectiveSampleSize / Double(count) }

  /// The share of the largest weight, in [1/n, 1]; NaN where all weights are 0.
  public var maximumWeightShare: Double { .exp((logWeights.max() ?? .nan) - logSumExp(logWeights)) }

  /// k̂: see ``ParetoSmoothing/shape``.
  public var paretoShape: Double { ParetoSmoothing(logWeights: logWeights).shape }

  /// The weights divided by their sum, `[n]`; NaN where all are 0.
  public var weights: [Double] {
    let total = logSumExp(logWeights)
    return logWeights.map { .exp($0 - total) }
  }

  /// The same draws with Pareto-smoothed weights: a little bias for much less variance.
  public var smoothed: ImportanceSample {
    ImportanceSample(draws: draws, unchecked: ParetoSmoothing(logWeights: logWeights).logWeights)
  }

  // MARK: Estimates

  /// E_p[f] for a target known up to a constant: Σ w f/Σ w, with its standard error by the delta method.
  ///
  /// Biased by O(1/n), and exact for constants. The value is NaN where all weights are 0.
  /// - Parameter f: `[n] + event` to `[n]`; finite where weights are not 0.
  public func expectation(of f: (Tensor) -> Tensor) -> Estimate {
    let (values, weights) = (evaluated(f), self.weights)
    let mean = zip(weights, values).reduce(0) { $0 + Self.product($1.0, $1.1) }
    let squares = zip(weights, values).reduce(0) { sum, pair in
      let error = Self.product(pair.0, pair.1 - mean)
      return sum + error * error
    }
    // As for a mean of independent values: n/(n − 1) for the fitted mean.
    let n = Double(count)
    return Estimate(mean, standardError: n < 2 ? .nan : (squares * n / (n - 1)).squareRoot())
  }

  /// ∫ f p without normalising: the plain mean of w f, unbiased, with its standard error.
  ///
  /// E_p[f] where p is normalised, in which case ``expectation(of:)`` has usually less variance.
  /// - Parameter f: `[n] + event` to `[n]`; finite where weights are not 0.
  public func integral(of f: (Tensor) -> Tensor) -> Estimate {
    guard let largest = logWeights.max(), largest > -.infinity else { return Estimate(0, standardError: 0) }
    // Relative to the largest weight, which may lie beyond the range of numbers though the products do not.
    let products = zip(logWeights, evaluated(f)).map { Self.product(.exp($0 - largest), $1) }
    return Double.exp(largest) * Estimate(meanOf: products)
  }

  private func evaluated(_ f: (Tensor) -> Tensor) -> [Double] {
    let values = withoutGradient { f(draws) }
    precondition(values.shape == [count], "ImportanceSample: f gives \(values.shape), not [\(count)]")
    return values.doubles
  }

  /// What has no weight does not count, whatever f says there.
  private static func product(_ weight: Double, _ value: Double) -> Double {
    weight == 0 ? 0 : weight * value
  }
}
