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

  private static let key = "likely.interpolant"

  /// Writes the model.
  /// - Throws: storage errors; nothing partial is left.
  public func write(to url: URL) throws {
    var tensors: [(name: String, tensor: Tensor)] = [
      ("standardiser.mean", standardiser.mean), ("standardiser.scale", standardiser.scale),
    ]
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
      tensors += learned.network.state().map { ("network.\($0.name)", $0.tensor) }
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
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let metadata = [Self.key: String(decoding: try encoder.encode(description), as: UTF8.self)]
    try Safetensors.write(tensors, metadata: metadata, to: url)
  }

  /// Reads a model.
  /// - Throws: storage errors, ``InterpolantFileError``.
  public convenience init(contentsOf url: URL) throws {
    let file = try SafetensorsFile(contentsOf: url)
    guard let text = file.metadata[Self.key] else {
      throw InterpolantFileError(
        file: url.path, reason: "it holds no interpolant (no \(Self.key) in its metadata)")
    }
    let description: Description
    do {
      description = try JSONDecoder().decode(Description.self, from: Data(text.utf8))
    } catch {
      throw InterpolantFileError(file: url.path, reason: "its description does not fit this version")
    }
    let tensors = try file.tensors()
    func tensor(_ name: String) throws -> Tensor {
      guard let found = tensors[name] else {
        throw InterpolantFileError(file: url.path, reason: "the tensor \(name) is missing")
      }
      guard found.isFinite().all().booleans[0] else {
        throw InterpolantFileError(file: url.path, reason: "the tensor \(name) has NaN or infinite entries")
      }
      return found
    }
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
    default: throw InterpolantFileError(file: url.path, reason: "the base \(description.base) is unknown")
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
      var state: [String: Tensor] = [:]
      for name in tensors.keys where name.hasPrefix("network.") {
        state[String(name.dropFirst(8))] = try tensor(name)
      }
      try network.load(state)
      network.train(false)
      fields = LearnedFields(
        network, schedule: description.schedule, dimension: description.dimension,
        meanOfEnd: try tensor("end.mean"),
        precision: description.precision)
    }
    self.init(
      fields: fields, base: base,
      standardiser: Standardiser(
        mean: try tensor("standardiser.mean"), scale: try tensor("standardiser.scale")),
      columns: description.columns, classes: description.classes, conditions: description.conditions)
  }
}

/// Why a file is not an interpolant.
public struct InterpolantFileError: Error, Sendable, Hashable, CustomStringConvertible {
  public let file: String
  public let reason: String
  public var description: String {
    "\(file): \(reason); give the run folder or model.safetensors of `interpolant train`"
  }
}
