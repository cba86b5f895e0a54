import RealModule
import Torch

/// The distribution of eʸ for y ~ N(location, scale²).
public struct LogNormal: QuantileDistribution, ContinuousDistribution {
  /// The normal distribution of the logarithm.
  public let logarithm: Normal

  /// - Parameters:
  ///   - location: the mean of the logarithm, finite.
  ///   - scale: the standard deviation of the logarithm, finite and > 0.
  /// - Throws: ``ParameterError``.
  public init(location: some DistributionParameter, scale: some DistributionParameter) throws(ParameterError)
  {
    let check = ParameterCheck("LogNormal")
    let parameters = try check.broadcast(["location": location, "scale": scale])
    try check.finite("location", parameters[0])
    try check.positive("scale", parameters[1])
    logarithm = Normal(unchecked: parameters[0], parameters[1])
  }

  public var eventShape: [Int] { logarithm.eventShape }
  public var mean: Tensor { (logarithm.mean + 0.5 * logarithm.variance).exp() }
  public var variance: Tensor { logarithm.variance.expm1() * mean.square() }
  /// The entropy of the logarithm plus its mean, summed over components.
  public var entropy: Tensor { logarithm.entropy + logarithm.mean.sum() }

  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    logarithm.sample(count, using: &source).exp()
  }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    let x = x.aligned(with: logarithm.mean)
    return x.supported(outside: x .<= 0, interior: 1) {
      logarithm.componentLogProbability($0.log()) - $0.log()
    }
  }

  public func cdf(_ x: Tensor) -> Tensor { logarithm.cdf(x.to(like: logarithm.mean).clamp(0).log()) }
  public func quantile(_ p: Tensor) -> Tensor { logarithm.quantile(p).exp() }
}
