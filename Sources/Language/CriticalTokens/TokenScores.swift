import Files
import Foundation
import Report

/// Scores of the tokens of pairs, by line: what weighs tokens in training.
public struct TokenScores: Sendable {
  public struct Row: Sendable, Hashable {
    public var line: Int
    public var chosen: [Int]
    public var rejected: [Int]
    public var chosenScores: [Double]
    public var rejectedScores: [Double]
  }

  public var rows: [Row]

  /// - Parameter scores: of the preferred response and of the other, for every pair.
  public init(_ pairs: [PreferencePair], scores: [(chosen: [Double], rejected: [Double])]) {
    precondition(pairs.count == scores.count, "TokenScores: scores a pair")
    rows = zip(pairs, scores).map { pair, scores in
      Row(
        line: pair.line, chosen: pair.chosen, rejected: pair.rejected, chosenScores: scores.chosen,
        rejectedScores: scores.rejected)
    }
  }

  /// An object a line.
  public var objects: [JSONValue] {
    func tokens(_ tokens: [Int]) -> JSONValue { .array(tokens.map { .integer($0) }) }
    func numbers(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
    return rows.map { row in
      [
        "line": .integer(row.line), "chosen_tokens": tokens(row.chosen),
        "rejected_tokens": tokens(row.rejected),
        "chosen_scores": numbers(row.chosenScores), "rejected_scores": numbers(row.rejectedScores),
      ]
    }
  }

  /// - Throws: ``LanguageError`` with file and line.
  public init(contentsOf url: URL) throws(LanguageError) {
    guard let data = FileManager.default.contents(atPath: url.path) else {
      throw LanguageError(
        .missing, file: url.path, found: "no file that can be read", expected: "scores of tokens")
    }
    var rows: [Row] = []
    try JSONLine.forEach(in: data, file: url.path) { line throws(LanguageError) in
      func numbers(_ key: String) throws(LanguageError) -> [Double] {
        guard case .array(let elements)? = line[key] else {
          throw line.failure("no list as \"\(key)\"", "scores as `likely critical-tokens score` writes them")
        }
        var values: [Double] = []
        for element in elements {
          switch element {
          case .integer(let value): values.append(Double(value))
          case .number(let value): values.append(value)
          default: throw line.failure("an element of \"\(key)\" that is no number", "numbers")
          }
        }
        return values
      }
      guard case .integer(let number)? = line["line"] else {
        throw line.failure(line.keys, "\"line\", as `likely critical-tokens score` writes it")
      }
      let row = Row(
        line: number, chosen: try numbers("chosen_tokens").map { Int($0) },
        rejected: try numbers("rejected_tokens").map { Int($0) }, chosenScores: try numbers("chosen_scores"),
        rejectedScores: try numbers("rejected_scores"))
      guard row.chosen.count == row.chosenScores.count, row.rejected.count == row.rejectedScores.count else {
        throw line.failure("scores that are not as many as the tokens", "a score a token")
      }
      rows.append(row)
    }
    self.rows = rows
  }

  /// Pairs whose rejected tokens count 1 − s, the token that ends a text 1; those of the preferred response 1, or s.
  ///
  /// - Parameters:
  ///   - weighsChosen: whether tokens of the preferred response count s.
  ///   - file: for errors.
  /// - Throws: ``LanguageError`` where a pair has no scores, or scores of other tokens.
  public func weighted(
    _ pairs: [PreferencePair], endTokens: Set<Int>, weighsChosen: Bool = false, file: String = "scores"
  ) throws(LanguageError) -> [PreferencePair] {
    let byLine = Dictionary(rows.map { ($0.line, $0) }, uniquingKeysWith: { first, _ in first })
    var weighted: [PreferencePair] = []
    for pair in pairs {
      guard let row = byLine[pair.line] else {
        throw LanguageError(
          .badValue, file: file, place: "line \(pair.line)", found: "no scores of this pair",
          expected: "scores of every pair; score the same file")
      }
      guard row.chosen == pair.chosen, row.rejected == pair.rejected else {
        throw LanguageError(
          .badValue, file: file, place: "line \(pair.line)", found: "scores of other tokens",
          expected: "those of this pair under this tokeniser; score the same file again")
      }
      var own = pair
      own.rejectedWeights = zip(row.rejected, row.rejectedScores).map {
        endTokens.contains($0) ? 1 : Float(1 - $1)
      }
      if weighsChosen {
        own.chosenWeights = zip(row.chosen, row.chosenScores).map { endTokens.contains($0) ? 1 : Float($1) }
      }
      weighted.append(own)
    }
    return weighted
  }
}
