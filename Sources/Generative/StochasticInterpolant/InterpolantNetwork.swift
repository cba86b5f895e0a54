import Training
import Torch

/// One network for each learned field; parameters are `velocity.layers.0.weight` and so on.
public final class InterpolantNetwork: Module {
  public let velocity: (any FieldNetwork)?
  public let drift: (any FieldNetwork)?
  public let score: (any FieldNetwork)?
  public let denoiser: (any FieldNetwork)?
  public let startMean: (any FieldNetwork)?
  public let endMean: (any FieldNetwork)?
  public let energy: (any FieldNetwork)?
  public let diffusiveDrift: (any FieldNetwork)?

  public let options: NetworkOptions
  public let fields: [InterpolantField]

  /// - Parameters:
  ///   - dimension: d of the points.
  ///   - conditions: columns of the condition, 0 for none.
  public init(
    fields: [InterpolantField], dimension: Int, conditions: Int = 0, options: NetworkOptions,
    using random: inout RandomSource
  ) {
    self.options = options
    self.fields = fields
    let context = options.timeEmbedding.width + conditions
    func network(_ field: InterpolantField) -> (any FieldNetwork)? {
      guard fields.contains(field) else { return nil }
      // Every field has its own stream, so that adding one does not change the others.
      var stream = random.split(field.rawValue)
      let outputs = field == .energy ? 1 : dimension
      return options.network(inputs: dimension, context: context, outputs: outputs, using: &stream)
    }
    velocity = network(.velocity)
    drift = network(.drift)
    score = network(.score)
    denoiser = network(.denoiser)
    startMean = network(.startMean)
    endMean = network(.endMean)
    energy = network(.energy)
    diffusiveDrift = network(.diffusiveDrift)
    _ = random.next()
  }

  func network(for field: InterpolantField) -> any FieldNetwork {
    let found =
      switch field {
      case .velocity: velocity
      case .drift: drift
      case .score: score
      case .denoiser: denoiser
      case .startMean: startMean
      case .endMean: endMean
      case .energy: energy
      case .diffusiveDrift: diffusiveDrift
      }
    guard let found else { preconditionFailure("the field \(field.rawValue) was not learned") }
    return found
  }

  /// The context of rows at their own times `[n]`.
  func context(times: Tensor, condition: Tensor?) -> Tensor {
    let features = options.timeEmbedding(times)
    return condition.map { .concatenate([features, $0.to(like: features)], axis: 1) } ?? features
  }

  /// The context of rows that share a time.
  func context(time: Double, like x: Tensor, condition: Tensor?) -> Tensor {
    let features = options.timeEmbedding(Tensor([time]).to(like: x))
    guard let condition else { return features.squeeze(0) }
    return .concatenate([features.expand([condition.size(0), -1]), condition.to(like: x)], axis: 1)
  }

  /// The value of a learned field; of the energy its score −∇E.
  func callAsFunction(_ field: InterpolantField, _ x: Tensor, context: Tensor) -> Tensor {
    let network = network(for: field)
    guard field == .energy else { return network(x, context: context) }
    return scoreOfEnergy(network, x, context)
  }

  private func scoreOfEnergy(_ network: any FieldNetwork, _ x: Tensor, _ context: Tensor) -> Tensor {
    // Inside a recording the score itself is differentiated, for training or for divergences.
    let recording = x.requiresGradient || (isTraining && energyIsRecorded)
    return withGradient {
      let point = x.requiresGradient ? x : x.requiringGradient()
      let energy = network(point, context: context).sum()
      return -gradients(of: [energy], withRespectTo: [point], differentiable: recording)[0]
    }
  }

  private var energyIsRecorded: Bool { energy?.trainableParameters.isEmpty == false }
}

/// Fields that networks learned, and all that follow from them.
public final class LearnedFields: InterpolantFields {
  public let schedule: InterpolantSchedule
  public let dimension: Int
  public let network: InterpolantNetwork
  public let precision: Precision
  /// E[x₁] for a row, `[1, d]`, or a table `[k, d]` that one-hot conditions pick from.
  public let meanOfEnd: Tensor

  private let learned: Set<InterpolantField>
  private let packed: [InterpolantField: PackedMLP]

  public convenience init(
    _ network: InterpolantNetwork, schedule: InterpolantSchedule, dimension: Int, meanOfEnd: Tensor,
    precision: Precision = .float32
  ) {
    self.init(network, schedule, dimension, meanOfEnd, precision, packed: [:])
  }

