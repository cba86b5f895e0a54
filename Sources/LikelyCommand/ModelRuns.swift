import Foundation
import Likely

/// Runs of a model in another program, some at once, each written down as soon as it is known.
final class ModelRuns {
  private let processes: [ExternalProcess]
  private let names: [String]
  private var handle: FileHandle?
  /// Answers of an earlier attempt, by their request.
  private var known: [String: [Double]] = [:]
  private var width: Int?
  /// Requests that were answered from the journal.
  private(set) var recalled = 0

  /// - Parameters:
  ///   - workers: processes at once.
  ///   - journal: a file to which every answer goes, and from which an attempt that was stopped goes on.
  init(_ command: String, inputs: InputModel, workers: Int, timeLimit: Double, journal: URL?) throws {
    processes = (0..<workers).map { _ in ExternalProcess(command, timeLimit: timeLimit) }
    names = inputs.names
    guard let journal else { return }
    try read(journal, Header(model: command, inputs: inputs))
  }

  deinit { try? handle?.close() }

  /// Runs of the program.
  var calls: Int { processes.reduce(0) { $0 + $1.calls } }

  /// Of another file nothing is changed, whatever it holds.
  private func read(_ journal: URL, _ header: Header) throws {
    let isThere = FileManager.default.fileExists(atPath: journal.path)
    let present = try isThere ? Data(contentsOf: journal) : Data()
    let first = try Self.encoder.encode(header) + Data("\n".utf8)
    if present.isEmpty { try writeAtomically(first, to: journal) }
    let data = present.isEmpty ? first : present
    // What follows the last line break was cut off when the attempt was stopped.
    let end = data.lastIndex(of: 10).map { $0 + 1 } ?? data.startIndex
    let lines = data[..<end].split(separator: 10)
    guard let found = lines.first.flatMap({ try? JSONDecoder().decode(Header.self, from: Data($0)) }) else {
      throw StatisticsError(
        .badData, "\(journal.path):1", found: "something else than a journal of runs",
        expected: #"{"inputs": …, "model": …}"#, advice: "give another file; this one was left as it is")
    }
    guard found == header else {
      throw StatisticsError(
        .badData, "\(journal.path):1",
        found: found.model == header.model ? "runs for other inputs" : "runs of the model \(found.model)",
        expected: found.model == header.model ? "those of --inputs" : "those of \(header.model)",
        advice: "give another file; this one was left as it is")
    }
    for (number, line) in lines.enumerated().dropFirst() {
      guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line)), !entry.answer.isEmpty else {
        throw StatisticsError(
          .badData, "\(journal.path):\(number + 1)", found: "no run",
          expected: #"{"request": …, "answer": […]}"#, advice: "give another file, or remove it")
      }
      known[entry.request] = entry.answer
    }
    let handle = try FileHandle(forWritingTo: journal)
    try handle.truncate(atOffset: UInt64(end))
    try handle.seekToEnd()
    self.handle = handle
    // Not an ignored signal, which processes of the model would inherit and outlive this one by.
    signal(SIGINT) { _ in
      let text: StaticString = "likely: stopped; the same command goes on from its --journal\n"
      _ = write(2, text.utf8Start, text.utf8CodeUnitCount)
      _exit(130)
    }
  }

  /// The first line of a journal: whose runs these are.
  private struct Header: Codable, Equatable {
    let model: String
    let inputs: InputModel
  }

  private static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return encoder
  }

  private struct Entry: Codable {
    let request: String
    let answer: [Double]
  }

  /// The model's numbers at rows `[n, d]`, `[n, J]`.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let (n, d) = (x.size(0), names.count)
    let numbers = x.doubles
    let requests = (0..<n).map { row -> JSONValue in
      .object(.init(uniqueKeysWithValues: (0..<d).map { (names[$0], .number(numbers[row * d + $0])) }))
    }
    let keys = requests.map(\.compact)
    var answers = keys.map { known[$0] }
    recalled += answers.count { $0 != nil }
    let open = answers.indices.filter { answers[$0] == nil }
    // Small enough that a stop loses little; large enough that processes are not waiting for one another.
    let block = 32 * processes.count
    for start in stride(from: 0, to: open.count, by: block) {
      let rows = Array(open[start..<min(start + block, open.count)])
      let found = try ask(rows.map { requests[$0] })
      for (row, answer) in zip(rows, found) { answers[row] = answer }
      try note(zip(rows, found).map { Entry(request: keys[$0], answer: $1) })
    }
    let width = answers.first??.count ?? 1
    for (row, answer) in answers.enumerated() where answer?.count != width {
      throw StatisticsError(
        .badData, "the model at \(keys[row])", found: "\(answer?.count ?? 0) numbers",
        expected: "\(width), as before")
    }
    return Tensor(answers.flatMap { $0 ?? [] }, shape: [n, width])
  }

  private func ask(_ requests: [JSONValue]) throws -> [[Double]] {
    let count = processes.count
    let parts = (0..<count).map {
      Array(requests[$0 * requests.count / count..<($0 + 1) * requests.count / count])
    }
    let processes = processes
    let lines = try concurrently(count) { (part) throws(ExternalProcessError) in
      parts[part].isEmpty ? [] : try processes[part](parts[part])
    }
    return try zip(requests, lines.joined()).map { request, line in
      let parsed = try? JSONSerialization.jsonObject(with: Data(line.utf8), options: .fragmentsAllowed)
      guard let answer = parsed as? [Double] ?? (parsed as? Double).map({ [$0] }), !answer.isEmpty,
        answer.count == width ?? answer.count
      else {
        throw StatisticsError(
          .badData, "the model at \(request.compact)", found: "the answer \(line.prefix(60))",
          expected: width.map { "\($0) numbers" } ?? "a number, or a list of numbers")
      }
      width = answer.count
      return answer
    }
  }

  private func note(_ entries: [Entry]) throws {
    guard let handle else { return }
    let encoder = Self.encoder
    var text = Data()
    for entry in entries { text += try encoder.encode(entry) + Data("\n".utf8) }
    try handle.write(contentsOf: text)
  }
}
