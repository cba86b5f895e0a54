import ArgumentParser
import Foundation
import Likely

/// What judges responses, on the command line.
enum JudgeKind {
  case length(LengthReward)
  case model(RewardModel)
  case followUps(FollowUpReward)
  /// ln π(y)/π_ref(y).
  case implicit(PretrainedModel, PretrainedModel)
  case command(ExternalProcess)

  /// `length`, `near:L`, `model:FOLDER`, `implicit:POLICY,REFERENCE`, `follow-up:FOLDER` or `command:PROGRAM`.
  init(_ text: String, option: String, timeLimit: Double, device: Device) throws {
    func rest(_ prefix: String) -> String? {
      guard text.hasPrefix(prefix) else { return nil }
      return String(text.dropFirst(prefix.count))
    }
    if text == "length" || text == "shortest" {
      self = .length(.shortest)
    } else if let length = rest("near:").flatMap(Double.init), length > 0, length.isFinite {
      self = .length(.near(length))
    } else if let folder = rest("model:") {
      self = .model(try RewardModel(folder: URL(argument: folder), device: device))
    } else if let folder = rest("follow-up:") {
      let scorer = try PretrainedModel(folder: URL(argument: folder))
      scorer.model.move(device: device)
      if scorer.chatTemplate == nil { scorer.chatTemplate = .plain(specialTokens: scorer.specialTokenTexts) }
      self = .followUps(try FollowUpReward(scorer: scorer))
    } else if let folders = rest("implicit:")?.listed, folders.count == 2 {
      let models = try folders.map { try PretrainedModel(folder: URL(argument: $0)) }
      for model in models { model.model.move(device: device) }
      self = .implicit(models[0], models[1])
    } else if let program = rest("command:"), !program.isEmpty {
      self = .command(ExternalProcess(program, timeLimit: timeLimit))
    } else {
      throw UsageError(
        "\(option) \(text): length (or shortest), near:L, model:FOLDER, implicit:POLICY,REFERENCE, follow-up:FOLDER or command:PROGRAM is expected"
      )
    }
  }

  /// A reward a response.
  ///
  /// - Parameter place: of a response, for errors.
  func rewards(
    _ prompts: [String], _ responses: [String], tokens: [[Int]], place: (Int) -> String
  ) throws -> [Double] {
    switch self {
    case .length(let reward): return tokens.map { reward($0.count) }
    case .model(let model): return try model(zip(prompts, responses).map { $0 + $1 }, place: place)
    case .implicit(let policy, let reference):
      let items = try zip(prompts, responses).enumerated().map { i, texts in
        let item = ScoringItem(
          prompt: try policy.promptTokens(texts.0, at: place(i)),
          continuations: [policy.tokenizer.encode(texts.1, addingSpecialTokens: false)])
        let count = item.prompt.count + item.continuations[0].count
        guard policy.model.fits(count), reference.model.fits(count) else {
          throw LanguageError(
            .tooLong, file: place(i), found: "\(count) tokens with the response",
            expected: "no more than both models of the reward have positions")
        }
        return item
      }
      let values = try [policy, reference].map { try $0.model.score(items).map { $0[0].logLikelihood } }
      return zip(values[0], values[1]).map(-)
    case .followUps(let reward):
      let dialogues = zip(prompts, responses).map {
        [ChatMessage(role: "user", content: $0), ChatMessage(role: "assistant", content: $1)]
      }
      return try reward.rewards(dialogues, place: place).map(\.reward)
    case .command(let process):
      return try process.rewards(
        zip(prompts, responses).map { ["prompt": .string($0), "response": .string($1)] })
    }
  }
}

/// What is written to prompts while a model is trained, and who judges it, on the command line.
struct JudgeArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "JSON lines with a prompt each, to which responses are drawn at every reading.",
      valueName: "file.jsonl"))
  var judgePrompts: String?

  @Option(
    help: ArgumentHelp(
      "length (shorter is better), near:L, model:FOLDER, implicit:POLICY,REFERENCE, follow-up:FOLDER, command:PROGRAM.",
      valueName: "judge"))
  var judge: String?

  @Option(
    help: ArgumentHelp(
      "JSON lines with a response to each of these prompts; the model's own before training if left out.",
      valueName: "file.jsonl"))
  var competitor: String?

  @Option(help: ArgumentHelp("The most tokens of a judged response.", valueName: "n"))
  var judgeTokens = 64

  @Option(help: ArgumentHelp("Seconds that a command may take for all responses.", valueName: "s"))
  var judgeTimeLimit = 60.0

  func validate() throws {
    guard judge == nil || judgePrompts != nil else {
      throw ValidationError("--judge: needs --judge-prompts, to which responses are drawn")
    }
    guard competitor == nil || judge != nil else {
      throw ValidationError("--competitor: needs --judge, which compares")
    }
    guard judgeTokens >= 1 else { throw ValidationError("--judge-tokens \(judgeTokens): at least 1") }
    guard judgeTimeLimit > 0 else { throw ValidationError("--judge-time-limit \(judgeTimeLimit): above 0") }
  }

  /// `nil` where no prompts are given.
  ///
  /// - Parameter initial: whose responses are compared with where no competitor is given, and from which the divergence is
  ///   taken.
  func monitor(initial: PretrainedModel, random: RandomSource, device: Device) throws -> PolicyMonitor? {
    guard let judgePrompts else { return nil }
    let records = try TextRecord.read(URL(argument: judgePrompts), keys: Self.promptKeys)
    let prompts = try records.map { record in
      let place = "\(judgePrompts):\(record.line)"
      return record.messages.isEmpty
        ? try initial.promptTokens(record.prompt, at: place)
        : try initial.promptTokens(record.messages, at: place)
    }
    let texts = records.map { $0.messages.isEmpty ? $0.prompt : $0.messages.last?.content ?? "" }
    var generation = GenerationOptions()
    (generation.maximumTokens, generation.stopTokens) = (judgeTokens, Set(initial.endTokens))
    func responses(_ tokens: [[Int]]) -> [String] {
      tokens.map { initial.tokenizer.decode($0, skippingSpecialTokens: true) }
    }
    let kind = try judge.map {
      try JudgeKind($0, option: "--judge", timeLimit: judgeTimeLimit, device: device)
    }
    let judging = kind.map { kind -> PolicyMonitor.Judge in
      { _, found in
        try kind.rewards(
          texts, responses(found), tokens: found, place: { "\(judgePrompts):\(records[$0].line)" })
      }
    }
    var competitors: [[Int]]?
    if let competitor {
      competitors = try TextRecord.read(URL(argument: competitor)).map {
        initial.tokenizer.encode($0.responses.first ?? "", addingSpecialTokens: false)
      }
    } else if judge != nil {
      let drawing = try PolicyMonitor(
        prompts: prompts, generation: generation, random: random.split("competitor"))
      competitors = try drawing.responses(of: initial.model).map(\.tokens)
    }
    var monitor = try PolicyMonitor(
      prompts: prompts, generation: generation, judge: judging, competitors: competitors,
      random: random.split("readings"))
    monitor.reference = try initial.model.copy()
    return monitor
  }

  /// A line with nothing but a prompt is a text of its own.
  static var promptKeys: TextKeys {
    var keys = TextKeys()
    (keys.text, keys.response) = ("prompt", "prompt")
    return keys
  }
}
