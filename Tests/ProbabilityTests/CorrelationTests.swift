import Foundation
import Probability
import Testing

@Suite("Correlations and intervals of counts")
struct CorrelationTests {
  @Test("lines have 1 or −1, ranks see only the order, ties share their rank")
  func values() {
    let x = [1.0, 2, 3, 4, 5]
    #expect(abs(Correlation.pearson(x, x.map { 3 - 2 * $0 }).value + 1) < 1e-12)
    #expect(abs(Correlation.spearman(x, x.map { exp($0) }).value - 1) < 1e-12)
    #expect(Correlation.kendall(x, x.map { exp($0) }).value == 1)
    #expect(Correlation.ranks([3, 1, 3, 2]) == [3.5, 1, 3.5, 2])
    // scipy 1.17: pearsonr, spearmanr and kendalltau of these.
    let y = [2.0, 1, 4, 3, 3]
    #expect(abs(Correlation.pearson(x, y).value - 0.554_700_196_225_229) < 1e-12)
    #expect(abs(Correlation.pearson(x, y).pearsonPValue - 0.331_841_406_054_503_24) < 1e-9)
    #expect(abs(Correlation.spearman(x, y).value - 0.564_288_093_646_834_7) < 1e-9)
    #expect(abs(Correlation.kendall(x, y).value - 0.316_227_766_016_838) < 1e-9)
    #expect(Correlation.pearson(x, [1, 1, 1, 1, 1]).value.isNaN)
  }

  @Test("Clopper and Pearson's interval is where the tails are a fortieth")
  func binomial() {
    #expect(abs(binomialInterval(successes: 0, trials: 64).upperBound - (1 - pow(0.025, 1.0 / 64))) < 1e-12)
    #expect(binomialInterval(successes: 0, trials: 64).lowerBound == 0)
    #expect(binomialInterval(successes: 64, trials: 64).upperBound == 1)
    func choose(_ n: Int, _ k: Int) -> Double {
      (0..<k).reduce(1.0) { product, i in product * Double(n - i) / Double(i + 1) }
    }
    func atMost(_ k: Int, _ n: Int, _ p: Double) -> Double {
      (0...k).reduce(0.0) { $0 + choose(n, $1) * pow(p, Double($1)) * pow(1 - p, Double(n - $1)) }
    }
    let found = binomialInterval(successes: 3, trials: 10)
    #expect(abs(atMost(3, 10, found.upperBound) - 0.025) < 1e-9)
    #expect(abs(1 - atMost(2, 10, found.lowerBound) - 0.025) < 1e-9)
  }

  @Test("the intraclass correlation is 1 where groups agree and −1/(k − 1) where means do")
  func intraclass() {
    #expect(abs(intraclassCorrelation([[1, 1], [2, 2], [5, 5]]) - 1) < 1e-12)
    #expect(abs(intraclassCorrelation([[1, -1], [2, -2], [3, -3]]) + 1) < 1e-12)
    #expect(abs(intraclassCorrelation([[1, -1, 0], [2, -2, 0]]) + 0.5) < 1e-12)
    // Mean squares 9 between and ½ within.
    #expect(abs(intraclassCorrelation([[0, 1], [3, 4]]) - (9 - 0.5) / (9 + 0.5)) < 1e-12)
  }

  @Test("the area under the curve is the share of pairs in order, ties counting half")
  func area() {
    #expect(areaUnderCurve(low: [1, 2], high: [3, 4, 5]) == 1)
    #expect(areaUnderCurve(low: [3, 4], high: [1]) == 0)
    // Of 1, 2, 2 against 2, 3: pairs below 2 + 1 + 1 + 1, ties of 2 with 2 twice.
    let (low, high) = ([1.0, 2, 2], [2.0, 3])
    var sum = 0.0
    for x in low { for y in high { sum += x < y ? 1 : x == y ? 0.5 : 0 } }
    #expect(areaUnderCurve(low: low, high: high) == sum / 6)
    #expect(areaUnderCurve(low: [], high: [1]).isNaN)
  }
}
