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

  /// Files of `text-diffusion train`.
  public static let kind = ModelKind(
    key: "likely.masked-text", name: "masked text model", maker: "text-diffusion train")

  /// Writes the model.
  /// - Throws: storage errors; nothing partial is left.
  public func write(to url: URL) throws {
    let description = Description(
      network: network.options, vocabulary: vocabulary, schedule: schedule, precision: precision)
    try ModelFile.write(description, network: network, standardiser: nil, kind: Self.kind, to: url)
  }

  /// Reads a model.
  /// - Throws: storage errors, `ModelFileError`, `ModuleStateError`.
  public convenience init(contentsOf url: URL) throws {
    let file = try ModelFile<Description>(contentsOf: url, kind: Self.kind)
    let description = file.description
    guard (try? description.network.validate()) != nil else {
      throw ModelFileError(
        file: url.path, reason: "its description does not fit this version", kind: Self.kind)
    }
    var unused = RandomSource(seed: 0)
    let network = MaskedTransformer(
      symbols: description.vocabulary.count, options: description.network, using: &unused)
    try file.load(network)
    self.init(
      network: network, vocabulary: description.vocabulary, schedule: description.schedule,
      precision: description.precision)
  }
}
