import Probability
import Statistics
import Testing

@Suite("intervals of probabilities")
struct IntervalTests {
  @Test(
    "Wilson's interval solves its quadratic, and meets 0 and 1",
    arguments: [(0, 10), (3, 10), (10, 10), (250, 1000)])
  func wilson(successes: Int, trials: Int) {
    let interval = wilsonInterval(successes: successes, trials: trials)
    let (n, z) = (Double(trials), normalQuantile(0.975))
    let share = Double(successes) / n
    #expect(interval.contains(share))
    for end in [interval.lowerBound, interval.upperBound] where end > 0 && end < 1 {
      let distance = (share - end) * (share - end)
      #expect(abs(distance - z * z * end * (1 - end) / n) < 1e-12)
    }
    #expect(successes > 0 || interval.lowerBound == 0)
    #expect(successes < trials || interval.upperBound == 1)
  }

  @Test("it covers as often as it says, on average over probabilities")
  func coverage() {
    var (covered, total) = (0.0, 0.0)
    let n = 30
    let intervals = (0...n).map { wilsonInterval(successes: $0, trials: n) }
    for step in 1..<200 {
      let p = Double(step) / 200
      var mass = 1.0
      for _ in 0..<n { mass *= 1 - p }
      for k in 0...n {
        if intervals[k].contains(p) { covered += mass }
        mass *= Double(n - k) / Double(k + 1) * p / (1 - p)
      }
      total += 1
    }
    #expect(abs(covered / total - 0.95) < 0.01)
  }
}
