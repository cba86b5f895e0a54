import RealModule
import Torch

/// Kish's effective sample size (Σw)²/Σw² from log-weights, in [1, n]; 0 where all weights are 0.
///
/// - Parameter logWeights: up to a constant; −∞ is a weight of 0, and NaN or +∞ give NaN.
public func effectiveSampleSize(logWeights: [Double]) -> Double {
  let total = logSumExp(logWeights)
  if total == -.infinity { return 0 }
  return .exp(2 * total - logSumExp(logWeights.map { 2 * $0 }))
}

/// Kish's effective sample size over the last axis: `[..., n]` to `[...]`.
public func effectiveSampleSize(logWeights: Tensor) -> Tensor {
  let total = logWeights.logSumExp(-1)
  let size = (2 * total - (2 * logWeights).logSumExp(-1)).exp()
  return size.filled(where: total .== -.infinity, with: 0)
}
