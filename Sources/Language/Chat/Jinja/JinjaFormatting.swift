import Foundation

extension Jinja.Renderer {
  /// `'…'.format(…)`: fields without a format of their own.
  func formatted(_ text: String, _ arguments: Jinja.Arguments) throws(LanguageError) -> String {
    var result = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    var next = 0
    while let scalar = rest.popFirst() {
      guard scalar == "{" || scalar == "}" else {
        result.append(scalar)
        continue
      }
      if rest.first == scalar {
        rest.removeFirst()
        result.append(scalar)
        continue
      }
      guard scalar == "{", let end = rest.firstIndex(of: "}") else {
        throw failure(.badValue, "a single brace in a format", expected: "{{ or }} for a brace")
      }
      let field = String(rest[..<end])
      rest = rest[rest.index(after: end)...]
      let value: Jinja.Value?
      if field.isEmpty {
        value = next < arguments.positional.count ? arguments.positional[next] : nil
        next += 1
      } else if let index = Int(field), next == 0 {
        value = arguments.positional.indices.contains(index) ? arguments.positional[index] : nil
      } else if field.unicodeScalars.allSatisfy({ $0 == "_" || PythonText.isAlphanumeric($0) }),
        Int(field) == nil
      {
        value = arguments.keywords.first { $0.name == field }?.value
      } else {
        throw failure(.unsupported, "the format {\(field)}", expected: "{}, {0} or {name}")
      }
      guard let value else {
        throw failure(.badValue, "no argument for {\(field)} of a format", expected: "one")
      }
      result.append(contentsOf: try self.text(value).unicodeScalars)
      try spend(result.count)
    }
    return String(result)
  }

