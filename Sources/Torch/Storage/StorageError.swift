import Foundation

/// Why a file could not be read or written: where, what was found, and what was expected.
public struct StorageError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What went wrong, for callers that react.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// There is no such file.
    case missing
    /// The system refused to open or read it.
    case cannotRead
    /// The system refused to create, fill or rename it; nothing is left behind.
    case cannotWrite
    /// It ends before what it announces.
    case truncated
    /// It does not start (or end) as its format does.
    case wrongMagic
    /// Its header is larger than the file or than any sensible header.
    case headerTooLarge
    /// Its header or directory breaks the rules of the format.
    case malformedHeader
    /// It holds elements that tensors cannot hold.
    case unsupportedType
    /// A shape is negative, or its number of elements overflows.
    case badShape
    /// Offsets run backwards, leave the file, or do not fit the shape.
    case badOffsets
    /// Two parts claim the same bytes.
    case overlap
    /// Bytes belong to no part.
    case hole
    /// Two parts have one name.
    case duplicateName
    /// No part has the name asked for.
    case noSuchName
    /// The content does not have the checksum that the file states.
    case checksum
    /// Contents that would grow beyond the limit.
    case tooLarge
    /// A variant of the format that is not read.
    case unsupported
    /// Elements whose values their type cannot have.
    case badValue
  }

  public let kind: Kind
  /// The file, as the caller named it.
  public let file: String
  /// The tensor, entry or byte offset concerned, where there is one.
  public let place: String?
  /// What was found.
  public let found: String
  /// What was expected, or what to do.
  public let expected: String

  public init(_ kind: Kind, file: String, place: String? = nil, found: String, expected: String) {
    self.kind = kind
    self.file = file
    self.place = place
    self.found = found
    self.expected = expected
  }

  public var description: String {
    "\(file)\(place.map { " (\($0))" } ?? ""): found \(found); expected \(expected)"
  }

  /// The error that `errno` stands for just after a failed system call.
  package static func system(_ operation: String, reading file: String) -> StorageError {
    let code = errno
    return StorageError(
      code == ENOENT ? .missing : .cannotRead, file: file, found: "\(operation): \(reason(code))",
      expected: "a file that can be read")
  }

  /// The error that `errno` stands for just after a failed system call.
  package static func system(_ operation: String, writing file: String) -> StorageError {
    StorageError(
      .cannotWrite, file: file, found: "\(operation): \(reason(errno))",
      expected: "a path that can be written")
  }

  private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}

extension URL {
  /// The path as the user gave it, for messages.
  package var shownPath: String { relativePath }
}

/// The product of the extents, or nil where an extent is negative or the bytes would overflow `Int`.
///
/// Zero extents do not hide an overflow of the others: strides are products of those. More than 64 axes, the most
/// that NumPy and many of libtorch's kernels know, are refused too.
func validatedCount(_ shape: [Int], elementSize: Int) -> Int? {
  guard shape.count <= 64 else { return nil }
  var product = elementSize
  for extent in shape {
    guard extent >= 0 else { return nil }
    let (next, overflow) = product.multipliedReportingOverflow(by: max(extent, 1))
    guard !overflow else { return nil }
    product = next
  }
  return shape.contains(0) ? 0 : product / elementSize
}
