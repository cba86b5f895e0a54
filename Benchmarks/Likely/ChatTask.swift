import ArgumentParser
import Foundation
import Likely

/// What chat templates make of conversations, a JSON object each, for the comparison with `transformers`.
struct ChatTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "chat")
  @Option(
    help: "A JSON list of objects with template, tokens, messages, variables and prompt (true or false).")
  var cases: String
  @Option(help: "The day for templates that print one, such as 2025-11-02.")
  var date: String?

  func run() throws {
    var day: CalendarDate?
    if let parts = date?.split(separator: "-").compactMap({ Int($0) }) {
      guard parts.count == 3 else { throw ValidationError("a date is written like 2025-11-02") }
      day = try CalendarDate(year: parts[0], month: parts[1], day: parts[2])
    }
    // Not with Foundation's parser, which keeps neither the order of keys nor the kinds of numbers.
    let data = try Data(contentsOf: URL(fileURLWithPath: cases))
    guard case .array(let cases) = try ExactJSON.parse([UInt8](data)) else {
      throw ValidationError("the cases are no list")
    }
    for item in cases { print(try Self.answer(item, date: day).compact) }
  }

  private static func answer(_ item: ExactJSON, date: CalendarDate?) throws -> JSONValue {
    guard case .object(let entries) = item else { throw ValidationError("a case is no object") }
    let fields = Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
    guard case .string(let text)? = fields["template"], case .object(let tokens)? = fields["tokens"],
      case .array(let messages)? = fields["messages"], case .object(let variables)? = fields["variables"],
      case .bool(let prompt)? = fields["prompt"]
    else { throw ValidationError("a case lacks a part") }
    do {
      let template = try ChatTemplate(text, file: "template", date: date)
      let conversation = try messages.map { try ChatMessage($0, file: "case") }
      let given = Dictionary(uniqueKeysWithValues: (tokens + variables).map { ($0.key, $0.value) })
      return ["text": .string(try template.render(conversation[...], prompt, given))]
    } catch let error as LanguageError {
      return ["error": .string(error.description)]
    }
  }
}
