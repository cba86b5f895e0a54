import Foundation
import Statistics
import Testing
import Torch

@Suite("continuation ratios")
struct SequentialOddsTests {
  /// Four classes that come by three chances to stay.
  private static func table(_ rows: Int, seed: UInt64) -> (x: Tensor, codes: [Int]) {
    var random = RandomSource(seed: seed)
    let x = random.normal([rows, 2], dtype: .double)
    let v = x.doubles
    let codes = (0..<rows).map { i -> Int in
      for (k, intercept) in [0.2, -0.5, 0.4].enumerated() {
        let eta = intercept + v[2 * i] - 0.5 * Double(k) * v[2 * i + 1]
        if random.uniform() < 1 / (1 + exp(-eta)) { return k }
      }
      return 3
    }
    return (x, codes)
  }

  @Test(
    "without a penalty every transition is a logistic regression of the rows that came so far",
    arguments: [false, true])
  func logistic(isWeighted: Bool) throws {
    let (x, codes) = Self.table(400, seed: 51)
    let weights = isWeighted ? (0..<400).map { $0 % 3 == 0 ? 2.0 : 1 } : nil
    var regression = OrdinalRegression(.unrestricted)
    regression.kind = .sequential
    let fit = try regression.fit(x, OrdinalResponse(codes, classes: 4), weights: weights)
    #expect(fit.isConverged && fit.crossings == 0)
    for k in 0..<3 {
      let rows = codes.indices.filter { codes[$0] >= k }
      let alone = try GeneralisedLinearModel(.logistic).fit(
        x.select(axis: 0, Tensor(rows)), rows.map { codes[$0] == k ? 1 : 0 },
        weights: weights.map { all in rows.map { all[$0] } })
      #expect(abs(alone.intercept - fit.model.intercepts[k]) < 1e-6)
      for (a, b) in zip(alone.weights, fit.model.weights[k]) { #expect(abs(a - b) < 1e-6) }
    }
    let found = fit.model.probabilities(of: x)
    for (i, row) in found.values.enumerated() {
      #expect(abs(row.reduce(0, +) - 1) < 1e-12 && row.allSatisfy { $0 > 0 } && row[3] == found.last[i])
    }
    let w = weights ?? [Double](repeating: 1, count: 400)
    let deviance = codes.indices.reduce(0) { $0 - w[$1] * log(found.values[$1][codes[$1]]) } / w.reduce(0, +)
    #expect(abs(deviance - fit.negativeLogLikelihood) < 1e-10)
  }

  @Test(
    "one weight for all transitions is a logistic regression of rows that are repeated at every transition")
  func proportional() throws {
    let (x, codes) = Self.table(300, seed: 52)
    var regression = OrdinalRegression(.proportional)
    regression.kind = .sequential
    let fit = try regression.fit(x, OrdinalResponse(codes, classes: 4))
    let stacked = codes.indices.flatMap { i in (0...min(codes[i], 2)).map { (row: i, at: $0) } }
    let dummies = Tensor(rows: stacked.map { [$0.at == 1 ? 1.0 : 0, $0.at == 2 ? 1 : 0] })
    let all = Tensor.concatenate([x.select(axis: 0, Tensor(stacked.map(\.row))), dummies], axis: 1)
    let alone = try GeneralisedLinearModel(.logistic).fit(all, stacked.map { codes[$0.row] == $0.at ? 1 : 0 })
    for k in 0..<3 {
      for j in 0..<2 { #expect(abs(fit.model.weights[k][j] - alone.weights[j]) < 1e-6) }
      let shift = k == 0 ? 0 : alone.weights[1 + k]
      #expect(abs(fit.model.intercepts[k] - alone.intercept - shift) < 1e-6)
    }
    let errors = try #require(fit.standardErrors)
    #expect(abs(errors.weights[0][0] - 0.1) < 0.05)
  }

  @Test("shrunk differences reach the optimum, and rows that are only known to have come so far count")
  func penalised() throws {
    let (x, codes) = Self.table(300, seed: 53)
    var regression = OrdinalRegression(.presto)
    regression.kind = .sequential
    let response = OrdinalResponse(codes, classes: 4)
    let largest = try regression.largestLambda(x, response)
    let path = try regression.path(x, response, lambdas: [1.001 * largest, 0.3 * largest, 0.01 * largest])
    #expect(path[0].nonZero == 0 && path[2].nonZero > path[1].nonZero)
    #expect(path.allSatisfy { $0.residual < 1e-8 })
    // A row of which only y ≥ 1 is known is one at the first transition that goes on.
    let censored = OrdinalResponse(
      lowest: codes.enumerated().map { $0.offset < 50 ? min(1, $0.element) : $0.element },
      highest: codes.enumerated().map { $0.offset < 50 && $0.element > 0 ? 3 : $0.element }, classes: 4)
    regression.form = .unrestricted
    let some = try regression.fit(x, censored)
    let whole = try regression.fit(x, response)
    #expect(abs(some.model.intercepts[0] - whole.model.intercepts[0]) < 1e-7)
    let late = codes.indices.filter { $0 >= 50 && codes[$0] >= 1 }
    let alone = try GeneralisedLinearModel(.logistic).fit(
      x.select(axis: 0, Tensor(late)), late.map { codes[$0] == 1 ? 1 : 0 })
    #expect(abs(some.model.intercepts[1] - alone.intercept) < 1e-6)
    let middle = OrdinalResponse(
      lowest: codes.map { min($0, 2) }, highest: codes.map { $0 == 1 ? 2 : $0 }, classes: 4)
    let row = codes.firstIndex(of: 1)! + 1
    #expect(
      message { _ = try regression.fit(x, middle) }.contains("row \(row): found one of the classes 2 to 3"))
  }

  @Test("models are read as they were written, those without a kind as cumulative")
  func files() throws {
    let model = OrdinalModel(
      link: .logit, classes: 3, intercepts: [0, 1], weights: [[1], [2]], kind: .sequential)
    let text = try JSONEncoder().encode(model)
    #expect(try JSONDecoder().decode(OrdinalModel.self, from: text) == model)
    let old = #"{"link": "logit", "classes": 3, "intercepts": [0, 1], "weights": [[1], [2]]}"#
    #expect(try JSONDecoder().decode(OrdinalModel.self, from: Data(old.utf8)).kind == .cumulative)
  }
}
