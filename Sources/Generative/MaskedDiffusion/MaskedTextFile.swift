import Foundation
import Torch
import Training

/// A model as one safetensors file: the network's tensors, and a description in the metadata.
extension MaskedTextModel {
  private struct Description: Codable {
    var version = 1
    var network: MaskedTransformerOptions
    var vocabulary: CharacterVocabulary
    var schedule: MaskedNoiseSchedule
    var precision: Precision
  }

  private static let key = "likely.masked-text"

  /// Writes the model.
  /// - Throws: storage errors; nothing partial is left.
  public func write(to url: URL) throws {
    let description = Description(
      network: network.options, vocabulary: vocabulary, schedule: schedule, precision: precision)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let metadata = [Self.key: String(decoding: try encoder.encode(description), as: UTF8.self)]
    try Safetensors.write(network.state(), metadata: metadata, to: url)
  }

  /// Whether a file says that it holds such a model.
  public static func isStored(in url: URL) throws -> Bool {
    try SafetensorsFile(contentsOf: url).metadata[key] != nil
  }

  /// Reads a model.
  /// - Throws: storage errors, ``MaskedTextFileError``, `ModuleStateError`.
  public convenience init(contentsOf url: URL) throws {
    let file = try SafetensorsFile(contentsOf: url)
    guard let text = file.metadata[Self.key] else {
      throw MaskedTextFileError(
        file: url.path, reason: "it holds no masked text model (no \(Self.key) in its metadata)")
    }
    let description: Description
    do {
      description = try JSONDecoder().decode(Description.self, from: Data(text.utf8))
      try description.network.validate()
    } catch {
      throw MaskedTextFileError(file: url.path, reason: "its description does not fit this version")
    }
    let tensors = try file.tensors()
    for (name, tensor) in tensors where !tensor.isFinite().all().booleans[0] {
      throw MaskedTextFileError(file: url.path, reason: "the tensor \(name) has NaN or infinite entries")
    }
    var unused = RandomSource(seed: 0)
    let network = MaskedTransformer(
      symbols: description.vocabulary.count, options: description.network, using: &unused)
    try network.load(tensors)
    network.train(false)
    self.init(
      network: network, vocabulary: description.vocabulary, schedule: description.schedule,
      precision: description.precision)
  }
}

/// Why a file is not a masked text model.
public struct MaskedTextFileError: Error, Sendable, Hashable, CustomStringConvertible {
  public let file: String
  public let reason: String
  public var description: String {
    "\(file): \(reason); give the run folder or model.safetensors of `text-diffusion train`"
  }
}
