import Files
import Foundation

/// A safetensors file: named tensors behind a checked header, read when asked for.
///
/// Opening reads and checks the header only: lengths, UTF-8, element types, shapes, offsets, and that the tensors
/// cover the rest of the file exactly once. Cost: the header, whatever the size of the tensors.
public struct SafetensorsFile: Sendable {
  /// Where one tensor lies.
  public struct Entry: Sendable, Hashable {
    public let name: String
    public let dtype: DType
    public let shape: [Int]
    /// Position of the first byte in the file.
    let offset: Int
    /// Bytes of the elements.
    let size: Int
  }

  /// The tensors in the order of the header.
  public let entries: [Entry]
  /// The header's `__metadata__`.
  public let metadata: [String: String]
  private let file: MappedFile
  private let positions: [String: Int]

  /// The tensors' names in the order of the header.
  public var names: [String] { entries.map(\.name) }

  /// Opens and checks a file.
  /// - Throws: ``StorageError`` that names the tensor or byte where the file breaks the format.
  public init(contentsOf url: URL) throws(StorageError) {
    file = try MappedFile(contentsOf: url)
    let header = try SafetensorsHeader(file)
    entries = header.entries
    metadata = header.metadata
    positions = Dictionary(uniqueKeysWithValues: header.entries.enumerated().map { ($1.name, $0) })
  }

  /// The tensor with the name.
  ///
  /// On the processor its elements stay in the mapped file when they are aligned to their own size, as all common
  /// writers leave them; else they are copied. Changing such a tensor in place never changes the file.
  /// - Throws: ``StorageError`` (`noSuchName`; `badValue` for truth values other than 0 and 1).
  public func tensor(named name: String, device: Device = .cpu) throws(StorageError) -> Tensor {
    guard let position = positions[name] else {
      let known = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
      throw StorageError(
        .noSuchName, file: file.name, place: "tensor \"\(name)\"", found: "no tensor of this name",
        expected: "one of \(known)")
    }
    let entry = entries[position]
    if entry.dtype == .bool {
      try checkBooleans(
        UnsafeRawBufferPointer(rebasing: file.bytes[entry.offset..<entry.offset + entry.size]),
        file: file.name, place: "tensor \"\(name)\"")
    }
    return Tensor(in: file, at: entry.offset, shape: entry.shape, dtype: entry.dtype, device: device)
  }

  /// All tensors by name.
  public func tensors(device: Device = .cpu) throws(StorageError) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for name in names { result[name] = try tensor(named: name, device: device) }
    return result
  }
}

/// Truth values are bytes 0 and 1; libtorch's kernels misbehave on others.
func checkBooleans(_ bytes: UnsafeRawBufferPointer, file: String, place: String) throws(StorageError) {
  if let bad = bytes.firstIndex(where: { $0 > 1 }) {
    throw StorageError(
      .badValue, file: file, place: place, found: "byte \(bytes[bad]) as truth value \(bad)",
      expected: "0 or 1")
  }
}

/// Writing safetensors files.
public enum Safetensors {
  /// Writes named tensors, whole or not at all.
  ///
  /// Equal tensors and metadata give equal bytes, whatever their order: larger element types come first (which
  /// aligns every tensor), then names. Cost: one tensor's bytes in memory at a time.
  /// - Throws: ``StorageError`` (`duplicateName`, `unsupportedType` for complex numbers, `cannotWrite`).
  public static func write(
    _ tensors: some Sequence<(String, Tensor)>, metadata: [String: String] = [:], to url: URL
  ) throws(StorageError) {
    let sorted = tensors.sorted { a, b in
      (b.1.dtype.size, a.0) < (a.1.dtype.size, b.0)
    }
    let header = try header(of: sorted, metadata: metadata, file: url.shownPath)
    try writeStorage(to: url) { file in
      try file.write(littleEndian(UInt64(header.count)) + header)
      for (_, tensor) in sorted { try file.write(tensor.bytes) }
    }
  }

  /// Writes named tensors; see ``write(_:metadata:to:)``.
  public static func write(_ tensors: [String: Tensor], metadata: [String: String] = [:], to url: URL)
    throws(StorageError)
  {
    try write(tensors.map { ($0.key, $0.value) }, metadata: metadata, to: url)
  }

  private static func header(of tensors: [(String, Tensor)], metadata: [String: String], file: String)
    throws(StorageError) -> [UInt8]
  {
    var fields: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }
        .map { "\(ExactJSON.quoted($0.key)):\(ExactJSON.quoted($0.value))" }
      fields.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var offset = 0
    var seen: Set<String> = ["__metadata__"]
    for (name, tensor) in tensors {
      guard seen.insert(name).inserted else {
        throw StorageError(
          .duplicateName, file: file, place: "tensor \"\(name)\"", found: "a name that is taken",
          expected: "every name once, none of them __metadata__")
      }
      guard let type = SafetensorsHeader.names[tensor.dtype] else {
        throw StorageError(
          .unsupportedType, file: file, place: "tensor \"\(name)\"", found: "\(tensor.dtype)",
          expected: "real numbers or truth values (see viewAsReal)")
      }
      let end = offset + tensor.count * tensor.dtype.size
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      fields.append(
        "\(ExactJSON.quoted(name)):{\"dtype\":\"\(type)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
      )
      offset = end
    }
    var bytes = Array("{\(fields.joined(separator: ","))}".utf8)
    bytes.append(contentsOf: repeatElement(0x20, count: (8 - bytes.count % 8) % 8))
    return bytes
  }
}

/// The bytes of a whole number as the formats here store it.
func littleEndian<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
