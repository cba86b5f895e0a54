#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The right-hand side of a small system in plain `Double`: reads the state, writes the slope.
///
/// For states of a few numbers: there one operation on a tensor costs more than the whole right-hand side. A state is
/// `dimension` numbers for each of some lanes, independent problems side by side; number i of lane l is at
/// `i * lanes + l`, so that a processor works on several lanes at once.
public typealias SmallField = (
  _ t: Double, _ state: UnsafePointer<Double>, _ slope: UnsafeMutablePointer<Double>
) -> Void

/// How accurate each number of a small system has to be.
public struct SmallTolerance: Sendable, Hashable {
  /// Of every number, > 0.
  public var absolute: [Double]
  /// Whether a number counts in the error; sums that run along without acting on the rest need not.
  public var isControlled: [Bool]

  /// - Parameter absolute: `[dimension]`, the same for every lane.
  public init(absolute: [Double], isControlled: [Bool]? = nil) {
    precondition(absolute.allSatisfy { $0 > 0 }, "SmallTolerance: tolerances must be positive")
    self.absolute = absolute
    self.isControlled = isControlled ?? Array(repeating: true, count: absolute.count)
    precondition(
      self.isControlled.count == absolute.count && self.isControlled.contains(true),
      "SmallTolerance: one of \(absolute.count) numbers at least must be controlled")
  }

  /// The root mean square of error over tolerance of the worst lane.
  func ratio(
    _ error: UnsafePointer<Double>, _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, lanes: Int,
    relative: Double
  ) -> Double {
    var worst = 0.0
    let count = Double(isControlled.count { $0 })
    for lane in 0..<lanes {
      var sum = 0.0
      for i in absolute.indices where isControlled[i] {
        let place = i * lanes + lane
        let e = error[place] / (absolute[i] + relative * max(abs(x[place]), abs(y[place])))
        sum += e * e
      }
      // A NaN has to come through.
      if !(sum <= worst) { worst = sum }
      if sum.isNaN { return .nan }
    }
    return (worst / count).squareRoot()
  }
}

extension DormandPrince5 {
  /// Integrates a small system from `t0` to `t1` (either direction), keeping a polynomial of every step.
  ///
  /// Lanes share their steps, whose size fits the worst of them: gather problems that are alike. Forward sensitivities
  /// are lanes as well: with the state in lane 0 and its derivatives by p parameters in lanes 1 to p the slope of lane j is
  /// ∂f/∂x · s_j + ∂f/∂p_j.
  /// - Parameters:
  ///   - start: `[dimension · lanes]`.
  ///   - tolerance: of every number; the controller's absolute tolerance when left out.
  /// - Throws: ``SolverError``.
  /// - Complexity: six evaluations a step and 5 · dimension · lanes numbers kept.
  public func integrate(
    _ field: SmallField, dimension: Int, lanes: Int = 1, from start: [Double], t0: Double, t1: Double,
    tolerance: SmallTolerance? = nil
  ) throws(SolverError) -> DenseSolution {
    let width = dimension * lanes
    let tolerance =
      tolerance
      ?? SmallTolerance(absolute: Array(repeating: controller.absoluteTolerance, count: dimension))
    precondition(tolerance.absolute.count == dimension, "DormandPrince5: one tolerance a number")
    var solution = DenseSolution(at: start, dimension: dimension, lanes: lanes)
    guard t0 != t1 else { return solution }
    // The state, its proposal, the error, a stage's state, and seven slopes.
    let memory = UnsafeMutablePointer<Double>.allocate(capacity: 11 * width)
    defer { memory.deallocate() }
    var (x, y) = (memory, memory + width)
    let (error, stage) = (memory + 2 * width, memory + 3 * width)
    var k = (0..<7).map { memory + (4 + $0) * width }
    for i in 0..<width { x[i] = start[i] }

    let direction: Double = t1 >= t0 ? 1 : -1
    var t = t0
    field(t, x, k[0])
    var h =
      direction
      * (controller.firstStep
        ?? Self.firstStep(
          field, t0, t1, x, k[0], stage, k[1], tolerance, lanes: lanes, relative: controller.relativeTolerance
        ))
    solution.statistics.evaluations += 2
    var (previous, beforePrevious) = (1.0, 1.0)
    let end = (1e-14 * max(1, abs(t1)))
    while (t1 - t) * direction > end {
      guard solution.statistics.steps + solution.statistics.rejected < controller.maximumSteps else {
        throw .tooManySteps(controller.maximumSteps, time: t)
      }
      let isLast = abs(h) >= abs(t1 - t)
      if isLast { h = t1 - t }
      Self.stages(field, t, h, x, y, error, stage, k, width)
      solution.statistics.evaluations += 6
      let ratio = tolerance.ratio(error, x, y, lanes: lanes, relative: controller.relativeTolerance)
      guard ratio.isFinite || abs(h) > 1e-10 else { throw .nonFinite(time: t) }
      let isAccepted = ratio <= 1
      if isAccepted {
        let next = isLast ? t1 : t + h
        solution.addStep(from: t, to: next, state: y) { Self.dense($0, x, y, k, h, width) }
        t = next
        swap(&x, &y)
        k.swapAt(0, 6)
        solution.statistics.steps += 1
      } else {
        solution.statistics.rejected += 1
      }
      let factor =
        ratio.isFinite
        ? controller.factor(ratio, previous, beforePrevious, order: 5, accepted: isAccepted)
        : controller.factorRange.lowerBound
      if isAccepted { (beforePrevious, previous) = (previous, max(ratio, 1e-10)) }
      h *= factor
      if abs(h) < 1e-14 * max(abs(t0), abs(t1)) { throw .stepTooSmall(abs(h), time: t) }
    }
    return solution
  }

