import RealModule
import Torch

/// The normal distribution N(mean, standardDeviation²), or independent normals.
///
/// ```swift
/// let normal = try Normal(mean: 0, standardDeviation: 2)
/// var source = RandomSource(seed: 1)
/// let x = normal.sample(100, using: &source)        // [100]
/// let logp = normal.logProbability(x)               // [100]
/// ```
public struct Normal: QuantileDistribution, ContinuousDistribution {
  public let mean: Tensor
  public let standardDeviation: Tensor

  /// - Parameters:
  ///   - mean: finite.
  ///   - standardDeviation: finite and > 0.
  /// - Throws: ``ParameterError``.
  public init(mean: some DistributionParameter, standardDeviation: some DistributionParameter)
    throws(ParameterError)
  {
    let check = ParameterCheck("Normal")
    let parameters = try check.broadcast(["mean": mean, "standardDeviation": standardDeviation])
    try check.finite("mean", parameters[0])
    try check.positive("standardDeviation", parameters[1])
    self.init(unchecked: parameters[0], parameters[1])
  }

  init(unchecked mean: Tensor, _ standardDeviation: Tensor) {
    self.mean = mean
    self.standardDeviation = standardDeviation
  }

  /// N(0, I) with the given shape of a draw; a number when left out.
  public static func standard(
    _ eventShape: [Int] = [], dtype: DType = .double, device: Device = .cpu
  ) -> Normal {
    Normal(
      unchecked: .zeros(eventShape, dtype: dtype, device: device),
      .ones(eventShape, dtype: dtype, device: device))
  }

  public var eventShape: [Int] { mean.shape }
  public var variance: Tensor { standardDeviation.square() }
  /// ½ log(2πe σ²), summed over components.
  public var entropy: Tensor { (standardDeviation.log() + 0.5 * (Double.log(2 * .pi) + 1)).sum() }

  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    mean + standardDeviation
      * source.normal([count] + eventShape, dtype: mean.dtype, device: mean.device)
  }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    -0.5 * standardised(x).square() - standardDeviation.log() - 0.5 * Double.log(2 * .pi)
  }

  public func score(_ x: Tensor) -> Tensor { (-standardised(x) / standardDeviation).to(x.dtype) }

  public func logDensityAndScore(_ x: Tensor) -> (logDensity: Tensor, score: Tensor) {
    requireRows(x)
    let z = standardised(x)
    // What does not depend on x is summed before it meets the rows.
    let constant = (standardDeviation.log() + 0.5 * Double.log(2 * .pi)).sum()
    let squares = z.square().summed(overLast: eventShape.count)
    return (-0.5 * squares - constant, (-z / standardDeviation).to(x.dtype))
  }

  /// Accurate to a few units in the last place in the lower tail.
  public func cdf(_ x: Tensor) -> Tensor { 0.5 * (standardised(x) * -0.5.squareRoot()).erfc() }

  public func quantile(_ p: Tensor) -> Tensor {
    mean + standardDeviation * p.aligned(with: mean).normalQuantile()
  }

  private func standardised(_ x: Tensor) -> Tensor { (x.aligned(with: mean) - mean) / standardDeviation }
}

/// A normal with a diagonal covariance: ``Normal`` with `[d]` parameters.
public typealias DiagonalNormal = Normal
