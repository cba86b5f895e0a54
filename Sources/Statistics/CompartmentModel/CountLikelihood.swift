import Probability
import RealModule
import Solvers
import Torch

/// The law of a count around the model's mean.
public enum CountLaw: String, Sendable, Hashable, CaseIterable {
  /// Variance m + m²/k, with k fitted.
  case negativeBinomial = "negative-binomial"
  case poisson
}

/// What is fitted, and to what.
public struct CountFitOptions: Sendable, Hashable {
  /// The parameters that are fitted; the others keep their values.
  public var fitted: [String]
  /// The observation whose increments are the means.
  public var observation = "cases"
  public var law = CountLaw.negativeBinomial
  /// How long the model runs before the first interval.
  public var lead = 0.0
  /// Starts of the search: the given values, and points of a Latin hypercube around them.
  public var starts = 5
  /// How far other starts lie, in the coordinates of the search (log or logit): up to this on both sides.
  public var startSpread = 1.0
  public var interventions: [Intervention]?
  public var simulation = SimulationOptions(relativeTolerance: 1e-8)

  public init(fitted: [String]) { self.fitted = fitted }
}

/// The likelihood of counts under a model, as a function of the fitted parameters on a scale without limits.
///
/// Coordinates are log p for a parameter from 0 on, logit for one within limits, p itself for one without; the last
/// coordinate is log k. Derivatives come with the solution: sensitivities are integrated beside the state.
final class CountLikelihood {
  let model: CompartmentModel
  let series: CountSeries
  let options: CountFitOptions
  private let base: [Double]
  private let places: [Int]
  private let observation: Int
  private let evaluator: FormulaEvaluator
  private let startEvaluator: FormulaEvaluator
  private let events: [Intervention]

  var fittedCount: Int { places.count }
  var dimension: Int { places.count + (options.law == .negativeBinomial ? 1 : 0) }
  var names: [String] {
    places.map { model.parameters[$0].name } + (options.law == .negativeBinomial ? ["dispersion"] : [])
  }

  init(_ model: CompartmentModel, _ series: CountSeries, _ values: [Double], _ options: CountFitOptions)
    throws(StatisticsError)
  {
    try model.check(values)
    guard !options.fitted.isEmpty else {
      throw StatisticsError(.option, "fitted parameters", found: "none", expected: "one name at least")
    }
    var places: [Int] = []
    for name in options.fitted {
      guard let place = model.index(ofParameter: name) else { throw model.unknownParameter(name) }
      guard !places.contains(place) else {
        throw StatisticsError(
          .option, "fitted parameters", found: "\(name) twice", expected: "every name once")
      }
      places.append(place)
    }
    guard let observation = model.observations.firstIndex(where: { $0.name == options.observation }) else {
      let names = model.observations.map(\.name)
      throw StatisticsError(
        .option, "observation \(options.observation)",
        found: "no such observation in the model \(model.name)",
        expected: names.isEmpty ? "a line \"observe NAME : RATE\"" : "one of \(names.joined(separator: ", "))"
      )
    }
    guard options.lead >= 0, options.lead.isFinite else {
      throw StatisticsError(.option, "lead", found: "\(options.lead)", expected: "a time ≥ 0")
    }
    (self.model, self.series, self.options, base, self.places) = (model, series, options, values, places)
    self.observation = model.compartments.count + observation
    let events = (options.interventions ?? model.interventions).sorted { $0.time < $1.time }
    try model.check(events.filter { $0.time >= series.start - options.lead }, values: values)
    self.events = events
    let lanes = 1 + places.count
    evaluator = FormulaEvaluator(
      model.formulas, outputs: model.slopes, stateCount: model.stateCount,
      parameterCount: model.parameters.count, lanes: lanes, isDual: true)
    startEvaluator = FormulaEvaluator(
      model.formulas, outputs: model.starts, stateCount: model.stateCount,
      parameterCount: model.parameters.count, lanes: lanes, isDual: true)
  }

  // MARK: Coordinates

  func coordinates(_ values: [Double], dispersion: Double) -> [Double] {
    places.map { place in
      let (x, range) = (values[place], model.parameters[place].range)
      switch (range.lowerBound.isFinite, range.upperBound.isFinite) {
      case (true, true):
        // Inside, so that a start on a limit can leave it.
        let share = min(max((x - range.lowerBound) / (range.upperBound - range.lowerBound), 1e-6), 1 - 1e-6)
        return .log(share / (1 - share))
      case (true, false): return .log(max(x - range.lowerBound, 1e-300))
      case (false, true): return -.log(max(range.upperBound - x, 1e-300))
      case (false, false): return x
      }
    } + (options.law == .negativeBinomial ? [.log(dispersion)] : [])
  }

