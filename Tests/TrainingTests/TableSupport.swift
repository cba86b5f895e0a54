import Foundation
import Testing
import Torch
import Training

/// A folder of its own for one test, removed afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("likely-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// The table in a file with this content.
func table(_ content: String, name: String = "t.csv", _ options: TableOptions = TableOptions()) throws
  -> NumericTable
{
  try table(Array(content.utf8), name: name, options)
}

/// The table in a file with these bytes.
func table(_ bytes: [UInt8], name: String = "t.csv", _ options: TableOptions = TableOptions()) throws
  -> NumericTable
{
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent(name)
    try Data(bytes).write(to: url)
    return try NumericTable(contentsOf: url, options: options)
  }
}

/// The error that a file with this content gives.
func tableError(
  _ content: String, name: String = "t.csv", _ options: TableOptions = TableOptions(),
  sourceLocation: SourceLocation = #_sourceLocation
) -> TableError? {
  #expect(throws: TableError.self, sourceLocation: sourceLocation) {
    try table(content, name: name, options)
  }
}
