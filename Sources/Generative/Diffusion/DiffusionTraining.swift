import Foundation
import Probability
import Torch
import Training

/// What diffusion model is trained, and how.
public struct DiffusionOptions: Sendable, Codable, Hashable {
  public var schedule = NoiseSchedule.vpCosine()
  public var prediction = DiffusionPrediction.v
  public var network = NetworkOptions()
  /// The share of rows that are trained without their class, so that the model is unconditional too.
  public var labelDropout = 0.1
  public var batchSize = 512
  public var learningRate = 1e-3
  public var training = TrainingOptions(steps: 4000, schedule: .cosine(), averageDecay: 0.998)
  /// Whether columns are scaled to mean 0 and deviation 1.
  public var standardises = true
  public var noise = DataNoise.none
  /// The share of rows held out for validation, in [0, 1).
  public var validationFraction = 0.0
  public var seed: UInt64 = 0

  public init() {}

  /// - Throws: ``DiffusionError`` naming the option.
  public func validate(dimension: Int) throws(DiffusionError) {
    func require(_ holds: Bool, _ name: String, _ found: Any, _ expected: String) throws(DiffusionError) {
      if !holds { throw .option(name, "\(found)", expected) }
    }
    try require(batchSize >= 1, "batch", batchSize, "at least 1")
    try require(learningRate > 0 && learningRate.isFinite, "lr", learningRate, "a positive number")
    try require(training.steps >= 1, "steps", training.steps, "at least 1")
    try require(network.width >= 1, "width", network.width, "at least 1")
    try require(network.depth >= 1, "depth", network.depth, "at least 1")
    try require((0..<1).contains(validationFraction), "validation", validationFraction, "a share in [0, 1)")
    try require((0...1).contains(labelDropout), "label-dropout", labelDropout, "a share in [0, 1]")
    if case .gaussian(let deviation) = noise {
      try require(deviation > 0, "noise", deviation, "uniform, none or a positive deviation")
    }
    // At the noisiest level x is noise alone there, and x₀ cannot be told from it and the noise.
    try require(
      schedule != .flowLinear || ![.noise, .score].contains(prediction), "prediction", prediction.rawValue,
      "v, denoised or velocity with the schedule flow-linear")
    if network.architecture == .equivariant {
      let shape = network.pointShape ?? []
      try require(
        shape.count == 2 && shape.reduce(1, *) == dimension && shape[0] >= 2, "points",
        shape.isEmpty ? "none" : shape.map(String.init).joined(separator: "×"),
        "points×dimensions, \(dimension) numbers in all as there are columns")
      try require(
        !standardises, "standardise", "on",
        "off: points have one scale, and columns of their own would turn it")
    }
    guard network.architecture == .unet else { return }
    let shape = network.imageShape ?? []
    try require(
      shape.count == 3 && shape.reduce(1, *) == dimension, "image-shape",
      shape.isEmpty ? "none" : shape.map(String.init).joined(separator: "×"),
      "channels×height×width, \(dimension) numbers in all as there are columns")
    try require(network.width % 4 == 0, "width", network.width, "a multiple of 4 for a U-Net")
  }
}

/// Why a diffusion model cannot be trained or drawn from.
public enum DiffusionError: Error, Sendable, Hashable, CustomStringConvertible {
  case option(_ name: String, _ found: String, _ expected: String)
  case tooFewRows(Int)
  case rowsDiffer(rows: Int, conditions: Int)
  case notFinite(row: Int, column: Int)

  public var description: String {
    switch self {
    case .option(let name, let found, let expected): "\(name): found \(found), expected \(expected)"
    case .tooFewRows(let count): "found \(count) rows, expected at least 2"
    case .rowsDiffer(let rows, let conditions):
      "found \(conditions) classes for \(rows) rows, expected one a row"
    case .notFinite(let row, let column): "row \(row + 1), column \(column + 1) is not a finite number"
    }
  }
}

