import Foundation

/// A file that appears whole or not at all.
///
/// Bytes go to a temporary file in the same folder, which is synchronised and renamed over the target; the folder
/// is synchronised last, so that the new name survives a power cut. Any failure removes the temporary file and
/// leaves an older target as it was.
package struct AtomicFile: ~Copyable {
  private let descriptor: Int32
  private let name: String
  private var buffer: [UInt8] = []
  /// Bytes written so far.
  package private(set) var count = 0

  private static let bufferSize = 1 << 18

  private init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
    buffer.reserveCapacity(Self.bufferSize)
  }

  /// Writes `url` with what `body` hands over.
  /// - Throws: ``StorageError`` (`cannotWrite`) with the system's reason, or what `body` throws.
  package static func write(
    to url: URL, _ body: (inout AtomicFile) throws(StorageError) -> Void
  ) throws(StorageError) {
    let name = url.shownPath
    let folder = url.deletingLastPathComponent().path
    let (descriptor, temporary) = try openTemporary(in: folder, for: url)
    var file = AtomicFile(descriptor: descriptor, name: name)
    do throws(StorageError) {
      try body(&file)
      try file.flush()
      guard fsync(descriptor) == 0 else { throw .system("fsync", writing: name) }
    } catch {
      close(descriptor)
      unlink(temporary)
      throw error
    }
    guard close(descriptor) == 0, rename(temporary, url.path) == 0 else {
      let error = StorageError.system("rename", writing: name)
      unlink(temporary)
      throw error
    }
    try synchronise(folder: folder, for: name)
  }

  /// Writes `data` as the whole file.
  package static func write(_ data: some ContiguousBytes, to url: URL) throws(StorageError) {
    try write(to: url) { (file) throws(StorageError) in
      var failure: StorageError?
      data.withUnsafeBytes { bytes in
        do throws(StorageError) { try file.append(bytes) } catch { failure = error }
      }
      if let failure { throw failure }
    }
  }

  /// Adds bytes at the end.
  package mutating func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    count += bytes.count
    guard buffer.count + bytes.count > Self.bufferSize else {
      buffer.append(contentsOf: bytes)
      return
    }
    try flush()
    if bytes.count < Self.bufferSize {
      buffer.append(contentsOf: bytes)
    } else {
      try drain(bytes)
    }
  }

  /// Adds bytes at the end.
  package mutating func append(_ bytes: [UInt8]) throws(StorageError) {
    // `withUnsafeBytes` on arrays rethrows untyped; the closure's error is of the one type there is.
    do {
      try bytes.withUnsafeBytes { try append($0) }
    } catch let error as StorageError {
      throw error
    } catch {
      fatalError("append throws StorageError only")
    }
  }

  private mutating func flush() throws(StorageError) {
    let full = buffer
    buffer.removeAll(keepingCapacity: true)
    do {
      try full.withUnsafeBytes { try drain($0) }
    } catch let error as StorageError {
      throw error
    } catch {
      fatalError("drain throws StorageError only")
    }
  }

  private func drain(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    var done = 0
    while done < bytes.count {
      let written = Foundation.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw .system("write", writing: name) }
      done += written
    }
  }

  /// A new file beside the target; a leftover of a killed process only costs another try.
  private static func openTemporary(in folder: String, for url: URL) throws(StorageError) -> (Int32, String) {
    for attempt in 0..<1000 {
      let path = "\(folder)/.\(url.lastPathComponent).\(getpid()).\(attempt).tmp"
      let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return (descriptor, path) }
      if errno != EEXIST { break }
    }
    throw .system("create", writing: url.shownPath)
  }

  private static func synchronise(folder: String, for name: String) throws(StorageError) {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("open folder", writing: name) }
    defer { close(descriptor) }
    // Some file systems cannot synchronise a folder; the rename has happened, so that is no failure.
    guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS else {
      throw .system("fsync folder", writing: name)
    }
  }
}
