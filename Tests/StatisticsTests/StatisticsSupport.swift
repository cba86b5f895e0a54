import Foundation
import Statistics
import Testing
import Torch

/// A folder that is gone after the test.
struct TemporaryFolder: ~Copyable {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("likely-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ name: String, _ text: String) throws -> URL {
    let file = url.appendingPathComponent(name)
    try text.write(to: file, atomically: true, encoding: .utf8)
    return file
  }
}

/// A file of the real data, or `nil` where they are absent.
func realData(_ path: String) -> URL? {
  let folder =
    ProcessInfo.processInfo.environment["LIKELY_DATA"].map(URL.init(fileURLWithPath:))
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/data")
  let file = folder.appendingPathComponent(path)
  return FileManager.default.fileExists(atPath: file.path) ? file : nil
}

/// What a closure throws, as text.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "nothing was thrown"
  } catch {
    return "\(error)"
  }
}
