import RealModule
import Torch

/// log B(a, b) for a, b > 0.
public func logBeta(_ a: Double, _ b: Double) -> Double {
  .logGamma(a) + .logGamma(b) - .logGamma(a + b)
}

/// Iₓ(a, b), the distribution function of Beta(a, b) at x.
///
/// For a, b > 0 and x in [0, 1]; NaN elsewhere. Relative error at most 1e-12 for a, b ≤ 100 and 1e-9 for
/// a, b ≤ 1e5. A continued fraction (DLMF 8.17.22) by the modified Lentz method, O(√max(a, b)) steps.
/// - Parameter complement: 1 − x, where the caller has it more exactly than the subtraction gives.
public func regularizedIncompleteBeta(_ a: Double, _ b: Double, _ x: Double, complement: Double? = nil)
  -> Double
{
  let y = complement ?? 1 - x
  guard a > 0, b > 0, x >= 0, x <= 1 else { return .nan }
  if x == 0 { return 0 }
  if y == 0 { return 1 }
  let prefactor = Double.exp(a * .log(x) + b * .log(y) - logBeta(a, b))
  // The fraction converges fast on this side of the mean; the other side is its reflection.
  return x < (a + 1) / (a + b + 2)
    ? prefactor * betaFraction(a, b, x) / a : 1 - prefactor * betaFraction(b, a, y) / b
}

private func betaFraction(_ a: Double, _ b: Double, _ x: Double) -> Double {
  let tiny = 1e-300
  func away(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
  var c = 1.0
  var d = 1 / away(1 - (a + b) * x / (a + 1))
  var result = d
  for step in 1...100_000 {
    let m = Double(step)
    let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / away(1 + even * d)
    c = away(1 + even / c)
    result *= c * d
    let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / away(1 + odd * d)
    c = away(1 + odd / c)
    result *= c * d
    if abs(c * d - 1) < 3e-16 { break }
  }
  return result
}

/// The standard normal distribution function.
public func normalCDF(_ x: Double) -> Double { 0.5 * .erfc(-x * 0.5.squareRoot()) }

/// Its logarithm, with full relative accuracy in both tails; −∞ at −∞.
public func logNormalCDF(_ x: Double) -> Double {
  if x > -1 { return .log(onePlus: -0.5 * .erfc(x * 0.5.squareRoot())) }
  if x > -12 { return .log(0.5 * .erfc(-x * 0.5.squareRoot())) }
  // Mills' ratio by its continued fraction, which converges faster the further out.
  var fraction = 0.0
  for k in stride(from: 40.0, through: 1, by: -1) { fraction = k / (-x + fraction) }
  return -0.5 * x * x - 0.5 * .log(2 * .pi) - .log(-x + fraction)
}

/// The standard normal quantile function; ±∞ at 0 and 1, NaN outside [0, 1].
public func normalQuantile(_ p: Double) -> Double { Tensor(p).normalQuantile().item() }

/// A function of scalars applied element by element after broadcasting; on the host, without gradients.
func elementwise(_ a: Tensor, _ b: Tensor, _ c: Tensor, _ function: (Double, Double, Double) -> Double)
  -> Tensor
{
  let like = a.detach() + b.detach() + c.detach()
  let x = a.to(.double).expand(like.shape).doubles
  let y = b.to(.double).expand(like.shape).doubles
  let z = c.to(.double).expand(like.shape).doubles
  return Tensor(x.indices.map { function(x[$0], y[$0], z[$0]) }, shape: like.shape).to(like: like)
}

/// The place where an increasing function crosses `target`, to the last bit of `u` in [low, high].
///
/// Families bisect in a coordinate (log, logit, asinh) in which the whole range of `Double` is a short way.
func bisect(_ target: Tensor, low: Double, high: Double, _ increasing: (Tensor) -> Tensor) -> Tensor {
  var a = Tensor.full(target.shape, low, dtype: target.dtype, device: target.device)
  var b = Tensor.full(target.shape, high, dtype: target.dtype, device: target.device)
  for _ in 0..<68 {
    let middle = (a + b) * 0.5
    let below = increasing(middle) .< target
    a = Tensor.where(below, middle, a)
    b = Tensor.where(below, b, middle)
  }
  return (a + b) * 0.5
}

/// ψ(x) = d log Γ(x)/dx for x > 0; NaN elsewhere. Relative error about 1e-14 away from its zero at 1.4616.
///
/// Carried above 10 by ψ(x) = ψ(x + 1) − 1/x, then the asymptotic series (DLMF 5.11.2).
public func digamma(_ x: Double) -> Double {
  guard x > 0 else { return .nan }
  if x == .infinity { return x }
  var (x, sum) = (x, 0.0)
  while x < 10 {
    sum -= 1 / x
    x += 1
  }
  let s = 1 / (x * x)
  let series =
    s
    * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132 - s * (691.0 / 32760))))))
  return sum + .log(x) - 0.5 / x - series
}

/// ψ′(x) for x > 0; NaN elsewhere. Relative error about 1e-14, in the same way.
public func trigamma(_ x: Double) -> Double {
  guard x > 0 else { return .nan }
  if x == .infinity { return 0 }
  var (x, sum) = (x, 0.0)
  while x < 10 {
    sum += 1 / (x * x)
    x += 1
  }
  let s = 1 / (x * x)
  let series =
    1.0 / 6 - s * (1.0 / 30 - s * (1.0 / 42 - s * (1.0 / 30 - s * (5.0 / 66 - s * (691.0 / 2730)))))
  return sum + 1 / x + 0.5 * s + s / x * series
}
