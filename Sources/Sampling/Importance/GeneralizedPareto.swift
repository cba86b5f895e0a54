import Probability
import RealModule

/// The generalised Pareto law of exceedances, P(X > x) = (1 + k x/σ)^(−1/k); exponential at k = 0.
struct GeneralizedPareto: Sendable, Hashable {
  /// k: moments of order 1/k and above do not exist.
  let shape: Double
  /// σ > 0.
  let scale: Double

  /// The fit of Zhang & Stephens 2009: the posterior mean of θ = −k/σ on a grid of its profile likelihood.
  ///
  /// k is drawn towards ½ as by ten further exceedances (Vehtari et al. 2024, appendix C): without that it is noisy
  /// for few.
  /// - Parameter exceedances: increasing, ≥ 0, the largest > 0.
  init(fitting exceedances: [Double]) {
    let n = exceedances.count
    let count = Double(n)
    let quartile = exceedances[max(0, Int(count / 4 + 0.5) - 1)]
    let grid = 30 + Int(count.squareRoot())
    let candidates = (1...grid).map { j in
      let spread = 1 - (Double(grid) / (Double(j) - 0.5)).squareRoot()
      return 1 / exceedances[n - 1] + spread / (3 * quartile)
    }
    func meanLog(_ θ: Double) -> Double {
      exceedances.reduce(0) { $0 + .log(onePlus: -θ * $1) } / count
    }
    let logLikelihoods = candidates.map { θ in
      let k = meanLog(θ)
      return count * (.log(-θ / k) - k - 1)
    }
    let total = logSumExp(logLikelihoods)
    let θ = zip(candidates, logLikelihoods).reduce(0) { $0 + $1.0 * .exp($1.1 - total) }
    let k = meanLog(θ)
    scale = -k / θ
    shape = (count * k + 10 * 0.5) / (count + 10)
  }

  /// The x with P(X ≤ x) = p, for p in [0, 1).
  func quantile(_ p: Double) -> Double {
    let exponential = -Double.log(onePlus: -p)
    return abs(shape) < 1e-12 ? scale * exponential : scale * .expMinusOne(shape * exponential) / shape
  }
}
