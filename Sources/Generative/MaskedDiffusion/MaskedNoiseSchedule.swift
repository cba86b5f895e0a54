import Foundation

/// The share of symbols that are masked, from none at t = 0 to all at t = 1.
public enum MaskedNoiseSchedule: String, Sendable, Hashable, CaseIterable, Codable {
  /// m(t) = t.
  case logLinear = "log-linear"
  /// m(t) = 1 − cos(πt/2): fewer masks on most of the way.
  case cosine

  /// m(t), for t in [0, 1].
  public func maskedShare(at t: Double) -> Double {
    precondition((0...1).contains(t), "MaskedNoiseSchedule: the time \(t) is not in [0, 1]")
    return switch self {
    case .logLinear: t
    case .cosine: 1 - cos(0.5 * .pi * t)
    }
  }

  /// m′(t)/m(t), the weight of a masked symbol's cross-entropy in the bound on the likelihood; t in (0, 1].
  ///
  /// Source: Sahoo et al. 2024, the continuous-time bound.
  public func weight(at t: Double) -> Double {
    precondition(t > 0 && t <= 1, "MaskedNoiseSchedule: the time \(t) is not in (0, 1]")
    return switch self {
    case .logLinear: 1 / t
    case .cosine: 0.5 * .pi * sin(0.5 * .pi * t) / (1 - cos(0.5 * .pi * t))
    }
  }
}
