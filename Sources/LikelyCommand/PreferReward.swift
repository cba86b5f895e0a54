import ArgumentParser
import Foundation
import Likely

extension FollowUpAggregation.Tokens: ExpressibleByArgument {}
extension FollowUpAggregation.Lists: ExpressibleByArgument {}
extension FollowUpAggregation.Polarity: ExpressibleByArgument {}
extension FollowUpReward.Format: ExpressibleByArgument {}

/// `likely prefer reward …`
struct PreferReward: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reward",
    abstract:
      "Rewards of responses: from what a user would say next, or from a model trained on preferences.",
    discussion: """
      Example:
        likely prefer reward follow-up runs/little --data prefs.jsonl --out r.jsonl
      """,
    subcommands: [RewardFollowUp.self, RewardTrain.self, RewardScore.self])
}

/// How follow-ups make a reward, on the command line.
struct FollowUpArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "JSON with follow-ups by category; our own six categories if left out.", valueName: "file.json"))
  var followups: String?

  @Option(help: ArgumentHelp("Categories that count, between commas; all if left out.", valueName: "names"))
  var categories: String?

  @Option(help: ArgumentHelp("What a follow-up's tokens make: mean or sum.", valueName: "kind"))
  var aggregate = FollowUpAggregation.Tokens.mean

  @Option(help: ArgumentHelp("What a list makes: mean or log-mean-exp.", valueName: "kind"))
  var lists = FollowUpAggregation.Lists.mean

  @Option(help: ArgumentHelp("Lists that count: both, positive or negative.", valueName: "kind"))
  var polarity = FollowUpAggregation.Polarity.both

  @Option(
    help: ArgumentHelp(
      "Who says the follow-up: user, or feedback, for a scorer tuned on comments.", valueName: "kind"))
  var format = FollowUpReward.Format.user

  @Flag(help: "Take off what the context alone makes of the follow-ups.")
  var subtractContext = false

  func reward(_ scorer: PretrainedModel) throws -> FollowUpReward {
    var list = FollowUps.standard
    if let followups { list = try FollowUps(contentsOf: URL(argument: followups)) }
    if let categories { list = try list.only(categories.listed) }
    var reward = try FollowUpReward(scorer: scorer, followUps: list)
    (reward.aggregation.tokens, reward.aggregation.lists) = (aggregate, lists)
    (reward.aggregation.polarity, reward.format) = (polarity, format)
    reward.subtractsContext = subtractContext
    return reward
  }
}

/// `likely prefer reward follow-up`
struct RewardFollowUp: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "follow-up",
    abstract: "Rewards responses by how likely a chat model finds pleased replies to them, without labels.",
    discussion: """
      Example:
        likely prefer reward follow-up runs/little --data prefs.jsonl --out r.jsonl
      """)

  @OptionGroup var model: LanguageModelArgument

  @Option(
    help: ArgumentHelp(
      "JSON lines with messages, a dialogue (list of texts), a prompt with responses, or chosen and rejected.",
      valueName: "file.jsonl"))
  var data: String

  @OptionGroup var followUps: FollowUpArguments

  @OptionGroup var chatTemplate: ChatTemplateArgument

  @Option(help: ArgumentHelp("Tokens that are read side by side.", valueName: "n"))
  var batchTokens = 8192

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .jsonl.", valueName: "file.jsonl"))
  var out: String

  func validate() throws {
    guard batchTokens >= 1 else { throw ValidationError("--batch-tokens \(batchTokens): at least 1") }
  }

  func run() throws {
    try requireTextFile(out)
    _ = common.start()
    let records = try DialogueRecord.read(URL(argument: data))
    let scorer = try model.load(on: common.target)
    try chatTemplate.apply(to: scorer)
    if scorer.chatTemplate == nil {
      tell("likely: the model has no chat template; dialogues are written by the plain one (--chat-template)")
      scorer.chatTemplate = .plain(specialTokens: scorer.specialTokenTexts)
    }
    let reward = try followUps.reward(scorer)
    let places = records.flatMap { record in record.dialogues.map { _ in "\(data):\(record.line)" } }
    let readings = try reward.rewards(
      records.flatMap(\.dialogues), tokensPerBatch: batchTokens, place: { places[$0] })
    var rest = readings[...]
    let groups = records.map { record in
      defer { rest = rest.dropFirst(record.dialogues.count) }
      return Array(rest.prefix(record.dialogues.count))
    }
    let objects = zip(records, groups).flatMap { record, found in
      found.enumerated().map { Self.object(record, $0, $1) }
    }
    try writeTexts(objects, to: out)
    let cut = readings.count { $0.droppedMessages > 0 }
    if cut > 0 {
      tell("likely: the oldest messages of \(cut) dialogues were left out for the model's context")
    }
    print("\(readings.count) responses, mean reward \(formatNumber(mean(readings.map(\.reward))))")
    let rewards = groups.map { $0.map(\.reward) }
    RewardSummary.printAll(records, rewards)
    let names = readings.first?.score.categories.map(\.name) ?? []
    if records.contains(where: \.isPair), names.count > 1 {
      for (i, name) in names.enumerated() {
        let own = groups.map { $0.map { $0.score.categories[i].reward ?? .nan } }
        RewardSummary.printAccuracy(records, own, of: name)
      }
    }
    print("rewards: \(out)")
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }

  private static func object(_ record: DialogueRecord, _ response: Int, _ reading: FollowUpReward.Reading)
    -> JSONValue
  {
    func mean(_ values: [Double]) -> JSONValue {
      values.isEmpty ? .null : .number(values.reduce(0, +) / Double(values.count))
    }
    return [
      "line": .integer(record.line), "response": .integer(response), "reward": .number(reading.reward),
      "tokens": .integer(reading.tokens), "dropped_messages": .integer(reading.droppedMessages),
      "categories": .object(
        .init(
          uniqueKeysWithValues: reading.score.categories.map { category in
            (
              category.name,
              [
                "reward": category.reward.map { .number($0) } ?? .null, "positive": mean(category.positive),
                "negative": mean(category.negative),
              ] as JSONValue
            )
          })),
    ]
  }
}

