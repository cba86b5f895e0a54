import Foundation
import Logging
import Report
import Torch

/// Why a training stopped before its end.
public enum TrainingError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The loss or a gradient is NaN or infinite; the step was not applied.
  case nonFinite(step: Int, culprit: String, checkpoint: String?)
  /// A stop was asked for; the state is in the checkpoint.
  case interrupted(step: Int, folder: String?)
  /// `--resume` without anything to continue.
  case nothingToResume(String)
  /// The checkpoint belongs to other settings.
  case mismatch(String)

  public var description: String {
    switch self {
    case .nonFinite(let step, let culprit, let checkpoint):
      "step \(step): \(culprit) is NaN or infinite; "
        + (checkpoint.map { "the last good state is in \($0); " } ?? "")
        + "lower the learning rate or clip gradients"
    case .interrupted(let step, let folder):
      "stopped after step \(step)" + (folder.map { "; continue with --out \($0) --resume" } ?? "")
    case .nothingToResume(let folder): "\(folder): no checkpoint to resume from; start without --resume"
    case .mismatch(let reason): "the checkpoint does not fit these settings: \(reason)"
    }
  }
}

/// What is seen of a model between steps.
public struct Observation: Sendable {
  /// Shall be small: the smallest is what training leaves behind.
  public var value: Double
  /// Beside it, for the metrics of the run, in this order.
  public var metrics: [(name: String, value: Double)]
  /// Whether training shall end here.
  public var stops: Bool

  public init(value: Double, metrics: [(name: String, value: Double)] = [], stops: Bool = false) {
    (self.value, self.metrics, self.stops) = (value, metrics, stops)
  }
}

/// What a finished training reports.
public struct TrainingResult: Sendable {
  /// Steps done.
  public let steps: Int
  /// The loss of the last step.
  public let loss: Double
  /// The best validation value and its step, where there was a validation.
  public let best: (step: Int, value: Double)?
  /// Whether validations stopped it before its last step.
  public let stoppedEarly: Bool
}

/// The loop that every network of the package is trained with.
///
/// Step k draws all its randomness from stream k of the source, so a resumed training continues bit for bit on
/// the same device and thread count. One wait for the device a step, for the loss and the gradient's norm.
public final class Trainer {
  public let module: Module
  public let optimiser: any Optimiser
  public let options: TrainingOptions
  public let average: MovingAverage?

  private let random: RandomSource
  private let run: RunFolder?
  private let progress: ProgressLine?
  private let interruption: Interruption?
  private let logger: Logger
  private let baseRate: Double

  private var step = 0
  private var lastLoss = Double.nan
  private var best: (step: Int, value: Double)?
  private var bestState: [(name: String, tensor: Tensor)] = []
  private var validationsSinceBest = 0

  /// - Parameters:
  ///   - run: where checkpoints and metrics go; nothing is written without it.
  ///   - interruption: asked after every step.
  ///   - logger: told of checkpoints (debug), validations (info), resuming and early stops (notice).
  public init(
    _ module: Module, optimiser: any Optimiser, options: TrainingOptions, random: RandomSource,
    run: RunFolder? = nil,
    progress: ProgressLine? = nil, interruption: Interruption? = nil,
    logger: Logger = Logger(label: "likely.training")
  ) {
    self.module = module
    self.optimiser = optimiser
    self.options = options
    self.random = random
    self.run = run
    self.progress = progress
    self.interruption = interruption
    self.logger = logger
    baseRate = optimiser.learningRate
    average = options.averageDecay.map { MovingAverage(optimiser.parameters, decay: $0) }
  }

  private var store: CheckpointStore? { run.map { CheckpointStore(folder: $0.checkpoints) } }

