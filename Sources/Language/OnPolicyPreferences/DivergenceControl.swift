/// Steers the weight λ of a penalty on KL(π‖π_ref) so that the divergence comes to a target: λ grows by a share of a tenth of
/// how far it is above, at the most 2 % an iteration, and falls likewise (Ziegler et al. 2019).
public struct DivergenceControl: Sendable, Hashable {
  public let target: Double
  public private(set) var weight: Double

  /// - Parameters:
  ///   - target: nats a response, above 0.
  ///   - weight: λ at the beginning, above 0.
  public init(target: Double, weight: Double) {
    precondition(target > 0 && weight > 0, "DivergenceControl: target \(target), weight \(weight)")
    (self.target, self.weight) = (target, weight)
  }

  /// Takes the divergence of an iteration.
  public mutating func take(_ divergence: Double) {
    let error = min(0.2, max(-0.2, divergence / target - 1))
    weight *= 1 + 0.1 * error
  }
}

extension OnlineObjective {
  /// λ of −λ ln π/π_ref in the rewards; `nil` where the objective has no advantage.
  public var divergenceWeight: Double? {
    switch self {
    case .reinforce(let advantage), .ppo(let advantage, _): advantage.divergenceWeight
    default: nil
    }
  }

  /// The same with another λ.
  func penalising(_ weight: Double) -> OnlineObjective {
    switch self {
    case .reinforce(var advantage):
      advantage.divergenceWeight = weight
      return .reinforce(advantage)
    case .ppo(var advantage, let clip):
      advantage.divergenceWeight = weight
      return .ppo(advantage, clip: clip)
    default: return self
    }
  }
}
