import RealModule
import Torch

/// What log-weights `[groups, particles]` of groups amount to: one pass over them, and one exponential a weight.
struct WeightTotals: Sendable {
  /// w divided by the largest of its group, `[groups, particles]`; 0 throughout a dead group.
  let scaled: Tensor
  /// log of the largest of every group.
  let largest: [Double]
  /// Σ of `scaled`.
  let sums: [Double]
  /// √Σ of its squares.
  let norms: [Double]

  /// From so many particles on libtorch may sum a single row in parts, and several rows never: rows are then summed
  /// one by one, so that a group's totals are the same whatever groups stand beside it.
  private static let partedRow = 1 << 15

  init(_ logWeights: Tensor) {
    let rows = logWeights.size(1) >= Self.partedRow ? logWeights.split(1) : [logWeights]
    let parts = rows.map { row in
      let largest = row.max(1, keep: true)
      // −∞ − (−∞) is no number: a dead group is left as it is.
      let w = (row - largest.filled(where: largest .== -.infinity, with: 0)).exp()
      return (w: w, totals: Tensor.stack([largest.squeeze(1), w.sum(1), w.norm(1)]))
    }
    scaled = parts.count == 1 ? parts[0].w : .concatenate(parts.map(\.w))
    let groups = logWeights.size(0)
    let totals = Tensor.concatenate(parts.map(\.totals), axis: 1).doubles
    largest = Array(totals[0..<groups])
    sums = Array(totals[groups..<2 * groups])
    norms = Array(totals[2 * groups..<3 * groups])
  }

  /// log of the mean weight of every group.
  var logMeans: [Double] {
    let n = Double(scaled.size(1))
    return zip(largest, sums).map { $0 == -.infinity ? $0 : $0 + .log($1 / n) }
  }

  /// (Σw)²/Σw² of every group; 0 for a dead one.
  var effectiveSizes: [Double] { zip(sums, norms).map { $0 == 0 ? 0 : ($0 / $1) * ($0 / $1) } }
}
