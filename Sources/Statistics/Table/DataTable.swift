import Foundation
import Training

/// A table of columns of numbers or words, any of which may be missing.
///
/// ```swift
/// let table = try DataTable(contentsOf: url)
/// let ages = try table.numbers("age")          // [rows]
/// let grades = try table.words("grade")        // levels, and a code a row
/// ```
public struct DataTable: Sendable {
  /// What a column holds, one entry a row.
  public enum Values: Sendable, Hashable {
    /// NaN where a number is missing.
    case numbers([Double])
    case words(Words)
  }

  /// Words as positions in a list of them.
  public struct Words: Sendable, Hashable {
    /// All different, by value where all are numbers, else in alphabetical order.
    public var levels: [String]
    /// Positions in `levels`; −1 where a word is missing.
    public var codes: [Int]

    public init(levels: [String], codes: [Int]) { (self.levels, self.codes) = (levels, codes) }

    /// Numbers the distinct words of a list; `nil` is missing.
    public init(_ words: [String?]) {
      levels = Self.sorted(Set(words.compactMap(\.self)))
      let places = Dictionary(uniqueKeysWithValues: levels.enumerated().map { ($1, $0) })
      codes = words.map { word in word.map { places[$0]! } ?? -1 }
    }

    /// By value where all are numbers, else in alphabetical order.
    static func sorted(_ levels: some Collection<String>) -> [String] {
      let numbers = levels.map { (text: $0, value: Double($0)) }
      guard numbers.allSatisfy({ $0.value?.isFinite == true }) else { return levels.sorted() }
      return numbers.sorted { ($0.value!, $0.text) < ($1.value!, $1.text) }.map(\.text)
    }
  }

  public struct Column: Sendable, Hashable {
    public let name: String
    public var values: Values

    public init(_ name: String, _ values: Values) { (self.name, self.values) = (name, values) }

    var count: Int {
      switch values {
      case .numbers(let numbers): numbers.count
      case .words(let words): words.codes.count
      }
    }

    /// Whether the entry of a row is missing.
    public func isMissing(_ row: Int) -> Bool {
      switch values {
      case .numbers(let numbers): numbers[row].isNaN
      case .words(let words): words.codes[row] < 0
      }
    }
  }

  /// What the table is called in messages: its path, as a rule.
  public let source: String
  public let columns: [Column]
  /// Where the rows stand in the source: lines from 1 for files, rows from 1 else.
  public let lines: [Int]
  private let places: [String: Int]

  /// A table from its parts.
  public init(_ columns: [Column], source: String = "table", lines: [Int]? = nil) {
    let rows = columns.first?.count ?? lines?.count ?? 0
    precondition(
      columns.allSatisfy { $0.count == rows } && (lines?.count ?? rows) == rows,
      "DataTable: columns of \(columns.map { $0.count }) rows")
    (self.columns, self.source) = (columns, source)
    self.lines = lines ?? Array(1...max(rows, 1)).prefix(rows).map(\.self)
    places = Dictionary(columns.enumerated().map { ($1.name, $0) }) { first, _ in first }
  }

  public var names: [String] { columns.map(\.name) }
  public var rowCount: Int { lines.count }

  /// Where a row is, such as `soup.csv:7`.
  public func place(_ row: Int) -> String { "\(source):\(lines[row])" }

  /// A column by its name.
  /// - Throws: ``StatisticsError`` (`option`) where there is none.
  public func column(_ name: String) throws(StatisticsError) -> Column {
    if let place = places[name] {
      guard columns.count(where: { $0.name == name }) == 1 else {
        throw StatisticsError(
          .badData, source, found: "the column \"\(name)\" twice", expected: "once",
          advice: "give its columns names of their own")
      }
      return columns[place]
    }
    let shown = names.prefix(16).joined(separator: ", ") + (columns.count > 16 ? ", …" : "")
    throw StatisticsError(
      .option, source, found: "no column \"\(name)\"", expected: "one of the \(columns.count): \(shown)")
  }

  /// The numbers of a column, `[rows]`, all finite.
  /// - Throws: ``StatisticsError`` for words and for missing numbers, with their number and the first line.
  public func numbers(_ name: String) throws(StatisticsError) -> [Double] {
    let column = try column(name)
    guard case .numbers(let numbers) = column.values else {
      guard case .words(let words) = column.values, let first = words.codes.firstIndex(where: { $0 >= 0 })
      else {
        throw missing(name, in: column)
      }
      // The word that is no number, among numbers that had to be taken for words.
      let isNumber = words.levels.map { Double($0) != nil }
      let row = words.codes.firstIndex { $0 >= 0 && !isNumber[$0] } ?? first
      throw StatisticsError(
        .badData, "\(place(row)), \(name)", found: "\"\(words.levels[words.codes[row]])\"",
        expected: "a number", advice: "name the column as a factor, or leave it out")
    }
    if numbers.contains(where: \.isNaN) { throw missing(name, in: column) }
    if let row = numbers.firstIndex(where: \.isInfinite) {
      throw StatisticsError(
        .badData, "\(place(row)), \(name)", found: "a number that is infinite or beyond the range",
        expected: "finite numbers", advice: "drop the row, or mend it")
    }
    return numbers
  }

  /// The words of a column; numbers are taken for words as they print.
  /// - Throws: ``StatisticsError`` for missing words, with their number and the first line.
  public func words(_ name: String) throws(StatisticsError) -> Words {
    let column = try column(name)
    if (0..<rowCount).contains(where: column.isMissing) { throw missing(name, in: column) }
    switch column.values {
    case .words(let words): return words
    case .numbers(let numbers): return Words(numbers.map(Self.text))
    }
  }

  /// The shortest text of a number; whole numbers without a point.
  static func text(_ number: Double) -> String {
    let text = number.description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private func missing(_ name: String, in column: Column) -> StatisticsError {
    let rows = (0..<rowCount).filter(column.isMissing)
    return StatisticsError(
      .badData, "\(place(rows[0])), \(name)", found: "a missing value, the first of \(rows.count)",
      expected: "a value in every row", advice: "drop these rows, fill the gaps, or leave the column out")
  }

  /// The rows with the given positions, in their order.
  public func rows(_ rows: [Int]) -> DataTable {
    let columns = columns.map { column in
      switch column.values {
      case .numbers(let numbers): Column(column.name, .numbers(rows.map { numbers[$0] }))
      case .words(let words):
        Column(column.name, .words(Words(levels: words.levels, codes: rows.map { words.codes[$0] })))
      }
    }
    return DataTable(columns, source: source, lines: rows.map { lines[$0] })
  }

  /// The rows in which none of the columns is missing.
  public func complete(_ names: [String]) throws(StatisticsError) -> DataTable {
    var chosen: [Column] = []
    for name in names { chosen.append(try column(name)) }
    let kept = (0..<rowCount).filter { row in !chosen.contains { $0.isMissing(row) } }
    return kept.count == rowCount ? self : rows(kept)
  }
}
