/// A causal diagram whose boxes are all known: the functor that sends a wire to its states and a box to a stochastic matrix.
public struct CausalNetwork: Sendable, Equatable {
  public let diagram: CausalDiagram
  /// By name.
  public let variables: [String: FiniteVariable]
  /// P(X | parents) by variable, over the parents in the order of the box, then X.
  public let tables: [String: Factor<Double>]
  /// What was mended on the way in, such as rows that a file rounds.
  public let warnings: [String]

  /// - Parameters:
  ///   - variables: one for every box, in any order.
  ///   - tables: by variable, rows of its box: a row for every combination of the parents' states, the last parent the
  ///     fastest, and within it a probability for every state. Rows that sum to 1 to within 1e-6 are normalised.
  ///   - source: what messages call the network.
  /// - Throws: ``StatisticsError`` naming the box, and the row.
  public init(
    _ diagram: CausalDiagram, variables: [FiniteVariable], tables: [String: [Double]],
    source: String = "network"
  ) throws(StatisticsError) {
    var known: [String: FiniteVariable] = [:]
    for variable in variables { known[variable.name] = variable }
    var factors: [String: Factor<Double>] = [:]
    var changed: [(box: String, rows: Int)] = []
    for box in diagram.boxes {
      var axes: [FiniteVariable] = []
      for name in box.parents + [box.variable] {
        guard let variable = known[name] else {
          throw StatisticsError(
            .badData, "\(source), box \(box.name)", found: "no states of \(name)", expected: "a variable")
        }
        axes.append(variable)
      }
      guard let values = tables[box.variable] else {
        throw StatisticsError(
          .badData, "\(source), box \(box.name)", found: "no table",
          expected:
            "P(\(box.variable)\(box.parents.isEmpty ? "" : " | " + box.parents.joined(separator: ", ")))")
      }
      try TableCheck.check(
        values, box: box.name, inputs: Array(axes.dropLast()), outputs: [axes.last!])
      let (normalised, count) = TableCheck.normalised(values, columns: axes.last!.count)
      if count > 0 { changed.append((box.name, count)) }
      factors[box.variable] = Factor(axes, values: normalised)
    }
    (self.diagram, self.variables, self.tables) = (diagram, known, factors)
    let names = changed.prefix(3).map(\.box).joined(separator: ", ") + (changed.count > 3 ? ", …" : "")
    let rows = changed.reduce(0) { $0 + $1.rows }
    warnings =
      changed.isEmpty
      ? [] : ["\(source): rows that sum to 1 only to within 1e-6 were normalised: \(rows), of box \(names)"]
  }

  private init(
    _ diagram: CausalDiagram, _ variables: [String: FiniteVariable], _ tables: [String: Factor<Double>]
  ) {
    (self.diagram, self.variables, self.tables, warnings) = (diagram, variables, tables, [])
  }

  /// With further variables hidden: what is computed from then on uses only the law of the others.
  public func hiding(_ names: some Sequence<String>) throws(StatisticsError) -> CausalNetwork {
    CausalNetwork(try diagram.hiding(names), variables, tables)
  }

  public func variable(_ name: String) throws(StatisticsError) -> FiniteVariable {
    try diagram.require([name], role: "variable")
    return variables[name]!
  }

  // MARK: Surgery

  /// cut_X: the boxes of these variables are replaced by fair dice.
  public func cutting(_ names: Set<String>) throws(StatisticsError) -> CausalNetwork {
    var tables = tables
    for name in names {
      let variable = try variable(name)
      tables[name] = Factor([variable], repeating: 1 / Double(variable.count))
    }
    return CausalNetwork(try diagram.cutting(names), variables, tables)
  }

  /// The boxes of these variables are replaced by point masses.
  /// - Parameter states: by variable.
  public func setting(_ states: [String: String]) throws(StatisticsError) -> CausalNetwork {
    var tables = tables
    for (name, state) in states {
      let variable = try variable(name)
      tables[name] = Factor(pointMass: variable, at: try variable.index(of: state))
    }
    return CausalNetwork(try diagram.cutting(Set(states.keys)), variables, tables)
  }

  /// A soft intervention: another channel in place of a box, from any parents that keep the diagram without cycles.
  /// - Parameter rows: as in ``init(_:variables:tables:source:)``.
  /// - Throws: ``StatisticsError``, also for a cycle.
  public func replacing(_ name: String, parents: [String], rows: [Double]) throws(StatisticsError)
    -> CausalNetwork
  {
    try diagram.require([name], role: "replaced")
    try diagram.require(parents, role: "parent")
    let old = diagram.box(of: name)
    let boxes = diagram.boxes.map {
      $0.variable == name ? CausalDiagram.Box(old.name, of: name, parents: parents) : $0
    }
    let changed = try CausalDiagram(
      boxes, hidden: diagram.hidden, states: diagram.states, source: "replacement of box \(old.name)")
    var values = tables.mapValues(\.values)
    values[name] = rows
    return try CausalNetwork(changed, variables: Array(variables.values), tables: values)
  }

  /// A conditional intervention: a variable is set to a state that depends on others.
  /// - Parameters:
  ///   - parents: what the policy sees.
  ///   - policy: the state for every combination of the parents' states.
  public func setting(_ name: String, given parents: [String], policy: ([String]) -> String)
    throws(StatisticsError) -> CausalNetwork
  {
    let variable = try variable(name)
    try diagram.require(parents, role: "parent")
    let axes = parents.map { variables[$0]! }
    var rows: [Double] = []
    for row in 0..<(axes.cellCount ?? 0) {
      let chosen = try variable.index(of: policy(axes.states(of: row)))
      rows += variable.states.indices.map { $0 == chosen ? 1 : 0 }
    }
    return try replacing(name, parents: parents, rows: rows)
  }

  // MARK: Meaning

  /// F(ω_G): the joint law of the variables named, in this order.
  /// - Throws: ``StatisticsError`` where a table on the way is too large.
  public func marginal(_ names: [String]) throws(StatisticsError) -> Factor<Double> {
    try diagram.require(names, role: "variable")
    let relevant = diagram.ancestors(of: names)
    let factors = diagram.variables.filter(relevant.contains).map { tables[$0]! }
    return try Contraction(factors.map(\.variables), open: names.map { variables[$0]! })(factors)
  }

  /// The semantics of ``CausalDiagram/stringDiagram``.
  public var stochasticMatrices: StochasticMatrices {
    StochasticMatrices(
      variables: Array(variables.values),
      tables: Dictionary(uniqueKeysWithValues: diagram.boxes.map { ($0.name, tables[$0.variable]!.values) }))
  }
}
