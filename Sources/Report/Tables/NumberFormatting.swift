import Foundation

/// A number rounded to significant digits, for people.
///
/// Fixed notation between 0.0001 and a million, scientific outside; never in the user's locale. Numbers that
/// are not finite read `NaN`, `inf` and `-inf`.
///
/// - Parameters:
///   - digits: significant digits, 1...17.
///   - trimmed: drops zeros at the end of the fraction, for numbers that stand in running text; a column
///     keeps them, because there they say how precise the number is.
public func formatNumber(_ value: Double, digits: Int = 4, trimmed: Bool = false) -> String {
  precondition((1...17).contains(digits), "formatNumber: \(digits) digits, expected 1 to 17")
  guard value.isFinite else { return value.isNaN ? "NaN" : value > 0 ? "inf" : "-inf" }
  guard value != 0 else { return "0" }
  let exponent = decimalExponent(value, digits: digits)
  if (-4..<6).contains(exponent) {
    let text = fixed(value, decimals: max(0, digits - 1 - exponent))
    return trimmed ? trimZeros(text) : text
  }
  let mantissa = String(format: "%.\(digits - 1)e", value).prefix { $0 != "e" }
  return (trimmed ? trimZeros(String(mantissa)) : String(mantissa)) + "e\(exponent)"
}

/// A number with its uncertainty: `1.234 ± 0.056`, with two significant digits of the uncertainty.
///
/// Where the uncertainty is zero, negative or not finite the value gets six digits and the uncertainty is
/// printed as it is.
public func formatNumber(_ value: Double, uncertainty: Double) -> String {
  guard value.isFinite, uncertainty.isFinite, uncertainty > 0 else {
    return "\(formatNumber(value, digits: 6, trimmed: true)) ± \(formatNumber(uncertainty, digits: 2))"
  }
  let errorExponent = decimalExponent(uncertainty, digits: 2)
  let valueExponent = value == 0 ? errorExponent : decimalExponent(value, digits: 6)
  let scale = max(valueExponent, errorExponent)
  if (-4..<6).contains(scale) {
    let decimals = max(0, 1 - errorExponent)
    // An uncertainty far below a value's own rounding would print a row of digits that nobody reads.
    if decimals > 9 {
      return "\(formatNumber(value, digits: 10)) ± \(formatNumber(uncertainty, digits: 2))"
    }
    return "\(fixed(value, decimals: decimals)) ± \(fixed(uncertainty, decimals: decimals))"
  }
  let digits = min(max(2, scale - errorExponent + 2), 17)
  let unit = pow(10, Double(scale))
  let decimals = digits - 1
  return
    "(\(fixed(value / unit, decimals: decimals)) ± \(fixed(uncertainty / unit, decimals: decimals)))e\(scale)"
}

/// A number with every digit that distinguishes it, for rules and limits that must be printed as decided.
func exactNumber(_ value: Double) -> String {
  let text = value.description
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// The power of ten of `value` after it was rounded to `digits`, so that 9.9996 at four digits gives 1.
private func decimalExponent(_ value: Double, digits: Int) -> Int {
  let text = String(format: "%.\(digits - 1)e", value)
  return Int(text[text.index(after: text.firstIndex(of: "e")!)...])!
}

private func fixed(_ value: Double, decimals: Int) -> String {
  let text = String(format: "%.\(decimals)f", value)
  // A negative number that rounds to zero is printed as zero.
  return text.hasPrefix("-") && text.allSatisfy { "-0.".contains($0) } ? String(text.dropFirst()) : text
}

private func trimZeros(_ text: String) -> String {
  guard text.contains(".") else { return text }
  var trimmed = text[...]
  while trimmed.last == "0" { trimmed = trimmed.dropLast() }
  if trimmed.last == "." { trimmed = trimmed.dropLast() }
  return String(trimmed)
}
