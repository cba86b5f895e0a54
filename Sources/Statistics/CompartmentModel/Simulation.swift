import Solvers
import Torch

/// How a compartment model is integrated.
public struct SimulationOptions: Sendable, Hashable {
  public enum Method: String, Sendable, Hashable, CaseIterable {
    /// Implicit where the fastest rate times the horizon passes 2·10⁴, explicit below.
    case automatic
    /// Dormand and Prince 5(4).
    case explicit
    /// Rosenbrock 4(3).
    case implicit
  }

  public var method = Method.automatic
  /// > 0.
  public var relativeTolerance = 1e-8
  /// Relative to everyone at the start, > 0.
  public var absoluteTolerance = 1e-9
  public var maximumSteps = 100_000

  public init(
    method: Method = .automatic, relativeTolerance: Double = 1e-8, absoluteTolerance: Double = 1e-9
  ) {
    self.method = method
    self.relativeTolerance = relativeTolerance
    self.absoluteTolerance = absoluteTolerance
  }
}

/// The course of an epidemic: the state at every time.
public struct Trajectory: Sendable {
  public let model: CompartmentModel
  /// At the start.
  public let parameters: [Double]
  public let solution: DenseSolution
  let lane: Int

  public var startTime: Double { solution.startTime }
  public var endTime: Double { solution.endTime }

  /// A compartment, or what has been counted of an observation since the start.
  public func value(_ index: Int, at t: Double) -> Double { solution.value(index, lane: lane, at: t) }

  /// The same by name.
  public func value(_ name: String, at t: Double) -> Double { value(model.stateIndex(name), at: t) }

  /// At the end.
  public func final(_ name: String) -> Double {
    solution.final[model.stateIndex(name) * solution.lanes + lane]
  }

  /// All compartments and observations at `t`.
  public func state(at t: Double) -> [Double] { solution.state(at: t, lane: lane) }

  /// What an observation counted between two times.
  public func count(_ name: String, from: Double, to: Double) -> Double {
    value(name, at: to) - value(name, at: from)
  }

  /// The highest value of a compartment and its time: the best of the maxima inside and both ends.
  public func maximum(_ name: String) -> (value: Double, time: Double) {
    let index = model.stateIndex(name)
    let evaluator = FormulaEvaluator(
      model.formulas, outputs: [model.slopes[index]], stateCount: model.stateCount,
      parameterCount: model.parameters.count)
    var times = [startTime, endTime] + solution.stepTimes
    evaluator.setParameters(parameters)
    evaluator.prepare()
    if model.interventions.isEmpty {
      // The slope from the equations, whose zero is exact where that of the polynomial is not.
      times += solution.crossings(lane: lane) { t, state in
        evaluator.evaluate(t, state)
        return evaluator.output(0)
      }.map(\.time)
    }
    let best = times.map { (value: value(index, at: $0), time: $0) }.max { $0.value < $1.value }!
    return best
  }
}

extension CompartmentModel {
  /// Where a compartment or an observation is in the state; a name the model lacks is a programmer error.
  public func stateIndex(_ name: String) -> Int {
    if let place = index(ofCompartment: name) { return place }
    guard let place = observations.firstIndex(where: { $0.name == name }) else {
      preconditionFailure("CompartmentModel \(self.name): no compartment or observation \(name)")
    }
    return compartments.count + place
  }

  /// The names of a state's numbers.
  public var stateNames: [String] { compartments.map(\.name) + observations.map(\.name) }

  /// Integrates from `from` to `to`, in the model's unit of time.
  /// - Parameters:
  ///   - values: of the parameters; see ``values(_:)``.
  ///   - start: `[compartments]`; the model's own when left out.
  ///   - interventions: in place of the model's.
  /// - Throws: ``StatisticsError``: for parameters that interventions take out of their range, for rates that are
  ///   negative or no numbers at the start or after an intervention, and where a compartment falls below zero:
  ///   the flow that overdraws it is at fault.
  /// - Complexity: for E1 of the guide about 100 steps, some 50 microseconds.
  public func simulate(
    _ values: [Double], from: Double = 0, to: Double, start: [Double]? = nil,
    interventions: [Intervention]? = nil,
    options: SimulationOptions = SimulationOptions()
  ) throws(StatisticsError) -> Trajectory {
    try check(values)
    var state = try self.start(values)
    if let start { state.replaceSubrange(0..<compartments.count, with: start) }
    let system = LaneSystem(self, lanes: 1)
    let solution = try system.integrate(
      [values], from: from, to: to, starts: [state],
      interventions: interventions ?? self.interventions, options: options)
    return Trajectory(model: self, parameters: values, solution: solution, lane: 0)
  }

