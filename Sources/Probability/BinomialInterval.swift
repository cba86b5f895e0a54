import Torch

/// The probabilities for which neither at most nor at least so many successes are less likely than half of 1 − `level`
/// (Clopper & Pearson 1934): it covers the true one with at least that probability.
///
/// - Parameters:
///   - successes: 0 to `trials`.
///   - level: in (0, 1).
public func binomialInterval(successes: Int, trials: Int, level: Double = 0.95) -> ClosedRange<Double> {
  precondition(
    trials >= 1 && (0...trials).contains(successes) && level > 0 && level < 1,
    "binomialInterval: \(successes) of \(trials) at \(level)")
  let tail = (1 - level) / 2
  // P(Binomial(n, p) ≥ k) = I_p(k, n − k + 1), which rises with p.
  func crossing(_ k: Int, _ target: Double) -> Double {
    var (low, high) = (0.0, 1.0)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if regularizedIncompleteBeta(Double(k), Double(trials - k + 1), middle) < target {
        low = middle
      } else {
        high = middle
      }
    }
    return (low + high) / 2
  }
  let low = successes == 0 ? 0 : crossing(successes, tail)
  let high = successes == trials ? 1 : crossing(successes + 1, 1 - tail)
  return low...high
}
