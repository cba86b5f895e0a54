import Foundation

/// SentencePiece's compiled normalisation: a table of byte strings and what replaces them.
///
/// The table is a double array (the `darts-clone` library): its 32-bit units are the nodes of a prefix tree, followed
/// by the replacements, each ended by a zero byte.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let replacements: [UInt8]

  /// - Parameter json: the `precompiled_charsmap` in Base64.
  init(_ json: JSONNode) throws(LanguageError) {
    func broken(_ found: String) -> LanguageError {
      json.error(.malformed, found, expected: "a SentencePiece character map in Base64")
    }
    guard let data = Data(base64Encoded: try json.string()) else { throw broken("no Base64") }
    let bytes = [UInt8](data)
    func number(at place: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) }
    }
    guard bytes.count >= 4 else { throw broken("\(bytes.count) bytes") }
    let size = Int(number(at: 0))
    guard size % 4 == 0, size > 0, 4 + size <= bytes.count else {
      throw broken("a table of \(size) bytes in \(bytes.count)")
    }
    units = stride(from: 4, to: 4 + size, by: 4).map(number)
    replacements = Array(bytes[(4 + size)...])
    guard String(validating: replacements, as: UTF8.self) != nil else {
      throw broken("replacements not in UTF-8")
    }
  }

  /// Replaces characters, and clusters of characters of at most five bytes as a whole.
  ///
  /// A cluster of which only the beginning is in the table is replaced as a whole too: odd, but what SentencePiece's
  /// models have seen through Hugging Face's normaliser.
  func normalise(_ text: inout [UInt8]) {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for cluster in String(decoding: text, as: UTF8.self) {
      let bytes = Array(cluster.utf8)
      if bytes.count < 6, let replacement = replacement(of: bytes) {
        result.append(contentsOf: replacement)
        continue
      }
      for scalar in cluster.unicodeScalars {
        let bytes = Array(UTF8.encode(scalar)!)
        result.append(contentsOf: replacement(of: bytes) ?? bytes[...])
      }
    }
    text = result
  }

  /// What replaces the shortest beginning that the table has.
  private func replacement(of key: [UInt8]) -> ArraySlice<UInt8>? {
    var node = Self.offset(units[0])
    for byte in key {
      // A zero byte ends a key.
      guard byte != 0 else { return nil }
      node ^= Int(byte)
      guard node < units.count, units[node] & 0x8000_00ff == UInt32(byte) else { return nil }
      let hasValue = units[node] >> 8 & 1 == 1
      node ^= Self.offset(units[node])
      if hasValue {
        guard node < units.count else { return nil }
        let start = Int(units[node] & 0x7fff_ffff)
        guard start < replacements.count else { return nil }
        return replacements[start...].prefix { $0 != 0 }
      }
    }
    return nil
  }

  private static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }
}
