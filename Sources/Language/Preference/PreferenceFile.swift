import Files
import Foundation

/// The keys that preferences have in a JSON-lines file.
public struct PreferenceKeys: Sendable, Hashable {
  /// Of a text, or of a list of messages; left out where responses are whole conversations.
  public var prompt = "prompt"
  /// Of a text, of the assistant's messages, or of a whole conversation.
  public var chosen = "chosen"
  public var rejected = "rejected"
  /// Of the responses' scores, which may be left out: equal ones are a tie.
  public var chosenScore = "score_chosen"
  public var rejectedScore = "score_rejected"
  /// Of a response that was judged by itself, and of whether it is good.
  public var response = "response"
  public var label = "label"

  public init() {}
}

extension PretrainedModel {
  /// Reads preferences, one a line, as tokens of this model.
  ///
  /// A response in texts ends with the token that ends texts, where the model has one, and is made tokens by itself, so
  /// that its first token never joins the prompt's last. Conversations are written by the chat template; what the
  /// assistant says last is the response. Ties are left out like lines that say nothing.
  ///
  /// A file may have a `response` with a `label`, true or false, in every line instead: the n-th good response makes a pair
  /// with the n-th bad one, those of the smaller group coming again, so that both groups count alike. Objectives that rank
  /// points take them.
  /// - Parameters:
  ///   - endsTexts: whether the token that ends texts is added to responses in texts.
  ///   - contextLength: the most tokens of a text; the model's when `nil`.
  /// - Throws: ``LanguageError`` with file and line.
  public func preferences(
    contentsOf url: URL, keys: PreferenceKeys = PreferenceKeys(), endsTexts: Bool = true,
    contextLength: Int? = nil
  ) throws(LanguageError) -> PreferencePairs {
    let file = url.path
    guard let data = FileManager.default.contents(atPath: file) else {
      throw LanguageError(.missing, file: file, found: "no file that can be read", expected: "JSON lines")
    }
    var (pairs, ties): ([PreferencePair], [Int]) = ([], [])
    var (good, bad): ([Judged], [Judged]) = ([], [])
    var kind: PreferenceLine.Kind?
    try JSONLine.forEach(in: data, file: file) { line throws(LanguageError) in
      let found = try PreferenceLine(line, keys)
      guard kind == nil || kind == found.kind else {
        throw line.failure(
          "responses that are \(found.kind.rawValue), after lines in which they are \(kind!.rawValue)",
          "one kind in a file")
      }
      kind = found.kind
      if case .judged(let prompt, let response, let isGood) = found.content {
        let judged = try judged(prompt, response, line, endsTexts: endsTexts)
        if isGood { good.append(judged) } else { bad.append(judged) }
        return
      }
      if found.isTie { ties.append(line.number) } else { pairs.append(try pair(found, endsTexts: endsTexts)) }
    }
    if kind == .judged { pairs = try paired(good, bad, file: file) }
    return PreferencePairs(pairs, contextLength: contextLength ?? model.contextLength, ties: ties)
  }

  /// A response by itself, as tokens.
  private struct Judged {
    let line: Int
    let prompt: [Int]
    let response: [Int]
  }

  private func judged(_ prompt: String, _ response: String, _ line: JSONLine, endsTexts: Bool)
    throws(LanguageError) -> Judged
  {
    Judged(
      line: line.number, prompt: try promptTokens(prompt, at: "\(line.file):\(line.number)"),
      response: responseTokens(response, endsTexts: endsTexts))
  }

  private func paired(_ good: [Judged], _ bad: [Judged], file: String) throws(LanguageError)
    -> [PreferencePair]
  {
    guard !good.isEmpty, !bad.isEmpty else {
      throw LanguageError(
        .badValue, file: file, found: "no \(good.isEmpty ? "good" : "bad") response",
        expected: "at least one of each label")
    }
    return (0..<max(good.count, bad.count)).map { i in
      let (first, second) = (good[i % good.count], bad[i % bad.count])
      var pair = PreferencePair(
        line: first.line, prompt: first.prompt, chosen: first.response, rejected: second.response)
      pair.rejectedPrompt = second.prompt
      return pair
    }
  }

  /// An empty response has no tokens.
  private func responseTokens(_ text: String, endsTexts: Bool) -> [Int] {
    text.isEmpty
      ? [] : tokenizer.encode(text, addingSpecialTokens: false) + (endsTexts ? endTokens.prefix(1) : [])
  }

