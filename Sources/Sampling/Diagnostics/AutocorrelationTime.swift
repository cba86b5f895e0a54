import RealModule
import Torch

/// How many independent draws the means of chains `[d, chains, draws]` are worth, `[d]`.
///
/// All draws where they are equal, NaN where one is not finite.
func effectiveSampleSize(chains: Tensor) -> [Double] {
  let (d, m, n) = (chains.size(0), chains.size(1), chains.size(2))
  let all = chains.reshape(d, -1)
  let spans = (all.max(1) - all.min(1)).doubles
  let betweenMeans = m > 1 ? chains.mean(2).variance(1).doubles : [Double](repeating: 0, count: d)
  let covariances = autocovariances(chains).mean(1).doubles
  return (0..<d).map { i in
    if spans[i].isNaN || spans[i].isInfinite { return .nan }
    if spans[i] == 0 { return Double(m * n) }
    return effectiveSampleSize(
      autocovariances: covariances[i * n..<(i + 1) * n], betweenMeans: betweenMeans[i], chains: m)
  }
}

/// Σₜ xₛxₛ₊ₜ/n around each chain's mean for lags 0..<n, `[d, chains, n]`, by Fourier transforms.
private func autocovariances(_ chains: Tensor) -> Tensor {
  let n = chains.size(2)
  // Twice the length, so that the end does not meet the start; a power of two is fast.
  var length = 1
  while length < 2 * n { length *= 2 }
  let spectrum = (chains - chains.mean(2, keep: true)).realFFT(axis: 2, length: length)
  let power = spectrum.viewAsReal().square().sum(-1)
  let complex = Tensor.stack([power, .zeros(like: power)], axis: -1).viewAsComplex()
  return complex.inverseRealFFT(axis: 2, length: length).slice(axis: 2, start: 0, end: n) / Double(n)
}

/// m·n/τ with τ = 1 + 2 Σ ρₜ, cut and smoothed by Geyer's initial monotone sequence.
///
/// - Parameter covariances: of lags 0..<n, averaged over the chains.
private func effectiveSampleSize(
  autocovariances covariances: ArraySlice<Double>, betweenMeans: Double, chains: Int
)
  -> Double
{
  let n = covariances.count
  let c = covariances.startIndex
  let within = covariances[c] * Double(n) / Double(n - 1)
  let pooled = covariances[c] + betweenMeans
  func correlation(_ lag: Int) -> Double { 1 - (within - covariances[c + lag]) / pooled }

  // Sums of neighbours ρ₂ₖ + ρ₂ₖ₊₁ are positive and decrease for a reversible chain: once one is not, noise rules.
  var sum = 0.0
  var least = Double.infinity
  var lag = 1
  var (even, odd) = (1.0, correlation(1))
  while lag + 3 < n, even + odd > 0 {
    least = min(least, even + odd)
    sum += least
    lag += 2
    (even, odd) = (correlation(lag - 1), correlation(lag))
  }
  // Of the first pair left out, an even lag that is still positive counts once: less variance for antithetic chains.
  let time = max(-1 + 2 * sum + max(0, even), 1 / Double.log10(Double(chains * n)))
  return Double(chains * n) / time
}
