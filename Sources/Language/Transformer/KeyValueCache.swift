import Torch

/// The keys and values of tokens that a transformer has seen, a batch of rows that grow together.
///
/// All rows have the same slots; where their texts differ in length, ``pad(_:)`` leaves some empty. A class, since it is
/// written in place; ``fork(rows:)`` makes an independent one.
public final class KeyValueCache: LanguageCache {
  public private(set) var length = 0
  public let batch: Int
  /// Slots that hold no token; `nil` where all do.
  private(set) var padding: Padding?
  /// `[batch, heads, capacity, width]` a layer; capacity grows by doubling.
  private var keys: [Tensor?]
  private var values: [Tensor?]

  /// Empty slots of every row, from the same slot on.
  struct Padding: Equatable {
    let start: Int
    let counts: [Int]
  }

  /// An empty cache.
  public init(layers: Int, batch: Int) {
    self.batch = batch
    keys = Array(repeating: nil, count: layers)
    values = keys
  }

  private init(_ other: KeyValueCache, rows: [Int]) {
    batch = rows.count
    length = other.length
    padding = other.padding.map { own in Padding(start: own.start, counts: rows.map { own.counts[$0] }) }
    let (end, index) = (other.length, Tensor(rows))
    func copied(_ x: Tensor?) -> Tensor? {
      x.map { $0.slice(axis: 2, start: 0, end: end).select(axis: 0, index.to(device: $0.device)) }
    }
    keys = other.keys.map(copied)
    values = other.values.map(copied)
  }

  /// One of rows whose tokens lie in caches that hold trees of texts: the first `first` slots of each cache, which all
  /// rows have, then those on the row's own path, counted through all rows of its cache.
  init(_ caches: [KeyValueCache], first: Int, paths: [(cache: Int, slots: [Int])]) {
    batch = paths.count
    let longest = paths.map(\.slots.count).max() ?? 0
    length = first + longest
    let counts = paths.map { longest - $0.slots.count }
    padding = counts.contains { $0 > 0 } ? Padding(start: first, counts: counts) : nil
    // Every cache lies behind the others, row by row.
    var starts = [0]
    for cache in caches { starts.append(starts.last! + cache.batch * cache.length) }
    let places = Tensor(
      paths.flatMap { path in
        let start = starts[path.cache]
        let empty = Array(repeating: start, count: longest - path.slots.count)
        return (start..<start + first) + empty + path.slots.map { start + $0 }
      })
    func gathered(_ layers: [Tensor?]) -> Tensor? {
      let flat = zip(caches, layers).map { cache, x in
        x!.slice(axis: 2, start: 0, end: cache.length).transpose(1, 2).reshape(-1, x!.size(1), x!.size(3))
      }
      let all = flat.count == 1 ? flat[0] : Tensor.concatenate(flat)
      return all.select(axis: 0, places.to(device: all.device))
        .reshape(batch, length, all.size(1), all.size(2)).transpose(1, 2).contiguous()
    }
    keys = []
    values = []
    keys = caches[0].keys.indices.map { layer in gathered(caches.map { $0.keys[layer] }) }
    values = caches[0].values.indices.map { layer in gathered(caches.map { $0.values[layer] }) }
  }

  public func pad(_ counts: [Int]) {
    precondition(counts.count == batch, "pad: \(counts.count) counts for \(batch) rows")
    guard counts.contains(where: { $0 > 0 }) else { return }
    precondition(padding == nil, "pad: a second time")
    padding = Padding(start: length, counts: counts)
  }

  /// Adds a layer's keys and values `[batch, heads, new, width]` behind those that are there.
  ///
  /// - Returns: all of them so far, views that hold until the next call.
  func append(layer: Int, keys k: Tensor, values v: Tensor) -> (keys: Tensor, values: Tensor) {
    let end = length + k.size(2)
    (keys[layer], values[layer]) = (written(k, keys[layer], end), written(v, values[layer], end))
    return (
      keys[layer]!.slice(axis: 2, start: 0, end: end), values[layer]!.slice(axis: 2, start: 0, end: end)
    )
  }

  /// Ends a forward pass: the tokens that every layer was given are part of the cache.
  func advance(_ count: Int) { length += count }

  private func written(_ new: Tensor, _ stored: Tensor?, _ end: Int) -> Tensor {
    let capacity = stored?.size(2) ?? 0
    var target = stored
    if capacity < end {
      var shape = new.shape
      shape[2] = max(end, length == 0 ? end + 64 : 2 * capacity)
      let grown = Tensor.zeros(shape, dtype: new.dtype, device: new.device)
      if let stored, length > 0 {
        copyInPlace(
          stored.slice(axis: 2, start: 0, end: length), into: grown.slice(axis: 2, start: 0, end: length))
      }
      target = grown
    }
    copyInPlace(new, into: target!.slice(axis: 2, start: length, end: end))
    return target!
  }

  public func crop(to length: Int) {
    precondition((0...self.length).contains(length), "crop: \(length) of \(self.length) tokens")
    if let padding, length <= padding.start { self.padding = nil }
    self.length = length
  }

  public func fork(rows: [Int]) -> KeyValueCache {
    precondition(rows.allSatisfy { (0..<batch).contains($0) }, "fork: rows \(rows) of \(batch)")
    return KeyValueCache(self, rows: rows)
  }
}
