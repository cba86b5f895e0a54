/// Decimal numbers from bytes, exactly rounded, whatever the locale.
package enum DecimalParser {
  package enum Outcome {
    case number(Double)
    /// NaN, an infinity, or a number beyond `Double`.
    case nonFinite
    /// Empty, or a word for a missing value.
    case missing
    case text
  }

  /// 5⁰ … 5²⁷, all that fit 64 bits.
  private static let powersOfFive: [UInt64] = (0...27).map { exponent in
    (0..<exponent).reduce(1) { power, _ in power * 5 }
  }

  /// Classifies a field without surrounding spaces.
  package static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Outcome {
    powersOfFive.withUnsafeBufferPointer { powers in
      guard let number = scan(bytes, powers) else { return word(bytes) }
      return number.isFinite ? .number(number) : .nonFinite
    }
  }

  /// `[+-] digits [. digits] [e [+-] digits]` with a digit before the exponent; nil for anything else.
  @inline(__always)
  private static func scan(_ bytes: UnsafeBufferPointer<UInt8>, _ powers: UnsafeBufferPointer<UInt64>)
    -> Double?
  {
    let count = bytes.count
    var i = 0
    var negative = false
    if i < count, bytes[i] == UInt8(ascii: "-") || bytes[i] == UInt8(ascii: "+") {
      negative = bytes[i] == UInt8(ascii: "-")
      i += 1
    }
    var mantissa: UInt64 = 0
    // Digits after leading zeros; 19 always fit 64 bits.
    var significant = 0
    var exponent = 0
    let first = i
    while i < count, bytes[i] &- 0x30 < 10 {
      if significant < 19 { mantissa = mantissa &* 10 &+ UInt64(bytes[i] &- 0x30) }
      if mantissa != 0 { significant &+= 1 }
      i &+= 1
    }
    var digits = i - first
    if i < count, bytes[i] == UInt8(ascii: ".") {
      i += 1
      let start = i
      while i < count, bytes[i] &- 0x30 < 10 {
        if significant < 19 { mantissa = mantissa &* 10 &+ UInt64(bytes[i] &- 0x30) }
        if mantissa != 0 { significant &+= 1 }
        i &+= 1
      }
      digits += i - start
      exponent = start - i
    }
    guard digits > 0 else { return nil }
    if i < count, bytes[i] | 0x20 == UInt8(ascii: "e") {
      guard let written = writtenExponent(bytes, &i) else { return nil }
      exponent += written
    }
    guard i == count else { return nil }
    guard significant <= 19, let magnitude = rounded(mantissa, exponent, powers) else {
      return Double(String(decoding: bytes, as: UTF8.self))
    }
    return negative ? -magnitude : magnitude
  }

  private static func writtenExponent(_ bytes: UnsafeBufferPointer<UInt8>, _ i: inout Int) -> Int? {
    i += 1
    var negative = false
    if i < bytes.count, bytes[i] == UInt8(ascii: "-") || bytes[i] == UInt8(ascii: "+") {
      negative = bytes[i] == UInt8(ascii: "-")
      i += 1
    }
    let start = i
    var value = 0
    while i < bytes.count, bytes[i] &- 0x30 < 10 {
      // Beyond this every number is 0 or infinite; the fallback decides with all digits.
      if value < 100_000 { value = value * 10 + Int(bytes[i] - 0x30) }
      i += 1
    }
    return i > start ? (negative ? -value : value) : nil
  }

  /// mantissa · 10^exponent, rounded once; nil where 64-bit powers of five do not reach.
  ///
  /// 10^k = 5^k · 2^k, so only the power of five has to be multiplied or divided out, to at least 63 bits.
  /// A lost remainder is kept as the lowest bit, which lies below every place where a `Double` rounds.
  @inline(__always)
  private static func rounded(_ mantissa: UInt64, _ exponent: Int, _ powers: UnsafeBufferPointer<UInt64>)
    -> Double?
  {
    if mantissa == 0 { return 0 }
    if exponent == 0 { return Double(mantissa) }
    if mantissa < 1 << 53, exponent < 0, exponent >= -22 {
      // Both are exact, so that the division rounds once.
      return Double(mantissa) / Double(powers[-exponent]) / Double(UInt64(1) << UInt64(-exponent))
    }
    let shift = mantissa.leadingZeroBitCount
    let normalized = mantissa << UInt64(shift)
    if exponent < 0, exponent >= -27 {
      let power = powers[-exponent]
      let powerShift = power.leadingZeroBitCount
      let divisor = power << UInt64(powerShift)
      let (quotient, remainder) = divisor.dividingFullWidth((normalized >> 1, normalized << 63))
      let sticky = remainder == 0 ? quotient : quotient | 1
      return scaled(sticky, by: powerShift - shift - 63 + exponent)
    }
    if exponent > 0, exponent <= 27 {
      let (high, low) = mantissa.multipliedFullWidth(by: powers[exponent])
      if high == 0 { return scaled(low, by: exponent) }
      let lead = high.leadingZeroBitCount
      let top = lead == 0 ? high : high << UInt64(lead) | low >> UInt64(64 - lead)
      let rest = low << UInt64(lead)
      return scaled(rest == 0 ? top : top | 1, by: exponent + 64 - lead)
    }
    return nil
  }

  /// Both steps are exact but for the one rounding to 53 bits: the results here are far from the ends of the range.
  @inline(__always)
  private static func scaled(_ value: UInt64, by exponent: Int) -> Double {
    Double(value) * Double(bitPattern: UInt64(1023 + exponent) << 52)
  }

  private static let nonFiniteWords: Set<String> = ["nan", "inf", "infinity"]
  private static let missingWords: Set<String> = ["", "na", "n/a", "null", "none", "?", "-", "."]

  private static func word(_ bytes: UnsafeBufferPointer<UInt8>) -> Outcome {
    guard bytes.count <= 9 else { return .text }
    let word = String(decoding: bytes, as: UTF8.self).lowercased()
    if missingWords.contains(word) { return .missing }
    let unsigned = word.hasPrefix("-") || word.hasPrefix("+") ? String(word.dropFirst()) : word
    return nonFiniteWords.contains(unsigned) ? .nonFinite : .text
  }
}
