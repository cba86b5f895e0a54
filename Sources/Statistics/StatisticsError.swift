/// Why data, a diagram or an option cannot be used: where, what was found, what is expected, what to do.
public struct StatisticsError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: Sendable, Hashable {
    /// A file is not there.
    case missing
    /// The data or a file cannot be what they should be.
    case badData
    /// An option outside its range, or one that contradicts another.
    case option
    /// The data are fine and the answer does not exist, or could not be reached.
    case noAnswer
  }

  public let kind: Kind
  /// The file, column, row, box or parameter.
  public let place: String
  public let found: String
  public let expected: String
  /// What to do.
  public let advice: String?

  public init(_ kind: Kind, _ place: String, found: String, expected: String, advice: String? = nil) {
    (self.kind, self.place, self.found, self.expected, self.advice) = (kind, place, found, expected, advice)
  }

  public var description: String {
    "\(place): found \(found), expected \(expected)" + (advice.map { "; \($0)" } ?? "")
  }
}
