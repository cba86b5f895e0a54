/// Why a table could not be read: the place in the file, what was found, what was expected, and what to do.
public struct TableError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What went wrong, for callers that react.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// There is no such file.
    case missingFile
    /// The system refused to read it, or it is damaged.
    case unreadable
    /// Its extension names no format that is read.
    case unsupportedFormat
    /// It has no bytes, or only empty lines.
    case empty
    /// It has a header and nothing else.
    case headerOnly
    /// A row has more or fewer fields than the first.
    case raggedRow
    /// A field of a numeric column is no number.
    case notANumber
    /// A field is empty or says that its value is missing.
    case missingValue
    /// NaN, an infinity, or a number beyond `Double`.
    case nonFinite
    /// The delimiter asked for does not occur, while another does.
    case wrongDelimiter
    /// A quoted field does not end, or goes on after its closing quote.
    case badQuoting
    /// The header is not UTF-8.
    case invalidText
    /// No column has the name or position asked for.
    case unknownColumn
    /// Two of the columns asked for have one name.
    case duplicateColumn
    /// The label column has more values than a label should.
    case tooManyClasses
    /// The array has not two axes.
    case badShape
    /// No column is left.
    case noColumns
  }

  public let kind: Kind
  /// The file, as the caller named it.
  public let file: String
  /// The line in the file, from 1.
  public let line: Int?
  /// The column's position, from 1.
  public let column: Int?
  /// The column's name.
  public let columnName: String?
  /// How many fields have this fault, where all are counted.
  public let occurrences: Int
  /// What was found.
  public let found: String
  /// What was expected.
  public let expected: String
  /// What to do.
  public let advice: String?

  package init(
    _ kind: Kind, file: String, line: Int? = nil, column: Int? = nil, columnName: String? = nil,
    occurrences: Int = 1, found: String, expected: String, advice: String? = nil
  ) {
    self.kind = kind
    self.file = file
    self.line = line
    self.column = column
    self.columnName = columnName
    self.occurrences = occurrences
    self.found = found
    self.expected = expected
    self.advice = advice
  }

  /// Such as `iris.csv:17:3 (petal_length): found "abc", expected a number; …`.
  public var description: String {
    var place = file
    if let line { place += ":\(line)" }
    if let column { place += line == nil ? ", column \(column)" : ":\(column)" }
    if let columnName { place += " (\(columnName))" }
    return "\(place): found \(found), expected \(expected)" + (advice.map { "; \($0)" } ?? "")
  }
}
