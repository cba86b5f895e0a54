import RealModule
import Solvers
import Torch

/// A state of rest and whether it is stable.
public struct Equilibrium: Sendable {
  /// `[compartments]`; compartments that only collect, such as deaths, stay as they were at the start.
  public let state: [Double]
  /// Of the Jacobian among the compartments that act on anything, largest real part first.
  public let eigenvalues: [(real: Double, imaginary: Double)]
  /// The largest real part of those that no conserved total holds at 0.
  public let leading: Double
  /// Whether every eigenvalue has a real part below 0, but for one at 0 for every conserved total.
  public let isStable: Bool
}

/// Rest without and with infection.
public struct Equilibria: Sendable {
  public let diseaseFree: Equilibrium
  /// Nil where the infection dies out.
  public let endemic: Equilibrium?
}

extension CompartmentModel {
  /// The state of rest without infection, and the one that a small number of infected leads to.
  ///
  /// - Throws: ``StatisticsError`` (`noAnswer`) for a model whose rates change with time, and where nothing rests.
  /// - Complexity: an implicit integration over up to 10⁸ units of time, and a Newton step.
  public func equilibria(_ values: [Double]) throws(StatisticsError) -> Equilibria {
    try check(values)
    guard !variesWithTime(values) else {
      throw StatisticsError(
        .noAnswer, "model \(name)", found: "rates that change with time", expected: "constant rates",
        advice: "set the seasonal amplitudes to 0")
    }
    let free = try diseaseFree(values, time: 0, withDerivatives: false).state
    var seeded = free
    let source = flows.first { $0.isInfection }?.source ?? 0
    let seed = 1e-3 * free[source]
    seeded[source] -= seed
    for i in infected { seeded[i] += seed / Double(infected.count) }
    let rested = try rest(values, from: seeded, time: 0)
    let total = free.reduce(0, +)
    let isEndemic = infected.contains { rested[$0] > 1e-6 * total }
    return Equilibria(
      diseaseFree: equilibrium(values, free), endemic: isEndemic ? equilibrium(values, rested) : nil)
  }

  /// Whether the rates with these parameters change with time; a season without amplitude does not.
  public func variesWithTime(_ values: [Double]) -> Bool {
    guard dependsOnTime else { return false }
    let total = Double(compartments.count)
    let spread = (0..<stateCount).map { $0 < compartments.count ? 1 / total : 0 }
    let first = slopesOfCompartments(values, 0, spread)
    // Times that no common period divides.
    return (1...40).contains { slopesOfCompartments(values, 9.7 * Double($0), spread) != first }
  }

  private func equilibrium(_ values: [Double], _ state: [Double]) -> Equilibrium {
    // Rates relative to the living are 0/0 for a state that is empty; none is.
    let used = relevantCompartments(values, state, 0)
    let jacobian = JacobianSystem(self, values).matrix(0, state)
    let part = used.flatMap { i in used.map { j in jacobian[i * stateCount + j] } }
    let found = Tensor(part, shape: [used.count, used.count]).eig().values
    let pairs = zip(found.real().doubles, found.imag().doubles).map { (real: $0, imaginary: $1) }
      .sorted { ($0.real, $0.imaginary) > ($1.real, $1.imaginary) }
    let scale = pairs.map { Double.hypot($0.real, $0.imaginary) }.max() ?? 0
    // A zero for every conserved total: the rank that the Jacobian lacks.
    let singular = Tensor(part, shape: [used.count, used.count]).svd().s.doubles
    let conserved = singular.count { $0 <= 1e-10 * max(singular[0], 1e-300) }
    let limit = 1e-9 * scale
    let positive = pairs.count { $0.real > limit }
    let atZero = pairs.count { abs($0.real) <= limit }
    // Those at 0 are conserved totals as far as the rank allows.
    let leading =
      atZero > conserved ? 0 : pairs.map(\.real).first { abs($0) > limit }
    return Equilibrium(
      state: Array(state[..<compartments.count]), eigenvalues: pairs,
      leading: leading ?? 0,
      isStable: positive == 0 && atZero <= conserved)
  }

