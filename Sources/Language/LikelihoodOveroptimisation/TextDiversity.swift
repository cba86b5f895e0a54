import Foundation

/// How many different n-grams texts have, against how many so many drawn evenly from a vocabulary would have
/// (expectation-adjusted distinct n-grams, Liu et al. 2022).
public struct TextDiversity: Sendable, Hashable {
  /// What n-grams are drawn from in that comparison.
  public enum Base: String, Sendable, Hashable, CaseIterable {
    /// The V tokens, whatever n is: as published.
    case vocabulary
    /// All V^n n-grams: for small vocabularies.
    case power
  }

  /// Different n-grams, n-grams, and their ratio after the adjustment, for n = 1, 2, …
  public let distinct: [Int]
  public let total: [Int]
  public let adjusted: [Double]

  /// Mean of the adjusted ratios; may exceed 1.
  public var mean: Double { adjusted.reduce(0, +) / Double(adjusted.count) }

  /// - Parameters:
  ///   - texts: tokens, not negative; n-grams do not reach over their ends.
  ///   - vocabularySize: V.
  ///   - longest: the largest n.
  /// - Complexity: one look into a table of numbers an n-gram.
  public init(_ texts: [[Int]], vocabularySize: Int, longest: Int = 5, base: Base = .vocabulary) {
    precondition(longest >= 1 && vocabularySize >= 1, "TextDiversity: n to \(longest) of \(vocabularySize)")
    var (distinct, total, adjusted) = ([Int](), [Int](), [Double]())
    // Which (n − 1)-gram begins at every place: with the token behind it, it is the n-gram, as one number.
    var beginning = texts.map { [UInt32](repeating: 0, count: $0.count) }
    for n in 1...longest {
      var seen: [UInt64: UInt32] = [:]
      var count = 0
      for (place, text) in texts.enumerated() where text.count >= n {
        for start in 0...text.count - n {
          let key = UInt64(beginning[place][start]) << 32 | UInt64(UInt32(text[start + n - 1]))
          let number = seen[key] ?? UInt32(seen.count)
          seen[key] = number
          beginning[place][start] = number
        }
        count += text.count - n + 1
      }
      let size = base == .power ? pow(Double(vocabularySize), Double(n)) : Double(vocabularySize)
      // V(1 − (1 − 1/V)^C).
      let expected = -size * expm1(Double(count) * log1p(-1 / size))
      distinct.append(seen.count)
      total.append(count)
      adjusted.append(count == 0 ? 0 : Double(seen.count) / expected)
    }
    (self.distinct, self.total, self.adjusted) = (distinct, total, adjusted)
  }
}
