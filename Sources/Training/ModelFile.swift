import Foundation
import Torch

/// A model as one safetensors file: tensors, and a description of them as JSON in the metadata under the kind's key.
public struct ModelFile<Description: Codable> {
  public let description: Description
  private let url: URL
  private let kind: ModelKind
  private let tensors: [String: Tensor]

  /// Reads a file.
  /// - Throws: storage errors, ``ModelFileError``.
  public init(contentsOf url: URL, kind: ModelKind) throws {
    let file = try SafetensorsFile(contentsOf: url)
    guard let text = file.metadata[kind.key] else {
      throw ModelFileError(
        file: url.path, reason: "it holds no \(kind.name) (no \(kind.key) in its metadata)", kind: kind)
    }
    guard let description = try? JSONDecoder().decode(Description.self, from: Data(text.utf8)) else {
      throw ModelFileError(file: url.path, reason: "its description does not fit this version", kind: kind)
    }
    (self.description, self.url, self.kind, tensors) = (description, url, kind, try file.tensors())
  }

  /// A tensor whose entries are all finite.
  /// - Throws: ``ModelFileError`` naming it.
  public func tensor(_ name: String) throws -> Tensor {
    guard let found = tensors[name] else {
      throw ModelFileError(file: url.path, reason: "the tensor \(name) is missing", kind: kind)
    }
    guard found.isFinite().all().booleans[0] else {
      throw ModelFileError(
        file: url.path, reason: "the tensor \(name) has NaN or infinite entries", kind: kind)
    }
    return found
  }

  /// Loads `network.…` into a module and leaves it ready for use.
  /// - Throws: ``ModelFileError``, `ModuleStateError`.
  public func load(_ network: Module) throws {
    var state: [String: Tensor] = [:]
    for name in tensors.keys where name.hasPrefix("network.") {
      state[String(name.dropFirst(8))] = try tensor(name)
    }
    try network.load(state)
    network.train(false)
  }

  /// The columns' scales.
  /// - Throws: ``ModelFileError``.
  public func standardiser() throws -> Standardiser {
    Standardiser(mean: try tensor("standardiser.mean"), scale: try tensor("standardiser.scale"))
  }
}

extension ModelFile {
  /// Writes a model with its network's parameters and its columns' scales.
  /// - Throws: storage errors; nothing partial is left.
  public static func write(
    _ description: Description, network: Module?, standardiser: Standardiser?,
    tensors: [(name: String, tensor: Tensor)] = [], kind: ModelKind, to url: URL
  ) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let scales =
      standardiser.map { [("standardiser.mean", $0.mean), ("standardiser.scale", $0.scale)] } ?? []
    let parameters = network?.state().map { ("network.\($0.name)", $0.tensor) } ?? []
    try Safetensors.write(
      scales + tensors + parameters,
      metadata: [kind.key: String(decoding: try encoder.encode(description), as: UTF8.self)], to: url)
  }
}

/// What kind of model a file holds, and which command makes such files.
public struct ModelKind: Sendable, Hashable {
  /// Of the metadata.
  public let key: String
  public let name: String
  public let maker: String

  public init(key: String, name: String, maker: String) {
    (self.key, self.name, self.maker) = (key, name, maker)
  }

  /// Whether a file is of this kind; false where it cannot be read.
  public func matches(_ url: URL) -> Bool {
    (try? SafetensorsFile(contentsOf: url)).map { $0.metadata[key] != nil } ?? false
  }
}

/// Why a file is not a model of a kind.
public struct ModelFileError: Error, Sendable, Hashable, CustomStringConvertible {
  public let file: String
  public let reason: String
  public let kind: ModelKind

  public init(file: String, reason: String, kind: ModelKind) {
    (self.file, self.reason, self.kind) = (file, reason, kind)
  }

  public var description: String {
    "\(file): \(reason); give the run folder or model.safetensors of `\(kind.maker)`"
  }
}
