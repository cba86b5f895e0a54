import Foundation
import Statistics
import Testing
import Torch

/// Rows of a model with different weights at every transition.
private struct Chain {
  let design: Tensor
  let response: OrdinalResponse

  init(rows: Int = 400, columns: Int = 4, seed: UInt64 = 1) {
    var random = RandomSource(seed: seed)
    design = random.uniform([rows, columns], low: -1, high: 1, dtype: .double)
    let model = OrdinalModel(
      link: .logit, classes: 4, intercepts: [-0.5, 1, 2.5],
      weights: [[0.8, 0, -0.5, 0], [0.8, 0.3, -0.5, 0], [0.2, 0.3, -0.5, 0]])
    let probabilities = model.probabilities(of: design).values
    let codes = probabilities.map { row -> Int in
      var u = random.uniform()
      for (k, p) in row.enumerated() {
        u -= p
        if u < 0 { return k }
      }
      return row.count - 1
    }
    response = OrdinalResponse(codes, classes: 4)
  }
}

@Suite("ordered classes: PRESTO and its relatives")
struct ProportionalOddsTests {
  @Test("at the largest λ all weights are 0 and the intercepts are the classes' frequencies")
  func null() throws {
    let chain = Chain()
    let regression = OrdinalRegression()
    let largest = try regression.largestLambda(chain.design, chain.response)
    let fit = try regression.fit(chain.design, chain.response, lambda: largest * (1 + 1e-9))
    #expect(fit.nonZero == 0)
    for k in 0..<3 {
      let share = Double(chain.response.lowest.count { $0 <= k }) / 400
      #expect(abs(fit.model.intercepts[k] - log(share / (1 - share))) < 1e-8)
    }
    #expect(try regression.fit(chain.design, chain.response, lambda: largest * 0.99).nonZero == 1)
  }

  @Test("the conditions of a minimum hold along the path", arguments: OrdinalLink.allCases)
  func conditions(link: OrdinalLink) throws {
    let chain = Chain()
    var regression = OrdinalRegression()
    regression.link = link
    let lambdas = try regression.lambdas(chain.design, chain.response, count: 6, ratio: 0.01)
    for fit in try regression.path(chain.design, chain.response, lambdas: lambdas) {
      #expect(fit.isConverged && fit.residual < 1e-8)
    }
  }

  @Test(
    "slopes and curvatures are those of differences, in the tails as well", arguments: OrdinalLink.allCases)
  func derivatives(link: OrdinalLink) throws {
    // A fit's standard errors and residual rest on them; here the likelihood of one row is moved by hand.
    for (a, b) in [(0.3, -0.4), (2.5, 2.1), (-3.0, -6.0), (1.4, -9.0)] {
      func value(_ a: Double, _ b: Double) throws -> Double {
        let model = OrdinalModel(link: link, classes: 3, intercepts: [b, a], weights: [[], []])
        return -log(model.probabilities(of: .zeros([1, 0], dtype: .double)).values[0][1])
      }
      let difference = link.probability(a) - link.probability(b)
      #expect(abs(try value(a, b) + log(difference)) < 1e-9 * max(1, abs(log(difference))))
    }
  }

  @Test("with two classes it is the lasso of logistic regression: another route, coordinate by coordinate")
  func twoClasses() throws {
    let chain = Chain()
    let codes = chain.response.lowest.map { min($0, 1) }
    let fit = try OrdinalRegression().fit(
      chain.design, OrdinalResponse(codes, classes: 2), lambda: 0.02)
    // Standardised columns, and the conditions of the lasso checked from scratch.
    let x = chain.design
    let mean = x.mean(0)
    let deviation = ((x - mean) * (x - mean)).mean(0).sqrt()
    let z = (x - mean) / deviation
    let eta = fit.model.predictors(of: x).squeeze(1)
    let isFirst = Tensor(codes.map { $0 == 0 ? 1.0 : 0 })
    let slopes = (z * (eta.sigmoid() - isFirst).unsqueeze(1)).mean(0).doubles
    for (j, weight) in fit.model.weights[0].enumerated() {
      if weight == 0 {
        #expect(abs(slopes[j]) <= 0.02 + 1e-9)
      } else {
        #expect(abs(slopes[j] + (weight > 0 ? 0.02 : -0.02)) < 1e-8)
      }
    }
    #expect(abs((eta.sigmoid() - isFirst).mean().item()) < 1e-9)
  }

