import Foundation
import Training

extension DataTable {
  /// Reads a CSV file (also gzipped): columns of numbers where every field is one or missing, of words else.
  ///
  /// Empty fields and `NA`, `N/A`, `NaN`, `null` and `?` are missing. One pass; memory is the table.
  /// - Parameters:
  ///   - words: columns to take as words even where all their fields are numbers.
  ///   - options: header, delimiter, lines to skip and names; its choice of columns is not looked at.
  /// - Throws: `TableError` with line and column.
  public init(contentsOf url: URL, words: Set<String> = [], options: TableOptions = TableOptions())
    throws(TableError)
  {
    let reader = try DataTableReader(url, words: words, options: options)
    guard let table = try reader.block(of: .max) else { preconditionFailure("CSVRecords: no rows") }
    self = table
  }
}

/// A CSV file in blocks of rows, for files larger than memory.
///
/// A column of whom the first block has numbers only stays one of numbers; a word in it later is an error that says so.
/// The levels of words are those of the block.
public final class DataTableReader {
  private let records: CSVRecords
  private let isWords: [Bool]
  private var known: [ColumnKind]?

  enum ColumnKind { case numbers, words }

  /// - Throws: `TableError`: no such file, nothing in it.
  public init(_ url: URL, words: Set<String> = [], options: TableOptions = TableOptions()) throws(TableError)
  {
    records = try CSVRecords(url, options: options)
    isWords = records.names.map(words.contains)
  }

  /// The columns' names.
  public var names: [String] { records.names }

  /// The next rows, at most `count`; `nil` behind the last.
  public func block(of count: Int) throws(TableError) -> DataTable? {
    let width = records.names.count
    var collectors = (0..<width).map { ColumnCollector(kind: known?[$0] ?? (isWords[$0] ? .words : nil)) }
    var lines: [Int] = []
    while lines.count < count, try records.next() {
      for column in 0..<width {
        guard collectors[column].add(records.bytes(column)) else { throw late(column) }
      }
      lines.append(records.line)
    }
    if lines.isEmpty { return nil }
    let columns = collectors.indices.map { Column(records.names[$0], collectors[$0].values) }
    known = columns.map { if case .numbers = $0.values { .numbers } else { .words } }
    return DataTable(columns, source: records.file, lines: lines)
  }

  typealias Column = DataTable.Column

  private func late(_ column: Int) -> TableError {
    TableError(
      .notANumber, file: records.file, line: records.line, column: column + 1,
      columnName: records.names[column],
      found: records.shownText(column), expected: "a number as in the rows before",
      advice: "name the column as one of words")
  }
}

/// A column as it is read: numbers with their texts, until it is clear which of the two it is.
private struct ColumnCollector {
  private var kind: DataTableReader.ColumnKind?
  private var numbers: [Double] = []
  private var codes: [Int] = []
  private var known: [[UInt8]: Int] = [:]

  /// A column of so many different numbers is no column of words.
  private static let most = 4096

  init(kind: DataTableReader.ColumnKind?) { self.kind = kind }

  /// False for a word in a column of numbers.
  mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    if kind != .words {
      switch DecimalParser.parse(bytes) {
      case .number(let value): numbers.append(value)
      case .missing: numbers.append(.nan)
      case .nonFinite: numbers.append(bytes.contains { $0 | 0x20 == UInt8(ascii: "a") } ? .nan : .infinity)
      case .text:
        if kind == .numbers { return false }
        kind = .words
        numbers = []
      }
    }
    guard kind != .numbers else { return true }
    if isMissing(bytes) {
      codes.append(-1)
      return true
    }
    let key = Array(bytes)
    let code = known[key] ?? known.count
    known[key] = code
    codes.append(code)
    if kind == nil, known.count > Self.most {
      kind = .numbers
      (codes, known) = ([], [:])
    }
    return true
  }

  /// Of a word: fewer texts than of a number, since "none" may well be a level.
  private func isMissing(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard bytes.count <= 4 else { return false }
    return Self.missing.contains(String(decoding: bytes, as: UTF8.self).lowercased())
  }

  private static let missing: Set<String> = ["", "na", "n/a", "nan", "null", "?"]

  var values: DataTable.Values {
    guard kind == .words else { return .numbers(numbers) }
    var texts = [String](repeating: "", count: known.count)
    for (bytes, code) in known { texts[code] = String(decoding: bytes, as: UTF8.self) }
    let levels = DataTable.Words.sorted(texts)
    let places = Dictionary(uniqueKeysWithValues: levels.enumerated().map { ($1, $0) })
    let order = texts.map { places[$0]! }
    return .words(.init(levels: levels, codes: codes.map { $0 < 0 ? -1 : order[$0] }))
  }
}
