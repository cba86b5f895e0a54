import ArgumentParser
import Foundation
import Likely

/// `likely prefer mine`
struct PreferMine: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mine",
    abstract:
      "Makes preferences from a model's own responses: of several, the best and the worst by a reward.",
    discussion: """
      Example:
        likely prefer mine runs/little --prompts asked.jsonl --out mined.jsonl
      """)

  @OptionGroup var model: LanguageModelArgument

  @Option(help: ArgumentHelp("JSON lines with a prompt each.", valueName: "file.jsonl"))
  var prompts: String

  @Option(
    help: ArgumentHelp(
      "follow-up (the model itself), follow-up:FOLDER, model:FOLDER, command:PROGRAM, or length.",
      valueName: "reward"))
  var reward = "follow-up"

  @OptionGroup var followUps: FollowUpArguments

  @Option(help: ArgumentHelp("Responses to a prompt.", valueName: "n"))
  var samples = 8

  @Option(help: ArgumentHelp("Logits are divided by it.", valueName: "x"))
  var temperature = 0.7

  @Option(help: ArgumentHelp("The most tokens of a response.", valueName: "n"))
  var tokens = 128

  @Option(help: ArgumentHelp("The least difference of the two rewards.", valueName: "δ"))
  var minGap = 0.0

  @Option(help: ArgumentHelp("Responses that are drawn side by side.", valueName: "n"))
  var batch = 32

  @Option(
    help: ArgumentHelp("Seconds that a command may take for the responses to a prompt.", valueName: "s"))
  var judgeTimeLimit = 60.0

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .jsonl.", valueName: "file.jsonl"))
  var out: String

  func validate() throws {
    guard samples >= 2 else { throw ValidationError("--samples \(samples): at least 2, to compare") }
    guard minGap >= 0 else { throw ValidationError("--min-gap \(minGap): at least 0") }
    guard temperature > 0 else { throw ValidationError("--temperature \(temperature): above 0") }
  }

  func run() throws {
    try requireTextFile(out)
    let random = common.start()
    let loaded = try model.load(on: common.target)
    let records = try TextRecord.read(URL(argument: prompts), keys: JudgeArguments.promptKeys)
    let kind = try judge(loaded)
    var options = GenerationOptions()
    (options.samples, options.temperature, options.maximumTokens) = (samples, temperature, tokens)
    (options.batch, options.stopTokens) = (batch, Set(loaded.endTokens))
    let asked = try records.map { try loaded.promptTokens($0.prompt, at: "\(prompts):\($0.line)") }
    let drawn = try loaded.model.generate(asked, options: options, random: random)
    var objects: [JSONValue] = []
    var gaps: [Double] = []
    for (record, generations) in zip(records, drawn) {
      let texts = generations.map { loaded.tokenizer.decode($0.tokens, skippingSpecialTokens: true) }
      let rewards = try kind.rewards(
        Array(repeating: record.prompt, count: texts.count), texts, tokens: generations.map(\.tokens),
        place: { "\(prompts):\(record.line), response \($0)" })
      if let bad = rewards.first(where: { !$0.isFinite }) {
        throw LanguageError(
          .badValue, file: "\(prompts):\(record.line)", place: "reward", found: "\(bad)",
          expected: "a finite number a response")
      }
      // Responses of no characters cannot be trained on.
      let kept = texts.indices.filter { !texts[$0].isEmpty }
      guard
        let pair = MinedPair(
          rewards: kept.map { rewards[$0] }, responses: kept.map { texts[$0] }, minimumGap: minGap)
      else { continue }
      let (best, worst) = (kept[pair.chosen], kept[pair.rejected])
      gaps.append(pair.gap)
      objects.append([
        "prompt": .string(record.prompt), "chosen": .string(texts[best]), "rejected": .string(texts[worst]),
        "score_chosen": .number(rewards[best]), "score_rejected": .number(rewards[worst]),
      ])
    }
    guard !objects.isEmpty else {
      throw LanguageError(
        .badValue, file: prompts, found: "no prompt with two responses whose rewards are \(minGap) apart",
        expected: "at least one; more --samples, a higher --temperature or a smaller --min-gap help")
    }
    try writeTexts(objects, to: out)
    print(
      "\(objects.count) pairs of \(records.count) prompts, mean gap \(formatNumber(gaps.reduce(0, +) / Double(gaps.count)))"
    )
    print("pairs: \(out)")
  }

  private func judge(_ loaded: PretrainedModel) throws -> JudgeKind {
    guard reward == "follow-up" || reward.hasPrefix("follow-up:") else {
      return try JudgeKind(reward, option: "--reward", timeLimit: judgeTimeLimit, device: common.target)
    }
    var scorer = loaded
    if reward != "follow-up" {
      scorer = try PretrainedModel(folder: URL(argument: String(reward.dropFirst("follow-up:".count))))
      scorer.model.move(device: common.target)
    }
    if scorer.chatTemplate == nil { scorer.chatTemplate = .plain(specialTokens: scorer.specialTokenTexts) }
    return .followUps(try followUps.reward(scorer))
  }
}
