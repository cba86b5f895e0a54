/// A query to a network whose boxes are known, made ready: the boxes that matter, with the wires into set variables cut, and
/// an elimination order. It can be run again on other tables of the same diagram, also on batches of them.
public struct SurgeryQuery: Sendable {
  public let query: CausalQuery
  public let plan: Contraction
  private let relevant: [String]
  private let fixed: [String: Int]
  private let evidence: [FiniteVariable]

  /// - Throws: ``StatisticsError`` for a query that does not fit the diagram, or tables too large on the way.
  public init(_ query: CausalQuery, _ network: CausalNetwork) throws(StatisticsError) {
    let diagram = network.diagram
    try query.check(diagram, observed: false) { network.variables[$0] }
    let set = Set(query.interventions.map(\.variable))
    fixed = try query.fixed { network.variables[$0] }
    // Whatever is no ancestor of what is asked or seen, once the wires into set variables are cut, sums to one.
    let needed = diagram.ancestors(of: query.targets + query.evidence.map(\.variable), cutting: set)
    relevant = diagram.variables.filter { needed.contains($0) && !set.contains($0) }
    let fixed = fixed
    let scopes = relevant.map { name in network.tables[name]!.variables.filter { fixed[$0.name] == nil } }
    plan = try Contraction(
      scopes, open: (query.openConditions + query.targets).map { network.variables[$0]! })
    self.query = query
    evidence = query.evidence.map { network.variables[$0.variable]! }
  }

  /// The law of the targets for every state of what is set or seen without one: a factor over these and the targets.
  /// - Parameter tables: P(X | parents) by variable.
  /// - Throws: ``StatisticsError`` where what was seen cannot happen.
  public func callAsFunction<Scalar>(_ tables: [String: Factor<Scalar>]) throws(StatisticsError)
    -> Factor<Scalar>
  {
    let joint = try plan(relevant.map { tables[$0]!.slice(fixed) })
    let conditional = joint.conditional(given: query.openConditions)
    if !conditional.undetermined.isEmpty {
      let seen = evidence.compactMap { variable in
        fixed[variable.name].map { "\(variable.name)=\(variable.states[$0])" }
      }
      let cells = conditional.undeterminedCells.prefix(5).map { ([$0] + seen).filter { !$0.isEmpty } }
      throw StatisticsError(
        .noAnswer, query.text,
        found: "no mass at \(cells.map { $0.joined(separator: ", ") }.joined(separator: "; "))",
        expected: "evidence that can happen", advice: "ask for states that the network gives mass to")
    }
    return conditional.channel
  }
}

extension CausalNetwork {
  /// Surgery: the law of the targets when variables are set, among cases in which others were seen. Hidden boxes are used.
  ///
  /// ```swift
  /// let law = try network.answer(CausalQuery(of: ["C"], do: ["S": nil]))  // over S, C: every state of S in one pass
  /// ```
  /// - Throws: ``StatisticsError``.
  public func answer(_ query: CausalQuery) throws(StatisticsError) -> Factor<Double> {
    try SurgeryQuery(query, self)(tables)
  }
}
