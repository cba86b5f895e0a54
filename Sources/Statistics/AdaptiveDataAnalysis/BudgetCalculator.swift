import Probability
import RealModule

/// How many questions a sample can answer to within τ of the population with probability 1 − β.
public struct BudgetCalculator: Sendable, Hashable {
  public enum Mechanism: String, Sendable, Hashable, CaseIterable, Codable {
    /// Questions fixed beforehand, plain means.
    case nonadaptive
    /// A fresh part of the records for each.
    case splitting
    /// Laplace noise, by pure differential privacy.
    case laplace
    /// Gaussian noise, by concentrated differential privacy and the transfer theorem of Jung et al.
    case gaussian
    /// Answers of three decimals, by description length.
    case rounding
  }

  public let rows: Int
  /// τ, as a share of the queries' range.
  public let tau: Double
  /// β.
  public let beta: Double

  public init(rows: Int, tau: Double, beta: Double) throws(StatisticsError) {
    guard rows >= 1 else { throw StatisticsError(.option, "n", found: "\(rows)", expected: "at least 1") }
    guard tau > 0, tau < 1 else {
      throw StatisticsError(.option, "tau", found: "\(tau)", expected: "in (0, 1)")
    }
    guard beta > 0, beta < 1 else {
      throw StatisticsError(.option, "beta", found: "\(beta)", expected: "in (0, 1)")
    }
    (self.rows, self.tau, self.beta) = (rows, tau, beta)
  }

  /// What a mechanism certifies.
  public struct Certificate: Sendable, Hashable {
    public let mechanism: Mechanism
    /// The largest number of questions; `Int.max` stands for all that can be counted.
    public let queries: Int
    /// b or σ of the noise at that number; `nil` without noise or where nothing is certified.
    public let scale: Double?
  }

  public func certificate(_ mechanism: Mechanism) -> Certificate {
    let n = Double(rows)
    switch mechanism {
    case .nonadaptive:
      let log = 2 * n * tau * tau + .log(beta / 2)
      return Certificate(mechanism: mechanism, queries: log < 43 ? Int(Double.exp(log)) : .max, scale: nil)
    case .splitting:
      return largest(mechanism) { m in
        m * .log(2 * m / self.beta) <= 2 * n * self.tau * self.tau ? 0 : nil
      }
    case .laplace: return largest(mechanism, laplaceScale)
    case .gaussian: return largest(mechanism, gaussianScale)
    case .rounding:
      return Certificate(mechanism: mechanism, queries: roundedQueries(decimals: 3), scale: nil)
    }
  }

  /// Answers of so many decimals; rounding takes half a unit of the last from τ.
  func roundedQueries(decimals: Int) -> Int {
    let n = Double(rows)
    let unit = Double.pow(10, -Double(decimals))
    let left = tau - unit / 2
    guard left > 0 else { return 0 }
    let bits = (2 * n * left * left - .log(2 / beta)) / .log(2)
    // The m-th mean is chosen knowing m − 1 answers.
    return max(0, Int(bits / .log2(1 / unit + 1)))
  }

  /// The largest m in 1…2⁴⁰ with a certificate, by bisection; `scale` is `nil` where there is none, and 0 stands for no noise.
  private func largest(_ mechanism: Mechanism, _ scale: (Double) -> Double?) -> Certificate {
    guard var found = scale(1) else { return Certificate(mechanism: mechanism, queries: 0, scale: nil) }
    var (low, high) = (1, 2)
    while high < 1 << 40, let next = scale(Double(high)) {
      (low, found) = (high, next)
      high *= 2
    }
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if let next = scale(Double(middle)) { (low, found) = (middle, next) } else { high = middle }
    }
    return Certificate(mechanism: mechanism, queries: low, scale: found == 0 ? nil : found)
  }

  /// Half of τ for the noise, half for overfitting, half of β for each.
  private func laplaceScale(_ m: Double) -> Double? {
    let n = Double(rows)
    let half = tau / 2
    let scale = half / .log(2 * m / beta)
    guard let epsilon = TransferTheorem.largestPureEpsilon(rows: rows, tau: half), m / (n * scale) <= epsilon
    else {
      return nil
    }
    return m * TransferTheorem.pureBound(rows: rows, tau: half) <= beta / 2 ? scale : nil
  }

  /// The noise with the smallest error, and whether that is within τ.
  private func gaussianScale(_ m: Double) -> Double? {
    let n = Double(rows)
    // β/2 for each of β₀/c and δ/d, c = 2d: what is left is a search over σ and d, in which the error is convex in each
    // logarithm near its minimum.
    func error(_ sigma: Double, _ d: Double) -> Double {
      let (c, rho) = (2 * d, m / (2 * n * n * sigma * sigma))
      let (outer, delta) = (beta * c / 2, beta * d / 2)
      guard outer < 1, delta < 1 else { return .infinity }
      let alpha = -normalQuantileOfSmall(outer / (2 * m)) * sigma
      let epsilon = PrivacyLedger.concentrated(rho, delta: delta)
      return TransferTheorem.populationError(
        alpha: alpha, beta: outer, epsilon: epsilon, delta: delta, c: c, d: d
      ).error
    }
    func best(_ sigma: Double) -> Double { Self.goldenSection(-14, 0) { error(sigma, .exp($0)) }.value }
    let found = Self.goldenSection(.log(1e-6), 0) { best(.exp($0)) }
    return found.value <= tau ? .exp(found.place) : nil
  }

  private static func goldenSection(_ low: Double, _ high: Double, _ f: (Double) -> Double) -> (
    place: Double, value: Double
  ) {
    let ratio = (5.0.squareRoot() - 1) / 2
    var (a, b) = (low, high)
    var (x, y) = (b - ratio * (b - a), a + ratio * (b - a))
    var (fx, fy) = (f(x), f(y))
    for _ in 0..<40 {
      if fx <= fy {
        (b, y, fy) = (y, x, fx)
        x = b - ratio * (b - a)
        fx = f(x)
      } else {
        (a, x, fx) = (x, y, fy)
        y = a + ratio * (b - a)
        fy = f(y)
      }
    }
    return fx <= fy ? (x, fx) : (y, fy)
  }
}

/// The standard normal quantile at a small p by Newton's method on the logarithm, without a tensor.
private func normalQuantileOfSmall(_ p: Double) -> Double {
  let target = Double.log(p)
  var x = -(-2 * target).squareRoot()
  for _ in 0..<50 {
    let log = logNormalCDF(x)
    let step = (log - target) * .exp(log + 0.5 * x * x + 0.5 * .log(2 * .pi))
    x -= step
    if abs(step) < 1e-13 * abs(x) { break }
  }
  return x
}
