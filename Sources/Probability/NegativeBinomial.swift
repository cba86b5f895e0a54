import Torch

/// The negative binomial distribution of counts by its mean m and dispersion k: variance m + m²/k.
///
/// Γ(x + k)/(Γ(k) x!) · (k/(k + m))ᵏ (m/(k + m))ˣ on x = 0, 1, …: Poisson counts whose rates are gamma with
/// concentration k, and the Poisson distribution as k grows.
public struct NegativeBinomial: CumulativeDistribution {
  public let mean: Tensor
  /// k, the size: the smaller, the more the counts spread.
  public let dispersion: Tensor

  /// - Parameters:
  ///   - mean: finite and > 0.
  ///   - dispersion: finite and > 0.
  /// - Throws: ``ParameterError``.
  public init(mean: some DistributionParameter, dispersion: some DistributionParameter) throws(ParameterError)
  {
    let check = ParameterCheck("NegativeBinomial")
    let parameters = try check.broadcast(["mean": mean, "dispersion": dispersion])
    try check.positive("mean", parameters[0])
    try check.positive("dispersion", parameters[1])
    self.mean = parameters[0]
    self.dispersion = parameters[1]
  }

  public var eventShape: [Int] { mean.shape }
  public var variance: Tensor { mean + mean.square() / dispersion }

  /// Counts in the type of the parameters.
  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    let shape = [count] + eventShape
    let rates = source.gamma(dispersion.detach().expand(shape)) * (mean / dispersion).detach()
    return source.poisson(rates)
  }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    let x = x.aligned(with: mean)
    let outside = (x .< 0) .| (x .!= x.round()) .| (x .== .infinity)
    return x.supported(outside: outside .& x.isNaN().logicalNot(), interior: 0) {
      // Γ(x + k)/Γ(k) by the difference of Stirling's series where k is large: there the logarithms cancel.
      let (isLarge, big) = (dispersion .> 1e4, dispersion.clamp(1e4))
      let stirling =
        (big + $0 - 0.5) * ($0 / big).log1p() + $0.xlogy(big) - $0 + (1 / (big + $0) - 1 / big) / 12
      let direct = ($0 + dispersion).lgamma() - dispersion.lgamma()
      let ways = Tensor.where(isLarge, stirling, direct) - ($0 + 1).lgamma()
      // log1p keeps its digits where k is large and the law nearly Poisson's.
      return ways - (dispersion + $0) * (mean / dispersion).log1p() + $0.xlogy(mean / dispersion)
    }
  }

  /// I_{k/(k + m)}(k, ⌊x⌋ + 1), on the host and without gradients.
  public func cdf(_ x: Tensor) -> Tensor {
    elementwise(x.aligned(with: mean), mean, dispersion) { x, m, k in
      if x.isNaN { return .nan }
      let count = x.rounded(.down)
      if count < 0 { return 0 }
      if count == .infinity { return 1 }
      return regularizedIncompleteBeta(k, count + 1, k / (k + m), complement: m / (k + m))
    }
  }
}
