import Foundation
import Torch

/// A table of real numbers: named columns, and classes of the rows where a label column was set apart.
///
/// ```swift
/// let table = try NumericTable(contentsOf: url, options: TableOptions(label: "species"))
/// table.values            // [rows, columns], Double, finite
/// table.labels?.indices   // [rows], Int64
/// ```
public struct NumericTable: Sendable {
  /// The columns' names, all different.
  public let names: [String]
  /// The numbers, `[rows, columns]`, Double.
  public let values: Tensor
  /// The classes of the rows.
  public let labels: TableLabels?

  /// A table from its parts.
  /// - Parameter values: `[rows, columns]`; becomes Double.
  public init(names: [String], values: Tensor, labels: TableLabels? = nil) {
    precondition(
      values.rank == 2 && values.size(1) == names.count,
      "NumericTable: \(names.count) names for values of shape \(values.shape)")
    self.names = names
    self.values = values.to(.double)
    self.labels = labels
  }

  public var rowCount: Int { values.size(0) }
  public var columnCount: Int { names.count }

  /// The column with the name, `[rows]`; nil where there is none.
  public func column(_ name: String) -> Tensor? {
    names.firstIndex(of: name).map { values[.all, $0] }
  }

  /// The extensions that ``init(contentsOf:options:)`` reads.
  public static let readableExtensions = ["csv", "tsv", "txt", "csv.gz", "tsv.gz", "txt.gz", "npy", "npz"]

  /// Reads a file by its extension: CSV (also gzipped), NPY or NPZ.
  ///
  /// CSV costs one pass in bounded memory besides the numbers themselves (about a second for 10⁶ rows of 10).
  /// One row and one column are allowed here; what a method needs, it checks.
  /// - Throws: ``TableError`` with line, column and what to do.
  public init(contentsOf url: URL, options: TableOptions = TableOptions()) throws(TableError) {
    var name = url.lastPathComponent.lowercased()
    let isPacked = name.hasSuffix(".gz")
    if isPacked { name.removeLast(3) }
    switch (name.split(separator: ".").last.map(String.init) ?? "", isPacked) {
    case ("csv", _), ("tsv", _), ("txt", _):
      self = try CSVReader.read(url, options: options)
    case ("npy", false), ("npz", false):
      self = try ArrayTable.read(url, options: options)
    default:
      throw TableError(
        .unsupportedFormat, file: url.shownPath, found: "the extension \".\(url.pathExtension)\"",
        expected: "one of \(Self.readableExtensions.joined(separator: ", "))",
        advice: "convert or rename the file")
    }
  }
}
