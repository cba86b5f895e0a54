import Foundation

/// NumPy's NPZ archive: named NPY arrays in a ZIP file, stored or deflated, read when asked for.
///
/// Opening reads and checks the directory only. Entries that are no `.npy` arrays are left alone.
public struct NPZFile: Sendable {
  /// Bytes that an archive's entries may have together once opened, unless the caller says otherwise: 16 GiB.
  public static let defaultLimit = 16 << 30

  /// The arrays' names, without `.npy`, in the order of the directory.
  public let names: [String]
  private let file: MappedFile
  private let entries: [String: ZipDirectory.Entry]

  /// Opens and checks an archive.
  /// - Parameter limit: bytes that all entries together may have once opened.
  /// - Throws: ``StorageError`` that names the entry or byte where the archive breaks the format.
  public init(contentsOf url: URL, limit: Int = NPZFile.defaultLimit) throws(StorageError) {
    file = try MappedFile(contentsOf: url)
    var names: [String] = []
    var entries: [String: ZipDirectory.Entry] = [:]
    for entry in try ZipDirectory(file, limit: limit).entries where entry.name.hasSuffix(".npy") {
      let name = String(entry.name.dropLast(4))
      names.append(name)
      entries[name] = entry
    }
    self.names = names
    self.entries = entries
  }

  /// The array with the name, as ``NPY/read(contentsOf:device:)`` gives it; one copy.
  /// - Throws: ``StorageError`` (`noSuchName`, `checksum`, and what NPY arrays throw).
  public func tensor(named name: String, device: Device = .cpu) throws(StorageError) -> Tensor {
    guard let entry = entries[name] else {
      throw StorageError(
        .noSuchName, file: file.name, place: name, found: "no array of this name",
        expected: names.isEmpty ? "an archive with .npy arrays" : "one of \(names.joined(separator: ", "))")
    }
    guard entry.isDeflated else {
      return try decode(UnsafeRawBufferPointer(rebasing: file.bytes[entry.range]), entry, device: device)
    }
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: entry.size, alignment: 16)
    defer { memory.deallocate() }
    try open(entry, into: memory)
    return try decode(UnsafeRawBufferPointer(memory), entry, device: device)
  }

  /// All arrays by name.
  public func tensors(device: Device = .cpu) throws(StorageError) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for name in names { result[name] = try tensor(named: name, device: device) }
    return result
  }

  private func decode(_ bytes: UnsafeRawBufferPointer, _ entry: ZipDirectory.Entry, device: Device)
    throws(StorageError) -> Tensor
  {
    let actual = checksum32(bytes)
    guard actual == entry.checksum else {
      throw StorageError(
        .checksum, file: file.name, place: entry.name, found: "CRC-32 \(String(actual, radix: 16))",
        expected: "\(String(entry.checksum, radix: 16)), as the directory says; the archive is damaged")
    }
    let header = try NPYHeader(bytes, file: file.name, entry: entry.name)
    return try NPY.decode(bytes, header, file: file.name, place: entry.name, device: device)
  }

  private func open(_ entry: ZipDirectory.Entry, into memory: UnsafeMutableRawBufferPointer)
    throws(StorageError)
  {
    let stream = InflateStream(.none)
    var input = UnsafeRawBufferPointer(rebasing: file.bytes[entry.range])
    var output = memory
    // One spare byte shows an entry that is longer than announced.
    var spare: UInt8 = 0
    while true {
      let before = (input.count, output.count)
      let outcome: InflateStream.Outcome
      if output.isEmpty {
        outcome = withUnsafeMutableBytes(of: &spare) { spare in
          var room = spare
          return stream.step(input: &input, output: &room)
        }
      } else {
        outcome = stream.step(input: &input, output: &output)
      }
      switch outcome {
      case .finished where output.isEmpty && input.isEmpty: return
      case .outputFull where before.1 > 0: continue
      case .needsInput where !input.isEmpty && before != (input.count, output.count): continue
      default:
        throw StorageError(
          .truncated, file: file.name, place: entry.name,
          found: outcome == .outputFull ? "more bytes than announced" : "a damaged or short deflated stream",
          expected: "\(entry.size) bytes from \(entry.range.count)")
      }
    }
  }
}

/// Writing NPZ archives.
public enum NPZ {
  /// Writes named arrays, stored as they are, whole or not at all; equal arrays in equal order give equal bytes.
  ///
  /// Cost: one array in memory at a time. The archive may have up to 4 GiB; safetensors files have no such limit.
  /// - Throws: ``StorageError`` (`duplicateName`, `unsupportedType` for bfloat16, `tooLarge`, `cannotWrite`).
  public static func write(_ arrays: some Sequence<(String, Tensor)>, to url: URL) throws(StorageError) {
    let name = url.shownPath
    try writeStorage(to: url) { file in
      var directory: [UInt8] = []
      var written = 0
      var seen: Set<String> = []
      for (key, tensor) in arrays {
        guard seen.insert(key).inserted, key.utf8.count < 1 << 15 else {
          throw StorageError(
            .duplicateName, file: name, place: key, found: "a name that is taken or too long",
            expected: "every name once")
        }
        let content = try NPY.header(for: tensor, file: name, place: key) + tensor.bytes
        guard let offset = UInt32(exactly: written), let size = UInt32(exactly: content.count) else {
          throw tooLarge(name)
        }
        let path = Array("\(key).npy".utf8)
        let common = common(path: path, size: size, checksum: content.withUnsafeBytes { checksum32($0) })
        let local = [0x50, 0x4b, 3, 4] + common + littleEndian(UInt16(0)) + path
        try file.write(local)
        try file.write(content)
        written += local.count + content.count
        directory += [0x50, 0x4b, 1, 2] + littleEndian(UInt16(20)) + common
        // Extra, comment, disk, attributes.
        directory += [UInt8](repeating: 0, count: 12) + littleEndian(offset) + path
      }
      guard let start = UInt32(exactly: written), seen.count < 0xffff else { throw tooLarge(name) }
      try file.write(directory)
      let count = littleEndian(UInt16(seen.count))
      try file.write(
        [0x50, 0x4b, 5, 6, 0, 0, 0, 0] + count + count + littleEndian(UInt32(directory.count))
          + littleEndian(start)
          + [0, 0])
    }
  }

  private static func tooLarge(_ file: String) -> StorageError {
    StorageError(.tooLarge, file: file, found: "more than 4 GiB", expected: "less; or a safetensors file")
  }

  /// What local header and directory record share, up to the length of the name.
  ///
  /// The date is ZIP's first, 1980-01-01, so that the bytes do not depend on the clock.
  private static func common(path: [UInt8], size: UInt32, checksum: UInt32) -> [UInt8] {
    let utf8Names: UInt16 = 0x0800
    var bytes = littleEndian(UInt16(20)) + littleEndian(utf8Names)
    bytes += littleEndian(UInt16(0)) + littleEndian(UInt16(0)) + littleEndian(UInt16(0x21))
    bytes += littleEndian(checksum) + littleEndian(size) + littleEndian(size)
    return bytes + littleEndian(UInt16(path.count))
  }
}
