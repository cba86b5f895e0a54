import Solvers
import RealModule
import Torch

/// Least squares with the elastic net's penalty in columns of deviation 1: min ½ mean w(y − β₀ − βᵀx)² + λ(a|β| + ½(1 − a)β²).
///
/// λ is chosen by cross-validation where it is not given. Coordinate descent on the Gram matrix; the conditions of the
/// optimum hold to 1e-9.
public struct Lasso: Regressor, Hashable {
  /// λ; by cross-validation where `nil`.
  public var penalty: Double?
  /// a in [0, 1].
  public var mix: Double
  public var folds: Int

  public init(penalty: Double? = nil, mix: Double = 1, folds: Int = 5) {
    precondition(penalty.map { $0 >= 0 } ?? true && (0...1).contains(mix) && folds >= 2, "Lasso: options")
    (self.penalty, self.mix, self.folds) = (penalty, mix, folds)
  }

  public var name: String { mix == 1 ? "lasso" : "elastic net" }

  public func fit(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, using random: inout RandomSource
  ) throws(StatisticsError) -> any RegressionFit {
    let problem = Problem(design, targets, weights)
    if let penalty { return problem.path([penalty], mix: mix)[0] }
    let lambdas = problem.lambdas(mix: mix)
    let parts = Folds.random(rows: targets.count, count: min(folds, targets.count), using: &random)
    var losses = [Double](repeating: 0, count: lambdas.count)
    for part in 0..<parts.count {
      let (train, test) = (parts.rows(outside: part), parts.rows(in: part))
      let fold = Problem(
        design.select(axis: 0, Tensor(train)), train.map { targets[$0] },
        weights.map { all in train.map { all[$0] } })
      let held = design.select(axis: 0, Tensor(test))
      for (place, fit) in fold.path(lambdas, mix: mix).enumerated() {
        for (row, value) in zip(test, fit.predict(held)) {
          losses[place] += (weights?[row] ?? 1) * (targets[row] - value) * (targets[row] - value)
        }
      }
    }
    let best = losses.indices.min { (losses[$0], $0) < (losses[$1], $1) }!
    return problem.path(Array(lambdas[...best]), mix: mix)[best]
  }

  /// Moments of standardised columns.
  private struct Problem: SmoothObjective {
    private let gram: [Double]
    private let products: [Double]
    private let means: [Double]
    private let deviations: [Double]
    private let targetMean: Double

    init(_ design: Tensor, _ targets: [Double], _ weights: [Double]?) {
      let n = targets.count
      let w = Tensor(weights ?? [Double](repeating: 1, count: n)).unsqueeze(1)
      let share = w / w.sum()
      let (x, y) = (design.to(.double), Tensor(targets).unsqueeze(1))
      let mean = (share * x).sum(0)
      let centred = x - mean
      let deviation = (share * centred * centred).sum(0).sqrt()
      means = mean.doubles
      deviations = zip(deviation.doubles, means).map { $0 > 1e-12 * max(1, abs($1)) ? $0 : 1 }
      let z = centred / Tensor(deviations)
      let targetMean = (share * y).sum().item()
      self.targetMean = targetMean
      gram = (share * z).transposed.matmul(z).doubles
      products = (share * z).transposed.matmul(y - targetMean).squeeze(1).doubles
    }

    var dimension: Int { means.count }

    func value(at x: [Double]) -> Double { expansion(at: x).value }

    func expansion(at x: [Double]) -> (value: Double, gradient: [Double], hessian: [Double]) {
      let m = dimension
      var (value, gradient) = (0.0, [Double](repeating: 0, count: m))
      for j in 0..<m {
        var sum = 0.0
        for k in 0..<m where x[k] != 0 { sum += gram[j * m + k] * x[k] }
        gradient[j] = sum - products[j]
        value += x[j] * (0.5 * sum - products[j])
      }
      return (value, gradient, gram)
    }

    func lambdas(mix: Double, count: Int = 30, ratio: Double = 1e-3) -> [Double] {
      let largest = products.map(abs).max()! / max(mix, 1e-3)
      return (0..<count).map { largest * .pow(ratio, Double($0) / Double(count - 1)) }
    }

    func path(_ lambdas: [Double], mix: Double) -> [LinearFit] {
      var point = [Double](repeating: 0, count: dimension)
      return lambdas.map { lambda in
        var penalty = SeparablePenalty(none: dimension)
        penalty.absolute = [Double](repeating: lambda * mix, count: dimension)
        penalty.square = [Double](repeating: lambda * (1 - mix), count: dimension)
        point = ProximalNewton().minimise(self, penalty, from: point).point
        let weights = zip(point, deviations).map { $0 / $1 }
        return LinearFit(
          intercept: targetMean - zip(weights, means).reduce(0) { $0 + $1.0 * $1.1 }, weights: weights)
      }
    }
  }
}
