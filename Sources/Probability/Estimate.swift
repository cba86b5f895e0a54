import RealModule

/// A measured value with its standard error.
public struct Estimate: Sendable, Hashable, Codable, CustomStringConvertible {
  public var value: Double
  /// ≥ 0; NaN where it is not known.
  public var standardError: Double

  public init(_ value: Double, standardError: Double) {
    self.value = value
    self.standardError = standardError
  }

  /// The mean of independent values and its standard error, s/√n.
  ///
  /// The value is NaN for no values, and the error for fewer than two.
  public init(meanOf values: [Double]) {
    let n = Double(values.count)
    let mean = values.reduce(0, +) / n
    // Around the mean, so that a large offset does not cancel the digits of the spread.
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.init(mean, standardError: values.count < 2 ? .nan : (squares / (n - 1) / n).squareRoot())
  }

  /// The normal confidence interval value ± z·standardError.
  /// - Parameter level: in (0, 1).
  public func interval(level: Double = 0.95) -> ClosedRange<Double> {
    precondition(level > 0 && level < 1, "Estimate.interval: the level \(level) is not in (0, 1)")
    let reach = normalQuantile(0.5 + 0.5 * level) * standardError
    precondition(!(value - reach).isNaN, "Estimate.interval: \(self) has no interval")
    return value - reach...value + reach
  }

  /// How many standard errors the value lies above `reference`; NaN for 0/0.
  public func zScore(against reference: Double) -> Double { (value - reference) / standardError }

  /// The difference of independent estimates.
  public static func - (a: Estimate, b: Estimate) -> Estimate {
    Estimate(a.value - b.value, standardError: .hypot(a.standardError, b.standardError))
  }

  /// The estimate in other units.
  public static func * (factor: Double, a: Estimate) -> Estimate {
    Estimate(factor * a.value, standardError: abs(factor) * a.standardError)
  }

  /// `0.2810 ± 0.0083`: the error with two significant digits, the value to the same place.
  public var description: String {
    guard value.isFinite, standardError.isFinite, standardError > 0 else {
      return "\(value) ± \(standardError)"
    }
    let places = max(0, min(15, 1 - Int(Double.log10(standardError).rounded(.down))))
    return "\(Self.fixed(value, places)) ± \(Self.fixed(standardError, places))"
  }

  /// Decimal notation with a fixed number of places, without Foundation.
  private static func fixed(_ value: Double, _ places: Int) -> String {
    let scaled = (abs(value) * .pow(10, Double(places))).rounded()
    // Beyond 2⁵³ every decimal place is noise.
    guard scaled < 0x1p53 else { return "\(value)" }
    let digits = String(Int(scaled))
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    let sign = value < 0 && scaled > 0 ? "-" : ""
    return places == 0 ? sign + padded : "\(sign)\(padded.dropLast(places)).\(padded.suffix(places))"
  }
}