  /// `'…' % values`: %s, %r, %d, %i and %.Nf.
  func formatted(_ text: String, with value: Jinja.Value) throws(LanguageError) -> String {
    var values: ArraySlice<Jinja.Value> = [value]
    if case .tuple(let sequence) = value { values = sequence.elements[...] }
    var result = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        result.append(scalar)
        continue
      }
      if rest.first == "%" {
        rest.removeFirst()
        result.append("%")
        continue
      }
      let form = rest.prefix { $0 == "." || ("0"..."9").contains($0) }
      rest = rest[form.endIndex...]
      guard let kind = rest.popFirst(), "srdif".unicodeScalars.contains(kind) else {
        throw failure(.unsupported, "a format other than %s, %r, %d, %i and %f", expected: "one of these")
      }
      guard let value = values.popFirst() else {
        throw failure(.badValue, "too few values for a format", expected: "one for each %")
      }
      result.append(contentsOf: try field(kind, String(form), value).unicodeScalars)
    }
    var isDictionary = false
    if case .dictionary = value { isDictionary = true }
    guard values.isEmpty || isDictionary else {
      throw failure(.badValue, "too many values for a format", expected: "one for each %")
    }
    try spend(result.count * 4)
    return String(result)
  }

  private func field(_ kind: Unicode.Scalar, _ form: String, _ value: Jinja.Value) throws(LanguageError)
    -> String
  {
    if kind == "f" {
      try refuseUndefined(value)
      let digits = form.hasPrefix(".") ? Int(form.dropFirst()) : form.isEmpty ? 6 : nil
      guard let digits, digits <= 300 else {
        throw failure(.unsupported, "the format %\(form)f", expected: "%f or %.2f")
      }
      guard let number = value.realNumber, number.isFinite else {
        throw failure(.badValue, "a value of type \(value.typeName) for %f", expected: "a number")
      }
      return String(format: "%.\(digits)f", number)
    }
    guard form.isEmpty else {
      throw failure(.unsupported, "the format %\(form)\(kind)", expected: "%\(kind)")
    }
    switch kind {
    case "s": return try text(value)
    case "r":
      // A list prints its elements as `repr` has them.
      let list = try text(try self.list([value]))
      return String(list.unicodeScalars.dropFirst().dropLast())
    default:
      try refuseUndefined(value)
      guard let number = value.realNumber, number.isFinite else {
        throw failure(.badValue, "a value of type \(value.typeName) for %\(kind)", expected: "a number")
      }
      if let whole = value.wholeNumber { return String(whole) }
      guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw tooLarge() }
      return String(whole)
    }
  }

  /// A number rounded as Python rounds it: exactly, ties of the stored number to even.
  func rounded(_ value: Jinja.Value, _ digits: Int, _ method: String) throws(LanguageError) -> Jinja.Value {
    try refuseUndefined(value)
    guard let number = value.realNumber, (0...300).contains(digits) else {
      throw failure(
        value.realNumber == nil ? .badValue : .unsupported,
        "a value of type \(value.typeName) to round to \(digits) digits",
        expected: "a number, and 0 to 300 digits")
    }
    switch method {
    case "common":
      if let whole = value.wholeNumber { return .integer(whole) }
      guard number.isFinite else { return .number(number) }
      return .number(Double(String(format: "%.\(digits)f", number))!)
    case "ceil", "floor":
      let scale = pow(10, Double(digits))
      let scaled = number * scale
      guard scaled.isFinite else { throw tooLarge() }
      // Python's whole number has no zero with a sign.
      return .number((method == "ceil" ? scaled.rounded(.up) : scaled.rounded(.down)) / scale + 0.0)
    default: throw failure(.badValue, "the way to round '\(method)'", expected: "common, ceil or floor")
    }
  }

  /// The whole number that a text or number stands for; nil where Python has none.
  func wholeNumber(_ value: Jinja.Value) throws(LanguageError) -> Int? {
    switch value {
    case .bool, .integer: return value.wholeNumber
    case .number(let number):
      if number.isNaN { return nil }
      guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw tooLarge() }
      return whole
    case .text(let text):
      try spend(16 * text.utf8.count)
      let digits = PythonText.strip(text, nil)
      guard Self.isNumeral(digits, allowsFraction: false) else {
        guard let number = try realNumber(value), number.isFinite else { return nil }
        return try wholeNumber(.number(number))
      }
      guard let whole = Int(digits.filter { $0 != "_" }) else { throw tooLarge() }
      return whole
    default: return nil
    }
  }

  /// The number that a text or number stands for; nil where Python has none.
  func realNumber(_ value: Jinja.Value) throws(LanguageError) -> Double? {
    guard case .text(let text) = value else { return value.realNumber }
    try spend(16 * text.utf8.count)
    let digits = PythonText.strip(text, nil)
    if Self.isNumeral(digits, allowsFraction: true) {
      let plain = digits.filter { $0 != "_" }
      return strtod(plain, nil)
    }
    let word = digits.lowercased().drop { $0 == "+" || $0 == "-" }
    let isNegative = digits.hasPrefix("-")
    guard digits.utf8.count - word.utf8.count <= 1 else { return nil }
    switch word {
    case "inf", "infinity": return isNegative ? -.infinity : .infinity
    case "nan": return .nan
    default: return nil
    }
  }

  /// Whether a text is digits with a sign before them, and perhaps a point and an exponent; underlines between digits.
  private static func isNumeral(_ text: String, allowsFraction: Bool) -> Bool {
    var rest = Array(text.utf8)[...]
    func takeDigits() -> Int {
      var count = 0
      while let byte = rest.first {
        if (0x30...0x39).contains(byte) {
          count += 1
        } else if byte != UInt8(ascii: "_") || count == 0
          || !(0x30...0x39).contains(rest.dropFirst().first ?? 0)
        {
          break
        }
        rest.removeFirst()
      }
      return count
    }
    func take(_ bytes: String) -> Bool {
      guard let byte = rest.first, bytes.utf8.contains(byte) else { return false }
      rest.removeFirst()
      return true
    }
    _ = take("+-")
    var count = takeDigits()
    if allowsFraction {
      if take(".") { count += takeDigits() }
      if count > 0, take("eE") {
        _ = take("+-")
        if takeDigits() == 0 { return false }
      }
    }
    return count > 0 && rest.isEmpty
  }
}
