/// The dictionary in an NPY header, read as the text it is; nothing is evaluated.
enum PythonLiteral {
  struct Fields: Equatable {
    var descriptor = ""
    var isFortranOrder = false
    var shape: [Int] = []
  }

  struct Failure: Error {
    var kind = StorageError.Kind.malformedHeader
    let offset: Int
    let found: String
    let expected: String
  }

  /// Reads `{'descr': '…', 'fortran_order': …, 'shape': (…), }` with the three keys once each, in any order.
  static func parse(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> Fields {
    var parser = Parser(bytes: bytes)
    var fields = Fields()
    var seen: Set<String> = []
    try parser.take("{")
    while !parser.takes("}") {
      let start = parser.position
      let key = try parser.string()
      guard seen.insert(key).inserted else {
        throw Failure(offset: start, found: "'\(key)' a second time", expected: "every key once")
      }
      try parser.take(":")
      switch key {
      case "descr": fields.descriptor = try parser.descriptor()
      case "fortran_order": fields.isFortranOrder = try parser.boolean()
      case "shape": fields.shape = try parser.tuple()
      default:
        throw Failure(
          offset: start, found: "the key '\(key)'", expected: "descr, fortran_order and shape only")
      }
      if !parser.takes(",") {
        try parser.take("}")
        break
      }
    }
    parser.skipSpace()
    guard parser.position == bytes.count else { throw parser.failure("spaces up to the end of the header") }
    guard seen.count == 3 else {
      let missing = ["descr", "fortran_order", "shape"].filter { !seen.contains($0) }
      throw Failure(
        offset: 0, found: "no \(missing.joined(separator: " and no "))",
        expected: "descr, fortran_order and shape")
    }
    return fields
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
      return Failure(offset: position, found: found ?? "the end of the header", expected: expected)
    }

    mutating func skipSpace() {
      while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x09 { position += 1 }
    }

    mutating func takes(_ character: Character) -> Bool {
      skipSpace()
      guard next == character.asciiValue else { return false }
      position += 1
      return true
    }

    mutating func take(_ character: Character) throws(Failure) {
      guard takes(character) else { throw failure("'\(character)'") }
    }

    mutating func string() throws(Failure) -> String {
      skipSpace()
      guard let quote = next, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
        throw failure("a string")
      }
      position += 1
      let start = position
      while let byte = next, byte != quote {
        guard byte != UInt8(ascii: "\\"), byte >= 0x20 else { throw failure("a string without escapes") }
        position += 1
      }
      guard next == quote else { throw failure("the end of the string") }
      position += 1
      return String(decoding: bytes[start..<position - 1], as: UTF8.self)
    }

    mutating func descriptor() throws(Failure) -> String {
      skipSpace()
      guard next != UInt8(ascii: "["), next != UInt8(ascii: "(") else {
        throw Failure(
          kind: .unsupportedType, offset: position, found: "a structured dtype (records with fields)",
          expected: "one number an element; save each field as its own array")
      }
      return try string()
    }

    mutating func boolean() throws(Failure) -> Bool {
      skipSpace()
      for (word, value) in [("True", true), ("False", false)] {
        let end = position + word.utf8.count
        if end <= bytes.count, bytes[position..<end].elementsEqual(word.utf8) {
          position = end
          return value
        }
      }
      throw failure("True or False")
    }

    mutating func tuple() throws(Failure) -> [Int] {
      try take("(")
      var values: [Int] = []
      while !takes(")") {
        values.append(try integer())
        if !takes(",") {
          // (3) is a number in Python, not a tuple.
          guard values.count > 1 else { throw failure("','") }
          try take(")")
          break
        }
      }
      return values
    }

    mutating func integer() throws(Failure) -> Int {
      skipSpace()
      let start = position
      let negative = next == UInt8(ascii: "-")
      if negative { position += 1 }
      var value = 0
      var digits = 0
      while let byte = next, (0x30..<0x3a).contains(byte) {
        let (scaled, first) = value.multipliedReportingOverflow(by: 10)
        let (sum, second) = scaled.addingReportingOverflow(Int(byte - 0x30))
        guard !first, !second else {
          throw Failure(
            kind: .badShape, offset: start, found: "an extent beyond 63 bits",
            expected: "fewer than 2^63 elements")
        }
        (value, digits, position) = (sum, digits + 1, position + 1)
      }
      guard digits > 0 else { throw failure("a whole number") }
      // Python 2 marked long integers.
      if next == UInt8(ascii: "L") { position += 1 }
      return negative ? -value : value
    }
  }
}
