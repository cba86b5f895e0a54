/// How text is cut into words before byte pairs are merged inside them: the regular expressions of the model families.
///
/// The expressions are matched by hand-written scanners of the bytes, which take the same pieces (letters, numbers and
/// spaces as in Unicode 16). Every character lies in exactly one piece.
public enum SplitPattern: String, Sendable, Hashable, CaseIterable {
  /// GPT-2 and GPT-NeoX: contractions, letters, numbers and symbols, each with the space before it.
  case gpt2
  /// Llama 3 (and GPT-4): numbers in groups of three at most, line ends together, any symbol before letters.
  case llama3
  /// Qwen 2 and 3: as Llama 3, but every digit alone.
  case qwen

  /// The expression as tokenizer files have it.
  public var regularExpression: String {
    switch self {
    case .gpt2:
      #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    case .llama3:
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    case .qwen:
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }
  }

  /// The pattern with this expression, if it is a known one.
  init?(regularExpression: String) {
    let wanted = regularExpression.utf8
    guard let found = Self.allCases.first(where: { $0.regularExpression.utf8.elementsEqual(wanted) }) else {
      return nil
    }
    self = found
  }

  /// The pieces of a text.
  package func pieces(of text: String) -> [String] {
    let bytes = Array(text.utf8)
    var pieces: [Range<Int>] = []
    bytes.withUnsafeBufferPointer { split($0, 0..<bytes.count, into: &pieces) }
    return pieces.map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  /// Appends the pieces of a range, in order.
  func split(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, into pieces: inout [Range<Int>]) {
    UnicodeClass.withTable { classes in
      // The scanners' end of text is the end of the range, as for an expression matched inside it.
      let text = UTF8Text(UnsafeBufferPointer(rebasing: bytes[..<range.upperBound]), classes: classes)
      var position = range.lowerBound
      while position < range.upperBound {
        let end =
          switch self {
          case .gpt2: Self.endOfGPT2Piece(text, position)
          case .llama3: Self.endOfLlamaPiece(text, position, digits: 3)
          case .qwen: Self.endOfLlamaPiece(text, position, digits: 1)
          }
        pieces.append(position..<end)
        position = end
      }
    }
  }

  private static let (space, apostrophe) = (UInt8(ascii: " "), UInt8(ascii: "'"))

  @inline(__always) private static func endOfGPT2Piece(_ text: UTF8Text, _ start: Int) -> Int {
    let end = text.bytes.count
    let first = text.bytes[start]
    if first == apostrophe, let contraction = endOfContraction(text.bytes, start, foldsCase: false) {
      return contraction
    }
    var (kind, next) = text.classified(start)
    if first == space, next < end {
      let (following, afterFollowing) = text.classified(next)
      if following != .space { (kind, next) = (following, afterFollowing) }
    }
    return kind == .space ? endOfSpaces(text, start) : text.run(of: kind, from: next, to: end)
  }

  /// The alternatives of the expression in their order.
  @inline(__always) private static func endOfLlamaPiece(_ text: UTF8Text, _ start: Int, digits: Int) -> Int {
    let end = text.bytes.count
    let first = text.bytes[start]
    if first == apostrophe, let contraction = endOfContraction(text.bytes, start, foldsCase: true) {
      return contraction
    }
    let (kind, next) = text.classified(start)
    if kind == .letter { return text.run(of: .letter, from: next, to: end) }
    if kind == .number {
      var position = next
      for _ in 1..<max(digits, 2) where digits > 1 && position < end {
        let (following, after) = text.classified(position)
        guard following == .number else { break }
        position = after
      }
      return position
    }
    if next < end, !isLineEnd(first) {
      let (following, after) = text.classified(next)
      if following == .letter { return text.run(of: .letter, from: after, to: end) }
      if first == space, following == .other { return endOfSymbols(text, after) }
    }
    if kind == .other { return endOfSymbols(text, next) }
    return endOfSpaces(text, start, keepsLineEnds: true)
  }

  private static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0a || byte == 0x0d }

  /// The rest of `[^\s\p{L}\p{N}]+[\r\n]*`.
  private static func endOfSymbols(_ text: UTF8Text, _ start: Int) -> Int {
    var position = text.run(of: .other, from: start, to: text.bytes.count)
    while position < text.bytes.count, isLineEnd(text.bytes[position]) { position += 1 }
    return position
  }

  /// `\s+(?!\S)|\s+`, with `\s*[\r\n]+` before it where line ends are kept together.
  private static func endOfSpaces(_ text: UTF8Text, _ start: Int, keepsLineEnds: Bool = false) -> Int {
    let end = text.bytes.count
    var (position, last) = (start, start)
    var afterLineEnd: Int?
    while position < end {
      let (kind, next) = text.classified(position)
      guard kind == .space else { break }
      if keepsLineEnds, isLineEnd(text.bytes[position]) { afterLineEnd = next }
      (last, position) = (position, next)
    }
    if let afterLineEnd { return afterLineEnd }
    // The look-ahead leaves the last space to the word that follows; a space alone stays a piece.
    return position == end || last == start ? position : last
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d`, the apostrophe being there.
  @inline(__always) private static func endOfContraction(
    _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, foldsCase: Bool
  ) -> Int? {
    guard start + 1 < bytes.count else { return nil }
    func letter(_ i: Int) -> UInt8 {
      let byte = bytes[i]
      return foldsCase && (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
    }
    switch letter(start + 1) {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return start + 2 < bytes.count && letter(start + 2) == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"):
      return start + 2 < bytes.count && letter(start + 2) == UInt8(ascii: "l") ? start + 3 : nil
    // The long s, U+017F, is an s where case does not count.
    case 0xc5 where foldsCase: return bytes[start + 2] == 0xbf ? start + 3 : nil
    default: return nil
    }
  }
}
