/// The unigram language model of SentencePiece (Kudo, 2018): of all ways to cut a text into pieces, the one with the
/// largest sum of log-probabilities, found by dynamic programming.
struct Unigram: Sendable {
  private let trie: ByteTrie
  private let scores: [Double]
  private let vocabulary: Vocabulary
  private let unknown: Int32
  private let unknownScore: Double
  /// The tokens `<0x00>` to `<0xFF>`; empty without byte fallback.
  private let byteTokens: [Int32]

  /// - Parameter scores: log-probabilities by id; at least one.
  init(vocabulary: Vocabulary, scores: [Double], unknown: Int, byteFallback: Bool) {
    self.vocabulary = vocabulary
    self.scores = scores
    self.unknown = Int32(unknown)
    // A character outside the vocabulary costs more than any piece (SentencePiece's penalty of 10).
    unknownScore = scores.min()! - 10
    trie = ByteTrie(vocabulary.map { (Array($0.text.utf8), $0.id) }.filter { !$0.0.isEmpty })
    byteTokens = byteFallback ? vocabulary.byteTokens : []
  }

  private struct Node {
    var score = 0.0
    var start: Int32 = -1
    var id: Int32 = 0
  }

  /// Appends the tokens of a piece of text.
  func encode(_ text: UnsafeBufferPointer<UInt8>, into result: inout [Int]) {
    let ends = bestPath(text)
    var pieces: [(id: Int32, range: Range<Int>)] = []
    var end = text.count
    while end > 0 {
      let node = ends[end]
      let range = Int(node.start)..<end
      // Neighbouring unknown characters are one piece.
      if node.id == unknown, let last = pieces.last, last.id == unknown {
        pieces[pieces.count - 1].range = range.lowerBound..<last.range.upperBound
      } else {
        pieces.append((node.id, range))
      }
      end = range.lowerBound
    }
    for (id, range) in pieces.reversed() {
      if id == unknown { appendUnknown(text, range, &result) } else { result.append(Int(id)) }
    }
  }

  private func bestPath(_ text: UnsafeBufferPointer<UInt8>) -> [Node] {
    var ends = Array(repeating: Node(), count: text.count + 1)
    ends.withUnsafeMutableBufferPointer { ends in
      var start = 0
      while start < text.count {
        let scoreHere = ends[start].score
        let next = UTF8Text.scalar(text, at: start).next
        var hasCharacter = false
        func offer(_ end: Int, _ id: Int32, _ score: Double) {
          let total = score + scoreHere
          if ends[end].start < 0 || total > ends[end].score {
            ends[end] = Node(score: total, start: Int32(start), id: id)
          }
        }
        trie.prefixes(of: text, at: start) { length, id in
          offer(start + length, id, scores[Int(id)])
          if start + length == next { hasCharacter = true }
        }
        if !hasCharacter { offer(next, unknown, unknownScore) }
        start = next
      }
    }
    return ends
  }

  private func appendUnknown(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ result: inout [Int]
  ) {
    // Characters that were unknown one by one may be a piece together.
    let bytes = UnsafeBufferPointer(rebasing: text[range])
    if let id = vocabulary.id(of: bytes) {
      result.append(Int(id))
      return
    }
    let fallback = byteTokens.isEmpty ? [-1] : bytes.map { byteTokens[Int($0)] }
    if fallback.contains(-1) {
      result.append(Int(unknown))
    } else {
      result.append(contentsOf: fallback.map(Int.init))
    }
  }
}
