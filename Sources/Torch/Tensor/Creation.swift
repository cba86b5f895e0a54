import CTorch

extension Tensor {
  /// A tensor with the elements of `values` in row-major order.
  /// - Parameter shape: its product is the number of values; one axis when left out.
  public init<Scalar: TensorScalar>(_ values: [Scalar], shape: [Int]? = nil, device: Device = .cpu) {
    let shape = shape ?? [values.count]
    precondition(
      shape.reduce(1, *) == values.count, "Tensor: \(values.count) values do not fill the shape \(shape)")
    let pointer = values.withUnsafeBytes { bytes in
      withInt64(shape) {
        ct_from_bytes(bytes.baseAddress, $0, $1, Scalar.dtype.rawValue, device.type, device.index)
      }
    }
    self.init("Tensor", pointer)
  }

  /// A scalar.
  public init<Scalar: TensorScalar>(_ value: Scalar, device: Device = .cpu) {
    self.init([value], shape: [], device: device)
  }

  /// A matrix from its rows, which all have the same length.
  public init<Scalar: TensorScalar>(rows: [[Scalar]], device: Device = .cpu) {
    let width = rows.first?.count ?? 0
    precondition(rows.allSatisfy { $0.count == width }, "Tensor(rows:): rows differ in length")
    self.init(rows.flatMap { $0 }, shape: [rows.count, width], device: device)
  }

  /// A tensor over bytes in native order, as files hold them.
  public init(bytes: UnsafeRawBufferPointer, shape: [Int], dtype: DType, device: Device = .cpu) {
    precondition(
      bytes.count == shape.reduce(1, *) * dtype.size, "Tensor(bytes:): the bytes do not fill the shape")
    let pointer = withInt64(shape) {
      ct_from_bytes(bytes.baseAddress, $0, $1, dtype.rawValue, device.type, device.index)
    }
    self.init("Tensor(bytes:)", pointer)
  }

  public static func full(_ shape: [Int], _ value: Double, dtype: DType = .float, device: Device = .cpu)
    -> Tensor
  {
    Tensor(
      "full", withInt64(shape) { ct_full($0, $1, value, dtype.rawValue, device.type, device.index) })
  }

  public static func zeros(_ shape: [Int], dtype: DType = .float, device: Device = .cpu) -> Tensor {
    full(shape, 0, dtype: dtype, device: device)
  }

  public static func ones(_ shape: [Int], dtype: DType = .float, device: Device = .cpu) -> Tensor {
    full(shape, 1, dtype: dtype, device: device)
  }

  public static func zeros(like other: Tensor) -> Tensor {
    zeros(other.shape, dtype: other.dtype, device: other.device)
  }

  public static func ones(like other: Tensor) -> Tensor {
    ones(other.shape, dtype: other.dtype, device: other.device)
  }

  /// `start`, `start + step`, … below `end`.
  public static func range(
    from start: Double = 0, to end: Double, by step: Double = 1, dtype: DType = .int64, device: Device = .cpu
  ) -> Tensor {
    Tensor("range", ct_arange(start, end, step, dtype.rawValue, device.type, device.index))
  }

  /// `count` equally spaced values, both ends included.
  public static func linspace(
    _ start: Double, _ end: Double, count: Int, dtype: DType = .float, device: Device = .cpu
  ) -> Tensor {
    Tensor("linspace", ct_linspace(start, end, Int64(count), dtype.rawValue, device.type, device.index))
  }

  /// The identity matrix.
  public static func identity(_ n: Int, dtype: DType = .float, device: Device = .cpu) -> Tensor {
    Tensor("identity", ct_eye(Int64(n), dtype.rawValue, device.type, device.index))
  }

  /// The same elements as another type or elsewhere; itself when nothing changes.
  public func to(_ dtype: DType? = nil, device: Device? = nil) -> Tensor {
    let target = device ?? self.device
    let type = dtype ?? self.dtype
    return unary("to") { ct_to($0, type.rawValue, target.type, target.index) }
  }

  /// The same type and device as `other`.
  public func to(like other: Tensor) -> Tensor { to(other.dtype, device: other.device) }
}

// Reading back: each waits for the device.
extension Tensor {
  /// The elements in row-major order, converted to `Scalar` first.
  public func array<Scalar: TensorScalar>(of type: Scalar.Type) -> [Scalar] {
    let source = to(Scalar.dtype)
    let n = source.count
    return withExtendedLifetime(source.handle) {
      [Scalar](unsafeUninitializedCapacity: n) { buffer, count in
        let bytes = n * MemoryLayout<Scalar>.stride
        if n > 0,
          ct_copy_bytes(source.handle.pointer, UnsafeMutableRawPointer(buffer.baseAddress!), bytes) != 0
        {
          fail("array(of:)", [self])
          count = 0
        } else {
          count = n
        }
      }
    }
  }

  /// The elements as `Double`, row-major.
  public var doubles: [Double] { array(of: Double.self) }
  /// The elements as `Float`, row-major.
  public var floats: [Float] { array(of: Float.self) }
  /// The elements as `Int`, row-major.
  public var integers: [Int] { array(of: Int.self) }
  /// The elements as `Bool`, row-major.
  public var booleans: [Bool] { array(of: Bool.self) }

  /// The raw bytes of the elements, row-major, native byte order.
  public var bytes: [UInt8] {
    let n = count * dtype.size
    return withExtendedLifetime(handle) {
      [UInt8](unsafeUninitializedCapacity: n) { buffer, count in
        let done =
          n == 0 || ct_copy_bytes(handle.pointer, UnsafeMutableRawPointer(buffer.baseAddress!), n) == 0
        if !done { fail("bytes", [self]) }
        count = done ? n : 0
      }
    }
  }

  /// The value of a tensor with one element.
  public func item() -> Double {
    withExtendedLifetime(handle) {
      var value = Double.nan
      if ct_item(handle.pointer, &value) != 0 { fail("item", [self]) }
      return value
    }
  }

  /// The whole number in a tensor with one element.
  public func integer() -> Int {
    withExtendedLifetime(handle) {
      var value: Int64 = 0
      if ct_item_int64(handle.pointer, &value) != 0 { fail("integer", [self]) }
      return Int(value)
    }
  }
}

extension Tensor: CustomStringConvertible {
  /// Type, shape and the first elements.
  public var description: String {
    let shown = count <= 64 ? self : flatten()[0..<8]
    let values =
      dtype == .int64 || dtype == .bool ? shown.integers.map(String.init) : shown.doubles.map { "\($0)" }
    return "Tensor(\(dtype), \(shape): \(values.joined(separator: ", "))\(count <= 64 ? "" : ", …"))"
  }
}
