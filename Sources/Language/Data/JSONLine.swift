import Files
import Foundation

/// A line of a JSON-lines file, which is an object.
package struct JSONLine {
  let file: String
  /// From 1.
  let number: Int
  let fields: [(key: String, value: ExactJSON)]

  /// Reads a file line by line; lines of spaces are passed over.
  ///
  /// - Throws: ``LanguageError`` with the file and line of what is broken.
  package static func forEach(
    in data: Data, file: String, _ body: (JSONLine) throws(LanguageError) -> Void
  ) throws(LanguageError) {
    var isEmpty = true
    for (i, bytes) in data.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated()
    where bytes.contains(where: { $0 != 0x20 && $0 != 0x0d && $0 != 0x09 }) {
      isEmpty = false
      try body(try JSONLine(Array(bytes), file: file, number: i + 1))
    }
    guard !isEmpty else {
      throw LanguageError(.malformed, file: file, found: "no lines", expected: "JSON objects, one a line")
    }
  }

  private init(_ bytes: [UInt8], file: String, number: Int) throws(LanguageError) {
    (self.file, self.number) = (file, number)
    func failure(_ found: String, _ expected: String) -> LanguageError {
      LanguageError(.malformed, file: "\(file):\(number)", found: found, expected: expected)
    }
    let value: ExactJSON
    do throws(ExactJSON.Failure) {
      value = try ExactJSON.parse(bytes)
    } catch {
      throw failure("\(error.found) at byte \(error.offset)", error.expected)
    }
    guard case .object(let fields) = value else { throw failure("no JSON object", "a JSON object a line") }
    self.fields = fields
  }

  package func failure(_ found: String, _ expected: String) -> LanguageError {
    LanguageError(.malformed, file: "\(file):\(number)", found: found, expected: expected)
  }

  /// The keys that are there, for messages.
  package var keys: String { "the keys \(fields.map(\.key).joined(separator: ", "))" }

  package subscript(key: String) -> ExactJSON? { fields.first { $0.key == key }?.value }

  /// `nil` where the key is not there.
  package func text(_ key: String) throws(LanguageError) -> String? {
    switch self[key] {
    case nil: return nil
    case .string(let text)?: return text
    default: throw failure("\"\(key)\" that is no string", "a string")
    }
  }

  /// A list of texts, at least one.
  func texts(_ value: ExactJSON, key: String) throws(LanguageError) -> [String] {
    guard case .array(let elements) = value, !elements.isEmpty else {
      throw failure("\"\(key)\" that is no list", "a list of texts")
    }
    var texts: [String] = []
    for element in elements {
      guard case .string(let text) = element else {
        throw failure("\"\(key)\" with an element that is no text", "texts")
      }
      texts.append(text)
    }
    return texts
  }

  /// A list of messages.
  func messages(_ value: ExactJSON, key: String) throws(LanguageError) -> [ChatMessage] {
    guard case .array(let elements) = value, !elements.isEmpty else {
      throw failure(
        "\"\(key)\" that is no list of messages", #"a list such as [{"role": "user", "content": "…"}]"#)
    }
    var messages: [ChatMessage] = []
    for (i, element) in elements.enumerated() {
      messages.append(try ChatMessage(element, file: "\(file):\(number)", place: "\(key)[\(i)]"))
    }
    return messages
  }
}
