import RealModule
import Torch

/// The normal distribution on ℝᵈ with a full covariance, held as its Cholesky factor.
public struct MultivariateNormal: ContinuousDistribution {
  /// `[d]`.
  public let mean: Tensor
  /// The lower Cholesky factor L of the covariance, `[d, d]`.
  public let factor: Tensor

  /// - Parameters:
  ///   - mean: `[d]`, finite.
  ///   - covariance: `[d, d]`, symmetric to 1e-8 of its largest element and positive definite.
  /// - Throws: ``ParameterError``.
  public init(mean: some DistributionParameter, covariance: Tensor) throws(ParameterError) {
    let check = ParameterCheck("MultivariateNormal")
    let (mean, covariance) = try Self.shaped(mean, "covariance", covariance, check)
    try check.finite("covariance", covariance)
    let gap = (covariance - covariance.transposed).abs().max().item()
    guard gap <= 1e-8 * covariance.abs().max().item() else {
      throw check.error("covariance", found: "asymmetric by \(gap)", expected: "a symmetric matrix")
    }
    guard let factor = try? withTorchErrors({ covariance.cholesky() }) else {
      let lowest = covariance.detach().eigh().values[0].item()
      throw check.error(
        "covariance", found: "not positive definite (least eigenvalue \(lowest))",
        expected: "a positive definite matrix")
    }
    self.mean = mean
    self.factor = factor
  }

  /// - Parameters:
  ///   - mean: `[d]`, finite.
  ///   - factor: `[d, d]`, lower triangular with a positive diagonal; what lies above it is not read.
  /// - Throws: ``ParameterError``.
  public init(mean: some DistributionParameter, factor: Tensor) throws(ParameterError) {
    let check = ParameterCheck("MultivariateNormal")
    let (mean, factor) = try Self.shaped(mean, "factor", factor, check)
    try check.finite("factor", factor)
    try check.positive("factor", factor.diagonal())
    self.mean = mean
    self.factor = factor.lowerTriangle()
  }

  private static func shaped(
    _ mean: some DistributionParameter, _ name: String, _ matrix: Tensor, _ check: ParameterCheck
  ) throws(ParameterError) -> (Tensor, Tensor) {
    let matrix = matrix.parameter
    let mean = mean.parameter.to(like: matrix)
    guard mean.rank == 1, mean.count > 0 else {
      throw check.error("mean", found: "of shape \(mean.shape)", expected: "a vector [d]")
    }
    let d = mean.count
    guard matrix.shape == [d, d] else {
      throw check.error(
        name, found: "of shape \(matrix.shape)", expected: "[\(d), \(d)], as the mean has \(d)")
    }
    try check.finite("mean", mean)
    return (mean, matrix)
  }

  public var eventShape: [Int] { mean.shape }
  /// `[d, d]`.
  public var covariance: Tensor { factor.matmul(factor.transposed) }
  /// `[d]`.
  public var variance: Tensor { factor.square().sum(-1) }
  /// log det of the covariance.
  public var logDeterminant: Tensor { 2 * factor.diagonal().log().sum() }
  public var entropy: Tensor {
    0.5 * logDeterminant + 0.5 * Double(mean.count) * (Double.log(2 * .pi) + 1)
  }

  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    let z = source.normal([count] + eventShape, dtype: mean.dtype, device: mean.device)
    return mean + z.matmul(factor.transposed)
  }

  public func logProbability(_ x: Tensor) -> Tensor {
    requireRows(x)
    return density(whitened: whitened(x), at: x)
  }

  private func density(whitened z: Tensor, at x: Tensor) -> Tensor {
    let distances = z.square().sum(0)
    let density = -0.5 * (distances + logDeterminant + Double(mean.count) * Double.log(2 * .pi))
    return density.filled(where: infiniteRows(x), with: -.infinity)
  }

  public func score(_ x: Tensor) -> Tensor {
    requireRows(x)
    return score(whitened: whitened(x)).to(x.dtype)
  }

  private func score(whitened z: Tensor) -> Tensor {
    -factor.transposed.triangularSolve(z, upper: true).transposed
  }

  public func logDensityAndScore(_ x: Tensor) -> (logDensity: Tensor, score: Tensor) {
    requireRows(x)
    let z = whitened(x)
    return (density(whitened: z, at: x), score(whitened: z).to(x.dtype))
  }

  /// L⁻¹(x − mean), one column a row of `x`.
  private func whitened(_ x: Tensor) -> Tensor {
    factor.triangularSolve((x.to(like: mean) - mean).transposed)
  }
}

/// Rows with an infinite element and no NaN: products with them would be 0·∞, though their density is 0.
func infiniteRows(_ x: Tensor) -> Tensor { x.isInfinite().any(-1) .& x.isNaN().any(-1).logicalNot() }
