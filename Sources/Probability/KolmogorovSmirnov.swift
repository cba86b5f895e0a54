import RealModule
import Torch

/// The outcome of a Kolmogorov–Smirnov test.
public struct KolmogorovSmirnovTest: Sendable, Hashable {
  /// The largest distance between the distribution functions, in [0, 1].
  public let statistic: Double
  /// The chance of a distance at least as large under equal laws.
  public let pValue: Double

  public init(statistic: Double, pValue: Double) {
    self.statistic = statistic
    self.pValue = pValue
  }
}

/// Whether numbers come from a distribution, by its distribution function.
///
/// - Parameters:
///   - samples: `[n]`, n ≥ 1, independent and without NaN.
///   - cdf: of a continuous law, element by element.
public func kolmogorovSmirnov(_ samples: Tensor, cdf: (Tensor) -> Tensor) -> KolmogorovSmirnovTest {
  let x = sortedNumbers(samples)
  let n = x.count
  let levels = cdf(x).to(.double).reshape(-1)
  let steps = Tensor.range(to: Double(n + 1), dtype: .double, device: x.device) / Double(n)
  let above = (steps[1...n] - levels).max().item()
  let below = (levels - steps[0..<n]).max().item()
  let statistic = max(above, below)
  return KolmogorovSmirnovTest(statistic: statistic, pValue: kolmogorovSurvival(statistic, n))
}

/// Whether two samples of numbers come from one continuous law.
///
/// The p-value is the one-sample one at nm/(n + m), rounded, draws: asymptotically exact.
public func kolmogorovSmirnov(_ x: Tensor, _ y: Tensor) -> KolmogorovSmirnovTest {
  let (a, b) = (sortedNumbers(x), sortedNumbers(y).to(device: x.device))
  let pooled = Tensor.concatenate([a, b])
  let fa = a.searchSorted(pooled, right: true).to(.double) / Double(a.count)
  let fb = b.searchSorted(pooled, right: true).to(.double) / Double(b.count)
  let statistic = (fa - fb).abs().max().item()
  let n = Double(a.count) * Double(b.count) / Double(a.count + b.count)
  let count = max(1, Int(n.rounded(.toNearestOrEven)))
  return KolmogorovSmirnovTest(statistic: statistic, pValue: kolmogorovSurvival(statistic, count))
}

private func sortedNumbers(_ x: Tensor) -> Tensor {
  precondition(
    x.rank == 1 && x.count > 0, "kolmogorovSmirnov: numbers [n] expected, found the shape \(x.shape)")
  return x.detach().to(.double).sorted().values
}

/// P(Dₙ ≥ d) for the one-sample statistic of n draws.
///
/// For n ≤ 1000 exact to 1e-11 absolutely (Durbin's matrix), and where nd² ≥ 4 to 1e-8 relatively (Smirnov's
/// sum, n ≤ 100 000). Beyond, Kolmogorov's series with the corrections of Vrbik (2018): within 2e-5.
public func kolmogorovSurvival(_ d: Double, _ n: Int) -> Double {
  let size = Double(n)
  if d.isNaN { return .nan }
  if d <= 0.5 / size { return 1 }
  if d >= 1 { return 0 }
  // Both one-sided distances are that large at once with a chance of 2exp(−8nd²) only.
  if n <= 100_000 && size * d * d >= 4 { return min(1, 2 * smirnovTail(d, n)) }
  if n <= 1000 { return 1 - durbinCDF(d, n) }
  let t = size.squareRoot() * d
  return kolmogorovSeries(t + 1 / (6 * size.squareRoot()) + (t - 1) / (4 * size))
}

/// 2 Σ (−1)ᵏ⁻¹ exp(−2k²t²), in the form that converges fast at each t.
private func kolmogorovSeries(_ t: Double) -> Double {
  var sum = 0.0
  if t < 1 {
    // Jacobi's theta transformation of the same series.
    let exponent = Double.pi * Double.pi / (8 * t * t)
    for k in stride(from: 1.0, through: 15, by: 2) { sum += Double.exp(-k * k * exponent) }
    return 1 - Double.sqrt(2 * Double.pi) / t * sum
  }
  var sign = 2.0
  for k in stride(from: 1.0, through: 12, by: 1) {
    sum += sign * Double.exp(-2 * k * k * t * t)
    sign = -sign
  }
  return sum
}

/// P(Dₙ⁺ ≥ d) = d Σⱼ C(n, j)(d + j/n)ʲ⁻¹(1 − d − j/n)ⁿ⁻ʲ (Smirnov 1944).
private func smirnovTail(_ d: Double, _ n: Int) -> Double {
  let size = Double(n)
  let last = Int((size * (1 - d)).rounded(.down))
  let terms = (0...max(0, last)).map { j -> Double in
    let k = Double(j)
    let choices = Double.logGamma(size + 1) - .logGamma(k + 1) - .logGamma(size - k + 1)
    let rest = 1 - d - k / size
    let decay = rest > 0 ? (size - k) * .log(rest) : (j == n ? 0 : -.infinity)
    return choices + (k - 1) * .log(d + k / size) + decay
  }
  return d * .exp(logSumExp(terms))
}

/// P(Dₙ < d) = n!/nⁿ (Hⁿ)ₖₖ with Durbin's matrix H (Marsaglia, Tsang and Wang 2003, eq. 3).
private func durbinCDF(_ d: Double, _ n: Int) -> Double {
  let size = Double(n)
  let k = Int((size * d).rounded(.up))
  let h = Double(k) - size * d
  let m = 2 * k - 1
  var entries = [Double](repeating: 0, count: m * m)
  func inverseFactorial(_ i: Int) -> Double { .exp(-.logGamma(Double(i) + 1)) }
  for i in 0..<m {
    for j in 0..<min(i + 2, m) { entries[i * m + j] = inverseFactorial(i - j + 1) }
  }
  for i in 0..<m {
    // The first column and the last row carry the fractional part of nd.
    entries[i * m] -= .pow(h, i + 1) * inverseFactorial(i + 1)
    entries[(m - 1) * m + i] -= .pow(h, m - i) * inverseFactorial(m - i)
  }
  // The corner was reduced by both and is owed max(0, 2h − 1)ᵐ.
  if 2 * h > 1 { entries[(m - 1) * m] += .pow(2 * h - 1, m) * inverseFactorial(m) }
  let (power, logScale) = scaledPower(Tensor(entries, shape: [m, m]), n)
  let logFactor = Double.logGamma(size + 1) - size * .log(size) + logScale
  return min(1, max(0, power[k - 1, k - 1].item() * .exp(logFactor)))
}

/// Hⁿ as a matrix of moderate size and the logarithm of its scale.
private func scaledPower(_ matrix: Tensor, _ n: Int) -> (Tensor, Double) {
  func normalised(_ value: Tensor, _ scale: Double) -> (Tensor, Double) {
    let size = value.abs().max().item()
    return (value / size, scale + .log(size))
  }
  var base = (matrix, 0.0)
  var result = (Tensor.identity(matrix.size(0), dtype: .double), 0.0)
  var rest = n
  while rest > 0 {
    if rest & 1 == 1 { result = normalised(result.0.matmul(base.0), result.1 + base.1) }
    base = normalised(base.0.matmul(base.0), 2 * base.1)
    rest >>= 1
  }
  return result
}
