import RealModule
import Sampling
import Solvers
import Torch

/// One number of an epidemic, which scans and sensitivity analyses look at.
public enum ModelOutcome: Sendable, Hashable, CustomStringConvertible {
  /// R₀.
  case reproductionNumber
  /// The highest value of a compartment, and when it is reached.
  case peak(String)
  case peakTime(String)
  /// A compartment, or the count of an observation, at the end.
  case end(String)
  /// The share of those susceptible at the start (in the compartments where infections come from) that is gone at the end.
  case attackRate

  public static let forms = "r0, attack, peak:NAME, time:NAME, end:NAME"

  /// - Throws: ``StatisticsError`` (`option`) for another form, or a name the model lacks.
  public init(_ text: String, of model: CompartmentModel) throws(StatisticsError) {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    func checked(_ names: [String]) throws(StatisticsError) -> String {
      guard names.contains(parts[1]) else {
        throw StatisticsError(
          .option, "outcome \(text)", found: "the name \(parts[1])",
          expected: "one of \(names.joined(separator: ", "))",
          advice: nearestName(parts[1], among: names).map { "did you mean \($0)?" })
      }
      return parts[1]
    }
    switch (parts.first, parts.count) {
    case ("r0", 1): self = .reproductionNumber
    case ("attack", 1): self = .attackRate
    case ("peak", 2): self = .peak(try checked(model.compartments.map(\.name)))
    case ("time", 2): self = .peakTime(try checked(model.compartments.map(\.name)))
    case ("end", 2): self = .end(try checked(model.stateNames))
    default:
      throw StatisticsError(
        .option, "outcome \(text)", found: "another form", expected: "one of \(Self.forms)")
    }
  }

  public var description: String {
    switch self {
    case .reproductionNumber: "r0"
    case .attackRate: "attack"
    case .peak(let name): "peak:\(name)"
    case .peakTime(let name): "time:\(name)"
    case .end(let name): "end:\(name)"
    }
  }

  func value(_ trajectory: Trajectory) -> Double {
    switch self {
    case .reproductionNumber: .nan
    case .peak(let name): trajectory.maximum(name).value
    case .peakTime(let name): trajectory.maximum(name).time
    case .end(let name): trajectory.final(name)
    case .attackRate:
      trajectory.lost(from: trajectory.model.susceptible)
    }
  }
}

extension Trajectory {
  fileprivate func lost(from compartments: [Int]) -> Double {
    let start = compartments.reduce(0) { $0 + value($1, at: startTime) }
    let end = compartments.reduce(0) { $0 + value($1, at: endTime) }
    return start > 0 ? 1 - end / start : .nan
  }
}

extension CompartmentModel {
  /// The compartments without infection where infections come from.
  var susceptible: [Int] {
    compartments.indices.filter { place in
      !compartments[place].isInfected && flows.contains { $0.isInfection && $0.source == place }
    }
  }

  /// Outcomes of many sets of parameters, `[set][outcome]`.
  /// - Complexity: an integration a set, eight side by side; none for R₀ alone.
  public func outcomes(
    _ outcomes: [ModelOutcome], of sets: [[Double]], to: Double, interventions: [Intervention]? = nil,
    options: SimulationOptions = SimulationOptions(relativeTolerance: 1e-6)
  ) throws -> [[Double]] {
    let reproduction = outcomes.contains(.reproductionNumber) ? try reproductionNumbers(sets) : []
    let isStatic = outcomes.allSatisfy { $0 == .reproductionNumber }
    if isStatic { return reproduction.map { r0 in outcomes.map { _ in r0 } } }
    let rows = try simulateAll(sets, to: to, interventions: interventions, options: options) {
      _, trajectory in
      outcomes.map { $0.value(trajectory) }
    }
    return rows.enumerated().map { set, row in
      zip(outcomes, row).map { $0 == .reproductionNumber ? reproduction[set] : $1 }
    }
  }

  /// The value of a parameter at which R₀ is 1, the others held; nil where it never is within the parameter's range.
  ///
  /// The nearest crossing to the given value, looked for in steps of a factor √2 on both sides, then refined.
  public func criticalValue(of parameter: String, _ values: [Double]) throws -> Double? {
    guard let place = index(ofParameter: parameter) else { throw unknownParameter(parameter) }
    let (range, here) = (parameters[place].range, values[place])
    let unit = here > 0 ? here : 1
    let grid = (-60...60).map { here > 0 || $0 > -60 ? unit * .pow(2, Double($0) / 2) : 0 }
    let inside = ([range.lowerBound, range.upperBound] + grid).filter { $0.isFinite && range.contains($0) }
      .sorted()
    func excess(_ x: [Double]) throws -> [Double] {
      try reproductionNumbers(
        x.map { x in
          var set = values
          set[place] = x
          return set
        }
      ).map { $0 - 1 }
    }
    let values = try excess(inside)
    let crossings = inside.indices.dropLast().filter { values[$0] * values[$0 + 1] <= 0 }
    guard
      let nearest = crossings.min(by: {
        abs(Double.log((inside[$0] + 1e-300) / unit)) < abs(Double.log((inside[$1] + 1e-300) / unit))
      })
    else { return nil }
    var failure: (any Error)?
    let found = root(between: inside[nearest], and: inside[nearest + 1]) { x in
      do { return try excess([x])[0] } catch {
        failure = error
        return .nan
      }
    }
    if let failure { throw failure }
    return found
  }
}

