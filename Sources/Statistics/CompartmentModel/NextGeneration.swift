import RealModule
import Solvers
import Torch

/// The next-generation matrix of a model and what follows from it.
///
/// K = F V⁻¹ at the disease-free state: F the rates of new infections, V those of all other movements of the infected, both
/// by infected compartment (van den Driessche & Watmough 2002).
public struct NextGeneration: Sendable {
  /// The infected compartments, which name rows and columns.
  public let names: [String]
  /// `[infected × infected]`, row-major.
  public let newInfections: [Double]
  public let transitions: [Double]
  public let matrix: [Double]
  /// The largest eigenvalue of `matrix`.
  public let reproductionNumber: Double
  /// d ln R₀/d ln p of every parameter, 0 for a parameter that is 0.
  public let elasticities: [(parameter: String, value: Double)]
  /// Of the linearised system F − V: the largest real part of its eigenvalues, per unit of time.
  public let growthRate: Double
  /// The infected compartments in the growth phase, relative to each other; they sum to 1.
  public let growthShares: [Double]
  /// The state without infection at which all of this holds, `[compartments]`.
  public let diseaseFree: [Double]

  /// The time in which the infected double; negative where they halve.
  public var doublingTime: Double { .log(2) / growthRate }
}

extension CompartmentModel {
  /// The next-generation matrix, R₀, its elasticities and the growth rate.
  ///
  /// For rates that vary with the season they are those at `time`.
  /// - Throws: ``StatisticsError`` (`noAnswer`) where nothing leaves an infected compartment: R₀ is infinite.
  public func nextGeneration(_ values: [Double], time: Double = 0) throws(StatisticsError) -> NextGeneration {
    try check(values)
    let m = infected.count
    guard m > 0 else {
      throw StatisticsError(
        .badData, "model \(name)", found: "no infected compartment", expected: "a line \"infected NAME …\"")
    }
    let free = try diseaseFree(values, time: time)
    // Directions: every parameter, with the disease-free state moving along.
    let directions = parameters.count
    let evaluator = FormulaEvaluator(
      formulas, outputs: newInfections + transitions, stateCount: stateCount, parameterCount: directions,
      lanes: 1 + directions, isDual: true)
    evaluator.setParameters(values)
    for i in 0..<directions { evaluator.setDerivative(ofParameter: i, direction: 1 + i, to: 1) }
    evaluator.prepare()
    var state = [Double](repeating: 0, count: stateCount * (1 + directions))
    for i in compartments.indices {
      state[i * (1 + directions)] = free.state[i]
      for j in 0..<directions { state[i * (1 + directions) + 1 + j] = free.derivatives[i][j] }
    }
    evaluator.evaluate(time, state)
    func entries(_ start: Int, _ lane: Int) -> [Double] {
      (0..<m * m).map { evaluator.output(start + $0, lane: lane) }
    }
    let (f, v) = (entries(0, 0), entries(m * m, 0))
    let inverse = try inverseOfTransitions(v)
    let k = multiply(f, inverse, m)
    let (r0, right, left) = leadingEigenvectors(k, m)
    let scale = zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
    let elasticities = parameters.indices.map { p -> (parameter: String, value: Double) in
      // dK = (dF − K dV) V⁻¹, and dρ = wᵀ dK u/wᵀu.
      let (df, dv) = (entries(0, 1 + p), entries(m * m, 1 + p))
      let change = multiply(zip(df, multiply(k, dv, m)).map { $0 - $1 }, inverse, m)
      var slope = 0.0
      for i in 0..<m { for j in 0..<m { slope += left[i] * change[i * m + j] * right[j] } }
      let value = r0 > 0 ? slope / scale * values[p] / r0 : .nan
      return (parameters[p].name, value)
    }
    let (growth, shares, _) = leadingEigenvectors(zip(f, v).map { $0 - $1 }, m)
    let sum = shares.reduce(0, +)
    return NextGeneration(
      names: infected.map { compartments[$0].name }, newInfections: f, transitions: v, matrix: k,
      reproductionNumber: r0, elasticities: elasticities, growthRate: growth,
      growthShares: shares.map { $0 / sum }, diseaseFree: Array(free.state[..<compartments.count]))
  }

