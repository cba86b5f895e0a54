import Foundation
import Probability
import Testing
import Torch

@Suite("Log-space numerics and special functions") struct LogSpaceTests {
  @Test("sums of exponentials neither overflow nor lose the smaller term")
  func sums() {
    #expect(logAddExp(1000, 1000) == 1000 + log(2))
    #expect(logAddExp(-.infinity, -.infinity) == -.infinity)
    #expect(logAddExp(.infinity, 3) == .infinity)
    #expect(logAddExp(.nan, 3).isNaN && logAddExp(3, .nan).isNaN)
    #expect(logAddExp(0, -40) == log1p(exp(-40)))
    #expect(logSumExp([]) == -.infinity)
    #expect(close(logSumExp([700, 710, 720]), 720.00004540096028, 1e-15))
    #expect(close(logMeanExp([1000, 1000, -.infinity, -.infinity]), 1000 - log(2), 1e-15))
    #expect(logMeanExp([]).isNaN && logMeanExp([1, .nan]).isNaN)
    let x = Tensor([1000, 1002, -3, 0.0], shape: [2, 2])
    expectClose(x.logMeanExp(1).doubles, [logMeanExp([1000, 1002]), logMeanExp([-3, 0])], 1e-15)
    #expect(close(x.logMeanExp().item(), logMeanExp([1000, 1002, -3, 0]), 1e-15))
  }

  @Test("log(1 − eˣ) is accurate on both branches")
  func log1m() {
    // mpmath 1.3, 40 digits: log(1 − exp(x)).
    let known: [(Double, Double)] = [
      (-1e-20, -46.0517018598809137352), (-1e-8, -18.4206807489523654471),
      (-0.5, -0.932752129567188571895), (-0.7, -0.686341002808385153499),
      (-2, -0.145413457868859056973), (-40, -4.24835425529158900435e-18), (-800, 0),
    ]
    for (x, expected) in known {
      #expect(close(log1mExp(x), expected, 4e-16, floor: 1e-300), "\(x): \(log1mExp(x))")
      #expect(close(Tensor(x).log1mExp().item(), expected, 4e-16, floor: 1e-300), "tensor \(x)")
    }
    #expect(log1mExp(0) == -.infinity && log1mExp(0.1).isNaN && log1mExp(-.infinity) == 0)
    let gradient = valueAndGradient(of: { $0.log1mExp() }, at: Tensor([-1e-6, -0.5, -50])).gradient.doubles
    let expected = [-1e-6, -0.5, -50].map { -exp($0) / -expm1($0) }
    expectClose(gradient, expected, 1e-12, floor: 1e-300)
  }

  @Test("differences of exponentials keep their sign and digits")
  func differences() {
    let cases: [(Double, Double, Double, Double)] = [
      (log(5), log(2), log(3), 1), (log(2), log(5), log(3), -1), (3, 3, -.infinity, 0),
      (-.infinity, -.infinity, -.infinity, 0), (-.infinity, 2, 2, -1), (.infinity, 2, .infinity, 1),
      (1000, 1000 - 1e-10, 1000 + log(1e-10), 1),
    ]
    for (a, b, magnitude, sign) in cases {
      // 1000 − 1e-10 keeps five digits of the difference.
      let tolerance = a == 1000 ? 1e-3 : 1e-15
      let scalar = logDiffExp(a, b)
      let (log, direction) = Tensor(a).logDiffExp(Tensor(b))
      #expect(
        close(scalar.logMagnitude, magnitude, tolerance) && scalar.sign == sign, "\(a), \(b): \(scalar)")
      #expect(close(log.item(), magnitude, tolerance) && direction.item() == sign, "\(a), \(b): \(log)")
    }
    #expect(logDiffExp(.infinity, .infinity).logMagnitude.isNaN)
    #expect(Tensor(Double.infinity).logDiffExp(Tensor(Double.infinity)).logMagnitude.item().isNaN)
    #expect(logDiffExp(.nan, 1).sign.isNaN)
  }

  @Test("digamma and trigamma agree with forty digits; outside x > 0 they are NaN")
  func polygamma() {
    for item in Fixture.scipy.polygamma {
      #expect(close(digamma(item[0]), item[1], 2e-14, floor: 0.1), "ψ(\(item[0]))")
      #expect(close(trigamma(item[0]), item[2], 2e-14, floor: 1e-12), "ψ′(\(item[0]))")
    }
    for x in [0, -1.5, .nan] { #expect(digamma(x).isNaN && trigamma(x).isNaN) }
    #expect(digamma(.infinity) == .infinity && trigamma(.infinity) == 0)
  }

  @Test("the incomplete beta function agrees with Boost's to its stated accuracy")
  func incompleteBeta() {
    for item in Fixture.scipy.incompleteBeta {
      let value = regularizedIncompleteBeta(item[0], item[1], item[2])
      let tolerance = max(item[0], item[1]) <= 100 ? 1e-12 : 1e-9
      #expect(close(value, item[3], tolerance, floor: 1e-300), "\(item): \(value)")
      let reflected = regularizedIncompleteBeta(item[1], item[0], 1 - item[2], complement: item[2])
      #expect(close(value + reflected, 1, 1e-9))
    }
    #expect(regularizedIncompleteBeta(2, 3, 0) == 0 && regularizedIncompleteBeta(2, 3, 1) == 1)
    #expect(regularizedIncompleteBeta(2, 3, 1.1).isNaN && regularizedIncompleteBeta(-1, 3, 0.5).isNaN)
  }

  @Test("effective sample sizes of equal, single and absent weights")
  func effectiveSize() {
    #expect(close(effectiveSampleSize(logWeights: [-1000, -1000, -1000]), 3, 1e-12))
    #expect(effectiveSampleSize(logWeights: [0, -.infinity]) == 1)
    #expect(effectiveSampleSize(logWeights: [-.infinity, -.infinity]) == 0)
    #expect(close(effectiveSampleSize(logWeights: [log(1), log(2)]), 9.0 / 5, 1e-14))
    let rows = Tensor(rows: [[0, log(2)], [-.infinity, -.infinity], [900, 900], [Double.nan, 0]])
    expectClose(effectiveSampleSize(logWeights: rows).doubles, [1.8, 0, 2, .nan], 1e-12)
  }
}
