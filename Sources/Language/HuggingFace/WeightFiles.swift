import Foundation
import Torch

/// A folder's weights, in one safetensors file or in shards that an index names.
struct WeightFiles {
  /// For messages: `model.safetensors`, or the index.
  let file: String
  private let shards: [SafetensorsFile]
  private let shardOf: [String: Int]

  static let single = "model.safetensors"
  static let index = "model.safetensors.index.json"

  /// - Throws: ``LanguageError``, `StorageError`. Files of other formats are not opened: pickle runs code.
  init(folder: URL) throws {
    func exists(_ name: String) -> Bool {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
    }
    if exists(Self.single) {
      let shard = try SafetensorsFile(contentsOf: folder.appendingPathComponent(Self.single))
      file = Self.single
      shards = [shard]
      shardOf = Dictionary(uniqueKeysWithValues: shard.names.map { ($0, 0) })
      return
    }
    guard exists(Self.index) else {
      let pickle = exists("pytorch_model.bin") || exists("pytorch_model.bin.index.json")
      throw LanguageError(
        .missing, file: folder.path,
        found: pickle ? "pytorch_model.bin, a pickle, which is not opened" : "no weights",
        expected: "\(Self.single) or \(Self.index)\(pickle ? "; save the model as safetensors" : "")")
    }
    file = Self.index
    let fields = try JSONNode(contentsOf: folder.appendingPathComponent(Self.index))
    guard let map = try fields.optional("weight_map") else {
      throw LanguageError(
        .malformed, file: Self.index, place: "weight_map", found: "no such key",
        expected: "an object from tensors to files")
    }
    var opened: [String: Int] = [:]
    var (shards, shardOf): ([SafetensorsFile], [String: Int]) = ([], [:])
    for name in try map.entries().map(\.key).sorted() {
      let shard = try map.string(name)
      if opened[shard] == nil {
        guard !shard.contains("/"), exists(shard) else {
          throw LanguageError(
            .missing, file: Self.index, place: "weight_map.\(name)", found: "no file \(shard) in the folder",
            expected: "every shard beside the index")
        }
        opened[shard] = shards.count
        shards.append(try SafetensorsFile(contentsOf: folder.appendingPathComponent(shard)))
      }
      shardOf[name] = opened[shard]
    }
    (self.shards, self.shardOf) = (shards, shardOf)
  }

  var names: [String] { shardOf.keys.sorted() }

  func contains(_ name: String) -> Bool { shardOf[name] != nil }

  /// A tensor of the shape, all of whose entries are finite.
  func tensor(_ name: String, shape: [Int]) throws -> Tensor {
    guard let shard = shardOf[name] else {
      throw LanguageError(
        .missing, file: file, place: name, found: "no such tensor", expected: "a tensor of shape \(shape)")
    }
    let found = try shards[shard].tensor(named: name)
    guard found.shape == shape else {
      throw LanguageError(
        .badValue, file: file, place: name, found: "shape \(found.shape)",
        expected: "\(shape), as config.json says")
    }
    guard found.dtype.isDifferentiable else {
      throw LanguageError(
        .unsupported, file: file, place: name, found: "\(found.dtype)",
        expected: "float32, bfloat16 or float16")
    }
    guard found.isFinite().all().booleans[0] else {
      throw LanguageError(
        .badValue, file: file, place: name, found: "NaN or infinite entries", expected: "finite weights")
    }
    return found
  }
}