/// What rewards say of pairs and ratings.
enum RewardSummary {
  /// - Parameter rewards: one a response, by record.
  static func printAll(_ records: [DialogueRecord], _ rewards: [[Double]]) {
    printAccuracy(records, rewards, of: nil)
    // How much of the rewards is the prompt's: a bias that pairs do not show.
    let sizes = Set(rewards.map(\.count))
    if rewards.count >= 3, sizes.count == 1, sizes.first! >= 2 {
      let correlation = intraclassCorrelation(rewards)
      if correlation.isFinite { print("intraclass correlation by prompt: \(formatNumber(correlation))") }
    }
    let rated = zip(records, rewards).filter { $0.0.ratings != nil }
    guard rated.reduce(0, { $0 + $1.1.count }) >= 3 else { return }
    let centres = rated.allSatisfy { $0.1.count > 1 }
    func values(_ groups: [[Double]]) -> [Double] {
      centres ? RewardEvaluation.centred(groups) : groups.flatMap { $0 }
    }
    let (x, y) = (values(rated.map(\.1)), values(rated.map { $0.0.ratings! }))
    let found = [
      ("Pearson", Correlation.pearson(x, y)), ("Spearman", Correlation.spearman(x, y)),
      ("Kendall", Correlation.kendall(x, y)),
    ].map { "\($0) \(formatNumber($1.value))" }
    print(
      "correlation with \(x.count) ratings\(centres ? ", less the means of prompts" : ""): \(found.joined(separator: ", "))"
    )
  }

  static func printAccuracy(_ records: [DialogueRecord], _ rewards: [[Double]], of category: String?) {
    let pairs = zip(records, rewards).filter { $0.0.isPair }.map(\.1)
    guard !pairs.isEmpty else { return }
    let right = RewardEvaluation.accuracy(chosen: pairs.map { $0[0] }, rejected: pairs.map { $0[1] })
    print(
      "\(category.map { "  \($0): " } ?? "")\(told(Estimate(meanOf: right))) of \(right.count) pairs ranked right"
    )
  }
}

