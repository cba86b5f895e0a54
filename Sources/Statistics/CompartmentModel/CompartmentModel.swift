import RealModule

/// A compartment model: how many there are in every compartment, and at which rates they move between them.
///
/// Made from a text (see ``init(text:file:)``) or taken from a preset such as ``meningitis``. The flows are split by
/// themselves into new infections and transitions, which gives the next-generation matrix; their sum gives the system
/// of differential equations, its Jacobian and its derivatives by parameters, all without finite differences.
public struct CompartmentModel: Sendable {
  public struct Compartment: Sendable, Hashable {
    public let name: String
    /// Whether its members carry the infection.
    public let isInfected: Bool
  }

  public struct Parameter: Sendable, Hashable {
    public let name: String
    /// The value where none is given.
    public let value: Double
    public let range: ClosedRange<Double>
    /// Whether it is a rate, in events per unit of time.
    public let isRate: Bool
    public let note: String
  }

  /// A movement from one compartment to another; from nowhere for a birth, to nowhere for an exit.
  public struct Flow: Sendable, Hashable {
    public let source: Int?
    public let target: Int?
    public let isInfection: Bool
    /// As it was written.
    public let formula: String
    let rate: Formulas.Node
  }

  /// What is counted: the integral of a rate over time.
  public struct Observation: Sendable, Hashable {
    public let name: String
    public let formula: String
    let rate: Formulas.Node
  }

  public let name: String
  /// `day`, `week`, `month` or `year`.
  public let timeUnit: String
  public let compartments: [Compartment]
  public let parameters: [Parameter]
  public let flows: [Flow]
  public let observations: [Observation]
  /// What happens at dates, unless others are given.
  public let interventions: [Intervention]
  /// The text that it was read from.
  public let text: String

  let formulas: Formulas
  /// Of every compartment, of parameters alone.
  let starts: [Formulas.Node]
  /// The slope of every compartment and observation.
  let slopes: [Formulas.Node]
  let dependsOnTime: Bool
  /// F and V as formulas, infected by infected, row-major.
  let newInfections: [Formulas.Node]
  let transitions: [Formulas.Node]

  init(
    name: String, timeUnit: String, compartments: [Compartment], parameters: [Parameter], flows: [Flow],
    observations: [Observation], interventions: [Intervention], text: String, formulas: Formulas,
    starts: [Formulas.Node]
  ) {
    (self.name, self.timeUnit, self.compartments, self.parameters) = (
      name, timeUnit, compartments, parameters
    )
    (self.flows, self.observations, self.interventions) = (flows, observations, interventions)
    (self.text, self.starts) = (text, starts)
    var formulas = formulas
    var slopes = compartments.map { _ in formulas.constant(0) }
    for flow in flows {
      if let target = flow.target { slopes[target] = formulas.node(.add(slopes[target], flow.rate)) }
      if let source = flow.source { slopes[source] = formulas.node(.subtract(slopes[source], flow.rate)) }
    }
    self.slopes = slopes + observations.map(\.rate)
    dependsOnTime = self.slopes.contains { formulas.depends($0) { $0 == 0 } }

    // dx/dt of the infected is 𝓕 − 𝓥: what infection brings in, and all else.
    let infected = compartments.indices.filter { compartments[$0].isInfected }
    var (f, v) = ([Formulas.Node](), [Formulas.Node]())
    for i in infected {
      var (new, rest) = (formulas.constant(0), formulas.constant(0))
      for flow in flows {
        if flow.target == i, flow.isInfection { new = formulas.node(.add(new, flow.rate)) }
        if flow.target == i, !flow.isInfection { rest = formulas.node(.subtract(rest, flow.rate)) }
        if flow.source == i { rest = formulas.node(.add(rest, flow.rate)) }
      }
      for j in infected {
        f.append(formulas.derivative(of: new, by: 1 + j))
        v.append(formulas.derivative(of: rest, by: 1 + j))
      }
    }
    (newInfections, transitions) = (f, v)
    self.formulas = formulas
  }

  /// The places of the infected compartments.
  public var infected: [Int] { compartments.indices.filter { compartments[$0].isInfected } }

  /// Numbers of a state: every compartment, then what has been counted of every observation.
  var stateCount: Int { compartments.count + observations.count }

  public func index(ofParameter name: String) -> Int? { parameters.firstIndex { $0.name == name } }
  public func index(ofCompartment name: String) -> Int? { compartments.firstIndex { $0.name == name } }

  /// The values of all parameters, the given ones in place of the model's.
  /// - Throws: ``StatisticsError`` (`option`) for a name the model does not have, with the nearest it has, and for a value
  ///   outside the parameter's range.
  public func values(_ given: [String: Double] = [:]) throws(StatisticsError) -> [Double] {
    for name in given.keys.sorted() where index(ofParameter: name) == nil {
      throw unknownParameter(name)
    }
    let values = parameters.map { given[$0.name] ?? $0.value }
    try check(values)
    return values
  }

  func unknownParameter(_ name: String) -> StatisticsError {
    let nearest = nearestName(name, among: parameters.map(\.name))
    return StatisticsError(
      .option, "parameter \(name)", found: "no such parameter in the model \(self.name)",
      expected: "one of \(parameters.map(\.name).joined(separator: ", "))",
      advice: nearest.map { "did you mean \($0)?" })
  }

  func check(_ values: [Double]) throws(StatisticsError) {
    precondition(values.count == parameters.count, "CompartmentModel: \(values.count) values of parameters")
    for place in values.indices { try check(values[place], of: place) }
  }

  /// - Parameter cause: what gave the parameter its value, if not the user by name.
  func check(_ value: Double, of place: Int, cause: String? = nil) throws(StatisticsError) {
    let parameter = parameters[place]
    guard value.isFinite, parameter.range.contains(value) else {
      throw StatisticsError(
        .option, (cause.map { "\($0), " } ?? "") + "parameter \(parameter.name)", found: "\(value)",
        expected: "\(rangeWords(parameter.range))" + (parameter.isRate ? " per \(timeUnit)" : ""))
    }
  }

  /// Compartments at the start, and zeros for observations, `[stateCount]`.
  /// - Throws: ``StatisticsError`` (`option`) where a compartment starts below zero.
  public func start(_ values: [Double]) throws(StatisticsError) -> [Double] {
    let evaluator = FormulaEvaluator(
      formulas, outputs: starts, stateCount: stateCount, parameterCount: parameters.count)
    evaluator.setParameters(values)
    evaluator.prepare()
    evaluator.evaluate(0, [Double](repeating: 0, count: stateCount))
    let start = compartments.indices.map { evaluator.output($0) }
    for (compartment, value) in zip(compartments, start) where !(value >= 0 && value.isFinite) {
      throw StatisticsError(
        .option, "compartment \(compartment.name) at the start", found: "\(value)", expected: "a number ≥ 0",
        advice: "the others at the start take more than the population; lower them")
    }
    return start + observations.map { _ in 0 }
  }
}

/// A range in words, open ends left out.
func rangeWords(_ range: ClosedRange<Double>) -> String {
  switch (range.lowerBound.isFinite, range.upperBound.isFinite) {
  case (true, true): "a number in [\(range.lowerBound), \(range.upperBound)]"
  case (true, false): "a number ≥ \(range.lowerBound)"
  case (false, true): "a number ≤ \(range.upperBound)"
  case (false, false): "a finite number"
  }
}
