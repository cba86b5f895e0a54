import Foundation

extension PretrainedModel {
  /// The tokens of a text with nothing added; an empty text has none.
  func plainTokens(_ text: String) -> [Int] { tokenizer.encode(text, addingSpecialTokens: false) }

  /// The template for conversations.
  ///
  /// - Throws: ``LanguageError`` where the model has none.
  public func requireChatTemplate() throws(LanguageError) -> ChatTemplate {
    guard let chatTemplate else {
      throw LanguageError(
        .missing, file: "chat_template.jinja", found: "no chat template in the model's folder",
        expected: "one, or to be told which: a file, or the plain one")
    }
    return chatTemplate
  }

  /// Texts to be fine-tuned on: what a model would have written counts, and what it was told does not.
  ///
  /// A text for every response to a prompt, with the token that ends texts; a conversation is one text, where its
  /// template lets it, in which what the assistant says counts.
  ///
  /// - Parameter file: that the record is from, for messages.
  /// - Throws: ``LanguageError`` with file and line.
  public func weightedTexts(_ record: TextRecord, file: String) throws(LanguageError) -> [WeightedText] {
    let place = "\(file):\(record.line)"
    if !record.messages.isEmpty {
      return try turns(record.messages, at: place).map { text in
        var result = WeightedText(tokens: [], weights: [])
        for segment in text.segments {
          let tokens = plainTokens(segment.text)
          result.tokens += tokens
          result.weights += Array(repeating: segment.isResponse ? 1 : 0, count: tokens.count)
        }
        return result
      }
    }
    let end = endTokens.prefix(1)
    var texts: [WeightedText] = []
    for response in record.responses {
      let tokens = plainTokens(response) + end
      let isWhole = record.prompt.isEmpty && beginToken == nil && endTokens.isEmpty
      let prompt = isWhole ? [] : try promptTokens(record.prompt, at: place)
      texts.append(WeightedText(prompt: prompt, response: tokens))
    }
    return texts
  }

  /// A prompt with its responses, whose probability is asked for; of a conversation the assistant's last message is the
  /// response. A plain text of a model without a token that begins texts is scored from its second token on.
  ///
  /// - Throws: ``LanguageError`` with file and line.
  public func scoringItem(_ record: TextRecord, file: String) throws(LanguageError) -> ScoringItem {
    let place = "\(file):\(record.line)"
    if !record.messages.isEmpty { return try conversationItem(record.messages, at: place) }
    let responses = record.responses.map(plainTokens)
    if record.prompt.isEmpty, beginToken == nil, endTokens.isEmpty, responses.count == 1,
      let first = responses[0].first
    {
      return ScoringItem(prompt: [first], continuations: [Array(responses[0].dropFirst())])
    }
    return ScoringItem(prompt: try promptTokens(record.prompt, at: place), continuations: responses)
  }

  /// The tokens of a conversation up to where the assistant's next message begins.
  ///
  /// - Throws: ``LanguageError``.
  public func promptTokens(_ messages: [ChatMessage], at place: String = "messages") throws(LanguageError)
    -> [Int]
  {
    let template = try requireChatTemplate()
    let text = try located(place) { () throws(LanguageError) in
      try template.render(messages, addingGenerationPrompt: true)
    }
    return plainTokens(text)
  }

  /// What the assistant says last in a conversation, and all before it as its prompt.
  func conversationItem(_ messages: [ChatMessage], at place: String) throws(LanguageError) -> ScoringItem {
    let segments = try turns(messages, at: place).last?.segments ?? []
    let last = segments.lastIndex(where: \.isResponse) ?? 0
    return ScoringItem(
      prompt: segments[..<last].flatMap { plainTokens($0.text) },
      continuations: [plainTokens(segments[last].text)])
  }

  private func turns(_ messages: [ChatMessage], at place: String) throws(LanguageError) -> [ChatText] {
    let template = try requireChatTemplate()
    return try located(place) { () throws(LanguageError) in try template.turns(messages) }
  }
}

/// Runs `body`, whose errors get a file and line before their own place.
func located<Result>(_ file: String, _ body: () throws(LanguageError) -> Result) throws(LanguageError)
  -> Result
{
  do {
    return try body()
  } catch {
    throw LanguageError(
      error.kind, file: file, place: [error.file, error.place].compactMap { $0 }.joined(separator: ", "),
      found: error.found, expected: error.expected)
  }
}
