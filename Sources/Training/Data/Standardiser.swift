import Torch

/// An affine map of each column to mean 0 and standard deviation 1, with its log-determinant.
public struct Standardiser: Sendable {
  /// The columns' means, `[d]`.
  public let mean: Tensor
  /// The columns' scales, `[d]`, all positive.
  public let scale: Tensor

  public init(mean: Tensor, scale: Tensor) { (self.mean, self.scale) = (mean, scale) }

  /// Changes nothing.
  public static func identity(_ d: Int) -> Standardiser {
    Standardiser(mean: .zeros([d], dtype: .double), scale: .ones([d], dtype: .double))
  }

  /// From the columns of `[n, d]`; a constant column keeps its scale 1, since it has none.
  public init(fitting x: Tensor) {
    let values = x.to(.double)
    mean = values.mean(0)
    let deviation = values.standardDeviation(0, correction: 0)
    scale = Tensor.where(deviation .> 0, deviation, Tensor.ones(like: deviation))
  }

  /// (x − mean)/scale.
  public func standardise(_ x: Tensor) -> Tensor { (x - mean.to(like: x)) / scale.to(like: x) }

  /// scale·y + mean.
  public func restore(_ y: Tensor) -> Tensor { y * scale.to(like: y) + mean.to(like: y) }

  /// log |dy/dx|, which log p(x) = log p(y) + this takes up.
  public var logDeterminant: Double { -scale.log().sum().item() }
}
