import Foundation
import Language
import Testing
import Torch

@Suite("Follow-ups as a reward")
struct FollowUpRewardTests {
  private func loaded(context: Int = 160) throws -> PretrainedModel {
    let tokenizer = try Tokenizer.characters(of: [
      "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ:!?.,'\n⟦⟧-"
    ])
    var random = RandomSource(seed: 1)
    let shape = TransformerConfiguration.llama(
      vocabularySize: tokenizer.vocabularySize, width: 16, layers: 2, heads: 2, contextLength: context)
    let end = tokenizer.id(of: "<|endoftext|>")
    let model = try PretrainedModel(
      model: Transformer(shape, using: &random), tokenizer: tokenizer, endTokens: end.map { [$0] } ?? [])
    model.chatTemplate = .plain(specialTokens: model.specialTokenTexts)
    return model
  }

  private let few = FollowUps([
    .init(name: "right", positive: ["yes.", "that is right."], negative: ["no.", "that is wrong."]),
    .init(name: "fun", positive: ["how nice!"], negative: ["how dull!", "how odd!", "no fun."]),
  ])

  private func dialogue(_ response: String) -> [ChatMessage] {
    [ChatMessage(role: "user", content: "what is it?"), ChatMessage(role: "assistant", content: response)]
  }

  @Test("rewards are those of every follow-up read by itself behind the user's header")
  func alone() throws {
    let scorer = try loaded()
    let reward = try FollowUpReward(scorer: scorer, followUps: few)
    let dialogues = [dialogue("a cat"), dialogue("a dog, I think")]
    let found = try reward.rewards(dialogues)
    for (dialogue, reading) in zip(dialogues, found) {
      func value(_ text: String) throws -> Double {
        let marked = try scorer.chatTemplate!.render(
          dialogue + [ChatMessage(role: "user", content: "Z")], addingGenerationPrompt: false)
        let before = String(marked[..<marked.range(of: "Z", options: .backwards)!.lowerBound])
        let tokens = scorer.tokenizer.encode(text, addingSpecialTokens: false)
        let score = try scorer.model.score([
          ScoringItem(
            prompt: scorer.tokenizer.encode(before, addingSpecialTokens: false), continuations: [tokens])
        ])[0][0]
        return score.logLikelihood / Double(tokens.count)
      }
      let categories = try few.categories.map { category in
        let (p, n) = (try category.positive.map(value), try category.negative.map(value))
        return p.reduce(0, +) / Double(p.count) - n.reduce(0, +) / Double(n.count)
      }
      #expect(abs(reading.reward - categories.reduce(0, +) / 2) < 1e-5)
      #expect(reading.droppedMessages == 0)
    }
  }

  @Test(
    "order and repetition change nothing; exchanged lists change the sign; one list alone is half the story")
  func invariance() throws {
    let scorer = try loaded()
    func reward(_ followUps: FollowUps, _ change: (inout FollowUpReward) -> Void = { _ in }) throws -> Double
    {
      var reward = try FollowUpReward(scorer: scorer, followUps: followUps)
      change(&reward)
      return try reward.rewards([dialogue("a cat")])[0].reward
    }
    let plain = try reward(few)
    let turned = FollowUps(
      few.categories.reversed().map {
        .init(name: $0.name, positive: $0.positive.reversed() + $0.positive, negative: $0.negative.reversed())
      })
    #expect(abs(try reward(turned) - plain) < 1e-6)
    let exchanged = FollowUps(
      few.categories.map { .init(name: $0.name, positive: $0.negative, negative: $0.positive) })
    #expect(abs(try reward(exchanged) + plain) < 1e-6)
    let halves = try [FollowUpAggregation.Polarity.positive, .negative].map { polarity in
      try reward(few) { $0.aggregation.polarity = polarity }
    }
    #expect(abs(halves[0] + halves[1] - plain) < 1e-6)
    // Without what the context says by itself: rewards of one context differ by a constant.
    func both(_ subtracts: Bool) throws -> [Double] {
      var reward = try FollowUpReward(scorer: scorer, followUps: few)
      reward.subtractsContext = subtracts
      return try reward.rewards([dialogue("a cat"), dialogue("a dog")]).map(\.reward)
    }
    let (with, without) = (try both(false), try both(true))
    #expect(abs((with[0] - with[1]) - (without[0] - without[1])) < 1e-6)
    #expect(abs(with[0] - without[0]) > 1e-9)
  }

