import Probability

/// Wilson's score interval of a probability from counts: where (p̂ − p)² ≤ z² p(1 − p)/n.
///
/// Close to its level on average, short, and inside [0, 1] for any counts; the interval of Clopper and Pearson never covers less than
/// its level instead.
/// - Parameters:
///   - successes: in 0...trials.
///   - trials: at least 1.
///   - level: in (0, 1).
public func wilsonInterval(successes: Int, trials: Int, level: Double = 0.95) -> ClosedRange<Double> {
  precondition(
    trials >= 1 && (0...trials).contains(successes) && level > 0 && level < 1,
    "wilsonInterval: \(successes) of \(trials) at level \(level)")
  let n = Double(trials)
  let p = Double(successes) / n
  let z = normalQuantile(0.5 + level / 2)
  let scale = 1 + z * z / n
  let centre = (p + z * z / (2 * n)) / scale
  let reach = z * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot() / scale
  // The ends of the range are met exactly where all trials agree.
  let low = successes == 0 ? 0 : max(0, centre - reach)
  let high = successes == trials ? 1 : min(1, centre + reach)
  return low...high
}
