import Foundation
import Torch

/// Reads the numeric columns of a CSV file into one block of doubles.
///
/// Memory is the doubles and one buffer: the block grows with `realloc`, which moves pages and not bytes, and
/// becomes the tensor's memory as it is.
struct CSVReader: ~Copyable {
  private let scanner: CSVScanner
  private let options: TableOptions
  private let file: String
  private let delimiter: UInt8

  private var names: [String] = []
  private var numeric: [Int] = []
  private var labels: LabelCollector?
  private var block = DoubleBlock()
  private var rows = 0
  private var faults = FaultCount()

  /// Reads the whole file.
  static func read(_ url: URL, options: TableOptions) throws(TableError) -> NumericTable {
    let source = try ByteSource(url)
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
    var reader = CSVReader(
      scanner: try CSVScanner(source, delimiter: delimiter), options: options, file: source.name,
      delimiter: delimiter)
    return try reader.table()
  }

  private init(scanner: CSVScanner, options: TableOptions, file: String, delimiter: UInt8) {
    self.scanner = scanner
    self.options = options
    self.file = file
    self.delimiter = delimiter
  }

  private mutating func table() throws(TableError) -> NumericTable {
    try scanner.skipLines(options.skippedLines)
    var isPresent = try scanner.next()
    while isPresent, isEmptyLine { isPresent = try scanner.next() }
    guard isPresent else {
      throw TableError(
        .empty, file: file, found: "no rows", expected: "a table of numbers",
        advice: "check how the file was made")
    }
    try checkDelimiter()
    let hasHeader = isHeader()
    try start(hasHeader: hasHeader)
    if hasHeader { isPresent = try scanner.next() }
    var emptyLine: Int?
    while isPresent {
      if isEmptyLine {
        emptyLine = emptyLine ?? scanner.line
      } else {
        if let emptyLine {
          throw TableError(
            .raggedRow, file: file, line: emptyLine, found: "an empty line between rows",
            expected: "\(names.count) fields", advice: "remove the line")
        }
        try addRow()
      }
      isPresent = try scanner.next()
    }
    guard rows > 0 else {
      throw TableError(
        .headerOnly, file: file, line: 1, found: "a header and no rows",
        expected: "at least one row of numbers",
        advice: "if the first line is data, say that there is no header")
    }
    if let fault = faults.error(file: file) { throw fault }
    return NumericTable(
      names: numeric.map { names[$0] },
      values: block.tensor(shape: [rows, numeric.count]),
      labels: labels.map { $0.labels(name: names[$0.column]) })
  }

  private var isEmptyLine: Bool {
    scanner.fields.count == 1 && scanner.fields[0].start == scanner.fields[0].end
      && !scanner.fields[0].isQuoted
  }

  private func checkDelimiter() throws(TableError) {
    guard options.delimiter != nil, scanner.fields.count == 1, !scanner.fields[0].isQuoted,
      let better = CSVDialect.better(than: delimiter, in: scanner.bytes(of: scanner.fields[0]))
    else { return }
    throw TableError(
      .wrongDelimiter, file: file, line: scanner.line,
      found: "one column with the delimiter \(CSVDialect.name(delimiter))",
      expected: "several; the line holds \(CSVDialect.name(better))",
      advice: "use \(CSVDialect.name(better)) as the delimiter, or leave the option out")
  }

