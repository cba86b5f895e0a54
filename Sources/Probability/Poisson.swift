import Torch

/// The Poisson distribution of counts with a given mean.
public struct Poisson: CumulativeDistribution {
  public let rate: Tensor

  /// - Parameter rate: finite and > 0.
  /// - Throws: ``ParameterError``.
  public init(rate: some DistributionParameter) throws(ParameterError) {
    let check = ParameterCheck("Poisson")
    self.rate = try check.broadcast(["rate": rate])[0]
    try check.positive("rate", self.rate)
  }

  public var eventShape: [Int] { rate.shape }
  public var mean: Tensor { rate }
  public var variance: Tensor { rate }

  /// Counts in the type of the parameter.
  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    source.poisson(rate.detach().expand([count] + eventShape))
  }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    let x = x.aligned(with: rate)
    let outside = (x .< 0) .| (x .!= x.round()) .| (x .== .infinity)
    return x.supported(outside: outside .& x.isNaN().logicalNot(), interior: 0) {
      $0 * rate.log() - rate - ($0 + 1).lgamma()
    }
  }

  public func cdf(_ x: Tensor) -> Tensor {
    let count = x.aligned(with: rate).floor()
    let upper = (count.clamp(0) + 1).regularizedUpperGamma(rate.expand(count.shape))
    return upper.filled(where: count .< 0, with: 0).filled(where: count .== .infinity, with: 1)
  }
}
