import Torch

/// The squared energy distance 2E|X − Y| − E|X − X′| − E|Y − Y′|, 0 only for equal laws (Székely 2003).
///
/// Cost O((n + m)²d) in blocks of bounded memory.
/// - Parameters:
///   - x: draws `[n, d]`, or `[n]` for numbers; at least two for the unbiased average.
///   - y: draws `[m, d]` or `[m]`.
///   - xLogWeights: `[n]`, of any scale; equal when `nil`.
///   - yLogWeights: `[m]`.
public func energyDistance(
  _ x: Tensor, _ y: Tensor, average: PairAverage = .unbiased, xLogWeights: Tensor? = nil,
  yLogWeights: Tensor? = nil
) -> Double {
  let (x, y) = (WeightedRows(x, xLogWeights), WeightedRows(y, yLogWeights))
  let distance = { (a: Tensor, b: Tensor) in a.distances(to: b) }
  return 2 * pairMean(x, y, distance) - pairMean(within: x, average, distance)
    - pairMean(within: y, average, distance)
}
