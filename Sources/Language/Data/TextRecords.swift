import Files
import Foundation
import Torch

/// One line of a JSON-lines file of texts: a prompt with its responses, a conversation, or a plain text.
public struct TextRecord: Sendable, Hashable {
  /// From 1.
  public let line: Int
  /// Empty for a plain text and for a conversation.
  public let prompt: String
  /// Empty for a conversation.
  public let responses: [String]
  /// Empty for what is none.
  public let messages: [ChatMessage]

  init(line: Int, prompt: String = "", responses: [String] = [], messages: [ChatMessage] = []) {
    (self.line, self.prompt, self.responses, self.messages) = (line, prompt, responses, messages)
  }
}

/// The keys that texts have in a JSON-lines file.
public struct TextKeys: Sendable, Hashable {
  public var prompt = "prompt"
  /// Of a text, or of a list of texts.
  public var response = "response"
  /// Of a plain text, where a line has no prompt.
  public var text = "text"
  /// Of a conversation, a list of messages with a role and a content.
  public var messages = "messages"

  public init() {}
}

extension TextRecord {
  /// Reads JSON lines; lines of spaces are passed over.
  ///
  /// - Throws: ``LanguageError`` with the file and line of what is broken.
  public static func read(_ url: URL, keys: TextKeys = TextKeys()) throws(LanguageError) -> [TextRecord] {
    let file = url.path
    guard let data = FileManager.default.contents(atPath: file) else {
      throw LanguageError(.missing, file: file, found: "no file that can be read", expected: "JSON lines")
    }
    var records: [TextRecord] = []
    try JSONLine.forEach(in: data, file: file) { line throws(LanguageError) in
      records.append(try record(line, keys))
    }
    return records
  }

  private static func record(_ line: JSONLine, _ keys: TextKeys) throws(LanguageError) -> TextRecord {
    if let messages = line.fields.first(where: { $0.key == keys.messages })?.value {
      return TextRecord(line: line.number, messages: try line.messages(messages, key: keys.messages))
    }
    guard let prompt = try line.text(keys.prompt) else {
      guard let plain = try line.text(keys.text) else {
        throw line.failure(
          line.keys, "\"\(keys.prompt)\" and \"\(keys.response)\", \"\(keys.messages)\", or \"\(keys.text)\"")
      }
      return TextRecord(line: line.number, responses: [plain])
    }
    guard let response = line.fields.first(where: { $0.key == keys.response })?.value else {
      throw line.failure(line.keys, "\"\(keys.response)\" beside \"\(keys.prompt)\"")
    }
    switch response {
    case .string(let text): return TextRecord(line: line.number, prompt: prompt, responses: [text])
    case .array(let elements):
      var texts: [String] = []
      for element in elements {
        guard case .string(let text) = element else {
          throw line.failure("a list with something that is no string in \"\(keys.response)\"", "strings")
        }
        texts.append(text)
      }
      return TextRecord(line: line.number, prompt: prompt, responses: texts)
    default:
      throw line.failure("\"\(keys.response)\" that is no string", "a string, or a list of strings")
    }
  }
}
