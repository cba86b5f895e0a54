/// What a `Split` or `Replace` looks for: a fixed text or one of the expressions of the known model families.
enum TextPattern: Sendable {
  case literal([UInt8])
  case words(SplitPattern)
  /// ` {2,}`: runs of at least two spaces.
  case spaces

  /// - Parameter json: the `pattern` member: `{"String": …}` or `{"Regex": …}`.
  init(_ json: JSONNode) throws(LanguageError) {
    try json.refuseKeys(besides: ["String", "Regex"])
    if let text = try json.optional("String") {
      let bytes = Array(try text.string().utf8)
      guard !bytes.isEmpty else {
        throw text.error(.badValue, "an empty text", expected: "a text to look for")
      }
      self = .literal(bytes)
      return
    }
    let expression = try json.required("Regex")
    let source = try expression.string()
    if let pattern = SplitPattern(regularExpression: source) {
      self = .words(pattern)
    } else if source == " {2,}" {
      self = .spaces
    } else {
      throw expression.unsupported(
        "the regular expression \(source)", offered: "that of GPT-2, Llama 3 or Qwen 2, or \" {2,}\"")
    }
  }

  /// The parts of a range in order, each with whether it is a match.
  func parts(of bytes: UnsafeBufferPointer<UInt8>, in range: Range<Int>) -> [(
    range: Range<Int>, isMatch: Bool
  )] {
    switch self {
    case .words(let pattern):
      var pieces: [Range<Int>] = []
      pattern.split(bytes, range, into: &pieces)
      return pieces.map { ($0, true) }
    case .literal(let text):
      return Self.parts(in: range) { position in
        guard position + text.count <= range.upperBound else { return nil }
        for i in 0..<text.count where bytes[position + i] != text[i] { return nil }
        return position + text.count
      }
    case .spaces:
      return Self.parts(in: range) { position in
        var end = position
        while end < range.upperBound, bytes[end] == UInt8(ascii: " ") { end += 1 }
        return end - position >= 2 ? end : nil
      }
    }
  }

  /// Parts by a function that gives the end of a match that starts at a position.
  private static func parts(
    in range: Range<Int>, match: (Int) -> Int?
  ) -> [(range: Range<Int>, isMatch: Bool)] {
    var result: [(range: Range<Int>, isMatch: Bool)] = []
    var (start, position) = (range.lowerBound, range.lowerBound)
    while position < range.upperBound {
      guard let end = match(position) else {
        position += 1
        continue
      }
      if start < position { result.append((start..<position, false)) }
      result.append((position..<end, true))
      (start, position) = (end, end)
    }
    if start < range.upperBound { result.append((start..<range.upperBound, false)) }
    return result
  }

  /// The bytes with every match replaced.
  func replacing(_ bytes: [UInt8], with content: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    bytes.withUnsafeBufferPointer { bytes in
      for (range, isMatch) in parts(of: bytes, in: 0..<bytes.count) {
        if isMatch { result.append(contentsOf: content) } else { result.append(contentsOf: bytes[range]) }
      }
    }
    return result
  }
}

/// What becomes of the matches when a text is split at them.
enum SplitBehaviour: String, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  init(_ json: JSONNode) throws(LanguageError) {
    let name = try json.string()
    guard let behaviour = SplitBehaviour(rawValue: name) else {
      throw json.unsupported(
        "the behaviour \(name)",
        offered: "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous")
    }
    self = behaviour
  }

  /// Appends the pieces that are left of the parts.
  func arrange(_ parts: [(range: Range<Int>, isMatch: Bool)], into pieces: inout [Range<Int>]) {
    switch self {
    case .removed: for part in parts where !part.isMatch { pieces.append(part.range) }
    case .isolated: for part in parts { pieces.append(part.range) }
    case .mergedWithPrevious:
      // Only the first of neighbouring matches joins the piece before it.
      for (i, (range, isMatch)) in parts.enumerated() {
        if isMatch, i > 0, !parts[i - 1].isMatch {
          pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<range.upperBound
        } else {
          pieces.append(range)
        }
      }
    case .mergedWithNext:
      // The last of neighbouring matches joins the piece after it.
      for (i, (range, isMatch)) in parts.enumerated() {
        if !isMatch, i > 0, parts[i - 1].isMatch {
          pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<range.upperBound
        } else {
          pieces.append(range)
        }
      }
    case .contiguous:
      let start = pieces.count
      var previous = false
      for (range, isMatch) in parts {
        if isMatch == previous, pieces.count > start {
          pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<range.upperBound
        } else {
          pieces.append(range)
        }
        previous = isMatch
      }
    }
  }
}
