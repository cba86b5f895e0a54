import Torch

/// Weights of rows, and pairs of them that must or must not share a cluster.
///
/// Rows that must share one are contracted to a single row of their joint weight, which changes nothing in the program but its
/// size; pairs that must not are zeros of every membership matrix.
public struct RowConstraints: Sendable {
  /// One a row, > 0.
  public let weights: [Double]
  /// Rows of every group, in order of their first; each row is in one.
  public let groups: [[Int]]
  /// Pairs of groups.
  public let separated: [(Int, Int)]
  let groupOf: [Int]

  /// - Parameters:
  ///   - together: pairs of rows, from 0, that must share a cluster.
  ///   - apart: pairs that must not.
  ///   - names: what rows are called in messages, one a row; their numbers where left out.
  /// - Throws: ``StatisticsError``: weights or rows that cannot be, pairs that contradict each other.
  public init(
    rows: Int, weights: [Double]? = nil, together: [(Int, Int)] = [], apart: [(Int, Int)] = [],
    names: [String]? = nil
  ) throws(StatisticsError) {
    let weights = weights ?? [Double](repeating: 1, count: rows)
    guard weights.count == rows else {
      throw StatisticsError(
        .badData, "the weights", found: "\(weights.count) weights", expected: "\(rows), one a row")
    }
    if let row = weights.firstIndex(where: { !($0 > 0 && $0.isFinite) }) {
      throw StatisticsError(
        .badData, "the weight of \(names.map { $0[row] } ?? "row \(row + 1)")", found: "\(weights[row])",
        expected: "a finite number above 0",
        advice: "leave the row out")
    }
    for (a, b) in together + apart where !(0..<rows).contains(a) || !(0..<rows).contains(b) {
      throw StatisticsError(
        .option, "a pair of rows", found: "rows \(a + 1) and \(b + 1)", expected: "rows from 1 to \(rows)")
    }
    var parent = Array(0..<rows)
    func root(_ i: Int) -> Int {
      var i = i
      while parent[i] != i { i = parent[i] }
      return i
    }
    for (a, b) in together {
      let (a, b) = (root(a), root(b))
      parent[max(a, b)] = min(a, b)
    }
    var number: [Int: Int] = [:]
    var groups: [[Int]] = []
    var groupOf: [Int] = []
    for row in 0..<rows {
      let own = root(row)
      if number[own] == nil {
        number[own] = groups.count
        groups.append([])
      }
      groups[number[own]!].append(row)
      groupOf.append(number[own]!)
    }
    for (a, b) in apart where groupOf[a] == groupOf[b] {
      throw StatisticsError(
        .option, names.map { "\($0[a]) and \($0[b])" } ?? "rows \(a + 1) and \(b + 1)",
        found: "that they must not share a cluster, and that they must",
        expected: "pairs that do not contradict each other")
    }
    (self.weights, self.groups, self.groupOf) = (weights, groups, groupOf)
    separated = apart.map { (groupOf[$0.0], groupOf[$0.1]) }
  }

  /// Of some of the rows, in increasing order.
  func subset(_ rows: [Int]) -> RowConstraints {
    guard rows.count < weights.count else { return self }
    let places = Dictionary(uniqueKeysWithValues: rows.enumerated().map { ($1, $0) })
    var number: [Int: Int] = [:]
    var own: [[Int]] = []
    for row in rows {
      let group = groupOf[row]
      if number[group] == nil {
        number[group] = own.count
        own.append([])
      }
      own[number[group]!].append(places[row]!)
    }
    let pairs = separated.compactMap { a, b -> (Int, Int)? in
      guard let a = number[a], let b = number[b] else { return nil }
      return (a, b)
    }
    return RowConstraints(
      weights: rows.map { weights[$0] }, groups: own, separated: pairs,
      groupOf: rows.map { number[groupOf[$0]]! })
  }

  private init(weights: [Double], groups: [[Int]], separated: [(Int, Int)], groupOf: [Int]) {
    (self.weights, self.groups, self.separated, self.groupOf) = (weights, groups, separated, groupOf)
  }