  /// Trains to the last step and leaves the best (or, without validation, the averaged or last) parameters in
  /// the module.
  ///
  /// - Parameters:
  ///   - resuming: continues from the run folder's newest checkpoint.
  ///   - validation: a value that shall be small, of the averaged parameters where there are averages.
  ///   - loss: the scalar to descend on at a step, drawing from the step's own stream; with accumulation, of every batch,
  ///     which are numbered through.
  /// - Throws: ``TrainingError``, storage errors, and what the closures throw.
  public func fit(
    resuming: Bool = false, validation: (() throws -> Double)? = nil,
    loss: (_ step: Int, _ random: inout RandomSource) throws -> Tensor
  ) throws -> TrainingResult {
    let observation = validation.map { validation in { (_: Int) in Observation(value: try validation()) } }
    return try fit(resuming: resuming, observing: observation, loss: loss)
  }

  /// The same with more to see than one value.
  ///
  /// - Parameter observation: of the model after so many steps.
  public func fit(
    resuming: Bool = false, observing observation: ((_ step: Int) throws -> Observation)?,
    loss: (_ step: Int, _ random: inout RandomSource) throws -> Tensor
  ) throws -> TrainingResult {
    if resuming { try resume() }
    let log = try run.map { try MetricsLog($0.metrics, keepingThrough: step) }
    // A checkpoint may be that of the step at which patience ran out.
    var stoppedEarly = isOutOfPatience
    module.train()
    while step < options.steps, !stoppedEarly {
      let rate = baseRate * options.schedule.factor(step: step, of: options.steps, warmUp: options.warmUp)
      optimiser.learningRate = rate
      let (value, gradients) = try lossAndGradients(loss)
      let norm = clipGradients(gradients, limit: options.clipNorm ?? 0)
      let watched = Tensor.stack([value, norm.to(.float)]).doubles
      lastLoss = watched[0]
      guard watched.allSatisfy(\.isFinite) else { throw nonFinite(watched[0], gradients) }
      optimiser.step(gradients)
      average?.update()
      step += 1

      if step % options.logEvery == 0 || step == options.steps {
        try log?.append(step: step, ["loss": watched[0], "gradient_norm": watched[1], "learning_rate": rate])
      }
      if let observation,
        (options.validateEvery > 0 && step % options.validateEvery == 0) || step == options.steps
      {
        stoppedEarly = try validate(observation, log)
      }
      progress?.update(
        step, "loss \(formatNumber(lastLoss))" + (best.map { "  best \(formatNumber($0.value))" } ?? ""))
      let interrupted = interruption?.isRequested ?? false
      let due = options.checkpointEvery > 0 && step % options.checkpointEvery == 0
      if interrupted || due || step == options.steps || stoppedEarly { try store?.write(checkpoint()) }
      if interrupted, step < options.steps {
        throw TrainingError.interrupted(step: step, folder: run?.url.path)
      }
    }
    try leaveResult()
    module.train(false)
    return TrainingResult(steps: step, loss: lastLoss, best: best, stoppedEarly: stoppedEarly)
  }

  /// The mean over the batches of a step.
  private func lossAndGradients(_ loss: (Int, inout RandomSource) throws -> Tensor) throws -> (
    Tensor, [Tensor]
  ) {
    let parameters = optimiser.parameters.map(\.value)
    let count = options.accumulation ?? 1
    var total: (value: Tensor, gradients: [Tensor])?
    for batch in step * count..<(step + 1) * count {
      var stream = random.split(batch)
      let value = try options.precision.run { try loss(batch, &stream).to(.float) }
      let found = gradients(of: [value], withRespectTo: parameters)
      let before = total
      total = (
        before.map { $0.value + value.detach() } ?? value.detach(),
        before.map { zip($0.gradients, found).map(+) } ?? found
      )
    }
    guard count > 1, let total else { return total! }
    return (total.value / Double(count), total.gradients.map { $0 / Double(count) })
  }

  private func withAverages<Result>(_ body: () throws -> Result) rethrows -> Result {
    if let average { return try average.withAverages(body) }
    return try body()
  }

