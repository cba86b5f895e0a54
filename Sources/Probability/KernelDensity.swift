import RealModule
import Torch

/// A Gaussian kernel density estimate with the shape of the data's covariance.
///
/// The kernels' covariance is the data's times the square of a factor, by default Scott's n^(−1/(d+4)).
public struct KernelDensity: ContinuousDistribution {
  /// `[n, d]`, in `Double`.
  public let data: Tensor
  /// The kernels' width relative to the data's.
  public let factor: Double
  /// The Cholesky factor of the kernels' covariance, `[d, d]`.
  private let cholesky: Tensor
  /// Distances are taken from the data's mean, where the expanded square loses the fewest digits.
  private let centre: Tensor
  /// L⁻¹(data − centre), `[n, d]`, and half its squared lengths, `[n]`.
  private let whitened: Tensor
  private let halfSquares: Tensor
  private let logNormaliser: Double

  /// - Parameters:
  ///   - data: `[n, d]`, or `[n]` for numbers, finite, with n > d and a covariance of full rank.
  ///   - factor: > 0; Scott's when left out.
  /// - Throws: ``ParameterError``.
  public init(_ data: Tensor, factor: Double? = nil) throws(ParameterError) {
    let check = ParameterCheck("KernelDensity")
    guard data.rank == 1 || data.rank == 2, data.count > 0 else {
      throw check.error("data", found: "of shape \(data.shape)", expected: "[n, d] with n > d")
    }
    let rows = asRows(data)
    let (n, d) = (rows.size(0), rows.size(1))
    guard n > d else {
      throw check.error("data", found: "of shape \(data.shape)", expected: "[n, d] with n > d")
    }
    try check.finite("data", rows)
    let factor = factor ?? .pow(Double(n), -1 / Double(d + 4))
    guard factor > 0, factor.isFinite else {
      throw check.error("factor", found: "\(factor)", expected: "a finite number > 0")
    }
    centre = rows.mean(0)
    let centred = rows - centre
    let covariance = centred.transposed.matmul(centred) / Double(n - 1)
    guard let cholesky = try? withTorchErrors({ covariance.cholesky() }) else {
      throw check.error("data", found: "on a hyperplane", expected: "a covariance of full rank")
    }
    self.data = rows
    self.factor = factor
    self.cholesky = cholesky * factor
    whitened = self.cholesky.triangularSolve(centred.transposed).transposed
    halfSquares = 0.5 * whitened.square().sum(-1)
    let logDeterminant = self.cholesky.diagonal().log().sum().item()
    logNormaliser = .log(Double(n)) + 0.5 * Double(d) * .log(2 * .pi) + logDeterminant
  }

  public var eventShape: [Int] { [data.size(1)] }

  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    let chosen = source.integers([count], in: 0..<data.size(0), device: data.device)
    let z = source.normal([count, data.size(1)], dtype: .double, device: data.device)
    return data.select(axis: 0, chosen) + z.matmul(cholesky.transposed)
  }

  /// Cost O(n·m·d) for m points, in blocks of bounded memory.
  public func logProbability(_ x: Tensor) -> Tensor {
    requireRows(x)
    return x.inBlocks(of: max(1, pairBlock / data.size(0))) { block in
      let z = cholesky.triangularSolve((block.to(like: data) - centre).transposed).transposed
      // −½|z − w|² = z·w − ½|w|² − ½|z|²: one matrix product.
      let exponents = z.matmul(whitened.transposed) - halfSquares
      let values = exponents.logSumExp(-1) - 0.5 * z.square().sum(-1) - logNormaliser
      return values.filled(where: infiniteRows(block), with: -.infinity)
    }
  }
}
