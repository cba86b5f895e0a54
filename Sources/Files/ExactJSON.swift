/// A JSON value as it was written.
///
/// Headers of tensors and vocabularies need what general parsers do not give: repeated keys refused, order kept, whole
/// numbers that do not pass through floating point, and strings told apart by their code points: to Swift a letter with
/// a combining accent equals the accented letter, to a vocabulary they are two entries.
package enum ExactJSON: Equatable, Sendable {
  case string(String)
  case integer(Int)
  case number(Double)
  case array([ExactJSON])
  case object([(key: String, value: ExactJSON)])
  case null
  case bool(Bool)

  package static func == (a: ExactJSON, b: ExactJSON) -> Bool {
    switch (a, b) {
    case (.string(let x), .string(let y)): ExactString(x) == ExactString(y)
    case (.integer(let x), .integer(let y)): x == y
    case (.number(let x), .number(let y)): x == y
    case (.array(let x), .array(let y)): x == y
    case (.object(let x), .object(let y)):
      x.elementsEqual(y) { ExactString($0.key) == ExactString($1.key) && $0.value == $1.value }
    case (.null, .null): true
    case (.bool(let x), .bool(let y)): x == y
    default: false
    }
  }

  /// What is wrong, and at which byte of the text.
  package struct Failure: Error {
    package let offset: Int
    package let found: String
    package let expected: String
    package var isDuplicate = false
  }

  /// Parses a whole text; spaces may follow the value, nothing else.
  package static func parse(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> ExactJSON {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw Failure(offset: 0, found: "bytes that are not UTF-8", expected: "JSON in UTF-8")
    }
    var parser = Parser(bytes: bytes)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.position == bytes.count else { throw parser.failure("the end") }
    return value
  }

  /// The same for an array of bytes.
  package static func parse(_ bytes: [UInt8]) throws(Failure) -> ExactJSON {
    // `withUnsafeBytes` forgets the type of what its body throws.
    let outcome = bytes.withUnsafeBytes { bytes in
      Result { () throws(Failure) in try parse(bytes) }
    }
    return try outcome.get()
  }

  private struct Parser {
    let bytes: UnsafeRawBufferPointer
    var position = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    func failure(_ expected: String) -> Failure {
      let found = next.map { byte in
        (0x21..<0x7f).contains(byte) ? "'\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
      }
      return Failure(offset: position, found: found ?? "the end", expected: expected)
    }

    mutating func skipSpace() {
      while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    mutating func take(_ character: Character) throws(Failure) {
      guard next == character.asciiValue else { throw failure("'\(character)'") }
      position += 1
    }

    mutating func takes(_ character: Character) -> Bool {
      skipSpace()
      guard next == character.asciiValue else { return false }
      position += 1
      return true
    }

    mutating func value(depth: Int) throws(Failure) -> ExactJSON {
      guard depth < 64 else { throw failure("at most 64 levels of nesting") }
      skipSpace()
      switch next {
      case UInt8(ascii: "{"): return try object(depth: depth)
      case UInt8(ascii: "["): return try array(depth: depth)
      case UInt8(ascii: "\""): return .string(try string())
      case UInt8(ascii: "t"): return try word("true", .bool(true))
      case UInt8(ascii: "f"): return try word("false", .bool(false))
      case UInt8(ascii: "n"): return try word("null", .null)
      default: return try number()
      }
    }

    mutating func word(_ text: String, _ value: ExactJSON) throws(Failure) -> ExactJSON {
      for character in text { try take(character) }
      return value
    }

    mutating func object(depth: Int) throws(Failure) -> ExactJSON {
      try take("{")
      var entries: [(key: String, value: ExactJSON)] = []
      var seen: Set<ExactString> = []
      if takes("}") { return .object([]) }
      repeat {
        skipSpace()
        let start = position
        let key = try string()
        guard seen.insert(ExactString(key)).inserted else {
          throw Failure(
            offset: start, found: "\"\(key)\" a second time", expected: "every key once", isDuplicate: true)
        }
        skipSpace()
        try take(":")
        entries.append((key, try value(depth: depth + 1)))
      } while takes(",")
      try take("}")
      return .object(entries)
    }

    mutating func array(depth: Int) throws(Failure) -> ExactJSON {
      try take("[")
      var elements: [ExactJSON] = []
      if takes("]") { return .array([]) }
      repeat { elements.append(try value(depth: depth + 1)) } while takes(",")
      try take("]")
      return .array(elements)
    }

    mutating func number() throws(Failure) -> ExactJSON {
      let start = position
      let negative = next == UInt8(ascii: "-")
      if negative { position += 1 }
      var value = 0
      var digits = 0
      var overflows = false
      while let byte = next, (0x30..<0x3a).contains(byte) {
        let (scaled, first) = value.multipliedReportingOverflow(by: 10)
        let (sum, second) = scaled.addingReportingOverflow(Int(byte - 0x30))
        overflows = overflows || first || second
        value = sum
        digits += 1
        position += 1
      }
      guard digits > 0 else { throw failure("a value") }
      if let byte = next, byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e") {
        return .number(try fraction(from: start))
      }
      guard !overflows else {
        throw Failure(offset: start, found: "a number beyond 63 bits", expected: "a whole number below 2^63")
      }
      return .integer(negative ? -value : value)
    }

    /// A number with a point or an exponent, whose whole part has been read.
    mutating func fraction(from start: Int) throws(Failure) -> Double {
      while let byte = next, (0x30..<0x3a).contains(byte) || "+-.eE".utf8.contains(byte) { position += 1 }
      let text = String(decoding: bytes[start..<position], as: UTF8.self)
      guard let value = Double(text), value.isFinite else {
        throw Failure(offset: start, found: text, expected: "a finite number")
      }
      return value
    }

    mutating func string() throws(Failure) -> String {
      try take("\"")
      var units: [UInt8] = []
      while let byte = next {
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
        case UInt8(ascii: "\\"): units.append(contentsOf: try escape().utf8)
        case 0..<0x20:
          position -= 1
          throw failure("no control character inside a string")
        default: units.append(byte)
        }
      }
      throw failure("'\"'")
    }

    mutating func escape() throws(Failure) -> String {
      guard let byte = next else { throw failure("an escape") }
      position += 1
      switch byte {
      case UInt8(ascii: "n"): return "\n"
      case UInt8(ascii: "t"): return "\t"
      case UInt8(ascii: "r"): return "\r"
      case UInt8(ascii: "b"): return "\u{8}"
      case UInt8(ascii: "f"): return "\u{c}"
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
        return String(UnicodeScalar(byte))
      case UInt8(ascii: "u"): return try unicode()
      default:
        position -= 1
        throw failure("an escape")
      }
    }

    mutating func unicode() throws(Failure) -> String {
      var units = [try hexadecimal()]
      if UTF16.isLeadSurrogate(units[0]) {
        try take("\\")
        try take("u")
        units.append(try hexadecimal())
      }
      guard let text = String(validating: units, as: UTF16.self) else {
        throw failure("a Unicode character")
      }
      return text
    }

    mutating func hexadecimal() throws(Failure) -> UInt16 {
      var value: UInt16 = 0
      for _ in 0..<4 {
        guard let byte = next, let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
          throw failure("four hexadecimal digits")
        }
        value = value << 4 | UInt16(digit)
        position += 1
      }
      return value
    }
  }

  /// The text as a JSON string, quotes included.
  package static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// A text that equals another only if their code points are the same.
package struct ExactString: Hashable, Sendable {
  package let text: String

  package init(_ text: String) { self.text = text }

  package static func == (a: ExactString, b: ExactString) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
