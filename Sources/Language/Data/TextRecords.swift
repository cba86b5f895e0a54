import Files
import Foundation
import Torch

/// One line of a JSON-lines file of texts: a prompt with its responses, or a plain text.
public struct TextRecord: Sendable, Hashable {
  /// From 1.
  public let line: Int
  /// Empty for a plain text.
  public let prompt: String
  public let responses: [String]
}

/// The keys that texts have in a JSON-lines file.
public struct TextKeys: Sendable, Hashable {
  public var prompt = "prompt"
  /// Of a text, or of a list of texts.
  public var response = "response"
  /// Of a plain text, where a line has no prompt.
  public var text = "text"

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
    for (i, bytes) in data.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated()
    where bytes.contains(where: { $0 != 0x20 && $0 != 0x0d && $0 != 0x09 }) {
      records.append(try record(Array(bytes), file: file, line: i + 1, keys))
    }
    guard !records.isEmpty else {
      throw LanguageError(.malformed, file: file, found: "no lines", expected: "JSON objects, one a line")
    }
    return records
  }

  private static func record(_ bytes: [UInt8], file: String, line: Int, _ keys: TextKeys)
    throws(LanguageError) -> TextRecord
  {
    func failure(_ found: String, _ expected: String) -> LanguageError {
      LanguageError(.malformed, file: "\(file):\(line)", found: found, expected: expected)
    }
    let value: ExactJSON
    do throws(ExactJSON.Failure) {
      value = try ExactJSON.parse(bytes)
    } catch {
      throw failure("\(error.found) at byte \(error.offset)", error.expected)
    }
    guard case .object(let fields) = value else { throw failure("no JSON object", "a JSON object a line") }
    func text(_ key: String) throws(LanguageError) -> String? {
      switch fields.first(where: { $0.key == key })?.value {
      case nil: return nil
      case .string(let text)?: return text
      default: throw failure("\"\(key)\" that is no string", "a string")
      }
    }
    let found = fields.map(\.key).joined(separator: ", ")
    guard let prompt = try text(keys.prompt) else {
      guard let plain = try text(keys.text) else {
        throw failure("the keys \(found)", "\"\(keys.prompt)\" and \"\(keys.response)\", or \"\(keys.text)\"")
      }
      return TextRecord(line: line, prompt: "", responses: [plain])
    }
    guard let response = fields.first(where: { $0.key == keys.response })?.value else {
      throw failure("the keys \(found)", "\"\(keys.response)\" beside \"\(keys.prompt)\"")
    }
    switch response {
    case .string(let text): return TextRecord(line: line, prompt: prompt, responses: [text])
    case .array(let elements):
      var texts: [String] = []
      for element in elements {
        guard case .string(let text) = element else {
          throw failure("a list with something that is no string in \"\(keys.response)\"", "strings")
        }
        texts.append(text)
      }
      return TextRecord(line: line, prompt: prompt, responses: texts)
    default: throw failure("\"\(keys.response)\" that is no string", "a string, or a list of strings")
    }
  }
}