  @Test("the oldest messages make room, the last two never")
  func truncation() throws {
    let scorer = try loaded(context: 100)
    let reward = try FollowUpReward(scorer: scorer, followUps: few)
    let old = (0..<3).flatMap { _ in dialogue("an old response") }
    let reading = try reward.rewards([old + dialogue("a cat")])[0]
    #expect(reading.droppedMessages > 0 && reading.droppedMessages % 2 == 0)
    let kept = Array((old + dialogue("a cat")).dropFirst(reading.droppedMessages))
    #expect(abs(try reward.rewards([kept])[0].reward - reading.reward) < 1e-6)
    let error = #expect(throws: LanguageError.self) {
      try reward.rewards([dialogue(String(repeating: "long ", count: 30))]) { "line \($0 + 1)" }
    }
    #expect(error!.kind == .tooLong && "\(error!)".contains("line 1"))
  }

  @Test("what cannot be scored is refused and named")
  func refusals() throws {
    let scorer = try loaded()
    let reward = try FollowUpReward(scorer: scorer, followUps: few)
    let asks = #expect(throws: LanguageError.self) {
      try reward.rewards([[ChatMessage(role: "user", content: "hm?")]])
    }
    #expect("\(asks!)".contains("ends with user"))
    let unknown = #expect(throws: LanguageError.self) { try few.only(["right", "speed"]) }
    #expect("\(unknown!)".contains("\"speed\"") && "\(unknown!)".contains("right, fun"))
    var one = try FollowUpReward(
      scorer: scorer, followUps: FollowUps([.init(name: "x", positive: ["yes."], negative: [])]))
    #expect(throws: LanguageError.self) { try one.rewards([dialogue("a cat")]) }
    one.aggregation.polarity = .positive
    #expect(try one.rewards([dialogue("a cat")])[0].reward < 0)
    scorer.chatTemplate = nil
    let none = #expect(throws: LanguageError.self) { try FollowUpReward(scorer: scorer) }
    #expect("\(none!)".contains("chat template"))
  }

  private func file<Result>(_ text: String, _ body: (URL) throws -> Result) throws -> Result {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).jsonl")
    try Data(text.utf8).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    return try body(url)
  }

  @Test("lists of follow-ups are read, without repetitions and curved apostrophes")
  func lists() throws {
    let found = try file(
      #"{"x": {"positive": ["It’s so.", "It's so.", " ok "], "negative": ["no"]}, "y": {"negative": ["bad"]}}"#
    ) { try FollowUps(contentsOf: $0) }
    #expect(found.categories[0].positive == ["It's so.", "ok"])
    #expect(found.categories[1].positive.isEmpty && found.categories[1].negative == ["bad"])
    for bad in ["[]", "{}", #"{"x": []}"#, #"{"x": {"positive": [1]}}"#, #"{"x": {}}"#, "{"] {
      #expect(throws: LanguageError.self) { try file(bad) { try FollowUps(contentsOf: $0) } }
    }
    for category in FollowUps.standard.categories {
      #expect(category.positive.count == 10 && category.negative.count == 10)
    }
    #expect(FollowUps.standard.categories.count == 6)
  }

  @Test("dialogues are read in every form, and their mistakes named by line")
  func dialogues() throws {
    let records = try file(
      """
      {"dialogue": ["hello", "hi", "who?", "me"], "rating": 4}
      {"dialogue": ["hello", "hi", "who?"]}
      {"prompt": "who?", "response": ["me", "you"], "rating": [1, 2.5]}
      {"prompt": "who?", "chosen": "me", "rejected": "you"}
      {"messages": [{"role": "user", "content": "who?"}, {"role": "assistant", "content": "me"}]}
      """
    ) { try DialogueRecord.read($0) }
    #expect(records.map { $0.dialogues.count } == [1, 1, 2, 2, 1])
    #expect(records[0].dialogues[0].map(\.role) == ["user", "assistant", "user", "assistant"])
    // Of three utterances the last is the assistant's, so that the first would be, too.
    #expect(records[1].dialogues[0].map(\.content) == ["hi", "who?"])
    #expect(records.map(\.isPair) == [false, false, false, true, false])
    #expect(records[0].ratings == [4] && records[2].ratings == [1, 2.5])
    for bad in [
      #"{"messages": [{"role": "user", "content": "who?"}]}"#, #"{"prompt": "a"}"#, #"{"x": 1}"#,
      #"{"prompt": "a", "response": "b", "rating": [1, 2]}"#, #"{"prompt": "a", "chosen": "b"}"#,
      #"{"dialogue": []}"#, #"{"prompt": "a", "response": "b", "rating": "good"}"#,
    ] {
      let error = #expect(throws: LanguageError.self) { try file(bad) { try DialogueRecord.read($0) } }
      #expect("\(error!)".contains(":1"))
    }
  }

  @Test("the best and the worst response make a pair, unless nothing parts them")
  func mining() {
    let pair = MinedPair(rewards: [1, 3, -2, 0], responses: ["a", "b", "c", "d"])
    #expect(pair?.chosen == 1 && pair?.rejected == 2 && pair?.gap == 5)
    #expect(MinedPair(rewards: [1, 3], responses: ["a", "a"]) == nil)
    #expect(MinedPair(rewards: [1, 1], responses: ["a", "b"]) == nil)
    #expect(MinedPair(rewards: [1, 1.5], responses: ["a", "b"], minimumGap: 1) == nil)
    #expect(MinedPair(rewards: [1], responses: ["a"]) == nil)
    #expect(RewardEvaluation.accuracy(chosen: [1, 2, 3], rejected: [0, 2, 4]) == [1, 0.5, 0])
    #expect(RewardEvaluation.centred([[1, 3], [10, 10]]) == [-1, 1, 0, 0])
  }
}
