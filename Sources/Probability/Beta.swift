import Torch

/// The beta distribution with density xᵃ⁻¹(1 − x)ᵇ⁻¹/B(a, b) on [0, 1].
public struct Beta: QuantileDistribution, ContinuousDistribution {
  public let alpha: Tensor
  public let beta: Tensor

  /// - Parameters:
  ///   - alpha: a, finite and > 0.
  ///   - beta: b, finite and > 0.
  /// - Throws: ``ParameterError``.
  public init(alpha: some DistributionParameter, beta: some DistributionParameter) throws(ParameterError) {
    let check = ParameterCheck("Beta")
    let parameters = try check.broadcast(["alpha": alpha, "beta": beta])
    try check.positive("alpha", parameters[0])
    try check.positive("beta", parameters[1])
    self.alpha = parameters[0]
    self.beta = parameters[1]
  }

  public var eventShape: [Int] { alpha.shape }
  public var mean: Tensor { alpha / (alpha + beta) }
  public var variance: Tensor {
    let total = alpha + beta
    return alpha * beta / (total.square() * (total + 1))
  }
  /// log B − (a − 1)ψ(a) − (b − 1)ψ(b) + (a + b − 2)ψ(a + b), summed over components.
  public var entropy: Tensor {
    let total = alpha + beta
    let edges = (alpha - 1) * alpha.digamma() + (beta - 1) * beta.digamma()
    return (logNormaliser - edges + (total - 2) * total.digamma()).sum()
  }

  /// log B(a, b), `eventShape`.
  var logNormaliser: Tensor { alpha.lgamma() + beta.lgamma() - (alpha + beta).lgamma() }

  /// Differentiable in both parameters.
  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    let x = source.gamma(alpha.expand([count] + eventShape))
    let y = source.gamma(beta.expand([count] + eventShape))
    return x / (x + y)
  }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    let x = x.aligned(with: alpha)
    return x.supported(outside: (x .< 0) .| (x .> 1), interior: 0.5) {
      (alpha - 1).xlogy($0) + (beta - 1).xlogy(1 - $0) - logNormaliser
    }
  }

  /// On the host and without gradients; accuracy as ``regularizedIncompleteBeta(_:_:_:complement:)``.
  public func cdf(_ x: Tensor) -> Tensor {
    elementwise(alpha, beta, x.aligned(with: alpha).clamp(0, 1)) { regularizedIncompleteBeta($0, $1, $2) }
  }

  /// By bisection on the host: 68 evaluations of the distribution function.
  public func quantile(_ p: Tensor) -> Tensor {
    let p = p.aligned(with: alpha).detach()
    let logit = bisect(p, low: -746, high: 746) { u in
      let complement = (-u).sigmoid().doubles
      let x = u.sigmoid()
      let a = alpha.expand(p.shape).doubles
      let b = beta.expand(p.shape).doubles
      let values = x.doubles.indices.map { i in (a[i], b[i], complement[i]) }
      let levels = zip(values, x.doubles).map { v, x in
        regularizedIncompleteBeta(v.0, v.1, x, complement: v.2)
      }
      return Tensor(levels, shape: p.shape).to(like: p)
    }
    return logit.sigmoid().filled(where: p .== 0, with: 0).filled(where: p .== 1, with: 1).validLevels(p)
  }
}
