import Files
import Foundation
import Report

/// A solution of a file: its question, what it says, and whether its answer is right.
public struct SolutionRecord: Sendable, Hashable {
  public var line: Int
  /// Tells questions apart: what the file has as `id`, or the prompt.
  public var question: String
  public var prompt: String
  public var response: String
  /// The right answers; empty where the file has none.
  public var answers: [String]
  /// What was found in the response, and whether it is right, where the file says so.
  public var found: String?
  public var isCorrect: Bool?

  /// An object for a line.
  public var object: JSONValue {
    [
      "id": .string(question), "prompt": .string(prompt), "response": .string(response),
      "answer": .array(answers.map { .string($0) }), "found": found.map { .string($0) } ?? .null,
      "correct": isCorrect.map { .bool($0) } ?? .null,
    ]
  }

  /// The solution with its answer found and judged.
  ///
  /// - Throws: ``LanguageError`` where there are no right answers.
  public func checked(_ checker: AnswerChecker, file: String) throws(LanguageError) -> SolutionRecord {
    guard !answers.isEmpty else {
      throw LanguageError(
        .malformed, file: "\(file):\(line)", found: "no right answer",
        expected: "one, or a list, as \"answer\""
      )
    }
    var checked = self
    checked.found = checker.answer(in: response)
    checked.isCorrect = checker.isCorrect(response, answers: answers)
    return checked
  }

  /// Reads JSON lines with `prompt` (or `question`), `answer` (a text, a number or a list), and `response`.
  ///
  /// - Parameter needsResponse: whether a line without a response is an error; it is an empty one otherwise.
  /// - Throws: ``LanguageError`` with file and line.
  public static func read(_ url: URL, needsResponse: Bool = true) throws(LanguageError) -> [SolutionRecord] {
    guard let data = FileManager.default.contents(atPath: url.path) else {
      throw LanguageError(.missing, file: url.path, found: "no file that can be read", expected: "JSON lines")
    }
    var records: [SolutionRecord] = []
    try JSONLine.forEach(in: data, file: url.path) { line throws(LanguageError) in
      records.append(try record(line, needsResponse))
    }
    return records
  }

  private static func record(_ line: JSONLine, _ needsResponse: Bool) throws(LanguageError) -> SolutionRecord
  {
    var prompt = try line.text("prompt")
    if prompt == nil { prompt = try line.text("question") }
    guard let prompt else { throw line.failure(line.keys, "\"prompt\" or \"question\"") }
    let response = try line.text("response")
    guard response != nil || !needsResponse else { throw line.failure(line.keys, "\"response\"") }
    let answers: [String]
    switch line["answer"] {
    case nil, .null?: answers = []
    case .array(let elements)?:
      answers = try elements.map { element throws(LanguageError) in try text(element, line) }
    case .some(let value): answers = [try text(value, line)]
    }
    var id = prompt
    switch line["id"] {
    case nil, .null?: break
    case .some(let value): id = try text(value, line)
    }
    var found: String?
    if case .string(let text)? = line["found"] { found = text }
    var isCorrect: Bool?
    if case .bool(let value)? = line["correct"] { isCorrect = value }
    return SolutionRecord(
      line: line.number, question: id, prompt: prompt, response: response ?? "", answers: answers,
      found: found, isCorrect: isCorrect)
  }

  private static func text(_ value: ExactJSON, _ line: JSONLine) throws(LanguageError) -> String {
    switch value {
    case .string(let text): return text
    case .integer(let number): return "\(number)"
    case .number(let number):
      return number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
    default: throw line.failure("an answer or id that is neither text nor number", "one of these")
    }
  }
}
