import Files
import Report

/// A conversation as the model reads it, cut into what it is given and what it would have written itself.
public struct ChatText: Sendable, Hashable {
  public struct Segment: Sendable, Hashable {
    public let text: String
    /// Whether the model would have generated the text: an assistant's message with the token that ends its turn.
    public let isResponse: Bool

    public init(text: String, isResponse: Bool) {
      (self.text, self.isResponse) = (text, isResponse)
    }
  }

  /// In order; none is empty, and their texts in a row are the whole text.
  public let segments: [Segment]

  public init(segments: [Segment]) { self.segments = segments.filter { !$0.text.isEmpty } }

  public var text: String { segments.map(\.text).joined() }
}

extension ChatTemplate {
  /// The rendering of a conversation with the assistant's messages marked, for training that counts only those.
  ///
  /// The response to the messages before an assistant's message is what its rendering adds to theirs with the
  /// generation prompt. Where every rendering begins with the shorter ones, the result is one text. Some templates
  /// write earlier turns differently (Qwen 3 and DeepSeek-R1 leave out what was thought in them); then there is one
  /// text for every assistant's message, with all before it as it is written at that turn.
  ///
  /// - Throws: ``LanguageError`` as ``render(_:addingGenerationPrompt:variables:)``; `badValue` where no message is
  ///   the assistant's, or where the rendering of one (named in the error) does not begin with its prompt.
  public func turns(_ messages: [ChatMessage], variables: [String: JSONValue] = [:]) throws(LanguageError)
    -> [ChatText]
  {
    let variables = variables.mapValues { ExactJSON($0) }
    var turns: [(prompt: String, whole: String)] = []
    for (i, message) in messages.enumerated() where message.role == "assistant" {
      let place = "message \(i + 1) of \(messages.count)"
      let prompt = try at(place) { () throws(LanguageError) in try render(messages[..<i], true, variables) }
      let whole = try at(place) { () throws(LanguageError) in try render(messages[...i], false, variables) }
      guard whole.utf8.starts(with: prompt.utf8) else {
        throw LanguageError(
          .badValue, file: program.file, place: place,
          found:
            "a rendering that does not begin with that of the messages before it and the generation prompt",
          expected: "one that does: what the assistant wrote cannot be told from its prompt")
      }
      turns.append((prompt, whole))
    }
    guard !turns.isEmpty else {
      throw LanguageError(
        .badValue, file: program.file, found: "\(messages.count) messages, none of the assistant",
        expected: "at least one with the role assistant")
    }
    let whole = try render(messages[...], false, variables)
    if let text = Self.joined(turns, whole) { return [text] }
    return turns.map { turn in
      ChatText(segments: [
        .init(text: turn.prompt, isResponse: false),
        .init(text: Self.rest(of: turn.whole, after: turn.prompt), isResponse: true),
      ])
    }
  }

  /// Errors of a part of a conversation say which message it ends with.
  private func at(_ place: String, _ body: () throws(LanguageError) -> String) throws(LanguageError) -> String
  {
    do {
      return try body()
    } catch {
      throw LanguageError(
        error.kind, file: error.file, place: [error.place, place].compactMap { $0 }.joined(separator: ", "),
        found: error.found, expected: error.expected)
    }
  }

  /// The turns as one text; nil where a longer rendering does not begin with a shorter one.
  private static func joined(_ turns: [(prompt: String, whole: String)], _ whole: String) -> ChatText? {
    var segments: [ChatText.Segment] = []
    var before = ""
    for turn in turns {
      guard turn.prompt.utf8.starts(with: before.utf8) else { return nil }
      segments.append(.init(text: rest(of: turn.prompt, after: before), isResponse: false))
      segments.append(.init(text: rest(of: turn.whole, after: turn.prompt), isResponse: true))
      before = turn.whole
    }
    guard whole.utf8.starts(with: before.utf8) else { return nil }
    segments.append(.init(text: rest(of: whole, after: before), isResponse: false))
    return ChatText(segments: segments)
  }

  private static func rest(of text: String, after start: String) -> String {
    // By bytes: a letter and an accent after it are one character to Swift.
    String(decoding: text.utf8.dropFirst(start.utf8.count), as: UTF8.self)
  }
}
