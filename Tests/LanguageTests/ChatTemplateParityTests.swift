import Files
import Foundation
import Language
import Testing

/// A file of the chat fixtures; `make_chat.py` beside them says what made it.
private func chatFixture(_ name: String) -> URL {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/chat/\(name)")
}

private func members(_ json: ExactJSON?) -> [String: ExactJSON] {
  guard case .object(let entries)? = json else { return [:] }
  return Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
}

private func elements(_ json: ExactJSON?) -> [ExactJSON] {
  guard case .array(let elements)? = json else { return [] }
  return elements
}

private func text(_ json: ExactJSON?) -> String? {
  guard case .string(let text)? = json else { return nil }
  return text
}

@Suite("Chat templates equal those of transformers") struct ChatTemplateParityTests {
  private func fixture(_ name: String) throws -> [String: ExactJSON] {
    members(try ExactJSON.parse([UInt8](Data(contentsOf: chatFixture(name)))))
  }

  @Test("expressions, statements and white space print what jinja2 prints, and are refused where it refuses")
  func expressions() throws {
    let fixture = try fixture("expressions.json")
    let variables = members(fixture["variables"])
    let cases = elements(fixture["cases"]).map(members)
    #expect(cases.count >= 1000)
    for item in cases {
      let template = try #require(text(item["template"]))
      let printed = Result { try Jinja.Template(template, file: "t").render(variables) }
      switch (printed, text(item["text"])) {
      case (.success(let found), let expected?):
        #expect(isSame(found, expected), "\(template) printed \(found.debugDescription)")
      case (.failure(let error), nil):
        #expect((error as? LanguageError)?.place?.hasPrefix("line ") == true, "\(template): \(error)")
      case (.success(let found), nil): Issue.record("\(template) is to be refused and printed \(found)")
      case (.failure(let error), _?): Issue.record("\(template): \(error)")
      }
    }
  }

  @Test(
    "conversations become the same texts, with and without the generation prompt",
    arguments: ["headers", "marked", "merging", "signatures", "thinking"])
  func conversations(_ name: String) throws {
    let fixture = try fixture("renderings.json")
    let tokens = members(fixture["tokens"]).compactMapValues { text($0) }
    let source = try String(contentsOf: chatFixture("templates/\(name).jinja"), encoding: .utf8)
    let template = try ChatTemplate(
      source, file: name, specialTokens: tokens, date: CalendarDate(year: 2025, month: 11, day: 2))
    let conversations = members(fixture["conversations"])
    let renderings = members(members(fixture["renderings"])[name])
    #expect(renderings.count == conversations.count && renderings.count >= 20)
    for (title, conversation) in conversations {
      let conversation = members(conversation)
      let messages = try elements(conversation["messages"]).map { try ChatMessage($0, file: title) }
      for (prompt, expected) in zip([false, true], elements(renderings[title]).map(members)) {
        let found = Result { try template.render(messages[...], prompt, members(conversation["variables"])) }
        switch (found, text(expected["text"])) {
        case (.success(let found), let expected?):
          #expect(isSame(found, expected), "\(title) became \(found)")
        case (.failure(let error as LanguageError), nil):
          // The template's own words.
          if let words = text(expected["error"]), words.hasPrefix("TemplateError: ") {
            #expect(error.found == words.dropFirst("TemplateError: ".count), "\(title)")
          }
        default: Issue.record("\(title): \(found), expected \(expected)")
        }
      }
    }
  }
}
