import Files
import Foundation
import Report

/// Similarities of the pairs of a file, by line: a JSON-lines file that filters read.
public struct PreferenceScores: Sendable {
  public var lines: [Int]
  public var similarities: [PreferenceSimilarity]

  public init(lines: [Int], similarities: [PreferenceSimilarity]) {
    precondition(lines.count == similarities.count, "PreferenceScores: a similarity a line")
    (self.lines, self.similarities) = (lines, similarities)
  }

  private static let keys = ["ches", "ln_ches", "neg_edit", "last_ip", "logp_chosen", "logp_rejected"]

  /// An object a line, with the lengths of the pairs' responses.
  public func objects(_ pairs: [PreferencePair]) -> [JSONValue] {
    zip(zip(lines, similarities), pairs).map { scored, pair in
      let (line, s) = scored
      return [
        "line": .integer(line), "ches": .number(s.ches), "ln_ches": .number(s.meanCHES),
        "neg_edit": .number(s.negativeEdit), "last_ip": .number(s.lastProduct),
        "len_chosen": .integer(pair.chosen.count), "len_rejected": .integer(pair.rejected.count),
        "logp_chosen": .number(s.chosenLogLikelihood), "logp_rejected": .number(s.rejectedLogLikelihood),
      ]
    }
  }

  /// - Throws: ``LanguageError`` with file and line.
  public init(contentsOf url: URL) throws(LanguageError) {
    guard let data = FileManager.default.contents(atPath: url.path) else {
      throw LanguageError(.missing, file: url.path, found: "no file that can be read", expected: "scores")
    }
    var (lines, similarities): ([Int], [PreferenceSimilarity]) = ([], [])
    try JSONLine.forEach(in: data, file: url.path) { line throws(LanguageError) in
      guard case .integer(let number)? = line["line"] else {
        throw line.failure(line.keys, "\"line\", as `likely prefer score` writes it")
      }
      var values: [Double] = []
      for key in Self.keys {
        switch line[key] {
        case .number(let value)?: values.append(value)
        case .integer(let value)?: values.append(Double(value))
        default: throw line.failure("no number as \"\(key)\"", "scores as `likely prefer score` writes them")
        }
      }
      lines.append(number)
      similarities.append(
        PreferenceSimilarity(
          ches: values[0], meanCHES: values[1], negativeEdit: values[2], lastProduct: values[3],
          chosenLogLikelihood: values[4], rejectedLogLikelihood: values[5]))
    }
    self.init(lines: lines, similarities: similarities)
  }
}
