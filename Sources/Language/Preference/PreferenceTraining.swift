import Files
import Foundation
import Report
import Torch
import Training

/// How a model is trained on preferences.
public struct PreferenceOptions: Sendable, Hashable {
  public var loss = PreferenceLoss.preset(.dpo)
  /// What the objective compares.
  public var aggregation = PreferenceAggregation.sequence
  /// Pairs a step.
  public var batchSize = 8
  public var optimiser = Optimiser.adam
  public var learningRate = 1e-5
  /// Of AdamW.
  public var weightDecay = 0.0
  /// How slowly AdamW forgets squares of gradients, β₂ in [0, 1); β₁ is 0.9.
  public var squareDecay = 0.95
  /// A low-rank adapter in place of all weights.
  public var adapter: LowRankOptions?
  public var training = TrainingOptions(
    steps: 200, schedule: .cosine(floor: 0.1), warmUp: 10, clipNorm: 1, validateEvery: 50)
  /// The share of pairs, the last of them, that is held out; the monitor reads them, or the first that are trained on
  /// where none are.
  public var validationFraction = 0.1
  /// How many of these.
  public var watchedPairs = 100
  public var checkpointsActivations = false
  public var seed: UInt64 = 0

  public enum Optimiser: String, Sendable, Hashable, CaseIterable, Codable {
    /// AdamW.
    case adam
    /// Without momentum or correction of its start (α = 0.99).
    case rmsprop

    /// - Parameters:
    ///   - weightDecay: of AdamW, like its β₂.
    public func make(
      _ parameters: [Parameter], learningRate: Double, weightDecay: Double = 0, squareDecay: Double = 0.95
    ) -> any Torch.Optimiser {
      switch self {
      case .adam:
        Adam(
          parameters, learningRate: learningRate, betas: (0.9, squareDecay), weightDecay: weightDecay,
          decoupled: true)
      case .rmsprop: RMSProp(parameters, learningRate: learningRate)
      }
    }
  }

  public init() {}

  /// - Throws: ``LanguageError`` naming the option.
  public func validate() throws(LanguageError) {
    try loss.validate()
    func require(_ holds: Bool, _ name: String, _ found: Any, _ expected: String) throws(LanguageError) {
      guard holds else {
        throw LanguageError(
          .badValue, file: "preferences", place: name, found: "\(found)", expected: expected)
      }
    }
    try require(batchSize >= 1, "batch", batchSize, "at least 1")
    try require(learningRate > 0 && learningRate.isFinite, "lr", learningRate, "a positive number")
    try require(weightDecay >= 0, "weight decay", weightDecay, "at least 0")
    try require((0..<1).contains(squareDecay), "square decay", squareDecay, "a number in [0, 1)")
    try require(training.steps >= 1, "steps", training.steps, "at least 1")
    try require((0..<1).contains(validationFraction), "validation", validationFraction, "a share in [0, 1)")
    try require(watchedPairs >= 1, "watched pairs", watchedPairs, "at least 1")
  }
}

/// Trains a transformer on pairs of responses of which one is preferred: all its weights, or a low-rank adapter.
///
/// The reference is the model as it is at the beginning; what it says of every pair is found once, before the first step,
/// where the objective asks for it.
public struct PreferenceTraining {
  public let options: PreferenceOptions
  public let model: Transformer
  /// What is trained where it is not the model itself; attached from here on.
  public let adapter: LowRankAdapter?
  public let pairs: [PreferencePair]
  public private(set) var monitor: PreferenceMonitor
  /// `[pairs, 2]`, of the pairs that are trained on; `nil` where the objective needs none.
  private let reference: Tensor?
  /// ln π_ref of every token of every pair, where places are compared.
  private let referenceTokens: [[Double]]
  private let random: RandomSource

  /// - Parameter reference: log-likelihoods of all pairs under the reference, `[pairs, 2]`; found here when `nil`.
  /// - Throws: ``LanguageError`` where options, model and pairs do not fit.
  public init(
    _ model: Transformer, pairs all: [PreferencePair], options: PreferenceOptions, reference: Tensor? = nil
  ) throws(LanguageError) {
    try options.validate()
    let held = Int(Double(all.count) * options.validationFraction)
    let count = all.count - held
    guard count > 0 else {
      throw LanguageError(
        .badValue, file: "preferences", found: "\(all.count) pairs", expected: "at least one to train on")
    }
    if let apart = all.first(where: { $0.rejectedPrompt != nil }), !options.loss.ranksPoints {
      throw LanguageError(
        .badValue, file: "preferences", place: "line \(apart.line)",
        found: "responses that were judged by themselves",
        expected: "an objective that ranks points: sft, asft, kto, nca or apo-zero")
    }
    (self.model, self.options) = (model, options)
    random = RandomSource(seed: options.seed)
    let watched = held > 0 ? count..<all.count : 0..<min(options.watchedPairs, count)
    let watchedPairs = Array(all[watched])
    pairs = Array(all[..<count])
    // Without a use for the reference nothing but what is watched is read before training.
    var known = reference
    if known == nil, options.loss.needsReference { known = try model.referenceLikelihoods(of: all) }
    precondition(
      known.map { $0.shape == [all.count, 2] } ?? true, "PreferenceTraining: a reference of other pairs")
    self.reference = known?.slice(axis: 0, start: 0, end: count)
    referenceTokens =
      options.aggregation == .sequence || !options.loss.needsReference
      ? [] : try model.sides(of: pairs).map { $0.flatMap(\.tokenLogProbabilities) }
    let initial: Tensor
    if let known {
      initial = known.slice(axis: 0, start: watched.lowerBound, end: watched.upperBound)
    } else {
      initial = try model.referenceLikelihoods(of: watchedPairs)
    }
    monitor = PreferenceMonitor(watchedPairs, loss: options.loss, initial: initial)
    try monitor.remember(model)
    if let own = options.adapter {
      var stream = random.split("adapter")
      let adapter = try LowRankAdapter(for: model, options: own, using: &stream)
      model.freeze()
      model.attach(adapter)
      self.adapter = adapter
    } else {
      adapter = nil
      model.freeze(false)
    }
    model.checkpointsActivations = options.checkpointsActivations
  }

