import ArgumentParser
import Foundation
import Likely

/// `likely lm finetune`
struct LanguageFinetune: TrainingCommand {
  static let configuration = CommandConfiguration(
    commandName: "finetune",
    abstract:
      "Fine-tunes a model on prompts and responses, conversations or plain texts: all weights, a LoRA adapter, or a soft prompt.",
    discussion: """
      Example:
        likely lm finetune --model runs/little --data pairs.jsonl --out runs/fine
        likely lm finetune --model runs/little --data pairs.jsonl --lora 8 --out lora
      """)

  @OptionGroup var tuned: TunedModelArguments

  @Option(
    help: ArgumentHelp(
      "JSON lines with a prompt and a response (or a list of them), messages, or a plain text; needed unless --resume.",
      valueName: "file.jsonl"))
  var data: String?

  @OptionGroup var textKeys: TextKeyArguments

  @OptionGroup var chatTemplate: ChatTemplateArgument

  @Option(
    help: ArgumentHelp(
      "Trains so many vectors before every text, and leaves the model as it is.", valueName: "n"))
  var softPrompt: Int?

  @Option(
    help: ArgumentHelp(
      "Parts of names of parameters that stay as they are, between commas.", valueName: "names"))
  var freeze: String?

  @Option(
    help: ArgumentHelp("Tokens of a row; the model's context, at most 1024, if left out.", valueName: "n"))
  var length: Int?

  @Option(help: ArgumentHelp("Steps.", valueName: "n"))
  var steps = 200

  @Option(help: ArgumentHelp("Rows of packed texts a step.", valueName: "n"))
  var batch = 8

  @Option(
    help: ArgumentHelp(
      "Learning rate of AdamW at its highest; 1e-4 if left out, 1e-3 for adapters, 0.03 for soft prompts.",
      valueName: "rate"))
  var lr: Double?

  @OptionGroup var loop: TextLoopArguments

  @OptionGroup var common: CommonOptions

  @OptionGroup var destination: RunDestination

  func validate() throws {
    try requireData()
    try tuned.check(isResuming: destination.resume)
    if tuned.lora != nil, softPrompt != nil {
      throw ValidationError("--lora and --soft-prompt: one of the two")
    }
    if tuned.lora ?? softPrompt != nil, freeze != nil {
      throw ValidationError("--freeze: an adapter or a soft prompt leaves all of the model as it is")
    }
  }

  mutating func run() throws {
    self = try resumed()
    _ = common.start()
    let records = try TextRecord.read(URL(argument: data ?? ""), keys: textKeys.keys)
    let folder = tuned.model ?? ""
    let loaded = try tuned.load(on: common.target)
    try chatTemplate.apply(to: loaded)
    let texts = try records.flatMap { try loaded.weightedTexts($0, file: data ?? "") }
    let tuning = try FineTuning(loaded.model, texts: texts, options: options())
    let left = tuning.texts.tooLong.count + (tuning.heldOut?.tooLong.count ?? 0)
    if left > 0 {
      tell(
        "likely: \(left) of \(texts.count) texts are longer than a row of \(tuning.texts.tokens.size(1) + 1) "
          + "tokens and are left out; --length takes longer ones")
    }
    let before = tuning.heldOut.map { tuning.loss(of: $0) }
    let (run, result) = try train(steps: steps) {
      try tuning.fit(run: $0, resuming: $1, progress: $2, interruption: $3)
    }
    let shape = loaded.model.configuration
    if let adapter = tuning.adapter {
      try adapter.write(to: run.url, base: folder, configuration: shape)
    } else if let softPrompt = tuning.softPrompt {
      try softPrompt.write(to: run.url, base: folder, configuration: shape)
    } else {
      try loaded.write(to: run.url)
    }
    let trained = (tuning.adapter ?? tuning.softPrompt ?? loaded.model as Module).trainableParameterCount
    print("\(result.steps) steps on \(texts.count - left) texts, \(trained) parameters trained")
    if let heldOut = tuning.heldOut, let before {
      print(
        "held-out texts: \(formatNumber(before)) nats a counted token before, "
          + "\(formatNumber(tuning.loss(of: heldOut))) after")
    }
    let isModel = tuning.adapter == nil && tuning.softPrompt == nil
    print(isModel ? "model: \(destination.out)" : "adapter: \(destination.out), for \(folder)")
  }

  private func options() -> FineTuningOptions {
    var options = FineTuningOptions()
    let usual = softPrompt != nil ? 0.03 : tuned.lora != nil ? 1e-3 : 1e-4
    (options.batchSize, options.length, options.learningRate) = (batch, length, lr ?? usual)
    (options.softPrompt, options.checkpointsActivations) = (softPrompt, tuned.recompute)
    (options.weightDecay, options.frozen, options.validationFraction) = (
      tuned.weightDecay, freeze?.listed ?? [], loop.validation
    )
    options.adapter = tuned.adapter
    options.training = TrainingOptions(
      steps: steps, schedule: .cosine(floor: 0.1), warmUp: min(10, steps / 10), clipNorm: 1,
      validateEvery: loop.validateEvery, checkpointEvery: loop.checkpointEvery, precision: loop.precision,
      accumulation: tuned.accumulate)
    options.seed = common.seed
    return options
  }
}
