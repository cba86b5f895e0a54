import RealModule
import Torch

// Sums and differences of numbers that are kept as logarithms. −∞ stands for 0; NaN gives NaN.

/// log(eᵃ + eᵇ) without overflow.
public func logAddExp(_ a: Double, _ b: Double) -> Double {
  let high = max(a, b)
  // An infinite maximum would give ∞ − ∞.
  guard high.isFinite, !a.isNaN, !b.isNaN else { return a.isNaN || b.isNaN ? .nan : high }
  return high + .log(onePlus: .exp(min(a, b) - high))
}

/// log Σ eˣ; −∞ for no values.
public func logSumExp(_ values: [Double]) -> Double {
  guard let high = values.max() else { return -.infinity }
  if values.contains(where: \.isNaN) { return .nan }
  guard high.isFinite else { return high }
  return high + .log(values.reduce(0) { $0 + .exp($1 - high) })
}

/// log of the mean of eˣ; NaN for no values.
public func logMeanExp(_ values: [Double]) -> Double {
  values.isEmpty ? .nan : logSumExp(values) - .log(Double(values.count))
}

/// log(1 − eˣ) for x ≤ 0, accurate to a few units in the last place throughout; −∞ at 0, NaN above.
///
/// Near 0 the difference is taken by expm1 and far from it by log1p, with the change at −log 2 (Mächler 2012).
public func log1mExp(_ x: Double) -> Double {
  x > -Double.log(2) ? .log(-Double.expMinusOne(x)) : .log(onePlus: -Double.exp(x))
}

/// log |eᵃ − eᵇ| and the sign of eᵃ − eᵇ (−1, 0 or 1); NaN where both are +∞.
public func logDiffExp(_ a: Double, _ b: Double) -> (logMagnitude: Double, sign: Double) {
  if a.isNaN || b.isNaN || (a == b && a == .infinity) { return (.nan, .nan) }
  if a == b { return (-.infinity, 0) }
  let high = max(a, b)
  let magnitude = high.isFinite ? high + log1mExp(min(a, b) - high) : high
  return (magnitude, a > b ? 1 : -1)
}

extension Tensor {
  /// log of the mean of eˣ along the axes, everything when left out.
  public func logMeanExp(_ axes: Int..., keep: Bool = false) -> Tensor {
    let reduced = axes.isEmpty ? count : axes.reduce(1) { $0 * size($1) }
    return logSumExp(axes: axes.isEmpty ? Array(0..<rank) : axes, keep: keep) - Double.log(Double(reduced))
  }

  /// log(1 − eˣ) for x ≤ 0; −∞ at 0, NaN above. Differentiable, with both branches' gradients kept finite.
  public func log1mExp() -> Tensor {
    let near = self .> -Double.log(2)
    let close = -filled(where: near.logicalNot(), with: -0.5).expm1()
    let far = -filled(where: near, with: -1).exp()
    return Tensor.where(near, close.log(), far.log1p())
  }

  /// log |eᵃ − eᵇ| and the sign of eᵃ − eᵇ; NaN where both are +∞.
  public func logDiffExp(_ other: Tensor) -> (logMagnitude: Tensor, sign: Tensor) {
    let high = maximum(other)
    let low = minimum(other)
    // −∞ − −∞ and ∞ − finite are settled before the subtraction can make NaN of them.
    let degenerate = high.isInfinite()
    let gap = (low - high).filled(where: degenerate, with: -1)
    let regular = high + gap.log1mExp()
    let bothInfinite = (self .== .infinity) .& (other .== .infinity)
    let magnitude = Tensor.where(degenerate, high, regular).filled(where: bothInfinite, with: .nan)
    let sign = (self .> other).to(magnitude.dtype) - (self .< other).to(magnitude.dtype)
    return (magnitude, sign.filled(where: magnitude.isNaN(), with: .nan))
  }
}
