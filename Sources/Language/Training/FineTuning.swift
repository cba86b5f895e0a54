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
  /// Vectors before every text in place of all weights: so many.
  public var softPrompt: Int?
  /// Whether activations are computed again for the backward pass; see ``Transformer/checkpointsActivations``.
  public var checkpointsActivations = false
  /// Parameters whose name contains one of these are left as they are.
  public var frozen: [String] = []
  public var training = TrainingOptions(
    steps: 200, schedule: .cosine(floor: 0.1), warmUp: 10, clipNorm: 1, validateEvery: 50)
  /// The share of texts, the last of them, that is held out.
  public var validationFraction = 0.1
  public var seed: UInt64 = 0

  public init() {}

  /// Positions that are left for texts.
  func context(of model: Transformer) -> Int? { model.contextLength.map { $0 - (softPrompt ?? 0) } }

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
    try require(
      adapter == nil || softPrompt == nil, "soft prompt", "an adapter beside it", "one of the two")
    if let length {
      try require(
        length >= 2 && context(of: model).map { length <= $0 } ?? true, "length", length,
        "2 to the model's \(context(of: model).map(String.init) ?? "any") positions")
    }
    try require(
      frozen.isEmpty || adapter == nil && softPrompt == nil, "freeze", "an adapter or a soft prompt",
      "neither: they leave all of the model as it is")
    let names = model.namedParameters.map(\.name)
    for pattern in frozen where !names.contains(where: { $0.contains(pattern) }) {
      throw LanguageError(
        .badValue, file: "fine-tuning", place: "freeze",
        found: "\"\(pattern)\", which is in no parameter's name",
        expected: "a part of such names as \(names.prefix(3).joined(separator: ", "))")
    }
  }
}

/// Fine-tunes a transformer on texts of which some tokens count: all its weights, a low-rank adapter, or a soft prompt.
public struct FineTuning {
  public let options: FineTuningOptions
  public let model: Transformer
  /// What is trained where it is not the model itself; attached from here on.
  public let adapter: LowRankAdapter?
  public let softPrompt: SoftPrompt?
  public let texts: PackedTexts
  /// `nil` where nothing is held out.
  public let heldOut: PackedTexts?
  private let random: RandomSource

  /// - Throws: ``LanguageError`` where options, model and texts do not fit.
  public init(_ model: Transformer, texts: [WeightedText], options: FineTuningOptions) throws(LanguageError) {
    try options.validate(for: model)
    (self.model, self.options) = (model, options)
    random = RandomSource(seed: options.seed)
    let length = options.length ?? min(options.context(of: model) ?? 1024, 1024)
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
    var (adapter, softPrompt): (LowRankAdapter?, SoftPrompt?)
    if let own = options.adapter {
      var stream = random.split("adapter")
      adapter = try LowRankAdapter(for: model, options: own, using: &stream)
      model.attach(adapter)
    } else if let tokens = options.softPrompt {
      var stream = random.split("soft prompt")
      softPrompt = try SoftPrompt(for: model, tokens: tokens, using: &stream)
      model.attach(softPrompt: softPrompt)
    }
    (self.adapter, self.softPrompt) = (adapter, softPrompt)
    let isPartOfModel = adapter == nil && softPrompt == nil
    model.freeze { name in !isPartOfModel || options.frozen.contains { name.contains($0) } }
    model.checkpointsActivations = options.checkpointsActivations
  }

  /// Trains and returns the result; losses are nats a counted token.
  ///
  /// - Parameter run: where checkpoints and metrics go.
  /// - Throws: `TrainingError`, storage errors.
  public func fit(
    run: RunFolder? = nil, resuming: Bool = false, progress: ProgressLine? = nil,
    interruption: Interruption? = nil
  ) throws -> TrainingResult {
    let module: Module = adapter ?? softPrompt ?? model
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
