/// The central directory of a ZIP archive, checked before any entry is opened.
struct ZipDirectory {
  struct Entry {
    let name: String
    let isDeflated: Bool
    let checksum: UInt32
    /// The stored bytes in the file.
    let range: Range<Int>
    /// Bytes once opened.
    let size: Int
  }

  private(set) var entries: [Entry] = []
  private let bytes: UnsafeRawBufferPointer
  private let file: String

  /// Deflate cannot shrink anything further, so a directory that claims more is lying.
  private static let largestRatio = 1032

  /// - Parameter limit: bytes that all entries together may have once opened.
  init(_ mapped: MappedFile, limit: Int) throws(StorageError) {
    bytes = mapped.bytes
    file = mapped.name
    let (count, start, end) = try locate()
    var entries: [Entry] = []
    var seen: Set<String> = []
    var position = start
    for _ in 0..<count {
      let entry = try entry(at: &position, directory: start, end: end)
      guard seen.insert(entry.name).inserted else {
        throw error(.duplicateName, entry.name, "two entries of this name", "every name once")
      }
      entries.append(entry)
    }
    guard position == end else {
      throw error(
        .malformedHeader, "byte \(position)", "\(end - position) more bytes of directory",
        "\(count) entries only")
    }
    self.entries = entries
    try checkSizes(limit: limit)
  }

  private func error(_ kind: StorageError.Kind, _ place: String?, _ found: String, _ expected: String)
    -> StorageError
  {
    StorageError(kind, file: file, place: place, found: found, expected: expected)
  }

  private func number<Integer: FixedWidthInteger>(_ offset: Int, _ type: Integer.Type) -> Integer {
    Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
  }

  private func size(_ value: UInt64, _ place: String) throws(StorageError) -> Int {
    guard let size = Int(exactly: value) else {
      throw error(.badOffsets, place, "the number \(value)", "a number below 2^63")
    }
    return size
  }

  /// Number of entries, and the range of the directory.
  private func locate() throws(StorageError) -> (count: Int, start: Int, end: Int) {
    let length = 22
    guard bytes.count >= 4, number(0, UInt32.self) == 0x0403_4b50 || number(0, UInt32.self) == 0x0605_4b50
    else {
      throw error(
        bytes.isEmpty ? .truncated : .wrongMagic, "byte 0",
        bytes.isEmpty ? "no bytes" : "other bytes than PK",
        "a ZIP archive")
    }
    // The record is last, but for a comment of up to 65,535 bytes.
    let lowest = max(0, bytes.count - length - 0xffff)
    let record = stride(from: bytes.count - length, through: lowest, by: -1).first { position in
      number(position, UInt32.self) == 0x0605_4b50
        && position + length + Int(number(position + 20, UInt16.self)) == bytes.count
    }
    guard let record else {
      throw error(.truncated, nil, "no directory at the end of the archive", "a complete ZIP archive")
    }
    guard number(record + 4, UInt16.self) == 0, number(record + 6, UInt16.self) == 0 else {
      throw error(.unsupported, "byte \(record)", "an archive of several parts", "one file")
    }
    var count = UInt64(number(record + 10, UInt16.self))
    var size = UInt64(number(record + 12, UInt32.self))
    var start = UInt64(number(record + 16, UInt32.self))
    var end = record
    // A 64-bit record stands before the old one when a number did not fit there.
    if record >= 20, number(record - 20, UInt32.self) == 0x0706_4b50 {
      let position = number(record - 12, UInt64.self)
      guard position <= UInt64(max(0, record - 20 - 56)), number(Int(position), UInt32.self) == 0x0606_4b50
      else {
        throw error(
          .badOffsets, "byte \(record - 20)", "a 64-bit record at \(position)", "its place in the file")
      }
      end = Int(position)
      count = number(end + 32, UInt64.self)
      size = number(end + 40, UInt64.self)
      start = number(end + 48, UInt64.self)
    }
    let (sum, overflow) = start.addingReportingOverflow(size)
    guard !overflow, sum == UInt64(end), count <= size / 46 else {
      throw error(
        .badOffsets, "byte \(record)", "a directory of \(count) entries in \(size) bytes at byte \(start)",
        "a directory that ends at byte \(end)")
    }
    return (Int(count), Int(start), end)
  }

