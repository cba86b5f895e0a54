import RealModule
import Torch

/// Student's t distribution with location and scale.
public struct StudentT: QuantileDistribution, ContinuousDistribution {
  public let degreesOfFreedom: Tensor
  public let location: Tensor
  public let scale: Tensor

  /// - Parameters:
  ///   - degreesOfFreedom: ν, finite and > 0.
  ///   - location: finite; 0 when left out.
  ///   - scale: finite and > 0; 1 when left out. Not the standard deviation.
  /// - Throws: ``ParameterError``.
  public init(
    degreesOfFreedom: some DistributionParameter, location: some DistributionParameter = 0.0,
    scale: some DistributionParameter = 1.0
  ) throws(ParameterError) {
    let check = ParameterCheck("StudentT")
    let parameters = try check.broadcast([
      "degreesOfFreedom": degreesOfFreedom, "location": location, "scale": scale,
    ])
    try check.positive("degreesOfFreedom", parameters[0])
    try check.finite("location", parameters[1])
    try check.positive("scale", parameters[2])
    self.degreesOfFreedom = parameters[0]
    self.location = parameters[1]
    self.scale = parameters[2]
  }

  public var eventShape: [Int] { location.shape }
  /// NaN for ν ≤ 1, where it does not exist.
  public var mean: Tensor { location.filled(where: degreesOfFreedom .<= 1, with: .nan) }
  /// ∞ for 1 < ν ≤ 2 and NaN for ν ≤ 1.
  public var variance: Tensor {
    let ν = degreesOfFreedom
    return (scale.square() * ν / (ν - 2)).filled(where: ν .<= 2, with: .infinity)
      .filled(where: ν .<= 1, with: .nan)
  }
  /// ½(ν + 1)(ψ(½ν + ½) − ψ(½ν)) + log(√ν B(½ν, ½)) + log scale, summed over components.
  public var entropy: Tensor {
    let half = degreesOfFreedom * 0.5
    return ((half + 0.5) * ((half + 0.5).digamma() - half.digamma()) + logNormaliser).sum()
  }

  /// log(scale √ν B(½ν, ½)), `eventShape`.
  private var logNormaliser: Tensor {
    let half = degreesOfFreedom * 0.5
    let gammas = half.lgamma() - (half + 0.5).lgamma()
    return gammas + 0.5 * (degreesOfFreedom * Double.pi).log() + scale.log()
  }

  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    let shape = [count] + eventShape
    let normal = source.normal(shape, dtype: location.dtype, device: location.device)
    let chiSquared = 2 * source.gamma((degreesOfFreedom * 0.5).expand(shape))
    return location + scale * normal / (chiSquared / degreesOfFreedom).sqrt()
  }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    let power = (degreesOfFreedom + 1) * -0.5
    return power * (standardised(x).square() / degreesOfFreedom).log1p() - logNormaliser
  }

  public func score(_ x: Tensor) -> Tensor {
    let z = standardised(x)
    return (-(degreesOfFreedom + 1) * z / ((degreesOfFreedom + z.square()) * scale)).to(x.dtype)
  }

  /// On the host and without gradients; accurate in the lower tail as
  /// ``regularizedIncompleteBeta(_:_:_:complement:)``.
  public func cdf(_ x: Tensor) -> Tensor {
    let z = standardised(x)
    return elementwise(degreesOfFreedom, z, z) { ν, t, _ in Self.standardCDF(ν, t) }
  }

  /// By bisection on the host: 68 evaluations of the distribution function.
  public func quantile(_ p: Tensor) -> Tensor {
    let p = p.aligned(with: location)
    let standard = bisect(p, low: -710, high: 710) { u in
      elementwise(degreesOfFreedom, u, u) { ν, u, _ in Self.standardCDF(ν, .sinh(u)) }
    }
    let z = standard.sinh().filled(where: p .== 0, with: -.infinity).filled(where: p .== 1, with: .infinity)
      .filled(where: p .== 0.5, with: 0)
    return (location + scale * z).validLevels(p)
  }

  private static func standardCDF(_ ν: Double, _ t: Double) -> Double {
    if t.isNaN { return .nan }
    if t.isInfinite { return t < 0 ? 0 : 1 }
    // Written with t/√ν so that neither ratio overflows or cancels.
    let r = t * t / ν
    let x = r.isFinite ? 1 / (1 + r) : 0
    let y = r.isFinite ? r / (1 + r) : 1
    let tail = 0.5 * regularizedIncompleteBeta(0.5 * ν, 0.5, x, complement: y)
    return t > 0 ? 1 - tail : tail
  }

  private func standardised(_ x: Tensor) -> Tensor { (x.aligned(with: location) - location) / scale }
}
