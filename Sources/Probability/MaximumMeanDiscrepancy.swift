import Torch

/// The squared maximum mean discrepancy with the kernel exp(−|x − y|²/(2h²)) (Gretton et al. 2012).
///
/// Cost O((n + m)²d) in blocks of bounded memory.
/// - Parameters:
///   - x: draws `[n, d]` or `[n]`.
///   - y: draws `[m, d]` or `[m]`.
///   - bandwidth: h > 0; the median heuristic of ``medianDistance(_:_:)``, which knows no weights, when left out.
///   - xLogWeights: `[n]`, of any scale; equal when `nil`.
///   - yLogWeights: `[m]`.
public func maximumMeanDiscrepancy(
  _ x: Tensor, _ y: Tensor, bandwidth: Double? = nil, average: PairAverage = .unbiased,
  xLogWeights: Tensor? = nil, yLogWeights: Tensor? = nil
) -> Double {
  let (a, b) = (WeightedRows(x, xLogWeights), WeightedRows(y, yLogWeights))
  let h = bandwidth ?? medianDistance(x, y)
  precondition(h > 0, "maximumMeanDiscrepancy: the bandwidth is \(h), expected a number > 0")
  let kernel = { (a: Tensor, b: Tensor) in (a.distances(to: b).square() * (-0.5 / (h * h))).exp() }
  return pairMean(within: a, average, kernel) + pairMean(within: b, average, kernel)
    - 2 * pairMean(a, b, kernel)
}

/// The median distance between different draws of the pooled samples.
///
/// Of more than 2000 draws, 2000 evenly spaced ones count, so that the cost stays bounded and no randomness
/// is needed.
public func medianDistance(_ x: Tensor, _ y: Tensor) -> Double {
  let pooled = Tensor.concatenate([asRows(x), asRows(y)])
  let n = pooled.size(0)
  let kept = min(n, 2000)
  let rows = pooled.select(axis: 0, Tensor((0..<kept).map { $0 * n / kept }, device: pooled.device))
  let pairs = Tensor.ones([kept, kept], dtype: .bool, device: pooled.device).upperTriangle(1)
  let sorted = rows.distances(to: rows).masked(by: pairs).sorted().values
  let count = sorted.count
  precondition(count > 0, "medianDistance: needs at least 2 draws")
  return 0.5 * (sorted[(count - 1) / 2] + sorted[count / 2]).item()
}
