import Foundation
import RealModule
import Solvers
import Torch

/// Clusters of different shapes: covariances given labels and labels given covariances in turn, the labels by a semidefinite
/// program that knows no centres (iLA-SDP).
///
/// ```swift
/// let fit = try ILASDP(clusters: 3).fit(x, using: &random)
/// fit.labels                  // [n]
/// fit.certificate.isCertified // whether no labels are likelier for these covariances
/// fit.model.predict(more)
/// ```
/// Each search starts from labels of another method, keeps a step only where the profile criterion
/// Q = −Σ n_k log |Σ̂_k| does not fall, and stops where labels rest; where the relaxation is no partition then, one more step goes by
/// its own covariances. Moves of single rows end it. The search with the largest Q is kept.
///
/// Source: Zhuang, Chen & Yang 2023 (arXiv 2209.15097). Cost: O(K n³) a pass of a program; practical to n of about 400.
public struct ILASDP: Sendable {
  /// Labels to start from.
  public enum Start: String, Sendable, Hashable, CaseIterable, Codable {
    /// Peng and Wei's program.
    case sdp
    case ward
    case kmeans
    case spectral
  }

  /// What rows are projected on.
  public enum Projection: Sendable, Hashable {
    case none
    /// Leading principal directions.
    case principal(Int)
    /// Principal directions, n/5 or n/(2K) of them, where a cluster may have about as many rows as there are columns.
    case automatic
  }

  public var clusters: Int
  public var covariances = ClusterCovariances()
  public var starts: [Start] = [.sdp, .ward, .kmeans]
  /// Labels to start from instead, one a row.
  public var givenLabels: [Int]?
  /// What rows are called in messages, one a row; their numbers where left out.
  public var rowNames: [String]?
  /// Residuals at which programs of a search end, whose labels are all that counts, and the last program.
  public var innerTolerance = 5e-4
  public var finalTolerance = 1e-5
  public var innerIterations = 2000
  /// Programs of a search end as well where labels have rested for so many passes.
  public var restingPasses = 100
  /// The last program ends as well where its gap has shrunk by less than a tenth in so many passes.
  public var restingGapPasses = 300
  public var outerIterations = 20
  /// Solves a last program at the covariances of the labels found, for a certificate.
  public var certifies = true
  /// Ends with passes of hard expectation–maximisation, which are kept where Q grows.
  public var polishes = true
  /// Rows with the largest Mahalanobis distances that do not enter the covariances, as a share.
  public var outlierShare = 0.0
  /// Fewest rows of a cluster that a step may leave. Where left out p + 1 and at least 3, but no more than max(2, n/2K), so that
  /// short tables have an answer.
  public var minimumSize: Int?
  /// No step begins after this time, and programs in work end; the best labels so far are returned.
  public var timeLimit: Duration?
  /// Rows of random parts to which programs are fitted instead of to all, and how many parts.
  public var subsample: Int?
  public var subsamples = 5
  /// Where rows are projected to before everything.
  public var projection = Projection.automatic
  /// Rows a program may have at most, before ``StatisticsError`` says so; memory is about 100 K n² bytes.
  public var memoryLimit = 4 << 30

  public init(clusters: Int) { self.clusters = clusters }

  /// - Parameters:
  ///   - x: `[n, p]`, `Double`, finite.
  ///   - constraints: weights of rows, pairs that must or must not share a cluster.
  ///   - names: the columns', for messages.
  ///   - log: told what is being done.
  /// - Throws: ``StatisticsError``: numbers that are not finite, K outside 1 … n − 1, constant or collinear columns, tables too
  ///   large, labels that do not fit, no search that ends in proper clusters, as where duplicates make up a cluster.
  public func fit(
    _ x: Tensor, constraints: RowConstraints? = nil, names: [String]? = nil, using random: inout RandomSource,
    log: (String) -> Void = { _ in }
  ) throws(StatisticsError) -> ILASDPFit {
    // `??` would hide the type of what is thrown.
    let constraints = if let constraints { constraints } else { try RowConstraints(rows: x.size(0)) }
    try check(x, names)
    let clock = ContinuousClock()
    let begin = clock.now
    let deadline = timeLimit.map { begin + $0 }
    let projection = dimension(x).map { PrincipalProjection(x, dimension: $0) }
    let z = projection.map { $0(x) } ?? x
    let found: Found
    if let part = subsample, part < x.size(0) {
      found = try lifted(z, constraints, part: part, deadline: deadline, using: &random, log: log)
    } else {
      found = try trimmed(z, constraints, deadline: deadline, using: &random, log: log)
    }
    return try found.search.finished(found, projection, begin: begin, using: &random)
  }

