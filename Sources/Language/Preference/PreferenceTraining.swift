import Torch
import Training

/// How a model is trained on preferences.
public struct PreferenceOptions: Sendable, Hashable {
  public var loss = PreferenceLoss.preset(.dpo)
  /// Pairs a step.
  public var batchSize = 8
  public var optimiser = Optimiser.adam
  public var learningRate = 1e-5
  /// Of AdamW.
  public var weightDecay = 0.0
  /// A low-rank adapter in place of all weights.
  public var adapter: LowRankOptions?
  public var training = TrainingOptions(
    steps: 200, schedule: .cosine(floor: 0.1), warmUp: 10, clipNorm: 1, validateEvery: 50)
  /// The share of pairs, the last of them, that is held out; the monitor reads them, or the first hundred that are
  /// trained on where none are.
  public var validationFraction = 0.1
  public var checkpointsActivations = false
  public var seed: UInt64 = 0

  public enum Optimiser: String, Sendable, Hashable, CaseIterable, Codable {
    /// AdamW, β = (0.9, 0.95).
    case adam
    /// Without momentum or correction of its start (α = 0.99).
    case rmsprop
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
    try require(training.steps >= 1, "steps", training.steps, "at least 1")
    try require((0..<1).contains(validationFraction), "validation", validationFraction, "a share in [0, 1)")
  }
}

/// Trains a transformer on pairs of responses of which one is preferred: all its weights, or a low-rank adapter.
///
/// The reference is the model as it is at the beginning; what it says of every pair is found once, before the first step.
public struct PreferenceTraining {
  public let options: PreferenceOptions
  public let model: Transformer
  /// What is trained where it is not the model itself; attached from here on.
  public let adapter: LowRankAdapter?
  public let pairs: [PreferencePair]
  public let monitor: PreferenceMonitor
  /// `[pairs, 2]`, of the pairs that are trained on.
  private let reference: Tensor
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
    (self.model, self.options) = (model, options)
    random = RandomSource(seed: options.seed)
    let known: Tensor
    if let reference { known = reference } else { known = try model.referenceLikelihoods(of: all) }
    precondition(known.shape == [all.count, 2], "PreferenceTraining: a reference of other pairs")
    pairs = Array(all[..<count])
    self.reference = known.slice(axis: 0, start: 0, end: count)
    let watched = held > 0 ? count..<all.count : 0..<min(100, count)
    monitor = PreferenceMonitor(
      Array(all[watched]), loss: options.loss,
      initial: known.slice(axis: 0, start: watched.lowerBound, end: watched.upperBound))
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
  ///   - observing: told every reading of the monitor, and may stop the training.
  /// - Throws: `TrainingError`, storage errors.
  public func fit(
    run: RunFolder? = nil, resuming: Bool = false, progress: ProgressLine? = nil,
    interruption: Interruption? = nil, observing: ((_ step: Int, PreferenceReading) throws -> Bool)? = nil
  ) throws -> TrainingResult {
    let module: Module = adapter ?? model
    let optimiser = makeOptimiser(module.trainableParameters)
    let trainer = Trainer(
      module, optimiser: optimiser, options: options.training, random: random.split("steps"), run: run,
      progress: progress, interruption: interruption)
    let rows = ShuffledRows(
      [Tensor(Array(pairs.indices))], batchSize: min(options.batchSize, pairs.count),
      random: random.split("batches"))
    return try trainer.fit(
      resuming: resuming,
      observing: { step in
        let reading = try options.training.precision.run { try monitor.read(model) }
        let stops = try observing?(step, reading) ?? false
        return Observation(value: reading.loss, metrics: reading.metrics, stops: stops)
      },
      loss: { step, _ in
        let chosen = rows.batch(at: step)[0]
        let batch = chosen.integers.map { pairs[$0] }
        return options.loss(model.likelihoods(of: batch, reference: reference.select(axis: 0, chosen))).mean()
      })
  }

  private func makeOptimiser(_ parameters: [Parameter]) -> any Torch.Optimiser {
    switch options.optimiser {
    case .adam:
      Adam(
        parameters, learningRate: options.learningRate, betas: (0.9, 0.95),
        weightDecay: options.weightDecay, decoupled: true)
    case .rmsprop: RMSProp(parameters, learningRate: options.learningRate)
    }
  }
}
