import Files
import Foundation
import Training

/// Answers that were given, as JSON lines each of which carries the hash of the one before: a log that outlives a run and
/// shows when it was changed.
public struct HoldoutLog: Sendable {
  /// One answer.
  public struct Entry: Sendable, Hashable, Codable {
    public var index: Int
    public var metric: String
    public var answer: Double
    public var source: QueryAnswer.Source
    public var budget: Int?
    /// Of the entry before; of nothing for the first.
    public var previous: String
    /// SHA-256 of everything above.
    public var hash = ""

    fileprivate var digest: String {
      let budget = budget.map(String.init) ?? "-"
      let text = [String(index), metric, answer.description, source.rawValue, budget, previous].joined(
        separator: "\n")
      var hash = SHA256()
      Array(text.utf8).withUnsafeBytes { hash.update($0) }
      return hash.hexDigest()
    }
  }

  public private(set) var entries: [Entry] = []
  private let file: URL

  /// Reads a log, or begins one where there is no file.
  /// - Throws: ``StatisticsError`` with the line where the chain breaks.
  public init(_ file: URL) throws {
    self.file = file
    guard FileManager.default.fileExists(atPath: file.path) else { return }
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    for (number, line) in lines.enumerated() {
      guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line.utf8)) else {
        throw broken(number, "no entry of a log")
      }
      guard entry.index == number + 1, entry.previous == entries.last?.hash ?? "", entry.hash == entry.digest
      else {
        throw broken(number, "an entry whose hash does not follow from those before")
      }
      entries.append(entry)
    }
  }

  private func broken(_ number: Int, _ found: String) -> StatisticsError {
    StatisticsError(
      .badData, "\(file.path):\(number + 1)", found: found, expected: "an unbroken chain",
      advice: "the budget cannot be trusted: gather fresh records, or restore the file")
  }

  /// Adds an answer and writes the file, whole or not at all.
  public mutating func append(_ metric: String, _ answer: QueryAnswer) throws(FileWriteError) {
    var entry = Entry(
      index: entries.count + 1, metric: metric, answer: answer.value, source: answer.source,
      budget: answer.budgetLeft, previous: entries.last?.hash ?? "")
    entry.hash = entry.digest
    entries.append(entry)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let lines = entries.compactMap { try? encoder.encode($0) }
    precondition(lines.count == entries.count, "HoldoutLog: an entry without a text")
    try writeAtomically(Data(lines.joined(separator: Data("\n".utf8)) + Data("\n".utf8)), to: file)
  }
}
