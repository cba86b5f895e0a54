/// Why a language model, its tokeniser or a text cannot be used: where, what was found, what is expected, what to do.
public struct LanguageError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: Sendable, Hashable {
    /// A file or a part of one is not there.
    case missing
    /// Not the format that the file should have.
    case malformed
    /// A feature that is not offered; the message names it, and what is.
    case unsupported
    /// A value outside its range, or a shape that does not fit.
    case badValue
    /// More tokens than the model has positions.
    case tooLong
  }

  public let kind: Kind
  /// The file, or what stands for it.
  public let file: String
  /// The line, key or tensor.
  public let place: String?
  public let found: String
  public let expected: String

  public init(_ kind: Kind, file: String, place: String? = nil, found: String, expected: String) {
    (self.kind, self.file, self.place, self.found, self.expected) = (kind, file, place, found, expected)
  }

  public var description: String {
    let location = place.map { "\(file), \($0)" } ?? file
    return "\(location): found \(found), expected \(expected)"
  }
}
