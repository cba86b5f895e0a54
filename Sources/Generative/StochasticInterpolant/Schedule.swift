import Foundation
import Probability

/// The coefficients of x_t = α x₀ + β x₁ + γ z at one time, and their derivatives in time.
///
/// γγ̇ is kept as a product of its own: γ̇ may be infinite where γ = 0 while the product is finite.
public typealias ScheduleValues = GaussianMixtureInterpolant.Schedule

extension ScheduleValues {
  public var gamma: Double { gammaSquared.squareRoot() }
  /// γ̇; infinite at the ends for the Brownian-bridge γ.
  public var gammaDot: Double { gammaGammaDot == 0 ? 0 : gammaGammaDot / gamma }
}

/// The noise level γ(t), zero at t = 0 and t = 1.
public enum GammaSchedule: Sendable, Hashable, Codable {
  /// √(a t(1−t)), a Brownian bridge of variance a; γγ̇ = a(1−2t)/2 does not vanish at the ends.
  case brownian(a: Double = 1)
  /// t(1−t).
  case quadratic
  /// sin²(πt).
  case sine
  /// A bump made of two logistic steps of slope f = 10.
  case sigmoid
  case zero

  /// γ² and γγ̇.
  public func squareAndProduct(at t: Double) -> (square: Double, product: Double) {
    switch self {
    case .brownian(let a): return (a * t * (1 - t), a * (1 - 2 * t) / 2)
    case .quadratic:
      let gamma = t * (1 - t)
      return (gamma * gamma, gamma * (1 - 2 * t))
    case .sine:
      let s = sin(.pi * t)
      return (s * s * s * s, .pi * s * s * sin(2 * .pi * t))
    case .sigmoid:
      let f = 10.0
      func step(_ u: Double) -> Double { 1 / (1 + exp(-u)) }
      func slope(_ u: Double) -> Double { step(u) * (1 - step(u)) }
      let u = f * (t - 0.5)
      let gamma = max(0, step(u + 1) - step(u - 1) - step(-f / 2 + 1) + step(-f / 2 - 1))
      return (gamma * gamma, gamma * f * (slope(u + 1) - slope(u - 1)))
    case .zero: return (0, 0)
    }
  }
}

/// How x_t joins x₀ (t = 0) to x₁ (t = 1).
public enum InterpolantSchedule: Sendable, Hashable, Codable {
  /// α = 1−t, β = t.
  case linear(GammaSchedule)
  /// α = √(1−γ²) cos(πt/2), β = √(1−γ²) sin(πt/2), for γ < 1: keeps α² + β² + γ² = 1.
  case trigonometric(GammaSchedule)
  /// α = cos(πt/2), β = sin(πt/2), whatever γ.
  case cosine(GammaSchedule)
  /// α = cos²(πt) before 1/2, β = cos²(πt) after, γ = sin²(πt): through pure noise at 1/2.
  case encodeDecode
  /// α = |cos πt| before 1/2, β = |cos πt| after, γ = sin(πt): the same with α² + β² + γ² = 1.
  case encodeDecodeVP
  /// x₀ Gaussian: α = 1−t, β = t.
  case oneSidedLinear
  /// x₀ Gaussian: α = cos(πt/2), β = sin(πt/2).
  case oneSidedTrigonometric
  /// x₀ Gaussian: α = √(1−t²), β = t; the score diffusion of variance one.
  case oneSidedVP
  /// x₀ = x₁: x_t = x₁ + γ z.
  case mirror(GammaSchedule)
  /// From a point x₀: α = 1−t², β = t², γ = √(2a t(1−t)), so that dI/dt vanishes at 0.
  case diffusive(a: Double)

  /// What plays the part of x₀.
  public enum Kind: Sendable, Hashable {
    /// x₀ is data (or any density) and z is extra noise.
    case twoSided
    /// x₀ is the Gaussian noise itself.
    case oneSided
    /// x₀ is x₁.
    case mirror
  }

  public var kind: Kind {
    switch self {
    case .oneSidedLinear, .oneSidedTrigonometric, .oneSidedVP: .oneSided
    case .mirror: .mirror
    default: .twoSided
    }
  }

  /// Whether some noise is mixed in, so that a score exists between the ends.
  public var hasNoise: Bool {
    switch self {
    case .linear(let gamma), .trigonometric(let gamma), .cosine(let gamma), .mirror(let gamma): gamma != .zero
    default: true
    }
  }

