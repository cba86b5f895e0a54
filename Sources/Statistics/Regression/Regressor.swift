import Torch

/// A way of predicting a number from a row of numbers.
public protocol Regressor: Sendable {
  /// What messages and tables call it.
  var name: String { get }
  /// - Parameters:
  ///   - design: `[rows, columns]`, Double.
  ///   - targets: one a row.
  ///   - weights: one a row, ≥ 0.
  func fit(_ design: Tensor, _ targets: [Double], weights: [Double]?, using random: inout RandomSource)
    throws(StatisticsError) -> any RegressionFit
  /// Predictions of every row by fits on the other folds: what cross-fitting and pooled scores are made of.
  func heldOut(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, folds: Folds, using random: inout RandomSource
  ) throws(StatisticsError) -> [Double]
}

/// A regressor that leaves out row by row at about the cost of one fit.
public protocol LeaveOneOutRegressor: Regressor {
  /// Of every row the prediction by the fit on all others.
  func leaveOneOut(_ design: Tensor, _ targets: [Double], weights: [Double]?) throws(StatisticsError)
    -> [Double]
}

/// A fitted predictor.
public protocol RegressionFit: Sendable {
  /// One number for every row of `[rows, columns]`.
  func predict(_ design: Tensor) -> [Double]
}

extension Regressor {
  /// One fit a fold.
  public func heldOut(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, folds: Folds, using random: inout RandomSource
  ) throws(StatisticsError) -> [Double] {
    var result = [Double](repeating: 0, count: targets.count)
    for part in 0..<folds.count {
      let (train, test) = (folds.rows(outside: part), folds.rows(in: part))
      if test.isEmpty { continue }
      let fit = try fit(
        design.select(axis: 0, Tensor(train)), train.map { targets[$0] },
        weights: weights.map { all in train.map { all[$0] } }, using: &random)
      for (row, value) in zip(test, fit.predict(design.select(axis: 0, Tensor(test)))) { result[row] = value }
    }
    return result
  }
}

/// β₀ + βᵀx.
public struct LinearFit: RegressionFit, Hashable {
  public let intercept: Double
  public let weights: [Double]

  public init(intercept: Double, weights: [Double]) { (self.intercept, self.weights) = (intercept, weights) }

  public func predict(_ design: Tensor) -> [Double] {
    if weights.isEmpty { return [Double](repeating: intercept, count: design.size(0)) }
    return (design.to(.double).matmul(Tensor(weights).unsqueeze(1)).squeeze(1) + intercept).doubles
  }
}
