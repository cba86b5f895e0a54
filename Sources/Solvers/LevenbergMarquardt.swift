/// Minimises a function whose curvature has a positive model: sums of squares (Gauss and Newton), or a negative
/// log-likelihood with its information (Fisher's scoring).
///
/// Every step solves (B + λ diag B) δ = −g for the gradient g and the curvature model B; λ shrinks with the gain ratio as
/// Nielsen (1999) has it, and grows while a step does not improve the value.
public struct LevenbergMarquardt: Sendable {
  /// Ends where a step promises to lower the value by less than this.
  public var tolerance: Double
  public var maximumSteps: Int
  /// λ at the start.
  public var initialDamping: Double

  public init(tolerance: Double = 1e-10, maximumSteps: Int = 200, initialDamping: Double = 1e-3) {
    self.tolerance = tolerance
    self.maximumSteps = maximumSteps
    self.initialDamping = initialDamping
  }

  /// A value with its gradient, `[n]`, and a positive model of its Hessian, row-major `[n × n]`.
  public struct Model: Sendable {
    public var value: Double
    public var gradient: [Double]
    public var curvature: [Double]

    public init(value: Double, gradient: [Double], curvature: [Double]) {
      (self.value, self.gradient, self.curvature) = (value, gradient, curvature)
    }

    /// Half the sum of squares of residuals with their Jacobian, `[residual][variable]`.
    public init(residuals: [Double], jacobian: [[Double]]) {
      let n = jacobian.first?.count ?? 0
      var model = Model(
        value: 0, gradient: Array(repeating: 0, count: n), curvature: Array(repeating: 0, count: n * n))
      for (r, row) in zip(residuals, jacobian) {
        model.value += 0.5 * r * r
        for i in 0..<n {
          model.gradient[i] += r * row[i]
          for j in 0..<n { model.curvature[i * n + j] += row[i] * row[j] }
        }
      }
      self = model
    }
  }

  public struct Minimum: Sendable {
    public let point: [Double]
    public let model: Model
    public let evaluations: Int
    public let isConverged: Bool
  }

  /// - Parameter model: nil where the function has no finite value, which a step then avoids.
  /// - Returns: nil where it has none at the start.
  public func minimize(from start: [Double], _ model: ([Double]) -> Model?) -> Minimum? {
    guard var current = model(start), current.value.isFinite else { return nil }
    let n = start.count
    var x = start
    var evaluations = 1
    var (damping, growth) = (initialDamping, 2.0)
    var isConverged = n == 0
    while !isConverged && evaluations < maximumSteps {
      // A variable that nothing depends on keeps its place.
      let largest = (0..<n).map { current.curvature[$0 * n + $0] }.max()!
      var matrix = current.curvature
      for i in 0..<n { matrix[i * n + i] += damping * max(matrix[i * n + i], 1e-12 * largest, 1e-300) }
      guard let factors = SmallFactors(matrix, size: n) else {
        (damping, growth) = (damping * growth, growth * 2)
        if damping > 1e12 { break }
        continue
      }
      let step = factors.solve(current.gradient.map { -$0 })
      var (slope, bend) = (0.0, 0.0)
      for i in 0..<n {
        slope += step[i] * current.gradient[i]
        for j in 0..<n { bend += step[i] * current.curvature[i * n + j] * step[j] }
      }
      let promised = -slope - 0.5 * bend
      if !(promised > tolerance) {
        isConverged = promised.isFinite
        break
      }
      let next = zip(x, step).map { $0 + $1 }
      evaluations += 1
      if let proposal = model(next), proposal.value.isFinite, proposal.value < current.value {
        let gain = (current.value - proposal.value) / promised
        let cube = (2 * gain - 1) * (2 * gain - 1) * (2 * gain - 1)
        (damping, growth) = (max(damping * max(1.0 / 3, 1 - cube), 1e-12), 2)
        (x, current) = (next, proposal)
      } else {
        (damping, growth) = (damping * growth, growth * 2)
        if damping > 1e12 { break }
      }
    }
    return Minimum(point: x, model: current, evaluations: evaluations, isConverged: isConverged)
  }
}