  /// The coefficients at a time in [0, 1].
  public func values(at t: Double) -> ScheduleValues {
    let quarter = Double.pi / 2
    func with(_ gamma: GammaSchedule, _ a: Double, _ aDot: Double, _ b: Double, _ bDot: Double)
      -> ScheduleValues
    {
      let (square, product) = gamma.squareAndProduct(at: t)
      return ScheduleValues(
        alpha: a, beta: b, alphaDot: aDot, betaDot: bDot, gammaSquared: square, gammaGammaDot: product)
    }
    // Exact zeros where cosines of π/2 would leave 6e-17.
    let (c, s) = (t == 1 ? 0 : cos(quarter * t), t == 1 ? 1 : sin(quarter * t))
    switch self {
    case .linear(let gamma): return with(gamma, 1 - t, -1, t, 1)
    case .cosine(let gamma): return with(gamma, c, -quarter * s, s, quarter * c)
    case .trigonometric(let gamma):
      let (square, product) = gamma.squareAndProduct(at: t)
      let r = (1 - square).squareRoot()
      return with(gamma, r * c, -product / r * c - r * quarter * s, r * s, -product / r * s + r * quarter * c)
    case .encodeDecode:
      let (value, slope) = (pow(cos(.pi * t), 2), -Double.pi * sin(2 * .pi * t))
      return t < 0.5 ? with(.sine, value, slope, 0, 0) : with(.sine, 0, 0, t == 0.5 ? 0 : value, slope)
    case .encodeDecodeVP:
      let (value, slope) = (abs(cos(.pi * t)), .pi * sin(.pi * t))
      let gamma = t == 1 ? 0 : sin(.pi * t)
      var result = t < 0.5 ? with(.zero, value, -slope, 0, 0) : with(.zero, 0, 0, t == 0.5 ? 0 : value, slope)
      result.gammaSquared = gamma * gamma
      result.gammaGammaDot = quarter * sin(2 * .pi * t)
      return result
    case .oneSidedLinear: return with(.zero, 1 - t, -1, t, 1)
    case .oneSidedTrigonometric: return with(.zero, c, -quarter * s, s, quarter * c)
    case .oneSidedVP:
      let alpha = (1 - t * t).squareRoot()
      return with(.zero, alpha, -t / alpha, t, 1)
    case .mirror(let gamma): return with(gamma, 0, 0, 1, 0)
    case .diffusive(let a): return with(.brownian(a: 2 * a), 1 - t * t, -2 * t, t * t, 2 * t)
    }
  }

  /// - Throws: ``InterpolantError`` where γ does not suit the schedule: `trig` takes √(1−γ²), which has no
  /// derivative where γ reaches 1.
  func validate() throws {
    guard case .trigonometric(let gamma) = self else { return }
    let largest = (0...100).map { gamma.squareAndProduct(at: Double($0) / 100).square }.max()!
    guard largest < 1 else {
      throw InterpolantError.invalidOption(
        name: "--gamma", found: "reaching \(largest.squareRoot())",
        expected: "γ < 1 for the schedule trig, such as brownian with --gamma-scale below 4")
    }
  }

  /// a of the diffusive schedule, the noise level of its own equation.
  public var diffusiveStrength: Double? { if case .diffusive(let a) = self { a } else { nil } }

  /// The coefficient of the Gaussian noise: γ, or α where x₀ is the noise.
  public func noiseScale(_ values: ScheduleValues) -> Double {
    kind == .oneSided ? values.alpha : values.gamma
  }
}

/// Names on the command line and in configurations.
extension InterpolantSchedule {
  public static let names = [
    "linear", "trig", "cosine", "enc-dec", "enc-dec-vp", "one-sided-linear", "one-sided-trig", "one-sided-vp",
    "mirror", "diffusive",
  ]

  /// - Parameters:
  ///   - name: one of ``names``.
  ///   - gamma: for those that leave it open.
  public init?(name: String, gamma: GammaSchedule) {
    switch name {
    case "linear": self = .linear(gamma)
    case "trig": self = .trigonometric(gamma)
    case "cosine": self = .cosine(gamma)
    case "enc-dec": self = .encodeDecode
    case "enc-dec-vp": self = .encodeDecodeVP
    case "one-sided-linear": self = .oneSidedLinear
    case "one-sided-trig": self = .oneSidedTrigonometric
    case "one-sided-vp": self = .oneSidedVP
    case "mirror": self = .mirror(gamma)
    case "diffusive": if case .brownian(let a) = gamma { self = .diffusive(a: a) } else { return nil }
    default: return nil
    }
  }
}

extension GammaSchedule {
  public static let names = ["brownian", "quadratic", "sine", "sigmoid", "zero"]

  /// - Parameter scale: the a of the Brownian bridge, > 0.
  public init?(name: String, scale: Double) {
    switch name {
    case "brownian": self = .brownian(a: scale)
    case "quadratic": self = .quadratic
    case "sine": self = .sine
    case "sigmoid": self = .sigmoid
    case "zero": self = .zero
    default: return nil
    }
  }
}
