import Torch

/// The Wasserstein distance W_p of every column by itself: (∫₀¹ |F⁻¹(u) − G⁻¹(u)|ᵖ du)^(1/p), `[d]`.
///
/// Exact for the two weighted samples: between the levels that either cumulated weight passes, both quantiles are
/// constant. Cost O(d (n + m) log(n + m)).
/// - Parameters:
///   - x: draws `[n, d]` or `[n]`.
///   - y: draws `[m, d]` or `[m]`.
///   - order: p ≥ 1.
///   - xLogWeights: `[n]`, of any scale; equal when `nil`.
///   - yLogWeights: `[m]`.
public func marginalWassersteinDistances(
  _ x: Tensor, _ y: Tensor, order p: Double = 1, xLogWeights: Tensor? = nil, yLogWeights: Tensor? = nil
) -> Tensor {
  let (x, y) = (asRows(x), asRows(y))
  precondition(
    x.size(1) == y.size(1), "draws of \(x.size(1)) and of \(y.size(1)) numbers cannot be compared")
  precondition(p >= 1, "wassersteinDistance: the order is \(p), expected a number ≥ 1")
  let a = WeightedColumns(x, normalisedWeights(xLogWeights, rows: x))
  let b = WeightedColumns(y, normalisedWeights(yLogWeights, rows: y))
  let levels = Tensor.concatenate([a.cumulated, b.cumulated], axis: 1).sorted(1).values
  let below = Tensor.concatenate(
    [Tensor.zeros(like: levels[.all, 0..<1]), levels[.all, 0..<levels.size(1) - 1]], axis: 1)
  let gaps = (a.quantiles(0.5 * (below + levels)) - b.quantiles(0.5 * (below + levels))).abs()
  return ((levels - below) * gaps.pow(p)).sum(1).pow(1 / p)
}

/// The Wasserstein distance W_p between numbers; see ``marginalWassersteinDistances(_:_:order:xLogWeights:yLogWeights:)``.
///
/// - Parameters:
///   - x: `[n]`.
///   - y: `[m]`.
public func wassersteinDistance(
  _ x: Tensor, _ y: Tensor, order p: Double = 1, xLogWeights: Tensor? = nil, yLogWeights: Tensor? = nil
) -> Double {
  precondition(
    x.rank == 1 && y.rank == 1, "wassersteinDistance: \(x.shape) and \(y.shape) are not numbers [n]")
  return marginalWassersteinDistances(x, y, order: p, xLogWeights: xLogWeights, yLogWeights: yLogWeights)
    .item()
}

/// The sliced Wasserstein distance: the p-th mean of W_p over random directions (Bonneel et al. 2015).
///
/// - Parameters:
///   - projections: directions, whose number sets the error of the mean.
///   - random: draws the directions.
public func slicedWassersteinDistance(
  _ x: Tensor, _ y: Tensor, order p: Double = 2, projections: Int = 128, xLogWeights: Tensor? = nil,
  yLogWeights: Tensor? = nil, using random: inout RandomSource
) -> Double {
  precondition(projections > 0, "slicedWassersteinDistance: \(projections) projections")
  let (x, y) = (asRows(x), asRows(y))
  let normals = random.normal([x.size(1), projections], dtype: .double)
  let directions = (normals / normals.norm(0, keep: true)).to(device: x.device)
  let distances = marginalWassersteinDistances(
    x.matmul(directions), y.matmul(directions), order: p, xLogWeights: xLogWeights, yLogWeights: yLogWeights)
  return distances.pow(p).mean().pow(1 / p).item()
}

/// The masses of whole numbers 0..<`count`, `[count]`: how much of the weight lies in every bin.
/// - Parameter bins: `[n]`, whole.
public func occupancy(_ bins: Tensor, count: Int, logWeights: Tensor? = nil) -> Tensor {
  Tensor.zeros([count], dtype: .double, device: bins.device).indexAdd(
    axis: 0, bins.to(.int64), normalisedWeights(logWeights, rows: bins))
}

/// ½ Σ |p − q| of two mass functions.
public func totalVariationDistance(_ p: Tensor, _ q: Tensor) -> Double {
  precondition(p.shape == q.shape, "totalVariationDistance: \(p.shape) and \(q.shape) differ")
  return 0.5 * (p - q).abs().sum().item()
}

/// Weights of rows that sum to 1, `[n]`, `Double`.
func normalisedWeights(_ logWeights: Tensor?, rows: Tensor) -> Tensor {
  let n = rows.size(0)
  guard let logWeights else {
    return .zeros([n], dtype: .double, device: rows.device) + 1 / Double(n)
  }
  precondition(logWeights.count == n, "found \(logWeights.count) log-weights for \(n) draws")
  let weights = logWeights.reshape(n).to(.double, device: rows.device).softmax(0)
  precondition(!weights.sum().item().isNaN, "log-weights must be finite or −∞, and not all −∞")
  return weights
}

/// Columns sorted one by one, `[d, n]`, with the weights cumulated in their order.
private struct WeightedColumns {
  let sorted: Tensor
  let cumulated: Tensor

  init(_ rows: Tensor, _ weights: Tensor) {
    let (values, order) = rows.transposed.contiguous().sorted(1)
    sorted = values
    let cumulated = weights.select(axis: 0, order.reshape(-1)).reshape(order.shape).cumulativeSum(1)
    // The last is 1 but for rounding.
    self.cumulated = cumulated / cumulated[.all, cumulated.size(1) - 1].unsqueeze(1)
  }

  /// F⁻¹ at levels `[d, k]`.
  func quantiles(_ levels: Tensor) -> Tensor {
    sorted.gather(axis: 1, cumulated.searchSorted(levels.contiguous()).clamp(0, Double(sorted.size(1) - 1)))
  }
}