  /// R₀ of many sets of parameters; NaN where a compartment is never left, or nothing rests without infection.
  public func reproductionNumbers(_ sets: [[Double]], time: Double = 0) throws -> [Double] {
    let m = infected.count
    guard m > 0, !sets.isEmpty else { return sets.map { _ in .nan } }
    let evaluator = FormulaEvaluator(
      formulas, outputs: newInfections + transitions, stateCount: stateCount, parameterCount: parameters.count
    )
    var matrices: [Double] = []
    var isInfinite: [Bool] = []
    for set in sets {
      try check(set)
      evaluator.setParameters(set)
      evaluator.prepare()
      // No state without infection, no R₀.
      guard let free = try? diseaseFree(set, time: time, withDerivatives: false).state else {
        matrices += Array(repeating: 0, count: m * m)
        isInfinite.append(true)
        continue
      }
      evaluator.evaluate(time, free)
      let f = (0..<m * m).map { evaluator.output($0) }
      let v = (m * m..<2 * m * m).map { evaluator.output($0) }
      let inverse = f.allSatisfy(\.isFinite) ? SmallFactors(v, size: m)?.inverse : nil
      matrices += inverse.map { multiply(f, $0, m) } ?? Array(repeating: 0, count: m * m)
      isInfinite.append(inverse == nil)
    }
    let values = Tensor(matrices, shape: [sets.count, m, m]).eig().values.real()
    let largest = values.max(1).doubles
    return zip(largest, isInfinite).map { $1 ? .nan : $0 }
  }

  private func inverseOfTransitions(_ v: [Double]) throws(StatisticsError) -> [Double] {
    let m = infected.count
    for (row, place) in infected.enumerated() where !(v[row * m + row] > 0) {
      throw StatisticsError(
        .noAnswer, "compartment \(compartments[place].name)",
        found: "the rate \(v[row * m + row]) of leaving it", expected: "a rate above 0",
        advice: "who is never healed infects without end: R0 is infinite")
    }
    guard let factors = SmallFactors(v, size: m) else {
      throw StatisticsError(
        .noAnswer, "model \(name)", found: "infected compartments that are never left together",
        expected: "a way out", advice: "R0 is infinite")
    }
    return factors.inverse
  }

  /// The state without infection, `[stateCount]`, and its derivatives `[stateCount][parameters]`.
  ///
  /// Those infected at the start are taken back to where their infection came from; then everything rests, or is
  /// followed until it does.
  func diseaseFree(_ values: [Double], time: Double, withDerivatives: Bool = true) throws(StatisticsError)
    -> (
      state: [Double], derivatives: [[Double]]
    )
  {
    let directions = withDerivatives ? parameters.count : 0
    let evaluator = FormulaEvaluator(
      formulas, outputs: starts, stateCount: stateCount, parameterCount: parameters.count,
      lanes: 1 + directions, isDual: true)
    evaluator.setParameters(values)
    for i in 0..<directions { evaluator.setDerivative(ofParameter: i, direction: 1 + i, to: 1) }
    evaluator.prepare()
    evaluator.evaluate(0, [Double](repeating: 0, count: stateCount * (1 + directions)))
    var rows = (0..<stateCount).map { i in
      (0...directions).map { i < compartments.count ? evaluator.output(i, lane: $0) : 0 }
    }
    for i in infected {
      if let source = origin(of: i) { for j in 0...directions { rows[source][j] += rows[i][j] } }
      rows[i] = Array(repeating: 0, count: 1 + directions)
    }
    let state = rows.map { $0[0] }
    let derivatives = rows.map { Array($0.dropFirst()) }
    let scale = max(state.reduce(0, +), 1e-300)
    let slopes = slopesOfCompartments(values, time, state)
    let resting = relevantCompartments(values, state, time)
    if resting.allSatisfy({ abs(slopes[$0]) <= 1e-12 * scale }) { return (state, derivatives) }
    if resting.contains(where: { !slopes[$0].isFinite }) { try checkFinite(values, time, state) }
    let rested = try rest(values, from: state, time: time, held: Set(infected))
    guard withDerivatives else { return (rested, []) }
    return (rested, try derivativesOfRest(values, rested, time, starts: derivatives))
  }

  /// Names the flow whose rate is no number, such as one divided by 0.
  private func checkFinite(_ values: [Double], _ time: Double, _ state: [Double]) throws(StatisticsError) {
    let evaluator = FormulaEvaluator(
      formulas, outputs: flows.map(\.rate), stateCount: stateCount, parameterCount: parameters.count)
    evaluator.setParameters(values)
    evaluator.prepare()
    evaluator.evaluate(time, state)
    for flow in flows.indices where !evaluator.output(flow).isFinite {
      throw badRate(evaluator.output(flow), of: flow, at: time)
    }
  }

  /// The compartment without infection from which members of an infected one come, by way of others where need be.
  private func origin(of compartment: Int) -> Int? {
    var (pending, seen) = ([compartment], Set([compartment]))
    while !pending.isEmpty {
      let here = pending.removeFirst()
      for flow in flows where flow.target == here {
        guard let source = flow.source, seen.insert(source).inserted else { continue }
        if !compartments[source].isInfected { return source }
        pending.append(source)
      }
    }
    return nil
  }

