import Foundation
import Torch

/// A file's bytes in pieces, opened on the way when they are gzipped; memory does not grow with the file.
final class ByteSource {
  /// The path, for messages.
  let name: String
  private let descriptor: Int32
  private var inflater: InflateStream?
  private var packed: [UInt8] = []
  /// The part of `packed` not opened yet.
  private var waiting = 0..<0
  private var memberIsComplete = false
  private var isDone = false

  private static let pieceSize = 1 << 18

  init(_ url: URL) throws(TableError) {
    name = url.shownPath
    descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.systemError(name) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
      throw TableError(.unreadable, file: name, found: "a folder", expected: "a file")
    }
    // Gzip is also recognised without its extension; with it, anything else is damage.
    var magic: (UInt8, UInt8) = (0, 0)
    let isMarked = pread(descriptor, &magic, 2, 0) == 2 && magic == (0x1f, 0x8b)
    if isMarked || url.pathExtension.lowercased() == "gz" { inflater = InflateStream(.gzip) }
  }

  deinit { close(descriptor) }

  /// Fills the front of `room`; 0 at the end of the file.
  func read(into room: UnsafeMutableRawBufferPointer) throws(TableError) -> Int {
    guard inflater != nil else { return try readPlain(into: room) }
    return try readPacked(into: room)
  }

  private func readPlain(into room: UnsafeMutableRawBufferPointer) throws(TableError) -> Int {
    while true {
      let count = Foundation.read(descriptor, room.baseAddress, room.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Self.systemError(name) }
      return count
    }
  }

  private func readPacked(into room: UnsafeMutableRawBufferPointer) throws(TableError) -> Int {
    guard let inflater else { return 0 }
    var output = room
    while !isDone, output.count == room.count {
      if waiting.isEmpty { try refill() }
      if waiting.isEmpty {
        isDone = true
        guard memberIsComplete else { throw damaged("an end inside the compressed data") }
        break
      }
      // Concatenated gzip members are one file.
      if memberIsComplete {
        inflater.reset()
        memberIsComplete = false
      }
      let outcome = packed.withUnsafeBytes { bytes in
        var input = UnsafeRawBufferPointer(rebasing: bytes[waiting])
        let outcome = inflater.step(input: &input, output: &output)
        waiting = waiting.upperBound - input.count..<waiting.upperBound
        return outcome
      }
      switch outcome {
      case .finished: memberIsComplete = true
      case .corrupt(let reason): throw damaged(reason)
      case .needsInput, .outputFull: break
      }
    }
    return room.count - output.count
  }

  private func refill() throws(TableError) {
    if packed.isEmpty { packed = [UInt8](repeating: 0, count: Self.pieceSize) }
    var count = 0
    var failure: TableError?
    packed.withUnsafeMutableBytes { room in
      do throws(TableError) { count = try readPlain(into: room) } catch { failure = error }
    }
    if let failure { throw failure }
    waiting = 0..<count
  }

  private func damaged(_ reason: String) -> TableError {
    TableError(
      .unreadable, file: name, found: "damaged gzip data (\(reason))", expected: "a complete gzip file",
      advice: "fetch or compress the file again")
  }

  private static func systemError(_ name: String) -> TableError {
    let code = errno
    return TableError(
      code == ENOENT ? .missingFile : .unreadable, file: name, found: String(cString: strerror(code)),
      expected: "a file that can be read")
  }
}