  /// One record of the directory, with the place of the bytes from its local header.
  private func entry(at position: inout Int, directory: Int, end: Int) throws(StorageError) -> Entry {
    let start = position
    guard start + 46 <= end, number(start, UInt32.self) == 0x0201_4b50 else {
      throw error(.malformedHeader, "byte \(start)", "no directory record", "PK\\1\\2")
    }
    let nameLength = Int(number(start + 28, UInt16.self))
    let extraLength = Int(number(start + 30, UInt16.self))
    let next = start + 46 + nameLength + extraLength + Int(number(start + 32, UInt16.self))
    guard next <= end,
      let name = String(validating: bytes[start + 46..<start + 46 + nameLength], as: UTF8.self)
    else {
      throw error(
        .malformedHeader, "byte \(start)", "a name that is too long or not UTF-8", "a readable name")
    }
    let flags = number(start + 8, UInt16.self)
    let method = number(start + 10, UInt16.self)
    guard flags & 1 == 0 else { throw error(.unsupported, name, "an encrypted entry", "plain entries") }
    guard method == 0 || method == 8 else {
      throw error(.unsupported, name, "compression method \(method)", "stored (0) or deflated (8)")
    }
    var wide = WideFields(
      size: UInt64(number(start + 24, UInt32.self)), stored: UInt64(number(start + 20, UInt32.self)),
      offset: UInt64(number(start + 42, UInt32.self)))
    let extra = start + 46 + nameLength
    wide.read(UnsafeRawBufferPointer(rebasing: bytes[extra..<extra + extraLength]))
    let (stored, opened) = (try size(wide.stored, name), try size(wide.size, name))
    let local = try size(wide.offset, name)
    guard local <= directory - 30, local >= 0, number(local, UInt32.self) == 0x0403_4b50 else {
      throw error(.badOffsets, name, "no entry at byte \(local)", "an entry before the directory")
    }
    let data = local + 30 + Int(number(local + 26, UInt16.self)) + Int(number(local + 28, UInt16.self))
    guard data <= directory, stored <= directory - data else {
      throw error(
        .badOffsets, name, "\(stored) bytes at byte \(data)", "an end before the directory at \(directory)")
    }
    guard method == 8 || stored == opened else {
      throw error(.badOffsets, name, "\(stored) stored bytes for \(opened)", "equal sizes of a stored entry")
    }
    position = next
    return Entry(
      name: name, isDeflated: method == 8, checksum: number(start + 16, UInt32.self),
      range: data..<data + stored,
      size: opened)
  }

  /// Numbers that move to the 64-bit extra field, in this order, when they do not fit 32 bits.
  private struct WideFields {
    var size: UInt64
    var stored: UInt64
    var offset: UInt64

    mutating func read(_ extra: UnsafeRawBufferPointer) {
      var position = 0
      while position + 4 <= extra.count {
        let tag = UInt16(littleEndian: extra.loadUnaligned(fromByteOffset: position, as: UInt16.self))
        let length = Int(
          UInt16(littleEndian: extra.loadUnaligned(fromByteOffset: position + 2, as: UInt16.self)))
        guard position + 4 + length <= extra.count else { return }
        if tag == 1 {
          var place = position + 4
          for field in [\WideFields.size, \.stored, \.offset]
          where self[keyPath: field] == 0xffff_ffff && place + 8 <= position + 4 + length {
            self[keyPath: field] = UInt64(
              littleEndian: extra.loadUnaligned(fromByteOffset: place, as: UInt64.self))
            place += 8
          }
        }
        position += 4 + length
      }
    }
  }

  /// No two entries share bytes, and together they stay below the limit: small archives cannot fill memory.
  private func checkSizes(limit: Int) throws(StorageError) {
    var end = 0
    for entry in entries.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      guard entry.range.lowerBound >= end else {
        throw error(.overlap, entry.name, "bytes shared with another entry", "entries apart")
      }
      end = entry.range.upperBound
    }
    var total = 0
    for entry in entries {
      let (sum, overflow) = total.addingReportingOverflow(entry.size)
      let possible = entry.range.count.multipliedReportingOverflow(by: Self.largestRatio)
      guard possible.overflow || entry.size <= possible.partialValue else {
        throw error(
          .tooLarge, entry.name, "\(entry.size) bytes announced from \(entry.range.count)",
          "at most \(Self.largestRatio) times as many, deflate's limit")
      }
      guard !overflow, sum <= limit else {
        throw error(
          .tooLarge, entry.name, "more than \(limit) bytes once opened",
          "a smaller archive, or a higher limit")
      }
      total = sum
    }
  }
}
