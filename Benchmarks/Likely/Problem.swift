import Foundation
import Likely

/// The work that both sides do: d = 16, a network of four hidden layers of 256 units, one-sided linear flow.
enum Problem {
  static let dimension = 16
  static let width = 256
  static let hidden = 4
  static let batch = 512

  /// Draws from eight Gaussians in 16 dimensions, the same in every run.
  static func rows(_ count: Int, stream: Int) -> Tensor {
    var random = RandomSource(seed: 16).split("centres")
    let centres = random.normal([8, dimension]) * 2
    random = RandomSource(seed: 16).split(stream)
    return centres.select(axis: 0, random.integers([count], in: 0..<8)) + 0.5
      * random.normal([count, dimension])
  }

  /// Training as torchcfm's loop does it: the velocity alone, its MLP's SELU and time as it is, a constant rate.
  static func training(steps: Int, precision: Precision, activation: Activation = .selu) throws
    -> InterpolantTraining
  {
    var options = InterpolantOptions()
    options.fields = [.velocity]
    options.network = NetworkOptions(
      width: width, depth: hidden, activation: activation, timeEmbedding: .identity)
    options.batchSize = batch
    options.standardises = false
    options.training = TrainingOptions(steps: steps, precision: precision)
    return try InterpolantTraining(options, data: InterpolantData(target: .rows(rows(10_000, stream: 0))))
  }

  /// Multiplications and additions of one training step: the products forwards, and backwards for the weights and
  /// (but for the first layer) the inputs.
  static var operationsPerStep: Double {
    let widths = [dimension + 1] + [Int](repeating: width, count: hidden) + [dimension]
    let products = zip(widths, widths.dropFirst()).map { Double(2 * batch * $0 * $1) }
    return 3 * products.reduce(0, +) - products[0]
  }

  /// The trained model: `selu` for sampling; `silu` for likelihoods, because the divergence of a field of SELU
  /// jumps, on which every rule of integration is of order one.
  static func model(_ activation: Activation, in folder: URL, precision: Precision = .float32) throws
    -> InterpolantModel
  {
    let model = try InterpolantModel(
      contentsOf: folder.appendingPathComponent("\(activation.rawValue).safetensors"))
    guard precision != .float32, let fields = model.fields as? LearnedFields else { return model }
    let mixed = LearnedFields(
      fields.network, schedule: fields.schedule, dimension: fields.dimension, meanOfEnd: fields.meanOfEnd,
      precision: precision)
    return InterpolantModel(
      fields: mixed, base: model.base, standardiser: model.standardiser, columns: model.columns)
  }
}
