import Torch

/// Least squares with λ|β|² on the weights, the intercept free: min Σ w(y − β₀ − βᵀx)² + λ|β|². λ = 0 is ordinary least
/// squares.
///
/// Cost: one product of matrices and a factor of `[columns, columns]`; held-out predictions of all rows come from the same
/// factor.
public struct Ridge: LeaveOneOutRegressor, Hashable {
  /// λ ≥ 0, in the units of squared errors.
  public var penalty: Double
  public var hasIntercept: Bool

  public init(penalty: Double = 0, hasIntercept: Bool = true) {
    precondition(penalty >= 0, "Ridge: the penalty \(penalty)")
    (self.penalty, self.hasIntercept) = (penalty, hasIntercept)
  }

  public var name: String { penalty == 0 ? "least squares" : "ridge \(penalty)" }

  public func fit(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, using random: inout RandomSource
  ) throws(StatisticsError) -> any RegressionFit { try fit(design, targets, weights: weights) }

  /// The same, with its weights; draws nothing.
  public func fit(_ design: Tensor, _ targets: [Double], weights: [Double]? = nil) throws(StatisticsError)
    -> LinearFit
  {
    let system = try System(self, design, weights)
    let beta = system.solution(targets)
    return LinearFit(
      intercept: hasIntercept ? beta[0] : 0, weights: Array(hasIntercept ? beta.dropFirst() : beta[...]))
  }

  /// Of every row the prediction by the fit on all others, in closed form: y − (y − ŷ)/(1 − h) with the leverage h.
  public func leaveOneOut(_ design: Tensor, _ targets: [Double], weights: [Double]? = nil)
    throws(StatisticsError)
    -> [Double]
  {
    let system = try System(self, design, weights)
    let fitted = system.design.matmul(Tensor(system.solution(targets)).unsqueeze(1)).squeeze(1).doubles
    let leverages = system.leverages
    var result: [Double] = []
    for (i, y) in targets.enumerated() {
      guard leverages[i] < 1 - 1e-12 else {
        throw StatisticsError(
          .noAnswer, "row \(i + 1)", found: "a leverage of 1: the fit without it is not determined",
          expected: "rows that can do without one another", advice: "raise the penalty")
      }
      result.append(y - (y - fitted[i]) / (1 - leverages[i]))
    }
    return result
  }

  /// XᵀWX + λP = LLᵀ.
  private struct System {
    let design: Tensor
    let weights: Tensor?
    let factor: Tensor

    init(_ ridge: Ridge, _ design: Tensor, _ weights: [Double]?) throws(StatisticsError) {
      let n = design.size(0)
      let x = design.to(.double)
      let extended =
        ridge.hasIntercept ? Tensor.concatenate([.full([n, 1], 1, dtype: .double), x], axis: 1) : x
      let column = weights.map { Tensor($0).unsqueeze(1) }
      let weighted = column.map { extended * $0 } ?? extended
      let free = ridge.hasIntercept ? 1 : 0
      let diagonal = (0..<extended.size(1)).map { $0 < free ? 0 : ridge.penalty }
      let gram = weighted.transposed.matmul(extended) + Tensor(diagonal).diagonalMatrix()
      (self.design, self.weights) = (extended, column)
      guard let found = try? withTorchErrors({ gram.cholesky() }),
        ridge.penalty > 0 || Self.leastShare(found, gram) > 1e-13
      else {
        let determined = collinearColumns(design).map { "column \($0 + 1)" }
        throw StatisticsError(
          .noAnswer, "least squares",
          found: "a design without a unique fit"
            + (determined.isEmpty ? "" : " (\(determined.joined(separator: ", ")))"),
          expected: "columns that do not determine each other", advice: "leave them out, or give a penalty")
      }
      factor = found
    }

    /// The least share of a column that is left beside the columns before it. Rounding may leave a factor to a singular matrix.
    private static func leastShare(_ factor: Tensor, _ gram: Tensor) -> Double {
      (factor.diagonal().square() / gram.diagonal()).min().item()
    }

    func solution(_ targets: [Double]) -> [Double] {
      let y = Tensor(targets).unsqueeze(1)
      return factor.choleskySolve(design.transposed.matmul(weights.map { $0 * y } ?? y)).squeeze(1).doubles
    }

    /// wᵢ xᵢᵀ(XᵀWX + λP)⁻¹xᵢ.
    var leverages: [Double] {
      let half = factor.triangularSolve(design.transposed)
      let h = (half * half).sum(0)
      return (weights.map { h * $0.squeeze(1) } ?? h).doubles
    }
  }
}
