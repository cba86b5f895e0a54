/// Byte-pair encoding of a word: its characters, or bytes, as tokens; then the merge of lowest rank, the leftmost
/// first, until none applies (Sennrich et al., 2016).
struct BytePairEncoding: Sendable {
  /// What a token of its own is made of before any merge.
  enum Unit: Sendable {
    /// Bytes, which the file writes in the byte-level alphabet.
    case bytes
    /// Unicode scalars.
    case scalars
  }

  let unit: Unit
  private let pairs: PairTable
  /// The tokens of bytes, or of the scalars below 256; -1 where there is none.
  private let low: [Int32]
  /// The tokens of the scalars from 256 on.
  private let high: [Unicode.Scalar: Int32]
  /// The tokens `<0x00>` to `<0xFF>`, -1 where there is none; empty without byte fallback.
  private let byteTokens: [Int32]
  private let unknown: Int32?
  private let fusesUnknown: Bool
  /// Words that are a token as they stand, whatever the merges say (`ignore_merges`).
  private let wholeWords: ByteStringTable?
  private let hasEveryUnit: Bool

  struct Options: Sendable {
    var unknownToken: Int32?
    var fusesUnknown = false
    var byteFallback = false
    var ignoresMerges = false
  }

  struct Merge: Sendable {
    let left: Int32
    let right: Int32
    let merged: Int32
  }

  init(unit: Unit, vocabulary: Vocabulary, merges: [Merge], options: Options) {
    self.unit = unit
    var pairs = PairTable(minimumCapacity: merges.count)
    for (rank, merge) in merges.enumerated() {
      pairs.insert(merge.left, merge.right, rank: rank, merged: merge.merged)
    }
    self.pairs = pairs

    var low = Array(repeating: Int32(-1), count: 256)
    var high: [Unicode.Scalar: Int32] = [:]
    var wholeWords = options.ignoresMerges ? ByteStringTable(minimumCapacity: vocabulary.count) : nil
    for (id, text) in vocabulary {
      let scalars = text.unicodeScalars
      switch unit {
      case .bytes:
        guard let bytes = ByteLevelAlphabet.bytes(of: text) else { continue }
        if bytes.count == 1 { low[Int(bytes[0])] = id }
        wholeWords?.insert(bytes, id)
      case .scalars:
        if let only = scalars.first, scalars.index(after: scalars.startIndex) == scalars.endIndex {
          if only.value < 256 { low[Int(only.value)] = id } else { high[only] = id }
        }
        wholeWords?.insert(text.utf8, id)
      }
    }
    (self.low, self.high, self.wholeWords) = (low, high, wholeWords)
    byteTokens = options.byteFallback ? vocabulary.byteTokens : []
    (unknown, fusesUnknown) = (options.unknownToken, options.fusesUnknown)
    hasEveryUnit = unit == .bytes && !low.contains(-1)
  }

  /// Room that words share.
  struct Workspace {
    fileprivate var tokens: [Int32] = []
    fileprivate var pairs: [UInt64] = []
  }

  /// Appends the tokens of a word.
  func encode(_ word: UnsafeBufferPointer<UInt8>, into result: inout [Int], _ space: inout Workspace) {
    if let wholeWords, let id = wholeWords.value(of: word) {
      result.append(Int(id))
      return
    }
    space.tokens.removeAll(keepingCapacity: true)
    if hasEveryUnit {
      for byte in word { space.tokens.append(low[Int(byte)]) }
    } else {
      appendUnits(of: word, to: &space.tokens)
    }
    if pairs.count == 0 {
      for token in space.tokens { result.append(Int(token)) }
      return
    }
    // Where the scan over all pairs for every merge begins to cost more than a heap.
    if space.tokens.count <= 64 {
      mergeShort(&space)
      for token in space.tokens { result.append(Int(token)) }
    } else {
      mergeLong(space.tokens, into: &result)
    }
  }

