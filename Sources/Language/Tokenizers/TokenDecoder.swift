/// How the texts of tokens become text again.
struct TokenDecoder: Sendable {
  private enum Step: Sendable {
    case byteLevel
    case metaspace(Metaspace)
    case byteFallback
    case fuse
    case strip(Unicode.Scalar, start: Int, stop: Int)
    case replace(TextPattern, with: [UInt8])

    var isByteFallback: Bool { if case .byteFallback = self { true } else { false } }
  }

  private var steps: [Step] = []

  init(_ json: JSONNode) throws(LanguageError) { try add(json) }

  private mutating func add(_ json: JSONNode) throws(LanguageError) {
    let type = try json.type()
    switch type {
    case "Sequence":
      try json.refuseKeys(besides: ["type", "decoders"])
      for part in try json.required("decoders").elements() { try add(part) }
    case "ByteLevel":
      try json.refuseKeys(besides: ["type", "add_prefix_space", "trim_offsets", "use_regex"])
      guard steps.isEmpty else {
        throw json.unsupported("ByteLevel after another decoder", offered: "ByteLevel as the first step")
      }
      steps.append(.byteLevel)
    case "Metaspace": steps.append(.metaspace(try Metaspace(json)))
    case "ByteFallback":
      try json.refuseKeys(besides: ["type"])
      steps.append(.byteFallback)
    case "Fuse":
      try json.refuseKeys(besides: ["type"])
      steps.append(.fuse)
    case "Strip":
      try json.refuseKeys(besides: ["type", "content", "start", "stop"])
      let content = try json.required("content")
      let text = try content.string()
      guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
        throw content.error(.badValue, "\"\(text)\"", expected: "one character")
      }
      let counts = (try json.required("start"), try json.required("stop"))
      for count in [counts.0, counts.1] where try count.integer() < 0 {
        throw count.error(.badValue, "\(try count.integer())", expected: "a number from 0")
      }
      steps.append(.strip(scalar, start: try counts.0.integer(), stop: try counts.1.integer()))
    case "Replace":
      try json.refuseKeys(besides: ["type", "pattern", "content"])
      steps.append(
        .replace(
          try TextPattern(json.required("pattern")), with: Array(try json.required("content").string().utf8)))
    default:
      throw json.unsupported(
        "the decoder \(type)",
        offered: "ByteLevel, Metaspace, ByteFallback, Fuse, Strip, Replace or Sequence")
    }
  }

  /// What is left to do to the bytes of the tokens in a row, where they are no less than the text.
  enum Shortcut {
    /// Nothing.
    case join
    /// The first token loses its marks.
    case first(Metaspace)
    /// Nothing if they are UTF-8, then the stripping; else bytes have to be replaced one by one.
    case strip(TokenDecoder)
  }

  var shortcut: Shortcut? {
    if case .metaspace(let metaspace)? = steps.first, steps.count == 1 { return .first(metaspace) }
    var isFused = false
    var rest = self
    rest.steps = []
    for (i, step) in steps.enumerated() {
      switch step {
      case .byteLevel: if steps.count == 1 { return .join } else { return nil }
      case .replace, .byteFallback:
        // What fallback bytes make together is not replaced here, so nothing may follow them.
        if isFused || i > 0 && steps[i - 1].isByteFallback { return nil }
      case .fuse: isFused = true
      case .strip: if isFused { rest.steps.append(step) } else { return nil }
      case .metaspace: return nil
      }
    }
    return .strip(rest)
  }

  /// What a token stands for inside a text.
  /// - Parameter isAdded: whether the model does not know the token: it then stands for its own text, whatever
  ///   alphabet the model's tokens are written in.
  func bytes(of text: String, isAdded: Bool) -> [UInt8] {
    steps.reduce(Array(text.utf8)) { piece, step in
      switch step {
      case .byteLevel: isAdded ? piece : ByteLevelAlphabet.bytes(of: text) ?? piece
      case .metaspace(let metaspace): metaspace.decode(piece, isFirst: false)
      case .byteFallback: Self.fallbackByte(piece).map { [$0] } ?? piece
      case .replace(let pattern, let content): pattern.replacing(piece, with: content)
      case .fuse, .strip: piece
      }
    }
  }

  /// The text of a row of tokens, given as their texts, or, where the decoder is byte-level, as their bytes.
  func decode(_ pieces: [[UInt8]]) -> String {
    let decoded = steps.reduce(pieces) { pieces, step in
      switch step {
      // Bytes of several tokens make a character, and what makes none must not reach the steps that follow.
      case .byteLevel: [Array(String(decoding: pieces.joined(), as: UTF8.self).utf8)]
      case .metaspace(let metaspace):
        pieces.enumerated().map { metaspace.decode($1, isFirst: $0 == 0) }
      case .byteFallback: Self.joiningFallbackBytes(pieces)
      case .fuse: [Array(pieces.joined())]
      case .strip(let scalar, let start, let stop):
        pieces.map { Self.stripped($0, of: scalar, start: start, stop: stop) }
      case .replace(let pattern, let content): pieces.map { pattern.replacing($0, with: content) }
      }
    }
    return String(decoding: decoded.joined(), as: UTF8.self)
  }

  var isByteLevel: Bool { if case .byteLevel = steps.first { true } else { false } }

  /// The byte that `<0x41>` stands for.
  private static func fallbackByte(_ piece: [UInt8]) -> UInt8? {
    guard piece.count == 6, piece.starts(with: "<0x".utf8), piece[5] == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: piece[3..<5], as: UTF8.self), radix: 16)
  }

  /// Runs of byte tokens as their text; a run that is no UTF-8 as a replacement character for every byte.
  private static func joiningFallbackBytes(_ pieces: [[UInt8]]) -> [[UInt8]] {
    var (result, run): ([[UInt8]], [UInt8]) = ([], [])
    func close() {
      if run.isEmpty { return }
      if String(validating: run, as: UTF8.self) != nil {
        result.append(run)
      } else {
        result.append(contentsOf: run.map { _ in Array("\u{fffd}".utf8) })
      }
      run = []
    }
    for piece in pieces {
      if let byte = fallbackByte(piece) {
        run.append(byte)
      } else {
        close()
        result.append(piece)
      }
    }
    close()
    return result
  }

  private static func stripped(_ piece: [UInt8], of content: Unicode.Scalar, start: Int, stop: Int) -> [UInt8]
  {
    let encoded = Array(String(content).utf8)
    var slice = piece[...]
    for _ in 0..<start {
      guard slice.starts(with: encoded) else { break }
      slice = slice.dropFirst(encoded.count)
    }
    for _ in 0..<stop {
      guard slice.suffix(encoded.count).elementsEqual(encoded), slice.count >= encoded.count else { break }
      slice = slice.dropLast(encoded.count)
    }
    return Array(slice)
  }
}
