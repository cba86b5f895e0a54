import Torch

/// The number of successes among independent trials.
public struct Binomial: CumulativeDistribution {
  /// The number of trials.
  public let trials: Tensor
  /// Of success.
  public let probability: Tensor

  /// - Parameters:
  ///   - trials: whole numbers ≥ 0.
  ///   - probability: in [0, 1].
  /// - Throws: ``ParameterError``.
  public init(trials: some DistributionParameter, probability: some DistributionParameter)
    throws(ParameterError)
  {
    let check = ParameterCheck("Binomial")
    let parameters = try check.broadcast(["trials": trials, "probability": probability])
    try check.require("trials", parameters[0], "whole numbers ≥ 0") {
      $0.isFinite() .& ($0 .>= 0) .& ($0 .== $0.round())
    }
    try check.probability("probability", parameters[1])
    self.trials = parameters[0]
    self.probability = parameters[1]
  }

  public var eventShape: [Int] { trials.shape }
  public var mean: Tensor { trials * probability }
  public var variance: Tensor { trials * probability * (1 - probability) }

  /// Counts in the type of the parameters.
  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    let shape = [count] + eventShape
    return source.binomial(trials.detach().expand(shape), probability.detach().expand(shape))
  }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    let x = x.aligned(with: trials)
    let outside = (x .< 0) .| (x .> trials) .| (x .!= x.round())
    return x.supported(outside: outside .& x.isNaN().logicalNot(), interior: 0) {
      let failures = trials - $0
      let choices = (trials + 1).lgamma() - ($0 + 1).lgamma() - (failures + 1).lgamma()
      // failures·log1p(−p) would be 0·∞ where p is 1 and nothing failed.
      return choices + $0.xlogy(probability) + failures.xlogy(1 - probability)
    }
  }

  /// On the host and without gradients.
  public func cdf(_ x: Tensor) -> Tensor {
    elementwise(x.aligned(with: trials), trials, probability) { x, n, p in
      if x.isNaN { return .nan }
      let k = x.rounded(.down)
      if k < 0 { return 0 }
      return k >= n ? 1 : regularizedIncompleteBeta(n - k, k + 1, 1 - p, complement: p)
    }
  }
}
