import Foundation

/// α and σ of x_t = α x₀ + σ ε at one time.
public struct DiffusionLevel: Sendable, Hashable {
  public let signal: Double
  public let noise: Double

  public init(signal: Double, noise: Double) { (self.signal, self.noise) = (signal, noise) }

  /// The share of the reverse step's noise from this level to a cleaner one: the variance of x_s given x_t and x₀,
  /// (σ_t² − (α_t/α_s)² σ_s²) σ_s²/σ_t².
  public func posteriorVariance(to cleaner: DiffusionLevel) -> Double {
    let ratio = signal / cleaner.signal
    let added = noise * noise - ratio * ratio * cleaner.noise * cleaner.noise
    return max(0, added) * cleaner.noise * cleaner.noise / (noise * noise)
  }
}

/// How noise grows from the data at t = 0 to noise at t = 1.
public enum NoiseSchedule: Sendable, Hashable, Codable {
  /// Variance preserving, dx = −½ b x dt + √b dW with b linear from `low` to `high` (Ho et al. 2020, Song et al. 2021).
  case vpLinear(low: Double = 0.1, high: Double = 20)
  /// Variance preserving, α² = cos²(π/2·(t + s)/(1 + s)) divided by its value at 0, not below `floor` (Nichol & Dhariwal 2021).
  case vpCosine(offset: Double = 0.008, floor: Double = 1e-4)
  /// Variance exploding, σ geometric from `low` to `high` (Song et al. 2021).
  case ve(low: Double = 0.01, high: Double = 50)
  /// x_t = (1 − t) x₀ + t ε.
  case flowLinear
  /// Variance exploding, σ^(1/ρ) linear from `low` to `high` (Karras et al. 2022).
  case edm(low: Double = 0.002, high: Double = 80, rho: Double = 7)

  /// - Parameter t: in [0, 1].
  public func level(at t: Double) -> DiffusionLevel {
    precondition((0...1).contains(t), "NoiseSchedule: the time \(t) is not in [0, 1]")
    switch self {
    case .vpLinear(let low, let high):
      let integral = low * t + 0.5 * (high - low) * t * t
      return DiffusionLevel(signal: exp(-0.5 * integral), noise: (-expm1(-integral)).squareRoot())
    case .vpCosine(let offset, let floor):
      func value(_ u: Double) -> Double { pow(cos(0.5 * .pi * (u + offset) / (1 + offset)), 2) }
      let share = max(floor, value(t) / value(0))
      return DiffusionLevel(signal: share.squareRoot(), noise: max(0, 1 - share).squareRoot())
    case .ve(let low, let high):
      return DiffusionLevel(signal: 1, noise: low * pow(high / low, t))
    case .flowLinear:
      return DiffusionLevel(signal: 1 - t, noise: t)
    case .edm(let low, let high, let rho):
      let (least, most) = (pow(low, 1 / rho), pow(high, 1 / rho))
      return DiffusionLevel(signal: 1, noise: pow(least + t * (most - least), rho))
    }
  }

  /// The levels of `steps` equal steps in time, from noise to data: `steps` + 1 of them, the last without noise.
  public func levels(steps: Int) -> [DiffusionLevel] {
    precondition(steps > 0, "NoiseSchedule: \(steps) steps")
    return (0..<steps).map { level(at: Double(steps - $0) / Double(steps)) } + [
      DiffusionLevel(signal: 1, noise: 0)
    ]
  }
}

/// As a command line writes it, with the default coefficients.
extension NoiseSchedule: LosslessStringConvertible {
  private static let named: [(name: String, schedule: NoiseSchedule)] = [
    ("vp-linear", .vpLinear()), ("vp-cosine", .vpCosine()), ("ve", .ve()), ("edm", .edm()),
    ("flow-linear", .flowLinear),
  ]

  public static var names: [String] { named.map(\.name) }

  /// `nil` for other names.
  public init?(_ description: String) {
    guard let found = Self.named.first(where: { $0.name == description }) else { return nil }
    self = found.schedule
  }

  public var description: String {
    switch self {
    case .vpLinear: "vp-linear"
    case .vpCosine: "vp-cosine"
    case .ve: "ve"
    case .edm: "edm"
    case .flowLinear: "flow-linear"
    }
  }
}
