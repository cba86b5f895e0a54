import Foundation
import Statistics
import Testing
import Torch

@Suite("regressors")
struct RegressorTests {
  private static func table(_ rows: Int, seed: UInt64 = 1) -> (x: Tensor, y: [Double]) {
    var random = RandomSource(seed: seed)
    let x = random.normal([rows, 4], dtype: .double)
    let y =
      (x.matmul(Tensor([2.0, -1, 0, 0.5]).unsqueeze(1)).squeeze(1) + 3
      + 0.5 * random.normal([rows], dtype: .double)).doubles
    return (x, y)
  }

  @Test("ridge leaves rows out in closed form as refits do, weights and all", arguments: [0.0, 3])
  func leaveOneOut(penalty: Double) throws {
    let (x, y) = Self.table(30)
    let weights = (0..<30).map { $0 % 4 == 0 ? 2.0 : 1 }
    let ridge = Ridge(penalty: penalty)
    let found = try ridge.leaveOneOut(x, y, weights: weights)
    for out in [0, 7, 29] {
      let rows = (0..<30).filter { $0 != out }
      let fit = try ridge.fit(
        x.select(axis: 0, Tensor(rows)), rows.map { y[$0] }, weights: rows.map { weights[$0] })
      #expect(abs(fit.predict(x[out..<out + 1])[0] - found[out]) < 1e-10)
    }
  }

  @Test("kernel ridge leaves rows out in closed form as rows of no weight do")
  func kernelLeaveOneOut() throws {
    let (x, y) = Self.table(30)
    var random = RandomSource(seed: 3)
    for weights in [nil, (0..<30).map { $0 % 4 == 0 ? 2.0 : 1 }] as [[Double]?] {
      let found = try KernelRidge(penalty: 0.5).leaveOneOut(x, y, weights: weights)
      for out in [0, 7, 29] {
        var without = weights ?? [Double](repeating: 1, count: 30)
        without[out] = 0
        let fit = try KernelRidge(penalty: 0.5).fit(x, y, weights: without, using: &random)
        #expect(abs(fit.predict(x[out..<out + 1])[0] - found[out]) < 1e-8)
      }
    }
  }

  @Test("perceptrons side by side are those that are trained alone, and rows of no weight say nothing")
  func perceptron() throws {
    let (x, y) = Self.table(60)
    let learner = Perceptron(hidden: 5, steps: 60)
    let folds = Folds(parts: (0..<60).map { $0 % 4 }, count: 4)
    var random = RandomSource(seed: 4)
    let held = try learner.heldOut(x, y, weights: nil, folds: folds, using: &random)
    for part in 0..<4 {
      var (other, again) = (y, RandomSource(seed: 4))
      for row in folds.rows(in: part) { other[row] = 1e3 }
      let weights = folds.parts.map { $0 == part ? 0.0 : 1 }
      let alone = try learner.fit(x, other, weights: weights, using: &again).predict(x)
      for row in folds.rows(in: part) { #expect(abs(alone[row] - held[row]) < 1e-8) }
    }
    let constant = try learner.fit(x, [Double](repeating: 7, count: 60), weights: nil, using: &random)
    #expect(constant.predict(x).allSatisfy { abs($0 - 7) < 1e-9 })
    // Without a penalty a linear law is learnt to a small part of its variance, which is 5.
    let linear = try Perceptron(penalty: 1e-3).fit(x, y, weights: nil, using: &random).predict(x)
    #expect(zip(linear, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / 60 < 0.5)
  }

  @Test("least squares names columns that determine each other")
  func collinear() throws {
    let (x, y) = Self.table(20)
    let twice = Tensor.concatenate([x, x.slice(axis: 1, start: 1, end: 2) * 2], axis: 1)
    #expect(collinearColumns(twice) == [4])
    #expect(message { _ = try Ridge().fit(twice, y) }.contains("column 5"))
    #expect(collinearColumns(.concatenate([.full([20, 1], 7, dtype: .double), x], axis: 1)) == [0])
  }

  @Test("the lasso's solution has the slopes of an optimum, and cross-validation keeps what matters")
  func lasso() throws {
    let (x, y) = Self.table(200)
    var random = RandomSource(seed: 2)
    let fit = try #require(Lasso(penalty: 0.3).fit(x, y, weights: nil, using: &random) as? LinearFit)
    let mean = x.mean(0)
    let deviation = ((x - mean) * (x - mean)).mean(0).sqrt()
    let residuals = Tensor(zip(y, fit.predict(x)).map { $0 - $1 })
    let slopes = (((x - mean) / deviation) * residuals.unsqueeze(1)).mean(0).doubles
    for (j, weight) in fit.weights.enumerated() {
      if weight == 0 {
        #expect(abs(slopes[j]) <= 0.3 + 1e-8)
      } else {
        #expect(abs(slopes[j] - (weight > 0 ? 0.3 : -0.3)) < 1e-8)
      }
    }
    #expect(fit.weights[2] == 0)
    let chosen = try #require(Lasso().fit(x, y, weights: nil, using: &random) as? LinearFit)
    #expect(abs(chosen.weights[0] - 2) < 0.15 && abs(chosen.intercept - 3) < 0.2)
  }

  @Test("linear quantiles have the right share of rows below, and of pure intercepts are order statistics")
  func quantile() throws {
    let (x, y) = Self.table(300)
    var random = RandomSource(seed: 2)
    for level in [0.1, 0.5, 0.8] {
      let fit = try QuantileRegression(level).fit(x, y, weights: nil, using: &random)
      let below = zip(y, fit.predict(x)).count { $0 < $1 - 1e-5 }
      // At the optimum at most as many rows as columns lie on the plane.
      #expect(abs(Double(below) - 300 * level) <= 6)
    }
    let alone = try QuantileRegression(0.5).fit(
      .zeros([5, 1], dtype: .double), [1, 2, 3, 50, 100], weights: nil, using: &random)
    #expect(abs(alone.predict(.zeros([1, 1], dtype: .double))[0] - 3) < 1e-3)
  }

  @Test("trees find a step, forests and boosting follow a curve, quantiles are in order")
  func trees() throws {
    var random = RandomSource(seed: 5)
    let x = random.uniform([600, 3], low: -1, high: 1, dtype: .double)
    let v = x.doubles
    let truth = (0..<600).map { sin(3 * v[$0 * 3]) + (v[$0 * 3 + 1] > 0.2 ? 1.0 : 0) }
    let y = zip(truth, random.normal([600], dtype: .double).doubles).map { $0 + 0.2 * $1 }
    func error(_ predictions: [Double]) -> Double {
      zip(predictions, truth).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / 600
    }
    for learner in [
      RandomForest() as any Regressor, GradientBoosting(), NearestNeighbours(8), KernelRidge(penalty: 1),
      Perceptron(),
    ] {
      let fit = try learner.fit(x, y, weights: nil, using: &random)
      #expect(error(fit.predict(x)) < 0.1, "\(learner.name)")
    }
    let forest = try RandomForest().grown(x, y, using: &random)
    let quantiles = forest.quantiles([0.1, 0.5, 0.9], x)
    #expect(
      (0..<600).allSatisfy { quantiles[0][$0] <= quantiles[1][$0] && quantiles[1][$0] <= quantiles[2][$0] })
    let high = try GradientBoosting(.quantile(0.9)).fit(x, y, weights: nil, using: &random).predict(x)
    #expect(abs(Double(zip(y, high).count { $0 <= $1 }) / 600 - 0.9) < 0.05)
  }

