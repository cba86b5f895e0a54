#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A factor on the learning rate that depends on the step alone.
public enum LearningRateSchedule: Sendable, Hashable, Codable {
  case constant
  /// Multiplied by `factor` after every `every` steps.
  case step(every: Int, factor: Double)
  /// From 1 down to `floor` along half a cosine over the whole training.
  case cosine(floor: Double = 0)
  /// From 1 down to `floor` along a line over the whole training.
  case linear(floor: Double = 0)

  /// The factor for a step in 0..<total, after a warm-up that rises linearly over its first steps.
  public func factor(step: Int, of total: Int, warmUp: Int = 0) -> Double {
    let rise = warmUp > 0 ? min(1, Double(step + 1) / Double(warmUp)) : 1
    let progress = min(1, max(0, Double(step - warmUp) / Double(max(1, total - warmUp))))
    switch self {
    case .constant: return rise
    case .step(let every, let factor): return rise * pow(factor, Double(step / max(1, every)))
    case .cosine(let floor): return rise * (floor + (1 - floor) * (1 + cos(.pi * progress)) / 2)
    case .linear(let floor): return rise * (1 - (1 - floor) * progress)
    }
  }
}
