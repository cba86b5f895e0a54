import Torch

/// Clusters around centres: Lloyd's iterations from starts of k-means++.
///
/// Source: Arthur & Vassilvitskii 2007. Cost: O(n K d) an iteration.
public struct KMeans: Sendable, Hashable {
  public var clusters: Int
  /// Of which the one with the least inertia is kept.
  public var starts = 10
  public var maximumIterations = 300

  public init(clusters: Int) {
    precondition(clusters >= 1, "KMeans: \(clusters) clusters")
    self.clusters = clusters
  }

  public struct Fit: Sendable, Hashable {
    /// From 0, one a row.
    public let labels: [Int]
    /// `[K][d]`.
    public let centres: [[Double]]
    /// The weighted sum of squared distances to the own centre.
    public let inertia: Double
  }

  /// - Parameters:
  ///   - x: `[n, d]`, with n ≥ K.
  ///   - weights: `[n]`, > 0.
  public func fit(_ x: Tensor, weights: [Double]? = nil, using random: inout RandomSource) -> Fit {
    precondition(x.size(0) >= clusters, "KMeans: \(clusters) clusters of \(x.size(0)) rows")
    let d = x.size(1)
    let rows = Rows(
      values: x.doubles, d: d, weights: weights ?? [Double](repeating: 1, count: x.size(0)))
    var best: Fit?
    for _ in 0..<max(1, starts) {
      let found = lloyd(rows, seeds(rows, using: &random))
      if found.inertia < best?.inertia ?? .infinity { best = found }
    }
    return best!
  }

  private struct Rows {
    let values: [Double]
    let d: Int
    let weights: [Double]
    var count: Int { weights.count }

    func distance(_ i: Int, _ centre: [Double]) -> Double {
      var sum = 0.0
      for j in 0..<d {
        let gap = values[i * d + j] - centre[j]
        sum += gap * gap
      }
      return sum
    }
    func row(_ i: Int) -> [Double] { Array(values[i * d..<(i + 1) * d]) }
  }

  private func seeds(_ rows: Rows, using random: inout RandomSource) -> [[Double]] {
    func draw(_ weights: [Double]) -> Int {
      let total = weights.reduce(0, +)
      guard total > 0 else { return random.integer(in: 0..<rows.count) }
      var u = random.uniform() * total
      for (i, w) in weights.enumerated() {
        u -= w
        if u < 0 { return i }
      }
      return rows.count - 1
    }
    var centres = [rows.row(draw(rows.weights))]
    var least = [Double](repeating: .infinity, count: rows.count)
    while centres.count < clusters {
      for i in 0..<rows.count { least[i] = min(least[i], rows.distance(i, centres[centres.count - 1])) }
      centres.append(rows.row(draw(zip(least, rows.weights).map { $0 * $1 })))
    }
    return centres
  }

  private func lloyd(_ rows: Rows, _ start: [[Double]]) -> Fit {
    var centres = start
    var labels = [Int](repeating: -1, count: rows.count)
    var inertia = Double.infinity
    for _ in 0..<maximumIterations {
      var changed = false
      var farthest = (row: 0, distance: -1.0)
      inertia = 0
      for i in 0..<rows.count {
        var (own, least) = (0, Double.infinity)
        for k in centres.indices {
          let distance = rows.distance(i, centres[k])
          if distance < least { (own, least) = (k, distance) }
        }
        if labels[i] != own { (labels[i], changed) = (own, true) }
        inertia += rows.weights[i] * least
        if least > farthest.distance { farthest = (i, least) }
      }
      guard changed else { break }
      var masses = [Double](repeating: 0, count: clusters)
      var sums = [[Double]](repeating: [Double](repeating: 0, count: rows.d), count: clusters)
      for i in 0..<rows.count {
        masses[labels[i]] += rows.weights[i]
        for j in 0..<rows.d { sums[labels[i]][j] += rows.weights[i] * rows.values[i * rows.d + j] }
      }
      // An empty cluster takes the row that fits worst.
      centres = sums.indices.map { k in
        masses[k] > 0 ? sums[k].map { $0 / masses[k] } : rows.row(farthest.row)
      }
    }
    return Fit(labels: labels, centres: centres, inertia: inertia)
  }
}
