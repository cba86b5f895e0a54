import Torch

/// dX = f(t, X) dt + g(t) dW, with noise of the same strength in every coordinate.
///
/// Backwards in time (a decreasing grid) it is dX = f dt + g dW^B: one step from t to t − h subtracts h·f and
/// adds √h·g·ξ.
public struct StochasticEquation {
  public let drift: TimeField
  public let diffusion: (_ t: Double) -> Double

  public init(drift: @escaping TimeField, diffusion: @escaping (_ t: Double) -> Double) {
    (self.drift, self.diffusion) = (drift, diffusion)
  }
}

/// One step of a scheme for stochastic equations; `h` is negative backwards in time.
public protocol StochasticScheme: Sendable {
  var evaluations: Int { get }
  func step(_ equation: StochasticEquation, _ t: Double, _ x: Tensor, _ h: Double, _ noise: Tensor) -> Tensor
}

/// x + h f(t, x) + √|h| g(t) ξ; weak order 1 (strong order 1 too, as the noise does not depend on x).
public struct EulerMaruyama: StochasticScheme {
  public init() {}
  public var evaluations: Int { 1 }

  public func step(_ equation: StochasticEquation, _ t: Double, _ x: Tensor, _ h: Double, _ noise: Tensor)
    -> Tensor
  {
    let moved = x.adding(equation.drift(t, x), scaledBy: h)
    let strength = equation.diffusion(t) * abs(h).squareRoot()
    return strength == 0 ? moved : moved.adding(noise, scaledBy: strength)
  }
}

/// Noise first, then Heun's step with the drift: x̂ = x + √|h| g ξ, k₁ = f(·, x̂), k₂ = f(t + h, x̂ + h k₁).
public struct StochasticHeun: StochasticScheme {
  /// The time at which k₁ sees the churned state.
  public enum TimeLabel: Sendable {
    /// The time before the step. The churned state keeps its label: the more accurate reading.
    case start
    /// The time after the step, as the reference code of stochastic interpolants does.
    case end
  }
  public var label: TimeLabel

  public init(label: TimeLabel = .start) { self.label = label }
  public var evaluations: Int { 2 }

  public func step(_ equation: StochasticEquation, _ t: Double, _ x: Tensor, _ h: Double, _ noise: Tensor)
    -> Tensor
  {
    let strength = equation.diffusion(t) * abs(h).squareRoot()
    let churned = strength == 0 ? x : x.adding(noise, scaledBy: strength)
    let k1 = equation.drift(label == .start ? t : t + h, churned)
    let k2 = equation.drift(t + h, churned.adding(k1, scaledBy: h))
    return churned.adding(k1, scaledBy: h / 2).adding(k2, scaledBy: h / 2)
  }
}

/// Integrates a stochastic equation along a grid of times, increasing or decreasing.
///
/// Never waits for the device. Saves as ``integrate(_:from:along:scheme:savingEvery:observing:)`` does.
public func integrate(
  _ equation: StochasticEquation, from start: Tensor, along grid: [Double],
  scheme: some StochasticScheme = EulerMaruyama(), savingEvery every: Int? = nil,
  using random: inout RandomSource,
  observing: (_ index: Int, _ t: Double, _ x: Tensor) -> Void = { _, _, _ in }
) -> Solution {
  march(from: start, along: grid, evaluations: scheme.evaluations, savingEvery: every, observing: observing) {
    t, x, h in scheme.step(equation, t, x, h, random.normal(like: x))
  }
}
