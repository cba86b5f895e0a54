import Torch

/// A log-density on rows that need not integrate to 1.
public protocol LogDensity: Sendable {
  /// log p(x) up to a constant for every row: `[n] + event` to `[n]`.
  func logDensity(_ x: Tensor) -> Tensor

  /// ∇ log p at every row, with the shape and type of `x`; 0 where the log-density is constant or −∞.
  ///
  /// Cost: one forward and one backward pass unless the type has a closed form.
  func score(_ x: Tensor) -> Tensor

  /// Both at once, `[n]` and the shape of `x`: what gradient kernels ask for at every step.
  ///
  /// By default both are found by themselves, so that a closed form of `score` is always the one used; a type
  /// that can share work between them says so here, and ``AutogradLogDensity`` does so by one pass of autograd.
  func logDensityAndScore(_ x: Tensor) -> (logDensity: Tensor, score: Tensor)
}

extension LogDensity {
  public func score(_ x: Tensor) -> Tensor {
    valueAndGradient(of: { self.logDensity($0) }, at: x).gradient
  }

  public func logDensityAndScore(_ x: Tensor) -> (logDensity: Tensor, score: Tensor) {
    (logDensity(x), score(x))
  }
}

/// A probability distribution over draws of one shape.
///
/// The semantics are the same for every family. Parameters of a scalar family may be numbers or tensors,
/// broadcast to one shape; a tensor stands for **independent components**, and that shape is the shape of one
/// draw. So `Normal(mean: 0, standardDeviation: 1)` draws numbers, and with `[d]` parameters it draws
/// vectors, whose log-probability is the sum over components. Draws come as rows, and log-probabilities are
/// one value a row.
///
/// Values are computed in the type of the parameters (`Double` for Swift numbers); `x` is converted to it.
/// Points outside the support have log-probability −∞, and NaN gives NaN. Log-probabilities are
/// differentiable in `x` and in parameters that were given as tensors that record gradients.
public protocol Distribution: Sendable {
  /// The shape of one draw; empty for a number.
  var eventShape: [Int] { get }

  /// Independent draws, `[count] + eventShape`.
  func sample(_ count: Int, using source: inout RandomSource) -> Tensor

  /// log p for every row: `[n] + eventShape` to `[n]`.
  func logProbability(_ x: Tensor) -> Tensor
}

/// A distribution with a density: its log-probability is a normalised log-density.
public protocol ContinuousDistribution: Distribution, LogDensity {}

extension ContinuousDistribution {
  public func logDensity(_ x: Tensor) -> Tensor { logProbability(x) }
}

/// A family over numbers; parameters with axes give independent components.
public protocol UnivariateDistribution: Distribution {
  /// The mean of every component, `eventShape`.
  var mean: Tensor { get }
  /// The variance of every component, `eventShape`.
  var variance: Tensor { get }
  /// log p of every component by itself, with the shape of `x` (broadcast against `eventShape`).
  func componentLogProbability(_ x: Tensor) -> Tensor
}

extension UnivariateDistribution {
  public func logProbability(_ x: Tensor) -> Tensor {
    requireRows(x)
    return componentLogProbability(x).summed(overLast: eventShape.count)
  }
}

/// A family over numbers with a distribution function.
public protocol CumulativeDistribution: UnivariateDistribution {
  /// P(X ≤ x) of every component by itself, with the shape of `x`; NaN gives NaN.
  func cdf(_ x: Tensor) -> Tensor
}

/// A family over numbers whose distribution function can be inverted.
public protocol QuantileDistribution: CumulativeDistribution {
  /// The x with P(X ≤ x) = p of every component by itself; the ends of the support at 0 and 1, NaN outside [0, 1].
  func quantile(_ p: Tensor) -> Tensor
}

extension Distribution {
  func requireRows(_ x: Tensor) {
    precondition(
      x.rank == eventShape.count + 1 && Array(x.shape.dropFirst()) == eventShape,
      "\(Self.self): rows of shape \(eventShape) expected, found the shape \(x.shape)")
  }
}

extension Tensor {
  func summed(overLast axes: Int) -> Tensor { axes == 0 ? self : sum(axes: Array(-axes..<0)) }

  /// As a type's parameters have it, and with the shape that broadcasting against them gives.
  func aligned(with parameter: Tensor) -> Tensor {
    guard let shape = ParameterCheck.broadcast(shape, parameter.shape) else {
      preconditionFailure("values of shape \(self.shape) do not fit components of shape \(parameter.shape)")
    }
    return to(like: parameter).expand(shape)
  }

  /// `body` at this tensor where it is in the support, −∞ outside.
  ///
  /// Outside, `body` sees the point `interior` of the support instead, so that neither its values nor its
  /// gradients are NaN there.
  func supported(outside mask: Tensor, interior: Double, _ body: (Tensor) -> Tensor) -> Tensor {
    body(filled(where: mask, with: interior)).filled(where: mask, with: -.infinity)
  }

  /// With NaN where `levels` are no probabilities.
  func validLevels(_ levels: Tensor) -> Tensor {
    filled(where: (levels .< 0) .| (levels .> 1) .| levels.isNaN(), with: .nan)
  }
}
