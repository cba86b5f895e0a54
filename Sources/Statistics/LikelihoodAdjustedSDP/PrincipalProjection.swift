import Torch

/// Rows on the leading principal directions of a table: where there are as many columns as rows of a cluster, covariances of clusters
/// are singular.
public struct PrincipalProjection: Sendable {
  /// `[p]`.
  public let mean: Tensor
  /// Orthonormal columns, `[p, d]`.
  public let directions: Tensor

  /// - Parameters:
  ///   - x: `[n, p]`.
  ///   - dimension: d, at most min(n, p).
  public init(_ x: Tensor, dimension: Int) {
    precondition(
      (1...min(x.size(0), x.size(1))).contains(dimension), "PrincipalProjection: \(dimension) of \(x.shape)")
    mean = x.mean(0)
    directions = (x - mean).svd().vh.slice(axis: 0, start: 0, end: dimension).transposed
  }

  public init(mean: Tensor, directions: Tensor) { (self.mean, self.directions) = (mean, directions) }

  /// `[n, d]`.
  public func callAsFunction(_ x: Tensor) -> Tensor { (x - mean).matmul(directions) }
}
