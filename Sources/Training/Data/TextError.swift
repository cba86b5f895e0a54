import Foundation

/// Why a text cannot be used: what was found, what was expected.
public struct TextError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What went wrong, for callers that react.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// There is no such file.
    case missingFile
    /// The system refused to read it, or it is not UTF-8.
    case unreadable
    /// Nothing is in it.
    case empty
    /// A character that the vocabulary lacks.
    case unknownCharacter
    /// A vocabulary names a character twice.
    case duplicate
  }

  public let kind: Kind
  public let description: String

  public init(_ kind: Kind, _ description: String) { (self.kind, self.description) = (kind, description) }
}

extension String {
  /// The text of a UTF-8 file.
  /// - Throws: ``TextError`` where it is missing, unreadable, not UTF-8 or empty.
  public init(textOf url: URL) throws(TextError) {
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw TextError(.missingFile, "\(url.path): not found; a text file is expected")
    }
    guard let data = FileManager.default.contents(atPath: url.path) else {
      throw TextError(.unreadable, "\(url.path): cannot be read; a text file is expected")
    }
    guard !data.isEmpty else { throw TextError(.empty, "\(url.path): is empty; a text is expected") }
    guard let text = String(data: data, encoding: .utf8) else {
      throw TextError(.unreadable, "\(url.path): is not UTF-8; a text file is expected")
    }
    self = text
  }
}
