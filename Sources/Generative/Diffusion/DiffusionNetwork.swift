import Foundation
import Torch
import Training

/// A network that knows the noise level and, where there are classes, the class.
///
/// Rows enter divided by √(α² + σ²). The level enters through features of u = (2/π) atan(σ/α) in (0, 1) and ¼ log(σ/α);
/// no class is a row of zeros.
public final class DiffusionNetwork: Module {
  public let network: any FieldNetwork
  public let options: NetworkOptions
  /// Columns of the condition, 0 without.
  public let conditions: Int

  public init(dimension: Int, conditions: Int, options: NetworkOptions, using random: inout RandomSource) {
    (self.options, self.conditions) = (options, conditions)
    network = options.network(
      inputs: dimension, context: options.timeEmbedding.width + 1 + conditions, outputs: dimension,
      using: &random)
  }

  /// Features of levels `[n]`.
  private func features(_ levels: [DiffusionLevel], like x: Tensor) -> Tensor {
    let u = Tensor(levels.map { 2 / .pi * atan2($0.noise, $0.signal) }).to(like: x)
    let ratio = Tensor(levels.map { 0.25 * max(-20, min(20, log($0.noise / $0.signal))) }).to(like: x)
    return .concatenate([options.timeEmbedding(u), ratio.unsqueeze(1)], axis: 1)
  }

  /// The output for rows at their own levels, with conditions `[n, k]`.
  func callAsFunction(_ x: Tensor, levels: [DiffusionLevel], scale: Tensor, condition: Tensor?) -> Tensor {
    var context = features(levels, like: x)
    if let condition { context = .concatenate([context, condition.to(like: x)], axis: 1) }
    return network(x * scale, context: context)
  }

  /// The context that rows of one level and class share, `[k]`.
  func context(_ level: DiffusionLevel, condition: [Double], like x: Tensor) -> Tensor {
    let features = features([level], like: x).squeeze(0)
    return conditions == 0 ? features : .concatenate([features, Tensor(condition).to(like: x)])
  }
}

/// A trained network as a diffusion model, in standardised coordinates and for one class at most.
///
/// With a class c and a guidance w the estimate is D∅ + w (D_c − D∅): w = 1 is the class's own model, w = 0 the
/// unconditional one (Ho & Salimans 2022).
public struct NetworkDenoiser: ReverseDiffusion, @unchecked Sendable {
  // The network is only read.
  private let network: DiffusionNetwork
  private let prediction: DiffusionPrediction
  private let precision: Precision
  /// One-hot, or zeros for no class.
  private let condition: [Double]
  private let guidance: Double
  private let packed: PackedMLP?
  public let eventShape: [Int]
  public let device: Device

  init(
    _ network: DiffusionNetwork, _ prediction: DiffusionPrediction, dimension: Int, classIndex: Int?,
    guidance: Double,
    precision: Precision, device: Device
  ) {
    (self.network, self.prediction, self.precision, self.device) = (network, prediction, precision, device)
    eventShape = [dimension]
    condition = (0..<network.conditions).map { $0 == classIndex ? 1 : 0 }
    self.guidance = classIndex == nil ? 1 : guidance
    let perceptron = precision == .float32 && device == .cpu ? network.network as? MLP : nil
    packed = perceptron.flatMap { PackedMLP($0, inputs: dimension, rows: Self.perceptronBlock) }
  }

  /// Rows whose work stays in a core's cache; `nil` for networks whose operations are large enough to be shared out
  /// one by one.
  private var block: Int? {
    switch network.network {
    case is MLP: Self.perceptronBlock
    case is EquivariantNetwork: 64
    default: nil
    }
  }
  private static let perceptronBlock = 512

  /// A cloud of points has its centre at the origin.
  public func projected(_ x: Tensor) -> Tensor {
    guard let points = (network.network as? EquivariantNetwork)?.points else { return x }
    let cloud = x.reshape(x.size(0), points, -1)
    return (cloud - cloud.mean(1, keep: true)).flatten(1)
  }

  public var freedom: Int {
    guard let cloud = network.network as? EquivariantNetwork else { return eventShape[0] }
    return (cloud.points - 1) * cloud.dimensions
  }

  public func denoised(_ x: Tensor, at level: DiffusionLevel) -> Tensor {
    let n = x.size(0)
    // A recorded evaluation stays one piece; so does what is too small to be shared out.
    guard !isRecordingGradient, device == .cpu, let block, n > block else { return guided(x, level) }
    let blocks = rowBlocks(n, size: block)
    return .concatenate(concurrently(blocks.count) { guided(x[blocks[$0]], level) })
  }

  private func guided(_ x: Tensor, _ level: DiffusionLevel) -> Tensor {
    guard guidance != 1 else { return estimate(x, level, condition) }
    let none = estimate(x, level, condition.map { _ in 0 })
    guard guidance != 0 else { return none }
    return none.adding(estimate(x, level, condition) - none, scaledBy: guidance)
  }

  private func estimate(_ x: Tensor, _ level: DiffusionLevel, _ condition: [Double]) -> Tensor {
    let context = network.context(level, condition: condition, like: x)
    let scaled = x * (1 / (level.signal * level.signal + level.noise * level.noise).squareRoot())
    let output: Tensor
    if let packed, !isRecordingGradient, x.dtype == .float {
      output = packed(scaled, context: context)
    } else {
      output = precision.run { network.network(scaled, context: context) }.to(x.dtype)
    }
    return prediction.denoised(x, output: output, at: level)
  }
}