  @Test("reversing the classes mirrors the fit, whatever is penalised but the first weights")
  func reversal() throws {
    let chain = Chain()
    let mirrored = OrdinalResponse(chain.response.lowest.map { 3 - $0 }, classes: 4)
    var regression = OrdinalRegression()
    regression.penalisesBase = false
    for form in [OrdinalRegression.Form.presto, .proportional, .unrestricted] {
      regression.form = form
      let fit = try regression.fit(chain.design, chain.response, lambda: 0.004)
      let other = try regression.fit(chain.design, mirrored, lambda: 0.004)
      #expect(abs(fit.objective - other.objective) < 1e-10)
      for k in 0..<3 {
        #expect(abs(fit.model.intercepts[k] + other.model.intercepts[2 - k]) < 1e-6)
        for (a, b) in zip(fit.model.weights[k], other.model.weights[2 - k]) { #expect(abs(a + b) < 1e-6) }
      }
    }
  }

  @Test("rows twice with half the weight, and other units, change nothing but the units")
  func duplication() throws {
    let chain = Chain()
    let regression = OrdinalRegression()
    let fit = try regression.fit(chain.design, chain.response, lambda: 0.01)
    let twice = try regression.fit(
      .concatenate([chain.design, chain.design]),
      OrdinalResponse(chain.response.lowest + chain.response.lowest, classes: 4),
      weights: [Double](repeating: 0.5, count: 800), lambda: 0.01)
    let plain = try OrdinalRegression(.proportional).fit(chain.design, chain.response)
    let half = try OrdinalRegression(.proportional).fit(
      .concatenate([chain.design, chain.design]),
      OrdinalResponse(chain.response.lowest + chain.response.lowest, classes: 4),
      weights: [Double](repeating: 0.5, count: 800))
    let (errors, halved) = (try #require(plain.standardErrors), try #require(half.standardErrors))
    #expect(zip(errors.intercepts, halved.intercepts).allSatisfy { abs($0 - $1) < 1e-9 })
    let scaled = try regression.fit(chain.design * 1000 + 7, chain.response, lambda: 0.01)
    for k in 0..<3 {
      for j in 0..<4 {
        #expect(abs(fit.model.weights[k][j] - twice.model.weights[k][j]) < 1e-8)
        #expect(abs(fit.model.weights[k][j] - 1000 * scaled.model.weights[k][j]) < 1e-8)
      }
    }
    #expect(abs(fit.objective - scaled.objective) < 1e-12)
  }

  @Test(
    "without a penalty and with one weight a column it is proportional odds; many λ later PRESTO is unrestricted"
  )
  func limits() throws {
    let chain = Chain()
    let unrestricted = try OrdinalRegression(.unrestricted).fit(chain.design, chain.response)
    let free = try OrdinalRegression(.presto).fit(chain.design, chain.response, lambda: 0)
    #expect(abs(unrestricted.negativeLogLikelihood - free.negativeLogLikelihood) < 1e-12)
    let proportional = try OrdinalRegression(.proportional).fit(chain.design, chain.response)
    #expect(proportional.model.differences.dropFirst().allSatisfy { $0.allSatisfy { $0 == 0 } })
    #expect(proportional.negativeLogLikelihood > unrestricted.negativeLogLikelihood)
    #expect(proportional.standardErrors != nil && free.standardErrors != nil)
  }

  @Test("a class known to lie in a range counts with the range's probability")
  func censored() throws {
    let chain = Chain()
    // All of classes 1 and 2 known only together: the model of the merged classes, whose first intercept is free.
    let merged = OrdinalResponse(chain.response.lowest.map { max($0 - 1, 0) }, classes: 3)
    let fit = try OrdinalRegression(.unrestricted).fit(chain.design, merged)
    var lowest = chain.response.lowest
    var highest = lowest
    for i in lowest.indices where lowest[i] <= 1 { (lowest[i], highest[i]) = (0, 1) }
    // A single row tells the first two apart, so that every parameter is determined.
    let other = try OrdinalRegression(.proportional).fit(
      chain.design, OrdinalResponse(lowest: lowest, highest: highest, classes: 4))
    let reference = try OrdinalRegression(.proportional).fit(chain.design, merged)
    #expect(abs(other.negativeLogLikelihood - reference.negativeLogLikelihood) < 1e-9)
    #expect(fit.negativeLogLikelihood <= reference.negativeLogLikelihood + 1e-12)
  }

  @Test("rows whose cumulative probabilities cross are put in order and counted")
  func crossing() {
    let model = OrdinalModel(
      link: .logit, classes: 3, intercepts: [0, 1], weights: [[2], [0]])
    let result = model.probabilities(of: Tensor([-1.0, 0, 1], shape: [3, 1]))
    #expect(result.crossings == 1 && model.crossings(of: Tensor([-1.0, 0, 1], shape: [3, 1])) == 1)
    #expect(
      result.values.allSatisfy { row in row.allSatisfy { $0 >= 0 } && abs(row.reduce(0, +) - 1) < 1e-12 })
    #expect(abs(result.last[2] - 1 / (1 + exp(1.0))) < 1e-12)
    #expect(abs(result.values[2][2] - 1 / (1 + exp(2.0))) < 1e-12)
  }

  @Test("a strict fit has no crossing, and an objective that is no better")
  func strict() throws {
    let chain = Chain(rows: 120)
    var regression = OrdinalRegression()
    let observed = try regression.fit(chain.design, chain.response, lambda: 1e-4)
    regression.crossing = .strict
    let strict = try regression.fit(chain.design, chain.response, lambda: 1e-4)
    #expect(observed.crossings > 0 && strict.crossings == 0)
    #expect(strict.objective >= observed.objective - 1e-12)
  }

  @Test("signs hold, and factors of ∞ leave columns out")
  func constraints() throws {
    let chain = Chain()
    var regression = OrdinalRegression()
    regression.signs = [-1, 0, 1, 0]
    regression.penaltyFactors = [1, .infinity, 1, 0]
    let fit = try regression.fit(chain.design, chain.response, lambda: 0.001)
    for weights in fit.model.differences {
      #expect(weights[0] <= 0 && weights[1] == 0 && weights[2] >= 0 && weights[3] != 0)
    }
    #expect(fit.isConverged)
  }

  @Test("columns that tell classes apart perfectly are named, and nothing crashes")
  func separation() throws {
    let codes = (0..<90).map { $0 / 30 }
    let design = Tensor(codes.map { Double($0) } + (0..<90).map { sin(Double($0)) }, shape: [2, 90])
      .transposed
    let fit = try OrdinalRegression(.logistic).fit(design, OrdinalResponse(codes, classes: 3))
    #expect(fit.separated == [0])
  }

  @Test("the soup tastings have the likelihoods and optima of independent solvers")
  func soup() throws {
    guard let file = realData("ordinal/soup.csv") else {
      print("skipped: ordinal/soup.csv is not there")
      return
    }
    let soup = try DataTable(contentsOf: file)
    let coding = try DesignCoding(
      soup,
      columns: ["PROD", "DAY", "SOUPTYPE", "SOUPFREQ", "COLD", "EASY", "GENDER", "AGEGROUP", "LOCATION"],
      factors: ["DAY", "EASY"],
      references: [
        "PROD": "Ref", "DAY": "1", "SOUPTYPE": "Self-made", "SOUPFREQ": ">1/week", "COLD": "No", "EASY": "1",
        "GENDER": "Male", "AGEGROUP": "18-30", "LOCATION": "Region 1",
      ])
    #expect(coding.names.count == 22)
    let design = try coding.matrix(of: soup)
    let response = OrdinalResponse(try soup.numbers("SURENESS").map { 6 - Int($0) }, classes: 6)
    let proportional = try OrdinalRegression(.proportional).fit(design, response)
    #expect(abs(-1847 * proportional.negativeLogLikelihood + 2664.7456) < 1e-3)
    for (a, b) in zip(proportional.model.intercepts, [-0.63852, 0.03781, 0.29571, 0.62540, 1.62144]) {
      #expect(abs(a - b) < 1e-4)
    }
    #expect(abs(proportional.model.weights[0][coding.names.firstIndex(of: "PRODTest")!] - 1.1714) < 1e-3)
    #expect(abs(proportional.model.weights[0][coding.names.firstIndex(of: "EASY10")!] - 0.9047) < 1e-3)
    let logistic = try OrdinalRegression(.logistic).fit(design, response)
    #expect(abs(-1847 * logistic.negativeLogLikelihood + 640.4697) < 1e-3)
    let presto = OrdinalRegression()
    let largest = try presto.largestLambda(design, response)
    #expect(abs(largest - 0.163_552_39) < 1e-7)
    let path = try presto.path(design, response, lambdas: [0.5, 0.2, 0.1, 0.05].map { $0 * largest })
    for (fit, (objective, nonZero)) in zip(
      path, [(1.490_814_474, 1), (1.472_058_140, 14), (1.455_313_833, 47), (1.435_797_316, 74)])
    {
      #expect(abs(fit.objective - objective) < 1e-6)
      #expect(abs(fit.nonZero - nonZero) <= 1)
      #expect(fit.isConverged)
    }
    #expect(path.map(\.crossings) == [0, 0, 0, 62])
  }
}
