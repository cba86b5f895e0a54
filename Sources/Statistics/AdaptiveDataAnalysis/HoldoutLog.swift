import Files
import Foundation
import Training

/// Answers that were given, as JSON lines each of which carries the hash of the one before: a log that
/// outlives a run and belongs to one holdout and one mechanism.
///
/// The chain shows an entry that was changed, moved or taken out before the last. It cannot show that the
/// last entries were cut off, that all was written anew with hashes to match, or that the file was deleted:
/// keep it where the analyst cannot write.
public struct HoldoutLog: Sendable {
  /// The first line: what the answers are about.
  struct Head: Sendable, Hashable, Codable {
    /// SHA-256 of the holdout's file.
    var holdout: String
    /// With its options.
    var mechanism: String
    var hash = ""

    fileprivate var digest: String { sha256([holdout, mechanism]) }
  }

  /// One answer.
  public struct Entry: Sendable, Hashable, Codable {
    public var index: Int
    /// The run that answered, from 1.
    public var run: Int
    public var metric: String
    public var answer: Double
    public var source: QueryAnswer.Source
    public var budget: Int?
    /// Of the line before.
    public var previous: String
    /// SHA-256 of everything above.
    public var hash = ""

    // The metric comes last: it alone may have line breaks.
    fileprivate var digest: String {
      sha256([
        String(index), String(run), answer.description, source.rawValue, budget.map(String.init) ?? "-",
        previous, metric,
      ])
    }
  }

  public private(set) var entries: [Entry] = []
  /// What the runs before this one have spent.
  public private(set) var earlier = ServedCount()
  private let file: URL
  private let head: Head

  /// Reads a log, or begins one where there is no file.
  /// - Parameters:
  ///   - holdout: the file of the records kept back.
  ///   - mechanism: its name and all of its options, on one line.
  /// - Throws: ``StatisticsError`` with the line where the chain breaks, or with what the log belongs to.
  public init(_ file: URL, holdout: URL, mechanism: String) throws {
    self.file = file
    guard let kept = SHA256.digest(of: holdout) else {
      throw StatisticsError(
        .missing, holdout.path, found: "no file that can be read", expected: "the records kept back")
    }
    var head = Head(holdout: kept.digest, mechanism: mechanism)
    head.hash = head.digest
    self.head = head
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder) else { return }
    guard !isFolder.boolValue else {
      throw StatisticsError(
        .option, file.path, found: "a folder",
        expected: "a file for the log, which is made where there is none")
    }
    // Words in JSON may hold other line breaks than these.
    let lines = try String(contentsOf: file, encoding: .utf8).split { $0 == "\n" || $0 == "\r\n" }
    try check(lines.first)
    for (number, line) in lines.enumerated().dropFirst() {
      guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line.utf8)) else {
        throw broken(number, "no entry of a log")
      }
      let last = entries.last
      guard entry.index == number, entry.previous == last?.hash ?? head.hash, entry.hash == entry.digest
      else {
        throw broken(number, "an entry whose hash does not follow from those before")
      }
      entries.append(entry)
    }
    earlier = spent
  }

  private func check(_ line: Substring?) throws(StatisticsError) {
    guard let line, let found = try? JSONDecoder().decode(Head.self, from: Data(line.utf8)),
      found.hash == found.digest
    else {
      throw broken(0, "no first line that names the holdout and the mechanism")
    }
    guard found.holdout == head.holdout else {
      throw StatisticsError(
        .badData, "\(file.path):1", found: "the log of another holdout", expected: "that of this one",
        advice: "name the table that it was begun with, or another log")
    }
    guard found.mechanism == head.mechanism else {
      throw StatisticsError(
        .option, "\(file.path):1", found: "the log of \(found.mechanism)", expected: head.mechanism,
        advice: "what was spent holds for the options it was begun with: name these, or gather fresh records")
    }
  }

  private func broken(_ number: Int, _ found: String) -> StatisticsError {
    StatisticsError(
      .badData, "\(file.path):\(number + 1)", found: found, expected: "an unbroken chain",
      advice: "the budget cannot be trusted: gather fresh records, or restore the file")
  }

  /// What the entries so far have spent.
  private var spent: ServedCount {
    var count = ServedCount()
    count.queries = entries.count
    count.dear = entries.count { $0.source == .holdout }
    for (place, entry) in entries.enumerated() {
      guard place + 1 == entries.count || entries[place + 1].run != entry.run else { continue }
      count.runs += 1
      if entry.source != .holdout { count.brokenOff += 1 }
    }
    return count
  }

  /// Adds an answer and writes the file, whole or not at all.
  public mutating func append(_ metric: String, _ answer: QueryAnswer) throws(FileWriteError) {
    var entry = Entry(
      index: entries.count + 1, run: earlier.runs + 1, metric: metric, answer: answer.value,
      source: answer.source, budget: answer.budgetLeft, previous: entries.last?.hash ?? head.hash)
    entry.hash = entry.digest
    entries.append(entry)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let lines = [try? encoder.encode(head)] + entries.map { try? encoder.encode($0) }
    precondition(lines.allSatisfy { $0 != nil }, "HoldoutLog: an entry without a text")
    let text: Data =
      lines.compactMap(\.self).joined(separator: Data("\n".utf8)) + Data("\n".utf8)
    try writeAtomically(text, to: file)
  }
}

private func sha256(_ parts: [String]) -> String {
  var hash = SHA256()
  Array(parts.joined(separator: "\n").utf8).withUnsafeBytes { hash.update($0) }
  return hash.hexDigest()
}
