import ArgumentParser
import Files
import Foundation
import Likely

/// `likely prefer online`
struct PreferOnline: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "online",
    abstract: "Trains a model on its own responses, which a reward scores while it trains.",
    discussion: """
      A reward is shortest (fewer tokens are better), near:L (about L tokens; near alone takes the reference's mean),
      model:FOLDER, a Hugging Face folder for sequence classification with one label, implicit:POLICY,REFERENCE, the ratio
      of two models, follow-up:FOLDER, what a chat model thinks a user says next, or command:PROGRAM, which reads
      {"prompt": …, "response": …} a line and answers each with a number.

      Example:
        likely prefer online --model runs/little --prompt the --out runs/online
      """)

  @Option(help: ArgumentHelp("Hugging Face folder, or run folder of `lm train`.", valueName: "folder"))
  var model: String

  @Option(help: ArgumentHelp("A prompt; may be given several times.", valueName: "text"))
  var prompt: [String] = []

  @Option(help: ArgumentHelp("JSON lines with a prompt each.", valueName: "file.jsonl"))
  var promptFile: String?

  @Option(
    help: ArgumentHelp(
      "shortest, near, near:L, model:FOLDER, implicit:A,B, follow-up:FOLDER or command:PROGRAM.",
      valueName: "reward"))
  var reward = "shortest"

  @Option(help: ArgumentHelp("Seconds that a command may take for an iteration's rewards.", valueName: "s"))
  var rewardTimeLimit = 60.0

  @Option(
    help: ArgumentHelp(
      "JSON lines with a prompt, a response and a reward each: learns from these alone, draws nothing.",
      valueName: "file.jsonl"))
  var responses: String?

  @Option(
    help: ArgumentHelp(
      "Steers --kl to this divergence from the reference, nats a response.", valueName: "nats"))
  var klTarget: Double?

  @OptionGroup var online: OnlineArguments

  @Option(help: ArgumentHelp("Rank of a LoRA adapter; trains all weights if left out.", valueName: "rank"))
  var lora: Int?

  @Option(
    help: ArgumentHelp(
      "Who draws: \(OnlinePreferenceOptions.DataSource.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "name"))
  var data = OnlinePreferenceOptions.DataSource.current

  @Option(help: ArgumentHelp("Prompts a step.", valueName: "n"))
  var batch = 8

  @Option(help: ArgumentHelp("Largest norm of the gradients.", valueName: "norm"))
  var clip = 1.0

  @Option(help: ArgumentHelp("The most tokens of a response.", valueName: "n"))
  var tokens = 64

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("Run folder to make.", valueName: "folder"))
  var out: String

  func validate() throws {
    guard !prompt.isEmpty || promptFile != nil || responses != nil else {
      throw ValidationError("Missing expected argument '--prompt <text>' or '--prompt-file <file.jsonl>'")
    }
    guard responses == nil || prompt.isEmpty && promptFile == nil else {
      throw ValidationError("--responses: has prompts of its own; leave out --prompt and --prompt-file")
    }
    guard rewardTimeLimit > 0 else {
      throw ValidationError("--reward-time-limit \(rewardTimeLimit): seconds above 0")
    }
  }

  func run() throws {
    let random = common.start()
    let options = try self.options()
    let kind = try TextRewardKind(reward, timeLimit: rewardTimeLimit, device: common.target)
    let loaded = try PretrainedModel(folder: URL(argument: model))
    loaded.model.move(device: common.target)
    let given = try responses.map { try readResponses($0, loaded) }
    let prompts = try given?.prompts ?? readPrompts(loaded)
    var generation = GenerationOptions()
    (generation.maximumTokens, generation.stopTokens) = (tokens, Set(loaded.endTokens))
    let hasCritic = online.objective == OnlineObjective.Name.ppo.rawValue && online.baseline == .critic
    // The reference is a copy of the model without the adapter.
    let adapter = try attachAdapter(to: loaded.model, random: random.split("adapter"))
    let policy = try TransformerPolicy(loaded.model, generation: generation, hasCritic: hasCritic)
    let score = try kind.reward(loaded, policy, prompts, random: random)
    let loop = try OnlinePreferenceLoop(
      policy, options: options,
      prompts: { count, random in (0..<count).map { _ in prompts[random.integer(in: prompts.indices)] } },
      reward: score, given: given)
    // Made only now, so that a mistake leaves no folder.
    let run = try RunFolder(creating: URL(argument: out))
    try run.write(configuration: ConfigurationFile.resolved(self))
    let metrics = try MetricsLog(run.metrics, keepingThrough: 0)
    let progress = ProgressLine("training", total: options.iterations, silent: common.quiet)
    let interruption = Interruption()
    let result = try loop.run(random: random) { reading in
      try metrics.append(
        step: reading.iteration, reading.metrics.compactMap { name, value in value.map { (name, $0) } })
      progress.update(reading.iteration, "reward \(formatNumber(reading.batchReward))")
      return interruption.isRequested
    }
    if let adapter {
      try adapter.write(to: run.url, base: model, configuration: loaded.model.configuration)
    } else {
      try loaded.write(to: run.url)
    }
    tellEnd(result)
    summarise(result)
  }

  private func attachAdapter(to model: Transformer, random: RandomSource) throws -> LowRankAdapter? {
    guard let lora else { return nil }
    var options = LowRankOptions()
    (options.rank, options.alpha) = (lora, 2 * Double(lora))
    var stream = random
    let adapter = try LowRankAdapter(for: model, options: options, using: &stream)
    model.freeze()
    model.attach(adapter)
    return adapter
  }

  private func options() throws -> OnlinePreferenceOptions {
    var usual = OnlinePreferenceOptions()
    (usual.iterations, usual.prompts, usual.samples, usual.innerSteps) = (50, 16, 4, 2)
    (usual.learningRate, usual.clipNorm) = (1e-5, clip)
    var options = online.options(usual, objective: try OnlineObjective.Name(parsing: online.objective))
    (options.data, options.mix, options.batch) = (responses == nil ? data : .fixed, online.mix, batch)
    options.divergenceTarget = klTarget
    try options.validate()
    return options
  }

  private func readPrompts(_ loaded: PretrainedModel) throws -> [[Int]] {
    var prompts = try prompt.map { try loaded.promptTokens($0, at: "--prompt") }
    guard let promptFile else { return prompts }
    var keys = TextKeys()
    keys.response = keys.prompt
    for record in try TextRecord.read(URL(argument: promptFile), keys: keys) {
      let place = "\(promptFile):\(record.line)"
      prompts.append(
        record.messages.isEmpty
          ? try loaded.promptTokens(record.prompt, at: place)
          : try loaded.promptTokens(record.messages, at: place))
    }
    guard !prompts.isEmpty else {
      throw LanguageError(.badValue, file: promptFile, found: "no prompts", expected: "at least one line")
    }
    return prompts
  }

  /// Responses with equal prompts stand together.
  private func readResponses(_ file: String, _ loaded: PretrainedModel) throws -> GivenResponses<
    TransformerPolicy<Transformer>
  > {
    let found = try loaded.rewardedResponses(contentsOf: URL(argument: file))
    return GivenResponses(
      prompts: found.map(\.prompt), responses: found.map(\.responses), rewards: found.map(\.rewards))
  }

  private func tellEnd(_ result: OnlineResult) {
    if result.skipped > 0 {
      tell("likely: \(result.skipped) iterations had no pair above the threshold, and took no step")
    }
    switch result.end {
    case .complete: break
    case .noPairs(let count):
      tell(
        "likely: training ended after \(count) iterations in a row without a pair; a lower --threshold helps")
    case .stopped: tell("likely: interrupted; the model is as it was after the last whole iteration")
    }
  }

  private func summarise(_ result: OnlineResult) {
    guard let first = result.readings.first, let last = result.readings.last else { return }
    print("\(last.steps) steps, \(last.queries) rewards")
    print(
      "mean reward of the draws: \(formatNumber(first.batchReward)) at first, \(formatNumber(last.batchReward)) at last"
    )
    if let divergence = last.law.divergence, let entropy = last.law.entropy {
      print(
        "KL to the reference \(formatNumber(divergence)), entropy \(formatNumber(entropy)) nats a response")
    }
    let alignment = first.range
    print(
      "the reference's draws: mean \(formatNumber(alignment.mean)) between \(formatNumber(alignment.lowest)) and "
        + "\(formatNumber(alignment.highest)), a share of \(formatNumber(alignment.share, digits: 3))")
    print("advice: \(alignment.recommendation)")
    print(lora == nil ? "model: \(out)" : "adapter: \(out), for \(model)")
  }
}

