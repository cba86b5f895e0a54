import Foundation
import Torch
import Training

/// A trained diffusion model of rows, for every class and none.
///
/// Rows outside are in the data's coordinates; noise is added to standardised ones.
public final class DiffusionModel {
  public let network: DiffusionNetwork
  public let schedule: NoiseSchedule
  public let prediction: DiffusionPrediction
  public let standardiser: Standardiser
  public let columns: [String]
  public let classes: [String]
  public let precision: Precision
  public private(set) var device = Device.cpu

  init(
    _ network: DiffusionNetwork, schedule: NoiseSchedule, prediction: DiffusionPrediction,
    standardiser: Standardiser,
    columns: [String], classes: [String], precision: Precision
  ) {
    (self.network, self.schedule, self.prediction) = (network, schedule, prediction)
    (self.standardiser, self.columns, self.classes, self.precision) = (
      standardiser, columns, classes, precision
    )
  }

  public var dimension: Int { columns.count }

  public func move(to device: Device) {
    network.move(device: device)
    self.device = device
  }

  /// The model in standardised coordinates, as it is now.
  /// - Parameters:
  ///   - className: one of ``classes``, or `nil` for all rows together.
  ///   - guidance: w of D∅ + w (D_c − D∅).
  /// - Throws: ``DiffusionError`` for an unknown class.
  public func denoiser(class className: String? = nil, guidance: Double = 1) throws(DiffusionError)
    -> NetworkDenoiser
  {
    let index = classes.firstIndex { $0 == className }
    if let className, index == nil {
      throw .option(
        "class", className,
        classes.isEmpty ? "none, as the model has no classes" : classes.joined(separator: ", "))
    }
    guard guidance.isFinite else { throw .option("guidance", "\(guidance)", "a finite number") }
    return NetworkDenoiser(
      network, prediction, dimension: dimension, classIndex: index, guidance: guidance, precision: precision,
      device: device)
  }

  /// Generates rows, `[count, d]`, `Double`, in the data's coordinates.
  /// - Throws: ``DiffusionError``.
  public func sample(
    _ count: Int, class className: String? = nil, guidance: Double = 1, sampler: DiffusionSampler = .ddim(0),
    steps: Int = 50, using random: inout RandomSource
  ) throws(DiffusionError) -> Tensor {
    guard count > 0 else { throw .option("count", "\(count)", "at least 1") }
    guard steps > 0 else { throw .option("steps", "\(steps)", "at least 1") }
    let denoiser = try denoiser(class: className, guidance: guidance)
    let stream = random.split("diffusion")
    _ = random.next()
    return standardiser.restore(
      sampler.sample(denoiser, schedule, count: count, steps: steps, random: stream).to(.double, device: .cpu)
    )
  }
}

// MARK: Files

extension DiffusionModel {
  private struct Description: Codable {
    var version = 1
    var schedule: NoiseSchedule
    var prediction: DiffusionPrediction
    var network: NetworkOptions
    var columns: [String]
    var classes: [String]
    var precision: Precision
  }

  /// Files of `diffusion train`.
  public static let kind = ModelKind(
    key: "likely.diffusion", name: "diffusion model", maker: "diffusion train")

  /// Writes the model as one safetensors file.
  /// - Throws: storage errors; nothing partial is left.
  public func write(to url: URL) throws {
    let description = Description(
      schedule: schedule, prediction: prediction, network: network.options, columns: columns,
      classes: classes,
      precision: precision)
    try ModelFile.write(description, network: network, standardiser: standardiser, kind: Self.kind, to: url)
  }

  /// Reads a model.
  /// - Throws: storage errors, `ModelFileError`.
  public convenience init(contentsOf url: URL) throws {
    let file = try ModelFile<Description>(contentsOf: url, kind: Self.kind)
    let description = file.description
    var unused = RandomSource(seed: 0)
    let network = DiffusionNetwork(
      dimension: description.columns.count, conditions: description.classes.count,
      options: description.network,
      using: &unused)
    try file.load(network)
    self.init(
      network, schedule: description.schedule, prediction: description.prediction,
      standardiser: try file.standardiser(), columns: description.columns, classes: description.classes,
      precision: description.precision)
  }
}
