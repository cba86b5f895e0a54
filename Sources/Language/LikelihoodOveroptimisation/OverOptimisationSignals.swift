/// Tells from the laws of the next token that training has begun to harm what a model writes (Shi et al. 2024): their
/// entropy turns after a rise, or the mass of the most probable tokens falls.
public struct OverOptimisationSignals: Sendable, Hashable {
  /// The share that the entropy falls from its highest.
  public var entropyFall = 0.02
  /// The share that the mass falls from where it began.
  public var massFall = 0.05
  /// Readings in a row that the entropy must have fallen.
  public var patience = 2
  /// How much of the old means stays at a reading, in [0, 1).
  public var smoothing = 0.5
  /// Which of them count.
  public var watches: Set<Signal> = [.entropy, .mass]

  public enum Signal: String, Sendable, Hashable, CaseIterable {
    case entropy, mass
  }

  public private(set) var entropy: Double?
  public private(set) var mass: Double?
  private var highestEntropy = -Double.infinity
  private var firstMass = 0.0
  private var readings = 0
  private var fallen = 0
  private var hasRisen = false

  public init() {}

  /// Whether the entropy never rose before it fell: usual for data that the policy itself has drawn.
  public var hasNoRisingPhase: Bool { readings > 1 && !hasRisen }

  /// Takes a reading, of which the first is that before training, and gives the signals that it sets off.
  public mutating func take(entropy newEntropy: Double, mass newMass: Double) -> Set<Signal> {
    readings += 1
    if readings == 1 {
      (entropy, mass, highestEntropy, firstMass) = (newEntropy, newMass, newEntropy, newMass)
      return []
    }
    let h = smoothing * entropy! + (1 - smoothing) * newEntropy
    let m = smoothing * mass! + (1 - smoothing) * newMass
    (entropy, mass) = (h, m)
    if h > highestEntropy { (highestEntropy, hasRisen) = (h, true) }
    fallen = h < highestEntropy * (1 - entropyFall) ? fallen + 1 : 0
    var signals: Set<Signal> = []
    if fallen >= patience { signals.insert(.entropy) }
    if m < firstMass * (1 - massFall) { signals.insert(.mass) }
    return signals.intersection(watches)
  }
}