  /// By the implicit function theorem, J dx = −∂f/∂p, in the directions that matter; conserved totals change as those of
  /// the start do.
  private func derivativesOfRest(
    _ values: [Double], _ state: [Double], _ time: Double, starts: [[Double]]
  )
    throws(StatisticsError)
    -> [[Double]]
  {
    let directions = parameters.count
    // Those without infection stay without it.
    let used = relevantCompartments(values, state, time).filter { !compartments[$0].isInfected }
    let evaluator = FormulaEvaluator(
      formulas, outputs: slopes, stateCount: stateCount, parameterCount: directions, lanes: 1 + directions,
      isDual: true)
    evaluator.setParameters(values)
    for i in 0..<directions { evaluator.setDerivative(ofParameter: i, direction: 1 + i, to: 1) }
    evaluator.prepare()
    var lifted = [Double](repeating: 0, count: stateCount * (1 + directions))
    for i in 0..<stateCount { lifted[i * (1 + directions)] = state[i] }
    evaluator.evaluate(time, lifted)
    let jacobian = JacobianSystem(self, values).matrix(time, state)
    let part = used.flatMap { i in used.map { j in jacobian[i * stateCount + j] } }
    var result = [[Double]](repeating: [Double](repeating: 0, count: directions), count: stateCount)
    for p in 0..<directions {
      let slope = used.map { -evaluator.output($0, lane: 1 + p) }
      for (place, value) in zip(used, pseudoSolve(part, slope, keeping: used.map { starts[$0][p] })) {
        result[place][p] = value
      }
    }
    return result
  }
}

/// The product of square matrices, row-major.
func multiply(_ a: [Double], _ b: [Double], _ n: Int) -> [Double] {
  var c = [Double](repeating: 0, count: n * n)
  for i in 0..<n { for k in 0..<n { for j in 0..<n { c[i * n + j] += a[i * n + k] * b[k * n + j] } } }
  return c
}

/// The eigenvalue of the largest real part with its right and left eigenvectors; right with a positive sum.
func leadingEigenvectors(_ matrix: [Double], _ n: Int) -> (value: Double, right: [Double], left: [Double]) {
  func lead(_ matrix: [Double]) -> (Double, [Double]) {
    let (values, vectors) = Tensor(matrix, shape: [n, n]).eig()
    let real = values.real().doubles
    let place = real.indices.max { real[$0] < real[$1] }!
    let vector = vectors.real()[.all, place].doubles
    return (real[place], vector.reduce(0, +) < 0 ? vector.map { -$0 } : vector)
  }
  let (value, right) = lead(matrix)
  let transposed = (0..<n * n).map { matrix[$0 % n * n + $0 / n] }
  return (value, right, lead(transposed).1)
}

/// The x with A x = b whose conserved totals are those of `kept`: a total wᵀx with wᵀA = 0 that A says nothing about.
///
/// Singular values below 10⁻¹¹ of the largest count as 0.
func pseudoSolve(_ matrix: [Double], _ b: [Double], keeping kept: [Double]? = nil) -> [Double] {
  let n = b.count
  guard n > 0 else { return [] }
  let (u, s, vh) = Tensor(matrix, shape: [n, n]).svd()
  let (left, sizes, right) = (u.doubles, s.doubles, vh.doubles)
  var x = [Double](repeating: 0, count: n)
  for k in 0..<n where sizes[k] > 1e-11 * sizes[0] {
    let share = (0..<n).reduce(0) { $0 + left[$1 * n + k] * b[$1] } / sizes[k]
    for i in 0..<n { x[i] += share * right[k * n + i] }
  }
  // Along the directions that A does not see, so far that the totals are right.
  let free = (0..<n).filter { sizes[$0] <= 1e-11 * sizes[0] }
  guard !free.isEmpty else { return x }
  let target = kept ?? Array(repeating: 0, count: n)
  func total(_ k: Int, _ y: (Int) -> Double) -> Double { (0..<n).reduce(0) { $0 + left[$1 * n + k] * y($1) } }
  let seen = free.flatMap { k in free.map { m in total(k) { right[m * n + $0] } } }
  guard let factors = SmallFactors(seen, size: free.count) else { return x }
  for (m, share) in zip(free, factors.solve(free.map { k in total(k) { target[$0] - x[$0] } })) {
    for i in 0..<n { x[i] += share * right[m * n + i] }
  }
  return x
}
