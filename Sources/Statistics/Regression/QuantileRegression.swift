import Solvers
import RealModule
import Torch

/// The conditional τ-quantile as a linear function: min mean ρ_τ(y − β₀ − βᵀx), ρ_τ(u) = u(τ − 1{u < 0}).
///
/// By Newton's method on a smoothed loss whose smoothing falls to 1e-6 of the targets' deviation: the loss is then within that of the
/// optimum's.
public struct QuantileRegression: Regressor, Hashable {
  /// τ in (0, 1).
  public var quantile: Double

  public init(_ quantile: Double) {
    precondition(quantile > 0 && quantile < 1, "QuantileRegression: \(quantile)")
    self.quantile = quantile
  }

  public var name: String { "linear quantile \(quantile)" }

  public func fit(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, using random: inout RandomSource
  ) throws(StatisticsError) -> any RegressionFit {
    let n = targets.count
    let spread = Self.deviation(targets)
    guard spread > 0 else {
      return LinearFit(intercept: targets[0], weights: [Double](repeating: 0, count: design.size(1)))
    }
    let scale = ColumnScale(design)
    let x = Tensor.concatenate([.full([n, 1], 1, dtype: .double), scale(design)], axis: 1)
    let y = targets.map { $0 / spread }
    var point = [Double](repeating: 0, count: x.size(1))
    point[0] = y.sorted()[min(n - 1, Int(quantile * Double(n)))]
    var width = 1.0
    while width > 1e-6 {
      let loss = SmoothedPinball(design: x, targets: y, weights: weights, quantile: quantile, width: width)
      point =
        ProximalNewton(tolerance: 1e-8, mostIterations: 50).minimise(
          loss, SeparablePenalty(none: point.count), from: point
        ).point
      width /= 4
    }
    let raw = LinearFit(intercept: point[0] * spread, weights: point.dropFirst().map { $0 * spread })
    return scale.unscaled(raw)
  }

  private static func deviation(_ values: [Double]) -> Double {
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
  }

  /// ρ_τ(u) = (τ − ½)u + ½|u| with |u| as √(u² + h²) − h.
  private struct SmoothedPinball: SmoothObjective {
    let design: Tensor
    let targets: [Double]
    let weights: [Double]?
    let quantile: Double
    let width: Double

    var dimension: Int { design.size(1) }

    private func residuals(_ x: [Double]) -> [Double] {
      zip(targets, design.matmul(Tensor(x).unsqueeze(1)).squeeze(1).doubles).map { $0 - $1 }
    }

    func value(at x: [Double]) -> Double {
      let u = residuals(x)
      let n = weights?.reduce(0, +) ?? Double(u.count)
      return u.indices.reduce(0) { sum, i in
        let root = (u[i] * u[i] + width * width).squareRoot()
        return sum + (weights?[i] ?? 1) * ((quantile - 0.5) * u[i] + 0.5 * (root - width)) / n
      }
    }

    func expansion(at x: [Double]) -> (value: Double, gradient: [Double], hessian: [Double]) {
      let u = residuals(x)
      let n = weights?.reduce(0, +) ?? Double(u.count)
      var (slopes, curvatures) = ([Double](), [Double]())
      for i in u.indices {
        let root = (u[i] * u[i] + width * width).squareRoot()
        let w = (weights?[i] ?? 1) / n
        slopes.append(-w * (quantile - 0.5 + 0.5 * u[i] / root))
        curvatures.append(0.5 * w * width * width / (root * root * root))
      }
      let gradient = design.transposed.matmul(Tensor(slopes).unsqueeze(1)).squeeze(1).doubles
      let hessian = (design * Tensor(curvatures).unsqueeze(1)).transposed.matmul(design)
      // Far from all kinks the smoothed loss is all but linear; a trace of ridge keeps steps finite.
      let ridge = Tensor.full([dimension], 1e-10, dtype: .double).diagonalMatrix()
      return (value(at: x), gradient, (hessian + ridge).doubles)
    }
  }
}

extension ColumnScale {
  /// A fit in scaled columns as one in the columns' own units.
  func unscaled(_ fit: LinearFit) -> LinearFit {
    let (means, deviations) = moments
    let weights = zip(fit.weights, deviations).map { $0 / $1 }
    return LinearFit(
      intercept: fit.intercept - zip(weights, means).reduce(0) { $0 + $1.0 * $1.1 }, weights: weights)
  }
}
