import Foundation
import Probability
import Testing
import Torch

@Suite("metrics of probabilities, and repetitions")
struct ClassificationMetricsTests {
  @Test("average precision of a small ranking, by hand")
  func precision() {
    // Precisions 1, 2/3 at the two positives.
    #expect(
      abs(averagePrecision([0.9, 0.8, 0.7, 0.1], positive: [true, false, true, false]) - 5.0 / 6) < 1e-15)
    // Everything tied: the share of positives.
    #expect(averagePrecision([1, 1, 1, 1], positive: [true, false, false, false]) == 0.25)
    #expect(averagePrecision([1, 2], positive: [false, false]).isNaN)
  }

  @Test("the calibration error is 0 where every bin's probabilities are its frequency")
  func calibration() {
    let probabilities = (0..<100).map { $0 < 50 ? 0.2 : 0.6 }
    let positive = (0..<100).map { $0 < 50 ? $0 % 5 == 0 : $0 % 5 < 3 }
    #expect(calibrationError(probabilities, positive: positive, bins: 2) < 1e-30)
    let curve = calibrationCurve(probabilities, positive: positive, bins: 2)
    #expect(curve.map(\.count) == [50, 50] && curve[1].frequency == 0.6)
    // All frequencies ½ away.
    #expect(
      abs(
        calibrationError([0, 0, 1, 1], positive: [true, false, true, false], bins: 2) - 0.25) < 1e-15)
  }

  @Test("log-loss is clipped")
  func clipped() {
    #expect(abs(logLoss([0, 1], positive: [true, true]) + log(1e-15) / 2) < 1e-12)
  }

  @Test("the logarithm of the normal distribution function has all its digits in both tails")
  func tails() {
    // Mills' ratio series, the asymptotic law, and the reflection.
    #expect(abs(logNormalCDF(-40) - (-804.608_442_013_754_4)) < 1e-9)
    #expect(abs(logNormalCDF(0) - log(0.5)) < 1e-15)
    #expect(abs(logNormalCDF(10) / -7.619_853_024_160_47e-24 - 1) < 1e-10)
    for x in stride(from: -14.0, through: -10, by: 0.25) {
      let direct = log(0.5 * erfc(-x * 0.5.squareRoot()))
      #expect(abs(logNormalCDF(x) - direct) < 1e-11 * abs(direct))
    }
  }

  @Test("repetitions depend on their number alone, and comparisons are paired")
  func repetitions() {
    let random = RandomSource(seed: 4)
    let found = Repetitions(20).run(random) { $0.uniform() }
    let alone = (0..<20).map { index in
      var stream = random.split(index)
      return stream.uniform()
    }
    #expect(found == alone)
    let comparison = PairedComparison([1, 2, 3, 4], [2, 2, 5, 3])
    #expect(comparison.below == 2 && comparison.decided == 3)
    #expect(abs(comparison.difference.value + 0.5) < 1e-15)
    #expect(abs(comparison.t - comparison.difference.value / comparison.difference.standardError) < 1e-15)
  }
}