  /// The compartments on which a rate depends.
  func relevantCompartments(_ values: [Double], _ state: [Double], _ time: Double) -> [Int] {
    // With everybody somewhere, so that no product hides a dependence.
    let total = max(state[..<compartments.count].reduce(0, +), 1)
    let spread = state.indices.map { $0 < compartments.count ? total / Double(compartments.count) : 0 }
    let matrix = JacobianSystem(self, values).matrix(time, spread)
    return compartments.indices.filter { j in
      compartments.indices.contains { matrix[$0 * stateCount + j] != 0 }
    }
  }

  func slopesOfCompartments(_ values: [Double], _ time: Double, _ state: [Double]) -> [Double] {
    let evaluator = FormulaEvaluator(
      formulas, outputs: Array(slopes[..<compartments.count]), stateCount: stateCount,
      parameterCount: parameters.count)
    evaluator.setParameters(values)
    evaluator.prepare()
    evaluator.evaluate(time, state)
    return compartments.indices.map { evaluator.output($0) }
  }

  /// Where the model comes to rest, rates held at those of `time`: followed implicitly over longer and longer times, then
  /// polished by Newton's method. What only collects stays as it was, and so do those that are held.
  func rest(_ values: [Double], from start: [Double], time: Double, held: Set<Int> = [])
    throws(StatisticsError)
    -> [Double]
  {
    let n = stateCount
    let used = relevantCompartments(values, start, time).filter { !held.contains($0) }
    let evaluator = FormulaEvaluator(
      formulas, outputs: slopes, stateCount: n, parameterCount: parameters.count)
    evaluator.setParameters(values)
    evaluator.prepare()
    let jacobian = JacobianSystem(self, values)
    let isUsed = (0..<n).map { used.contains($0) }
    func field(_ t: Double, _ x: UnsafePointer<Double>, _ slope: UnsafeMutablePointer<Double>) {
      evaluator.evaluate(time, x)
      for i in 0..<n { slope[i] = isUsed[i] ? evaluator.output(i) : 0 }
    }
    func derivatives(
      _ t: Double, _ x: UnsafePointer<Double>, _ matrix: UnsafeMutablePointer<Double>,
      _ slope: UnsafeMutablePointer<Double>
    ) {
      jacobian.write(time, x, matrix, slope)
      for i in 0..<n {
        slope[i] = 0
        if !isUsed[i] { for j in 0..<n { matrix[i * n + j] = 0 } }
      }
    }
    let scale = max(start[..<compartments.count].reduce(0, +), 1e-300)
    guard start.allSatisfy(\.isFinite) else {
      throw StatisticsError(
        .noAnswer, "model \(name)", found: "a start that is not finite", expected: "numbers")
    }
    var controller = PIDController(relativeTolerance: 1e-7, absoluteTolerance: 1e-10 * scale)
    controller.maximumSteps = 100_000
    let solver = Rosenbrock4(controller: controller)
    var state = start
    /// The place of rest next to a state, by Newton's method along the directions in which anything changes; nil where
    /// there is none within the error of the integration.
    func polished(_ state: [Double]) -> [Double]? {
      var (x, slope, moved) = (state, [Double](repeating: 0, count: n), 0.0)
      for _ in 0..<8 {
        field(0, x, &slope)
        guard slope.allSatisfy(\.isFinite) else { return nil }
        let matrix = jacobian.matrix(time, x)
        let part = used.flatMap { i in used.map { j in matrix[i * n + j] } }
        let step = pseudoSolve(part, used.map { -slope[$0] })
        moved += step.map { abs($0) }.max() ?? 0
        guard moved < 1e-4 * scale else { return nil }
        for (place, change) in zip(used, step) { x[place] = max(0, x[place] + change) }
      }
      field(0, x, &slope)
      return slope.allSatisfy { abs($0) <= 1e-12 * scale } ? x : nil
    }
    for exponent in 2...8 {
      do {
        state = try solver.integrate(
          field, derivatives: derivatives, dimension: n, from: state, t0: 0, t1: .pow(10, exponent),
          tolerance: SmallTolerance(absolute: Array(repeating: 1e-10 * scale, count: n))
        ).final
      } catch { break }
      if let rested = polished(state) { return rested }
    }
    throw StatisticsError(
      .noAnswer, "model \(name)", found: "numbers that still change after a long time",
      expected: "a state of rest",
      advice: "births and exits that do not balance, or deaths with om > 0, have none")
  }

}
