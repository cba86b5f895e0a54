import Torch

/// Trees on resampled rows that choose each split from some of the columns (Breiman 2001); the mean of the targets, or a
/// quantile of the rows that share leaves with a new one (Meinshausen 2006).
///
/// Cost: trees × rows × columns × depth; trees grow side by side.
public struct RandomForest: Regressor, Hashable {
  public var trees = 100
  public var smallestLeaf = 5
  public var depth = 20
  /// Columns that a split chooses from; a third of them where `nil`.
  public var candidates: Int?
  /// The conditional quantile in (0, 1); the mean where `nil`.
  public var quantile: Double?

  public init(trees: Int = 100, quantile: Double? = nil) {
    precondition(trees >= 1 && quantile.map { $0 > 0 && $0 < 1 } ?? true, "RandomForest: options")
    (self.trees, self.quantile) = (trees, quantile)
  }

  public var name: String { quantile.map { "forest quantile \($0)" } ?? "random forest" }

  public func fit(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, using random: inout RandomSource
  ) throws(StatisticsError) -> any RegressionFit {
    try grown(design, targets, weights: weights, using: &random)
  }

  /// The same, as a forest whose other readings can be asked for.
  public func grown(
    _ design: Tensor, _ targets: [Double], weights: [Double]? = nil, using random: inout RandomSource
  )
    throws(StatisticsError) -> Forest
  {
    guard targets.count >= 2 else {
      throw StatisticsError(.badData, name, found: "\(targets.count) rows", expected: "at least 2")
    }
    let binned = BinnedDesign(design)
    let options = HistogramTree.Options(
      depth: depth, smallestLeaf: smallestLeaf, candidates: candidates ?? max(1, (design.size(1) + 2) / 3))
    let source = random.split(Int(truncatingIfNeeded: random.next()))
    let n = targets.count
    let trees = concurrently(trees) { index in
      var stream = source.split(index)
      let rows = (0..<n).map { _ in stream.integer(in: 0..<n) }
      return HistogramTree(
        binned, rows: rows, targets: targets, weights: weights, options: options, using: &stream)
    }
    return Forest(trees: trees, targets: targets, weights: weights, quantile: quantile)
  }

  /// A grown forest.
  public struct Forest: RegressionFit {
    let trees: [HistogramTree]
    let targets: [Double]
    let weights: [Double]?
    let quantile: Double?

    public func predict(_ design: Tensor) -> [Double] {
      quantile.map { quantiles([$0], design)[0] } ?? means(design)
    }

    /// Mean targets.
    public func means(_ design: Tensor) -> [Double] {
      let n = design.size(0)
      let values = design.to(.double).contiguous().doubles
      var sums = [Double](repeating: 0, count: n)
      for tree in trees {
        let means = tree.members.map { rows in
          rows.reduce(0) { $0 + (weights?[$1] ?? 1) * targets[$1] }
            / rows.reduce(0) { $0 + (weights?[$1] ?? 1) }
        }
        for (row, leaf) in tree.leaves(values, rows: n).enumerated() { sums[row] += means[leaf] }
      }
      return sums.map { $0 / Double(trees.count) }
    }

    /// Conditional quantiles, `[levels][rows]`.
    public func quantiles(_ levels: [Double], _ design: Tensor) -> [[Double]] {
      let n = design.size(0)
      let values = design.to(.double).contiguous().doubles
      let leaves = trees.map { $0.leaves(values, rows: n) }
      let order = targets.indices.sorted { targets[$0] < targets[$1] }
      var result = levels.map { _ in [Double](repeating: 0, count: n) }
      var mass = [Double](repeating: 0, count: targets.count)
      for row in 0..<n {
        for place in mass.indices { mass[place] = 0 }
        for (tree, leaves) in zip(trees, leaves) {
          let rows = tree.members[leaves[row]]
          for member in rows { mass[member] += (weights?[member] ?? 1) / Double(rows.count) }
        }
        let total = mass.reduce(0, +)
        for (place, level) in levels.enumerated() {
          var sum = 0.0
          result[place][row] =
            targets[
              order.first {
                sum += mass[$0]; return sum >= level * total
              } ?? order.last!]
        }
      }
      return result
    }
  }
}
