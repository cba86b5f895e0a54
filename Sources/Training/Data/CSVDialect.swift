/// Finding the delimiter from the first lines.
enum CSVDialect {
  /// In order of preference where several fit equally well.
  static let candidates: [UInt8] = Array(",;\t| ".utf8)

  /// What messages call a delimiter.
  static func name(_ delimiter: UInt8) -> String {
    switch delimiter {
    case UInt8(ascii: "\t"): "tab"
    case UInt8(ascii: " "): "space"
    default: "'\(Character(UnicodeScalar(delimiter)))'"
    }
  }

  /// The delimiter that gives the first lines equally many fields, more than one; best where these are numbers.
  ///
  /// Numbers decide between `1,5;2,5` as two German numbers and as three English fields. Where no delimiter
  /// fits (ragged rows, one column) the one most frequent on the first line is taken, so that the reader can
  /// say what is wrong with the rows.
  static func delimiter(of bytes: UnsafeBufferPointer<UInt8>) -> UInt8 {
    let lines = sampleLines(bytes)
    guard let first = lines.first else { return candidates[0] }
    var best: (delimiter: UInt8, isNumeric: Bool, fields: Int)?
    for candidate in candidates {
      let rows = lines.map { split($0, candidate) }
      let width = rows[0].count
      guard width > 1, rows.allSatisfy({ $0.count == width }) else { continue }
      let isNumeric = rows.last!.contains {
        if case .number = DecimalParser.parse($0) { true } else { false }
      }
      // Spaces also separate words, so they need numbers.
      if candidate == UInt8(ascii: " "), !isNumeric { continue }
      if let best, (best.isNumeric && !isNumeric) || (best.isNumeric == isNumeric && best.fields >= width) {
        continue
      }
      best = (candidate, isNumeric, width)
    }
    if let best { return best.delimiter }
    let counts = candidates.dropLast().map { split(first, $0).count }
    let most = counts.max() ?? 1
    return most > 1 ? candidates[counts.firstIndex(of: most)!] : candidates[0]
  }

  /// The delimiter that a line shows when another one finds a single field in it.
  static func better(than delimiter: UInt8, in line: UnsafeBufferPointer<UInt8>) -> UInt8? {
    candidates.filter { $0 != delimiter }.first { candidate in split(line, candidate).count > 1 }
  }

  /// Up to 20 whole lines that are not empty.
  private static func sampleLines(_ bytes: UnsafeBufferPointer<UInt8>) -> [UnsafeBufferPointer<UInt8>] {
    var lines: [UnsafeBufferPointer<UInt8>] = []
    var start = 0
    var isQuoted = false
    for i in bytes.indices where lines.count < 20 {
      if bytes[i] == UInt8(ascii: "\"") { isQuoted.toggle() }
      guard !isQuoted, bytes[i] == 0x0a || bytes[i] == 0x0d else { continue }
      if i > start { lines.append(UnsafeBufferPointer(rebasing: bytes[start..<i])) }
      start = i + 1
    }
    if lines.isEmpty, start < bytes.count { lines.append(UnsafeBufferPointer(rebasing: bytes[start...])) }
    return lines
  }

  private static func split(_ line: UnsafeBufferPointer<UInt8>, _ delimiter: UInt8) -> [UnsafeBufferPointer<
    UInt8
  >] {
    var fields: [UnsafeBufferPointer<UInt8>] = []
    var start = 0
    var isQuoted = false
    for i in line.indices {
      if line[i] == UInt8(ascii: "\"") { isQuoted.toggle() }
      if line[i] == delimiter, !isQuoted {
        fields.append(trimmed(line[start..<i]))
        start = i + 1
      }
    }
    fields.append(trimmed(line[start...]))
    return fields
  }

  /// Without surrounding spaces and quotes.
  private static func trimmed(_ field: Slice<UnsafeBufferPointer<UInt8>>) -> UnsafeBufferPointer<UInt8> {
    let isOuter = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == UInt8(ascii: "\"") }
    var field = field
    while let byte = field.first, isOuter(byte) { field = field.dropFirst() }
    while let byte = field.last, isOuter(byte) { field = field.dropLast() }
    return UnsafeBufferPointer(rebasing: field)
  }
}
