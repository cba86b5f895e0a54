/// What the regular expressions of tokenisers ask about a character.
package enum UnicodeClass: UInt8, Sendable {
  /// `\p{L}`
  case letter
  /// `\p{N}`
  case number
  /// `\s`
  case space
  /// Marks, punctuation, symbols, controls and what is not assigned.
  case other
}

extension UnicodeClass {
  /// The newest Unicode version whose characters count as assigned.
  ///
  /// Hugging Face's expressions run on Oniguruma with Unicode 16, while Swift knows newer letters; a model has seen
  /// those as unassigned, and a tokeniser must not change when the compiler does.
  private static let newestVersion = 16

  private static let table: [UnicodeClass] = (0..<0x800).map {
    UnicodeClass(uncached: Unicode.Scalar(UInt16($0))!)
  }

  /// The classes of the characters below U+0800.
  static func withTable<Result>(_ body: (UnsafeBufferPointer<UnicodeClass>) -> Result) -> Result {
    table.withUnsafeBufferPointer(body)
  }

  package init(_ scalar: Unicode.Scalar) {
    self = scalar.value < 0x800 ? Self.table[Int(scalar.value)] : UnicodeClass(high: scalar)
  }

  /// A character from U+0800 on.
  init(high scalar: Unicode.Scalar) {
    switch scalar.value {
    // Wholly assigned blocks of letters, which spare most Asian text the look-up.
    case 0x3041...0x3096, 0x30a1...0x30fa, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xac00...0xd7a3: self = .letter
    default: self = UnicodeClass(uncached: scalar)
    }
  }

  private init(uncached scalar: Unicode.Scalar) {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      self = Self.isAssigned(scalar) ? .letter : .other
    case .decimalNumber, .letterNumber, .otherNumber:
      self = Self.isAssigned(scalar) ? .number : .other
    default:
      self = scalar.properties.isWhitespace ? .space : .other
    }
  }

  fileprivate static func isAssigned(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isAssigned(byVersion: newestVersion)
  }
}

extension Unicode.Scalar {
  /// Whether this version of Unicode has the character; minor versions count as the whole one.
  func isAssigned(byVersion version: Int) -> Bool { (properties.age?.major ?? .max) <= version }

  /// Whether Rust counts the character as a number, with Unicode 17.
  var isNumeric: Bool {
    if value < 0x80 { return (0x30...0x39).contains(value) }
    switch properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: return isAssigned(byVersion: 17)
    default: return false
    }
  }

  /// `\w`: letters, marks, decimal digits, connectors and joiners.
  var isWord: Bool {
    if value < 0x80 {
      return (0x30...0x39).contains(value) || (0x61...0x7a).contains(value | 0x20) || value == 0x5f
    }
    guard UnicodeClass.isAssigned(self) else { return false }
    if properties.isAlphabetic || properties.isJoinControl { return true }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }
}

/// Valid UTF-8, read a character at a time.
struct UTF8Text {
  let bytes: UnsafeBufferPointer<UInt8>
  private let classes: UnsafeBufferPointer<UnicodeClass>

  init(_ bytes: UnsafeBufferPointer<UInt8>, classes: UnsafeBufferPointer<UnicodeClass>) {
    (self.bytes, self.classes) = (bytes, classes)
  }

  /// The character that starts at `position`, which lies before the end.
  @inline(__always) static func scalar(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> (
    scalar: Unicode.Scalar, next: Int
  ) {
    let first = UInt32(bytes[position])
    if first < 0x80 { return (Unicode.Scalar(UInt8(first)), position + 1) }
    func rest(_ i: Int) -> UInt32 { UInt32(bytes[position + i] & 0x3f) }
    // The text is valid, so every value is a scalar.
    if first < 0xe0 { return (Unicode.Scalar((first & 0x1f) << 6 | rest(1)).unsafelyUnwrapped, position + 2) }
    if first < 0xf0 {
      return (Unicode.Scalar((first & 0x0f) << 12 | rest(1) << 6 | rest(2)).unsafelyUnwrapped, position + 3)
    }
    let value = (first & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3)
    return (Unicode.Scalar(value).unsafelyUnwrapped, position + 4)
  }

  /// The class of the character at `position`, and where the next one starts.
  @inline(__always) func classified(_ position: Int) -> (kind: UnicodeClass, next: Int) {
    let first = Int(bytes[position])
    if first < 0x80 { return (classes[first], position + 1) }
    if first < 0xe0 { return (classes[(first & 0x1f) << 6 | Int(bytes[position + 1] & 0x3f)], position + 2) }
    let (scalar, next) = Self.scalar(bytes, at: position)
    return (UnicodeClass(high: scalar), next)
  }

  /// Where the run of characters of one class that includes `position` ends, at `end` at the latest.
  @inline(__always) func run(of kind: UnicodeClass, from position: Int, to end: Int) -> Int {
    var position = position
    while position < end {
      let (found, next) = classified(position)
      guard found == kind else { break }
      position = next
    }
    return position
  }
}
