import Probability
import RealModule
import Torch

/// The stochastic twin of a compartment model: whole persons who move one by one.
///
/// Every flow is a Poisson process with the rate of its formula. Exact for rates that are constant between events
/// (Gillespie 1977); rates that vary with time are held for `maximumStep` at most.
public struct StochasticSimulation: Sendable {
  public enum Method: Sendable, Hashable {
    /// One event at a time. Cost: some 100 ns an event.
    case exact
    /// All events of a step at once, of this size in the model's time: each compartment loses a binomial number, shared among
    /// its flows, so that none falls below zero. Error of order one in the step.
    case leap(Double)
  }

  public let model: CompartmentModel
  public var method = Method.exact
  /// How long a rate that depends on time is held.
  public var maximumStep = 0.1
  /// After so many events a run is given up.
  public var maximumEvents = 100_000_000

  public init(_ model: CompartmentModel, method: Method = .exact) {
    (self.model, self.method) = (model, method)
  }

  /// One run at the times asked for.
  public struct Run: Sendable {
    /// `[time][compartment or observation]`, whole numbers but for observations that are no flow.
    public let states: [[Double]]
    public let events: Int
    /// When no infected was left; nil where the infection lasted.
    public let extinction: Double?
  }

  /// Independent runs, run i with stream i of `random`.
  /// - Parameters:
  ///   - times: in order, the first at or after `from`.
  /// - Throws: ``StatisticsError``: for parameters that interventions take out of their range, a negative rate,
  ///   a compartment or births of 2⁵³ or more, and where a run needs more than ``maximumEvents``.
  /// - Complexity: runs side by side on libtorch's threads.
  public func runs(
    _ count: Int, values: [Double], from: Double = 0, times: [Double], interventions: [Intervention]? = nil,
    random: RandomSource
  ) throws -> [Run] {
    try model.check(values)
    if case .leap(let step) = method, !(step > 0 && step.isFinite) {
      throw StatisticsError(.option, "the step of the leap", found: "\(step)", expected: "a number above 0")
    }
    guard let first = times.first, first >= from, zip(times, times.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw StatisticsError(
        .option, "times", found: "\(times.prefix(3))…", expected: "rising times from \(from) on")
    }
    let start = try model.start(values).enumerated().map { i, x in
      i < model.compartments.count ? x.rounded() : x
    }
    for (place, size) in start.prefix(model.compartments.count).enumerated() {
      try model.checkCountable(size, "compartment \(model.compartments[place].name) at the start")
    }
    let events = (interventions ?? model.interventions).filter {
      (from...times[times.count - 1]).contains($0.time)
    }
    .sorted { $0.time < $1.time }
    try model.check(events, values: values)
    return try concurrently(count) { run in
      var chain = StochasticChain(self, values, start, from, random.split(run))
      return try chain.run(times, events)
    }
  }
}

extension CompartmentModel {
  /// Whole numbers are exact below 2⁵³; beyond, one person more or less is lost in rounding.
  fileprivate func checkCountable(_ size: Double, _ place: @autoclosure () -> String) throws(StatisticsError)
  {
    guard size < 0x1p53 else {
      throw StatisticsError(
        .noAnswer, place(), found: "\(size)", expected: "fewer than 2^53 (9.0e15) to count one by one",
        advice: "use the deterministic simulation")
    }
  }
}

/// A run on its way.
private struct StochasticChain {
  private let settings: StochasticSimulation
  private let model: CompartmentModel
  private let evaluator: FormulaEvaluator
  private var values: [Double]
  private var state: [Double]
  private var t: Double
  private var random: RandomSource
  private var events = 0
  private var extinction: Double?
  private let flowCount: Int
  private let infected: [Int]
  private var holds: Bool

  init(
    _ settings: StochasticSimulation, _ values: [Double], _ start: [Double], _ from: Double,
    _ random: RandomSource
  ) {
    (self.settings, model, self.values, state, t, self.random) = (
      settings, settings.model, values, start, from, random
    )
    flowCount = model.flows.count
    infected = model.infected
    holds = model.variesWithTime(values)
    evaluator = FormulaEvaluator(
      model.formulas, outputs: model.flows.map(\.rate) + model.observations.map(\.rate),
      stateCount: model.stateCount, parameterCount: model.parameters.count)
    evaluator.setParameters(values)
    evaluator.prepare()
  }

  mutating func run(_ times: [Double], _ interventions: [Intervention]) throws -> StochasticSimulation.Run {
    var pending = interventions[...]
    var saved: [[Double]] = []
    noteExtinction()
    for time in times {
      while let next = pending.first, next.time <= time {
        try advance(to: next.time)
        try apply(next)
        pending = pending.dropFirst()
      }
      try advance(to: time)
      saved.append(state)
    }
    return .init(states: saved, events: events, extinction: extinction)
  }

  private mutating func apply(_ event: Intervention) throws(StatisticsError) {
    if case .move(let from, let to, let share) = event.action {
      try model.checkCountable(state[from], placeNow(from))
      let moved = binomial(Int(state[from]), share)
      state[from] -= Double(moved)
      state[to] += Double(moved)
    } else {
      var none: [Double] = []
      event.apply(to: &values, state: &none, lanes: 0)
      evaluator.setParameters(values)
      evaluator.prepare()
      // An amplitude may have been switched on.
      holds = model.variesWithTime(values)
    }
    noteExtinction()
  }

