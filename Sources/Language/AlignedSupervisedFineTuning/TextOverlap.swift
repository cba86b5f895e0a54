import Foundation

/// How much of reference texts hypotheses repeat: corpus BLEU (Papineni et al. 2002) and ROUGE-L (Lin 2004).
public struct TextOverlap: Sendable, Hashable {
  /// How texts become words.
  public enum Words: String, Sendable, Hashable, CaseIterable {
    /// What stands between white space.
    case spaces
    /// The same in lower case, punctuation marks words by themselves.
    case lowercased
  }

  /// The longest n-grams of BLEU.
  public static let order = 4

  /// Clipped matches and n-grams of the hypotheses, for n = 1 to 4.
  public private(set) var matches = [Int](repeating: 0, count: order)
  public private(set) var totals = [Int](repeating: 0, count: order)
  public private(set) var hypothesisWords = 0
  public private(set) var referenceWords = 0
  /// ROUGE-L of every pair: F₁ of the longest common subsequence.
  public private(set) var rougeL: [Double] = []

  /// - Parameters:
  ///   - hypotheses: words.
  ///   - references: one a hypothesis.
  public init(hypotheses: [[String]], references: [[String]]) {
    precondition(hypotheses.count == references.count, "TextOverlap: a reference a hypothesis")
    for (hypothesis, reference) in zip(hypotheses, references) { add(hypothesis, reference) }
  }

  public static func words(_ text: String, _ kind: Words) -> [String] {
    switch kind {
    case .spaces: return text.split(whereSeparator: \.isWhitespace).map(String.init)
    case .lowercased:
      var words: [String] = []
      var word = ""
      for character in text.lowercased() {
        if character.isLetter || character.isNumber || character == "'" {
          word.append(character)
          continue
        }
        if !word.isEmpty { words.append(word) }
        word = ""
        if !character.isWhitespace { words.append(String(character)) }
      }
      return word.isEmpty ? words : words + [word]
    }
  }

  private mutating func add(_ hypothesis: [String], _ reference: [String]) {
    hypothesisWords += hypothesis.count
    referenceWords += reference.count
    for n in 1...Self.order {
      let (own, known) = (Self.counts(hypothesis, n), Self.counts(reference, n))
      matches[n - 1] += own.reduce(0) { $0 + min($1.value, known[$1.key] ?? 0) }
      totals[n - 1] += max(0, hypothesis.count - n + 1)
    }
    let common = Double(longestCommonSubsequence(hypothesis, reference))
    rougeL.append(
      hypothesis.isEmpty || reference.isEmpty ? 0 : 2 * common / Double(hypothesis.count + reference.count))
  }

  private static func counts(_ words: [String], _ n: Int) -> [ArraySlice<String>: Int] {
    guard words.count >= n else { return [:] }
    var counts: [ArraySlice<String>: Int] = [:]
    for start in 0...words.count - n { counts[words[start..<start + n], default: 0] += 1 }
    return counts
  }

  /// The geometric mean of the clipped precisions, times e^{1 − r/c} where the hypotheses are shorter than the references.
  ///
  /// - Parameter smooths: adds one to matches and totals of n > 1, so that few texts without a common 4-gram do not have 0.
  public func bleu(smooths: Bool = false) -> Double {
    var logs = 0.0
    for n in 0..<Self.order {
      let extra = smooths && n > 0 ? 1 : 0
      guard matches[n] + extra > 0, totals[n] + extra > 0 else { return 0 }
      logs += log(Double(matches[n] + extra) / Double(totals[n] + extra))
    }
    let (c, r) = (Double(hypothesisWords), Double(referenceWords))
    return exp(logs / Double(Self.order)) * (c > r ? 1 : exp(1 - r / c))
  }

  /// Mean of the pairs' ROUGE-L.
  public var meanRougeL: Double { rougeL.reduce(0, +) / Double(rougeL.count) }
}

/// The length of the longest sequence that both have with gaps.
///
/// - Complexity: O(n ⌈m/64⌉): 64 columns of the table at a time, as bits (Hyyrö 2004).
public func longestCommonSubsequence<Element: Hashable>(_ a: [Element], _ b: [Element]) -> Int {
  guard !a.isEmpty, !b.isEmpty else { return 0 }
  let words = (b.count + 63) / 64
  var places: [Element: [UInt64]] = [:]
  for (i, element) in b.enumerated() {
    places[element, default: Array(repeating: 0, count: words)][i / 64] |= 1 << UInt64(i % 64)
  }
  // A bit is 0 where the row of the table rises.
  var row = [UInt64](repeating: .max, count: words)
  for element in a {
    guard let mask = places[element] else { continue }
    var carry: UInt64 = 0
    for w in 0..<words {
      let hits = row[w] & mask[w]
      let (first, overflow) = row[w].addingReportingOverflow(hits)
      let (sum, more) = first.addingReportingOverflow(carry)
      carry = overflow || more ? 1 : 0
      row[w] = sum | (row[w] & ~mask[w])
    }
  }
  return row.enumerated().reduce(0) { count, word in
    let used = word.offset == words - 1 && b.count % 64 != 0 ? (UInt64(1) << UInt64(b.count % 64)) - 1 : .max
    return count + (~word.element & used).nonzeroBitCount
  }
}
