import Probability
import RealModule

/// Importance weights whose largest are replaced by the quantiles of a generalised Pareto law fitted to them.
///
/// Source: Vehtari, Simpson, Gelman, Yao & Gabry 2024 (PSIS). Cost: a sort, and 30 + √M passes over the M largest.
public struct ParetoSmoothing: Sendable, Hashable {
  /// log-weights, no larger than the largest before, up to the same constant.
  public let logWeights: [Double]
  /// k̂: below 0.5 the weights have a variance; up to 0.7, or 1 − 1/log₁₀ n for fewer than 2200 draws, smoothed
  /// estimates can be trusted; above, the proposal misses a part of the target.
  ///
  /// +∞ where fewer than five distinct weights make up the tail, −∞ where all weights are equal.
  public let shape: Double

  /// - Parameters:
  ///   - logWeights: up to a constant; finite or −∞.
  ///   - relativeEfficiency: effective over actual sample size of correlated draws, > 0; 1 for independent ones.
  public init(logWeights: [Double], relativeEfficiency: Double = 1) {
    precondition(relativeEfficiency > 0, "ParetoSmoothing: relativeEfficiency \(relativeEfficiency)")
    let n = logWeights.count
    guard let largest = logWeights.max(), largest.isFinite else {
      (self.logWeights, shape) = (logWeights, .infinity)
      return
    }
    guard logWeights.contains(where: { $0 < largest }) else {
      (self.logWeights, shape) = (logWeights, -.infinity)
      return
    }
    let order = logWeights.indices.sorted { logWeights[$0] < logWeights[$1] }
    let size = Int(min(Double(n) / 5, 3 * (Double(n) / relativeEfficiency).squareRoot()).rounded(.up))
    // Weights are taken relative to the largest; below the least normal number they are 0.
    let smallest = Double.log(.leastNormalMagnitude)
    let cutoff = max(logWeights[order[max(0, n - 1 - size)]] - largest, smallest)
    let tail = order.filter { logWeights[$0] - largest > cutoff }
    guard tail.count > 4 else {
      (self.logWeights, shape) = (logWeights, .infinity)
      return
    }
    let threshold = Double.exp(cutoff)
    let law = GeneralizedPareto(fitting: tail.map { .exp(logWeights[$0] - largest) - threshold })
    shape = law.shape
    var smoothed = logWeights
    if law.shape.isFinite {
      for (rank, draw) in tail.enumerated() {
        let quantile = law.quantile((Double(rank) + 0.5) / Double(tail.count))
        smoothed[draw] = largest + min(0, .log(quantile + threshold))
      }
    }
    self.logWeights = smoothed
  }
}
