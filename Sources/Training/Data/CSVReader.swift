import Foundation
import Torch

/// Reads the numeric columns of a CSV file into one block of doubles.
///
/// Memory is the doubles and one buffer: the block grows with `realloc`, which moves pages and not bytes, and
/// becomes the tensor's memory as it is.
struct CSVReader: ~Copyable {
  private let records: CSVRecords
  private let numeric: [Int]
  private var labels: LabelCollector?
  private var block = DoubleBlock()
  private var rows = 0
  private var faults = FaultCount()

  /// Reads the whole file.
  static func read(_ url: URL, options: TableOptions) throws(TableError) -> NumericTable {
    var reader = try CSVReader(url, options)
    return try reader.table()
  }

  private init(_ url: URL, _ options: TableOptions) throws(TableError) {
    let records = try CSVRecords(url, options: options)
    let selection = try ColumnSelection(options, names: records.names, file: records.file)
    self.records = records
    numeric = selection.numeric
    labels = selection.label.map { LabelCollector(column: $0) }
  }

  private var file: String { records.file }
  private var names: [String] { records.names }

  private mutating func table() throws(TableError) -> NumericTable {
    while try records.next() { try addRow() }
    if let fault = faults.error(file: file) { throw fault }
    return NumericTable(
      names: numeric.map { names[$0] },
      values: block.tensor(shape: [rows, numeric.count]),
      labels: labels.map { $0.labels(name: names[$0.column]) })
  }

  private mutating func addRow() throws(TableError) {
    let row = block.appendRow(numeric.count)
    for (slot, column) in numeric.enumerated() {
      switch DecimalParser.parse(records.bytes(column)) {
      case .number(let value): row[slot] = value
      case .nonFinite: count(.nonFinite, column)
      case .missing: count(.missingValue, column)
      case .text: throw textError(column)
      }
    }
    if let column = labels?.column {
      let bytes = records.bytes(column)
      if bytes.isEmpty {
        count(.missingValue, column)
      } else {
        labels?.add(bytes)
        try checkClasses(records.line)
      }
    }
    rows += 1
  }

  private func textError(_ column: Int) -> TableError {
    let text = String(decoding: records.bytes(column).prefix(64), as: UTF8.self)
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
      .notANumber, file: file, line: records.line(of: column), column: column + 1, columnName: names[column],
      found: records.shownText(column), expected: "a number",
      advice: advice)
  }

  private mutating func count(_ kind: TableError.Kind, _ column: Int) {
    faults.add(
      kind, line: records.line(of: column), column: column, name: names[column],
      found: records.shownText(column))
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
