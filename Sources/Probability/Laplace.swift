import RealModule
import Torch

/// The Laplace distribution with density exp(−|x − location|/scale)/(2·scale).
public struct Laplace: QuantileDistribution, ContinuousDistribution {
  public let location: Tensor
  public let scale: Tensor

  /// - Parameters:
  ///   - location: finite.
  ///   - scale: finite and > 0.
  /// - Throws: ``ParameterError``.
  public init(location: some DistributionParameter, scale: some DistributionParameter) throws(ParameterError)
  {
    let check = ParameterCheck("Laplace")
    let parameters = try check.broadcast(["location": location, "scale": scale])
    try check.finite("location", parameters[0])
    try check.positive("scale", parameters[1])
    self.location = parameters[0]
    self.scale = parameters[1]
  }

  public var eventShape: [Int] { location.shape }
  public var mean: Tensor { location }
  public var variance: Tensor { 2 * scale.square() }
  /// 1 + log(2·scale), summed over components.
  public var entropy: Tensor { (1 + (2 * scale).log()).sum() }

  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    let shape = [count] + eventShape
    let magnitude = source.exponential(shape, dtype: location.dtype, device: location.device)
    return location + scale * magnitude * source.rademacher(like: magnitude)
  }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    -standardised(x).abs() - scale.log() - Double.log(2)
  }

  /// 0 at the location, where the density has a kink.
  public func score(_ x: Tensor) -> Tensor { (-standardised(x).sign() / scale).to(x.dtype) }

  public func cdf(_ x: Tensor) -> Tensor {
    let z = standardised(x)
    let tail = 0.5 * (-z.abs()).exp()
    return Tensor.where(z .> 0, 1 - tail, tail)
  }

  public func quantile(_ p: Tensor) -> Tensor {
    let p = p.aligned(with: location)
    let lower = (2 * p).log()
    let upper = -(2 * (1 - p)).log()
    return (location + scale * Tensor.where(p .> 0.5, upper, lower)).validLevels(p)
  }

  private func standardised(_ x: Tensor) -> Tensor { (x.aligned(with: location) - location) / scale }
}
