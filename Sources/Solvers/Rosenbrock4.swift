/// A Rosenbrock pair of orders 4 and 3 for stiff small systems, with Hermite's cubic between the steps.
///
/// One Jacobian, one factorisation and six evaluations a step, whose size the fast rates do not limit: use it where
/// rates differ by more than about 10⁴. L-stable and stiffly accurate. Source: Hairer & Wanner 1996, IV.7, RODAS.
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
      solution.statistics.evaluations += 5
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
    for i in 0..<n { matrix[i * n + i] += 1 / (gamma * h) }
    guard let factors = SmallFactors(matrix, size: n) else { return nil }
    var increments: [[Double]] = []
    var (f, state) = (slope, x)
    for stage in 0..<6 {
      if stage > 0 {
        state = (0..<n).map { i in zip(increments, places[stage]).reduce(x[i]) { $0 + $1.1 * $1.0[i] } }
        field(t + nodes[stage] * h, state, &f)
      }
      increments.append(
        factors.solve(
          (0..<n).map { i in
            let sum = zip(increments, couplings[stage]).reduce(0) { $0 + $1.1 * $1.0[i] }
            return f[i] + timeWeights[stage] * h * timeSlope[i] + sum / h
          }))
    }
    // The last increment is the difference of the two orders, and the step ends with it.
    let error = increments[5]
    state = zip(state, error).map { $0 + $1 }
    return (state, error)
  }

  private static let gamma = 0.25
  private static let nodes = [0, 0.386, 0.21, 0.63, 1, 1]
  private static let timeWeights = [0.25, -0.1043, 0.1035, -0.0362, 0, 0]
  /// Of the increments in the state of a stage.
  private static let places: [[Double]] = [
    [], [1.544], [0.9466785280815826, 0.2557011698983284],
    [3.314825187068521, 2.896124015972201, 0.9986419139977817],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1],
  ]
  /// Of the increments, over the step, in the equation of a stage.
  private static let couplings: [[Double]] = [
    [], [-5.6688], [-2.430093356833875, -0.2063599157091915],
    [-0.1073529058151375, -9.594562251023355, -20.47028614809616],
    [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160],
    [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
  ]
}
