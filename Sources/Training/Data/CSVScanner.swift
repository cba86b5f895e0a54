import Foundation

/// Records of a CSV file (RFC 4180), one at a time, from a buffer that does not grow with the file.
final class CSVScanner {
  /// One field of the current record, as positions in the buffer.
  struct Field {
    /// Without quotes and surrounding spaces.
    var start: Int
    var end: Int
    var isQuoted = false
    /// Holds doubled quotes.
    var hasEscapes = false
    /// The line it starts on.
    var line: Int
  }

  private let source: ByteSource
  private let delimiter: UInt8
  private var buffer: UnsafeMutableBufferPointer<UInt8>
  private var filled = 0
  private var position = 0
  private var sourceIsAtEnd = false
  private var nextLine = 1

  /// The fields of the current record; a record of one empty unquoted field is an empty line.
  private(set) var fields: [Field] = []
  /// The line the current record starts on.
  private(set) var line = 0

  private static let initialSize = 1 << 18
  /// A record longer than this is a quote that never ends.
  static let maximumRecord = 1 << 26

  init(_ source: ByteSource, delimiter: UInt8) throws(TableError) {
    self.source = source
    self.delimiter = delimiter
    buffer = .allocate(capacity: Self.initialSize)
    fields.reserveCapacity(64)
    try fill()
    // A byte-order mark is no part of the first name.
    if filled >= 3, buffer[0] == 0xef, buffer[1] == 0xbb, buffer[2] == 0xbf { position = 3 }
  }

  deinit { buffer.deallocate() }

  /// The bytes of a field of the current record, valid until the next one.
  @inline(__always)
  func bytes(of field: Field) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(buffer)[field.start..<field.end])
  }

  /// A field as text, shortened to 40 characters for messages.
  func shownText(of field: Field) -> String {
    let text = String(decoding: bytes(of: field).prefix(200), as: UTF8.self)
    return text.count > 40 ? "\"\(text.prefix(39))…\"" : "\"\(text)\""
  }

  /// Skips lines without looking at them.
  func skipLines(_ count: Int) throws(TableError) {
    for _ in 0..<count {
      while true {
        if let end = UnsafeBufferPointer(buffer)[position..<filled].firstIndex(of: 0x0a) {
          position = end + 1
          nextLine += 1
          break
        }
        position = filled
        if sourceIsAtEnd { return }
        try fill()
      }
    }
  }

  /// Moves to the next record; false at the end of the file.
  func next() throws(TableError) -> Bool {
    while true {
      if position == filled, sourceIsAtEnd { return false }
      line = nextLine
      switch scan() {
      case .record(let end, let lines):
        position = end
        nextLine += lines
        removeEscapes()
        return true
      case .incomplete: try fill()
      case .failure(let line, let found, let expected):
        throw TableError(
          .badQuoting, file: source.name, line: line, column: fields.count + 1, found: found,
          expected: expected,
          advice: "check the quotes of this field")
      }
    }
  }

  /// The first bytes of the file, from the current position.
  func peek() -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(buffer)[position..<filled])
  }

  private enum Outcome {
    case record(end: Int, lines: Int)
    /// The buffer ends before the record does.
    case incomplete
    case failure(line: Int, found: String, expected: String)
  }

  @inline(__always)
  private func isSpace(_ byte: UInt8) -> Bool { (byte == 0x20 || byte == 0x09) && byte != delimiter }

  /// Splits the record at `position` without changing the buffer, so that it can start over with more bytes.
  private func scan() -> Outcome {
    fields.removeAll(keepingCapacity: true)
    let bytes = UnsafePointer(buffer.baseAddress!)
    let (filled, delimiter) = (filled, delimiter)
    var lines = 0
    var i = position
    while true {
      while i < filled, isSpace(bytes[i]) { i &+= 1 }
      guard i < filled || sourceIsAtEnd else { return .incomplete }
      var field = Field(start: i, end: i, line: nextLine + lines)
      if i < filled, bytes[i] == UInt8(ascii: "\"") {
        guard let outcome = scanQuoted(&field, &i, &lines) else { return .incomplete }
        if case .failure = outcome { return outcome }
      } else {
        while i < filled, bytes[i] != delimiter, bytes[i] != 0x0a, bytes[i] != 0x0d { i &+= 1 }
        guard i < filled || sourceIsAtEnd else { return .incomplete }
        field.end = i
        while field.end > field.start, isSpace(bytes[field.end - 1]) { field.end &-= 1 }
      }
      fields.append(field)
      if i == filled { return .record(end: i, lines: lines) }
      if bytes[i] == delimiter {
        i &+= 1
        continue
      }
      // A line end: LF, CR LF, or CR alone, which needs a look at the byte after it.
      if bytes[i] == 0x0d {
        guard i + 1 < filled || sourceIsAtEnd else { return .incomplete }
        if i + 1 < filled, bytes[i + 1] == 0x0a { i &+= 1 }
      }
      return .record(end: i + 1, lines: lines + 1)
    }
  }

  /// A quoted field up to the byte after it; nil where the buffer ends first.
  private func scanQuoted(_ field: inout Field, _ i: inout Int, _ lines: inout Int) -> Outcome? {
    let bytes = UnsafePointer(buffer.baseAddress!)
    field.isQuoted = true
    i += 1
    field.start = i
    while true {
      guard i < filled else {
        guard sourceIsAtEnd else { return nil }
        return .failure(line: field.line, found: "a quote that does not end", expected: "a closing quote")
      }
      if bytes[i] == 0x0a { lines += 1 }
      guard bytes[i] == UInt8(ascii: "\"") else {
        i += 1
        continue
      }
      guard i + 1 < filled || sourceIsAtEnd else { return nil }
      if i + 1 < filled, bytes[i + 1] == UInt8(ascii: "\"") {
        field.hasEscapes = true
        i += 2
        continue
      }
      break
    }
    field.end = i
    i += 1
    while i < filled, isSpace(bytes[i]) { i += 1 }
    guard i < filled || sourceIsAtEnd else { return nil }
    if i < filled, bytes[i] != delimiter, bytes[i] != 0x0a, bytes[i] != 0x0d {
      return .failure(
        line: field.line, found: "text after a closing quote", expected: "a delimiter or the end of the line")
    }
    return .record(end: i, lines: lines)
  }

  /// Doubled quotes become one; the field only shrinks.
  private func removeEscapes() {
    for index in fields.indices where fields[index].hasEscapes {
      var target = fields[index].start
      var i = fields[index].start
      while i < fields[index].end {
        buffer[target] = buffer[i]
        i += buffer[i] == UInt8(ascii: "\"") ? 2 : 1
        target += 1
      }
      fields[index].end = target
    }
  }

  /// Moves what is left to the front and reads more behind it.
  private func fill() throws(TableError) {
    let left = filled - position
    if position > 0 {
      buffer.baseAddress!.update(from: buffer.baseAddress! + position, count: left)
      (position, filled) = (0, left)
    }
    if filled == buffer.count {
      guard buffer.count < Self.maximumRecord else {
        throw TableError(
          .badQuoting, file: source.name, line: nextLine,
          found: "a record of more than \(Self.maximumRecord >> 20) MB",
          expected: "short lines",
          advice: "check for a quote that does not end, or whether this is a text file")
      }
      let larger = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: buffer.count * 2)
      larger.baseAddress!.update(from: buffer.baseAddress!, count: filled)
      buffer.deallocate()
      buffer = larger
    }
    let count = try source.read(
      into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...]))
    filled += count
    sourceIsAtEnd = count == 0
  }
}
