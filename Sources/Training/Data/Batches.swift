import Torch

/// Where batches come from. A batch depends on the step alone, so that a resumed training sees the same ones.
public protocol BatchSource {
  associatedtype Batch
  /// The batch of a step (0, 1, …).
  func batch(at step: Int) throws -> Batch
}

/// Rows of tensors in random order, every row once an epoch.
///
/// An epoch's order comes from its own stream; a last, smaller batch is completed from the next epoch.
public struct ShuffledRows: BatchSource {
  /// Tensors with the same number of rows; a batch holds the same rows of each.
  public let tensors: [Tensor]
  public let batchSize: Int
  private let rows: Int
  private let random: RandomSource
  private let cache = PermutationCache()

  /// - Parameter batchSize: at least 1; may be larger than the number of rows.
  public init(_ tensors: [Tensor], batchSize: Int, random: RandomSource) {
    precondition(!tensors.isEmpty && batchSize > 0, "ShuffledRows: needs tensors and a positive batch size")
    let count = tensors[0].size(0)
    precondition(
      count > 0 && tensors.allSatisfy { $0.size(0) == count }, "ShuffledRows: tensors differ in rows")
    rows = count
    (self.tensors, self.batchSize, self.random) = (tensors, batchSize, random)
  }

  public func batch(at step: Int) -> [Tensor] {
    let index = rowIndices(from: step * batchSize, count: batchSize)
    return tensors.map { $0.select(axis: 0, index) }
  }

  private func rowIndices(from start: Int, count: Int) -> Tensor {
    var parts: [Tensor] = []
    var position = start
    while position < start + count {
      let (epoch, offset) = position.quotientAndRemainder(dividingBy: rows)
      let taken = min(rows - offset, start + count - position)
      parts.append(cache.permutation(epoch, rows, tensors[0].device, random)[offset..<offset + taken])
      position += taken
    }
    return parts.count == 1 ? parts[0] : .concatenate(parts)
  }
}

/// The order of the epoch in use, so that it is not drawn anew for every batch.
private final class PermutationCache {
  private var stored: (epoch: Int, order: Tensor)?

  func permutation(_ epoch: Int, _ rows: Int, _ device: Device, _ random: RandomSource) -> Tensor {
    if let stored, stored.epoch == epoch { return stored.order }
    var stream = random.split(epoch)
    let order = stream.permutation(rows, device: device)
    stored = (epoch, order)
    return order
  }
}

/// Batches of the elements of an array in random order, every element once an epoch.
public struct ShuffledElements<Element>: BatchSource {
  public let elements: [Element]
  private let positions: ShuffledRows

  public init(_ elements: [Element], batchSize: Int, random: RandomSource) {
    self.elements = elements
    positions = ShuffledRows([.range(to: Double(elements.count))], batchSize: batchSize, random: random)
  }

  public func batch(at step: Int) -> [Element] {
    positions.batch(at: step)[0].integers.map { elements[$0] }
  }
}

/// Batches from a stream that can be opened again: shuffled inside windows of bounded size.
///
/// Asking for a step that is not the next one reads the stream from its start, as a resumed training does
/// once. The stream starts again when it ends.
public final class ShuffledStream<Element>: BatchSource {
  private let open: () throws -> AnyIterator<Element>
  private let batchSize: Int
  private let window: Int
  private let random: RandomSource

  private var iterator: AnyIterator<Element>?
  private var buffer: [Element] = []
  private var windowsRead = 0
  private var nextStep = 0

  /// - Parameters:
  ///   - window: elements held and shuffled together, at least the batch size.
  ///   - open: starts the stream from its beginning.
  public init(
    batchSize: Int, window: Int, random: RandomSource, open: @escaping () throws -> AnyIterator<Element>
  ) {
    precondition(batchSize > 0 && window >= batchSize, "ShuffledStream: the window must hold a batch")
    (self.batchSize, self.window, self.random, self.open) = (batchSize, window, random, open)
  }

  public func batch(at step: Int) throws -> [Element] {
    if step < nextStep {
      (iterator, buffer, windowsRead, nextStep) = (nil, [], 0, 0)
    }
    while nextStep < step { _ = try take() }
    return try take()
  }

  private func take() throws -> [Element] {
    while buffer.count < batchSize { try fill() }
    defer {
      buffer.removeFirst(batchSize)
      nextStep += 1
    }
    return Array(buffer.prefix(batchSize))
  }

  private func fill() throws {
    var next: [Element] = []
    var restarts = 0
    while next.count < window {
      if iterator == nil { iterator = try open() }
      if let element = iterator!.next() {
        next.append(element)
      } else {
        iterator = nil
        restarts += 1
        if next.isEmpty && restarts > 1 { throw StreamError.empty }
        if !next.isEmpty { break }
      }
    }
    var stream = random.split(windowsRead)
    next.shuffle(using: &stream)
    buffer += next
    windowsRead += 1
  }
}

/// Why a stream gives no batches.
public enum StreamError: Error, Sendable, Hashable, CustomStringConvertible {
  case empty
  public var description: String { "the stream has no elements; give it at least one" }
}
