/// A Rosenbrock pair of orders 4 and 3 for stiff small systems, with Shampine's coefficients and Hermite's dense output.
///
/// One Jacobian, one factorisation and three evaluations a step, whose size the fast rates do not limit: use it where
/// rates differ by more than about 10⁴. A-stable. Source: Kaps & Rentrop 1979, Shampine 1982.
public struct Rosenbrock4: Sendable {
  public var controller: PIDController

  public init(controller: PIDController = PIDController()) { self.controller = controller }

  /// Writes ∂f/∂x, row-major `[dimension][dimension]`, and ∂f/∂t, `[dimension]`.
  public typealias Derivatives = (
    _ t: Double, _ state: UnsafePointer<Double>, _ jacobian: UnsafeMutablePointer<Double>,
    _ timeDerivative: UnsafeMutablePointer<Double>
  ) -> Void

  /// Integrates a system of one lane from `t0` to `t1`, as ``DormandPrince5`` does.
  /// - Throws: ``SolverError``.
  public func integrate(
    _ field: SmallField, derivatives: Derivatives, dimension n: Int, from start: [Double], t0: Double,
    t1: Double,
    tolerance: SmallTolerance? = nil
  ) throws(SolverError) -> DenseSolution {
    let tolerance =
      tolerance ?? SmallTolerance(absolute: Array(repeating: controller.absoluteTolerance, count: n))
    var solution = DenseSolution(at: start, dimension: n)
    guard t0 != t1 else { return solution }
    let direction: Double = t1 >= t0 ? 1 : -1
    var (x, t) = (start, t0)
    var slope = [Double](repeating: 0, count: n)
    var jacobian = [Double](repeating: 0, count: n * n)
    var timeSlope = slope
    field(t, x, &slope)
    var (trial, moved) = (slope, slope)
    var h =
      direction
      * (controller.firstStep
        ?? DormandPrince5.firstStep(
          field, t0, t1, x, slope, &trial, &moved, tolerance, lanes: 1,
          relative: controller.relativeTolerance))
    solution.statistics.evaluations += 2
    var (previous, beforePrevious) = (1.0, 1.0)
    var isNew = true
    while (t1 - t) * direction > 1e-14 * max(1, abs(t1)) {
      guard solution.statistics.steps + solution.statistics.rejected < controller.maximumSteps else {
        throw .tooManySteps(controller.maximumSteps, time: t)
      }
      let isLast = abs(h) >= abs(t1 - t)
      if isLast { h = t1 - t }
      // The same for all steps tried from here.
      if isNew { derivatives(t, x, &jacobian, &timeSlope) }
      isNew = false
      let step = Self.step(field, t, h, x, slope, jacobian, timeSlope)
      solution.statistics.evaluations += 2
      let ratio =
        step.map {
          tolerance.ratio($0.error, x, $0.state, lanes: 1, relative: controller.relativeTolerance)
        } ?? .nan
      guard ratio.isFinite || abs(h) > 1e-10 else { throw .nonFinite(time: t) }
      let isAccepted = ratio <= 1
      if isAccepted, let y = step?.state {
        let next = isLast ? t1 : t + h
        var end = slope
        field(next, y, &end)
        solution.statistics.evaluations += 1
        solution.addStep(from: t, to: next, state: y) { rows in
          for i in 0..<n {
            let difference = y[i] - x[i]
            rows[i] = x[i]
            rows[n + i] = difference
            rows[2 * n + i] = h * slope[i] - difference
            rows[3 * n + i] = 2 * difference - h * (slope[i] + end[i])
          }
        }
        (t, x, slope, isNew) = (next, y, end, true)
        solution.statistics.steps += 1
      } else {
        solution.statistics.rejected += 1
      }
      let factor =
        ratio.isFinite
        ? controller.factor(ratio, previous, beforePrevious, order: 4, accepted: isAccepted)
        : controller.factorRange.lowerBound
      if isAccepted { (beforePrevious, previous) = (previous, max(ratio, 1e-10)) }
      h *= factor
      if abs(h) < 1e-14 * max(abs(t0), abs(t1)) { throw .stepTooSmall(abs(h), time: t) }
    }
    return solution
  }

  /// A step and the difference of the two orders; nil where its matrix is singular.
  private static func step(
    _ field: SmallField, _ t: Double, _ h: Double, _ x: [Double], _ slope: [Double], _ jacobian: [Double],
    _ timeSlope: [Double]
  ) -> (state: [Double], error: [Double])? {
    let n = x.count
    var matrix = jacobian.map { -$0 }
    for i in 0..<n { matrix[i * n + i] += 2 / h }
    guard let factors = SmallFactors(matrix, size: n) else { return nil }
    var f = slope
    /// x plus a combination of the increments so far.
    func moved(_ increments: [[Double]], _ weights: [Double]) -> [Double] {
      (0..<n).map { i in zip(increments, weights).reduce(x[i]) { $0 + $1.1 * $1.0[i] } }
    }
    /// The next increment, from the slope f, the derivative by time and the increments so far.
    func increment(_ timeWeight: Double, _ increments: [[Double]], _ weights: [Double]) -> [Double] {
      factors.solve(
        (0..<n).map { i in
          let sum = zip(increments, weights).reduce(0) { $0 + $1.1 * $1.0[i] }
          return f[i] + timeWeight * h * timeSlope[i] + sum / h
        })
    }
    let g1 = increment(0.5, [], [])
    field(t + h, moved([g1], [2]), &f)
    let g2 = increment(-1.5, [g1], [-8])
    field(t + 0.6 * h, moved([g1, g2], [48.0 / 25, 6.0 / 25]), &f)
    let g3 = increment(2.42, [g1, g2], [372.0 / 25, 12.0 / 5])
    // The last two stages share their slope.
    let g4 = increment(0.116, [g1, g2, g3], [-112.0 / 125, -54.0 / 125, -2.0 / 5])
    let state = moved([g1, g2, g3, g4], [19.0 / 9, 0.5, 25.0 / 108, 125.0 / 108])
    let errorWeights = [17.0 / 54, 7.0 / 36, 125.0 / 108]
    let error = (0..<n).map { i in
      errorWeights[0] * g1[i] + errorWeights[1] * g2[i] + errorWeights[2] * g4[i]
    }
    return (state, error)
  }
}
