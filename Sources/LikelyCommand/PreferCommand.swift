import ArgumentParser
import Foundation
import Likely

/// `likely prefer …`
struct PreferCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prefer",
    abstract: "Preferences: aligns a language model with pairs of responses of which one is preferred.",
    discussion: """
      Example:
        likely prefer train --model runs/little --data prefs.jsonl --out runs/dpo
      """,
    subcommands: [
      PreferTrain.self, PreferScore.self, PreferFilter.self, PreferProbe.self, PreferMonitor.self,
      PreferReward.self, PreferMine.self, PreferMetrics.self, PreferCompare.self,
      PreferOnline.self,
    ])
}

extension PreferenceLoss.Preset: ExpressibleByArgument {}
extension PreferenceOptions.Optimiser: ExpressibleByArgument {}
extension PreferenceAggregation: ExpressibleByArgument {}
extension ResponseScore: ExpressibleByArgument {}

/// An objective, on the command line.
struct ObjectiveArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "\(PreferenceLoss.Preset.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
  var method = PreferenceLoss.Preset.dpo

  @Option(
    help: ArgumentHelp("Scale of the ranking; that of the objective's paper if left out.", valueName: "β"))
  var beta: Double?

  @Option(
    help: ArgumentHelp(
      "Weight of the ranking (orpo, asft), the anchor (slic), the penalty (dpop), the likelihood (others).",
      valueName: "λ"))
  var lambda: Double?

  @Option(
    help: ArgumentHelp(
      "Ranks by another score: \(ResponseScore.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "score"))
  var score: ResponseScore?

  @Option(
    help: ArgumentHelp(
      "Weight of the likelihood of the preferred response, whatever the method.", valueName: "x"))
  var likelihood: Double?

  @Option(help: ArgumentHelp("Margin of pairwise rankings.", valueName: "γ"))
  var margin: Double?

  @Option(help: ArgumentHelp("Probability that a label is wrong, of logistic rankings.", valueName: "ε"))
  var smoothing = 0.0

  func loss() throws -> PreferenceLoss {
    try loss(method)
  }

  /// Of another method with the same parameters.
  func loss(_ method: PreferenceLoss.Preset) throws -> PreferenceLoss {
    var loss = PreferenceLoss.preset(method, beta: beta, weight: lambda, margin: margin, smoothing: smoothing)
    if let score { loss.score = score }
    if let likelihood { loss.likelihoodWeight = likelihood }
    try loss.validate()
    return loss
  }
}

/// `likely prefer train`
struct PreferTrain: TrainingCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract:
      "Trains a model on preferences: all weights, or a LoRA adapter; shows displacement as it happens.",
    discussion: """
      Example:
        likely prefer train --model runs/little --data prefs.jsonl --out runs/dpo
        likely prefer train --model runs/little --data prefs.jsonl --lora 8 --out lora
      """)

  @OptionGroup var tuned: TunedModelArguments

  @Option(
    help: ArgumentHelp(
      "JSON lines with a prompt, a chosen and a rejected response, texts or messages; needed unless --resume.",
      valueName: "file.jsonl"))
  var data: String?

  @OptionGroup var chatTemplate: ChatTemplateArgument

  @OptionGroup var objective: ObjectiveArguments

  @Option(
    help: ArgumentHelp(
      "Keeps what the reference says of the pairs in this file, for other trainings of the same model.",
      valueName: "file"))
  var reference: String?

  @Option(
    help: ArgumentHelp(
      "Another model as the reference; the model itself, as it begins, if left out.", valueName: "folder"))
  var referenceModel: String?

  @Option(
    help: ArgumentHelp(
      "What is compared: sequence (sums), token (place by place), or padded-token.", valueName: "kind"))
  var aggregate = PreferenceAggregation.sequence

  @Option(
    help: ArgumentHelp(
      "Scores of `critical-tokens score`: a rejected token counts 1 less its score.", valueName: "file.jsonl")
  )
  var weights: String?

  @Flag(help: "With --weights, tokens of the preferred response count their scores.")
  var weighsChosen = false

  @Option(help: ArgumentHelp("Passes over the pairs.", valueName: "n"))
  var epochs = 1.0

  @Option(help: ArgumentHelp("Steps, in place of passes.", valueName: "n"))
  var steps: Int?

  @Option(help: ArgumentHelp("Pairs a step.", valueName: "n"))
  var batch = 8

  @Option(
    help: ArgumentHelp(
      "\(PreferenceOptions.Optimiser.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
  var optimiser = PreferenceOptions.Optimiser.adam

  @Option(
    help: ArgumentHelp(
      "Learning rate at its highest; 1e-5 if left out, 1e-4 for adapters.", valueName: "rate"))
  var lr: Double?

  @Option(
    help: ArgumentHelp(
      "Signs at which training ends, between commas: entropy (it turns), mass (it falls).", valueName: "signs"
    ))
  var stopOn: String?

  @OptionGroup var judging: JudgeArguments

  @Flag(help: "Leave the model with the highest win rate, in place of the smallest objective.")
  var keepBestWin = false

  @OptionGroup var loop: TextLoopArguments

  @OptionGroup var common: CommonOptions

  @OptionGroup var destination: RunDestination

  func validate() throws {
    try requireData()
    try tuned.check(isResuming: destination.resume)
    guard epochs > 0, epochs.isFinite else { throw ValidationError("--epochs \(epochs): above 0") }
    for name in stopOn?.listed ?? [] where OverOptimisationSignals.Signal(rawValue: name) == nil {
      throw ValidationError("--stop-on \(name): entropy or mass, or both with a comma")
    }
    if let steps, steps < 1 { throw ValidationError("--steps \(steps): at least 1") }
    guard !keepBestWin || judging.judge != nil else {
      throw ValidationError("--keep-best-win: needs --judge, which tells who wins")
    }
    guard !weighsChosen || weights != nil else {
      throw ValidationError("--weighs-chosen: only with --weights")
    }
  }

  mutating func run() throws {
    self = try resumed()
    let random = common.start()
    let loss = try objective.loss()
    let folder = tuned.model ?? ""
    let loaded = try tuned.load(on: common.target)
    try chatTemplate.apply(to: loaded)
    let found = try loaded.preferences(contentsOf: URL(argument: data ?? ""))
    for sentence in found.omissions { tell("likely: left out: \(sentence)") }
    var pairs = found.pairs
    if let weights {
      pairs = try TokenScores(contentsOf: URL(argument: weights)).weighted(
        pairs, endTokens: Set(loaded.endTokens), weighsChosen: weighsChosen, file: weights)
    }
    let options = options(loss, pairs: pairs.count)
    let known = try references(pairs, loaded)
    let policy = try judging.monitor(initial: loaded, random: random.split("judged"), device: common.target)
    let written = try policy?.read(loaded.model)
    let training = try PreferenceTraining(loaded.model, pairs: pairs, options: options, reference: known)
    let before = try training.monitor.read(loaded.model)
    var signals = OverOptimisationSignals()
    signals.watches = Set((stopOn?.listed ?? []).compactMap(OverOptimisationSignals.Signal.init))
    _ = signals.take(
      entropy: written?.topEntropy ?? before.topEntropy, mass: written?.topMass ?? before.topMass)
    let (keepsBestWin, isQuiet) = (keepBestWin, common.quiet)
    let (run, result) = try train(steps: options.training.steps) {
      try training.fit(run: $0, resuming: $1, progress: $2, interruption: $3) { step, reading, observation in
        let written = try policy?.read(loaded.model)
        observation.metrics += written?.metrics ?? []
        if !isQuiet { tell(Self.line(step, reading, written)) }
        if keepsBestWin, let win = written?.win { observation.value = -win.value }
        let fired = signals.take(
          entropy: written?.topEntropy ?? reading.topEntropy, mass: written?.topMass ?? reading.topMass)
        guard !fired.isEmpty else { return }
        tell(
          "likely: step \(step): \(fired.map(\.rawValue).sorted().joined(separator: " and ")): training ends")
        observation.stops = true
      }
    }
    if let adapter = training.adapter {
      try adapter.write(to: run.url, base: folder, configuration: loaded.model.configuration)
    } else {
      try loaded.write(to: run.url)
    }
    let after = try training.monitor.read(loaded.model)
    print(
      "\(result.steps) steps on \(training.pairs.count) pairs, best after \(result.best?.step ?? result.steps)"
    )
    let watched = training.monitor.pairs.count < training.pairs.count || loop.validation > 0
    print(
      Self.table(before, after, title: "\(training.monitor.pairs.count) \(watched ? "watched" : "") pairs"))
    if let policy, let written {
      print(Self.table(written, try policy.read(loaded.model), responses: policy.prompts.count))
    }
    let gained = training.monitor.gainers(loaded.model, count: 5)
    if !gained.isEmpty {
      let names = gained.map { gainer in
        let text = loaded.tokenizer.decode([gainer.token]).replacingOccurrences(of: "\n", with: "\\n")
        return "\"\(text)\" +\(formatNumber(gainer.gain))"
      }
      print("tokens that gained where preferred ones are due: \(names.joined(separator: ", "))")
    }
    if after.displaced > 0.5 {
      print(
        "\(formatNumber(100 * after.displaced)) % of the preferred responses became less likely (displacement): "
          + "a likelihood term (--lambda), fewer steps or a filter of the pairs help")
    }
    print(
      training.adapter == nil ? "model: \(destination.out)" : "adapter: \(destination.out), for \(folder)")
  }

  /// What the reference says of pairs, where it is kept or is another model; `nil` for what training finds itself.
  private func references(_ pairs: [PreferencePair], _ loaded: PretrainedModel) throws -> Tensor? {
    guard reference != nil || referenceModel != nil else { return nil }
    var model = loaded.model
    if let referenceModel {
      let other = try PretrainedModel(folder: URL(argument: referenceModel))
      guard other.model.vocabularySize == model.vocabularySize else {
        throw LanguageError(
          .badValue, file: referenceModel, place: "vocabulary", found: "\(other.model.vocabularySize) tokens",
          expected: "the \(model.vocabularySize) of the model that is trained")
      }
      other.model.move(device: common.target)
      model = other.model
    }
    guard let reference else { return try model.referenceLikelihoods(of: pairs) }
    return try ReferenceCache(url: URL(argument: reference)).likelihoods(of: pairs, under: model)
  }

  static func table(_ before: PreferenceReading, _ after: PreferenceReading, title: String) -> String {
    let rows: [(String, KeyPath<PreferenceReading, Double>)] = [
      ("objective", \.loss), ("log-likelihood of the preferred", \.chosen), ("of the others", \.rejected),
      ("margin since the beginning", \.margin), ("share ranked right", \.accuracy),
      ("share of the preferred that fell", \.displaced), ("entropy of the top tokens, bits", \.topEntropy),
      ("mass of the top tokens", \.topMass),
      ("similarity of the responses, ln-ches", \.similarity),
    ]
    return table(rows.map { ($0, before[keyPath: $1], after[keyPath: $1]) }, title: title)
  }

  /// What is seen of a training on its way.
  private static func line(_ step: Int, _ reading: PreferenceReading, _ written: PolicyReading?) -> String {
    var parts = [
      "margin \(formatNumber(reading.margin))",
      "\(formatNumber(100 * reading.displaced)) % of the preferred fell",
      "entropy \(formatNumber(written?.topEntropy ?? reading.topEntropy))",
      "mass \(formatNumber(written?.topMass ?? reading.topMass))",
    ]
    if let win = written?.win { parts.append("win \(told(win))") }
    if let divergence = written?.divergence { parts.append("KL \(formatNumber(divergence.value))") }
    return "likely: step \(step): \(parts.joined(separator: ", "))"
  }

  static func table(_ before: PolicyReading, _ after: PolicyReading, responses: Int) -> String {
    func row(_ name: String, _ value: (PolicyReading) -> Double?) -> (String, Double, Double)? {
      guard let first = value(before), let second = value(after) else { return nil }
      return (name, first, second)
    }
    let rows = [
      row("win rate", { $0.win?.value }), row("its standard error", { $0.win?.standardError }),
      row("reward", { $0.reward?.value }), row("divergence from the beginning", { $0.divergence?.value }),
      row("entropy of the top tokens, bits", { $0.topEntropy }),
      row("mass of the top tokens", { $0.topMass }),
      row("adjusted distinct n-grams", { $0.diversity }), row("tokens a response", { $0.length }),
    ]
    return table(rows.compactMap { $0 }, title: "\(responses) drawn responses")
  }

  private static func table(_ rows: [(String, Double, Double)], title: String) -> String {
    let width = rows.map(\.0.count).max() ?? 0
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    let lines = rows.map { name, before, after in
      "  \(padded(name, width))  \(padded(formatNumber(before), 10))  \(formatNumber(after))"
    }
    return (["\(padded(title, width + 2))  \(padded("before", 10))  after"] + lines).joined(separator: "\n")
  }

  private func options(_ loss: PreferenceLoss, pairs: Int) -> PreferenceOptions {
    var options = PreferenceOptions()
    (options.loss, options.batchSize, options.optimiser) = (loss, batch, optimiser)
    options.aggregation = aggregate
    options.learningRate = lr ?? (tuned.lora == nil ? 1e-5 : 1e-4)
    (options.weightDecay, options.validationFraction) = (tuned.weightDecay, loop.validation)
    (options.adapter, options.checkpointsActivations) = (tuned.adapter, tuned.recompute)
    let trained = pairs - Int(Double(pairs) * loop.validation)
    let steps =
      steps
      ?? PreferenceTraining.steps(pairs: max(1, trained), epochs: epochs, batchSize: batch * tuned.accumulate)
    options.training = TrainingOptions(
      steps: steps, schedule: .cosine(floor: 0.1), warmUp: min(10, steps / 10), clipNorm: 1,
      validateEvery: min(loop.validateEvery, max(1, steps / 20)), checkpointEvery: loop.checkpointEvery,
      precision: loop.precision,
      accumulation: tuned.accumulate)
    options.seed = common.seed
    return options
  }
}
