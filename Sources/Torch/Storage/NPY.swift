import Foundation

/// NumPy's NPY arrays.
public enum NPY {
  /// Reads an array from the file: versions 1 to 3, either byte order, C or Fortran order.
  ///
  /// u2 becomes Int32, u4 and u8 become Int64 (u8 only while its values fit); everything else keeps its type.
  /// Arrays in native byte and C order stay in the mapped file (see ``MappedFile``); others cost one copy.
  /// - Throws: ``StorageError``, before anything is allocated for the elements.
  public static func read(contentsOf url: URL, device: Device = .cpu) throws(StorageError) -> Tensor {
    let file = try MappedFile(contentsOf: url)
    let header = try NPYHeader(file.bytes, file: file.name)
    if let dtype = header.element.nativeType, !header.isFortranOrder || header.shape.count < 2 {
      let elements = UnsafeRawBufferPointer(rebasing: file.bytes[header.dataStart...])
      if dtype == .bool { try checkBooleans(elements, file: file.name, place: "elements") }
      return Tensor(in: file, at: header.dataStart, shape: header.shape, dtype: dtype, device: device)
    }
    return try decode(file.bytes, header, file: file.name, place: "elements", device: device)
  }

  /// An array from its bytes in memory.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ header: NPYHeader, file: String, place: String, device: Device
  ) throws(StorageError) -> Tensor {
    let elements = UnsafeRawBufferPointer(rebasing: bytes[header.dataStart...])
    let stored = header.isFortranOrder ? header.shape.reversed() : header.shape
    let tensor = try header.element.tensor(elements, shape: stored, file: file, place: place)
    guard header.isFortranOrder, header.shape.count > 1 else { return tensor.to(device: device) }
    return tensor.permute(Array(header.shape.indices.reversed())).contiguous().to(device: device)
  }

  /// Writes a tensor in C order, whole or not at all.
  /// - Throws: ``StorageError`` (`unsupportedType` for bfloat16, which NumPy does not have; `cannotWrite`).
  public static func write(_ tensor: Tensor, to url: URL) throws(StorageError) {
    let header = try header(for: tensor, file: url.shownPath, place: nil)
    try writeStorage(to: url) { file in
      try file.write(header)
      try file.write(tensor.bytes)
    }
  }

  /// Magic, version 1.0 and dictionary, padded so that elements start at a multiple of 64.
  static func header(for tensor: Tensor, file: String, place: String?) throws(StorageError) -> [UInt8] {
    let descriptors: [DType: String] = [
      .uint8: "|u1", .int8: "|i1", .int16: "<i2", .int32: "<i4", .int64: "<i8", .float16: "<f2",
      .float: "<f4",
      .double: "<f8", .complexFloat: "<c8", .complexDouble: "<c16", .bool: "|b1",
    ]
    guard let descriptor = descriptors[tensor.dtype] else {
      throw StorageError(
        .unsupportedType, file: file, place: place, found: "\(tensor.dtype)",
        expected: "a type that NumPy has; convert to float first")
    }
    let extents = tensor.shape.map(String.init)
    let shape = extents.count == 1 ? "\(extents[0])," : extents.joined(separator: ", ")
    var text = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(shape)), }"
    // NumPy leaves room for the first extent to grow to 21 digits in place; the same bytes make comparing easy.
    if let first = extents.first { text += String(repeating: " ", count: 21 - first.utf8.count) }
    text += String(repeating: " ", count: 64 - (11 + text.utf8.count) % 64) + "\n"
    return [0x93] + Array("NUMPY".utf8) + [1, 0] + littleEndian(UInt16(text.utf8.count)) + Array(text.utf8)
  }
}
