import Torch

/// The exponential distribution with density rate·exp(−rate·x) on x ≥ 0.
public struct Exponential: QuantileDistribution, ContinuousDistribution {
  public let rate: Tensor

  /// - Parameter rate: finite and > 0.
  /// - Throws: ``ParameterError``.
  public init(rate: some DistributionParameter) throws(ParameterError) {
    let check = ParameterCheck("Exponential")
    self.rate = try check.broadcast(["rate": rate])[0]
    try check.positive("rate", self.rate)
  }

  public var eventShape: [Int] { rate.shape }
  public var mean: Tensor { rate.reciprocal() }
  public var variance: Tensor { rate.square().reciprocal() }
  /// 1 − log rate, summed over components.
  public var entropy: Tensor { (1 - rate.log()).sum() }

  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    source.exponential([count] + eventShape, dtype: rate.dtype, device: rate.device) / rate
  }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    let x = x.aligned(with: rate)
    return x.supported(outside: x .< 0, interior: 1) { rate.log() - rate * $0 }
  }

  public func cdf(_ x: Tensor) -> Tensor { -(-rate * x.aligned(with: rate).clamp(0)).expm1() }

  public func quantile(_ p: Tensor) -> Tensor {
    let p = p.aligned(with: rate)
    return (-(-p).log1p() / rate).validLevels(p)
  }
}