  /// Directions to project on; `nil` for none.
  private func dimension(_ x: Tensor) -> Int? {
    let (n, p) = (x.size(0), x.size(1))
    switch projection {
    case .none: return nil
    case .principal(let d): return d
    case .automatic:
      let rows = subsample.map { min($0, n) } ?? n
      return 2 * p * clusters < rows ? nil : max(1, min(p, rows / max(5, 2 * clusters)))
    }
  }

  /// Whether rows and options can be fitted.
  /// - Throws: ``StatisticsError``, as ``fit(_:constraints:names:using:log:)`` does before it begins.
  public func check(_ x: Tensor, _ names: [String]?) throws(StatisticsError) {
    precondition(x.rank == 2 && x.dtype == .double, "ILASDP: x of shape \(x.shape), \(x.dtype)")
    let (n, p) = (x.size(0), x.size(1))
    func name(_ column: Int) -> String { names.map { $0[column] } ?? "column \(column + 1)" }
    let bad = x.isFinite().logicalNot()
    if bad.any().booleans[0] {
      let place = bad.nonzero()[0].integers
      throw StatisticsError(
        .badData, "row \(place[0] + 1), \(name(place[1]))", found: "\(x[place[0], place[1]].item())",
        expected: "finite numbers", advice: "drop the row, or mend it")
    }
    guard clusters >= 1, clusters < n else {
      throw StatisticsError(
        .option, "k", found: "\(clusters) clusters of \(n) rows", expected: "from 1 to \(max(1, n - 1))")
    }
    guard covariances.shrinkage >= 0, covariances.shrinkage.isFinite else {
      throw StatisticsError(.option, "shrinkage", found: "\(covariances.shrinkage)", expected: "at least 0")
    }
    guard (0..<0.5).contains(outlierShare) else {
      throw StatisticsError(.option, "outliers", found: "\(outlierShare)", expected: "in [0, 0.5)")
    }
    if let part = subsample {
      guard part > clusters, subsamples >= 1 else {
        throw StatisticsError(
          .option, "subsample", found: "\(subsamples) parts of \(part) rows",
          expected: "at least one part of more than \(clusters) rows")
      }
      guard outlierShare == 0 else {
        throw StatisticsError(
          .option, "subsample", found: "parts of the rows, and outliers left out", expected: "one of the two")
      }
    }
    if case .principal(let d) = projection, !(1...min(n, p)).contains(d) {
      throw StatisticsError(.option, "project", found: "\(d)", expected: "from 1 to \(min(n, p))")
    }
    if let given = givenLabels {
      guard given.count == n else {
        throw StatisticsError(
          .badData, "the labels", found: "\(given.count) labels", expected: "\(n), one a row")
      }
      guard Set(given) == Set(0..<clusters) else {
        throw StatisticsError(
          .badData, "the labels", found: "\(Set(given).count) different labels",
          expected: "\(clusters), as many as clusters")
      }
    }
    let rows = subsample.map { min($0, n) } ?? n
    let need = 100 * clusters * rows * rows
    guard need <= memoryLimit else {
      throw StatisticsError(
        .option, "\(rows) rows", found: "a program that needs about \(need >> 20) MB",
        expected: "at most \(memoryLimit >> 20) MB",
        advice: "fit to a part of the rows and assign the others: --subsample 200")
    }
    let spread = (x.max(0) - x.min(0)).doubles
    if let column = spread.firstIndex(of: 0) {
      throw StatisticsError(
        .badData, name(column), found: "the same number in every row", expected: "a column that varies",
        advice: "leave the column out")
    }
    if n > p, dimension(x) == nil, let column = collinearColumns(x).first {
      throw StatisticsError(
        .badData, name(column), found: "a column that the columns before it determine",
        expected: "columns none of which is a combination of others", advice: "leave the column out")
    }
    let distinct = Set(x.doubles.chunks(of: p)).count
    guard distinct > clusters else {
      throw StatisticsError(
        .badData, "the rows", found: "\(distinct) different rows",
        expected: "more than \(clusters), one a cluster")
    }
  }
}

extension Array where Element == Double {
  fileprivate func chunks(of size: Int) -> [[Double]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
