/// Learns merges from words: always the pair of neighbours that comes most often (Sennrich et al., 2016), of equally
/// frequent pairs the one with the smallest ids, as in Hugging Face's trainer.
struct BytePairTraining {
  private var words: [[Int32]]
  private let counts: [Int]
  private var pairs: [UInt64: Pair] = [:]
  private var queue = MinimumHeap<Candidate>([])

  private struct Pair {
    var count = 0
    /// Words that hold the pair, or did; some twice.
    var words: [Int32] = []
  }

  /// A pair as it stood when it was queued; its count may have fallen since.
  private struct Candidate: Comparable {
    let key: UInt64
    let count: Int

    static func < (a: Candidate, b: Candidate) -> Bool {
      a.count != b.count ? a.count > b.count : a.key < b.key
    }
  }

  /// - Parameters:
  ///   - words: distinct words as ids of their units.
  ///   - counts: how often each comes.
  init(words: [[Int32]], counts: [Int]) {
    (self.words, self.counts) = (words, counts)
    for i in words.indices { count(i, sign: 1) }
    queue = MinimumHeap(pairs.map { Candidate(key: $0.key, count: $0.value.count) })
  }

  /// The most frequent pair with how often it comes; nil where no pair is left.
  mutating func mostFrequent() -> (left: Int32, right: Int32, count: Int)? {
    while let top = queue.popFirst() {
      let count = pairs[top.key]?.count ?? 0
      guard count > 0 else { continue }
      if count == top.count {
        return (Int32(truncatingIfNeeded: top.key >> 32), Int32(truncatingIfNeeded: top.key), count)
      }
      queue.insert(Candidate(key: top.key, count: count))
    }
    return nil
  }

  /// Merges a pair in every word.
  mutating func merge(_ left: Int32, _ right: Int32, into token: Int32) {
    guard let pair = pairs[Self.key(left, right)] else { return }
    var changed: Set<UInt64> = []
    var previous: Int32 = -1
    for word in pair.words where word != previous {
      previous = word
      let i = Int(word)
      guard Self.holds(words[i], left, right) else { continue }
      count(i, sign: -1)
      words[i] = Self.merged(words[i], left, right, into: token)
      count(i, sign: 1)
      for (a, b) in zip(words[i], words[i].dropFirst()) where a == token || b == token {
        changed.insert(Self.key(a, b))
      }
    }
    pairs[Self.key(left, right)] = nil
    // Counts of other pairs only fall, which the queue finds out when it comes to them.
    for key in changed {
      if let pair = pairs[key], pair.count > 0 { queue.insert(Candidate(key: key, count: pair.count)) }
    }
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  private mutating func count(_ i: Int, sign: Int) {
    let word = words[i]
    for (a, b) in zip(word, word.dropFirst()) {
      let key = Self.key(a, b)
      pairs[key, default: Pair()].count += sign * counts[i]
      if sign > 0, pairs[key]!.words.last != Int32(i) { pairs[key]!.words.append(Int32(i)) }
    }
  }

  private static func holds(_ word: [Int32], _ left: Int32, _ right: Int32) -> Bool {
    zip(word, word.dropFirst()).contains { $0 == left && $1 == right }
  }

  private static func merged(_ word: [Int32], _ left: Int32, _ right: Int32, into token: Int32) -> [Int32] {
    var result: [Int32] = []
    result.reserveCapacity(word.count)
    var i = 0
    while i < word.count {
      if i + 1 < word.count, word[i] == left, word[i + 1] == right {
        result.append(token)
        i += 2
      } else {
        result.append(word[i])
        i += 1
      }
    }
    return result
  }
}
