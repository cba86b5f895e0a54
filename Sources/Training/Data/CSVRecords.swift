import Foundation

/// The records of a CSV file one after another: its dialect found, its header read, its rows all of one width.
package final class CSVRecords {
  /// The path, for messages.
  package let file: String
  /// The columns' names; `column1`, … where the file has none.
  package private(set) var names: [String] = []
  private let scanner: CSVScanner
  private let delimiter: UInt8
  /// The first row is read before it is known to be one.
  private var isWaiting: Bool
  private var isEmpty = true

  /// Opens a file and reads its header.
  /// - Throws: ``TableError``: no such file, nothing in it, a wrong delimiter, names that are not UTF-8.
  package init(_ url: URL, options: TableOptions = TableOptions()) throws(TableError) {
    let source = try ByteSource(url)
    file = source.name
    // Found on a scanner of its own, whose buffer holds the file's start.
    var delimiter = UInt8(ascii: ",")
    if let chosen = options.delimiter {
      guard let byte = chosen.asciiValue, byte > 0, chosen != "\"", !chosen.isNewline else {
        throw TableError(
          .wrongDelimiter, file: url.shownPath, found: "the delimiter option \"\(chosen)\"",
          expected: "one ASCII character that is no quote", advice: "use , ; tab | or space")
      }
      delimiter = byte
    } else {
      let start = try CSVScanner(try ByteSource(url), delimiter: delimiter)
      try start.skipLines(options.skippedLines)
      delimiter = CSVDialect.delimiter(of: start.peek())
    }
    self.delimiter = delimiter
    scanner = try CSVScanner(source, delimiter: delimiter)
    try scanner.skipLines(options.skippedLines)
    var isPresent = try scanner.next()
    while isPresent, Self.isEmptyLine(scanner) { isPresent = try scanner.next() }
    guard isPresent else {
      throw TableError(
        .empty, file: file, found: "no rows", expected: "a table of numbers",
        advice: "check how the file was made")
    }
    isWaiting = false
    try checkDelimiter(options)
    let hasHeader = isHeader(options)
    isWaiting = !hasHeader
    try readNames(hasHeader: hasHeader, options)
  }

  /// The line the current record starts on, from 1.
  package var line: Int { scanner.line }

  /// Moves to the next row; false at the end.
  /// - Throws: ``TableError``: a row of another width, an empty line between rows, bad quoting, a header alone.
  package func next() throws(TableError) -> Bool {
    if isWaiting {
      isWaiting = false
    } else {
      var emptyLine: Int?
      while true {
        guard try scanner.next() else {
          if isEmpty { throw headerOnly }
          return false
        }
        guard Self.isEmptyLine(scanner) else { break }
        emptyLine = emptyLine ?? scanner.line
      }
      if let emptyLine {
        throw TableError(
          .raggedRow, file: file, line: emptyLine, found: "an empty line between rows",
          expected: "\(names.count) fields", advice: "remove the line")
      }
    }
    isEmpty = false
    guard scanner.fields.count == names.count else {
      throw TableError(
        .raggedRow, file: file, line: scanner.line, found: "\(scanner.fields.count) fields",
        expected: "\(names.count) as in the first row", advice: raggedAdvice)
    }
    return true
  }

  /// The bytes of a field of the current row without quotes, valid until the next row.
  @inline(__always)
  package func bytes(_ column: Int) -> UnsafeBufferPointer<UInt8> {
    scanner.bytes(of: scanner.fields[column])
  }

  /// The same as text.
  package func text(_ column: Int) -> String { String(decoding: bytes(column), as: UTF8.self) }

  /// The line a field starts on, from 1.
  func line(of column: Int) -> Int { scanner.fields[column].line }

  /// A field as text, shortened to 40 characters for messages.
  package func shownText(_ column: Int) -> String { scanner.shownText(of: scanner.fields[column]) }

  private var headerOnly: TableError {
    TableError(
      .headerOnly, file: file, line: 1, found: "a header and no rows",
      expected: "at least one row of numbers",
      advice: "if the first line is data, say that there is no header")
  }

  private static func isEmptyLine(_ scanner: CSVScanner) -> Bool {
    scanner.fields.count == 1 && scanner.fields[0].start == scanner.fields[0].end
      && !scanner.fields[0].isQuoted
  }

  private func checkDelimiter(_ options: TableOptions) throws(TableError) {
    guard options.delimiter != nil, scanner.fields.count == 1, !scanner.fields[0].isQuoted,
      let better = CSVDialect.better(than: delimiter, in: scanner.bytes(of: scanner.fields[0]))
    else { return }
    throw TableError(
      .wrongDelimiter, file: file, line: scanner.line,
      found: "one column with the delimiter \(CSVDialect.name(delimiter))",
      expected: "several; the line holds \(CSVDialect.name(better))",
      advice: "use \(CSVDialect.name(better)) as the delimiter, or leave the option out")
  }

  private func isHeader(_ options: TableOptions) -> Bool {
    switch options.header {
    case .present: return true
    case .absent: return false
    case .automatic:
      let label = ColumnSelection.knownPosition(of: options.label, width: scanner.fields.count)
      return scanner.fields.indices.contains { index in
        guard index != label else { return false }
        if case .text = DecimalParser.parse(scanner.bytes(of: scanner.fields[index])) { return true }
        return false
      }
    }
  }

  private func readNames(hasHeader: Bool, _ options: TableOptions) throws(TableError) {
    for (index, field) in scanner.fields.enumerated() {
      guard hasHeader, field.end > field.start else {
        names.append("column\(index + 1)")
        continue
      }
      guard let name = String(validating: scanner.bytes(of: field), as: UTF8.self) else {
        throw TableError(
          .invalidText, file: file, line: scanner.line, column: index + 1, found: "a name that is not UTF-8",
          expected: "UTF-8 text", advice: "save the file as UTF-8")
      }
      names.append(name)
    }
    guard let given = options.names else { return }
    guard given.count == names.count else {
      throw TableError(
        .raggedRow, file: file, line: scanner.line, found: "\(names.count) fields",
        expected: "\(given.count), one for each name given")
    }
    names = given
  }

  private var raggedAdvice: String {
    if let last = scanner.fields.last, last.start == last.end, scanner.fields.count == names.count + 1 {
      return "the line ends with a delimiter that the first row does not have"
    }
    return
      "give every row the same number of fields, and quote fields that contain \(CSVDialect.name(delimiter))"
  }
}
