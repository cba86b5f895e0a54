import Foundation
import Probability
import Torch
import Training

/// What is trained, and how.
public struct InterpolantOptions: Sendable, Codable, Hashable {
  public var schedule = InterpolantSchedule.oneSidedLinear
  public var fields: [InterpolantField] = [.velocity, .denoiser]
  /// Antithetic pairs; without effect on schedules without extra noise.
  public var isAntithetic = true
  /// Times are drawn from [cap, 1 − cap]. `nil` takes 2·10⁻⁴ where the score or the energy is learned, else 10⁻⁵.
  public var timeCap: Double?
  /// Times denser in the middle: t = σ(z), z normal; the minimisers stay the same.
  public var usesLogitNormalTimes = false
  public var network = NetworkOptions()
  public var batchSize = 512
  public var learningRate = 1e-3
  public var training = TrainingOptions(steps: 4000, schedule: .cosine(), averageDecay: 0.998)
  /// Whether columns are scaled to mean 0 and deviation 1; likelihoods account for it.
  public var standardises = true
  public var noise = DataNoise.none
  /// The share of rows held out for validation, in [0, 1).
  public var validationFraction = 0.0
  public var seed: UInt64 = 0

  public init() {}

  var cap: Double {
    timeCap ?? (fields.contains(.score) || fields.contains(.energy) ? 2e-4 : 1e-5)
  }

  /// - Throws: ``InterpolantError`` naming the option.
  public func validate() throws {
    try schedule.validate()
    func require(_ holds: Bool, _ name: String, _ found: String, _ expected: String) throws {
      if !holds { throw InterpolantError.invalidOption(name: name, found: found, expected: expected) }
    }
    try require(
      !fields.isEmpty && Set(fields).count == fields.count, "--fields",
      fields.map(\.rawValue).joined(separator: ","),
      "distinct names among \(InterpolantField.allCases.map(\.rawValue).joined(separator: ", "))")
    try require((0..<0.5).contains(cap), "--t-cap", "\(cap)", "a time in [0, 0.5)")
    try require(batchSize >= 1, "--batch", "\(batchSize)", "at least 1")
    try require(learningRate > 0 && learningRate.isFinite, "--lr", "\(learningRate)", "a positive number")
    try require(training.steps >= 1, "--steps", "\(training.steps)", "at least 1")
    try require(
      network.width >= 1 && network.depth >= 1, "--width and --depth", "\(network.width), \(network.depth)",
      "at least 1")
    try require(
      (0..<1).contains(validationFraction), "--validation", "\(validationFraction)", "a share in [0, 1)")
    if case .gaussian(let deviation) = noise {
      try require(deviation > 0, "--noise", "\(deviation)", "uniform, none or a positive deviation")
    }
    try require(
      !fields.contains(.diffusiveDrift) || schedule.diffusiveStrength != nil, "--fields", "u",
      "the schedule diffusive, whose own drift it is")
    let needsNoise = fields.contains { [.score, .energy, .denoiser].contains($0) }
    if needsNoise, !schedule.hasNoise { throw InterpolantError.noScore("the schedule has no noise (γ = 0)") }
    try require(
      network.architecture != .equivariant, "--net", "equivariant", "mlp or unet; diffusion models take it")
    if network.architecture == .unet {
      try require(
        network.imageShape?.count == 3, "--image-shape", "none", "channels×height×width for a U-Net")
      try require(network.width % 4 == 0, "--width", "\(network.width)", "a multiple of 4 for a U-Net")
    }
  }
}

/// Trains the fields of an interpolant.
public struct InterpolantTraining {
  public let options: InterpolantOptions
  public let data: InterpolantData

  private let standardiser: Standardiser
  private let training: TargetData
  private let trainingCondition: Tensor?
  private let trainingStart: Tensor?
  private let held: (end: Tensor, condition: Tensor?, start: Tensor?)?
  private let random: RandomSource
  private let device: Device

  /// Held-out rows that a validation looks at.
  private static let validationRows = 10_000

