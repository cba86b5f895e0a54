/// SentencePiece's visible space: spaces become `▁`, and a word begins with it.
struct Metaspace: Sendable {
  enum PrependScheme: String, Sendable {
    case always, first, never
  }

  let replacement: [UInt8]
  let scheme: PrependScheme
  let splits: Bool

  init(_ json: JSONNode) throws(LanguageError) {
    try json.refuseKeys(besides: [
      "type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep",
    ])
    let replacement = try json.required("replacement")
    let text = try replacement.string()
    guard text.unicodeScalars.count == 1 else {
      throw replacement.error(.badValue, "\"\(text)\"", expected: "one character")
    }
    self.replacement = Array(text.utf8)
    var scheme = PrependScheme.always
    if let declared = try json.optional("prepend_scheme") {
      let name = try declared.string()
      guard let known = PrependScheme(rawValue: name) else {
        throw declared.unsupported("the prepend scheme \(name)", offered: "always, first or never")
      }
      scheme = known
    }
    // The key of older files; newer ones repeat themselves with it.
    if let old = try json.optional("add_prefix_space"), try !old.bool(), scheme != .never {
      throw old.error(.badValue, "false", expected: "the prepend_scheme \"never\" with it")
    }
    self.scheme = scheme
    splits = try json.bool("split", default: true)
  }

  func split(_ words: inout PreTokenizer.Words, isStart: Bool) {
    let start = words.ranges.first?.lowerBound == 0 && isStart
    let space = TextPattern.literal([UInt8(ascii: " ")])
    var (text, pieces): ([UInt8], [Range<Int>]) = ([], [])
    for (i, range) in words.ranges.enumerated() {
      let replaced = space.replacing(Array(words.bytes[range]), with: replacement)
      let first = text.count
      let wantsPrefix =
        switch scheme {
        case .always: true
        case .first: i == 0 && start
        case .never: false
        }
      if wantsPrefix, !replaced.starts(with: replacement) { text.append(contentsOf: replacement) }
      text.append(contentsOf: replaced)
      pieces.append(first..<text.count)
    }
    (words.bytes, words.ranges) = (text, pieces)
    guard splits else { return }
    let mark = TextPattern.literal(replacement)
    words.cut { bytes, range, pieces in
      SplitBehaviour.mergedWithNext.arrange(mark.parts(of: bytes, in: range), into: &pieces)
    }
  }

  /// The token's text with spaces for the marks; at the start of a text they were put there.
  func decode(_ token: [UInt8], isFirst: Bool) -> [UInt8] {
    let content = isFirst && scheme != .never ? [] : [UInt8(ascii: " ")]
    return TextPattern.literal(replacement).replacing(token, with: content)
  }
}
