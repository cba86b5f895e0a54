import Probability

/// How much of the highest reward the reference reaches by itself: what decides whether on-policy draws and negative
/// gradients are worth their cost.
public struct PreferenceAlignment: Sendable, Hashable {
  /// E_{π_ref} r.
  public var mean: Double
  public var lowest: Double
  public var highest: Double

  public init(mean: Double, lowest: Double, highest: Double) {
    (self.mean, self.lowest, self.highest) = (mean, lowest, highest)
  }

  /// Of rewards of draws.
  public init(_ rewards: [Double]) {
    self.init(
      mean: Estimate(meanOf: rewards).value, lowest: rewards.min() ?? .nan, highest: rewards.max() ?? .nan)
  }

  /// (E_{π_ref} r − lowest)/(highest − lowest), in [0, 1].
  public var share: Double { highest > lowest ? (mean - lowest) / (highest - lowest) : 1 }

  /// Below it the reward's peak lies where the reference has little mass. The two bandits of the paper have 0.04 and 0.38.
  public static let threshold = 0.2

  public var isMisaligned: Bool { share < Self.threshold }

  /// What follows for the choice of an objective, in a sentence.
  public var recommendation: String {
    isMisaligned
      ? "high rewards lie where the reference has little mass: draw from the current policy, with an objective that "
        + "also pushes responses down (ipo, dpo, reinforce, ppo)"
      : "high rewards lie where the reference has mass: draws of the reference and best-of-n or rwr do about as well, "
        + "and are cheaper"
  }
}