  /// Validates everything and splits off the validation rows.
  /// - Throws: ``InterpolantError``.
  public init(_ options: InterpolantOptions, data: InterpolantData, device: Device = .cpu) throws {
    self.device = device
    try options.validate()
    try data.validate(options.schedule)
    if options.network.architecture == .unet, let shape = options.network.imageShape,
      shape.reduce(1, *) != data.target.dimension
    {
      throw InterpolantError.invalidOption(
        name: "--image-shape", found: shape.map(String.init).joined(separator: "×"),
        expected: "\(data.target.dimension) numbers in all, as many as there are columns")
    }
    self.options = options
    self.data = data
    random = RandomSource(seed: options.seed)
    var stream = random.split("standardiser")
    let standardiser =
      options.standardises
      ? data.standardiser(options.noise, using: &stream) : .identity(data.target.dimension)
    self.standardiser = standardiser
    var start = data.noiseOfRows?.to(.float)
    if data.coupling == .paired, case .samples(let rows) = data.base {
      start = standardiser.standardise(rows.to(.double)).to(.float)
    }
    guard case .rows(let rows) = data.target else {
      (training, trainingCondition, trainingStart, held) = (data.target, nil, nil, nil)
      return
    }
    var splitStream = random.split("validation")
    guard
      let split = heldOutRows(
        [rows, data.condition, start], share: options.validationFraction, using: &splitStream)
    else {
      (training, trainingCondition, trainingStart, held) = (data.target, data.condition, start, nil)
      return
    }
    training = .rows(split.kept[0]!)
    (trainingCondition, trainingStart) = (split.kept[1], split.kept[2])
    held = (split.held[0]!, split.held[1], split.held[2])
  }

  /// Rows that are held out, in the data's coordinates.
  public var heldOut: (rows: Tensor, condition: Tensor?)? { held.map { ($0.end, $0.condition) } }

  /// The network as it is before training, and the model around it.
  public func makeModel() -> InterpolantModel {
    let d = data.target.dimension
    var stream = random.split("network")
    let conditions = data.condition?.size(1) ?? 0
    let network = InterpolantNetwork(
      fields: options.fields, dimension: d, conditions: conditions, options: options.network, using: &stream)
    let fields = LearnedFields(
      network, schedule: options.schedule, dimension: d, meanOfEnd: meanOfEnd(),
      precision: options.training.precision)
    var base = data.base
    if case .samples(let rows) = base {
      base =
        data.coupling == .paired && isDiffusive
        ? .given : .samples(standardiser.standardise(rows.to(.double)))
    }
    return InterpolantModel(
      fields: fields, base: base, standardiser: standardiser, columns: data.columns, classes: data.classes,
      conditions: conditions)
  }

  private var isDiffusive: Bool { if case .diffusive = options.schedule { true } else { false } }

  /// E[x₁], or a row a class.
  private func meanOfEnd() -> Tensor {
    guard case .rows(let rows) = training else {
      guard case .generator(_, let draw) = training else { preconditionFailure() }
      var stream = random.split("mean")
      return standardiser.standardise(draw(20_000, &stream).to(.double)).mean(0, keep: true)
    }
    let points = standardiser.standardise(rows.to(.double))
    guard !data.classes.isEmpty, let condition = trainingCondition else { return points.mean(0, keep: true) }
    let membership = condition.to(.double)
    let counts = membership.sum(0).clamp(1)
    return membership.transposed.matmul(points) / counts.unsqueeze(1)
  }

