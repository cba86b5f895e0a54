import Files
import Foundation

/// Writes a file of tensors whole or not at all; `body` hands over its bytes, in large pieces.
/// - Throws: ``StorageError`` (`cannotWrite`) with the system's reason, or what `body` throws.
package func writeStorage(to url: URL, _ body: (borrowing AtomicFile) throws -> Void) throws(StorageError) {
  do {
    try writeAtomically(to: url, body)
  } catch let error as StorageError {
    throw error
  } catch let error as FileWriteError {
    throw StorageError(
      .cannotWrite, file: url.shownPath, found: "\(error.step.rawValue): \(error.reason)",
      expected: "a path that can be written")
  } catch {
    fatalError("writing \(url.shownPath): \(error)")
  }
}
