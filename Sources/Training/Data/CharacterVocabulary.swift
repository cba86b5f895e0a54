import Torch

/// Text as whole numbers: every character (Unicode scalar) is a symbol, in a fixed order.
public struct CharacterVocabulary: Sendable, Hashable, Codable {
  /// The characters in the order of their numbers.
  public let characters: String
  private let numbers: [Unicode.Scalar: Int]

  public var count: Int { numbers.count }

  /// The space and the letters a to z: 27 symbols; see ``reduceToLetters(_:)``.
  public static let letters = try! CharacterVocabulary(" abcdefghijklmnopqrstuvwxyz")

  /// - Parameter characters: at least one, none twice.
  /// - Throws: ``TextError``.
  public init(_ characters: String) throws(TextError) {
    guard !characters.unicodeScalars.isEmpty else {
      throw TextError(.empty, "a vocabulary has no characters")
    }
    var numbers: [Unicode.Scalar: Int] = [:]
    for (i, character) in characters.unicodeScalars.enumerated() {
      if let first = numbers.updateValue(i, forKey: character) {
        throw TextError(
          .duplicate,
          "the character \(Self.shown(character)) is at positions \(first) and \(i) of a vocabulary")
      }
    }
    (self.characters, self.numbers) = (characters, numbers)
  }

  /// The distinct characters of a text, sorted.
  public init(of text: String) throws(TextError) {
    var result = String.UnicodeScalarView()
    result.append(contentsOf: Set(text.unicodeScalars).sorted())
    try self.init(String(result))
  }

  /// A text's numbers, `[n]`, `Int64`.
  /// - Throws: ``TextError`` with the position (from 0) of the first character that is not in the vocabulary.
  public func encode(_ text: String) throws(TextError) -> Tensor {
    var values: [Int64] = []
    values.reserveCapacity(text.utf8.count)
    for character in text.unicodeScalars {
      guard let number = numbers[character] else {
        throw TextError(
          .unknownCharacter,
          "position \(values.count): the character \(Self.shown(character)) is not among the \(count) of the vocabulary"
        )
      }
      values.append(Int64(number))
    }
    return Tensor(values)
  }

  /// The text of numbers; `placeholder` stands for those outside 0..<count, such as masks.
  public func decode(_ numbers: [Int], placeholder: Character = "_") -> String {
    let scalars = Array(characters.unicodeScalars)
    return numbers.reduce(into: "") { text, number in
      if scalars.indices.contains(number) {
        text.unicodeScalars.append(scalars[number])
      } else {
        text.append(placeholder)
      }
    }
  }

  /// A line for every row of `[n, length]`.
  public func lines(_ tokens: Tensor) -> [String] {
    let width = tokens.size(1)
    let values = tokens.integers
    return (0..<tokens.size(0)).map { decode(Array(values[$0 * width..<($0 + 1) * width])) }
  }

  private static func shown(_ character: Unicode.Scalar) -> String {
    "\(character.escaped(asASCII: false)) (U+\(String(character.value, radix: 16, uppercase: true)))"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    try self.init(container.decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(characters)
  }
}

/// A text in lower case with every run of other bytes than the letters a to z as one space.
public func reduceToLetters(_ text: String) -> String {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(text.utf8.count)
  let space = UInt8(ascii: " ")
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): bytes.append(byte + 32)
    case UInt8(ascii: "a")...UInt8(ascii: "z"): bytes.append(byte)
    default: if bytes.last != space { bytes.append(space) }
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}
