/// A token that is found in the text before anything else looks at it.
struct AddedToken: Sendable {
  var text: String
  var id: Int
  /// Only where no word character stands beside it.
  var isSingleWord = false
  /// Takes the spaces before it.
  var stripsLeft = false
  /// Takes the spaces after it.
  var stripsRight = false
  /// Looked for in the normalised text, in its own normalised form.
  var isNormalised = false
  var isSpecial = true

  init(text: String, id: Int) { (self.text, self.id) = (text, id) }

  init(_ json: JSONNode) throws(LanguageError) {
    try json.refuseKeys(besides: [
      "id", "content", "single_word", "lstrip", "rstrip", "normalized", "special",
    ])
    let content = try json.required("content")
    text = try content.string()
    guard !text.isEmpty else { throw content.error(.badValue, "an empty text", expected: "a token") }
    id = try json.required("id").id()
    isSingleWord = try json.required("single_word").bool()
    stripsLeft = try json.required("lstrip").bool()
    stripsRight = try json.required("rstrip").bool()
    isNormalised = try json.required("normalized").bool()
    isSpecial = try json.required("special").bool()
  }
}

/// The added tokens of a tokeniser, and how a text is cut at them.
struct AddedTokens: Sendable {
  let tokens: [AddedToken]
  let specialIds: Set<Int>
  /// Places in `tokens` by id and by text.
  private let places: [Int: Int]
  private let names: ByteStringTable
  private let raw: ByteTrie?
  private let normalised: ByteTrie?

  init(_ tokens: [AddedToken], normaliser: Normaliser?, file: String) throws(LanguageError) {
    self.tokens = tokens
    specialIds = Set(tokens.filter(\.isSpecial).map(\.id))
    var (places, names): ([Int: Int], ByteStringTable) = ([:], ByteStringTable())
    for (place, token) in tokens.enumerated() {
      let path = "added_tokens[\(place)]"
      if places.updateValue(place, forKey: token.id) != nil {
        throw LanguageError(
          .malformed, file: file, place: path, found: "the id \(token.id) a second time",
          expected: "every id once")
      }
      if names.insert(token.text.utf8, Int32(place)) != nil {
        throw LanguageError(
          .malformed, file: file, place: path, found: "\"\(token.text)\" a second time",
          expected: "every token once")
      }
    }
    (self.places, self.names) = (places, names)

    // Of two tokens with the same normalised form the special one is found, then the earlier one.
    let order =
      tokens.indices.filter { tokens[$0].isSpecial } + tokens.indices.filter { !tokens[$0].isSpecial }
    var seen = ByteStringTable()
    var patterns: (raw: [(bytes: [UInt8], value: Int32)], normalised: [(bytes: [UInt8], value: Int32)]) = (
      [], []
    )
    for place in order {
      var bytes = Array(tokens[place].text.utf8)
      guard tokens[place].isNormalised else {
        patterns.raw.append((bytes, Int32(place)))
        continue
      }
      normaliser?.normalise(&bytes)
      guard !bytes.isEmpty else {
        throw LanguageError(
          .unsupported, file: file, place: "added_tokens[\(place)]",
          found: "a token of which the normalizer leaves nothing", expected: "\"normalized\": false for it")
      }
      if seen.insert(bytes, 0) == nil { patterns.normalised.append((bytes, Int32(place))) }
    }
    raw = patterns.raw.isEmpty ? nil : ByteTrie(patterns.raw)
    normalised = patterns.normalised.isEmpty ? nil : ByteTrie(patterns.normalised)
  }

  subscript(id id: Int) -> AddedToken? { places[id].map { tokens[$0] } }

  subscript(text text: String) -> AddedToken? { names.value(of: text.utf8).map { tokens[Int($0)] } }

  /// A part of a text: a token, or what lies between tokens.
  struct Section {
    let range: Range<Int>
    let token: Int?
  }

  /// Cuts a text at the tokens that are looked for in it as it came.
  func split(raw text: UnsafeBufferPointer<UInt8>) -> [Section] { split(text, raw) }

  /// Cuts a normalised text at the tokens that are looked for there.
  func split(normalised text: UnsafeBufferPointer<UInt8>) -> [Section] { split(text, normalised) }

  /// Takes the leftmost token, the longest of those that begin there, and goes on behind it.
  private func split(_ text: UnsafeBufferPointer<UInt8>, _ trie: ByteTrie?) -> [Section] {
    guard let trie, !text.isEmpty else { return [Section(range: 0..<text.count, token: nil)] }
    var sections: [Section] = []
    var (done, position) = (0, 0)
    while position < text.count {
      guard trie.hasString(beginningWith: text[position]) else {
        position += 1
        continue
      }
      var (length, place) = (0, Int32(-1))
      trie.prefixes(of: text, at: position) { (length, place) = ($0, $1) }
      guard place >= 0 else {
        position += 1
        continue
      }
      let token = tokens[Int(place)]
      var (start, end) = (position, position + length)
      position = end
      if token.isSingleWord, Self.isWord(before: start, in: text) || Self.isWord(at: end, in: text) {
        continue
      }
      if token.stripsLeft { start = Self.startOfSpaces(before: start, in: text) }
      if token.stripsRight { end = Self.endOfSpaces(after: end, in: text) }
      if done < start { sections.append(Section(range: done..<start, token: nil)) }
      sections.append(Section(range: start..<end, token: token.id))
      // Not `position`: a token among the spaces that the last one took is found all the same.
      done = end
    }
    if done < text.count { sections.append(Section(range: done..<text.count, token: nil)) }
    return sections
  }

  private static func scalar(before end: Int, in text: UnsafeBufferPointer<UInt8>) -> (Unicode.Scalar, Int)? {
    guard end > 0 else { return nil }
    var start = end - 1
    while text[start] & 0xc0 == 0x80 { start -= 1 }
    return (UTF8Text.scalar(text, at: start).scalar, start)
  }

  private static func isWord(before end: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    scalar(before: end, in: text)?.0.isWord ?? false
  }

  private static func isWord(at start: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    start < text.count && UTF8Text.scalar(text, at: start).scalar.isWord
  }

  private static func startOfSpaces(before end: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
    var end = end
    while let (found, start) = scalar(before: end, in: text), found.properties.isWhitespace { end = start }
    return end
  }

  private static func endOfSpaces(after start: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
    var start = start
    while start < text.count {
      let (found, next) = UTF8Text.scalar(text, at: start)
      guard found.properties.isWhitespace else { break }
      start = next
    }
    return start
  }
}
