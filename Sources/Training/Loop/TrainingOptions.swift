import Torch

/// How the numbers of a network are held while it runs.
public enum Precision: String, Sendable, Codable, CaseIterable {
  case float32
  /// Matrix products and convolutions in bfloat16; weights, losses and statistics in float32.
  case bf16Mixed = "bf16-mixed"

  /// Runs `body` in this precision.
  public func run<Result>(_ body: () throws -> Result) rethrows -> Result {
    switch self {
    case .float32: try body()
    case .bf16Mixed: try withAutocast(.bfloat16, body)
    }
  }
}

/// What the training loop does besides the loss.
public struct TrainingOptions: Sendable, Codable, Hashable {
  /// Steps in all.
  public var steps: Int
  /// Factor on the optimiser's learning rate by step.
  public var schedule: LearningRateSchedule
  /// Steps over which the learning rate rises from 0.
  public var warmUp: Int
  /// Largest joint 2-norm of the gradients; `nil` does not clip.
  public var clipNorm: Double?
  /// Decay of the moving average of the parameters; `nil` keeps none.
  public var averageDecay: Double?
  /// Steps between validations; 0 validates only at the end.
  public var validateEvery: Int
  /// Validations without improvement after which training stops; `nil` never stops early.
  public var patience: Int?
  /// Steps between checkpoints; 0 writes one only at the end or when interrupted.
  public var checkpointEvery: Int
  /// Steps between lines of the metrics.
  public var logEvery: Int
  public var precision: Precision
  /// Batches whose gradients are averaged for one step; 1 when `nil`. A step then takes the memory of one batch.
  public var accumulation: Int?

  public init(
    steps: Int, schedule: LearningRateSchedule = .constant, warmUp: Int = 0, clipNorm: Double? = nil,
    averageDecay: Double? = nil, validateEvery: Int = 0, patience: Int? = nil, checkpointEvery: Int = 500,
    logEvery: Int = 10, precision: Precision = .float32, accumulation: Int? = nil
  ) {
    precondition(accumulation.map { $0 >= 1 } ?? true, "TrainingOptions: accumulation \(accumulation!)")
    self.accumulation = accumulation
    self.steps = steps
    self.schedule = schedule
    self.warmUp = warmUp
    self.clipNorm = clipNorm
    self.averageDecay = averageDecay
    self.validateEvery = validateEvery
    self.patience = patience
    self.checkpointEvery = checkpointEvery
    self.logEvery = logEvery
    self.precision = precision
  }
}
