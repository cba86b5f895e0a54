import Foundation
import OrderedCollections

/// A JSON document as a value, with the order of an object's keys kept.
///
/// Equal values always print to equal bytes, so that two runs can be compared with `cmp`.
///
/// JSON has no word for a number that is not finite. Such numbers are written as the strings `"NaN"`,
/// `"Infinity"` and `"-Infinity"`; `null` therefore always means "there is no value".
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(OrderedDictionary<String, JSONValue>)

  /// The document on one line, without spaces: one line of a JSON-lines file.
  public var compact: String {
    var text = ""
    write(to: &text)
    return text
  }

  /// The document indented by two spaces, ending with a newline.
  ///
  /// Arrays and objects that fit on one line of 100 characters stay on one line.
  public var pretty: String {
    var text = ""
    writePretty(to: &text, indent: 0)
    return text + "\n"
  }
}

extension JSONValue {
  private func write(to text: inout String) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value): text += Self.literal(value)
    case .string(let value): text += Self.quoted(value)
    case .array(let values):
      text += "["
      for (index, value) in values.enumerated() {
        if index > 0 { text += "," }
        value.write(to: &text)
      }
      text += "]"
    case .object(let members):
      text += "{"
      for (index, member) in members.enumerated() {
        if index > 0 { text += "," }
        text += Self.quoted(member.key)
        text += ":"
        member.value.write(to: &text)
      }
      text += "}"
    }
  }

  /// Writes the document indented; `indent` counts the levels above this value.
  private func writePretty(to text: inout String, indent: Int) {
    let inner = String(repeating: "  ", count: indent + 1)
    let outer = String(repeating: "  ", count: indent)
    switch self {
    case .array(let values) where !values.isEmpty && !fits(100):
      text += "[\n"
      for (index, value) in values.enumerated() {
        text += inner
        value.writePretty(to: &text, indent: indent + 1)
        text += index == values.count - 1 ? "\n" : ",\n"
      }
      text += outer + "]"
    case .object(let members) where !members.isEmpty && !fits(100):
      text += "{\n"
      for (index, member) in members.enumerated() {
        text += inner + Self.quoted(member.key) + ": "
        member.value.writePretty(to: &text, indent: indent + 1)
        text += index == members.count - 1 ? "\n" : ",\n"
      }
      text += outer + "}"
    default: write(to: &text)
    }
  }

  /// Whether the compact form certainly has at most `limit` characters.
  ///
  /// Measured with a budget, because measuring by printing every level would be quadratic in depth.
  private func fits(_ limit: Int) -> Bool {
    var budget = limit
    spend(&budget)
    return budget >= 0
  }

  private func spend(_ budget: inout Int) {
    switch self {
    case .null, .bool: budget -= 5
    case .integer(let value): budget -= String(value).utf8.count
    case .number(let value): budget -= Self.literal(value).utf8.count
    case .string(let value): budget -= value.utf8.count + 2
    case .array(let values):
      budget -= 2
      for value in values where budget >= 0 {
        budget -= 1
        value.spend(&budget)
      }
    case .object(let members):
      budget -= 2
      for (key, value) in members where budget >= 0 {
        budget -= key.utf8.count + 4
        value.spend(&budget)
      }
    }
  }

  /// The shortest decimal that reads back as exactly `value`; whole numbers lose their `.0`.
  private static func literal(_ value: Double) -> String {
    if value.isNaN { return "\"NaN\"" }
    if value.isInfinite { return value > 0 ? "\"Infinity\"" : "\"-Infinity\"" }
    let text = value.description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private static func quoted(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      // Line separators are legal JSON but end a line in older JavaScript and in JSON-lines readers.
      case "\u{2028}": text += "\\u2028"
      case "\u{2029}": text += "\\u2029"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let hex = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(nilLiteral: ()) { self = .null }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

  /// An object with its keys in the order written; a key written twice is a programmer error.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(OrderedDictionary(uniqueKeysWithValues: elements))
  }

  /// The value of a member, or nil where this is no object or has no such key; setting nil removes it.
  public subscript(key: String) -> JSONValue? {
    get {
      guard case .object(let members) = self else { return nil }
      return members[key]
    }
    set {
      guard case .object(var members) = self else {
        preconditionFailure("JSONValue: member '\(key)' of a value that is not an object")
      }
      // Frees the storage first, so that setting a member of a large object does not copy it.
      self = .null
      members[key] = newValue
      self = .object(members)
    }
  }
}
