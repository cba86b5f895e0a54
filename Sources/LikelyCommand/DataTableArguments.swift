import ArgumentParser
import Foundation
import Likely

/// A table of words and numbers, and which of its columns predict.
struct DataTableArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Table with a header, CSV (also gzipped).", valueName: "file.csv"))
  var data: String

  @Option(
    help: ArgumentHelp(
      "Columns that predict, between commas; all others if left out.", valueName: "names"))
  var columns: String?

  @Option(help: ArgumentHelp("Columns not to take, between commas.", valueName: "names"))
  var drop: String?

  @Option(help: ArgumentHelp("Columns of numbers that are levels, between commas.", valueName: "names"))
  var factors: String?

  @Option(
    help: ArgumentHelp(
      "Levels that others are compared with, such as colour=red,day=1; the first if left out.",
      valueName: "column=level"))
  var reference: String?

  @Flag(help: "Leave rows with missing values out.")
  var dropMissing = false

  func table(words: Set<String> = []) throws -> DataTable {
    try DataTable(contentsOf: URL(argument: data), words: words)
  }

  func references() throws -> [String: String] {
    Dictionary(try pairs(reference, "--reference", "colour=red")) { $1 }
  }
}

/// `name=value` between commas.
func pairs(_ text: String?, _ option: String, _ example: String) throws -> [(String, String)] {
  try (text ?? "").listed.map { part in
    guard let sign = part.firstIndex(of: "=") else {
      throw UsageError("\(option) \(part): expected a name, = and a value, such as \(example)")
    }
    return (String(part[..<sign]), String(part[part.index(after: sign)...]))
  }
}
