import Torch
import Training

/// How a model is trained on a text from the beginning.
public struct TextTrainingOptions: Sendable, Hashable {
  /// Windows a step.
  public var batchSize = 16
  /// Of AdamW.
  public var learningRate = 2e-3
  /// Of AdamW.
  public var weightDecay = 0.1
  public var training = TrainingOptions(
    steps: 2000, schedule: .cosine(floor: 0.05), warmUp: 100, clipNorm: 1, validateEvery: 500)
  /// The end of the text that is held out, as a share in [0, 1); 0 trains on all and does not validate.
  public var validationFraction = 0.1
  public var seed: UInt64 = 0

  public init() {}

  /// - Throws: ``LanguageError`` naming the option.
  public func validate() throws(LanguageError) {
    func require(_ holds: Bool, _ name: String, _ found: Any, _ expected: String) throws(LanguageError) {
      guard holds else {
        throw LanguageError(.badValue, file: "training", place: name, found: "\(found)", expected: expected)
      }
    }
    try require(batchSize >= 1, "batch", batchSize, "at least 1")
    try require(learningRate > 0 && learningRate.isFinite, "lr", learningRate, "a positive number")
    try require(weightDecay >= 0, "weight decay", weightDecay, "at least 0")
    try require(training.steps >= 1, "steps", training.steps, "at least 1")
    try require((0..<1).contains(validationFraction), "validation", validationFraction, "a share in [0, 1)")
  }
}

/// Trains a transformer to predict every token of a text from those before it.
public struct TextTraining {
  public let options: TextTrainingOptions
  public let configuration: TransformerConfiguration
  /// The end of the text, which training does not see; `nil` where nothing is held out.
  public let heldOut: [Int]?
  private let text: Tensor
  private let random: RandomSource
  private let device: Device

  /// Windows that a validation looks at, at the most.
  private static let validationWindows = 256

  /// - Parameter tokens: of the text, in the model's vocabulary.
  /// - Throws: ``LanguageError`` where options, shape and text do not fit.
  public init(
    _ options: TextTrainingOptions, configuration: TransformerConfiguration, tokens: [Int],
    device: Device = .cpu
  ) throws(LanguageError) {
    try options.validate()
    try configuration.validate()
    (self.options, self.configuration, self.device) = (options, configuration, device)
    random = RandomSource(seed: options.seed)
    let count = tokens.count - Int(Double(tokens.count) * options.validationFraction)
    let length = configuration.contextLength
    guard count > length else {
      throw LanguageError(
        .badValue, file: "text", found: "\(count) tokens to train on",
        expected: "more than the context of \(length); take a smaller one")
    }
    text = Tensor(Array(tokens[..<count]))
    heldOut = tokens.count - count >= 2 ? Array(tokens[count...]) : nil
  }

  /// The model as it is before training.
  /// - Throws: ``LanguageError``.
  public func makeModel() throws -> Transformer {
    var stream = random.split("network")
    let model = try Transformer(configuration, using: &stream)
    model.move(device: device)
    return model
  }

  /// Trains and returns the model with its result; losses are nats a token.
  ///
  /// - Parameter run: where checkpoints and metrics go.
  /// - Throws: `TrainingError`, storage errors.
  public func fit(
    run: RunFolder? = nil, resuming: Bool = false, progress: ProgressLine? = nil,
    interruption: Interruption? = nil
  ) throws -> (model: Transformer, result: TrainingResult) {
    let model = try makeModel()
    let optimiser = Adam(
      model.trainableParameters, learningRate: options.learningRate, betas: (0.9, 0.95),
      weightDecay: options.weightDecay, decoupled: true)
    let trainer = Trainer(
      model, optimiser: optimiser, options: options.training, random: random.split("steps"), run: run,
      progress: progress, interruption: interruption)
    let validation = heldOut.map { heldOut -> (() throws -> Double) in
      let windows = validationItems(heldOut)
      let tokens = windows.reduce(0) { $0 + $1.continuations[0].count }
      return {
        let scores = try options.training.precision.run { try model.score(windows) }
        return -scores.reduce(0) { $0 + $1[0].logLikelihood } / Double(tokens)
      }
    }
    let result = try trainer.fit(resuming: resuming, validation: validation) { _, stream in
      loss(model, windows(using: &stream))
    }
    return (model, result)
  }

  /// Windows from anywhere in the text, `[batch, context + 1]`.
  private func windows(using random: inout RandomSource) -> Tensor {
    let length = configuration.contextLength
    let starts = random.integers([options.batchSize, 1], in: 0..<text.count - length)
    let places = starts + Tensor.range(to: Double(length + 1)).unsqueeze(0)
    return text.select(axis: 0, places.reshape(-1)).reshape(options.batchSize, length + 1).to(device: device)
  }

  /// −log p a token.
  private func loss(_ model: Transformer, _ windows: Tensor) -> Tensor {
    let length = configuration.contextLength
    let hidden = model.hiddenStates(windows.slice(axis: 1, start: 0, end: length))
      .reshape(-1, configuration.width)
    let targets = windows.slice(axis: 1, start: 1).reshape(-1)
    let weights = Tensor.full([targets.count], -1 / Double(targets.count), device: device)
    return .weightedLogLikelihood(
      hidden: hidden, table: model.outputTable, targets: targets, weights: weights)
  }

  private func validationItems(_ heldOut: [Int]) -> [ScoringItem] {
    let length = configuration.contextLength
    let all = stride(from: 0, to: heldOut.count - 1, by: length).map { start in
      ScoringItem(
        prompt: [heldOut[start]],
        continuations: [Array(heldOut[start + 1..<min(heldOut.count, start + length)])])
    }.filter { !$0.continuations[0].isEmpty }
    // Spread over the text where there are more.
    let count = min(all.count, Self.validationWindows)
    return (0..<count).map { all[$0 * all.count / count] }
  }
}