  /// Integrates many sets of parameters, eight side by side, and keeps of each what `body` makes of it.
  ///
  /// Sets that stand next to each other share their steps: sort them by speed if you can. Groups run on libtorch's threads.
  /// - Returns: one result a set, in order; the error of a set that failed is thrown for the first of them.
  /// - Complexity: for E1 of the guide about 20 microseconds a set and thread.
  public func simulateAll<Result: Sendable>(
    _ sets: [[Double]], from: Double = 0, to: Double, interventions: [Intervention]? = nil,
    options: SimulationOptions = SimulationOptions(),
    _ body: @escaping @Sendable (_ set: Int, _ trajectory: Trajectory) throws -> Result
  ) throws -> [Result] {
    for set in sets { try check(set) }
    let lanes = 8
    let groups = (sets.count + lanes - 1) / lanes
    let results = try concurrently(groups) { group in
      let own = Array(sets[group * lanes..<min(sets.count, (group + 1) * lanes)])
      // An incomplete group repeats its last set.
      let filled = (0..<lanes).map { own[min($0, own.count - 1)] }
      let system = LaneSystem(self, lanes: lanes)
      let solution = try system.integrate(
        filled, from: from, to: to, starts: try filled.map { try start($0) },
        interventions: interventions ?? self.interventions, options: options)
      return try own.indices.map { lane in
        try body(
          group * lanes + lane,
          Trajectory(model: self, parameters: own[lane], solution: solution, lane: lane))
      }
    }
    return results.flatMap { $0 }
  }
}

/// The equations of a model for some lanes, each with parameters of its own.
final class LaneSystem {
  private let model: CompartmentModel
  private let lanes: Int
  private let evaluator: FormulaEvaluator

  init(_ model: CompartmentModel, lanes: Int) {
    (self.model, self.lanes) = (model, lanes)
    // The rates of the flows are parts of the slopes: as outputs they cost nothing.
    evaluator = FormulaEvaluator(
      model.formulas, outputs: model.slopes + model.flows.map(\.rate), stateCount: model.stateCount,
      parameterCount: model.parameters.count, lanes: lanes)
  }

  func integrate(
    _ sets: [[Double]], from: Double, to: Double, starts: [[Double]], interventions: [Intervention],
    options: SimulationOptions
  ) throws(StatisticsError) -> DenseSolution {
    try model.checkHorizon(from: from, to: to)
    let n = model.stateCount
    var sets = sets
    var state = [Double](repeating: 0, count: n * lanes)
    for lane in 0..<lanes { for i in 0..<n { state[i * lanes + lane] = starts[lane][i] } }
    let scale = starts.map { $0[..<model.compartments.count].reduce(0, +) }.max() ?? 0
    guard scale > 0 else {
      throw StatisticsError(
        .option, "model \(model.name)", found: "nobody at the start", expected: "a population above 0")
    }
    let tolerance = SmallTolerance(
      absolute: Array(repeating: options.absoluteTolerance * scale, count: n))
    var controller = PIDController(
      relativeTolerance: options.relativeTolerance, absoluteTolerance: options.absoluteTolerance * scale)
    controller.maximumSteps = options.maximumSteps

    var solution: DenseSolution?
    var t = from
    let events = interventions.filter { $0.time > from && $0.time < to }.sorted { $0.time < $1.time }
    let atStart = interventions.filter { $0.time == from }
    for set in sets { try model.check(atStart + events, values: set) }
    for event in atStart { apply(event, to: &sets, &state) }
    let accuracy = max(1e-6, 10 * options.relativeTolerance)
    for (place, end) in (events.map(\.time) + [to]).enumerated() {
      if end > t {
        for lane in 0..<lanes { evaluator.setParameters(sets[lane], lane: lane) }
        evaluator.prepare()
        // What was integrated is as exact as its tolerance, the start but for rounding.
        try checkRates(sets, state, t, limit: (solution == nil ? 1e-12 : accuracy) * scale)
        let piece = try integrate(sets[0], state, t, end, tolerance, controller, options.method)
        state = piece.final
        if solution == nil { solution = piece } else { solution!.append(piece) }
        t = end
      }
      if place < events.count { apply(events[place], to: &sets, &state) }
    }
    let result = solution ?? DenseSolution(at: state, dimension: n, lanes: lanes)
    try model.checkPositive(result, scale: scale, tolerance: accuracy)
    return result
  }

  /// Whether every flow runs forward now. Between interventions nobody looks: a rate that turns negative there
  /// shows in what it overdraws.
  /// - Parameter limit: how far a compartment may be off.
  private func checkRates(_ sets: [[Double]], _ state: [Double], _ t: Double, limit: Double)
    throws(StatisticsError)
  {
    let n = model.stateCount
    // Emptied compartments end a little below zero, and so do the rates of what leaves them.
    evaluator.evaluate(t, state.map { max(0, $0) })
    for flow in model.flows.indices {
      for lane in 0..<lanes {
        let rate = evaluator.output(n + flow, lane: lane)
        if rate >= 0, rate.isFinite { continue }
        let own = (0..<n).map { state[$0 * lanes + lane] }
        // An error of the state times the fastest rate is no fault of the formula.
        let fastest = rate < 0 ? JacobianSystem(model, sets[lane]).fastestRate(t, own) : 0
        if rate.isFinite, rate >= -limit * max(1, fastest) { continue }
        throw model.badRate(rate, of: flow, at: t)
      }
    }
  }

