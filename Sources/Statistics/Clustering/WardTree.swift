import Torch

/// Ward's tree: clusters merged two by two where the sum of squares grows least.
///
/// Chains of nearest neighbours with the updates of Lance and Williams; heights are those of SciPy's
/// `linkage(x, "ward")`. Cost: O(n²) time and memory.
public struct WardTree: Sendable, Hashable {
  /// Clusters are numbered: rows first, then merges in their order.
  public struct Merge: Sendable, Hashable {
    public let first: Int
    public let second: Int
    /// √(2 · growth of the sum of squares).
    public let height: Double
    /// Rows of the new cluster.
    public let count: Int
  }

  public let rows: Int
  /// n − 1, heights increasing.
  public let merges: [Merge]

  /// - Parameter x: `[n, d]`.
  public init(_ x: Tensor) {
    let n = x.size(0)
    rows = n
    var distances = x.distances(to: x).doubles
    var sizes = [Double](repeating: 1, count: n)
    var isActive = [Bool](repeating: true, count: n)
    var found: [(a: Int, b: Int, height: Double)] = []
    var chain: [Int] = []
    while found.count < n - 1 {
      if chain.isEmpty { chain.append(isActive.firstIndex(of: true)!) }
      let a = chain[chain.count - 1]
      // The one before wins ties, or the chain would not end.
      var (b, least) =
        chain.count > 1
        ? (chain[chain.count - 2], distances[a * n + chain[chain.count - 2]]) : (-1, .infinity)
      for c in 0..<n where isActive[c] && c != a && distances[a * n + c] < least {
        (b, least) = (c, distances[a * n + c])
      }
      guard chain.count > 1, b == chain[chain.count - 2] else {
        chain.append(b)
        continue
      }
      chain.removeLast(2)
      found.append((a, b, least))
      let (na, nb) = (sizes[a], sizes[b])
      isActive[b] = false
      for c in 0..<n where isActive[c] && c != a {
        let (da, db, nc) = (distances[a * n + c], distances[b * n + c], sizes[c])
        let square =
          ((na + nc) * da * da + (nb + nc) * db * db - nc * least * least) / (na + nb + nc)
        let distance = max(0, square).squareRoot()
        distances[a * n + c] = distance
        distances[c * n + a] = distance
      }
      sizes[a] = na + nb
    }
    merges = Self.numbered(found, n)
  }

  /// Merges by height, with the numbers that clusters have then.
  private static func numbered(_ found: [(a: Int, b: Int, height: Double)], _ n: Int) -> [Merge] {
    var parent = Array(0..<n)
    func root(_ i: Int) -> Int {
      var i = i
      while parent[i] != i { i = parent[i] }
      return i
    }
    var number = Array(0..<n)
    var count = [Int](repeating: 1, count: n)
    let order = found.indices.sorted { (found[$0].height, $0) < (found[$1].height, $1) }
    return order.enumerated().map { place, merge in
      let (a, b) = (root(found[merge].a), root(found[merge].b))
      let result = Merge(
        first: min(number[a], number[b]), second: max(number[a], number[b]), height: found[merge].height,
        count: count[a] + count[b])
      parent[b] = a
      number[a] = n + place
      count[a] = result.count
      return result
    }
  }

  /// Labels of the tree cut into clusters, numbered by their first row.
  public func labels(clusters: Int) -> [Int] {
    precondition((1...max(1, rows)).contains(clusters), "WardTree: \(clusters) clusters of \(rows) rows")
    var parent = Array(0..<rows + merges.count)
    for (place, merge) in merges.prefix(rows - clusters).enumerated() {
      parent[merge.first] = rows + place
      parent[merge.second] = rows + place
    }
    var known: [Int: Int] = [:]
    return (0..<rows).map { row in
      var i = row
      while parent[i] != i { i = parent[i] }
      let label = known[i] ?? known.count
      known[i] = label
      return label
    }
  }
}