/// What the uncertainty of parameters does to outcomes.
public struct SensitivityStudy: Sendable {
  public let model: CompartmentModel
  /// The parameters that vary, each uniformly in its range, on a log scale where asked for.
  public var ranges: [(parameter: String, range: ClosedRange<Double>, isLog: Bool)]
  public var outcomes: [ModelOutcome]
  public var horizon: Double
  /// In place of the model's.
  public var interventions: [Intervention]?

  /// - Throws: ``StatisticsError`` for unknown names, and ranges that a parameter cannot have.
  public init(
    _ model: CompartmentModel, ranges: [(parameter: String, range: ClosedRange<Double>, isLog: Bool)],
    outcomes: [ModelOutcome], horizon: Double
  ) throws(StatisticsError) {
    for (name, range, isLog) in ranges {
      guard let place = model.index(ofParameter: name) else { throw model.unknownParameter(name) }
      let allowed = model.parameters[place].range
      guard range.lowerBound < range.upperBound, allowed.contains(range.lowerBound),
        allowed.contains(range.upperBound),
        range.upperBound.isFinite, !isLog || range.lowerBound > 0
      else {
        throw StatisticsError(
          .option, "range of \(name)", found: "\(range.lowerBound) to \(range.upperBound)",
          expected: "two values inside \(rangeWords(allowed))" + (isLog ? ", above 0 on a log scale" : ""))
      }
    }
    guard !ranges.isEmpty, Set(ranges.map(\.parameter)).count == ranges.count else {
      throw StatisticsError(
        .option, "ranges", found: ranges.isEmpty ? "none" : "a parameter twice",
        expected: "one range a parameter")
    }
    (self.model, self.ranges, self.outcomes, self.horizon) = (model, ranges, outcomes, horizon)
  }

  /// Sets of parameters at points of the unit cube.
  func sets(_ cube: [[Double]], _ values: [Double]) -> [[Double]] {
    cube.map { row in
      var set = values
      for (u, (name, range, isLog)) in zip(row, ranges) {
        let (low, high) = (range.lowerBound, range.upperBound)
        set[model.index(ofParameter: name)!] =
          isLog ? low * .pow(high / low, u) : low + (high - low) * u
      }
      return set
    }
  }

  /// Partial rank correlations over a Latin hypercube, one an outcome.
  public func partialRankCorrelations(_ values: [Double], count: Int, using random: inout RandomSource) throws
    -> [PartialRankCorrelation]
  {
    guard count > ranges.count + 2 else {
      throw StatisticsError(
        .option, "samples", found: "\(count)",
        expected: "more than \(ranges.count + 2) for \(ranges.count) parameters")
    }
    let cube = LatinHypercube.points(count, dimension: ranges.count, using: &random)
    let found = try model.outcomes(
      outcomes, of: sets(cube, values), to: horizon, interventions: interventions)
    return outcomes.indices.map { i in PartialRankCorrelation(inputs: cube, outputs: found.map { $0[i] }) }
  }

  /// Sobol's indices, one an outcome, from (parameters + 2) · count runs.
  public func sobolIndices(_ values: [Double], count: Int, using random: inout RandomSource) throws
    -> [SobolIndices]
  {
    guard count >= 2, 2 * ranges.count <= SobolSequence.maximumDimension else {
      throw StatisticsError(
        .option, "samples of \(ranges.count) parameters", found: "\(count)",
        expected: "at least 2, of at most \(SobolSequence.maximumDimension / 2) parameters")
    }
    let cube = SobolIndices.design(count, dimension: ranges.count, using: &random)
    let found = try model.outcomes(
      outcomes, of: sets(cube, values), to: horizon, interventions: interventions)
    return try outcomes.indices.map { i in
      let outputs = found.map { $0[i] }
      guard outputs.allSatisfy(\.isFinite) else {
        throw StatisticsError(
          .noAnswer, "outcome \(outcomes[i])", found: "no finite value somewhere in the ranges",
          expected: "one everywhere", advice: "narrow the ranges")
      }
      return SobolIndices(outputs: outputs, dimension: ranges.count, using: &random)
    }
  }
}