  private func apply(_ event: Intervention, to sets: inout [[Double]], _ state: inout [Double]) {
    if case .move = event.action {
      event.apply(to: &sets[0], state: &state, lanes: lanes)
    } else {
      var none: [Double] = []
      for lane in 0..<lanes { event.apply(to: &sets[lane], state: &none, lanes: 0) }
    }
  }

  private func integrate(
    _ values: [Double], _ state: [Double], _ t: Double, _ end: Double, _ tolerance: SmallTolerance,
    _ controller: PIDController, _ method: SimulationOptions.Method
  ) throws(StatisticsError) -> DenseSolution {
    let evaluator = evaluator
    let count = model.stateCount
    func field(_ t: Double, _ x: UnsafePointer<Double>, _ slope: UnsafeMutablePointer<Double>) {
      evaluator.evaluate(t, x)
      evaluator.writeOutputs(to: slope, count: count)
    }
    do {
      let isImplicit =
        switch method {
        case .explicit: false
        case .implicit: lanes == 1
        case .automatic:
          lanes == 1 && JacobianSystem(model, values).fastestRate(t, state) * (end - t) > 2e4
        }
      if isImplicit {
        let jacobian = JacobianSystem(model, values)
        return try Rosenbrock4(controller: controller).integrate(
          field, derivatives: jacobian.write, dimension: model.stateCount, from: state, t0: t, t1: end,
          tolerance: tolerance)
      }
      return try DormandPrince5(controller: controller).integrate(
        field, dimension: model.stateCount, lanes: lanes, from: state, t0: t, t1: end, tolerance: tolerance)
    } catch {
      throw StatisticsError(
        .noAnswer, "model \(model.name)", found: "\(error)", expected: "a solution up to \(end)",
        advice: "check the rates, or try the other method of integration")
    }
  }
}

/// ∂f/∂x and ∂f/∂t of a model's equations, by derivatives along every number of the state and the time.
final class JacobianSystem {
  private let evaluator: FormulaEvaluator
  private let n: Int
  private var lifted: [Double]

  init(_ model: CompartmentModel, _ values: [Double]) {
    n = model.stateCount
    evaluator = FormulaEvaluator(
      model.formulas, outputs: model.slopes, stateCount: n, parameterCount: model.parameters.count,
      lanes: n + 2, isDual: true)
    evaluator.setParameters(values)
    evaluator.setTimeDerivative(direction: n + 1, to: 1)
    evaluator.prepare()
    lifted = [Double](repeating: 0, count: n * (n + 2))
    for i in 0..<n { lifted[i * (n + 2) + 1 + i] = 1 }
  }

  func write(
    _ t: Double, _ state: UnsafePointer<Double>, _ jacobian: UnsafeMutablePointer<Double>,
    _ timeDerivative: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<n { lifted[i * (n + 2)] = state[i] }
    evaluator.evaluate(t, lifted)
    for i in 0..<n {
      for j in 0..<n { jacobian[i * n + j] = evaluator.output(i, lane: 1 + j) }
      timeDerivative[i] = evaluator.output(i, lane: n + 1)
    }
  }

  /// Row-major.
  func matrix(_ t: Double, _ state: [Double]) -> [Double] {
    var (matrix, slope) = ([Double](repeating: 0, count: n * n), [Double](repeating: 0, count: n))
    write(t, state, &matrix, &slope)
    return matrix
  }

  /// The largest entry of the diagonal in size.
  func fastestRate(_ t: Double, _ state: [Double]) -> Double {
    let matrix = matrix(t, state)
    return (0..<n).map { abs(matrix[$0 * n + $0]) }.max() ?? 0
  }
}

extension CompartmentModel {
  func badRate(_ rate: Double, of flow: Int, at t: Double) -> StatisticsError {
    StatisticsError(
      .noAnswer, "flow \(flows[flow].formula) at \(timeUnit) \(t)", found: "the rate \(rate)",
      expected: "a finite rate ≥ 0")
  }

  func checkHorizon(from: Double, to: Double) throws(StatisticsError) {
    guard from.isFinite, to.isFinite, to > from else {
      throw StatisticsError(
        .option, "time", found: "from \(from) to \(to)", expected: "an end after the start, in \(timeUnit)s")
    }
  }

  func checkPositive(_ solution: DenseSolution, scale: Double, tolerance: Double) throws(StatisticsError) {
    for t in solution.stepTimes {
      let state = solution.state(at: t)
      for i in compartments.indices {
        for lane in 0..<solution.lanes where !(state[i * solution.lanes + lane] >= -tolerance * scale) {
          throw StatisticsError(
            .noAnswer, "compartment \(compartments[i].name) at \(timeUnit) \(t)",
            found: "\(state[i * solution.lanes + lane])", expected: "at least 0",
            advice:
              "a flow out of it does not vanish with it: make its rate proportional to \(compartments[i].name)"
          )
        }
      }
    }
  }
}
