import Foundation
import Torch

/// The IDX format of the MNIST files.
public enum IDX {
  /// Contents larger than this are refused: 4 GiB.
  public static let limit = 4 << 30

  /// Reads unsigned bytes, such as images `[count, height, width]` or labels `[count]`, gzipped (`.gz`) or not.
  ///
  /// The header is checked against the size of the file before memory is taken.
  /// - Returns: a UInt8 tensor.
  /// - Throws: `StorageError`.
  public static func read(contentsOf url: URL) throws(StorageError) -> Tensor {
    let file = url.shownPath
    let source: ByteSource
    do throws(TableError) { source = try ByteSource(url) } catch { throw storageError(error) }
    let header = try Header(source, file: file)
    try header.checkSize(of: url, file: file)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: header.count + 1, alignment: 16)
    defer { memory.deallocate() }
    // One spare byte shows a file that is longer than announced.
    let present = try fill(memory, from: source)
    guard present == header.count else {
      throw StorageError(
        present < header.count ? .truncated : .badOffsets, file: file, place: "byte \(header.length)",
        found: present < header.count ? "\(present) elements" : "more bytes than elements",
        expected: "\(header.count) for the shape \(header.shape)")
    }
    return Tensor(
      bytes: UnsafeRawBufferPointer(rebasing: memory[..<header.count]), shape: header.shape, dtype: .uint8)
  }

  private struct Header {
    let shape: [Int]
    let count: Int
    var length: Int { 4 + 4 * shape.count }

    init(_ source: ByteSource, file: String) throws(StorageError) {
      let start = try Self.bytes(4, from: source, file: file, place: "byte 0")
      guard start[0] == 0, start[1] == 0 else {
        throw StorageError(
          .wrongMagic, file: file, place: "byte 0", found: "bytes \(start[0]) \(start[1])",
          expected: "two zero bytes, as IDX files start")
      }
      guard start[2] == 0x08 else {
        throw StorageError(
          .unsupportedType, file: file, place: "byte 2", found: "element type \(start[2])",
          expected: "unsigned bytes (8)")
      }
      let rank = Int(start[3])
      guard (1...8).contains(rank) else {
        throw StorageError(.badShape, file: file, place: "byte 3", found: "\(rank) axes", expected: "1 to 8")
      }
      let extents = try Self.bytes(4 * rank, from: source, file: file, place: "byte 4")
      shape = (0..<rank).map { axis in
        extents[4 * axis..<4 * axis + 4].reduce(0) { $0 << 8 | Int($1) }
      }
      var product = 1
      for extent in shape {
        let (next, overflow) = product.multipliedReportingOverflow(by: extent)
        guard !overflow, next <= IDX.limit else {
          throw StorageError(
            .tooLarge, file: file, place: "byte 4", found: "the shape \(shape)",
            expected: "at most \(IDX.limit) bytes")
        }
        product = next
      }
      count = product
    }

    /// A plain file has exactly its elements; a gzipped one has at least a 1,032nd of them, deflate's limit.
    func checkSize(of url: URL, file: String) throws(StorageError) {
      guard let size = try? FileManager.default.attributesOfItem(atPath: url.path)[.size] as? Int else {
        return
      }
      let isPacked = url.pathExtension.lowercased() == "gz"
      let largest = isPacked ? size * 1032 : size - length
      guard count <= largest else {
        throw StorageError(
          .truncated, file: file, place: "byte 4", found: "the shape \(shape) in a file of \(size) bytes",
          expected: "\(count) bytes of elements")
      }
    }

    private static func bytes(_ count: Int, from source: ByteSource, file: String, place: String)
      throws(StorageError) -> [UInt8]
    {
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
      defer { memory.deallocate() }
      let present = try IDX.fill(memory, from: source)
      guard present == count else {
        throw StorageError(
          .truncated, file: file, place: place, found: "the end of the file", expected: "a whole IDX header")
      }
      return Array(memory)
    }
  }

  /// Bytes until `memory` is full or the file ends.
  private static func fill(_ memory: UnsafeMutableRawBufferPointer, from source: ByteSource)
    throws(StorageError)
    -> Int
  {
    var done = 0
    do throws(TableError) {
      while done < memory.count {
        let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: memory[done...]))
        if count == 0 { break }
        done += count
      }
    } catch {
      throw storageError(error)
    }
    return done
  }

  private static func storageError(_ error: TableError) -> StorageError {
    StorageError(
      error.kind == .missingFile ? .missing : .cannotRead, file: error.file, found: error.found,
      expected: error.expected)
  }
}
