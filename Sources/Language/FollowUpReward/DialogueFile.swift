import Files
import Foundation

/// A line of dialogues: one context with one response or several.
public struct DialogueRecord: Sendable, Hashable {
  public let line: Int
  /// Whole conversations that differ in the assistant's last message alone.
  public let dialogues: [[ChatMessage]]
  /// Whether there are two responses, of which the first is preferred.
  public let isPair: Bool
  /// One a response; `nil` where there are none.
  public let ratings: [Double]?

  /// Messages from utterances alone, the last one the assistant's and the roles in turn; of an even number the first is
  /// left out where the user would not begin.
  public static func conversation(_ utterances: [String]) -> [ChatMessage] {
    let count = utterances.count
    let messages = utterances.enumerated().map { i, text in
      ChatMessage(role: (count - 1 - i) % 2 == 0 ? "assistant" : "user", content: text)
    }
    return messages.first?.role == "assistant" ? Array(messages.dropFirst()) : messages
  }

  /// Reads JSON lines, each with `messages`, with `dialogue` (a list of texts, the last one the assistant's), with `prompt`
  /// and `response` (or a list of them), or with `prompt`, `chosen` and `rejected`; a prompt is a text or a list of
  /// messages. `rating` is a number, or a list with one a response.
  ///
  /// - Throws: ``LanguageError`` with file and line.
  public static func read(_ url: URL) throws(LanguageError) -> [DialogueRecord] {
    guard let data = FileManager.default.contents(atPath: url.path) else {
      throw LanguageError(.missing, file: url.path, found: "no file that can be read", expected: "JSON lines")
    }
    var records: [DialogueRecord] = []
    try JSONLine.forEach(in: data, file: url.path) { line throws(LanguageError) in
      records.append(try DialogueRecord(line))
    }
    return records
  }

  private init(_ line: JSONLine) throws(LanguageError) {
    self.line = line.number
    if let messages = line["messages"] {
      dialogues = [try line.messages(messages, key: "messages")]
      isPair = false
    } else if let utterances = line["dialogue"] {
      dialogues = [Self.conversation(try line.texts(utterances, key: "dialogue"))]
      isPair = false
    } else {
      let before: [ChatMessage]
      switch line["prompt"] {
      case .string(let text)?: before = [ChatMessage(role: "user", content: text)]
      case .some(let value): before = try line.messages(value, key: "prompt")
      case nil:
        throw line.failure(line.keys, "\"messages\", \"dialogue\", or \"prompt\" with responses")
      }
      isPair = line["chosen"] != nil
      let keys = isPair ? ["chosen", "rejected"] : ["response"]
      var responses: [String] = []
      for key in keys {
        switch line[key] {
        case .string(let text)?: responses.append(text)
        case .some(let value): responses += try line.texts(value, key: key)
        case nil: throw line.failure(line.keys, "\"\(key)\" beside the prompt")
        }
      }
      dialogues = responses.map { before + [ChatMessage(role: "assistant", content: $0)] }
    }
    for dialogue in dialogues where dialogue.last?.role != "assistant" {
      throw line.failure(
        "a dialogue that ends with \(dialogue.last.map { "the \($0.role)'s message" } ?? "nothing")",
        "one that ends with the assistant's")
    }
    switch line["rating"] {
    case nil, .null?: ratings = nil
    case .array(let values)?:
      guard values.count == dialogues.count else {
        throw line.failure("\(values.count) ratings", "one for each of the \(dialogues.count) responses")
      }
      ratings = try Self.numbers(values, line)
    case .some(let value): ratings = try Self.numbers([value], line)
    }
  }

  private static func numbers(_ values: [ExactJSON], _ line: JSONLine) throws(LanguageError) -> [Double] {
    var numbers: [Double] = []
    for value in values {
      switch value {
      case .integer(let number): numbers.append(Double(number))
      case .number(let number): numbers.append(number)
      default: throw line.failure("a rating that is no number", "numbers")
      }
    }
    return numbers
  }
}