  private static func stages(
    _ field: SmallField, _ t: Double, _ h: Double, _ x: UnsafeMutablePointer<Double>,
    _ y: UnsafeMutablePointer<Double>, _ error: UnsafeMutablePointer<Double>,
    _ stage: UnsafeMutablePointer<Double>, _ k: [UnsafeMutablePointer<Double>], _ width: Int
  ) {
    let (k0, k1, k2, k3, k4, k5, k6) = (k[0], k[1], k[2], k[3], k[4], k[5], k[6])
    let a1 = h * (1.0 / 5)
    for i in 0..<width { stage[i] = x[i] + a1 * k0[i] }
    field(t + h / 5, stage, k1)
    let (b0, b1) = (h * (3.0 / 40), h * (9.0 / 40))
    for i in 0..<width { stage[i] = x[i] + b0 * k0[i] + b1 * k1[i] }
    field(t + 0.3 * h, stage, k2)
    let (c0, c1, c2) = (h * (44.0 / 45), h * (-56.0 / 15), h * (32.0 / 9))
    for i in 0..<width { stage[i] = x[i] + c0 * k0[i] + c1 * k1[i] + c2 * k2[i] }
    field(t + 0.8 * h, stage, k3)
    let d = weights[4].map { $0 * h }
    let (d0, d1, d2, d3) = (d[0], d[1], d[2], d[3])
    for i in 0..<width { stage[i] = x[i] + d0 * k0[i] + d1 * k1[i] + d2 * k2[i] + d3 * k3[i] }
    field(t + h * (8.0 / 9), stage, k4)
    let e = weights[5].map { $0 * h }
    let (e0, e1, e2, e3, e4) = (e[0], e[1], e[2], e[3], e[4])
    for i in 0..<width {
      stage[i] = x[i] + e0 * k0[i] + e1 * k1[i] + e2 * k2[i] + e3 * k3[i] + e4 * k4[i]
    }
    field(t + h, stage, k5)
    let f = weights[6].map { $0 * h }
    let (f0, f2, f3, f4, f5) = (f[0], f[2], f[3], f[4], f[5])
    for i in 0..<width { y[i] = x[i] + f0 * k0[i] + f2 * k2[i] + f3 * k3[i] + f4 * k4[i] + f5 * k5[i] }
    field(t + h, y, k6)
    let g = errorWeights.map { $0 * h }
    let (g0, g2, g3, g4, g5, g6) = (g[0], g[2], g[3], g[4], g[5], g[6])
    for i in 0..<width {
      error[i] = g0 * k0[i] + g2 * k2[i] + g3 * k3[i] + g4 * k4[i] + g5 * k5[i] + g6 * k6[i]
    }
  }

  /// Writes the five rows of ``DenseSolution`` for a step.
  private static func dense(
    _ rows: UnsafeMutablePointer<Double>, _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>,
    _ k: [UnsafeMutablePointer<Double>], _ h: Double, _ width: Int
  ) {
    let w = denseWeights.map { $0 * h }
    let (w0, w2, w3, w4, w5, w6) = (w[0], w[2], w[3], w[4], w[5], w[6])
    let (k0, k2, k3, k4, k5, k6) = (k[0], k[2], k[3], k[4], k[5], k[6])
    for i in 0..<width {
      let difference = y[i] - x[i]
      let bend = h * k0[i] - difference
      rows[i] = x[i]
      rows[width + i] = difference
      rows[2 * width + i] = bend
      rows[3 * width + i] = difference - h * k6[i] - bend
      rows[4 * width + i] =
        w0 * k0[i] + w2 * k2[i] + w3 * k3[i] + w4 * k4[i] + w5 * k5[i] + w6 * k6[i]
    }
  }

  /// Hairer, Nørsett and Wanner's guess from the sizes of the state, the slope and its change, for the worst lane.
  static func firstStep(
    _ field: SmallField, _ t0: Double, _ t1: Double, _ x: UnsafePointer<Double>,
    _ slope: UnsafePointer<Double>, _ trial: UnsafeMutablePointer<Double>,
    _ moved: UnsafeMutablePointer<Double>, _ tolerance: SmallTolerance, lanes: Int, relative: Double
  ) -> Double {
    let width = tolerance.absolute.count * lanes
    func size(_ v: UnsafePointer<Double>) -> Double {
      tolerance.ratio(v, x, x, lanes: lanes, relative: relative)
    }
    let (d0, d1) = (size(x), size(slope))
    let guess = min(d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : 0.01 * d0 / d1, abs(t1 - t0))
    let h = t1 >= t0 ? guess : -guess
    for i in 0..<width { trial[i] = x[i] + h * slope[i] }
    field(t0 + h, trial, moved)
    for i in 0..<width { trial[i] = moved[i] - slope[i] }
    let largest = max(d1, size(trial) / guess)
    let second = largest <= 1e-15 ? max(1e-6, guess * 1e-3) : pow(0.01 / largest, 0.2)
    let step = min(100 * guess, second, abs(t1 - t0))
    return step.isFinite && step > 0 ? step : 1e-6
  }
}
