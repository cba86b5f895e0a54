/// The tokens of a model: their texts as the file has them, and their numbers.
struct Vocabulary: Sendable, Sequence {
  /// The texts by number; empty where the number is not used.
  private var texts: [String] = []
  private var isUsed: [Bool] = []
  private var ids = ByteStringTable()

  /// Ids from here on are refused: a vocabulary is an array over them.
  static let idLimit = 1 << 21

  /// How many tokens there are.
  var count: Int { ids.count }
  /// The largest id + 1.
  var size: Int { texts.count }

  /// Why an entry cannot be taken.
  enum Conflict { case text, id }

  /// Adds a token whose id lies in 0..<``idLimit``.
  mutating func add(_ text: String, id: Int) -> Conflict? {
    if id < size, isUsed[id] { return .id }
    if ids.insert(text.utf8, Int32(id)) != nil { return .text }
    while texts.count <= id {
      texts.append("")
      isUsed.append(false)
    }
    (texts[id], isUsed[id]) = (text, true)
    return nil
  }

  func id(of text: String) -> Int32? { ids.value(of: text.utf8) }

  func id(of bytes: UnsafeBufferPointer<UInt8>) -> Int32? { ids.value(of: bytes) }

  func text(of id: Int) -> String? { texts.indices.contains(id) && isUsed[id] ? texts[id] : nil }

  /// The ids of `<0x00>` to `<0xFF>`, -1 where one is missing.
  var byteTokens: [Int32] { (0...255).map { id(of: Self.byteText(UInt8($0))) ?? -1 } }

  /// The text of the token that stands for a byte where a character has none.
  static func byteText(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x" + (digits.utf8.count < 2 ? "0" : "") + digits + ">"
  }

  /// Tokens in the order of their ids.
  func makeIterator() -> AnyIterator<(id: Int32, text: String)> {
    var next = 0
    return AnyIterator {
      while next < texts.count, !isUsed[next] { next += 1 }
      guard next < texts.count else { return nil }
      defer { next += 1 }
      return (Int32(next), texts[next])
    }
  }
}
