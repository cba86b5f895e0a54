/// What became of a claim.
public enum Verdict: Sendable, Equatable {
  case holds
  case fails
  /// The claim could not be decided, for example because its data are absent.
  case notRun(String)

  /// One word for a page or a terminal.
  public var word: String {
    switch self {
    case .holds: "holds"
    case .fails: "fails"
    case .notRun: "not run"
    }
  }
}

/// One statement of a paper, the measurement that tests it, and the rule that decides.
///
/// ```swift
/// let claim = Claim(
///   "the two-sided interpolant reaches the entropy of the data",
///   paper: 1.42, measured: 1.44, uncertainty: 0.01, rule: .near(1.42, tolerance: 0.05))
/// print(claim.verdict)  // holds
/// ```
public struct Claim: Sendable, Equatable {
  /// A figure as a paper prints it.
  public enum Figure: Sendable, Equatable {
    case number(Double)
    /// For figures that are not one number: `"within 2 %"`, `"Figure 3, left"`.
    case text(String)
  }

  /// What was measured.
  public enum Outcome: Sendable, Equatable {
    case number(Double, uncertainty: Double?)
    case condition(Bool)
    case notRun(String)
  }

  public let statement: String
  public let paper: Figure?
  public let outcome: Outcome
  public let rule: Rule

  /// A claim about a number.
  ///
  /// - Parameters:
  ///   - paper: the paper's figure, nil where it prints none.
  ///   - measured: ours; a number that is not finite never holds.
  ///   - uncertainty: one standard error of `measured`, unless the statement says otherwise.
  ///   - rule: any rule but `.true`, which belongs to `init(_:paper:observed:condition:)`.
  public init(
    _ statement: String, paper: Figure? = nil, measured: Double, uncertainty: Double? = nil, rule: Rule
  ) {
    if case .true = rule {
      preconditionFailure("Claim '\(statement)': .true decides a condition, not a number")
    }
    self.statement = statement
    self.paper = paper
    self.outcome = .number(measured, uncertainty: uncertainty)
    self.rule = rule
  }

  /// A claim about a condition that was found true or false.
  ///
  /// - Parameter condition: the condition in words, printed as the rule.
  public init(_ statement: String, paper: Figure? = nil, observed: Bool, condition: String) {
    self.statement = statement
    self.paper = paper
    self.outcome = .condition(observed)
    self.rule = .true(condition)
  }

  /// A claim that could not be run; it is shown with its reason and never counts as held.
  public init(_ statement: String, paper: Figure? = nil, rule: Rule, notRun reason: String) {
    self.statement = statement
    self.paper = paper
    self.outcome = .notRun(reason)
    self.rule = rule
  }

  /// The decision, computed from `outcome` and `rule` alone.
  public var verdict: Verdict {
    switch outcome {
    case .number(let value, let uncertainty):
      rule.isSatisfied(by: value, uncertainty: uncertainty) ? .holds : .fails
    case .condition(let condition): rule.isSatisfied(by: condition) ? .holds : .fails
    case .notRun(let reason): .notRun(reason)
    }
  }

  public var holds: Bool { verdict == .holds }

  /// The measurement in words: a number with its uncertainty, `yes` or `no`, or `not run`.
  ///
  /// Rounding never crosses the rule's limit: 0.05004 under "at most 0.05" is not shown as 0.05.
  public var measuredText: String {
    switch outcome {
    case .number(let value, let uncertainty?): return faithful(value, uncertainty)
    case .number(let value, nil): return faithful(value)
    case .condition(let condition): return condition ? "yes" : "no"
    case .notRun: return "not run"
    }
  }

  /// `{"statement", "paper", "measured", "uncertainty", "rule", "holds"}`, in this order.
  ///
  /// `measured` is a number, a Boolean, or for a claim that could not be run the string `"not run: …"`, with
  /// `holds` null. Numbers that are not finite are strings, as in every `JSONValue`.
  public var json: JSONValue {
    let measured: JSONValue
    var error = JSONValue.null
    switch outcome {
    case .number(let value, let uncertainty):
      measured = .number(value)
      error = uncertainty.map(JSONValue.number) ?? .null
    case .condition(let condition): measured = .bool(condition)
    case .notRun(let reason): measured = .string("not run: \(reason)")
    }
    let holds: JSONValue =
      switch verdict {
      case .holds: true
      case .fails: false
      case .notRun: .null
      }
    return [
      "statement": .string(statement), "paper": paper?.json ?? .null, "measured": measured,
      "uncertainty": error, "rule": .string(rule.words), "holds": holds,
    ]
  }

  private func faithful(_ value: Double) -> String {
    for digits in 4..<17 {
      let text = formatNumber(value, digits: digits, trimmed: true)
      if let shown = Double(text), rule.isSatisfied(by: shown) == rule.isSatisfied(by: value) { return text }
    }
    return value.isFinite ? exactNumber(value) : formatNumber(value)
  }

  private func faithful(_ value: Double, _ uncertainty: Double) -> String {
    let text = formatNumber(value, uncertainty: uncertainty)
    let shown = text.split(separator: " ").first.flatMap { Double($0) }
    guard let shown, rule.isSatisfied(by: shown, uncertainty: uncertainty) != holds else { return text }
    return "\(exactNumber(value)) ± \(exactNumber(uncertainty))"
  }
}

extension Claim.Figure: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(integerLiteral value: Int) { self = .number(Double(value)) }
  public init(stringLiteral value: String) { self = .text(value) }

  /// The figure in words.
  public var text: String {
    switch self {
    case .number(let value): value.isFinite ? exactNumber(value) : formatNumber(value)
    case .text(let text): text
    }
  }

  var json: JSONValue {
    switch self {
    case .number(let value): .number(value)
    case .text(let text): .string(text)
    }
  }
}
