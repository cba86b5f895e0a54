/// Why something cannot be sampled.
public enum SamplingError: Error, Sendable, Hashable, CustomStringConvertible {
  /// A parameter that a kernel or a driver cannot have.
  case parameter(owner: String, name: String, found: String, expected: String)
  /// A chain that cannot start where it should.
  case start(what: String, chain: Int, value: Double)
  /// A weighted draw whose weight is no number.
  case weight(what: String, draw: Int, value: Double)

  public var description: String {
    switch self {
    case .parameter(let owner, let name, let found, let expected):
      "\(owner): \(name) is \(found); expected \(expected)"
    case .start(let what, let chain, let value):
      "chain \(chain) cannot start: its \(what) is \(value); a finite number is expected, so start it where "
        + "the target has a density"
    case .weight(let what, let draw, let value):
      "\(what) of draw \(draw) is \(value); a finite number or −∞ is expected"
    }
  }

  static func require(
    _ holds: Bool, _ owner: String, _ name: String, _ found: Any, _ expected: String
  ) throws(SamplingError) {
    if !holds { throw .parameter(owner: owner, name: name, found: "\(found)", expected: expected) }
  }
}
