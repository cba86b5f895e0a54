import Torch

/// The uniform distribution on [low, high].
public struct Uniform: QuantileDistribution, ContinuousDistribution {
  public let low: Tensor
  public let high: Tensor

  /// - Parameters:
  ///   - low: finite.
  ///   - high: finite and > `low`.
  /// - Throws: ``ParameterError``.
  public init(low: some DistributionParameter, high: some DistributionParameter) throws(ParameterError) {
    let check = ParameterCheck("Uniform")
    let parameters = try check.broadcast(["low": low, "high": high])
    try check.finite("low", parameters[0])
    try check.require("high", parameters[1], "finite numbers above low") {
      $0.isFinite() .& ($0 .> parameters[0].detach())
    }
    self.low = parameters[0]
    self.high = parameters[1]
  }

  public var eventShape: [Int] { low.shape }
  public var mean: Tensor { (low + high) * 0.5 }
  public var variance: Tensor { (high - low).square() / 12 }
  /// log(high − low), summed over components.
  public var entropy: Tensor { (high - low).log().sum() }

  /// Draws lie in [low, high).
  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    low + (high - low) * source.uniform([count] + eventShape, dtype: low.dtype, device: low.device)
  }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    let x = x.aligned(with: low)
    // 0·x keeps NaN; the ends may be infinite, which 0·x must not see.
    return x.supported(outside: (x .< low) .| (x .> high), interior: 0) { 0 * $0 - (high - low).log() }
  }

  public func cdf(_ x: Tensor) -> Tensor {
    ((x.aligned(with: low) - low) / (high - low)).clamp(0, 1)
  }

  public func quantile(_ p: Tensor) -> Tensor {
    let p = p.aligned(with: low)
    return low.lerp(high, by: p).validLevels(p)
  }
}

extension Tensor {
  /// Exact at both ends, which a + p(b − a) is not.
  fileprivate func lerp(_ other: Tensor, by p: Tensor) -> Tensor { self * (1 - p) + other * p }
}
