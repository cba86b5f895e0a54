import Solvers
import Testing
import Torch

/// ½ (x − c)ᵀA(x − c).
private struct Bowl: SmoothObjective {
  let a: [Double]
  let centre: [Double]
  var dimension: Int { centre.count }
  func value(at x: [Double]) -> Double { expansion(at: x).value }
  func expansion(at x: [Double]) -> (value: Double, gradient: [Double], hessian: [Double]) {
    let m = x.count
    let d = zip(x, centre).map { $0 - $1 }
    let gradient = (0..<m).map { i in (0..<m).reduce(0) { $0 + a[i * m + $1] * d[$1] } }
    return (0.5 * zip(d, gradient).reduce(0) { $0 + $1.0 * $1.1 }, gradient, a)
  }
}

@Suite("penalised Newton")
struct ProximalNewtonTests {
  @Test("with a diagonal matrix the minimum is soft thresholding, inside bounds")
  func softThresholding() {
    let bowl = Bowl(a: [2, 0, 0, 0, 1, 0, 0, 0, 4], centre: [3, -0.5, -2])
    var penalty = SeparablePenalty(none: 3)
    penalty.absolute = [1, 1, 1]
    penalty.square = [0, 0, 4]
    let minimum = ProximalNewton().minimise(bowl, penalty, from: [0, 0, 0])
    #expect(zip(minimum.point, [2.5, 0, -7.0 / 8]).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(minimum.isConverged && minimum.residual < 1e-12)
    penalty.upper[0] = 1
    penalty.lower[2] = 0
    let bounded = ProximalNewton().minimise(bowl, penalty, from: [0, 0, 0])
    #expect(bounded.point == [1, 0, 0] && bounded.isConverged)
  }

  @Test("the conditions of a minimum hold on dense problems, zeros and all", arguments: [0.02, 0.2, 1])
  func dense(lambda: Double) {
    var random = RandomSource(seed: 8)
    let m = 40
    let x = random.normal([60, m], dtype: .double)
    let a = (x.transposed.matmul(x) / 60).doubles
    let bowl = Bowl(a: a, centre: random.normal([m], dtype: .double).doubles)
    var penalty = SeparablePenalty(none: m)
    penalty.absolute = [Double](repeating: lambda, count: m)
    penalty.absolute[0] = 0
    let minimum = ProximalNewton(tolerance: 1e-10).minimise(
      bowl, penalty, from: [Double](repeating: 0, count: m))
    let gradient = bowl.expansion(at: minimum.point).gradient
    #expect(minimum.isConverged)
    #expect(abs(gradient[0]) < 1e-9)
    for j in 1..<m {
      if minimum.point[j] == 0 {
        #expect(abs(gradient[j]) <= lambda + 1e-9)
      } else {
        #expect(abs(gradient[j] + (minimum.point[j] > 0 ? lambda : -lambda)) < 1e-9)
      }
    }
    #expect(lambda < 0.1 || minimum.point.contains(0))
  }

  @Test(
    "columns that hardly differ leave one step to the minimum, zeros and bounds and all", arguments: 1...8)
  func collinear(seed: Int) {
    var random = RandomSource(seed: UInt64(seed))
    let m = 12
    let x = random.normal([50, 1], dtype: .double) + random.normal([50, m], dtype: .double) * 1e-3
    let a = (x.transposed.matmul(x) / 50).doubles
    let bowl = Bowl(a: a, centre: random.normal([m], dtype: .double).doubles)
    var penalty = SeparablePenalty(none: m)
    penalty.absolute = [Double](repeating: 1e-3, count: m)
    penalty.lower = [Double](repeating: 0, count: m)
    penalty.upper = [Double](repeating: 0.3, count: m)
    let start = [Double](repeating: 0.1, count: m)
    let minimum = ProximalNewton(tolerance: 1e-9).minimise(bowl, penalty, from: start)
    #expect(minimum.isConverged && minimum.iterations <= 2)
    let gradient = bowl.expansion(at: minimum.point).gradient
    for j in 0..<m {
      let slope = gradient[j] + 1e-3
      #expect(minimum.point[j] > 0 || slope > -1e-8)
      #expect(minimum.point[j] < 0.3 || slope < 1e-8)
      #expect(minimum.point[j] == 0 || minimum.point[j] == 0.3 || abs(slope) < 1e-8)
    }
  }
}