  @Test("boosted probabilities are calibrated on a known chance, and other labels refused")
  func logistic() throws {
    var random = RandomSource(seed: 6)
    let x = random.uniform([2000, 1], low: -2, high: 2, dtype: .double)
    let p = x.doubles.map { 1 / (1 + exp(-2 * $0)) }
    let y = p.map { random.uniform() < $0 ? 1.0 : 0 }
    let found = try GradientBoosting(.logistic, trees: 60).fit(x, y, weights: nil, using: &random).predict(x)
    #expect(zip(found, p).allSatisfy { abs($0 - $1) < 0.25 })
    #expect(zip(found, p).reduce(0) { $0 + abs($1.0 - $1.1) } / 2000 < 0.05)
    #expect(
      message { _ = try GradientBoosting(.logistic).fit(x, p, weights: nil, using: &random) }.contains(
        "row 1"))
  }

  @Test("a forest is the same on any number of threads, and weights of 2 are rows twice for least squares")
  func reproducible() throws {
    let (x, y) = Self.table(80)
    func forest() throws -> [Double] {
      var random = RandomSource(seed: 9)
      return try RandomForest(trees: 20).fit(x, y, weights: nil, using: &random).predict(x)
    }
    #expect(try forest() == forest())
    let twice = try Ridge().fit(.concatenate([x, x]), y + y)
    let weighted = try Ridge().fit(x, y, weights: [Double](repeating: 2, count: 80))
    for (a, b) in zip(twice.weights, weighted.weights) { #expect(abs(a - b) < 1e-10) }
  }

  @Test("names are read, and others answered with all there are")
  func names() throws {
    for name in [
      "ols", "ridge:3", "lasso", "elastic:0.3", "quantile:0.9", "knn:5", "kernel:2", "forest", "forest:0.5",
      "boosted", "boosted:0.1", "boosted-logistic", "mlp", "mlp:8",
    ] {
      _ = try RegressorNames.regressor(name)
    }
    #expect(message { _ = try RegressorNames.regressor("tree") }.contains("boosted-logistic"))
    #expect(message { _ = try RegressorNames.regressor("forest:2") }.contains("in (0, 1)"))
  }
}
