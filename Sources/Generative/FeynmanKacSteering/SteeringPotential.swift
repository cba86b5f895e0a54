import RealModule
import Sampling
import Torch

/// What scores finished draws: any function of rows, which may be a black box.
public protocol Reward: Sendable {
  /// `[n] + event` to `[n]`; −∞ forbids a row, NaN and +∞ are errors.
  func callAsFunction(_ x: Tensor) throws -> Tensor
}

/// A reward from a closure.
public struct ClosureReward: Reward {
  private let body: @Sendable (Tensor) throws -> Tensor
  public init(_ body: @escaping @Sendable (Tensor) throws -> Tensor) { self.body = body }
  public func callAsFunction(_ x: Tensor) throws -> Tensor { try body(x) }
}

/// How intermediate rewards r_t become potentials G_t, whose product over a path is exp(λ r(x₀)) for every one of them.
///
/// Source: Singhal et al. 2025. For finite intermediate rewards all give the same final law; they differ in how well
/// particles are used. An intermediate reward of −∞ kills its particle for good under `difference`, `sum` and `reward`,
/// whatever its end would have been: the law is then narrower. `importance`, and `max` with a finite floor, stay exact.
public enum SteeringPotentialKind: String, Sendable, Hashable, CaseIterable, Codable {
  /// exp(λ (r_t − r_previous)): penalises particles whose reward fell.
  case difference
  /// exp(λ max r_s): keeps particles that once were promising; the last factor can vary enormously.
  case max
  /// exp(λ Σ r_s): prefers rewards that stay high; the last factor can vary enormously.
  case sum
  /// exp(λ r_t).
  case reward
  /// 1 until the end, where exp(λ r₀): importance sampling.
  case importance
}

/// What a particle remembers of its rewards, `[rows]` each: only what its potential asks for.
public struct SteeringMemory: ParticleState {
  /// The reward where `difference` last acted.
  var previous: Tensor?
  /// The largest reward of `max`, or the sum of rewards of `sum`.
  var running: Tensor?
  /// Σ log G of the particle's own past.
  var paid: Tensor

  public func gathered(_ rows: Tensor) -> SteeringMemory {
    SteeringMemory(
      previous: previous.gathered(rows), running: running.gathered(rows), paid: paid.gathered(rows))
  }
}

extension SteeringPotentialKind {
  /// - Parameter floor: the reward before the first.
  func initialMemory(_ rows: Int, floor: Double) -> SteeringMemory {
    let start = Tensor.full([rows], floor, dtype: .double)
    var memory = SteeringMemory(paid: .zeros([rows], dtype: .double))
    switch self {
    case .difference: memory.previous = start
    case .max: memory.running = start
    case .sum: memory.running = memory.paid
    case .reward, .importance: break
    }
    return memory
  }

  /// log G for rewards r, `[rows]` in `Double`.
  ///
  /// The last factor is the one that the product condition demands: λ r₀ − Σ log G. A particle that has been
  /// forbidden once stays so, whatever −∞ − −∞ would say.
  func logPotential(_ r: Tensor, strength λ: Double, isLast: Bool, _ memory: inout SteeringMemory) -> Tensor {
    let scaled = Self.scaled(r, by: λ)
    let increment: Tensor
    switch (self, isLast) {
    case (_, true): increment = scaled - memory.paid
    case (.difference, _):
      increment = scaled - Self.scaled(memory.previous!, by: λ)
      memory.previous = r
    case (.max, _):
      let running = memory.running!.maximum(r)
      memory.running = running
      increment = Self.scaled(running, by: λ)
    case (.sum, _):
      let running = memory.running! + r
      memory.running = running
      increment = Self.scaled(running, by: λ)
    case (.reward, _): increment = scaled
    case (.importance, _): increment = .zeros(like: r)
    }
    memory.paid = memory.paid + increment
    return increment.filled(where: increment.isNaN() .| (increment .== .infinity), with: -.infinity)
  }

  /// λ r, with 0 · −∞ = 0: a strength of 0 asks for nothing.
  private static func scaled(_ r: Tensor, by λ: Double) -> Tensor { λ == 0 ? .zeros(like: r) : λ * r }
}
