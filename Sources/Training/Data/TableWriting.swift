import Foundation
import Torch

/// The shortest decimal text that reads back as the same number; whole numbers without a point.
func shortText(_ value: Double) -> String {
  let text = value.description
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

extension NumericTable {
  /// Writes names and numbers as CSV, whole or not at all; every number reads back exactly.
  ///
  /// A label column comes last, as the classes' names.
  /// - Throws: `StorageError` (`cannotWrite`).
  public func write(csv url: URL) throws(StorageError) {
    let header = (names + [labels?.name].compactMap { $0 }).map(Self.quoted).joined(separator: ",") + "\n"
    let classes = labels?.classes.map(Self.quoted)
    let indices = labels?.indices.integers
    try writeStorage(to: url) { file in
      try file.write(Array(header.utf8))
      // Rows in pieces: text is larger than numbers.
      let piece = 4096
      for start in stride(from: 0, to: rowCount, by: piece) {
        let end = min(start + piece, rowCount)
        let numbers = values[start..<end].doubles
        var text = ""
        for row in start..<end {
          for column in 0..<columnCount {
            if column > 0 { text += "," }
            text += shortText(numbers[(row - start) * columnCount + column])
          }
          if let classes, let indices { text += "," + classes[indices[row]] }
          text += "\n"
        }
        try file.write(Array(text.utf8))
      }
    }
  }

  /// Writes the numbers as an NPY array `[rows, columns]` of f8, whole or not at all.
  /// - Throws: `StorageError` (`cannotWrite`).
  public func write(npy url: URL) throws(StorageError) { try NPY.write(values, to: url) }

  /// In quotes where RFC 4180 needs them, or where a reader would take the text for something else.
  private static func quoted(_ text: String) -> String {
    let needsQuotes =
      text.isEmpty || text.first == " " || text.last == " "
      || text.utf8.contains { ",;|\t\"\n\r".utf8.contains($0) }
    return needsQuotes ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
  }
}
