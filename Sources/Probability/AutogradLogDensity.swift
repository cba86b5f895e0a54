import Torch

/// A log-density whose score comes from autograd: value and gradient cost one forward and one backward pass.
///
/// A type conforms by its `logDensity(_:)` alone, written in differentiable operations that keep rows apart.
public protocol AutogradLogDensity: LogDensity {}

extension AutogradLogDensity {
  public func logDensityAndScore(_ x: Tensor) -> (logDensity: Tensor, score: Tensor) {
    let (value, gradient) = valueAndGradient(of: { self.logDensity($0) }, at: x)
    return (value, gradient)
  }
}

/// A log-density given as a function of rows, with its score by autograd.
///
/// ```swift
/// let banana = ClosureLogDensity { x in
///   -0.5 * x[.all, 0].square() - 0.5 * (x[.all, 1] - x[.all, 0].square()).square()
/// }
/// ```
public struct ClosureLogDensity: AutogradLogDensity {
  private let function: @Sendable (Tensor) -> Tensor

  /// - Parameter function: `[n] + event` to `[n]`, row by row, in differentiable operations.
  public init(_ function: @escaping @Sendable (Tensor) -> Tensor) { self.function = function }

  public func logDensity(_ x: Tensor) -> Tensor { function(x) }
}