  /// Trains and returns the model with its result.
  /// - Parameter run: where checkpoints and metrics go.
  /// - Throws: `TrainingError`, storage errors.
  public func fit(
    run: RunFolder? = nil, resuming: Bool = false, progress: ProgressLine? = nil,
    interruption: Interruption? = nil
  ) throws -> (model: InterpolantModel, result: TrainingResult) {
    let model = makeModel()
    guard let fields = model.fields as? LearnedFields else { preconditionFailure() }
    let network = fields.network
    let loss = InterpolantLoss(schedule: options.schedule, antithetic: options.isAntithetic)
    // Before the optimiser, whose moments live where the parameters do.
    model.move(to: device)
    let optimiser = Adam(network.trainableParameters, learningRate: options.learningRate)
    let trainer = Trainer(
      network, optimiser: optimiser, options: options.training, random: random.split("steps"), run: run,
      progress: progress, interruption: interruption)
    let source = try rowSource()
    let validation = held.map { held -> (() throws -> Double) in
      {
        var stream = self.random.split("validation noise")
        // Enough for two digits of the loss; more would only cost time, and memory that grows with the table.
        let rows = 0..<min(held.end.size(0), Self.validationRows)
        func part(_ x: Tensor?) -> Tensor? { x.map { $0[rows].to(device: self.device) } }
        let batch = self.batch(
          part(held.end)!, condition: part(held.condition), start: part(held.start), using: &stream)
        return loss(network, batch).total.item()
      }
    }
    let result = try trainer.fit(resuming: resuming, validation: validation) { step, stream in
      let (end, condition, start) = try source(step, &stream)
      return loss(network, self.batch(end, condition: condition, start: start, using: &stream)).total
    }
    return (model, result)
  }

  private typealias RowSource = (_ step: Int, _ random: inout RandomSource) throws -> (
    end: Tensor, condition: Tensor?, start: Tensor?
  )

  private func rowSource() throws -> RowSource {
    switch training {
    case .generator(_, let draw):
      let size = options.batchSize
      return { [device] _, stream in (draw(size, &stream).to(device: device), nil, nil) }
    case .rows(let rows):
      // Rows are standardised once where no fresh noise has to be added before.
      let points =
        options.noise == .none ? standardiser.standardise(rows.to(.double)).to(.float) : rows.to(.float)
      let parts: [Tensor?] = [points, trainingCondition, trainingStart]
      let shuffled = ShuffledRows(
        parts.compactMap { $0?.to(device: device) }, batchSize: options.batchSize,
        random: random.split("order"))
      let (hasCondition, hasStart) = (trainingCondition != nil, trainingStart != nil)
      let isReady = options.noise == .none
      return { [standardiser, options] step, stream in
        var batch = shuffled.batch(at: step)
        if !isReady { batch[0] = standardiser.standardise(options.noise(batch[0], using: &stream)) }
        return (batch[0], hasCondition ? batch[1] : nil, hasStart ? batch[batch.count - 1] : nil)
      }
    }
  }

  /// Draws x₀, z and t for rows x₁.
  private func batch(
    _ end: Tensor, condition: Tensor?, start: Tensor?, using random: inout RandomSource
  ) -> InterpolantBatch {
    var end = end
    if case .generator = training {
      end = standardiser.standardise(options.noise(end, using: &random))
    } else if end.dtype == .double {
      // Validation rows come as the user gave them.
      end = standardiser.standardise(options.noise(end, using: &random))
    }
    end = end.to(.float)
    let n = end.size(0)
    var first: Tensor
    switch options.schedule.kind {
    case .mirror: first = end
    case .oneSided: first = start ?? random.normal(like: end)
    case .twoSided:
      first =
        start ?? data.standardisedBase(standardiser).sample(
          n, dimension: end.size(1), standardiser: standardiser, device: end.device, using: &random)!
    }
    if data.coupling == .minibatchOT, options.schedule.kind != .mirror {
      first = optimallyCoupled(first, to: end)
    }
    let needsNoise = options.schedule.kind != .oneSided && options.schedule.hasNoise
    let noise = needsNoise ? random.normal(like: end) : first
    return InterpolantBatch(
      start: first, end: end, noise: noise, times: times(n, using: &random), condition: condition)
  }

  private func times(_ count: Int, using random: inout RandomSource) -> [Double] {
    let (cap, width) = (options.cap, 1 - 2 * options.cap)
    if options.usesLogitNormalTimes {
      return random.normal([count], dtype: .double).sigmoid().doubles.map { cap + width * $0 }
    }
    return (0..<count).map { _ in cap + width * random.uniform() }
  }
}

extension InterpolantData {
  /// The base with samples taken into the model's coordinates.
  fileprivate func standardisedBase(_ standardiser: Standardiser) -> BaseDistribution {
    if case .samples(let rows) = base {
      return .samples(standardiser.standardise(rows.to(.double)).to(.float))
    }
    return base
  }
}
