import Foundation
import Torch

/// Doubles that grow without being copied and end as a tensor.
struct DoubleBlock: ~Copyable {
  private var memory: UnsafeMutablePointer<Double>?
  private var count = 0
  private var capacity = 0

  deinit { free(memory) }

  /// Room for `width` more values, which the caller fills.
  @inline(__always)
  mutating func appendRow(_ width: Int) -> UnsafeMutablePointer<Double> {
    if count + width > capacity { grow(width) }
    count += width
    return memory! + (count - width)
  }

  private mutating func grow(_ width: Int) {
    resize(max(capacity + capacity / 2, count + width, 1 << 12))
  }

  private mutating func resize(_ values: Int) {
    guard let moved = realloc(memory, values * MemoryLayout<Double>.stride) else {
      fatalError("out of memory for \(values) numbers")
    }
    memory = moved.bindMemory(to: Double.self, capacity: values)
    capacity = values
  }

  /// The values as a tensor that owns them; the block is empty afterwards.
  mutating func tensor(shape: [Int]) -> Tensor {
    precondition(shape.reduce(1, *) == count, "DoubleBlock: \(count) values do not fill the shape \(shape)")
    resize(max(count, 1))
    let owned = memory!
    (memory, count, capacity) = (nil, 0, 0)
    return Tensor(adopting: UnsafeMutableRawPointer(owned), shape: shape, dtype: .double)
  }
}