  private func validate(_ observation: (Int) throws -> Observation, _ log: MetricsLog?) throws -> Bool {
    module.train(false)
    defer { module.train() }
    let seen = try withAverages { try withoutGradient { try observation(step) } }
    let value = seen.value
    logger.info("validation after step \(step): \(formatNumber(value))")
    try log?.append(step: step, [("validation", value)] + seen.metrics)
    if value < best?.value ?? .infinity {
      best = (step, value)
      bestState = withAverages { module.state() }
      validationsSinceBest = 0
    } else {
      validationsSinceBest += 1
    }
    return seen.stops || isOutOfPatience
  }

  private var isOutOfPatience: Bool { options.patience.map { validationsSinceBest >= $0 } ?? false }

  private func leaveResult() throws {
    if !bestState.isEmpty {
      try module.load(Dictionary(uniqueKeysWithValues: bestState.map { ($0.name, $0.tensor) }))
    } else if average != nil {
      let averaged = withAverages { module.state() }
      try module.load(Dictionary(uniqueKeysWithValues: averaged.map { ($0.name, $0.tensor) }))
    }
  }

  private func nonFinite(_ loss: Double, _ gradients: [Tensor]) -> TrainingError {
    var culprit = "the loss"
    if loss.isFinite {
      let names = module.namedParameters.filter(\.value.isTrainable).map(\.name)
      let bad = zip(names, gradients).first { !$0.1.isFinite().all().booleans[0] }
      culprit = "the gradient of \(bad?.0 ?? "a parameter")"
    }
    let last = store.flatMap { store in store.steps.last.map { store.url(step: $0).path } }
    return .nonFinite(step: step + 1, culprit: culprit, checkpoint: last)
  }

  // MARK: Checkpoints

  private func checkpoint() -> Checkpoint {
    func part(_ prefix: String, _ tensors: [(name: String, tensor: Tensor)]) -> [(
      name: String, tensor: Tensor
    )] {
      tensors.map { ("\(prefix).\($0.name)", $0.tensor) }
    }
    // Bits, so that nothing is rounded.
    var facts = [
      "validations_since_best": String(validationsSinceBest), "random": Self.encode(random.state),
      "loss_bits": String(lastLoss.bitPattern),
    ]
    if let best {
      facts["best_step"] = String(best.step)
      facts["best_value_bits"] = String(best.value.bitPattern)
    }
    return Checkpoint(
      step: step,
      tensors: part("model", module.state()) + part("optimiser", optimiser.state)
        + part("average", average?.state ?? []) + part("best", bestState), facts: facts)
  }

  private func resume() throws {
    guard let store, let checkpoint = try store.newest(noting: { logger.warning("\($0)") }) else {
      throw TrainingError.nothingToResume(run?.url.path ?? "no run folder")
    }
    guard checkpoint.facts["random"] == Self.encode(random.state) else {
      throw TrainingError.mismatch("it was made with another seed")
    }
    try module.load(checkpoint.part("model"))
    try optimiser.load(checkpoint.part("optimiser"))
    try average?.load(checkpoint.part("average"))
    step = checkpoint.step
    lastLoss = checkpoint.facts["loss_bits"].flatMap(UInt64.init).map(Double.init(bitPattern:)) ?? .nan
    validationsSinceBest = checkpoint.facts["validations_since_best"].flatMap(Int.init) ?? 0
    if let bestStep = checkpoint.facts["best_step"].flatMap(Int.init),
      let bits = checkpoint.facts["best_value_bits"].flatMap(UInt64.init)
    {
      best = (bestStep, Double(bitPattern: bits))
      let stored = checkpoint.part("best")
      bestState = stored.keys.sorted().map { ($0, stored[$0]!) }
    }
    logger.notice("resumed after step \(step)")
  }

  private static func encode(_ state: RandomSource.State) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return (try? encoder.encode(state)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}
