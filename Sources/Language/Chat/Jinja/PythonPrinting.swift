import Foundation

extension PythonText {
  /// A floating-point number as Python prints it: the shortest digits that read back as the number, with an exponent
  /// below 10⁻⁴ and from 10¹⁶ on.
  static func description(of value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    let sign = value.sign == .minus ? "-" : ""
    let parts = abs(value).description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let fraction = mantissa.count > 1 ? mantissa[1] : ""
    // The number is 0.DIGITS times a power of ten.
    var digits = String(mantissa[0] + fraction)
    var point = mantissa[0].count + (parts.count > 1 ? Int(parts[1])! : 0)
    let zeros = digits.prefix { $0 == "0" }.count
    digits = String(digits.dropFirst(zeros))
    point -= zeros
    while digits.last == "0" { digits.removeLast() }
    if digits.isEmpty { return sign + "0.0" }
    if point > -4 && point <= 16 {
      if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
      if digits.count <= point {
        return sign + digits + String(repeating: "0", count: point - digits.count) + ".0"
      }
      return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }
    let exponent = point - 1
    let power = (exponent < 0 ? "-" : "+") + (abs(exponent) < 10 ? "0" : "") + String(abs(exponent))
    let rest = digits.dropFirst()
    return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "e" + power
  }

  /// The text in quotes, as Python prints it inside lists.
  static func quoted(_ text: String) -> String {
    let quote: Unicode.Scalar =
      text.unicodeScalars.contains("'") && !text.unicodeScalars.contains("\"") ? "\"" : "'"
    var result = String(quote)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\", quote: result += "\\" + String(scalar)
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where isPrintable(scalar): result.unicodeScalars.append(scalar)
      default:
        let (letter, width) =
          scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x1_0000 ? ("u", 4) : ("U", 8)
        result += "\\" + letter + hexadecimal(scalar.value, width: width)
      }
    }
    return result + String(quote)
  }

  private static func hexadecimal(_ value: UInt32, width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return (0x20..<0x7f).contains(scalar.value) }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
      .spaceSeparator:
      return false
    default: return true
    }
  }

  /// The text as a JSON string of Python's `json`.
  static func json(_ text: String, asciiOnly: Bool) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{8}": result += "\\b"
      case "\u{c}": result += "\\f"
      case _ where scalar.value < 0x20 || (asciiOnly && scalar.value > 0x7e):
        for unit in String(scalar).utf16 { result += "\\u" + hexadecimal(UInt32(unit), width: 4) }
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension Jinja.Renderer {
  /// The value as Python's `str` has it.
  func text(_ value: Jinja.Value) throws(LanguageError) -> String {
    switch value {
    case .undefined: return ""
    case .text(let text), .safe(let text): return text
    default:
      var result = ""
      try printValue(value, into: &result)
      return result
    }
  }

  /// Appends the value as Python's `repr` has it.
  private func printValue(_ value: Jinja.Value, into result: inout String, level: Int = 0)
    throws(LanguageError)
  {
    let length = result.utf8.count
    try spend(Jinja.Renderer.stepCost)
    // Values are not deeper than this but for namespaces, which may lead back to themselves.
    guard level < Jinja.Renderer.depthLimit else { throw tooDeep() }
    switch value {
    case .undefined: result += "Undefined"
    case .none: result += "None"
    case .bool(let value): result += value ? "True" : "False"
    case .integer(let value): result += String(value)
    case .number(let value): result += PythonText.description(of: value)
    case .text(let text): result += PythonText.quoted(text)
    case .safe(let text): result += "Markup(" + PythonText.quoted(text) + ")"
    case .list(let sequence): try printElements(sequence.elements, "[", "]", into: &result, level)
    case .tuple(let sequence):
      let isSingle = sequence.elements.count == 1
      try printElements(sequence.elements, "(", isSingle ? ",)" : ")", into: &result, level)
    case .dictionary(let dictionary): try printEntries(dictionary, into: &result, level)
    case .range(let range):
      let step = range.step == 1 ? "" : ", \(range.step)"
      result += "range(\(range.start), \(range.end)\(step))"
    case .view(let view):
      try printElements(view.elements, "dict_\(view.kind.rawValue)([", "])", into: &result, level)
    case .namespace(let namespace):
      result += "<Namespace "
      try printEntries(namespace.attributes, into: &result, level)
      result += ">"
    case .macro(let closure): result += "<Macro \(PythonText.quoted(closure.macro.name))>"
    case .iterator, .loop, .function, .method:
      throw failure(
        .unsupported, "a value of type \(value.typeName) to print",
        expected: "a value whose text does not name an address")
    }
    try spend(result.utf8.count - length)
  }

  private func printElements(
    _ elements: [Jinja.Value], _ open: String, _ close: String, into result: inout String, _ level: Int
  ) throws(LanguageError) {
    result += open
    for (i, element) in elements.enumerated() {
      if i > 0 { result += ", " }
      try printValue(element, into: &result, level: level + 1)
    }
    result += close
  }

  private func printEntries(_ dictionary: Jinja.Dictionary, into result: inout String, _ level: Int)
    throws(LanguageError)
  {
    result += "{"
    for (i, (key, value)) in dictionary.entries.enumerated() {
      if i > 0 { result += ", " }
      try printValue(key, into: &result, level: level + 1)
      result += ": "
      try printValue(value, into: &result, level: level + 1)
    }
    result += "}"
  }

  // MARK: JSON

  /// How `tojson` writes: the options of Python's `json.dumps` that `transformers` lets templates give.
  struct JSONStyle {
    var asciiOnly = false
    /// What a level is indented by; nil for everything on one line.
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false
  }

  func json(_ value: Jinja.Value, style: JSONStyle) throws(LanguageError) -> String {
    var result = ""
    try writeJSON(value, style, level: 0, into: &result)
    return result
  }

  private func writeJSON(_ value: Jinja.Value, _ style: JSONStyle, level: Int, into result: inout String)
    throws(LanguageError)
  {
    let length = result.utf8.count
    try spend(Jinja.Renderer.stepCost)
    switch value {
    case .none: result += "null"
    case .bool(let value): result += value ? "true" : "false"
    case .integer(let value): result += String(value)
    case .number(let value): result += Self.jsonNumber(value)
    case .text(let text), .safe(let text): result += PythonText.json(text, asciiOnly: style.asciiOnly)
    case .list(let sequence), .tuple(let sequence):
      try writeJSON(sequence.elements, "[", "]", style, level, into: &result) {
        (element, result) throws(LanguageError) in
        try writeJSON(element, style, level: level + 1, into: &result)
      }
    case .dictionary(let dictionary):
      var entries = dictionary.entries
      if style.sortsKeys {
        entries = try sorted(entries) { (a, b) throws(LanguageError) in try isLess(a.key, b.key) }
      }
      try writeJSON(entries, "{", "}", style, level, into: &result) {
        (entry, result) throws(LanguageError) in
        result += PythonText.json(try jsonKey(entry.key), asciiOnly: style.asciiOnly) + style.keySeparator
        try writeJSON(entry.value, style, level: level + 1, into: &result)
      }
    default:
      throw failure(
        .badValue, "a value of type \(value.typeName) to write as JSON",
        expected: "texts, numbers, true, false, none, lists and dictionaries")
    }
    try spend(result.utf8.count - length)
  }

  private func writeJSON<Element>(
    _ elements: [Element], _ open: String, _ close: String, _ style: JSONStyle, _ level: Int,
    into result: inout String, _ write: (Element, inout String) throws(LanguageError) -> Void
  ) throws(LanguageError) {
    guard !elements.isEmpty else {
      result += open + close
      return
    }
    var line = ""
    if let indent = style.indent {
      try spend(indent.utf8.count * (level + 1))
      line = "\n" + String(repeating: indent, count: level + 1)
    }
    result += open
    for (i, element) in elements.enumerated() {
      try spend(line.utf8.count)
      result += (i > 0 ? style.itemSeparator : "") + line
      try write(element, &result)
    }
    if let indent = style.indent { result += "\n" + String(repeating: indent, count: level) }
    result += close
  }

  private static func jsonNumber(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    return value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : PythonText.description(of: value)
  }

  private func jsonKey(_ key: Jinja.Value) throws(LanguageError) -> String {
    switch key {
    case .text(let text), .safe(let text): return text
    case .none: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .integer(let value): return String(value)
    case .number(let value): return Self.jsonNumber(value)
    default:
      throw failure(
        .badValue, "a key of type \(key.typeName) to write as JSON",
        expected: "a text, number, true, false or none")
    }
  }
}
