import Foundation
import Torch

/// Rewards responses without any labels: a chat model finds the replies of a pleased user more likely behind a good
/// response than those of a displeased one (Zhang et al. 2025).
///
/// Rewards compare responses to the same context; what a context alone makes of the follow-ups does not cancel between
/// contexts.
public struct FollowUpReward {
  public let scorer: PretrainedModel
  public var followUps: FollowUps
  public var aggregation = FollowUpAggregation()
  public var format = Format.user
  /// Whether what the context alone makes of the follow-ups is taken off, so that rewards of different contexts can be
  /// compared.
  public var subtractsContext = false

  /// Who says the follow-up.
  public enum Format: String, Sendable, Hashable, CaseIterable {
    /// The user, next.
    case user
    /// The assistant, which has asked the question and was answered by the user: for scorers that were tuned on feedback
    /// in that form, see ``FollowUpReward/feedback(query:response:comment:)``.
    case feedback
  }

  /// - Throws: ``LanguageError`` where the scorer has no chat template.
  public init(scorer: PretrainedModel, followUps: FollowUps = .standard) throws(LanguageError) {
    _ = try scorer.requireChatTemplate()
    (self.scorer, self.followUps) = (scorer, followUps)
  }

  /// What became of one dialogue.
  public struct Reading: Sendable, Hashable {
    public var score: FollowUpScore
    /// Of the dialogue, up to the follow-up.
    public var tokens: Int
    /// Messages from the beginning that were left out for the model's context.
    public var droppedMessages: Int
    public var reward: Double
  }

  /// - Parameter place: of a dialogue, for errors.
  /// - Throws: ``LanguageError`` where a dialogue does not end with the assistant, or its last two messages with a
  ///   follow-up are longer than the model's context.
  public func rewards(
    _ dialogues: [[ChatMessage]], tokensPerBatch: Int = 8192, place: (Int) -> String = { "dialogue \($0)" }
  ) throws(LanguageError) -> [Reading] {
    var prepared: [(tokens: [Int], followUps: FollowUpTokens)] = []
    var dropped: [Int] = []
    for (i, dialogue) in dialogues.enumerated() {
      guard dialogue.last?.role == "assistant" else {
        throw LanguageError(
          .badValue, file: place(i), found: "a dialogue that ends with \(dialogue.last?.role ?? "nothing")",
          expected: "one that ends with the assistant's message")
      }
      let fitting = try fitted(dialogue, at: place(i))
      prepared.append((fitting.tokens, fitting.followUps))
      dropped.append(fitting.dropped)
    }
    let scores = try scorer.model.scores(
      of: prepared, aggregation: aggregation, tokensPerBatch: tokensPerBatch)
    let without = subtractsContext ? try contextRewards(dialogues, tokensPerBatch, place) : []
    return scores.indices.map { i in
      Reading(
        score: scores[i], tokens: prepared[i].tokens.count, droppedMessages: dropped[i],
        reward: scores[i].reward - (subtractsContext ? without[i] : 0))
    }
  }

  /// Rewards of the dialogues with their last response empty.
  private func contextRewards(
    _ dialogues: [[ChatMessage]], _ tokensPerBatch: Int, _ place: (Int) -> String
  ) throws(LanguageError) -> [Double] {
    var prepared: [(tokens: [Int], followUps: FollowUpTokens)] = []
    for (i, dialogue) in dialogues.enumerated() {
      let bare = dialogue.dropLast() + [ChatMessage(role: "assistant", content: "")]
      let fitting = try fitted(Array(bare), at: place(i))
      prepared.append((fitting.tokens, fitting.followUps))
    }
    return try scorer.model.scores(of: prepared, aggregation: aggregation, tokensPerBatch: tokensPerBatch)
      .map(\.reward)
  }

  /// A dialogue as tokens up to the follow-up, and the follow-ups' tokens there; the oldest messages are left out until it
  /// fits.
  private func fitted(_ dialogue: [ChatMessage], at place: String) throws(LanguageError) -> (
    tokens: [Int], followUps: FollowUpTokens, dropped: Int
  ) {
    var messages = dialogue
    while true {
      let (tokens, followUps) = try rendered(messages, at: place)
      let longest = followUps.all.map(\.count).max() ?? 0
      if scorer.model.fits(tokens.count + longest) {
        return (tokens, followUps, dialogue.count - messages.count)
      }
      let start = messages.first?.role == "system" ? 1 : 0
      guard format == .user, messages.count - start > 2 else {
        throw LanguageError(
          .tooLong, file: place, found: "\(tokens.count + longest) tokens with the longest follow-up",
          expected:
            "at most the model's \(scorer.model.contextLength ?? 0) positions; shorten the last two messages")
      }
      // A user's message and its response together, so that roles stay in turn.
      messages.removeSubrange(start..<min(start + 2, messages.count - 2))
    }
  }

  private func rendered(_ messages: [ChatMessage], at place: String) throws(LanguageError) -> (
    [Int], FollowUpTokens
  ) {
    // Where the follow-up goes is found by a text that stands nowhere else.
    let mark = "⟦follow-up⟧"
    let template = try scorer.requireChatTemplate()
    let conversation: [ChatMessage]
    switch format {
    case .user: conversation = messages + [ChatMessage(role: "user", content: mark)]
    case .feedback:
      conversation = Self.feedback(
        query: messages.last { $0.role == "user" }?.content ?? "",
        response: messages.last?.content ?? "", comment: mark)
    }
    let text = try located(place) { () throws(LanguageError) in
      try template.render(conversation, addingGenerationPrompt: false)
    }
    guard let range = text.range(of: mark, options: .backwards) else {
      throw LanguageError(
        .badValue, file: place, found: "a chat template that does not print the user's last message",
        expected: "one that does, such as the plain one")
    }
    let before = String(text[..<range.lowerBound])
    let tokens = scorer.plainTokens(before)
    func own(_ followUp: String) -> [Int] {
      let whole = scorer.plainTokens(before + followUp)
      // Where the first letters join the header's last token the follow-up is made tokens by itself.
      return whole.starts(with: tokens) ? Array(whole[tokens.count...]) : scorer.plainTokens(followUp)
    }
    return (
      tokens,
      FollowUpTokens(
        followUps.categories.map {
          FollowUpTokens.Category(
            name: $0.name, positive: $0.positive.map(own), negative: $0.negative.map(own))
        })
    )
  }

  /// A query, a response to it and a comment on that as a conversation whose last message is the assistant's: what a scorer
  /// is tuned on, with `likely lm finetune`.
  public static func feedback(query: String, response: String, comment: String) -> [ChatMessage] {
    [
      ChatMessage(role: "user", content: "Put a question to me, and then say what you think of my reply."),
      ChatMessage(role: "assistant", content: query), ChatMessage(role: "user", content: response),
      ChatMessage(role: "assistant", content: comment),
    ]
  }
}
