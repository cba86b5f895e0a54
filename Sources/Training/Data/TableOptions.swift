/// A column by its name or position.
public enum ColumnReference: Sendable, Hashable, ExpressibleByStringLiteral {
  /// The column with this name.
  case named(String)
  /// The column at this position, from 1 as in error messages; −1 is the last.
  case position(Int)
  /// The columns at these positions, both ends included, from 1.
  case positions(ClosedRange<Int>)
  /// As people type it: a name if one fits, else a position (`3`, `-1`) or positions (`1-64`).
  case text(String)

  public init(stringLiteral value: String) { self = .text(value) }
}

/// How a table's file is to be read. The defaults fit a file with an ordinary header, or none, and numbers only.
public struct TableOptions: Sendable, Hashable {
  /// Whether the first line names the columns.
  public enum Header: Sendable, Hashable {
    /// It does when a field of it (outside a label column given by position) is no number.
    case automatic
    case present
    case absent
  }

  public var header = Header.automatic
  /// The byte between fields; nil finds it among `,` `;` tab `|` and space.
  public var delimiter: Character?
  /// Lines before the header or first row that are not part of the table.
  public var skippedLines = 0
  /// The columns to keep, in this order; nil keeps all.
  public var columns: [ColumnReference]?
  /// Columns to leave out.
  public var dropped: [ColumnReference] = []
  /// A column whose values are classes, kept apart from the numbers.
  public var label: ColumnReference?
  /// Names that replace those of the file, one for each of its columns.
  public var names: [String]?
  /// The array to take from an NPZ archive; nil takes the first.
  public var entry: String?
  /// Whether fields that are empty or say that their value is missing are read as NaN; an error otherwise.
  public var keepsMissing = false

  /// More classes than this are taken for a mistake.
  public static let maximumClasses = 1000

  public init(
    header: Header = .automatic, delimiter: Character? = nil, skippedLines: Int = 0,
    columns: [ColumnReference]? = nil, dropped: [ColumnReference] = [], label: ColumnReference? = nil,
    names: [String]? = nil, entry: String? = nil,
    keepsMissing: Bool = false
  ) {
    self.header = header
    self.delimiter = delimiter
    self.skippedLines = skippedLines
    self.columns = columns
    self.dropped = dropped
    self.label = label
    self.names = names
    self.entry = entry
    self.keepsMissing = keepsMissing
  }
}

/// The columns that options choose from a file's columns.
struct ColumnSelection {
  /// Positions of the numeric columns in the file, from 0, in the order of the table.
  let numeric: [Int]
  /// Position of the label column.
  let label: Int?

  init(_ options: TableOptions, names: [String], file: String) throws(TableError) {
    var label: Int?
    if let reference = options.label {
      let found = try Self.positions(of: reference, names: names, file: file)
      guard found.count == 1 else {
        throw TableError(
          .unknownColumn, file: file, found: "\(found.count) label columns", expected: "one label column")
      }
      label = found[0]
    }
    var dropped = Set([label].compactMap { $0 })
    for reference in options.dropped {
      dropped.formUnion(try Self.positions(of: reference, names: names, file: file))
    }
    var chosen: [Int] = []
    if let columns = options.columns {
      for reference in columns { chosen += try Self.positions(of: reference, names: names, file: file) }
    } else {
      chosen = Array(names.indices)
    }
    numeric = chosen.filter { !dropped.contains($0) }
    self.label = label
    guard !numeric.isEmpty else {
      throw TableError(
        .noColumns, file: file, found: "no column left of \(names.count)",
        expected: "at least one numeric column",
        advice: "choose fewer columns to drop")
    }
    var seen: Set<String> = []
    for position in numeric where !seen.insert(names[position]).inserted {
      throw TableError(
        .duplicateColumn, file: file, column: position + 1, columnName: names[position],
        found: "a second column of this name", expected: "every column once",
        advice: "rename it in the header, or choose the columns by position")
    }
  }

  /// A label column whose position is known before the header is.
  static func knownPosition(of label: ColumnReference?, width: Int) -> Int? {
    let position: Int? =
      switch label {
      case .position(let position): position
      case .text(let text): Int(text)
      default: nil
      }
    guard let position else { return nil }
    let index = position < 0 ? width + position : position - 1
    return (0..<width).contains(index) ? index : nil
  }

  private static func positions(of reference: ColumnReference, names: [String], file: String)
    throws(TableError)
    -> [Int]
  {
    switch reference {
    case .named(let name):
      let found = names.indices.filter { names[$0] == name }
      guard let first = found.first else { throw unknown("\"\(name)\"", names, file) }
      guard found.count == 1 else {
        throw TableError(
          .duplicateColumn, file: file, column: found[1] + 1, columnName: name,
          found: "\(found.count) columns of this name", expected: "one", advice: "choose it by position")
      }
      return [first]
    case .position(let position):
      let index = position < 0 ? names.count + position : position - 1
      guard names.indices.contains(index) else { throw unknown("number \(position)", names, file) }
      return [index]
    case .positions(let range):
      guard range.lowerBound >= 1, range.upperBound <= names.count else {
        throw unknown("numbers \(range.lowerBound)-\(range.upperBound)", names, file)
      }
      return range.map { $0 - 1 }
    case .text(let text):
      if names.contains(text) { return try positions(of: .named(text), names: names, file: file) }
      if let position = Int(text) { return try positions(of: .position(position), names: names, file: file) }
      let ends = text.split(separator: "-").map { Int($0) }
      if ends.count == 2, let low = ends[0], let high = ends[1], low <= high {
        return try positions(of: .positions(low...high), names: names, file: file)
      }
      throw unknown("\"\(text)\"", names, file)
    }
  }

  private static func unknown(_ what: String, _ names: [String], _ file: String) -> TableError {
    let known = names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", …" : "")
    return TableError(
      .unknownColumn, file: file, found: "no column \(what)", expected: "one of the \(names.count): \(known)")
  }
}
