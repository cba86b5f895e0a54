/// The header of an NPY array: what its elements are and where they start.
struct NPYHeader: Equatable {
  /// How elements are stored.
  struct Element: Equatable {
    /// `f`, `i`, `u`, `b` or `c`, as NumPy writes it.
    let kind: Character
    let size: Int
    let isBigEndian: Bool
  }

  let element: Element
  let isFortranOrder: Bool
  let shape: [Int]
  /// Where the elements start, from the magic.
  let dataStart: Int
  /// The number of elements.
  let count: Int

  /// Far above what NumPy writes for the types read here.
  static let maximumLength = 1 << 20

  /// Reads and checks the header of an array that takes all of `bytes`.
  init(_ bytes: UnsafeRawBufferPointer, file: String, entry: String? = nil) throws(StorageError) {
    let place = { (offset: Int) in entry.map { "\($0), byte \(offset)" } ?? "byte \(offset)" }
    let range = try Self.literalRange(bytes, file: file, place: place)
    dataStart = range.upperBound
    let fields: PythonLiteral.Fields
    do throws(PythonLiteral.Failure) {
      fields = try PythonLiteral.parse(UnsafeRawBufferPointer(rebasing: bytes[range]))
    } catch {
      throw StorageError(
        error.kind, file: file, place: place(range.lowerBound + error.offset), found: error.found,
        expected: error.expected)
    }
    isFortranOrder = fields.isFortranOrder
    shape = fields.shape
    element = try Self.element(fields.descriptor, file: file, place: place(range.lowerBound))
    guard let count = validatedCount(shape, elementSize: element.size) else {
      throw StorageError(
        .badShape, file: file, place: place(range.lowerBound), found: "shape \(shape)",
        expected: "up to 64 extents of at least 0, and fewer than 2^63 bytes in all")
    }
    self.count = count
    let (present, needed) = (bytes.count - dataStart, count * element.size)
    guard present == needed else {
      throw StorageError(
        present < needed ? .truncated : .badOffsets, file: file, place: place(dataStart),
        found: "\(present) bytes of elements",
        expected: "\(needed) for the shape \(shape) of \(fields.descriptor)")
    }
  }

  /// The bytes of the dictionary, after magic, version and length.
  private static func literalRange(
    _ bytes: UnsafeRawBufferPointer, file: String, place: (Int) -> String
  ) throws(StorageError) -> Range<Int> {
    let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    guard bytes.count >= magic.count, bytes.prefix(magic.count).elementsEqual(magic) else {
      throw StorageError(
        bytes.isEmpty ? .truncated : .wrongMagic, file: file, place: place(0),
        found: bytes.isEmpty ? "no bytes" : "other bytes than \\x93NUMPY", expected: "an NPY array")
    }
    guard bytes.count >= 10 else {
      throw StorageError(
        .truncated, file: file, place: place(6), found: "\(bytes.count) bytes",
        expected: "version and header length")
    }
    let version = bytes[6]
    guard (1...3).contains(version), bytes[7] == 0 else {
      throw StorageError(
        .unsupported, file: file, place: place(6), found: "version \(version).\(bytes[7])",
        expected: "version 1.0, 2.0 or 3.0")
    }
    let start = version == 1 ? 10 : 12
    guard bytes.count >= start else {
      throw StorageError(
        .truncated, file: file, place: place(8), found: "\(bytes.count) bytes", expected: "a header length")
    }
    let length =
      version == 1
      ? Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)))
      : Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
    let limit = min(maximumLength, bytes.count - start)
    guard length <= limit else {
      throw StorageError(
        .headerTooLarge, file: file, place: place(8), found: "a header length of \(length)",
        expected: "at most \(limit) (\(bytes.count) bytes in all)")
    }
    return start..<start + length
  }

  private static func element(_ descriptor: String, file: String, place: String) throws(StorageError)
    -> Element
  {
    func refused(_ found: String, _ expected: String) -> StorageError {
      StorageError(.unsupportedType, file: file, place: place, found: found, expected: expected)
    }
    let readable = "f2, f4, f8, i1, i2, i4, i8, u1, u2, u4, u8, b1, c8 or c16"
    var text = Substring(descriptor)
    guard let order = text.first, "<>|=".contains(order) else {
      throw refused("dtype '\(descriptor)'", "a byte order (<, >, | or =) and \(readable)")
    }
    text.removeFirst()
    guard let kind = text.first else { throw refused("dtype '\(descriptor)'", readable) }
    if kind == "O" {
      throw refused(
        "Python objects (dtype '\(descriptor)')", "numbers; objects would need to run code from the file")
    }
    let sizes: [Character: Set<Int>] = [
      "f": [2, 4, 8], "i": [1, 2, 4, 8], "u": [1, 2, 4, 8], "b": [1], "c": [8, 16],
    ]
    guard let size = Int(text.dropFirst()), sizes[kind]?.contains(size) == true, size == 1 || order != "|"
    else {
      throw refused("dtype '\(descriptor)'", readable)
    }
    return Element(kind: kind, size: size, isBigEndian: order == ">" && size > 1)
  }
}