  var hasGroups: Bool { groups.count < weights.count }

  /// Roots of the groups' weights, `[m]`.
  var roots: Tensor { Tensor(groups.map { $0.reduce(0) { $0 + weights[$1] }.squareRoot() }) }

  /// True at separated pairs, `[m, m]`.
  var zeros: Tensor? {
    guard !separated.isEmpty else { return nil }
    var mask = [Bool](repeating: false, count: groups.count * groups.count)
    for (a, b) in separated {
      mask[a * groups.count + b] = true
      mask[b * groups.count + a] = true
    }
    return Tensor(mask, shape: [groups.count, groups.count])
  }

  /// Orthonormal columns √(w_i/W_g), `[n, m]`.
  private var contraction: Tensor {
    var values = [Double](repeating: 0, count: weights.count * groups.count)
    for (g, rows) in groups.enumerated() {
      let mass = rows.reduce(0) { $0 + weights[$1] }
      for row in rows { values[row * groups.count + g] = (weights[row] / mass).squareRoot() }
    }
    return Tensor(values, shape: [weights.count, groups.count])
  }

  /// Affinities between rows, `[blocks, n, n]`, as those between groups with their weights, `[blocks, m, m]`.
  func contracted(_ affinities: Tensor) -> Tensor {
    let roots = Tensor(weights.map { $0.squareRoot() })
    let isPlain = weights.allSatisfy { $0 == 1 }
    let weighted = isPlain ? affinities : affinities * roots.outer(roots)
    guard hasGroups else { return weighted }
    let p = contraction
    return p.transposed.matmul(weighted).matmul(p)
  }

  /// Membership matrices of rows from those of groups.
  func expanded(_ memberships: Tensor) -> Tensor {
    guard hasGroups else { return memberships }
    let p = contraction
    return p.matmul(memberships).matmul(p.transposed)
  }

  func rows(_ ofGroups: [Int]) -> [Int] { groupOf.map { ofGroups[$0] } }

  /// Labels of groups: that of most of the weight.
  func groups(_ ofRows: [Int]) -> [Int] {
    groups.map { rows in
      var masses: [Int: Double] = [:]
      for row in rows { masses[ofRows[row], default: 0] += weights[row] }
      return masses.max { ($0.value, -$0.key) < ($1.value, -$1.key) }!.key
    }
  }

  /// Labels of groups in which separated pairs differ, if such are found: of a pair that shares a cluster the one that loses less
  /// moves to its next best.
  /// - Parameter shares: how well every group suits every cluster, `[clusters][groups]`; all alike where left out.
  func repaired(_ labels: [Int], clusters: Int, shares: [[Double]]? = nil) -> [Int] {
    var labels = labels
    func loss(_ group: Int, _ cluster: Int) -> Double {
      shares.map { $0[labels[group]][group] - $0[cluster][group] } ?? 0
    }
    func isFree(_ group: Int, _ cluster: Int) -> Bool {
      separated.allSatisfy { a, b in
        (a != group || labels[b] != cluster) && (b != group || labels[a] != cluster)
      }
    }
    for _ in separated {
      guard let (a, b) = separated.first(where: { labels[$0.0] == labels[$0.1] }) else { break }
      var best: (group: Int, cluster: Int, loss: Double)?
      for group in [a, b] {
        for cluster in 0..<clusters where cluster != labels[group] && isFree(group, cluster) {
          let own = loss(group, cluster)
          if own < best?.loss ?? .infinity { best = (group, cluster, own) }
        }
      }
      guard let best else { break }
      labels[best.group] = best.cluster
    }
    return labels
  }

  /// Whether labels of rows keep all pairs.
  func areKept(by labels: [Int]) -> Bool {
    groups.allSatisfy { rows in rows.allSatisfy { labels[$0] == labels[rows[0]] } }
      && separated.allSatisfy { labels[groups[$0.0][0]] != labels[groups[$0.1][0]] }
  }
}