/// Trains a denoiser on rows at every noise level.
public struct DiffusionTraining {
  public let options: DiffusionOptions
  public let columns: [String]
  public let classes: [String]
  public let target: TargetData
  /// Rows that are held out, in the data's coordinates, with their classes.
  public let heldOut: (rows: Tensor, condition: Tensor?)?

  private let training: TargetData
  private let condition: Tensor?
  private let standardiser: Standardiser
  private let random: RandomSource
  private let device: Device

  /// Held-out rows that a validation looks at.
  private static let validationRows = 10_000

  /// - Parameters:
  ///   - labels: the class of every row, `[n]`, for rows.
  ///   - standardiser: given where models are to be composed, which takes one scale; fitted when `nil`.
  /// - Throws: ``DiffusionError``.
  public init(
    _ options: DiffusionOptions, target: TargetData, labels: Tensor? = nil, classes: [String] = [],
    columns: [String]? = nil, standardiser: Standardiser? = nil, device: Device = .cpu
  ) throws {
    try options.validate(dimension: target.dimension)
    guard standardiser == nil || options.network.architecture != .equivariant else {
      throw DiffusionError.option("scale-of", "given", "none with points, which have one scale")
    }
    (self.options, self.target, self.classes, self.device) = (options, target, classes, device)
    self.columns = columns ?? (0..<target.dimension).map { "x\($0 + 1)" }
    random = RandomSource(seed: options.seed)
    var stream = random.split("standardiser")
    let condition = labels.map { $0.oneHot(classes.count).to(.float) }
    let sample: Tensor
    switch target {
    case .rows(let rows):
      guard rows.size(0) >= 2 else { throw DiffusionError.tooFewRows(rows.size(0)) }
      if let condition, condition.size(0) != rows.size(0) {
        throw DiffusionError.rowsDiffer(rows: rows.size(0), conditions: condition.size(0))
      }
      if let bad = rows.isFinite().reshape(-1).booleans.firstIndex(of: false) {
        throw DiffusionError.notFinite(row: bad / rows.size(1), column: bad % rows.size(1))
      }
      sample = options.noise(rows.to(.double), using: &stream)
    case .generator(_, let draw):
      sample = options.noise(draw(20_000, &stream).to(.double), using: &stream)
    }
    self.standardiser =
      standardiser ?? (options.standardises ? Standardiser(fitting: sample) : .identity(target.dimension))
    var splitStream = random.split("validation")
    guard case .rows(let rows) = target,
      let split = heldOutRows([rows, condition], share: options.validationFraction, using: &splitStream)
    else {
      (training, self.condition, heldOut) = (target, condition, nil)
      return
    }
    training = .rows(split.kept[0]!)
    self.condition = split.kept[1]
    heldOut = (split.held[0]!, split.held[1])
  }

  /// The model before training.
  public func makeModel() -> DiffusionModel {
    var stream = random.split("network")
    let network = DiffusionNetwork(
      dimension: target.dimension, conditions: classes.count, options: options.network, using: &stream)
    return DiffusionModel(
      network, schedule: options.schedule, prediction: options.prediction, standardiser: standardiser,
      columns: columns, classes: classes, precision: options.training.precision)
  }

  /// Trains.
  /// - Parameter run: where checkpoints and metrics go.
  /// - Throws: `TrainingError`, storage errors.
  public func fit(
    run: RunFolder? = nil, resuming: Bool = false, progress: ProgressLine? = nil,
    interruption: Interruption? = nil
  ) throws -> (model: DiffusionModel, result: TrainingResult) {
    let model = makeModel()
    model.move(to: device)
    let optimiser = Adam(model.network.trainableParameters, learningRate: options.learningRate)
    let trainer = Trainer(
      model.network, optimiser: optimiser, options: options.training, random: random.split("steps"), run: run,
      progress: progress, interruption: interruption)
    let source = rowSource()
    let validation = heldOut.map { held -> (() throws -> Double) in
      {
        var stream = self.random.split("validation noise")
        let rows = 0..<min(held.rows.size(0), Self.validationRows)
        let points = self.standardised(held.rows[rows], using: &stream).to(device: self.device)
        return self.loss(model.network, points, held.condition?[rows], isTraining: false, using: &stream)
          .item()
      }
    }
    let result = try trainer.fit(resuming: resuming, validation: validation) { step, stream in
      let (rows, condition) = source(step, &stream)
      return loss(model.network, rows, condition, isTraining: true, using: &stream)
    }
    return (model, result)
  }