  private func isHeader() -> Bool {
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

  /// Names the columns from the current record and chooses among them.
  private mutating func start(hasHeader: Bool) throws(TableError) {
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
    if let given = options.names {
      guard given.count == names.count else {
        throw TableError(
          .raggedRow, file: file, line: scanner.line, found: "\(names.count) fields",
          expected: "\(given.count), one for each name given")
      }
      names = given
    }
    let selection = try ColumnSelection(options, names: names, file: file)
    numeric = selection.numeric
    labels = selection.label.map { LabelCollector(column: $0) }
  }

  private mutating func addRow() throws(TableError) {
    let fields = scanner.fields
    guard fields.count == names.count else {
      throw TableError(
        .raggedRow, file: file, line: scanner.line, found: "\(fields.count) fields",
        expected: "\(names.count) as in the first row", advice: raggedAdvice(fields))
    }
    let row = block.appendRow(numeric.count)
    for (slot, column) in numeric.enumerated() {
      switch DecimalParser.parse(scanner.bytes(of: fields[column])) {
      case .number(let value): row[slot] = value
      case .nonFinite: count(.nonFinite, fields[column], column)
      case .missing where options.keepsMissing: row[slot] = .nan
      case .missing: count(.missingValue, fields[column], column)
      case .text: throw textError(fields[column], column)
      }
    }
    if let column = labels?.column {
      let bytes = scanner.bytes(of: fields[column])
      if bytes.isEmpty {
        count(.missingValue, fields[column], column)
      } else {
        labels?.add(bytes)
        try checkClasses(scanner.line)
      }
    }
    rows += 1
  }

  private func raggedAdvice(_ fields: [CSVScanner.Field]) -> String {
    if let last = fields.last, last.start == last.end, fields.count == names.count + 1 {
      return "the line ends with a delimiter that the first row does not have"
    }
    return
      "give every row the same number of fields, and quote fields that contain \(CSVDialect.name(delimiter))"
  }

  private func textError(_ field: CSVScanner.Field, _ column: Int) -> TableError {
    let text = String(decoding: scanner.bytes(of: field).prefix(64), as: UTF8.self)
    let isDecimalComma =
      text.contains(",") && Double(text.replacing(",", with: ".", maxReplacements: 1)) != nil
    let advice =
      if isDecimalComma {
        "write decimals with a point"
      } else if names.count == 1, text.contains(where: { $0.isNumber }) {
        "if this line has several columns, name the character between them as the delimiter"
      } else {
        "encode categories as numbers, or choose the numeric columns with --columns"
      }
    return TableError(
      .notANumber, file: file, line: field.line, column: column + 1, columnName: names[column],
      found: scanner.shownText(of: field), expected: "a number",
      advice: advice)
  }

  private mutating func count(_ kind: TableError.Kind, _ field: CSVScanner.Field, _ column: Int) {
    faults.add(
      kind, line: field.line, column: column, name: names[column], found: scanner.shownText(of: field))
  }

  private func checkClasses(_ line: Int) throws(TableError) {
    guard let labels, labels.classCount > TableOptions.maximumClasses else { return }
    throw TableError(
      .tooManyClasses, file: file, line: line, column: labels.column + 1, columnName: names[labels.column],
      found: "more than \(TableOptions.maximumClasses) different labels", expected: "a column of classes",
      advice: "choose another label column, or keep this one as a number")
  }
}

/// Values that are counted to the end of the file, because their number tells what to do about them.
private struct FaultCount {
  private var first: TableError?
  private var count = 0

  /// The first kind met is the one reported; others come up when that is mended.
  mutating func add(
    _ kind: TableError.Kind, line: Int, column: Int, name: String, found: @autoclosure () -> String
  ) {
    if first == nil {
      first = TableError(
        kind, file: "", line: line, column: column + 1, columnName: name, found: found(), expected: "")
    }
    if first?.kind == kind { count += 1 }
  }

  func error(file: String) -> TableError? {
    guard let first else { return nil }
    let isMissing = first.kind == .missingValue
    let what = isMissing ? "missing" : "NaN, infinite or beyond the range"
    return TableError(
      first.kind, file: file, line: first.line, column: first.column, columnName: first.columnName,
      occurrences: count, found: "\(first.found), the first of \(count) values that are \(what)",
      expected: "finite numbers only",
      advice: "remove these rows, or drop the column" + (isMissing ? ", or fill the gaps" : ""))
  }
}
