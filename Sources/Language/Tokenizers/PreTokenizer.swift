/// How a text is cut into the words that the model encodes one by one.
struct PreTokenizer: Sendable {
  private enum Step: Sendable {
    case byteLevel(addsSpace: Bool, splits: Bool)
    case split(TextPattern, SplitBehaviour, isInverted: Bool)
    case digits(areIndividual: Bool)
    case metaspace(Metaspace)
    case words
    case whitespace
  }

  private var steps: [Step] = []
  /// Whether the words go to the model in the byte-level alphabet.
  private(set) var isByteLevel = false

  /// No cutting: the whole text is one word.
  init() {}

  init(_ json: JSONNode) throws(LanguageError) { try add(json) }

  private mutating func add(_ json: JSONNode) throws(LanguageError) {
    let type = try json.type()
    // A later step would see the alphabet's characters in place of the text's.
    if isByteLevel {
      throw json.unsupported("\(type) after ByteLevel", offered: "ByteLevel as the last step")
    }
    switch type {
    case "Sequence":
      try json.refuseKeys(besides: ["type", "pretokenizers"])
      for part in try json.required("pretokenizers").elements() { try add(part) }
    case "ByteLevel":
      // `trim_offsets` concerns positions in the text, which are not given here.
      try json.refuseKeys(besides: ["type", "add_prefix_space", "trim_offsets", "use_regex"])
      steps.append(
        .byteLevel(
          addsSpace: try json.required("add_prefix_space").bool(),
          splits: try json.bool("use_regex", default: true)))
      isByteLevel = true
    case "Split":
      try json.refuseKeys(besides: ["type", "pattern", "behavior", "invert"])
      steps.append(
        .split(
          try TextPattern(json.required("pattern")), try SplitBehaviour(json.required("behavior")),
          isInverted: try json.bool("invert", default: false)))
    case "Digits":
      try json.refuseKeys(besides: ["type", "individual_digits"])
      steps.append(.digits(areIndividual: try json.bool("individual_digits", default: false)))
    case "Metaspace": steps.append(.metaspace(try Metaspace(json)))
    case "Whitespace":
      try json.refuseKeys(besides: ["type"])
      steps.append(.words)
    case "WhitespaceSplit":
      try json.refuseKeys(besides: ["type"])
      steps.append(.whitespace)
    default:
      throw json.unsupported(
        "the pre-tokenizer \(type)",
        offered: "ByteLevel, Split, Digits, Metaspace, Whitespace, WhitespaceSplit or Sequence")
    }
  }

  /// A text and the pieces of it that are words.
  struct Words {
    var bytes: [UInt8]
    var ranges: [Range<Int>]

    init(_ bytes: [UInt8]) {
      self.bytes = bytes
      ranges = bytes.isEmpty ? [] : [0..<bytes.count]
    }
  }

  /// Cuts a text.
  /// - Parameter isStart: whether the text begins where the whole input does.
  func split(_ text: [UInt8], isStart: Bool) -> Words {
    var words = Words(text)
    for step in steps {
      switch step {
      case .byteLevel(let addsSpace, let splits):
        if addsSpace { words.prepend([UInt8(ascii: " ")]) { _, word in word.first != UInt8(ascii: " ") } }
        if splits { words.cut { SplitPattern.gpt2.split($0, $1, into: &$2) } }
      case .split(.words(let pattern), .isolated, false), .split(.words(let pattern), .removed, true):
        // The expressions cover every text, so these are the same.
        words.cut { pattern.split($0, $1, into: &$2) }
      case .split(let pattern, let behaviour, let isInverted):
        words.cut { bytes, range, pieces in
          let parts = pattern.parts(of: bytes, in: range).map { ($0.range, $0.isMatch != isInverted) }
          behaviour.arrange(parts, into: &pieces)
        }
      case .digits(let areIndividual):
        words.cut(areIndividual ? .isolated : .contiguous) { $0.isNumeric }
      case .metaspace(let metaspace): metaspace.split(&words, isStart: isStart)
      case .words: words.cutIntoWords()
      case .whitespace: words.cut(.removed) { $0.properties.isWhitespace }
      }
    }
    return words
  }
}

extension PreTokenizer.Words {
  /// Replaces every piece by those that `body` appends for it.
  mutating func cut(_ body: (UnsafeBufferPointer<UInt8>, Range<Int>, inout [Range<Int>]) -> Void) {
    var pieces: [Range<Int>] = []
    bytes.withUnsafeBufferPointer { bytes in
      for range in ranges { body(bytes, range, &pieces) }
    }
    ranges = pieces
  }

  /// Splits at single characters.
  mutating func cut(_ behaviour: SplitBehaviour, at isMatch: (Unicode.Scalar) -> Bool) {
    cut { bytes, range, pieces in
      var parts: [(range: Range<Int>, isMatch: Bool)] = []
      var position = range.lowerBound
      while position < range.upperBound {
        let (scalar, next) = UTF8Text.scalar(bytes, at: position)
        if isMatch(scalar) {
          parts.append((position..<next, true))
        } else if let last = parts.last, !last.isMatch {
          parts[parts.count - 1].range = last.range.lowerBound..<next
        } else {
          parts.append((position..<next, false))
        }
        position = next
      }
      behaviour.arrange(parts, into: &pieces)
    }
  }

  /// `\w+|[^\w\s]+`: runs of word characters and runs of what is neither a word character nor a space.
  fileprivate mutating func cutIntoWords() {
    cut { bytes, range, pieces in
      var (position, start, kind) = (range.lowerBound, range.lowerBound, 0)
      func close() { if kind != 0 { pieces.append(start..<position) } }
      while position < range.upperBound {
        let (scalar, next) = UTF8Text.scalar(bytes, at: position)
        let found = scalar.isWord ? 1 : scalar.properties.isWhitespace ? 0 : 2
        if found != kind {
          close()
          (start, kind) = (position, found)
        }
        position = next
      }
      close()
    }
  }

  /// Puts a prefix before the pieces that want one.
  mutating func prepend(_ prefix: [UInt8], where wants: (_ range: Range<Int>, ArraySlice<UInt8>) -> Bool) {
    var (text, pieces): ([UInt8], [Range<Int>]) = ([], [])
    text.reserveCapacity(bytes.count + prefix.count * ranges.count)
    for range in ranges {
      let start = text.count
      if wants(range, bytes[range]) { text.append(contentsOf: prefix) }
      text.append(contentsOf: bytes[range])
      pieces.append(start..<text.count)
    }
    (bytes, ranges) = (text, pieces)
  }
}