  private func standardised(_ rows: Tensor, using random: inout RandomSource) -> Tensor {
    standardiser.standardise(options.noise(rows.to(.double), using: &random)).to(.float)
  }

  private func rowSource() -> (_ step: Int, _ random: inout RandomSource) -> (Tensor, Tensor?) {
    switch training {
    case .generator(_, let draw):
      return { [options, device] _, stream in
        (self.standardised(draw(options.batchSize, &stream), using: &stream).to(device: device), nil)
      }
    case .rows(let rows):
      // Rows are standardised once where no fresh noise has to be added before.
      let isReady = options.noise == .none
      let points = isReady ? standardiser.standardise(rows.to(.double)).to(.float) : rows.to(.float)
      let shuffled = ShuffledRows(
        [points, condition].compactMap { $0?.to(device: device) }, batchSize: options.batchSize,
        random: random.split("order"))
      return { step, stream in
        let batch = shuffled.batch(at: step)
        return (
          isReady ? batch[0] : self.standardised(batch[0], using: &stream), batch.count > 1 ? batch[1] : nil
        )
      }
    }
  }

  /// The mean squared error of the prediction over uniform times.
  private func loss(
    _ network: DiffusionNetwork, _ clean: Tensor, _ condition: Tensor?, isTraining: Bool,
    using random: inout RandomSource
  ) -> Tensor {
    let n = clean.size(0)
    // One time in each of n equal strata: the loss varies less than with independent times.
    let shift = random.uniform()
    let levels = (0..<n).map { i -> DiffusionLevel in
      let u = (Double(i) + shift) / Double(n)
      return options.schedule.level(at: Self.cap + (options.schedule.latestTime - Self.cap) * u)
    }
    func column(_ values: [Double]) -> Tensor { Tensor(values).to(like: clean).unsqueeze(1) }
    let (α, σ) = (column(levels.map(\.signal)), column(levels.map(\.noise)))
    let noise = random.normal(like: clean)
    let x = α * clean + σ * noise
    var condition = condition?.to(like: clean)
    if isTraining, options.labelDropout > 0, let given = condition {
      let kept = random.uniform([n, 1], device: clean.device) .>= options.labelDropout
      condition = given * kept.to(.float)
    }
    let output = network(x, levels: levels, scale: 1 / (α.square() + σ.square()).sqrt(), condition: condition)
    let target = options.prediction.target(clean: clean, noise: noise, signal: α, deviation: σ)
    return (output.to(.float) - target).square().mean()
  }

  /// The least time: the score has no value at 0.
  private static let cap = 1e-4
}

/// Rows for training and rows held out, of several tensors in the same order; `nil` where the share leaves none.
func heldOutRows(_ parts: [Tensor?], share: Double, using random: inout RandomSource) -> (
  kept: [Tensor?], held: [Tensor?]
)? {
  let n = parts.lazy.compactMap { $0 }.first?.size(0) ?? 0
  let count = Int((Double(n) * share).rounded())
  guard count > 0, count < n else { return nil }
  let order = random.permutation(n)
  func rows(_ range: Range<Int>) -> [Tensor?] { parts.map { $0?.select(axis: 0, order[range]) } }
  return (rows(count..<n), rows(0..<count))
}
