import Torch

/// A law p_t ∝ Πᵢ qᵢ,t^βᵢ · exp(γ_t r) made of diffusion models that share a noise schedule.
///
/// Source: Skreta et al. 2025.
public struct ComposedTarget: Sendable {
  /// βᵢ.
  public enum Exponents: Sendable {
    case constant([Double])
    /// At the schedule's time, 1 is noise.
    case varying(@Sendable (_ time: Double) -> [Double])

    public func callAsFunction(_ time: Double) -> [Double] {
      switch self {
      case .constant(let values): values
      case .varying(let function): function(time)
      }
    }
  }

  public let experts: any Experts
  public let exponents: Exponents
  /// z > 0: the path's noise is √z σ. 1 is the plain reverse equation; larger values mix better and ask for
  /// proportionally more steps.
  public var extraNoise = 1.0
  public var tilt: RewardTilt?

  /// The general product Π qᵢ^βᵢ.
  public init(_ experts: any Experts, exponents: Exponents) {
    (self.experts, self.exponents) = (experts, exponents)
  }

  /// Π qᵢ^βᵢ of models of their own.
  /// - Throws: ``CorrectorError`` where the models' shapes differ.
  public static func product(_ models: [any Denoiser], exponents: [Double]) throws(CorrectorError)
    -> ComposedTarget
  {
    ComposedTarget(try ExpertList(models), exponents: .constant(exponents))
  }

  /// q^β: colder for β > 1, warmer below.
  ///
  /// - Parameter temper: a of the drift −f + σ²(β + (1 − β)a) s with noise ζ² = σ²(β + 2(1 − β)a)/β; 0 takes the
  ///   score of the target, ½ noise tempered by 1/β. It must leave some noise: a < β/(2(β − 1)) for β > 1.
  /// - Throws: ``CorrectorError`` for an exponent or a temper out of range.
  public static func annealed(_ model: any Denoiser, exponent β: Double, temper a: Double = 0)
    throws(CorrectorError)
    -> ComposedTarget
  {
    guard β > 0, β.isFinite else { throw .option("exponent", "\(β)", "a positive number") }
    let z = (β + 2 * (1 - β) * a) / β
    guard z > 0, a >= 0 else {
      throw .option("temper", "\(a)", β > 1 ? "a number in [0, \(β / (2 * (β - 1))))" : "a number ≥ 0")
    }
    var target = try product([model], exponents: [β])
    target.extraNoise = z
    return target
  }

  /// q₁^(1−w) q₂^w: what guidance from an unconditional q₁ to a conditional q₂ means to draw.
  /// - Throws: ``CorrectorError`` where the models' shapes differ.
  public static func geometric(_ first: any Denoiser, _ second: any Denoiser, weight w: Double)
    throws(CorrectorError)
    -> ComposedTarget
  { try product([first, second], exponents: [1 - w, w]) }
}

/// exp(γ_t r) as a factor of a target.
public struct RewardTilt: Sendable {
  /// r of rows in the models' coordinates, `[n]`, differentiable.
  public let reward: @Sendable (Tensor) -> Tensor
  /// γ at the schedule's time; 0 at the noisiest, since particles start without it.
  public let strength: @Sendable (_ time: Double) -> Double

  /// - Parameter strength: γ at the data; it grows linearly from 0 at noise.
  public init(strength: Double, _ reward: @escaping @Sendable (Tensor) -> Tensor) {
    self.init(schedule: { strength * (1 - $0) }, reward)
  }

  public init(
    schedule: @escaping @Sendable (Double) -> Double, _ reward: @escaping @Sendable (Tensor) -> Tensor
  ) {
    (strength, self.reward) = (schedule, reward)
  }
}
