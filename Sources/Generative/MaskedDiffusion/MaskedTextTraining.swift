import Torch
import Training

/// How a masked text model is trained.
public struct MaskedTextOptions: Sendable, Hashable, Codable {
  public var network = MaskedTransformerOptions()
  public var schedule = MaskedNoiseSchedule.logLinear
  /// Windows a step.
  public var batchSize = 64
  /// Of Adam.
  public var learningRate = 3e-4
  public var training = TrainingOptions(steps: 3000, validateEvery: 500)
  /// The end of the text that is held out, as a share in [0, 1); 0 trains on all and does not validate.
  public var validationFraction = 0.1
  public var seed: UInt64 = 0

  public init() {}

  /// - Throws: ``MaskedDiffusionError`` naming the option.
  public func validate() throws(MaskedDiffusionError) {
    try network.validate()
    guard batchSize >= 1 else { throw .option("batch", "\(batchSize)", "at least 1") }
    guard learningRate > 0, learningRate.isFinite else {
      throw .option("lr", "\(learningRate)", "a positive number")
    }
    guard training.steps >= 1 else { throw .option("steps", "\(training.steps)", "at least 1") }
    guard (0..<1).contains(validationFraction) else {
      throw .option("validation", "\(validationFraction)", "a share in [0, 1)")
    }
  }
}

/// Trains a masked diffusion of text (Sahoo et al. 2024).
public struct MaskedTextTraining {
  public let options: MaskedTextOptions
  public let vocabulary: CharacterVocabulary
  /// The end of the text, `[n]`, which training does not see; `nil` where nothing is held out.
  public let heldOut: Tensor?
  private let text: MaskedText
  private let random: RandomSource
  private let device: Device

  /// Windows that a validation looks at.
  private static let validationWindows = 512

  /// - Parameters:
  ///   - tokens: the text's symbols in the vocabulary, `[n]`.
  /// - Throws: ``MaskedDiffusionError`` where options or text do not do.
  public init(
    _ options: MaskedTextOptions, tokens: Tensor, vocabulary: CharacterVocabulary, device: Device = .cpu
  ) throws(MaskedDiffusionError) {
    try options.validate()
    (self.options, self.vocabulary, self.device) = (options, vocabulary, device)
    random = RandomSource(seed: options.seed)
    let count = tokens.count - Int(Double(tokens.count) * options.validationFraction)
    let length = options.network.length
    text = try MaskedText(tokens[0..<count], length: length, symbols: vocabulary.count)
    guard count < tokens.count else {
      heldOut = nil
      return
    }
    heldOut = try MaskedText(tokens[count...], length: length, symbols: vocabulary.count).tokens
  }

  /// The model as it is before training.
  public func makeModel() -> MaskedTextModel {
    var stream = random.split("network")
    let network = MaskedTransformer(symbols: vocabulary.count, options: options.network, using: &stream)
    let model = MaskedTextModel(
      network: network, vocabulary: vocabulary, schedule: options.schedule,
      precision: options.training.precision)
    model.move(to: device)
    return model
  }

  /// Trains and returns the model with its result; the loss is the bound in nats a character.
  /// - Parameter run: where checkpoints and metrics go.
  /// - Throws: `TrainingError`, storage errors.
  public func fit(
    run: RunFolder? = nil, resuming: Bool = false, progress: ProgressLine? = nil,
    interruption: Interruption? = nil
  ) throws -> (model: MaskedTextModel, result: TrainingResult) {
    let model = makeModel()
    let network = model.network
    let loss = MaskedLoss(options.schedule)
    let optimiser = Adam(network.trainableParameters, learningRate: options.learningRate)
    let trainer = Trainer(
      network, optimiser: optimiser, options: options.training, random: random.split("steps"), run: run,
      progress: progress, interruption: interruption)
    let validation = try heldOut.map { held -> (() throws -> Double) in
      let held = try MaskedText(held, length: model.length, symbols: model.symbols)
      let rows = held.spread(Self.validationWindows).to(device: device)
      return {
        // The same masks every time, so that validations compare.
        var stream = random.split("validation")
        return loss({ network($0) }, rows, mask: model.mask, using: &stream).mean().item()
      }
    }
    let result = try trainer.fit(resuming: resuming, validation: validation) { step, stream in
      let rows = text.draw(options.batchSize, using: &stream).to(device: device)
      return loss({ network($0) }, rows, mask: model.mask, using: &stream).mean()
    }
    return (model, result)
  }
}
