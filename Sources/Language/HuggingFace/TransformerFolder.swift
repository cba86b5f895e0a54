import Files
import Foundation
import Report
import Torch

extension Transformer {
  /// Reads a Hugging Face folder: `config.json`, and `model.safetensors` or its shards.
  ///
  /// - Parameter dtype: of the weights in memory: `.float`, `.bfloat16` or `.float16`.
  /// - Throws: ``LanguageError``, `StorageError`. Tensors that are missing, unknown, of another shape or not finite are
  ///   named.
  public convenience init(folder: URL, dtype: DType = .float) throws {
    try self.init(folder: folder, dtype: dtype, hasHead: true, others: [])
  }

  /// - Parameters:
  ///   - hasHead: whether a table of logits is read where it is not that of the embeddings.
  ///   - others: tensors in the files that are no part of the transformer.
  convenience init(folder: URL, dtype: DType, hasHead: Bool, others: [String]) throws {
    var configuration = try TransformerConfiguration(
      contentsOf: folder.appendingPathComponent("config.json"))
    if !hasHead { configuration.tiesEmbeddings = true }
    let shape = configuration
    let files = try WeightFiles(folder: folder)
    // Some files hold the body alone, and do not name it.
    let prefix = shape.bodyPrefix
    let isBody = !files.names.contains { $0.hasPrefix(prefix) }
    func stored(_ name: String) -> String {
      isBody && name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
    }
    var used: Set<String> = []
    try self.init(
      shape,
      source: WeightSource { name, size, _ in
        let place = shape.stored(name, rows: size[0])
        let parts = try place.pieces.map { piece in
          let own = [piece.rows] + size.dropFirst()
          let key = stored(piece.name)
          used.insert(key)
          let found = try files.tensor(key, shape: place.isTransposed ? own.reversed() : own).to(dtype)
          return place.isTransposed ? found.transpose(0, 1) : found
        }
        let whole = parts.count == 1 ? parts[0] : Tensor.concatenate(parts)
        return (place.mixesHeads ? shape.headsSorted(whole) : whole).contiguous()
      })
    let unknown = files.names.filter {
      !used.contains($0) && !others.contains($0) && !shape.isDispensable($0)
    }
    guard unknown.isEmpty else {
      let shown = unknown.prefix(4).joined(separator: ", ") + (unknown.count > 4 ? ", …" : "")
      throw LanguageError(
        .unsupported, file: files.file, place: shown,
        found: "\(unknown.count) tensors that the \(shape.family.rawValue) shape does not have",
        expected: "only those that config.json asks for")
    }
    train(false)
  }

  /// Writes `config.json` and the weights as a Hugging Face folder, which `transformers` loads.
  ///
  /// - Parameters:
  ///   - folder: made where it does not exist.
  ///   - shardSize: bytes above which weights are spread over several files.
  /// - Throws: storage errors; every file appears whole or not at all.
  public func write(to folder: URL, shardSize: Int = 5_000_000_000) throws {
    try write(
      to: folder, shardSize: shardSize, task: configuration.languageModelSuffix, others: [], fields: [])
  }

  /// - Parameters:
  ///   - task: what the class's name ends with in `transformers`.
  ///   - others: tensors beside the transformer's.
  ///   - fields: of `config.json` beside its shape.
  func write(
    to folder: URL, shardSize: Int = 5_000_000_000, task: String, others: [(String, Tensor)],
    fields: [(String, JSONValue)]
  ) throws {
    try createFolder(at: folder)
    let text = configuration.json(dtype: embedding.weight.value.dtype, task: task, others: fields).pretty
    try writeAtomically(Data(text.utf8), to: folder.appendingPathComponent("config.json"))
    let own = namedParameters.flatMap { name, parameter in
      Self.pieces(
        of: parameter.value.detach(), configuration.stored(name, rows: parameter.shape[0]), configuration)
    }
    let tensors = own + others
    var shards: [[(String, Tensor)]] = [[]]
    var size = 0
    for (name, tensor) in tensors {
      let bytes = tensor.count * tensor.dtype.size
      if size > 0, size + bytes > shardSize {
        shards.append([])
        size = 0
      }
      shards[shards.count - 1].append((name, tensor))
      size += bytes
    }
    guard shards.count > 1 else {
      try Safetensors.write(
        shards[0], metadata: ["format": "pt"], to: folder.appendingPathComponent(WeightFiles.single))
      return
    }
    try writeShards(shards, to: folder)
  }

  private func writeShards(_ shards: [[(String, Tensor)]], to folder: URL) throws {
    func padded(_ n: Int) -> String { String(repeating: "0", count: max(0, 5 - "\(n)".count)) + "\(n)" }
    var places: [(String, String)] = []
    for (i, shard) in shards.enumerated() {
      let file = "model-\(padded(i + 1))-of-\(padded(shards.count)).safetensors"
      try Safetensors.write(shard, metadata: ["format": "pt"], to: folder.appendingPathComponent(file))
      places += shard.map { ($0.0, file) }
    }
    let total = shards.joined().reduce(0) { $0 + $1.1.count * $1.1.dtype.size }
    let map = places.map { "\(ExactJSON.quoted($0.0)):\(ExactJSON.quoted($0.1))" }.joined(separator: ",")
    try writeAtomically(
      Data("{\"metadata\":{\"total_size\":\(total)},\"weight_map\":{\(map)}}\n".utf8),
      to: folder.appendingPathComponent(WeightFiles.index))
  }

  private static func pieces(
    of tensor: Tensor, _ place: StoredTensor, _ configuration: TransformerConfiguration
  ) -> [(String, Tensor)] {
    let whole = place.mixesHeads ? configuration.headsMixed(tensor) : tensor
    var start = 0
    return place.pieces.map { name, rows in
      defer { start += rows }
      let own = place.pieces.count == 1 ? whole : whole.slice(axis: 0, start: start, end: start + rows)
      return (name, (place.isTransposed ? own.transpose(0, 1) : own).contiguous())
    }
  }
}

extension TransformerConfiguration {
  /// Rows in the order heads of queries, of keys, of values, from the three of every head side by side.
  func headsSorted(_ rows: Tensor) -> Tensor {
    rows.reshape([heads, 3, headWidth] + rows.shape.dropFirst()).transpose(0, 1).reshape(rows.shape)
  }

  /// The way back.
  func headsMixed(_ rows: Tensor) -> Tensor {
    rows.reshape([3, heads, headWidth] + rows.shape.dropFirst()).transpose(0, 1).reshape(rows.shape)
  }
}
