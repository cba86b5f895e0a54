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
    subcommands: [PreferTrain.self, PreferOnline.self, PreferScore.self, PreferFilter.self])
}

extension PreferenceLoss.Preset: ExpressibleByArgument {}
extension PreferenceOptions.Optimiser: ExpressibleByArgument {}

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

  @Option(help: ArgumentHelp("Margin of pairwise rankings.", valueName: "γ"))
  var margin: Double?

  @Option(help: ArgumentHelp("Probability that a label is wrong, of logistic rankings.", valueName: "ε"))
  var smoothing = 0.0

  func loss() throws -> PreferenceLoss {
    let loss = PreferenceLoss.preset(method, beta: beta, weight: lambda, margin: margin, smoothing: smoothing)
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
  }

  mutating func run() throws {
    self = try resumed()
    _ = common.start()
    let loss = try objective.loss()
    let folder = tuned.model ?? ""
    let loaded = try tuned.load(on: common.target)
    try chatTemplate.apply(to: loaded)
    let found = try loaded.preferences(contentsOf: URL(argument: data ?? ""))
    for sentence in found.omissions { tell("likely: left out: \(sentence)") }
    let options = options(loss, pairs: found.pairs.count)
    let known = try reference.map {
      try ReferenceCache(url: URL(argument: $0)).likelihoods(of: found.pairs, under: loaded.model)
    }
    let training = try PreferenceTraining(
      loaded.model, pairs: found.pairs, options: options, reference: known)
    let before = try training.monitor.read(loaded.model)
    var signals = OverOptimisationSignals()
    signals.watches = Set((stopOn?.listed ?? []).compactMap(OverOptimisationSignals.Signal.init))
    _ = signals.take(entropy: before.topEntropy, mass: before.topMass)
    let (run, result) = try train(steps: options.training.steps) {
      try training.fit(run: $0, resuming: $1, progress: $2, interruption: $3) { step, reading in
        let fired = signals.take(entropy: reading.topEntropy, mass: reading.topMass)
        guard !fired.isEmpty else { return false }
        tell(
          "likely: step \(step): \(fired.map(\.rawValue).sorted().joined(separator: " and ")): training ends")
        return true
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
    if after.displaced > 0.5 {
      print(
        "\(formatNumber(100 * after.displaced)) % of the preferred responses became less likely (displacement): "
          + "a likelihood term (--lambda), fewer steps or a filter of the pairs help")
    }
    print(
      training.adapter == nil ? "model: \(destination.out)" : "adapter: \(destination.out), for \(folder)")
  }

  static func table(_ before: PreferenceReading, _ after: PreferenceReading, title: String) -> String {
    let rows: [(String, KeyPath<PreferenceReading, Double>)] = [
      ("objective", \.loss), ("log-likelihood of the preferred", \.chosen), ("of the others", \.rejected),
      ("margin since the beginning", \.margin), ("share ranked right", \.accuracy),
      ("share of the preferred that fell", \.displaced), ("entropy of the top tokens, bits", \.topEntropy),
      ("mass of the top tokens", \.topMass),
    ]
    let width = rows.map(\.0.count).max() ?? 0
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    let lines = rows.map { name, path in
      "  \(padded(name, width))  \(padded(formatNumber(before[keyPath: path]), 10))  \(formatNumber(after[keyPath: path]))"
    }
    return (["\(padded(title, width + 2))  \(padded("before", 10))  after"] + lines).joined(separator: "\n")
  }

  private func options(_ loss: PreferenceLoss, pairs: Int) -> PreferenceOptions {
    var options = PreferenceOptions()
    (options.loss, options.batchSize, options.optimiser) = (loss, batch, optimiser)
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