  /// The tokens of the word's units before any merge.
  private func appendUnits(of word: UnsafeBufferPointer<UInt8>, to tokens: inout [Int32]) {
    var pending: Int32?
    func add(_ id: Int32?, _ bytes: some Sequence<UInt8>) {
      if let id {
        if let unknown = pending { tokens.append(unknown) }
        pending = nil
        tokens.append(id)
        return
      }
      if !byteTokens.isEmpty {
        let fallback = bytes.map { byteTokens[Int($0)] }
        if !fallback.contains(-1) {
          // A pending unknown token stays behind these, an order that Hugging Face's encoder has and its models saw.
          tokens.append(contentsOf: fallback)
          return
        }
      }
      guard let unknown else { return }
      if let previous = pending, !fusesUnknown { tokens.append(previous) }
      pending = unknown
    }
    switch unit {
    case .bytes:
      for byte in word {
        let id = low[Int(byte)]
        add(id < 0 ? nil : id, UTF8.encode(ByteLevelAlphabet.scalars[Int(byte)])!)
      }
    case .scalars:
      var position = 0
      while position < word.count {
        let (scalar, next) = UTF8Text.scalar(word, at: position)
        let id = scalar.value < 256 ? low[Int(scalar.value)] : high[scalar] ?? -1
        add(id < 0 ? nil : id, word[position..<next])
        position = next
      }
    }
    if let pending { tokens.append(pending) }
  }

  /// Merges by looking over all pairs for the lowest rank, quadratic in the number of units.
  private func mergeShort(_ space: inout Workspace) {
    var count = space.tokens.count
    guard count > 1 else { return }
    space.pairs.removeAll(keepingCapacity: true)
    pairs.withLookup { lookup in
      for i in 0..<count - 1 { space.pairs.append(lookup(space.tokens[i], space.tokens[i + 1])) }
      space.tokens.withUnsafeMutableBufferPointer { tokens in
        space.pairs.withUnsafeMutableBufferPointer { pairs in
          while true {
            // Ranks are the high halves, so equal ranks give equal values and the first stays the leftmost.
            var (best, at) = (UInt64.max, 0)
            for i in 0..<count - 1 where pairs[i] < best { (best, at) = (pairs[i], i) }
            guard best != .max else { return }
            tokens[at] = Int32(truncatingIfNeeded: best)
            count -= 1
            for i in at + 1..<max(count, at + 1) { tokens[i] = tokens[i + 1] }
            for i in at..<max(count - 1, at) { pairs[i] = pairs[i + 1] }
            if at > 0 { pairs[at - 1] = lookup(tokens[at - 1], tokens[at]) }
            if at + 1 < count { pairs[at] = lookup(tokens[at], tokens[at + 1]) }
          }
        }
      }
    }
    space.tokens.removeLast(space.tokens.count - count)
  }

  /// Merges by a heap of pairs over a linked list, n log n in the number of units.
  private func mergeLong(_ units: [Int32], into result: inout [Int]) {
    let count = units.count
    var tokens = units
    var next = (0..<count).map { Int32($0 + 1) }
    var previous = (0..<count).map { Int32($0 - 1) }
    // What the token at a place and the next one become: a queued pair that differs has been overtaken.
    var current = Array(repeating: UInt64.max, count: count)
    pairs.withLookup { lookup in
      var queue: [Candidate] = []
      for i in 0..<count - 1 {
        current[i] = lookup(tokens[i], tokens[i + 1])
        if current[i] != .max { queue.append(Candidate(pair: current[i], position: Int32(i))) }
      }
      var heap = MinimumHeap(queue)
      while let top = heap.popFirst() {
        let i = Int(top.position)
        guard current[i] == top.pair else { continue }
        let j = Int(next[i])
        tokens[i] = Int32(truncatingIfNeeded: top.pair)
        (tokens[j], current[j]) = (-1, .max)
        let after = Int(next[j])
        next[i] = Int32(after)
        current[i] = .max
        if after < count {
          previous[after] = Int32(i)
          current[i] = lookup(tokens[i], tokens[after])
          if current[i] != .max { heap.insert(Candidate(pair: current[i], position: Int32(i))) }
        }
        let before = Int(previous[i])
        if before >= 0 {
          current[before] = lookup(tokens[before], tokens[i])
          if current[before] != .max {
            heap.insert(Candidate(pair: current[before], position: Int32(before)))
          }
        }
      }
    }
    for token in tokens where token >= 0 { result.append(Int(token)) }
  }

  /// A pair to merge: the lowest rank first, then the leftmost.
  private struct Candidate: Comparable {
    let pair: UInt64
    let position: Int32

    static func < (a: Candidate, b: Candidate) -> Bool {
      a.pair != b.pair ? a.pair < b.pair : a.position < b.position
    }
  }
}
