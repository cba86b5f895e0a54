import Foundation
import Torch

/// Tables from NumPy arrays.
enum ArrayTable {
  static func read(_ url: URL, options: TableOptions) throws(TableError) -> NumericTable {
    let file = url.shownPath
    let array: Tensor
    do throws(StorageError) {
      array = try load(url, entry: options.entry)
    } catch {
      throw TableError(
        error.kind == .missing ? .missingFile : error.kind == .noSuchName ? .unknownColumn : .unreadable,
        file: file, found: error.place.map { "\(error.found) (\($0))" } ?? error.found,
        expected: error.expected)
    }
    return try table(of: array, file: file, options: options)
  }

  private static func load(_ url: URL, entry: String?) throws(StorageError) -> Tensor {
    guard url.pathExtension.lowercased() == "npz" else { return try NPY.read(contentsOf: url) }
    let archive = try NPZFile(contentsOf: url)
    guard let name = entry ?? archive.names.first else {
      throw StorageError(
        .noSuchName, file: url.shownPath, found: "no arrays",
        expected: "an archive with at least one .npy array")
    }
    return try archive.tensor(named: name)
  }

  private static func table(of array: Tensor, file: String, options: TableOptions) throws(TableError)
    -> NumericTable
  {
    guard array.rank == 1 || array.rank == 2, array.dtype != .complexFloat, array.dtype != .complexDouble
    else {
      throw TableError(
        .badShape, file: file, found: "an array of shape \(array.shape) and type \(array.dtype)",
        expected: "real numbers of shape [rows, columns] or [rows]", advice: "reshape it to one row a sample")
    }
    let matrix = array.rank == 1 ? array.unsqueeze(1) : array
    let width = matrix.size(1)
    guard matrix.size(0) > 0, width > 0 else {
      throw TableError(
        .empty, file: file, found: "shape \(array.shape)", expected: "at least one row and column")
    }
    let names = options.names ?? (1...width).map { "column\($0)" }
    guard names.count == width else {
      throw TableError(
        .raggedRow, file: file, found: "\(width) columns", expected: "\(names.count), one for each name given"
      )
    }
    let selection = try ColumnSelection(options, names: names, file: file)
    let isWhole = selection.numeric == Array(0..<width)
    let values = (isWhole ? matrix : matrix.select(axis: 1, Tensor(selection.numeric))).to(.double)
    try checkRange(values, original: array.dtype, names: selection.numeric.map { names[$0] }, file: file)
    let chosen = selection.numeric.map { names[$0] }
    guard let label = selection.label else { return NumericTable(names: chosen, values: values) }
    return NumericTable(
      names: chosen, values: values, labels: try labels(matrix[.all, label], names[label], label, file: file))
  }

  private static func checkRange(_ values: Tensor, original: DType, names: [String], file: String)
    throws(TableError)
  {
    let bad = values.isFinite().logicalNot()
    let count = bad.sum().integer()
    if count > 0 {
      let first = bad.nonzero()[0].integers
      let value = values[first[0], first[1]].item()
      throw TableError(
        .nonFinite, file: file, line: first[0] + 1, column: first[1] + 1, columnName: names[first[1]],
        occurrences: count, found: "\(value), the first of \(count) values that are NaN or infinite",
        expected: "finite numbers only", advice: "remove these rows, or drop the column")
    }
    if original == .int64, values.abs().max().item() > 0x1p53 {
      throw TableError(
        .nonFinite, file: file, found: "whole numbers beyond 2^53",
        expected: "numbers that a double holds exactly",
        advice: "scale the column")
    }
  }

  private static func labels(_ column: Tensor, _ name: String, _ position: Int, file: String)
    throws(TableError)
    -> TableLabels
  {
    let (distinct, inverse, _) = column.to(.double).unique()
    guard distinct.count <= TableOptions.maximumClasses else {
      throw TableError(
        .tooManyClasses, file: file, column: position + 1, columnName: name,
        found: "\(distinct.count) different labels",
        expected: "at most \(TableOptions.maximumClasses) classes", advice: "choose another label column")
    }
    return TableLabels(name: name, classes: distinct.doubles.map(shortText), indices: inverse)
  }
}
