/// What an axis or a colour scale shows: a title, a unit, a scale and, where it matters, the exact range.
public struct Axis: Sendable, Equatable {
  public enum Scale: String, Sendable {
    case linear
    /// Logarithmic to base 10; points that are not positive are left out and counted in the caption.
    case log
  }

  public var title: String
  public var unit: String?
  public var scale: Scale
  /// The exact range; marks beyond it are cut off. Nil fits the data and rounds outwards.
  public var domain: ClosedRange<Double>?

  /// - Parameters:
  ///   - unit: shown in brackets after the title.
  ///   - domain: the exact range; on a log scale its ends must be positive.
  public init(
    _ title: String, unit: String? = nil, scale: Scale = .linear, domain: ClosedRange<Double>? = nil
  ) {
    if scale == .log, let domain {
      precondition(domain.lowerBound > 0, "Axis '\(title)': a log scale cannot show \(domain)")
    }
    self.title = title
    self.unit = unit
    self.scale = scale
    self.domain = domain
  }

  /// The title with its unit: `time [s]`.
  public var heading: String { unit.map { "\(title) [\($0)]" } ?? title }
}

extension Axis: ExpressibleByStringLiteral {
  public init(stringLiteral value: String) { self.init(value) }
}
