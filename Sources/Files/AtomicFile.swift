import Foundation

/// Why a file could not be written: the step that failed, the path, and the system's reason.
public struct FileWriteError: Error, Equatable, CustomStringConvertible {
  /// The step that failed. After `create` nothing had been written yet.
  public enum Step: String, Sendable {
    case create, write, flush, replace
  }

  public let step: Step
  /// The file that was asked for, not the temporary one.
  public let path: String
  /// The system's error number.
  public let code: Int32

  /// - Parameter code: an `errno` value.
  public init(step: Step, path: String, code: Int32) {
    self.step = step
    self.path = path
    self.code = code
  }

  /// The system's words for `code`, such as "No space left on device".
  public var reason: String { String(cString: strerror(code)) }

  public var description: String { "cannot \(step.rawValue) \(path): \(reason)" }
}

/// Writes `data` to `url` so that a reader sees the whole old file or the whole new one, never a part.
///
/// The bytes go to a temporary file in the same folder, which is flushed to the disk and renamed; then the
/// folder is flushed too. On failure the temporary file is removed and an old file stays as it was.
/// A symbolic link at `url` is replaced, not followed.
///
/// - Throws: `FileWriteError` where the folder is missing or closed to us, or the disk is full.
public func writeAtomically(_ data: Data, to url: URL) throws(FileWriteError) {
  var file = try AtomicFile(replacing: url)
  try file.write(data)
  try file.commit()
}

/// Writes a file in pieces, with the promise of `writeAtomically(_:to:)`.
///
/// For content that should not be in memory at once. The file appears when `body` returns; where `body`
/// throws, nothing appears and its error is passed on.
///
/// - Throws: `FileWriteError`, and whatever `body` throws.
public func writeAtomically(to url: URL, _ body: (borrowing AtomicFile) throws -> Void) throws {
  var file = try AtomicFile(replacing: url)
  try body(file)
  try file.commit()
}

/// A file on its way to the disk, as `writeAtomically(to:_:)` lends it to its body.
public struct AtomicFile: ~Copyable {
  private let path: String
  private let temporaryPath: String
  private let descriptor: Int32
  private var isCommitted = false

  init(replacing url: URL) throws(FileWriteError) {
    let path = url.path(percentEncoded: false)
    let folder = folderPath(of: path)
    let process = ProcessInfo.processInfo.processIdentifier
    var attempt = 0
    var temporaryPath: String
    var descriptor: Int32
    repeat {
      // Not derived from the file's own name, which may already be as long as a name can be.
      temporaryPath = "\(folder)/.likely-\(process)-\(attempt).tmp"
      descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      attempt += 1
      // Another thread, or a killed process that had our number, may hold the name.
    } while descriptor < 0 && (errno == EEXIST || errno == EINTR)
    guard descriptor >= 0 else { throw FileWriteError(step: .create, path: path, code: errno) }
    self.path = path
    self.temporaryPath = temporaryPath
    self.descriptor = descriptor
  }

  /// Appends bytes.
  public borrowing func write(_ bytes: UnsafeRawBufferPointer) throws(FileWriteError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest)
      let count = Foundation.write(descriptor, piece.baseAddress, piece.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure(.write) }
      rest = rest.dropFirst(count)
    }
  }

  /// Appends bytes.
  public borrowing func write(_ data: Data) throws(FileWriteError) {
    // `Data.withUnsafeBytes` forgets the type of what its body throws.
    for region in data.regions {
      let outcome = region.withUnsafeBytes { bytes in
        Result { () throws(FileWriteError) in try write(bytes) }
      }
      try outcome.get()
    }
  }

  /// Appends bytes.
  public borrowing func write(_ bytes: [UInt8]) throws(FileWriteError) {
    // `withUnsafeBytes` forgets the type of what its body throws.
    let outcome = bytes.withUnsafeBytes { bytes in
      Result { () throws(FileWriteError) in try write(bytes) }
    }
    try outcome.get()
  }

  /// Makes the file visible under its name.
  mutating func commit() throws(FileWriteError) {
    guard fsync(descriptor) == 0 else { throw failure(.flush) }
    guard rename(temporaryPath, path) == 0 else { throw failure(.replace) }
    isCommitted = true
    let folder = open(folderPath(of: path), O_RDONLY)
    if folder >= 0 {
      // Some file systems refuse to flush a folder; the file itself is safe by now.
      fsync(folder)
      close(folder)
    }
  }

  private borrowing func failure(_ step: FileWriteError.Step) -> FileWriteError {
    FileWriteError(step: step, path: path, code: errno)
  }

  deinit {
    close(descriptor)
    if !isCommitted { unlink(temporaryPath) }
  }
}

/// The folder that a path lies in, without resolving anything: relative paths stay relative.
func folderPath(of path: String) -> String {
  var trimmed = path[...]
  while trimmed.count > 1, trimmed.last == "/" { trimmed = trimmed.dropLast() }
  guard let slash = trimmed.lastIndex(of: "/") else { return "." }
  return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
}
