/// What a measurement must satisfy for a claim to hold.
///
/// The words and the decision come from one value, so what is printed is what was decided. A measurement that
/// is not finite satisfies no rule, and neither does one without a usable uncertainty where the rule asks for
/// it.
public indirect enum Rule: Sendable, Equatable {
  case atMost(Double)
  case below(Double)
  case atLeast(Double)
  case above(Double)
  /// Inside the range, ends included.
  case within(ClosedRange<Double>)
  /// No further from `target` than `tolerance`, ends included.
  case near(_ target: Double, tolerance: Double)
  /// At least `count` successes of `total` trials; the measurement is the number of successes.
  case count(atLeast: Int, of: Int)
  /// Above the limit by more than a number of uncertainties.
  case clearlyAbove(Double, uncertainties: Double)
  /// Below the limit by more than a number of uncertainties.
  case clearlyBelow(Double, uncertainties: Double)
  /// No further from the target than a number of uncertainties.
  case agrees(with: Double, uncertainties: Double)
  /// A condition in words, which the claim's code decided.
  case `true`(String)
  /// Every one of the rules; an empty list is never satisfied.
  case all([Rule])

  /// The rule in words.
  public var words: String {
    switch self {
    case .atMost(let limit): "at most \(exactNumber(limit))"
    case .below(let limit): "below \(exactNumber(limit))"
    case .atLeast(let limit): "at least \(exactNumber(limit))"
    case .above(let limit): "above \(exactNumber(limit))"
    case .within(let range): "from \(exactNumber(range.lowerBound)) to \(exactNumber(range.upperBound))"
    case .near(let target, let tolerance):
      "\(exactNumber(target)) to within \(exactNumber(tolerance))"
    case .count(let atLeast, let total): "at least \(atLeast) of \(total)"
    case .clearlyAbove(let limit, let factor):
      "above \(exactNumber(limit)) by more than \(exactNumber(factor)) uncertainties"
    case .clearlyBelow(let limit, let factor):
      "below \(exactNumber(limit)) by more than \(exactNumber(factor)) uncertainties"
    case .agrees(let target, let factor):
      "\(exactNumber(target)) to within \(exactNumber(factor)) uncertainties"
    case .true(let condition): condition
    case .all(let rules):
      rules.isEmpty ? "never (no rule given)" : rules.map(\.words).joined(separator: ", and ")
    }
  }

  /// Whether a measured number satisfies the rule.
  ///
  /// `.true` is satisfied by no number: only `isSatisfied(by: Bool)` decides it.
  public func isSatisfied(by value: Double, uncertainty: Double? = nil) -> Bool {
    guard value.isFinite else { return false }
    switch self {
    case .atMost(let limit): return value <= limit
    case .below(let limit): return value < limit
    case .atLeast(let limit): return value >= limit
    case .above(let limit): return value > limit
    case .within(let range): return range.contains(value)
    case .near(let target, let tolerance): return abs(value - target) <= tolerance
    case .count(let atLeast, let total): return value >= Double(atLeast) && value <= Double(total)
    case .true: return false
    case .all(let rules):
      return !rules.isEmpty && rules.allSatisfy { $0.isSatisfied(by: value, uncertainty: uncertainty) }
    case .clearlyAbove, .clearlyBelow, .agrees:
      guard let uncertainty, uncertainty.isFinite, uncertainty >= 0 else { return false }
      return isSatisfied(by: value, usable: uncertainty)
    }
  }

  private func isSatisfied(by value: Double, usable uncertainty: Double) -> Bool {
    switch self {
    case .clearlyAbove(let limit, let factor): value - factor * uncertainty > limit
    case .clearlyBelow(let limit, let factor): value + factor * uncertainty < limit
    case .agrees(let target, let factor): abs(value - target) <= factor * uncertainty
    default: false
    }
  }

  /// Whether a condition that was found true or false satisfies the rule; rules on numbers never are.
  public func isSatisfied(by condition: Bool) -> Bool {
    switch self {
    case .true: condition
    case .all(let rules): !rules.isEmpty && rules.allSatisfy { $0.isSatisfied(by: condition) }
    default: false
    }
  }
}
