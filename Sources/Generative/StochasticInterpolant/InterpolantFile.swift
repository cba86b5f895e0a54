import Foundation
import Probability
import Torch
import Training

/// A model as one safetensors file: tensors, and a description in the metadata.
extension InterpolantModel {
  private struct Description: Codable {
    var version = 1
    var schedule: InterpolantSchedule
    var fields: [InterpolantField]
    var network: NetworkOptions
    var precision: Precision
    var dimension: Int
    var columns: [String]
    var classes: [String]
    var conditions: Int
    var base: String
    var isExact: Bool
  }

  /// Files of `interpolant train`.
  public static let kind = ModelKind(
    key: "likely.interpolant", name: "interpolant", maker: "interpolant train")

  /// Writes the model.
  /// - Throws: storage errors; nothing partial is left.
  public func write(to url: URL) throws {
    var tensors: [(name: String, tensor: Tensor)] = []
    func add(_ prefix: String, _ mixture: GaussianMixture) {
      tensors.append(("\(prefix).weights", Tensor(mixture.weights)))
      tensors.append(("\(prefix).means", mixture.means))
      tensors.append(("\(prefix).covariances", mixture.covariances))
    }
    switch base {
    case .mixture(let mixture): add("base", mixture)
    case .samples(let rows): tensors.append(("base.samples", rows))
    case .gaussian, .given: break
    }
    let learned = fields as? LearnedFields
    if let learned {
      tensors.append(("end.mean", learned.meanOfEnd))
    } else if let exact = fields as? ExactFields {
      add("exact.base", exact.mixtures.base)
      add("exact.target", exact.mixtures.target)
    }
    let description = Description(
      schedule: schedule, fields: learned?.network.fields ?? [],
      network: learned?.network.options ?? NetworkOptions(),
      precision: learned?.precision ?? .float32, dimension: dimension, columns: columns, classes: classes,
      conditions: conditions, base: base.name, isExact: learned == nil)
    try ModelFile.write(
      description, network: learned?.network, standardiser: standardiser, tensors: tensors, kind: Self.kind,
      to: url)
  }

  /// Reads a model.
  /// - Throws: storage errors, `ModelFileError`.
  public convenience init(contentsOf url: URL) throws {
    let file = try ModelFile<Description>(contentsOf: url, kind: Self.kind)
    let description = file.description
    func tensor(_ name: String) throws -> Tensor { try file.tensor(name) }
    func mixture(_ prefix: String) throws -> GaussianMixture {
      try GaussianMixture(
        weights: tensor("\(prefix).weights").doubles, means: tensor("\(prefix).means"),
        covariances: tensor("\(prefix).covariances"))
    }
    let base: BaseDistribution
    switch description.base {
    case "gaussian": base = .gaussian
    case "mixture": base = .mixture(try mixture("base"))
    case "samples": base = .samples(try tensor("base.samples"))
    case "given": base = .given
    default:
      throw ModelFileError(
        file: url.path, reason: "the base \(description.base) is unknown", kind: Self.kind)
    }
    let fields: any InterpolantFields
    if description.isExact {
      fields = try ExactFields(
        from: try mixture("exact.base"), to: try mixture("exact.target"), schedule: description.schedule)
    } else {
      var unused = RandomSource(seed: 0)
      let network = InterpolantNetwork(
        fields: description.fields, dimension: description.dimension, conditions: description.conditions,
        options: description.network, using: &unused)
      try file.load(network)
      fields = LearnedFields(
        network, schedule: description.schedule, dimension: description.dimension,
        meanOfEnd: try tensor("end.mean"),
        precision: description.precision)
    }
    self.init(
      fields: fields, base: base,
      standardiser: try file.standardiser(),
      columns: description.columns, classes: description.classes, conditions: description.conditions)
  }
}
