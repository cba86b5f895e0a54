import Torch

/// The keys and values of tokens that a transformer has seen, a batch of rows that grow together.
///
/// Rows start at the same slot: shorter ones are padded on the left, and ``padding`` tells by how much. A class, since
/// it is written in place; ``fork(rows:)`` makes an independent one.
public final class KeyValueCache: LanguageCache {
  /// Tokens of every row, padding included.
  public private(set) var length: Int
  public let batch: Int
  /// Slots at the left of every row that hold no token; `nil` where no row has any.
  public let padding: [Int]?
  /// `[batch, heads, capacity, width]` a layer; capacity grows by doubling.
  private var keys: [Tensor?]
  private var values: [Tensor?]

  /// An empty cache.
  ///
  /// - Parameter padding: of every row, fewer than the tokens of the first forward pass.
  public init(layers: Int, batch: Int, padding: [Int]? = nil) {
    precondition(padding.map { $0.count == batch } ?? true, "KeyValueCache: paddings of other rows")
    (self.batch, length) = (batch, 0)
    self.padding = padding.flatMap { $0.contains { $0 > 0 } ? $0 : nil }
    keys = Array(repeating: nil, count: layers)
    values = keys
  }

  private init(_ other: KeyValueCache, batch: Int, padding: [Int]?, _ transform: (Tensor) -> Tensor) {
    (self.batch, self.padding, length) = (batch, padding, other.length)
    let length = other.length
    func copied(_ x: Tensor?) -> Tensor? { x.map { transform($0.slice(axis: 2, start: 0, end: length)) } }
    keys = other.keys.map(copied)
    values = other.values.map(copied)
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

  /// Forgets all tokens but the first.
  public func crop(to length: Int) {
    precondition((0...self.length).contains(length), "crop: \(length) of \(self.length) tokens")
    self.length = length
  }

  /// An independent cache with row `rows[i]` of this one as row i.
  public func fork(rows: [Int]) -> KeyValueCache {
    precondition(rows.allSatisfy { (0..<batch).contains($0) }, "fork: rows \(rows) of \(batch)")
    let index = Tensor(rows)
    return KeyValueCache(self, batch: rows.count, padding: padding.map { own in rows.map { own[$0] } }) {
      $0.select(axis: 0, index.to(device: $0.device))
    }
  }
}