  /// The value and its derivative by the coordinate.
  func value(_ coordinate: Double, of index: Int) -> (value: Double, slope: Double) {
    guard index < places.count else {
      let k = Double.exp(coordinate)
      return (k, k)
    }
    let range = model.parameters[places[index]].range
    switch (range.lowerBound.isFinite, range.upperBound.isFinite) {
    case (true, true):
      let (share, width) = (1 / (1 + Double.exp(-coordinate)), range.upperBound - range.lowerBound)
      return (range.lowerBound + width * share, width * share * (1 - share))
    case (true, false):
      let part = Double.exp(coordinate)
      return (range.lowerBound + part, part)
    case (false, true):
      let part = Double.exp(-coordinate)
      return (range.upperBound - part, part)
    case (false, false):
      return (min(max(coordinate, range.lowerBound), range.upperBound), 1)
    }
  }

  /// All parameters at a point.
  func parameters(at point: [Double]) -> [Double] {
    var values = base
    for (i, place) in places.enumerated() { values[place] = value(point[i], of: i).value }
    return values
  }

  func dispersion(at point: [Double]) -> Double {
    options.law == .negativeBinomial ? .exp(point[point.count - 1]) : .infinity
  }

  // MARK: Means

  /// The means of all intervals, and of the ones after them in `beyond`, with their derivatives by coordinates; nil where the
  /// model has no solution.
  func means(at point: [Double], beyond: [Double] = []) -> (means: [Double], slopes: [[Double]])? {
    let lanes = 1 + places.count
    var values = base
    for (i, place) in places.enumerated() {
      let (value, slope) = value(point[i], of: i)
      guard value.isFinite, slope.isFinite else { return nil }
      values[place] = value
      for evaluator in [evaluator, startEvaluator] {
        evaluator.setDerivative(ofParameter: place, direction: 1 + i, to: slope)
      }
    }
    startEvaluator.setParameters(values)
    startEvaluator.prepare()
    startEvaluator.evaluate(0, [Double](repeating: 0, count: model.stateCount * lanes))
    var state = [Double](repeating: 0, count: model.stateCount * lanes)
    for i in model.compartments.indices {
      for lane in 0..<lanes { state[i * lanes + lane] = startEvaluator.output(i, lane: lane) }
      guard state[i * lanes] >= 0 else { return nil }
    }
    let ends = [series.start] + series.ends + beyond
    guard let counted = counted(values, state, at: ends, lanes) else { return nil }
    var (means, slopes) = ([Double](), [[Double]]())
    for (before, after) in zip(counted, counted.dropFirst()) {
      means.append(after[0] - before[0])
      slopes.append((1..<max(lanes, 1)).map { after[$0] - before[$0] })
    }
    return (means, slopes)
  }

  /// What has been counted by the times, with its derivatives, `[time][1 + fitted]`.
  private func counted(_ values: [Double], _ start: [Double], at times: [Double], _ lanes: Int) -> [[Double]]?
  {
    var (values, state) = (values, start)
    let n = model.stateCount
    let scale = (0..<model.compartments.count).reduce(0) { $0 + start[$1 * lanes] }
    guard scale > 0 else { return nil }
    var controller = PIDController(
      relativeTolerance: options.simulation.relativeTolerance,
      absoluteTolerance: options.simulation.absoluteTolerance * scale)
    controller.maximumSteps = 20_000
    let evaluator = evaluator
    func field(_ t: Double, _ x: UnsafePointer<Double>, _ slope: UnsafeMutablePointer<Double>) {
      evaluator.evaluate(t, x)
      evaluator.writeOutputs(to: slope)
    }
    var t = times[0] - options.lead
    let to = times[times.count - 1]
    var result: [[Double]] = []
    var pending = times[...]
    let stops = events.filter { $0.time >= t && $0.time < to }
    func take(_ piece: DenseSolution?, until end: Double) {
      while let next = pending.first, next <= end {
        let whole = piece?.state(at: next) ?? state
        result.append((0..<lanes).map { whole[observation * lanes + $0] })
        pending = pending.dropFirst()
      }
    }
    for (place, end) in (stops.map(\.time) + [to]).enumerated() {
      if end > t {
        evaluator.setParameters(values)
        evaluator.prepare()
        guard
          let piece = try? DormandPrince5(controller: controller).integrate(
            field, dimension: n, lanes: lanes, from: state, t0: t, t1: end,
            tolerance: SmallTolerance(
              absolute: Array(repeating: options.simulation.absoluteTolerance * scale, count: n)))
        else { return nil }
        take(piece, until: end)
        (state, t) = (piece.final, end)
      }
      if place < stops.count { apply(stops[place], to: &values, &state, lanes) }
    }
    take(nil, until: .infinity)
    return result
  }

