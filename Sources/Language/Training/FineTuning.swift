import Torch
import Training

/// How a model is fine-tuned on texts.
public struct FineTuningOptions: Sendable, Hashable {
  /// Rows of packed texts a step.
  public var batchSize = 8
  /// Tokens of a row; the model's context, at most 1024, when `nil`.
  public var length: Int?
  /// Of AdamW.
  public var learningRate = 1e-4
  public var weightDecay = 0.0
  /// A low-rank adapter in place of all weights.
  public var adapter: LowRankOptions?
  /// Parameters whose name contains one of these are left as they are.
  public var frozen: [String] = []
  public var training = TrainingOptions(
    steps: 200, schedule: .cosine(floor: 0.1), warmUp: 10, clipNorm: 1, validateEvery: 50)
  /// The share of texts, the last of them, that is held out.
  public var validationFraction = 0.1
  public var seed: UInt64 = 0

  public init() {}

  /// - Throws: ``LanguageError`` naming the option.
  public func validate(for model: Transformer) throws(LanguageError) {
    func require(_ holds: Bool, _ name: String, _ found: Any, _ expected: String) throws(LanguageError) {
      guard holds else {
        throw LanguageError(
          .badValue, file: "fine-tuning", place: name, found: "\(found)", expected: expected)
      }
    }
    try require(batchSize >= 1, "batch", batchSize, "at least 1")
    try require(learningRate > 0 && learningRate.isFinite, "lr", learningRate, "a positive number")
    try require(weightDecay >= 0, "weight decay", weightDecay, "at least 0")
    try require(training.steps >= 1, "steps", training.steps, "at least 1")
    try require((0..<1).contains(validationFraction), "validation", validationFraction, "a share in [0, 1)")
    if let length {
      try require(
        length >= 2 && model.fits(length), "length", length,
        "2 to the model's \(model.contextLength.map(String.init) ?? "any") positions")
    }
    let names = model.namedParameters.map(\.name)
    for pattern in frozen where !names.contains(where: { $0.contains(pattern) }) {
      throw LanguageError(
        .badValue, file: "fine-tuning", place: "freeze",
        found: "\"\(pattern)\", which is in no parameter's name",
        expected: "a part of such names as \(names.prefix(3).joined(separator: ", "))")
    }
  }
}

/// Fine-tunes a transformer on texts of which some tokens count: all its weights, or a low-rank adapter.
public struct FineTuning {
  public let options: FineTuningOptions
  public let model: Transformer
  /// What is trained where it is not the model itself; attached from here on.
  public let adapter: LowRankAdapter?
  public let texts: PackedTexts
  /// `nil` where nothing is held out.
  public let heldOut: PackedTexts?
  private let random: RandomSource

  /// - Throws: ``LanguageError`` where options, model and texts do not fit.
  public init(_ model: Transformer, texts: [WeightedText], options: FineTuningOptions) throws(LanguageError) {
    try options.validate(for: model)
    (self.model, self.options) = (model, options)
    random = RandomSource(seed: options.seed)
    let length = options.length ?? min(model.contextLength ?? 1024, 1024)
    let count = texts.count - Int(Double(texts.count) * options.validationFraction)
    self.texts = PackedTexts(Array(texts[..<count]), length: length)
    guard self.texts.rows > 0 else {
      throw LanguageError(
        .badValue, file: "texts",
        found: "\(texts.count) texts, none of which has 2 to \(length + 1) tokens",
        expected: "at least one that has")
    }
    let held = PackedTexts(Array(texts[count...]), length: length)
    heldOut = held.rows > 0 ? held : nil
    if let adapterOptions = options.adapter {
      var stream = random.split("adapter")
      let adapter = try LowRankAdapter(for: model, options: adapterOptions, using: &stream)
      model.freeze()
      model.attach(adapter)
      self.adapter = adapter
    } else {
      adapter = nil
      model.freeze { name in options.frozen.contains { name.contains($0) } }
    }
  }

  /// Trains and returns the result; losses are nats a counted token.
  ///
  /// - Parameter run: where checkpoints and metrics go.
  /// - Throws: `TrainingError`, storage errors.
  public func fit(
    run: RunFolder? = nil, resuming: Bool = false, progress: ProgressLine? = nil,
    interruption: Interruption? = nil
  ) throws -> TrainingResult {
    let module: Module = adapter ?? model
    let optimiser = Adam(
      module.trainableParameters, learningRate: options.learningRate, betas: (0.9, 0.98),
      weightDecay: options.weightDecay, decoupled: true)
    let trainer = Trainer(
      module, optimiser: optimiser, options: options.training, random: random.split("steps"), run: run,
      progress: progress, interruption: interruption)
    let batches = ShuffledRows(
      texts.tensors, batchSize: min(options.batchSize, texts.rows), random: random.split("batches"))
    let validation = heldOut.map { heldOut -> (() throws -> Double) in
      { options.training.precision.run { self.loss(of: heldOut) } }
    }
    return try trainer.fit(resuming: resuming, validation: validation) { step, _ in
      model.loss(packed: batches.batch(at: step))
    }
  }

  /// −log p a counted token over all rows.
  public func loss(of texts: PackedTexts) -> Double {
    withoutGradient {
      var (sum, weight) = (0.0, 0.0)
      for start in stride(from: 0, to: texts.rows, by: options.batchSize) {
        let rows = start..<min(start + options.batchSize, texts.rows)
        let batch = texts.tensors.map { $0[rows] }
        let own = batch[2].sum().item()
        sum += own * model.loss(packed: batch).item()
        weight += own
      }
      return sum / weight
    }
  }
}
