import Torch

/// Columns cut into at most 64 bins of about equal counts, column after column: what trees split on.
struct BinnedDesign: Sendable {
  let rows: Int
  let columns: Int
  /// `[columns][rows]`.
  let bins: [UInt8]
  /// The largest value of every bin but the last, by column.
  let edges: [[Double]]

  static let most = 64

  init(_ design: Tensor) {
    (rows, columns) = (design.size(0), design.size(1))
    let values = design.to(.double).transposed.contiguous().doubles
    var bins = [UInt8](repeating: 0, count: rows * columns)
    var edges: [[Double]] = []
    for column in 0..<columns {
      let own = Array(values[column * rows..<(column + 1) * rows])
      let sorted = own.sorted()
      var cuts: [Double] = []
      for b in 1..<Self.most {
        let cut = sorted[min(rows - 1, b * rows / Self.most)]
        // The last value has nothing above it.
        if cut > cuts.last ?? -.infinity, cut < sorted[rows - 1] { cuts.append(cut) }
      }
      for (row, value) in own.enumerated() { bins[column * rows + row] = Self.bin(value, cuts) }
      edges.append(cuts)
    }
    (self.bins, self.edges) = (bins, edges)
  }

  /// How many edges lie below a value.
  private static func bin(_ value: Double, _ edges: [Double]) -> UInt8 {
    var (low, high) = (0, edges.count)
    while low < high {
      let middle = (low + high) / 2
      if edges[middle] < value { low = middle + 1 } else { high = middle }
    }
    return UInt8(low)
  }
}

/// A binary tree whose splits lower Σ(w y)²/Σw as much as they can: least squares, or a Newton step of any loss.
struct HistogramTree: Sendable {
  struct Options: Sendable, Hashable {
    var depth: Int
    var smallestLeaf: Int
    /// Columns that a split may choose from; all where `nil`.
    var candidates: Int?
    /// λ in G²/(H + λ).
    var shrinkage = 0.0
  }

  private struct Node: Sendable {
    /// −1 for a leaf.
    var column = -1
    var threshold = 0.0
    var left = 0
    var right = 0
    var leaf = 0
  }

  private var nodes: [Node] = []
  /// Training rows of every leaf.
  private(set) var members: [[Int]] = []

  /// - Parameters:
  ///   - rows: may hold a row several times.
  ///   - targets: Σ over a leaf of `targets`·`weights` over Σ `weights` is what it would predict.
  init(
    _ design: BinnedDesign, rows: [Int], targets: [Double], weights: [Double]?, options: Options,
    using random: inout RandomSource
  ) {
    grow(design, rows, targets, weights, options, depth: 0, using: &random)
  }

  @discardableResult
  private mutating func grow(
    _ design: BinnedDesign, _ rows: [Int], _ targets: [Double], _ weights: [Double]?, _ options: Options,
    depth: Int,
    using random: inout RandomSource
  ) -> Int {
    let place = nodes.count
    nodes.append(Node())
    guard depth < options.depth, rows.count >= 2 * options.smallestLeaf,
      let split = bestSplit(design, rows, targets, weights, options, using: &random)
    else {
      nodes[place].leaf = members.count
      members.append(rows)
      return place
    }
    let offset = split.column * design.rows
    var (left, right): ([Int], [Int]) = ([], [])
    for row in rows {
      if Int(design.bins[offset + row]) <= split.bin { left.append(row) } else { right.append(row) }
    }
    nodes[place].column = split.column
    nodes[place].threshold = design.edges[split.column][split.bin]
    let low = grow(design, left, targets, weights, options, depth: depth + 1, using: &random)
    let high = grow(design, right, targets, weights, options, depth: depth + 1, using: &random)
    (nodes[place].left, nodes[place].right) = (low, high)
    return place
  }

  private func bestSplit(
    _ design: BinnedDesign, _ rows: [Int], _ targets: [Double], _ weights: [Double]?, _ options: Options,
    using random: inout RandomSource
  ) -> (column: Int, bin: Int)? {
    var columns = Array(0..<design.columns)
    if let count = options.candidates, count < columns.count {
      for i in 0..<count { columns.swapAt(i, random.integer(in: i..<columns.count)) }
      columns.removeLast(columns.count - count)
    }
    var (total, mass) = (0.0, 0.0)
    for row in rows {
      let w = weights?[row] ?? 1
      total += w * targets[row]
      mass += w
    }
    // A gain that rounding could have made is none.
    var best = total * total / (mass + options.shrinkage) * (1 + 1e-12) + 1e-300
    var found: (column: Int, bin: Int)?
    var sums = [Double](repeating: 0, count: 2 * BinnedDesign.most)
    var counts = [Int](repeating: 0, count: BinnedDesign.most)
    for column in columns where !design.edges[column].isEmpty {
      let width = design.edges[column].count + 1
      for b in 0..<width { (sums[2 * b], sums[2 * b + 1], counts[b]) = (0, 0, 0) }
      let offset = column * design.rows
      design.bins.withUnsafeBufferPointer { bins in
        for row in rows {
          let b = Int(bins[offset + row])
          let w = weights?[row] ?? 1
          sums[2 * b] += w * targets[row]
          sums[2 * b + 1] += w
          counts[b] += 1
        }
      }
      var (left, leftMass, leftCount) = (0.0, 0.0, 0)
      for b in 0..<width - 1 {
        left += sums[2 * b]
        leftMass += sums[2 * b + 1]
        leftCount += counts[b]
        guard leftCount >= options.smallestLeaf, rows.count - leftCount >= options.smallestLeaf, counts[b] > 0
        else {
          continue
        }
        let (right, rightMass) = (total - left, mass - leftMass)
        guard leftMass + options.shrinkage > 0, rightMass + options.shrinkage > 0 else { continue }
        let gain =
          left * left / (leftMass + options.shrinkage) + right * right / (rightMass + options.shrinkage)
        if gain > best {
          best = gain
          found = (column, b)
        }
      }
    }
    return found
  }

  /// The leaf of a row of raw values.
  func leaf(_ values: UnsafeBufferPointer<Double>) -> Int {
    var place = 0
    while nodes[place].column >= 0 {
      place = values[nodes[place].column] <= nodes[place].threshold ? nodes[place].left : nodes[place].right
    }
    return nodes[place].leaf
  }

  /// The leaves of the rows of `[rows, columns]` values.
  func leaves(_ values: [Double], rows: Int) -> [Int] {
    guard rows > 0 else { return [] }
    let width = values.count / rows
    return values.withUnsafeBufferPointer { values in
      (0..<rows).map { leaf(UnsafeBufferPointer(rebasing: values[$0 * width..<($0 + 1) * width])) }
    }
  }
}