  private init(
    _ network: InterpolantNetwork, _ schedule: InterpolantSchedule, _ dimension: Int, _ meanOfEnd: Tensor,
    _ precision: Precision, packed: [InterpolantField: PackedMLP]
  ) {
    self.packed = packed
    self.network = network
    self.schedule = schedule
    self.dimension = dimension
    self.meanOfEnd = meanOfEnd
    self.precision = precision
    learned = Set(network.fields)
  }

  /// The same fields as they are now, faster where nothing is recorded: for many evaluations of blocks of `rows`.
  func packed(rows: Int) -> LearnedFields {
    guard precision == .float32 else { return self }
    let networks: [(InterpolantField, PackedMLP)] = network.fields.compactMap { field in
      guard field != .energy, let perceptron = network.network(for: field) as? MLP else { return nil }
      return PackedMLP(perceptron, inputs: dimension, rows: rows).map { (field, $0) }
    }
    return LearnedFields(
      network, schedule, dimension, meanOfEnd, precision, packed: Dictionary(uniqueKeysWithValues: networks))
  }

  private func value(_ field: InterpolantField, _ x: Tensor, context: Tensor) -> Tensor {
    if let packed = packed[field], !isRecordingGradient { return packed(x, context: context) }
    return precision.run { network(field, x, context: context) }.to(x.dtype)
  }

  public func provides(_ field: InterpolantField) -> Bool {
    FieldConversion(schedule, at: 0.4, learned: learned).combination(for: field) != nil
  }

  private func combination(_ sum: FieldSum, _ t: Double) -> FieldCombination {
    let conversion = FieldConversion(schedule, at: t, learned: learned)
    return sum.terms.reduce(FieldCombination([])) { total, term in
      guard let part = conversion.combination(for: term.field) else {
        preconditionFailure("the field \(term.field.rawValue) does not follow from the learned ones")
      }
      return total.adding(part.scaled(by: term.weight))
    }
  }

  /// c·x + m for the parts that need no network.
  private func affine(_ combination: FieldCombination, _ x: Tensor, _ condition: Tensor?) -> Tensor? {
    var result: Tensor? = combination.identity == 0 ? nil : x * combination.identity
    if combination.meanOfEnd != 0 {
      let table = meanOfEnd.to(like: x)
      let mean =
        condition.map {
          table.size(0) == $0.size(1) ? $0.to(like: x).matmul(table) : table.mean(0, keep: true)
        } ?? table.mean(0, keep: true)
      let shift = (mean * combination.meanOfEnd).expand(x.shape)
      result = result.map { $0 + shift } ?? shift
    }
    return result
  }

  public func callAsFunction(_ sum: FieldSum, _ t: Double, _ x: Tensor, condition: Tensor?) -> Tensor {
    let combination = combination(sum, t)
    var result = affine(combination, x, condition)
    guard !combination.terms.isEmpty else { return result ?? .zeros(like: x) }
    let context = network.context(time: t, like: x, condition: condition)
    for (field, coefficient) in combination.terms {
      let value = value(field, x, context: context)
      if result == nil, coefficient == 1 {
        result = value
      } else {
        result = (result ?? .zeros(like: x)).adding(value, scaledBy: coefficient)
      }
    }
    return result!
  }

  public func withDivergence(
    _ sum: FieldSum, _ t: Double, _ x: Tensor, condition: Tensor?, rule: DivergenceRule
  ) -> FieldWithDivergence {
    guard case .exact = rule else {
      guard case .hutchinson(let probes) = rule else { preconditionFailure() }
      return hutchinsonDivergence(of: { self(sum, t, $0, condition: condition) }, at: x, probes: probes)
    }
    let combination = combination(sum, t)
    let context = network.context(time: t, like: x, condition: condition)
    var value = affine(combination, x, condition) ?? .zeros(like: x)
    var divergence = Tensor.full(
      [x.size(0)], combination.identity * Double(dimension), dtype: x.dtype, device: x.device)
    for (field, coefficient) in combination.terms {
      let part =
        field == .energy
        ? exactDivergence(of: { self.network(field, $0, context: context) }, at: x)
        : network.network(for: field).valueAndDivergence(x, context: context)
      value = value.adding(part.value, scaledBy: coefficient)
      divergence = divergence.adding(part.divergence, scaledBy: coefficient)
    }
    return FieldWithDivergence(value: value, divergence: divergence)
  }
}
