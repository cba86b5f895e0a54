import Foundation
import Testing
import Torch

/// A file committed beside the tests; `Fixtures/make.py` says what made it.
func fixture(_ name: String) -> URL {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)")
}

/// A folder of its own for one test, removed afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("likely-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// The kind of error that reading these bytes as a file gives, and its message.
func storageError(_ bytes: [UInt8], _ name: String, reading: (URL) throws -> Void) throws -> StorageError? {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent(name)
    try Data(bytes).write(to: url)
    return #expect(throws: StorageError.self) { try reading(url) }
  }
}