  private func pair(_ line: PreferenceLine, endsTexts: Bool) throws(LanguageError) -> PreferencePair {
    let place = "\(line.line.file):\(line.line.number)"
    switch line.content {
    case .texts(let prompt, let chosen, let rejected):
      return PreferencePair(
        line: line.line.number, prompt: try promptTokens(prompt, at: place),
        chosen: responseTokens(chosen, endsTexts: endsTexts),
        rejected: responseTokens(rejected, endsTexts: endsTexts))
    case .judged: preconditionFailure("a response by itself is no pair")
    case .conversations(let chosen, let rejected):
      let first = try conversation(chosen, at: place)
      let second = try conversation(rejected, at: place)
      guard first.prompt == second.prompt else {
        throw line.line.failure(
          "conversations that differ before their last message", "the same prompt for both responses")
      }
      return PreferencePair(
        line: line.line.number, prompt: first.prompt, chosen: first.continuations[0],
        rejected: second.continuations[0])
    }
  }

  private func conversation(_ messages: [ChatMessage], at place: String) throws(LanguageError) -> ScoringItem
  {
    guard messages.last?.role == "assistant" else {
      throw LanguageError(
        .badValue, file: place, found: "a conversation that ends with \(messages.last?.role ?? "nothing")",
        expected: "one that ends with the assistant's message")
    }
    return try conversationItem(messages, at: place)
  }
}

/// What a line of preferences holds.
private struct PreferenceLine {
  enum Kind: String {
    case texts, conversations
    case judged = "judged by themselves"
  }
  enum Content {
    case judged(prompt: String, response: String, isGood: Bool)
    case texts(prompt: String, chosen: String, rejected: String)
    case conversations(chosen: [ChatMessage], rejected: [ChatMessage])
  }
  let line: JSONLine
  let content: Content
  let isTie: Bool

  var kind: Kind {
    switch content {
    case .judged: .judged
    case .texts: .texts
    case .conversations: .conversations
    }
  }

  init(_ line: JSONLine, _ keys: PreferenceKeys) throws(LanguageError) {
    self.line = line
    if let label = line[keys.label], line[keys.chosen] == nil {
      guard case .bool(let isGood) = label else {
        throw line.failure("\"\(keys.label)\" that is neither true nor false", "one of these")
      }
      guard let prompt = try line.text(keys.prompt), let response = try line.text(keys.response) else {
        throw line.failure(line.keys, "\"\(keys.prompt)\" and \"\(keys.response)\" beside the label")
      }
      content = .judged(prompt: prompt, response: response, isGood: isGood)
      isTie = false
      return
    }
    for key in [keys.chosen, keys.rejected] where line[key] == nil {
      throw line.failure(line.keys, "\"\(keys.chosen)\" and \"\(keys.rejected)\"")
    }
    let (chosen, rejected) = (line[keys.chosen]!, line[keys.rejected]!)
    isTie = try Self.isTie(line, keys)
    if case .array = chosen {
      var before: [ChatMessage] = []
      switch line[keys.prompt] {
      case nil: break
      case .string(let text)?: before = [ChatMessage(role: "user", content: text)]
      case .some(let value): before = try line.messages(value, key: keys.prompt)
      }
      let first = try line.messages(chosen, key: keys.chosen)
      let second = try line.messages(rejected, key: keys.rejected)
      // Some files repeat the prompt as the beginning of both conversations.
      func whole(_ messages: [ChatMessage]) -> [ChatMessage] {
        messages.first?.role == "assistant" ? before + messages : messages
      }
      content = .conversations(chosen: whole(first), rejected: whole(second))
      return
    }
    guard let prompt = try line.text(keys.prompt) else {
      throw line.failure(line.keys, "\"\(keys.prompt)\" beside the responses")
    }
    content = .texts(
      prompt: prompt, chosen: try line.text(keys.chosen)!, rejected: try line.text(keys.rejected)!)
  }

  private static func isTie(_ line: JSONLine, _ keys: PreferenceKeys) throws(LanguageError) -> Bool {
    func score(_ key: String) throws(LanguageError) -> Double? {
      switch line[key] {
      case nil, .null?: return nil
      case .integer(let value)?: return Double(value)
      case .number(let value)?: return value
      default: throw line.failure("\"\(key)\" that is no number", "a score")
      }
    }
    guard let chosen = try score(keys.chosenScore), let rejected = try score(keys.rejectedScore) else {
      return false
    }
    guard chosen >= rejected else {
      throw line.failure(
        "\"\(keys.chosenScore)\" \(chosen) below \"\(keys.rejectedScore)\" \(rejected)",
        "the preferred response to have the higher score")
    }
    return chosen == rejected
  }
}