/// `likely prefer reward train`
struct RewardTrain: TrainingCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a reward model on preferences: one number a text, higher for what is preferred.",
    discussion: """
      Example:
        likely prefer reward train --model runs/little --data prefs.jsonl --out rm
      """)

  @Option(
    help: ArgumentHelp(
      "Hugging Face folder, or run folder of `lm train`; needed unless --resume.", valueName: "folder"))
  var model: String?

  @Option(
    help: ArgumentHelp(
      "JSON lines with a prompt, a chosen and a rejected response; needed unless --resume.",
      valueName: "file.jsonl"))
  var data: String?

  @OptionGroup var chatTemplate: ChatTemplateArgument

  @Option(help: ArgumentHelp("Passes over the pairs.", valueName: "n"))
  var epochs = 1.0

  @Option(help: ArgumentHelp("Steps, in place of passes.", valueName: "n"))
  var steps: Int?

  @Option(help: ArgumentHelp("Pairs a step.", valueName: "n"))
  var batch = 8

  @Option(help: ArgumentHelp("Learning rate at its highest.", valueName: "rate"))
  var lr = 1e-5

  @OptionGroup var loop: TextLoopArguments

  @OptionGroup var common: CommonOptions

  @OptionGroup var destination: RunDestination

  func validate() throws {
    try requireData()
    guard destination.resume || model != nil else {
      throw ValidationError("Missing expected argument '--model <folder>'")
    }
    guard epochs > 0, epochs.isFinite else { throw ValidationError("--epochs \(epochs): above 0") }
    if let steps, steps < 1 { throw ValidationError("--steps \(steps): at least 1") }
  }

  mutating func run() throws {
    self = try resumed()
    _ = common.start()
    let loaded = try PretrainedModel(folder: URL(argument: model ?? ""))
    loaded.model.move(device: common.target)
    try chatTemplate.apply(to: loaded)
    let found = try loaded.preferences(contentsOf: URL(argument: data ?? ""))
    for sentence in found.omissions { tell("likely: left out: \(sentence)") }
    var options = PreferenceOptions()
    (options.batchSize, options.learningRate, options.seed) = (batch, lr, common.seed)
    options.validationFraction = loop.validation
    let trained = max(1, found.pairs.count - Int(Double(found.pairs.count) * loop.validation))
    let count = steps ?? PreferenceTraining.steps(pairs: trained, epochs: epochs, batchSize: batch)
    options.training = TrainingOptions(
      steps: count, schedule: .cosine(floor: 0.1), warmUp: min(10, count / 10), clipNorm: 1,
      validateEvery: min(loop.validateEvery, max(1, count / 20)), checkpointEvery: loop.checkpointEvery,
      precision: loop.precision)
    let training = try RewardModelTraining(loaded.model, pairs: found.pairs, options: options)
    let (run, result) = try train(steps: count) {
      try training.fit(run: $0, resuming: $1, progress: $2, interruption: $3)
    }
    try training.classifier.write(to: run.url)
    try loaded.tokenizer.write(to: run.url.appending(path: "tokenizer.json"))
    try loaded.chatTemplate?.write(to: run.url)
    print(
      "\(result.steps) steps on \(training.pairs.count) pairs, best after \(result.best?.step ?? result.steps)"
    )
    print("ranked right: \(formatNumber(training.accuracy(on: training.pairs))) of the pairs trained on")
    if !training.heldOut.isEmpty {
      let right = training.accuracy(on: training.heldOut)
      print("ranked right: \(formatNumber(right)) of \(training.heldOut.count) held-out pairs")
    }
    print("reward model: \(destination.out)")
  }
}

/// `likely prefer reward score`
struct RewardScore: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Rewards responses by a trained reward model, a command, or their length.",
    discussion: """
      Example:
        likely prefer reward score --judge length --data prefs.jsonl
      """)

  @Option(
    help: ArgumentHelp(
      "length, model:FOLDER, follow-up:FOLDER, or command:PROGRAM, which gives a number a line.",
      valueName: "judge"))
  var judge: String

  @Option(
    help: ArgumentHelp(
      "JSON lines with a prompt and responses, or chosen and rejected.", valueName: "file.jsonl"))
  var data: String

  @Option(help: ArgumentHelp("Seconds that a command may take for all responses.", valueName: "s"))
  var judgeTimeLimit = 60.0

  @OptionGroup var common: CommonOptions

  @Option(
    help: ArgumentHelp("File to write, .jsonl; prints the rewards if left out.", valueName: "file.jsonl"))
  var out: String?

  func run() throws {
    if let out { try requireTextFile(out) }
    _ = common.start()
    let records = try DialogueRecord.read(URL(argument: data))
    let kind = try JudgeKind(judge, option: "--judge", timeLimit: judgeTimeLimit, device: common.target)
    func text(_ dialogue: [ChatMessage]) -> String {
      dialogue.dropLast().compactMap(\.content).joined(separator: "\n")
    }
    let dialogues = records.flatMap(\.dialogues)
    let responses = dialogues.map { $0.last?.content ?? "" }
    // Without a tokeniser a response is as long as its words.
    let words = responses.map { Array(0..<$0.split(whereSeparator: \.isWhitespace).count) }
    let places = records.flatMap { record in record.dialogues.map { _ in "\(data):\(record.line)" } }
    let rewards = try kind.rewards(
      dialogues.map(text), responses, tokens: words, place: { places[$0] })
    var rest = rewards[...]
    let groups = records.map { record in
      defer { rest = rest.dropFirst(record.dialogues.count) }
      return Array(rest.prefix(record.dialogues.count))
    }
    let objects = zip(records, groups).flatMap { record, found in
      found.enumerated().map {
        ["line": .integer(record.line), "response": .integer($0), "reward": .number($1)] as JSONValue
      }
    }
    if let out { try writeTexts(objects, to: out) } else { for object in objects { print(object.compact) } }
    RewardSummary.printAll(records, groups)
    if let out { print("rewards: \(out)") }
  }
}
