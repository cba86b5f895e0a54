import RealModule
import Solvers

/// How well two labellings of the same rows agree; what the labels are called does not matter.
public struct ClusterAgreement: Sendable, Hashable {
  /// Rows with label a and label b, `[a][b]`.
  public let counts: [[Double]]

  /// - Parameters:
  ///   - a: labels from 0, and `b` likewise, one a row.
  ///   - weights: what rows count; 1 where left out.
  public init(_ a: [Int], _ b: [Int], weights: [Double]? = nil) {
    precondition(
      a.count == b.count && (a + b).allSatisfy { $0 >= 0 } && weights?.count ?? a.count == a.count,
      "ClusterAgreement: \(a.count) labels and \(b.count)")
    var counts = [[Double]](
      repeating: [Double](repeating: 0, count: (b.max() ?? -1) + 1), count: (a.max() ?? -1) + 1)
    for i in a.indices { counts[a[i]][b[i]] += weights?[i] ?? 1 }
    self.counts = counts
  }

  private var total: Double { counts.reduce(0) { $0 + $1.reduce(0, +) } }
  private var rows: [Double] { counts.map { $0.reduce(0, +) } }
  private var columns: [Double] {
    (counts.first ?? []).indices.map { j in counts.reduce(0) { $0 + $1[j] } }
  }

  /// The label of `b` that belongs to each label of `a`, so that most rows agree; `nil` where `b` has too few.
  /// - Complexity: O(K³), by the Hungarian method.
  public var matching: [Int?] {
    let (k, l) = (counts.count, counts.first?.count ?? 0)
    let size = max(k, l)
    var costs = [Double](repeating: 0, count: size * size)
    for i in 0..<k { for j in 0..<l { costs[i * size + j] = -counts[i][j] } }
    return Assignment.solve(costs, size).prefix(k).map { $0 < l ? $0 : nil }
  }

  /// The share of rows that disagree under the best matching.
  public var error: Double {
    let agreed = zip(counts, matching).reduce(0.0) { sum, pair in
      sum + (pair.1.map { pair.0[$0] } ?? 0)
    }
    return total > 0 ? max(0, 1 - agreed / total) : 0
  }

  /// Hubert and Arabie's adjusted Rand index: 0 on average for random labels of these sizes, 1 for the same partition.
  public var adjustedRandIndex: Double {
    func pairs(_ sizes: [Double]) -> Double { sizes.reduce(0) { $0 + $1 * ($1 - 1) / 2 } }
    let both = counts.reduce(0) { $0 + pairs($1) }
    let (a, b, all) = (pairs(rows), pairs(columns), pairs([total]))
    guard all > 0 else { return 1 }
    let expected = a * b / all
    let most = (a + b) / 2
    return most == expected ? 1 : (both - expected) / (most - expected)
  }

  /// Mutual information over the mean of the two entropies, in [0, 1]; 1 where both have one label.
  public var normalisedMutualInformation: Double {
    func entropy(_ sizes: [Double]) -> Double {
      -sizes.reduce(0) { $0 + ($1 > 0 ? $1 / total * .log($1 / total) : 0) }
    }
    let (a, b) = (entropy(rows), entropy(columns))
    let mutual = max(0, a + b - entropy(counts.flatMap(\.self)))
    return a + b == 0 ? 1 : mutual / ((a + b) / 2)
  }
}
