/// A small table for people: a title, typed columns, rows of cells.
///
/// ```swift
/// var table = ReportTable(
///   title: "Held-out log-likelihood",
///   columns: [.text("model"), .integer("rows"), .uncertain("log-likelihood", unit: "nats")])
/// table.append(["two-sided linear", 1000, .uncertain(-2.31, 0.02)])
/// print(table.plainText)
/// ```
public struct ReportTable: Sendable, Equatable {
  /// A column: its heading, its unit and what its cells hold.
  public struct Column: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
      case text
      case integer
      /// A number shown with this many significant digits.
      case number(digits: Int)
      /// A number with its uncertainty, one standard error unless the title says otherwise.
      case uncertain
    }

    public let name: String
    public let unit: String?
    public let kind: Kind

    public init(_ name: String, unit: String? = nil, kind: Kind) {
      self.name = name
      self.unit = unit
      self.kind = kind
    }

    public static func text(_ name: String) -> Column { Column(name, kind: .text) }

    public static func integer(_ name: String, unit: String? = nil) -> Column {
      Column(name, unit: unit, kind: .integer)
    }

    /// - Parameter digits: significant digits, 1...17.
    public static func number(_ name: String, unit: String? = nil, digits: Int = 4) -> Column {
      Column(name, unit: unit, kind: .number(digits: digits))
    }

    public static func uncertain(_ name: String, unit: String? = nil) -> Column {
      Column(name, unit: unit, kind: .uncertain)
    }

    /// The name with its unit: `time [s]`.
    public var heading: String { unit.map { "\(name) [\($0)]" } ?? name }

    /// Whether cells line up on the right.
    var isNumeric: Bool { kind != .text }
  }

  /// One cell.
  public enum Cell: Sendable, Equatable {
    case text(String)
    case integer(Int)
    case number(Double)
    case uncertain(Double, Double)
    /// No value: an empty CSV field, `null` in JSON, a dash for people.
    case missing
  }

  public let title: String
  public let columns: [Column]
  public private(set) var rows: [[Cell]]

  /// A table whose rows fit its columns.
  ///
  /// - Precondition: every row has one cell a column, of the column's kind; integers may stand in number
  ///   columns, plain numbers in uncertain ones, and `.missing` anywhere.
  public init(title: String, columns: [Column], rows: [[Cell]] = []) {
    self.title = title
    self.columns = columns
    self.rows = []
    self.rows.reserveCapacity(rows.count)
    for row in rows { append(row) }
  }

  /// Adds a row, under the precondition of `init(title:columns:rows:)`.
  public mutating func append(_ row: [Cell]) {
    precondition(
      row.count == columns.count,
      "ReportTable '\(title)': a row of \(row.count) cells, expected \(columns.count)")
    for (cell, column) in zip(row, columns) {
      precondition(
        column.accepts(cell), "ReportTable '\(title)': \(cell) in column '\(column.name)' of \(column.kind)")
    }
    rows.append(row)
  }
}

extension ReportTable.Column {
  fileprivate func accepts(_ cell: ReportTable.Cell) -> Bool {
    switch (kind, cell) {
    case (_, .missing), (.text, .text), (.integer, .integer), (.number, .number), (.number, .integer),
      (.uncertain, .uncertain), (.uncertain, .number), (.uncertain, .integer):
      true
    default: false
    }
  }

  /// A cell as people read it.
  func display(_ cell: ReportTable.Cell) -> String {
    switch cell {
    case .missing: return "–"
    case .text(let text): return text
    case .integer(let value): return String(value)
    case .number(let value):
      guard case .number(let digits) = kind else { return formatNumber(value) }
      return formatNumber(value, digits: digits)
    case .uncertain(let value, let uncertainty): return formatNumber(value, uncertainty: uncertainty)
    }
  }
}

extension ReportTable.Cell: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .text(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(nilLiteral: ()) { self = .missing }
}
