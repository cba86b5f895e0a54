import Probability
import RealModule

/// The law of one input of a model, as it stands in a file.
public struct InputLaw: Sendable, Hashable, Codable {
  public enum Kind: String, Sendable, Hashable, CaseIterable, Codable {
    case normal, lognormal, uniform, beta, gamma, mixture
  }

  public var name: String
  public var law: Kind
  /// Of normal, lognormal and gamma laws.
  public var mean: Double?
  /// The standard deviation, of the same.
  public var deviation: Double?
  /// The deviation over the mean, in place of it.
  public var cv: Double?
  /// The ends of uniform and beta laws (0 and 1 where left out for beta); where the others are cut.
  public var low: Double?
  public var high: Double?
  /// Exponents of beta laws: the density is that of xᵅ⁻¹(1 − x)ᵝ⁻¹.
  public var alpha: Double?
  public var beta: Double?
  /// Of mixtures: laws without a name, with a share each.
  public var parts: [InputLaw]?
  /// Of such a part.
  public var share: Double?

  public init(
    name: String, law: Kind, mean: Double? = nil, deviation: Double? = nil, cv: Double? = nil,
    low: Double? = nil, high: Double? = nil, alpha: Double? = nil, beta: Double? = nil,
    parts: [InputLaw]? = nil, share: Double? = nil
  ) {
    (self.name, self.law, self.mean, self.deviation) = (name, law, mean, deviation)
    (self.cv, self.low, self.high) = (cv, low, high)
    (self.alpha, self.beta, self.parts, self.share) = (alpha, beta, parts, share)
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case name, law, mean, deviation, cv, low, high, alpha, beta, parts, share
  }

  public init(from decoder: any Decoder) throws {
    try decoder.refuseKeys(otherThan: CodingKeys.allCases.map(\.rawValue))
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func number(_ key: CodingKeys) throws -> Double? {
      try container.decodeIfPresent(Double.self, forKey: key)
    }
    let isPart = decoder.codingPath.contains { $0.stringValue == CodingKeys.parts.rawValue }
    name = isPart ? "" : try container.decode(String.self, forKey: .name)
    law = try container.decode(Kind.self, forKey: .law)
    (mean, deviation, cv) = (try number(.mean), try number(.deviation), try number(.cv))
    (low, high) = (try number(.low), try number(.high))
    (alpha, beta) = (try number(.alpha), try number(.beta))
    share = try isPart ? container.decode(Double.self, forKey: .share) : number(.share)
    parts = try container.decodeIfPresent([InputLaw].self, forKey: .parts)
  }

  /// What a law needs, for messages.
  private static func needs(_ law: Kind) -> String {
    switch law {
    case .normal: "mean, and deviation or cv above 0"
    case .lognormal, .gamma: "mean above 0, and deviation or cv above 0"
    case .uniform: "low below high"
    case .beta: "alpha and beta above 0, and low below high where given"
    case .mixture: "parts, each with a share and a law that is neither cut nor a mixture"
    }
  }

  /// The law as numbers are drawn from it.
  /// - Throws: ``StatisticsError`` naming the input and what is missing.
  public func marginal(in place: String = "inputs") throws(StatisticsError) -> Marginal {
    guard ([self] + (parts ?? [])).allSatisfy({ $0.deviation == nil || $0.cv == nil }) else {
      throw StatisticsError(
        .badData, "\(place), \(name)", found: "a deviation and a cv", expected: "one of both")
    }
    do {
      return try Marginal(
        mixture: try families(), low: hasOwnEnds ? -.infinity : low ?? -.infinity,
        high: hasOwnEnds ? .infinity : high ?? .infinity)
    } catch let error as ParameterError {
      throw StatisticsError(
        .badData, "\(place), \(name)", found: "a \(law.rawValue) law with \(error.description)",
        expected: Self.needs(law))
    } catch {
      throw StatisticsError(
        .badData, "\(place), \(name)", found: "a \(law.rawValue) law without them", expected: Self.needs(law))
    }
  }

  private struct Missing: Error {}

  /// Whether ``low`` and ``high`` are the law's own, not where it is cut.
  private var hasOwnEnds: Bool { law == .uniform || law == .beta }

  private func families() throws -> [(share: Double, law: any Marginal.Family)] {
    guard law == .mixture else { return [(1, try family())] }
    guard let parts, !parts.isEmpty else { throw Missing() }
    return try parts.map { part in
      guard part.law != .mixture, let share = part.share, share >= 0 else { throw Missing() }
      guard part.hasOwnEnds || (part.low == nil && part.high == nil) else { throw Missing() }
      return (share, try part.family())
    }
  }

  private func family() throws -> any Marginal.Family {
    guard [mean, deviation, cv, low, high, alpha, beta].allSatisfy({ $0?.isFinite ?? true }) else {
      throw Missing()
    }
    func spread(_ mean: Double) throws -> Double {
      guard let value = deviation ?? cv.map({ $0 * abs(mean) }), value > 0 else { throw Missing() }
      return value
    }
    switch law {
    case .normal:
      guard let mean else { throw Missing() }
      return try Normal(mean: mean, standardDeviation: try spread(mean))
    case .lognormal:
      guard let mean, mean > 0 else { throw Missing() }
      let ratio = try spread(mean) / mean
      let variance = Double.log(onePlus: ratio * ratio)
      return try LogNormal(location: .log(mean) - variance / 2, scale: variance.squareRoot())
    case .gamma:
      guard let mean, mean > 0 else { throw Missing() }
      let ratio = try spread(mean) / mean
      return try Gamma(concentration: 1 / (ratio * ratio), rate: 1 / (mean * ratio * ratio))
    case .uniform:
      guard let low, let high else { throw Missing() }
      return try Uniform(low: low, high: high)
    case .beta:
      guard let alpha, let beta else { throw Missing() }
      let (low, high) = (low ?? 0, high ?? 1)
      guard low < high else { throw Missing() }
      return try AffineTransformed(try Beta(alpha: alpha, beta: beta), shift: low, scale: high - low)
    case .mixture: throw Missing()
    }
  }

  /// The law with a number of it changed, such as `mean`.
  func changing(_ parameter: String, to value: Double) -> InputLaw? {
    var changed = self
    switch parameter {
    case "mean": changed.mean = value
    case "deviation": (changed.deviation, changed.cv) = (value, nil)
    case "cv": (changed.cv, changed.deviation) = (value, nil)
    case "low": changed.low = value
    case "high": changed.high = value
    case "alpha": changed.alpha = value
    case "beta": changed.beta = value
    default: return nil
    }
    return changed
  }
}
