import Files
import Foundation
import Torch

/// A discriminant of clusters as `model.json`: columns, means and covariances, and what rows are projected on.
public struct ClusterModelFile: Sendable {
  /// The table's columns, in the order of the rows' entries.
  public let columns: [String]
  private let model: GaussianDiscriminant
  private let projection: PrincipalProjection?

  public init(_ fit: ILASDPFit, columns: [String]) {
    (self.columns, model, projection) = (columns, fit.model, fit.projection)
  }

  public var clusters: Int { model.clusters }

  /// Labels from 0 and Mahalanobis distances to every cluster, one a row of `[m, p]`.
  /// - Throws: ``StatisticsError`` for numbers that are not finite.
  public func predict(_ x: Tensor) throws(StatisticsError) -> (labels: [Int], distances: [[Double]]) {
    let bad = x.isFinite().logicalNot()
    if bad.any().booleans[0] {
      let place = bad.nonzero()[0].integers
      throw StatisticsError(
        .badData, "row \(place[0] + 1), \(columns[place[1]])", found: "\(x[place[0], place[1]].item())",
        expected: "finite numbers", advice: "drop the row, or mend it")
    }
    let z = projection.map { $0(x) } ?? x
    let distances = model.squaredDistances(z).sqrt().doubles
    return (
      model.predict(z),
      stride(from: 0, to: distances.count, by: clusters).map { Array(distances[$0..<$0 + clusters]) }
    )
  }

  private struct Content: Codable {
    var kind = "likely.clusters"
    var columns: [String]
    var means: [[Double]]
    var covariances: [[[Double]]]
    var centre: [Double]?
    var directions: [[Double]]?
  }

  /// The file of a run folder, or the path itself.
  public static func location(_ path: String) -> URL {
    let url = URL(fileURLWithPath: path)
    return path.hasSuffix(".json") ? url : url.appendingPathComponent("model.json")
  }

  /// - Throws: `FileWriteError`; nothing partial is left.
  public func write(to url: URL) throws(FileWriteError) {
    let content = Content(
      columns: columns, means: model.means.rowsOfDoubles,
      covariances: (0..<clusters).map { model.covariances[$0].rowsOfDoubles },
      centre: projection?.mean.doubles, directions: projection?.directions.rowsOfDoubles)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    // Finite numbers and words always encode.
    let data = (try? encoder.encode(content)) ?? Data()
    try writeAtomically(data, to: url)
  }

  /// - Throws: ``StatisticsError``: no such file, or something else in it.
  public init(contentsOf url: URL) throws(StatisticsError) {
    guard let data = FileManager.default.contents(atPath: url.path) else {
      throw StatisticsError(
        .missing, url.path, found: "no such file", expected: "the run folder or model.json of `cluster fit`")
    }
    func wrong(_ what: String) -> StatisticsError {
      StatisticsError(.badData, url.path, found: what, expected: "a model.json as `cluster fit` writes it")
    }
    guard let content = try? JSONDecoder().decode(Content.self, from: data), content.kind == "likely.clusters"
    else { throw wrong("something else than a model of clusters") }
    let d = content.means.first?.count ?? 0
    let isRectangular =
      !content.means.isEmpty && content.covariances.count == content.means.count
      && content.means.allSatisfy { $0.count == d }
      && content.covariances.allSatisfy { $0.count == d && $0.allSatisfy { $0.count == d } }
    let width = content.directions == nil ? d : content.columns.count
    let isProjected =
      content.directions.map { rows in
        rows.count == width && rows.allSatisfy { $0.count == d } && content.centre?.count == width
      } ?? true
    guard isRectangular, isProjected, d > 0, content.columns.count == width else {
      throw wrong("means, covariances and columns whose sizes do not fit")
    }
    columns = content.columns
    model = try GaussianDiscriminant(
      means: Tensor(rows: content.means), covariances: .stack(content.covariances.map { Tensor(rows: $0) }))
    projection = content.directions.map {
      PrincipalProjection(mean: Tensor(content.centre ?? []), directions: Tensor(rows: $0))
    }
  }
}

extension Tensor {
  fileprivate var rowsOfDoubles: [[Double]] {
    let width = size(1)
    let values = doubles
    return Swift.stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
  }
}