  /// Steps of so many passes over the pairs.
  public static func steps(pairs: Int, epochs: Double, batchSize: Int) -> Int {
    max(1, Int((Double(pairs) * epochs / Double(batchSize)).rounded(.up)))
  }

  /// Trains and returns the result; the losses are the objective's, the best is that of the watched pairs.
  ///
  /// - Parameters:
  ///   - run: where checkpoints and metrics go.
  ///   - observing: told every reading of the monitor; may stop the training, add metrics, or say by another value which
  ///     model is the best, the one that is left behind.
  /// - Throws: `TrainingError`, storage errors. A loss that is not finite leaves its pairs in `non-finite-batch.jsonl` of the
  ///   run folder.
  public func fit(
    run: RunFolder? = nil, resuming: Bool = false, progress: ProgressLine? = nil,
    interruption: Interruption? = nil,
    observing: ((_ step: Int, PreferenceReading, inout Observation) throws -> Void)? = nil
  ) throws -> TrainingResult {
    let module: Module = adapter ?? model
    let optimiser = options.optimiser.make(
      module.trainableParameters, learningRate: options.learningRate, weightDecay: options.weightDecay,
      squareDecay: options.squareDecay)
    let trainer = Trainer(
      module, optimiser: optimiser, options: options.training, random: random.split("steps"), run: run,
      progress: progress, interruption: interruption)
    let rows = ShuffledRows(
      [Tensor(Array(pairs.indices))], batchSize: min(options.batchSize, pairs.count),
      random: random.split("batches"))
    do {
      return try fit(trainer, rows, resuming: resuming, observing: observing)
    } catch let error as TrainingError {
      if case .nonFinite(let step, _, _) = error, let run {
        try write(rows, step: step - 1, to: run.url.appendingPathComponent("non-finite-batch.jsonl"))
      }
      throw error
    }
  }

  /// The pairs of a step that came to no finite loss, for its cause to be found.
  private func write(_ rows: ShuffledRows, step: Int, to url: URL) throws {
    func tokens(_ tokens: [Int]) -> JSONValue { .array(tokens.map { .integer($0) }) }
    let count = options.training.accumulation ?? 1
    let places = (step * count..<(step + 1) * count).flatMap { rows.batch(at: $0)[0].integers }
    let lines = places.map { place -> String in
      let pair = pairs[place]
      let object: JSONValue = [
        "line": .integer(pair.line), "prompt_tokens": tokens(pair.prompt),
        "chosen_tokens": tokens(pair.chosen),
        "rejected_tokens": tokens(pair.rejected),
      ]
      return object.compact + "\n"
    }
    try writeAtomically(Data(lines.joined().utf8), to: url)
  }

  private func fit(
    _ trainer: Trainer, _ rows: ShuffledRows, resuming: Bool,
    observing: ((_ step: Int, PreferenceReading, inout Observation) throws -> Void)?
  ) throws -> TrainingResult {
    try trainer.fit(
      resuming: resuming,
      observing: { step in
        let reading = try options.training.precision.run { try monitor.read(model) }
        var observation = Observation(value: reading.loss, metrics: reading.metrics)
        try observing?(step, reading, &observation)
        return observation
      },
      loss: { step, _ in loss(of: rows.batch(at: step)[0]) })
  }

  /// The mean objective of some of the pairs.
  private func loss(of chosen: Tensor) -> Tensor {
    let places = chosen.integers
    let batch = places.map { pairs[$0] }
    if options.aggregation == .sequence {
      return options.loss(model.likelihoods(of: batch, reference: reference?.select(axis: 0, chosen))).mean()
    }
    let known = referenceTokens.isEmpty ? nil : Tensor(places.flatMap { referenceTokens[$0] })
    return options.loss.tokenwise(
      model.tokenLogProbabilities(of: batch.flatMap(\.items)), reference: known, pairs: batch,
      aggregation: options.aggregation
    ).mean()
  }
}
