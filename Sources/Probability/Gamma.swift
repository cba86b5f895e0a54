import RealModule
import Torch

/// The gamma distribution with density rateᵃ xᵃ⁻¹ exp(−rate·x)/Γ(a) on x ≥ 0, a the concentration.
public struct Gamma: QuantileDistribution, ContinuousDistribution {
  public let concentration: Tensor
  public let rate: Tensor

  /// - Parameters:
  ///   - concentration: finite and > 0.
  ///   - rate: finite and > 0; 1 when left out.
  /// - Throws: ``ParameterError``.
  public init(concentration: some DistributionParameter, rate: some DistributionParameter = 1.0)
    throws(ParameterError)
  {
    let check = ParameterCheck("Gamma")
    let parameters = try check.broadcast(["concentration": concentration, "rate": rate])
    try check.positive("concentration", parameters[0])
    try check.positive("rate", parameters[1])
    self.concentration = parameters[0]
    self.rate = parameters[1]
  }

  public var eventShape: [Int] { concentration.shape }
  public var mean: Tensor { concentration / rate }
  public var variance: Tensor { concentration / rate.square() }
  /// a − log rate + log Γ(a) + (1 − a)ψ(a), summed over components.
  public var entropy: Tensor {
    let a = concentration
    return (a - rate.log() + a.lgamma() + (1 - a) * a.digamma()).sum()
  }

  /// Differentiable in both parameters.
  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    source.gamma(concentration.expand([count] + eventShape)) / rate
  }

  /// At 0: +∞ for a concentration below 1, log rate at 1, −∞ above.
  public func componentLogProbability(_ x: Tensor) -> Tensor {
    let x = x.aligned(with: rate)
    return x.supported(outside: (x .< 0) .| (x .== .infinity), interior: 1) {
      concentration.xlogy(rate) + (concentration - 1).xlogy($0) - rate * $0 - concentration.lgamma()
    }
  }

  /// Relative error about 1e-13 in `Double`.
  public func cdf(_ x: Tensor) -> Tensor {
    let scaled = (x.aligned(with: rate) * rate).clamp(0)
    return concentration.expand(scaled.shape).regularizedLowerGamma(scaled)
  }

  /// By bisection: 68 evaluations of the distribution function.
  public func quantile(_ p: Tensor) -> Tensor {
    let p = p.aligned(with: rate)
    let logarithm = bisect(p, low: -746, high: 710) {
      concentration.expand(p.shape).regularizedLowerGamma($0.exp())
    }
    let unit = logarithm.exp().filled(where: p .== 0, with: 0).filled(where: p .== 1, with: .infinity)
    return (unit / rate).validLevels(p)
  }
}
