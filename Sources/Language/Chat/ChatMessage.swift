import Files
import Report

/// A message of a conversation: who speaks, what is said, and what else a chat template may print.
///
/// The other keys, such as `tool_calls`, `name` or `reasoning_content`, are kept as they are given, in their order. The
/// content may also be a list of parts, `[{"type": "text", "text": "…"}]`, for the templates that read those.
public struct ChatMessage: Sendable, Hashable {
  let fields: [(key: String, value: ExactJSON)]

  /// - Parameter role: `system`, `user`, `assistant`, `tool`, or another one that the template knows.
  public init(role: String, content: String) {
    fields = [("role", .string(role)), ("content", .string(content))]
  }

  /// A message from an object with `role` and, but for a role that only calls tools, `content`.
  ///
  /// - Throws: ``LanguageError`` (`malformed`).
  public init(_ json: JSONValue) throws(LanguageError) {
    try self.init(ExactJSON(json), file: "message")
  }

  /// - Parameters:
  ///   - file: the file it is read from.
  ///   - place: the line or key there, for errors.
  package init(_ json: ExactJSON, file: String, place: String? = nil) throws(LanguageError) {
    func error(_ found: String, _ expected: String) -> LanguageError {
      LanguageError(.malformed, file: file, place: place, found: found, expected: expected)
    }
    guard case .object(let fields) = json else {
      throw error("a message that is no object", #"one such as {"role": "user", "content": "…"}"#)
    }
    guard case .string? = fields.first(where: { $0.key == "role" })?.value else {
      throw error("a message without a role", "a text as its role")
    }
    switch fields.first(where: { $0.key == "content" })?.value {
    case .string, .array, .null, nil: break
    default: throw error("a content that is neither a text nor a list of parts", "one of these")
    }
    self.fields = fields
  }

  private func value(_ key: String) -> ExactJSON? { fields.first { $0.key == key }?.value }

  public var role: String {
    if case .string(let text)? = value("role") { return text }
    return ""
  }

  /// What is said; nil where there is nothing, or a list of parts.
  public var content: String? {
    if case .string(let text)? = value("content") { return text }
    return nil
  }

  public static func == (a: ChatMessage, b: ChatMessage) -> Bool {
    .object(a.fields) == ExactJSON.object(b.fields)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(ExactString(role))
    hasher.combine(content.map(ExactString.init))
  }

  /// The message as templates are given it by `transformers`: without keys that are null, and with what the model
  /// thought under both names that templates read.
  var templateValue: ExactJSON {
    var fields = fields.filter { $0.value != .null }
    let names = ["reasoning_content", "thinking", "reasoning"]
    let reasoning = names.lazy.compactMap { name in fields.first { $0.key == name }?.value }.first
    guard let reasoning else { return .object(fields) }
    let thinking = fields.first { $0.key == "thinking" }?.value ?? reasoning
    fields.removeAll { $0.key == "thinking" }
    fields.insert(("thinking", thinking), at: 0)
    if let place = fields.firstIndex(where: { $0.key == "reasoning_content" }) {
      fields[place].value = reasoning
    } else {
      fields.append(("reasoning_content", reasoning))
    }
    return .object(fields)
  }
}

extension ExactJSON {
  init(_ json: JSONValue) {
    switch json {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .number(value)
    case .string(let text): self = .string(text)
    case .array(let elements): self = .array(elements.map { ExactJSON($0) })
    case .object(let members): self = .object(members.map { ($0.key, ExactJSON($0.value)) })
    }
  }
}
