import Torch

/// The distribution of x = shift + scale·y for y from another distribution, element by element.
///
/// Standardised data is `AffineTransformed` in reverse: a density fitted to (x − mean)/deviation becomes a
/// density of x with `shift` the mean and `scale` the deviation.
public struct AffineTransformed<Base: ContinuousDistribution>: ContinuousDistribution {
  public let base: Base
  /// `base.eventShape`.
  public let shift: Tensor
  /// `base.eventShape`, not zero.
  public let scale: Tensor

  /// - Parameters:
  ///   - shift: finite, of a shape that broadcasts to the shape of a draw.
  ///   - scale: finite and not 0; likewise.
  /// - Throws: ``ParameterError``.
  public init(
    _ base: Base, shift: some DistributionParameter = 0.0, scale: some DistributionParameter = 1.0
  ) throws(ParameterError) {
    let check = ParameterCheck("AffineTransformed")
    let parameters = try check.broadcast(["shift": shift, "scale": scale])
    let shape = parameters[0].shape
    guard ParameterCheck.broadcast(shape, base.eventShape) == base.eventShape else {
      throw check.error(
        "shift and scale", found: "of shape \(shape)",
        expected: "a shape that broadcasts to \(base.eventShape)")
    }
    try check.finite("shift", parameters[0])
    try check.require("scale", parameters[1], "finite numbers other than 0") {
      $0.isFinite() .& ($0 .!= 0)
    }
    self.base = base
    self.shift = parameters[0].expand(base.eventShape)
    self.scale = parameters[1].expand(base.eventShape)
  }

  public var eventShape: [Int] { base.eventShape }

  /// log |det ∂x/∂y| = Σ log |scale|.
  public var logAbsDeterminant: Tensor { scale.abs().log().sum() }

  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    shift + scale * base.sample(count, using: &source)
  }

  public func logProbability(_ x: Tensor) -> Tensor {
    requireRows(x)
    return base.logProbability(untransformed(x)) - logAbsDeterminant
  }

  public func score(_ x: Tensor) -> Tensor {
    requireRows(x)
    return (base.score(untransformed(x)) / scale).to(x.dtype)
  }

  private func untransformed(_ x: Tensor) -> Tensor { (x.to(like: shift) - shift) / scale }
}

extension AffineTransformed: UnivariateDistribution where Base: UnivariateDistribution {
  public var mean: Tensor { shift + scale * base.mean }
  public var variance: Tensor { scale.square() * base.variance }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    base.componentLogProbability((x.aligned(with: shift) - shift) / scale) - scale.abs().log()
  }
}

extension AffineTransformed: CumulativeDistribution where Base: CumulativeDistribution {
  /// P(X ≤ x) of every component by itself, with the shape of `x`; a negative scale exchanges the tails.
  public func cdf(_ x: Tensor) -> Tensor {
    let level = base.cdf((x.aligned(with: shift) - shift) / scale)
    return Tensor.where(scale .> 0, level, 1 - level)
  }
}

extension AffineTransformed: QuantileDistribution where Base: QuantileDistribution {
  public func quantile(_ p: Tensor) -> Tensor {
    shift + scale * base.quantile(Tensor.where(scale .> 0, p, 1 - p))
  }
}
