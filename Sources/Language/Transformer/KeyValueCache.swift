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
