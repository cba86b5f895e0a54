import CTorch

/// A rectangular array of numbers on a device: a value, never changed by its operations.
///
/// Operations follow libtorch's rules for broadcasting and type promotion. A shape that does not fit
/// stops the program with the operation and the shapes; ``withTorchErrors(_:)`` turns it into a thrown error.
public struct Tensor: @unchecked Sendable {
  /// One reference to a libtorch tensor, given back with the last copy.
  final class Handle {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { ct_release(pointer) }
  }

  let handle: Handle

  /// Takes over the reference that the bridge returned.
  init(taking pointer: OpaquePointer) { handle = Handle(pointer) }

  init(_ operation: StaticString, _ pointer: OpaquePointer?, operands: [Tensor] = []) {
    if let pointer {
      self.init(taking: pointer)
    } else {
      fail("\(operation)", operands)
      self = .placeholder
    }
  }

  static var placeholder: Tensor { Tensor(taking: ct_full([0], 1, .nan, DType.double.rawValue, 0, 0)) }

  /// The extent of every axis.
  public var shape: [Int] {
    withExtendedLifetime(handle) {
      let rank = Int(ct_rank(handle.pointer))
      return [Int](unsafeUninitializedCapacity: rank) { buffer, count in
        if rank > 0 {
          buffer.baseAddress!.withMemoryRebound(to: Int64.self, capacity: rank) {
            ct_shape(handle.pointer, $0)
          }
        }
        count = rank
      }
    }
  }

  /// The number of axes; 0 for a scalar.
  public var rank: Int { withExtendedLifetime(handle) { Int(ct_rank(handle.pointer)) } }

  /// The number of elements.
  public var count: Int { withExtendedLifetime(handle) { Int(ct_count(handle.pointer)) } }

  /// The extent of one axis; negative axes count from the last.
  public func size(_ axis: Int) -> Int {
    let shape = shape
    let position = axis < 0 ? axis + shape.count : axis
    precondition(shape.indices.contains(position), "size(\(axis)): no such axis in shape \(shape)")
    return shape[position]
  }

  public var dtype: DType {
    withExtendedLifetime(handle) {
      let code = ct_dtype(handle.pointer)
      guard let dtype = DType(rawValue: code) else {
        fatalError("libtorch's scalar type \(code) is not offered")
      }
      return dtype
    }
  }

  public var device: Device {
    withExtendedLifetime(handle) {
      var index: Int32 = 0
      let type = ct_device(handle.pointer, &index)
      return Device(type: type, index: index)
    }
  }

  /// Whether its elements lie one after the other in memory.
  public var isContiguous: Bool { withExtendedLifetime(handle) { ct_is_contiguous(handle.pointer) } }
}

// How operations reach the bridge: the handles stay alive until the call has returned.
extension Tensor {
  typealias Pointer = OpaquePointer

  @inline(__always)
  func unary(_ name: StaticString, _ call: (Pointer) -> Pointer?) -> Tensor {
    withExtendedLifetime(handle) {
      if let pointer = call(handle.pointer) { return Tensor(taking: pointer) }
      return Tensor(name, nil, operands: [self])
    }
  }

  @inline(__always)
  func binary(_ name: StaticString, _ other: Tensor, _ call: (Pointer, Pointer) -> Pointer?) -> Tensor {
    withExtendedLifetime((handle, other.handle)) {
      if let pointer = call(handle.pointer, other.handle.pointer) { return Tensor(taking: pointer) }
      return Tensor(name, nil, operands: [self, other])
    }
  }

  @inline(__always)
  func ternary(
    _ name: StaticString, _ b: Tensor, _ c: Tensor, _ call: (Pointer, Pointer, Pointer) -> Pointer?
  ) -> Tensor {
    withExtendedLifetime((handle, b.handle, c.handle)) {
      if let pointer = call(handle.pointer, b.handle.pointer, c.handle.pointer) {
        return Tensor(taking: pointer)
      }
      return Tensor(name, nil, operands: [self, b, c])
    }
  }

  /// Two results through out-parameters.
  func pair(
    _ name: StaticString,
    _ call: (Pointer, UnsafeMutablePointer<Pointer?>, UnsafeMutablePointer<Pointer?>) -> Int32
  ) -> (Tensor, Tensor) {
    withExtendedLifetime(handle) {
      var first: Pointer?
      var second: Pointer?
      if call(handle.pointer, &first, &second) == 0, let first, let second {
        return (Tensor(taking: first), Tensor(taking: second))
      }
      fail("\(name)", [self])
      return (.placeholder, .placeholder)
    }
  }
}

/// Lends the handles of several tensors as a C array.
@inline(__always)
func withPointers<Result>(_ tensors: [Tensor], _ body: (UnsafePointer<OpaquePointer?>, Int32) -> Result)
  -> Result
{
  withExtendedLifetime(tensors) {
    withUnsafeTemporaryAllocation(of: OpaquePointer?.self, capacity: max(tensors.count, 1)) { buffer in
      for (i, tensor) in tensors.enumerated() { buffer[i] = tensor.handle.pointer }
      return body(UnsafePointer(buffer.baseAddress!), Int32(tensors.count))
    }
  }
}

/// Lends integers as the bridge's 64-bit array.
@inline(__always)
func withInt64<Result>(_ values: [Int], _ body: (UnsafePointer<Int64>, Int32) -> Result) -> Result {
  withUnsafeTemporaryAllocation(of: Int64.self, capacity: max(values.count, 1)) { buffer in
    for (i, value) in values.enumerated() { buffer[i] = Int64(value) }
    return body(UnsafePointer(buffer.baseAddress!), Int32(values.count))
  }
}

extension Optional where Wrapped == Tensor {
  /// The handle where there is one; the caller keeps the tensor alive.
  var pointer: OpaquePointer? { self?.handle.pointer }
}
