/// A smooth convex function of m numbers with its second derivatives.
public protocol SmoothObjective {
  var dimension: Int { get }
  /// +∞ outside its domain.
  func value(at x: [Double]) -> Double
  /// At a point of the domain: the value, the gradient `[m]`, and the second derivatives row by row, `[m, m]`.
  func expansion(at x: [Double]) -> (value: Double, gradient: [Double], hessian: [Double])
}

/// Newton's method for a smooth convex function with a separable penalty: every step minimises the quadratic model with
/// the penalty itself, and goes as far towards it as the objective falls by a tenth of what the model promises.
///
/// Source: Lee, Sun & Saunders 2014. Cost: a handful of expansions, and coordinate descent on the model, which touches
/// only coordinates that are not 0.
public struct ProximalNewton: Sendable, Hashable {
  /// The largest violation of the conditions of a minimum that counts as none.
  public var tolerance = 1e-9
  public var mostIterations = 200

  public init(tolerance: Double = 1e-9, mostIterations: Int = 200) {
    (self.tolerance, self.mostIterations) = (tolerance, mostIterations)
  }

  public struct Minimum: Sendable, Hashable {
    public var point: [Double]
    /// With the penalty.
    public var objective: Double
    /// Of the smooth part.
    public var value: Double
    public var gradient: [Double]
    public var hessian: [Double]
    /// The largest violation of the conditions of a minimum.
    public var residual: Double
    public var iterations: Int
    /// Whether the residual is within the tolerance.
    public var isConverged: Bool
  }

  /// - Parameter start: a point of the domain.
  public func minimise(_ f: some SmoothObjective, _ penalty: SeparablePenalty, from start: [Double])
    -> Minimum
  {
    precondition(start.count == f.dimension, "ProximalNewton: a start of \(start.count) for \(f.dimension)")
    var x = start
    var at = f.expansion(at: x)
    var objective = at.value + penalty.value(x)
    precondition(objective.isFinite, "ProximalNewton: the start is outside the domain")
    var iterations = 0
    var residual = penalty.residual(x, gradient: at.gradient)
    while residual > tolerance, iterations < mostIterations {
      iterations += 1
      let model = PenalisedQuadratic(gradient: at.gradient, hessian: at.hessian, penalty: penalty)
      let target = model.minimum(from: x)
      let promised =
        zip(at.gradient, zip(target, x)).reduce(0) { $0 + $1.0 * ($1.1.0 - $1.1.1) } + penalty.value(target)
        - penalty.value(x)
      // A promise without a digit that the objective could show: only slopes tell whether the model's minimum is better.
      let isBelowDigits = promised > -1e-14 * max(1, abs(objective))
      guard
        let next = isBelowDigits ? target : searched(f, penalty, from: x, to: target, objective, promised)
      else { break }
      let there = f.expansion(at: next)
      let left = penalty.residual(next, gradient: there.gradient)
      if isBelowDigits, !(left < residual) { break }
      (x, at, residual) = (next, there, left)
      objective = at.value + penalty.value(x)
    }
    return Minimum(
      point: x, objective: objective, value: at.value, gradient: at.gradient, hessian: at.hessian,
      residual: residual, iterations: iterations, isConverged: residual <= tolerance)
  }

  /// The first of the points target, half way, … with enough of a decrease.
  private func searched(
    _ f: some SmoothObjective, _ penalty: SeparablePenalty, from x: [Double], to target: [Double],
    _ objective: Double, _ promised: Double
  ) -> [Double]? {
    var step = 1.0
    for _ in 0..<50 {
      let point = step == 1 ? target : zip(x, target).map { $0 + step * ($1 - $0) }
      let value = f.value(at: point) + penalty.value(point)
      // Rounding of the objective hides decreases that are smaller.
      if value <= objective + 0.1 * step * promised + 1e-15 * abs(objective) { return point }
      step /= 2
    }
    return nil
  }
}