  private func placeNow(_ compartment: Int) -> String {
    "compartment \(model.compartments[compartment].name) at \(model.timeUnit) \(t)"
  }

  private mutating func noteExtinction() {
    if infected.allSatisfy({ state[$0] == 0 }) {
      if extinction == nil { extinction = t }
    } else {
      extinction = nil
    }
  }

  /// The rates now; their sum.
  private func rates(_ rates: inout [Double]) throws(StatisticsError) -> Double {
    evaluator.evaluate(t, state)
    var total = 0.0
    for i in 0..<flowCount {
      let rate = evaluator.output(i)
      guard rate >= 0, total + rate < .infinity else { throw model.badRate(rate, of: i, at: t) }
      if model.flows[i].source == nil { try checkBirths(rate, i) }
      // A compartment that is empty has nothing to lose, whatever a formula says.
      rates[i] = model.flows[i].source.map { state[$0] >= 1 ? rate : 0 } ?? rate
      total += rates[i]
    }
    return total
  }

  private func checkBirths(_ count: Double, _ flow: Int) throws(StatisticsError) {
    try model.checkCountable(
      count, "births by the flow \(model.flows[flow].formula) at \(model.timeUnit) \(t)")
  }

  private mutating func advance(to end: Double) throws(StatisticsError) {
    switch settings.method {
    case .exact: try advanceByEvents(to: end)
    case .leap(let step): try advanceByLeaps(to: end, step)
    }
  }

  private mutating func advanceByEvents(to end: Double) throws(StatisticsError) {
    var rates = [Double](repeating: 0, count: flowCount)
    while t < end {
      let total = try self.rates(&rates)
      // By the lack of memory of exponential times a wait may be cut off and drawn again.
      let limit = holds ? min(end, t + settings.maximumStep) : end
      let wait = total > 0 ? -Double.log(onePlus: -random.uniform()) / total : .infinity
      let next = min(limit, t + wait)
      for i in model.observations.indices {
        state[model.compartments.count + i] += (next - t) * evaluator.output(flowCount + i)
      }
      t = next
      guard wait.isFinite && next < limit else { continue }
      var place = random.uniform() * total
      var chosen = flowCount - 1
      for i in 0..<flowCount {
        place -= rates[i]
        if place < 0 {
          chosen = i
          break
        }
      }
      move(chosen, 1)
      events += 1
      guard events < settings.maximumEvents else {
        throw StatisticsError(
          .noAnswer, "stochastic run", found: "\(events) events by \(model.timeUnit) \(t)", expected: "fewer",
          advice: "leap over events with a step, or raise the limit")
      }
      noteExtinction()
    }
  }

  private mutating func move(_ flow: Int, _ count: Int) {
    if let source = model.flows[flow].source { state[source] -= Double(count) }
    if let target = model.flows[flow].target { state[target] += Double(count) }
  }

  private mutating func advanceByLeaps(to end: Double, _ step: Double) throws(StatisticsError) {
    var rates = [Double](repeating: 0, count: flowCount)
    while t < end {
      let h = min(step, end - t)
      let total = try self.rates(&rates)
      if total == 0 && !holds {
        // Nothing moves any more.
        for i in model.observations.indices {
          state[model.compartments.count + i] += (end - t) * evaluator.output(flowCount + i)
        }
        t = end
        return
      }
      for i in model.observations.indices {
        state[model.compartments.count + i] += h * evaluator.output(flowCount + i)
      }
      var moves = [Int](repeating: 0, count: flowCount)
      for compartment in model.compartments.indices where state[compartment] >= 1 {
        let out = (0..<flowCount).filter { model.flows[$0].source == compartment && rates[$0] > 0 }
        var total = out.reduce(0) { $0 + rates[$1] }
        guard total > 0 else { continue }
        let size = state[compartment]
        try model.checkCountable(size, placeNow(compartment))
        var left = binomial(Int(size), -Double.expMinusOne(-total * h / size))
        for flow in out {
          let share = total > 0 ? min(1, rates[flow] / total) : 1
          moves[flow] = binomial(left, share)
          left -= moves[flow]
          total -= rates[flow]
        }
      }
      for flow in 0..<flowCount where model.flows[flow].source == nil && rates[flow] > 0 {
        try checkBirths(rates[flow] * h, flow)
        moves[flow] = Int(random.poisson(Tensor(rates[flow] * h)).item())
      }
      for flow in 0..<flowCount where moves[flow] > 0 {
        move(flow, moves[flow])
        events += moves[flow]
      }
      t = h == step ? t + h : end
      try model.checkCountable(Double(events), "events of a run by \(model.timeUnit) \(t)")
      noteExtinction()
    }
  }

  /// Successes among `n`: by adding up probabilities where few are expected, by libtorch's draws otherwise.
  private mutating func binomial(_ n: Int, _ probability: Double) -> Int {
    if n == 0 || probability <= 0 { return 0 }
    if probability >= 1 { return n }
    if probability > 0.5 { return n - binomial(n, 1 - probability) }
    guard Double(n) * probability < 20 else {
      return Int(random.binomial(Tensor(Double(n)), Tensor(probability)).item())
    }
    let odds = probability / (1 - probability)
    var mass = Double.exp(Double(n) * .log(onePlus: -probability))
    var left = random.uniform() - mass
    var count = 0
    while left >= 0 && count < n {
      count += 1
      mass *= odds * Double(n - count + 1) / Double(count)
      left -= mass
    }
    return count
  }
}