/// A reward of texts, as the command line names it.
enum TextRewardKind {
  /// About as many tokens as the reference has on average.
  case near
  case judge(JudgeKind)

  init(_ text: String, timeLimit: Double, device: Device) throws {
    self =
      text == "near"
      ? .near : .judge(try JudgeKind(text, option: "--reward", timeLimit: timeLimit, device: device))
  }

  typealias Reward = ([[Int]], [[[Int]]]) throws -> [[Double]]

  func reward(
    _ loaded: PretrainedModel, _ policy: TransformerPolicy<Transformer>, _ prompts: [[Int]],
    random: RandomSource
  ) throws -> Reward {
    let kind: JudgeKind
    switch self {
    case .judge(let judge): kind = judge
    case .near:
      let chosen =
        prompts.count >= 64 ? Array(prompts.prefix(64)) : (0..<64).map { prompts[$0 % prompts.count] }
      let drawn = try policy.sample(1, for: chosen, from: .reference, random: random.split("lengths"))
      let mean = Double(drawn.reduce(0) { $0 + $1[0].count }) / Double(drawn.count)
      tell("likely: the reference's responses have \(formatNumber(mean)) tokens on average")
      kind = .length(.near(mean))
    }
    func text(_ tokens: [Int]) -> String { loaded.tokenizer.decode(tokens, skippingSpecialTokens: true) }
    // All of a batch at once.
    return { prompts, responses in
      let asked = zip(prompts, responses).flatMap { prompt, own in own.map { _ in text(prompt) } }
      let written = responses.flatMap { $0 }
      var rewards = try kind.rewards(
        asked, written.map(text), tokens: written, place: { "response to \"\(asked[$0])\"" })[...]
      return responses.map { own in
        defer { rewards = rewards.dropFirst(own.count) }
        return Array(rewards.prefix(own.count))
      }
    }
  }
}
