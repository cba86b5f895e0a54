import Foundation
import Likely

/// What a model is trained on, by the text of `--data`: a table, a mixture, a data set or a toy.
struct TrainingSource {
  let target: TargetData
  var columns: [String]?
  var classes: [String] = []
  /// The class of every row, `[n]`.
  var labels: Tensor?
  /// The mixture, where the data are draws of one.
  var mixture: GaussianMixture?

  /// - Parameter noise: as on the command line; constant columns need some.
  init(_ data: String, _ table: TableArguments, noise: String) throws {
    if data.hasPrefix("toy:") {
      guard let toy = ToyData(rawValue: String(data.dropFirst(4))) else {
        throw UsageError(
          "--data \(data): expected toy:\(ToyData.allCases.map(\.rawValue).joined(separator: ", toy:"))")
      }
      target = .generator(dimension: 2) { toy.sample($0, using: &$1) }
      return
    }
    if data.hasSuffix(".json") {
      let mixture = try GaussianMixture(contentsOf: URL(argument: data))
      target = .generator(dimension: mixture.dimension) { mixture.sample($0, using: &$1) }
      self.mixture = mixture
      return
    }
    let rows = try table.read(data)
    guard rows.rowCount >= 2 else { throw UnsuitableTableError(file: data, rows: rows.rowCount) }
    let constant = TableSummary(rows).constantColumns
    guard constant.isEmpty || noise != "none" else {
      throw UnsuitableTableError(file: data, constantColumns: constant)
    }
    target = .rows(rows.values)
    columns = rows.names
    classes = rows.labels?.classes ?? []
    labels = rows.labels?.indices
  }
}

/// A table that reads well and that no density can be fitted to.
struct UnsuitableTableError: Error, CustomStringConvertible {
  let description: String

  init(file: String, rows: Int) {
    description = "\(file): found \(rows) row, expected at least 2; give a table with more rows"
  }

  init(file: String, constantColumns columns: [String]) {
    description =
      "\(file): constant column\(columns.count > 1 ? "s" : "") \(columns.joined(separator: ", ")): a constant has no density; "
      + "leave out with --drop \(columns.joined(separator: ",")), or spread with --noise uniform or --noise 0.1"
  }
}
