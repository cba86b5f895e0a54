extension NPYHeader.Element {
  /// The tensor type with the same bytes, where there is one.
  var nativeType: DType? {
    guard !isBigEndian else { return nil }
    return sameWidthType
  }

  private var sameWidthType: DType? {
    switch (kind, size) {
    case ("f", 2): .float16
    case ("f", 4): .float
    case ("f", 8): .double
    case ("i", 1): .int8
    case ("i", 2): .int16
    case ("i", 4): .int32
    case ("i", 8): .int64
    case ("u", 1): .uint8
    case ("b", 1): .bool
    case ("c", 8): .complexFloat
    case ("c", 16): .complexDouble
    default: nil
    }
  }

  /// Elements in row-major order of `shape` as a tensor, swapped and widened as needed.
  func tensor(_ bytes: UnsafeRawBufferPointer, shape: [Int], file: String, place: String) throws(StorageError)
    -> Tensor
  {
    guard kind != "u" || size == 1 else {
      return try widened(bytes, shape: shape, file: file, place: place)
    }
    guard let dtype = sameWidthType else { preconditionFailure("the header admits only known types") }
    if dtype == .bool { try checkBooleans(bytes, file: file, place: place) }
    guard isBigEndian else { return Tensor(bytes: bytes, shape: shape, dtype: dtype) }
    // A complex number is two numbers, each swapped by itself.
    let width = kind == "c" ? size / 2 : size
    let swapped = [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
      for start in stride(from: 0, to: bytes.count, by: width) {
        for i in 0..<width { buffer[start + i] = bytes[start + width - 1 - i] }
      }
      count = bytes.count
    }
    return swapped.withUnsafeBytes { Tensor(bytes: $0, shape: shape, dtype: dtype) }
  }

  /// Unsigned numbers in the next wider signed type.
  private func widened(_ bytes: UnsafeRawBufferPointer, shape: [Int], file: String, place: String)
    throws(StorageError) -> Tensor
  {
    let count = bytes.count / size
    func load<Integer: FixedWidthInteger>(_ i: Int, _ type: Integer.Type) -> Integer {
      let value = bytes.loadUnaligned(fromByteOffset: i * size, as: Integer.self)
      return isBigEndian ? Integer(bigEndian: value) : Integer(littleEndian: value)
    }
    switch size {
    case 2: return Tensor((0..<count).map { Int32(load($0, UInt16.self)) }, shape: shape)
    case 4: return Tensor((0..<count).map { Int64(load($0, UInt32.self)) }, shape: shape)
    default:
      var values: [Int64] = []
      values.reserveCapacity(count)
      for i in 0..<count {
        let value = load(i, UInt64.self)
        guard let signed = Int64(exactly: value) else {
          throw StorageError(
            .badValue, file: file, place: place, found: "the unsigned number \(value) at element \(i)",
            expected: "values below 2^63")
        }
        values.append(signed)
      }
      return Tensor(values, shape: shape)
    }
  }
}
