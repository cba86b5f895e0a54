import Files

/// The header of a safetensors file, checked before anything is made from it.
struct SafetensorsHeader {
  let entries: [SafetensorsFile.Entry]
  let metadata: [String: String]

  /// The format's own limit for headers.
  static let maximumLength = 100_000_000

  static let types: [String: DType] = [
    "F64": .double, "F32": .float, "F16": .float16, "BF16": .bfloat16, "I64": .int64, "I32": .int32,
    "I16": .int16, "I8": .int8, "U8": .uint8, "BOOL": .bool,
  ]
  static let names = Dictionary(uniqueKeysWithValues: types.map { ($1, $0) })

  private let file: String
  /// Where the tensors' bytes start, and how many there are.
  private let dataStart: Int
  private let dataCount: Int

  init(_ mapped: MappedFile) throws(StorageError) {
    file = mapped.name
    let length = try Self.length(of: mapped)
    dataStart = 8 + length
    dataCount = mapped.count - dataStart
    let bytes = UnsafeRawBufferPointer(rebasing: mapped.bytes[8..<dataStart])
    let root: ExactJSON
    do throws(ExactJSON.Failure) {
      root = try ExactJSON.parse(bytes)
    } catch {
      throw StorageError(
        error.isDuplicate ? .duplicateName : .malformedHeader, file: mapped.name,
        place: "byte \(8 + error.offset)", found: error.found, expected: error.expected)
    }
    guard case .object(let fields) = root else {
      throw StorageError(
        .malformedHeader, file: mapped.name, place: "byte 8", found: "no JSON object",
        expected: "a JSON object from names to tensors")
    }
    var entries: [SafetensorsFile.Entry] = []
    var metadata: [String: String] = [:]
    for (name, value) in fields {
      if name == "__metadata__" {
        metadata = try Self.metadata(value, file: mapped.name)
      } else {
        entries.append(
          try Self.entry(name, value, file: mapped.name, dataStart: dataStart, dataCount: dataCount))
      }
    }
    self.entries = entries
    self.metadata = metadata
    try checkCoverage()
  }

  private static func length(of mapped: MappedFile) throws(StorageError) -> Int {
    guard mapped.count >= 8 else {
      throw StorageError(
        .truncated, file: mapped.name, place: "byte 0", found: "\(mapped.count) bytes",
        expected: "at least the 8 bytes of the header's length")
    }
    let length = UInt64(littleEndian: mapped.bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(maximumLength), length <= UInt64(mapped.count - 8) else {
      throw StorageError(
        .headerTooLarge, file: mapped.name, place: "byte 0", found: "a header length of \(length)",
        expected: "at most \(min(maximumLength, mapped.count - 8)) (the file has \(mapped.count) bytes)")
    }
    return Int(length)
  }

  private static func metadata(_ value: ExactJSON, file: String) throws(StorageError) -> [String: String] {
    var result: [String: String] = [:]
    guard case .object(let fields) = value else {
      throw StorageError(
        .malformedHeader, file: file, place: "__metadata__", found: "no JSON object",
        expected: "an object of strings")
    }
    for (key, value) in fields {
      guard case .string(let text) = value else {
        throw StorageError(
          .malformedHeader, file: file, place: "__metadata__",
          found: "a value of \"\(key)\" that is no string",
          expected: "strings only")
      }
      result[key] = text
    }
    return result
  }

  private static func entry(
    _ name: String, _ value: ExactJSON, file: String, dataStart: Int, dataCount: Int
  ) throws(StorageError) -> SafetensorsFile.Entry {
    func error(_ kind: StorageError.Kind, _ found: String, _ expected: String) -> StorageError {
      StorageError(kind, file: file, place: "tensor \"\(name)\"", found: found, expected: expected)
    }
    guard case .object(let fields) = value else {
      throw error(.malformedHeader, "no JSON object", "dtype, shape and data_offsets")
    }
    var parts: [String: ExactJSON] = [:]
    for (key, value) in fields { parts[key] = value }
    guard fields.count == 3, case .string(let type)? = parts["dtype"],
      let shape = parts["shape"].flatMap(wholeNumbers),
      let offsets = parts["data_offsets"].flatMap(wholeNumbers), offsets.count == 2
    else {
      throw error(
        .malformedHeader, "keys \(fields.map(\.key).joined(separator: ", "))",
        "dtype (a string), shape (whole numbers) and data_offsets (two whole numbers)")
    }
    guard let dtype = types[type] else {
      throw error(
        .unsupportedType, "dtype \"\(type)\"", "one of \(types.keys.sorted().joined(separator: ", "))")
    }
    guard let count = validatedCount(shape, elementSize: dtype.size) else {
      throw error(
        .badShape, "shape \(shape)", "up to 64 extents of at least 0, and fewer than 2^63 bytes in all")
    }
    let (begin, end) = (offsets[0], offsets[1])
    guard begin >= 0, begin <= end, end <= dataCount else {
      throw error(
        .badOffsets, "data_offsets [\(begin), \(end)]",
        "0 ≤ begin ≤ end ≤ \(dataCount), the bytes after the header")
    }
    guard end - begin == count * dtype.size else {
      throw error(
        .badOffsets, "\(end - begin) bytes", "\(count * dtype.size) for the shape \(shape) of \(type)")
    }
    return .init(name: name, dtype: dtype, shape: shape, offset: dataStart + begin, size: end - begin)
  }

  private static func wholeNumbers(_ value: ExactJSON) -> [Int]? {
    guard case .array(let elements) = value else { return nil }
    var numbers: [Int] = []
    for element in elements {
      guard case .integer(let number) = element else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  /// Tensors follow each other without gap or overlap and end with the file.
  private func checkCoverage() throws(StorageError) {
    var end = dataStart
    for entry in entries.sorted(by: { ($0.offset, $0.size) < ($1.offset, $1.size) }) {
      guard entry.offset == end else {
        let overlaps = entry.offset < end
        throw StorageError(
          overlaps ? .overlap : .hole, file: file, place: "tensor \"\(entry.name)\"",
          found: overlaps
            ? "\(end - entry.offset) bytes shared with another tensor"
            : "\(entry.offset - end) unused bytes before it",
          expected: "a start at byte \(end)")
      }
      end += entry.size
    }
    guard end == dataStart + dataCount else {
      throw StorageError(
        .hole, file: file, place: "byte \(end)",
        found: "\(dataStart + dataCount - end) bytes that belong to no tensor",
        expected: "the end of the file")
    }
  }
}