  private func apply(_ event: Intervention, to values: inout [Double], _ state: inout [Double], _ lanes: Int)
  {
    event.apply(to: &values, state: &state, lanes: lanes)
    switch event.action {
    case .set(let parameter, _):
      // From here on nothing that is fitted acts on it.
      if let i = places.firstIndex(of: parameter) {
        evaluator.setDerivative(ofParameter: parameter, direction: 1 + i, to: 0)
      }
    case .scale(let parameter, let factor):
      if let i = places.firstIndex(of: parameter) {
        let before = values[parameter] / factor
        let slope = factor == 0 ? 0 : slopeOfParameter(i, before) * factor
        evaluator.setDerivative(ofParameter: parameter, direction: 1 + i, to: slope)
      }
    case .move: break
    }
  }

  private func slopeOfParameter(_ index: Int, _ value: Double) -> Double {
    var values = base
    values[places[index]] = value
    return self.value(coordinates(values, dispersion: 1)[index], of: index).slope
  }

  // MARK: The likelihood

  /// The negative log-likelihood with its gradient and the expected information, at all coordinates.
  func model(at point: [Double]) -> LevenbergMarquardt.Model? {
    guard let (means, slopes) = means(at: point) else { return nil }
    let d = dimension
    let k = dispersion(at: point)
    var result = LevenbergMarquardt.Model(
      value: 0, gradient: Array(repeating: 0, count: d), curvature: Array(repeating: 0, count: d * d))
    for (i, count) in series.counts.enumerated() {
      guard let count else { continue }
      let (m, y) = (means[i], Double(count))
      guard m > 0, m.isFinite else { return nil }
      result.value -= Self.logProbability(y, m, k)
      // −∂ℓ/∂m = (m − y)/(m (1 + m/k)), whose square has the mean 1/(m (1 + m/k)).
      let weight = 1 / (m * (1 + m / k))
      for a in 0..<places.count {
        result.gradient[a] += (m - y) * weight * slopes[i][a]
        for b in 0..<places.count { result.curvature[a * d + b] += weight * slopes[i][a] * slopes[i][b] }
      }
      if options.law == .negativeBinomial {
        let (first, second) = Self.dispersionDerivatives(y, m, k)
        result.gradient[d - 1] -= k * first
        result.curvature[d * d - 1] -= k * first + k * k * second
      }
    }
    if options.law == .negativeBinomial {
      // Curved the wrong way far from the optimum, where its size still gives a sensible step; and never so flat that a
      // step leads further than a factor e², to where k does not matter any more.
      result.curvature[d * d - 1] = max(
        abs(result.curvature[d * d - 1]), 0.5 * abs(result.gradient[d - 1]), 1e-6)
    }
    return result.value.isFinite ? result : nil
  }

  /// ln p(y) of a count.
  static func logProbability(_ y: Double, _ m: Double, _ k: Double) -> Double {
    guard k.isFinite, k < 1e12 else { return y * .log(m) - m - .logGamma(y + 1) }
    // By the difference of Stirling's series where k is large: there the logarithms of Γ cancel.
    let ways =
      k > 1e4
      ? (k + y - 0.5) * Double.log(onePlus: y / k) + y * Double.log(k) - y + (1 / (k + y) - 1 / k) / 12
      : Double.logGamma(y + k) - Double.logGamma(k)
    return ways - .logGamma(y + 1) - (k + y) * .log(onePlus: m / k) + y * .log(m / k)
  }

  /// ∂ℓ/∂k and ∂²ℓ/∂k².
  static func dispersionDerivatives(_ y: Double, _ m: Double, _ k: Double) -> (Double, Double) {
    // For a large k the differences of digammas cancel; there the law is Poisson's and k does not matter.
    guard k < 1e8 else { return (0, 0) }
    let first = digamma(y + k) - digamma(k) - .log(onePlus: m / k) + (m - y) / (k + m)
    let second = trigamma(y + k) - trigamma(k) + m / (k * (k + m)) - (m - y) / ((k + m) * (k + m))
    return (first, second)
  }

  /// The observed information at a point: central differences of the exact gradient, symmetric.
  func information(at point: [Double]) -> [Double]? {
    let d = dimension
    var matrix = [Double](repeating: 0, count: d * d)
    for j in 0..<d {
      let h = 1e-4
      var (up, down) = (point, point)
      up[j] += h
      down[j] -= h
      guard let above = model(at: up)?.gradient, let below = model(at: down)?.gradient else { return nil }
      for i in 0..<d { matrix[i * d + j] = (above[i] - below[i]) / (2 * h) }
    }
    return (0..<d * d).map { 0.5 * (matrix[$0] + matrix[$0 % d * d + $0 / d]) }
  }
}
