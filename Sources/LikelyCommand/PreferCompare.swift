import ArgumentParser
import Foundation
import Likely

/// `likely prefer compare`
struct PreferCompare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Trains the same model by several objectives and seeds, and sets the results side by side.",
    discussion: """
      Example:
        likely prefer compare runs/little --data prefs.jsonl --seeds 1
      """)

  @OptionGroup var model: LanguageModelArgument

  @Option(
    help: ArgumentHelp(
      "JSON lines with a prompt, a chosen and a rejected response.", valueName: "file.jsonl"))
  var data: String

  @OptionGroup var chatTemplate: ChatTemplateArgument

  @Option(help: ArgumentHelp("Objectives, between commas.", valueName: "names"))
  var methods = "sft,asft,orpo,dpo"

  @OptionGroup var objective: ObjectiveArguments

  @Option(help: ArgumentHelp("Seeds, each of which draws the batches anew.", valueName: "n"))
  var seeds = 3

  @Option(help: ArgumentHelp("Passes over the pairs.", valueName: "n"))
  var epochs = 1.0

  @Option(help: ArgumentHelp("Pairs a step.", valueName: "n"))
  var batch = 8

  @Option(help: ArgumentHelp("Learning rate at its highest.", valueName: "rate"))
  var lr = 1e-5

  @Option(help: ArgumentHelp("Share of the pairs that is held out and read.", valueName: "share"))
  var validation = 0.1

  @OptionGroup var judging: JudgeArguments

  @Flag(help: "Print one JSON object a training.")
  var json = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard seeds >= 1 else { throw ValidationError("--seeds \(seeds): at least 1") }
    guard epochs > 0, epochs.isFinite else { throw ValidationError("--epochs \(epochs): above 0") }
    for name in methods.listed where PreferenceLoss.Preset(rawValue: name) == nil {
      throw ValidationError(
        "--methods \(name): some of \(PreferenceLoss.Preset.allCases.map(\.rawValue).joined(separator: ", "))"
      )
    }
  }

  private struct Outcome {
    let method: String
    let reading: PreferenceReading
    let policy: PolicyReading?
    /// Of drawn responses against the preferred ones of the held-out pairs.
    let overlap: TextOverlap
  }

  func run() throws {
    let random = common.start()
    let loaded = try model.load(on: common.target)
    try chatTemplate.apply(to: loaded)
    let found = try loaded.preferences(contentsOf: URL(argument: data))
    for sentence in found.omissions { tell("likely: left out: \(sentence)") }
    let policy = try judging.monitor(initial: loaded, random: random.split("judged"), device: common.target)
    let names = methods.listed
    let progress = ProgressLine("trainings", total: names.count * seeds, silent: common.quiet)
    var outcomes: [Outcome] = []
    for name in names {
      let loss = try objective.loss(PreferenceLoss.Preset(rawValue: name)!)
      for seed in 0..<seeds {
        outcomes.append(
          try train(name, loss, loaded, found.pairs, seed: common.seed + UInt64(seed), policy, random))
        progress.update(outcomes.count, name)
      }
    }
    if json {
      for outcome in outcomes { print(Self.object(outcome).compact) }
    } else {
      print(table(names, outcomes).plainText)
    }
  }

  private func train(
    _ name: String, _ loss: PreferenceLoss, _ loaded: PretrainedModel, _ pairs: [PreferencePair],
    seed: UInt64,
    _ policy: PolicyMonitor?, _ random: RandomSource
  ) throws -> Outcome {
    let model = try loaded.model.copy()
    var options = PreferenceOptions()
    (options.loss, options.batchSize, options.learningRate) = (loss, batch, lr)
    (options.validationFraction, options.seed) = (validation, seed)
    let trained = max(1, pairs.count - Int(Double(pairs.count) * validation))
    options.training = TrainingOptions(
      steps: PreferenceTraining.steps(pairs: trained, epochs: epochs, batchSize: batch),
      schedule: .cosine(floor: 0.1), clipNorm: 1)
    let training = try PreferenceTraining(model, pairs: pairs, options: options)
    _ = try training.fit()
    var generation = GenerationOptions()
    generation.maximumTokens = judging.judgeTokens
    generation.stopTokens = Set(loaded.endTokens)
    let watched = training.monitor.pairs
    let drawn = try model.generate(
      watched.map(\.prompt), options: generation, random: random.split("overlap")
    ).map { loaded.tokenizer.decode($0[0].tokens, skippingSpecialTokens: true) }
    let expected = watched.map { loaded.tokenizer.decode($0.chosen, skippingSpecialTokens: true) }
    return Outcome(
      method: name, reading: try training.monitor.read(model), policy: try policy?.read(model),
      overlap: TextOverlap(
        hypotheses: drawn.map { TextOverlap.words($0, .lowercased) },
        references: expected.map { TextOverlap.words($0, .lowercased) }))
  }

  private func table(_ names: [String], _ outcomes: [Outcome]) -> ReportTable {
    var columns: [ReportTable.Column] = [
      .text("method"), .text("ln π a token, y⁺"), .text("ln π a token, y⁻"), .text("displaced"),
      .text("BLEU-4"), .text("ROUGE-L"),
    ]
    if judging.judgePrompts != nil { columns += [.text("KL"), .text("EAD")] }
    if judging.judge != nil { columns.append(.text("win")) }
    var table = ReportTable(title: "means over \(seeds) seeds", columns: columns)
    for name in names {
      let own = outcomes.filter { $0.method == name }
      func cell(_ value: (Outcome) -> Double?) -> ReportTable.Cell {
        .text(told(Estimate(meanOf: own.compactMap(value))))
      }
      var row: [ReportTable.Cell] = [
        .text(name), cell { $0.reading.chosenPerToken }, cell { $0.reading.rejectedPerToken },
        cell { $0.reading.displaced }, cell { $0.overlap.bleu(smooths: true) },
        cell { $0.overlap.meanRougeL },
      ]
      if judging.judgePrompts != nil {
        row += [cell { $0.policy?.divergence?.value }, cell { $0.policy?.diversity }]
      }
      if judging.judge != nil { row.append(cell { $0.policy?.win?.value }) }
      table.append(row)
    }
    return table
  }

  private static func object(_ outcome: Outcome) -> JSONValue {
    let values =
      [("loss", outcome.reading.loss)] + outcome.reading.metrics.map { ($0.name, $0.value) }
      + (outcome.policy?.metrics ?? []).map { ($0.name, $0.value) }
      + [("bleu_4", outcome.overlap.bleu(smooths: true)), ("rouge_l", outcome.overlap.meanRougeL)]
    return .object(
      .init(
        uniqueKeysWithValues: [("method", .string(outcome.method))] + values.map { ($0.0, .number($0.1)) }))
  }
}
