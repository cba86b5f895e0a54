import CTorch
import Foundation

/// A file's bytes in memory, read by the system as they are touched; unmapped when its last user is gone.
///
/// The mapping is private: an optimiser that changes a tensor made from it changes memory, never the file.
/// A file that another program shortens while it is mapped ends this program, as with every mapping;
/// files replaced by renaming, as this package writes them, are safe.
public final class MappedFile: @unchecked Sendable {
  /// The path, for messages.
  public let name: String
  /// The number of bytes when it was opened.
  public let count: Int
  let base: UnsafeMutableRawPointer?

  /// Opens a regular file.
  /// - Throws: ``StorageError`` (`missing`, `cannotRead`).
  public init(contentsOf url: URL) throws(StorageError) {
    name = url.shownPath
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("open", reading: name) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .system("stat", reading: name) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw StorageError(.cannotRead, file: name, found: "a folder or device", expected: "a regular file")
    }
    count = Int(status.st_size)
    // The system does not map nothing.
    guard count > 0 else {
      base = nil
      return
    }
    let mapping = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0)
    guard let mapping, mapping != MAP_FAILED else { throw .system("mmap", reading: name) }
    base = mapping
  }

  deinit {
    if let base { munmap(base, count) }
  }

  /// The bytes, valid while the file object lives.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }
}

extension Tensor {
  /// Elements where they lie in the file, without copying when they are aligned and stay on the processor.
  ///
  /// The caller has checked that the range lies in the file. Elements at an offset that is no multiple of their
  /// size are copied, since kernels may assume alignment.
  init(in file: MappedFile, at offset: Int, shape: [Int], dtype: DType, device: Device) {
    let size = shape.reduce(1, *) * dtype.size
    guard size > 0, let base = file.base else {
      self = .zeros(shape, dtype: dtype, device: device)
      return
    }
    let start = base + offset
    let aligned = UInt(bitPattern: start) % UInt(dtype.size) == 0
    guard aligned, device == .cpu else {
      self.init(
        bytes: UnsafeRawBufferPointer(start: start, count: size), shape: shape, dtype: dtype, device: device)
      return
    }
    let owner = Unmanaged.passRetained(file).toOpaque()
    let pointer = withInt64(shape) {
      ct_from_mapped(
        start, $0, $1, dtype.rawValue, { Unmanaged<MappedFile>.fromOpaque($0!).release() }, owner)
    }
    self.init("Tensor(in: file)", pointer)
  }

  /// Takes over memory from `malloc`, which it frees with its last copy; no copy is made.
  package init(adopting memory: UnsafeMutableRawPointer, shape: [Int], dtype: DType) {
    let pointer = withInt64(shape) {
      ct_from_mapped(memory, $0, $1, dtype.rawValue, { free($0) }, memory)
    }
    self.init("Tensor(adopting:)", pointer)
  }
}
