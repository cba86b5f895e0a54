/// Twin diagrams: what would have been in this very case, had a variable been another.
///
/// Every descendant of what is set gets a counterfactual copy, fed by the copies of its parents and by the same exogenous
/// states; everything else is shared. The evidence is about the factual copy, the surgery is done on the other.
public struct TwinNetwork: Sendable {
  /// What names of counterfactual copies end with.
  public static let mark = "*"

  /// Factual and counterfactual boxes as one network.
  public let network: CausalNetwork
  /// The variables that have a copy of their own.
  public let copied: [String]

  /// - Parameters:
  ///   - network: its boxes that come after the set variables are functions: rows of zeros and a one, randomness only in
  ///     variables of their own. Copies of a stochastic box would not be told how to share its chance.
  ///   - interventions: what is set in the counterfactual copy, by variable.
  /// - Throws: ``StatisticsError`` naming box and row of a box that is no function.
  public init(_ network: CausalNetwork, do interventions: [String: String]) throws(StatisticsError) {
    let diagram = network.diagram
    try diagram.require(interventions.keys.sorted(), role: "do")
    let set = Set(interventions.keys)
    let after = diagram.descendants(of: set)
    copied = diagram.topological.filter(after.contains)
    var boxes = diagram.boxes
    var variables = Array(network.variables.values)
    var tables = network.tables.mapValues(\.values)
    for name in copied {
      let variable = network.variables[name]!
      let twin = variable.renamed(name + Self.mark)
      guard !diagram.contains(twin.name) else {
        throw StatisticsError(
          .badData, "variable \(twin.name)", found: "a name that a counterfactual copy needs",
          expected: "no variable whose name ends with \(Self.mark)")
      }
      variables.append(twin)
      let box = diagram.box(of: name)
      if let state = interventions[name] {
        let chosen = try variable.index(of: state)
        boxes.append(.init(box.name + Self.mark, of: twin.name, parents: []))
        tables[twin.name] = variable.states.indices.map { $0 == chosen ? 1 : 0 }
        continue
      }
      let table = network.tables[name]!
      let width = variable.count
      for row in 0..<table.cells / width where !table.values[row * width..<(row + 1) * width].contains(1) {
        let place = Array(table.variables.dropLast()).cellText(row)
        throw StatisticsError(
          .badData, "box \(box.name)\(place.isEmpty ? "" : ", row \(place)")",
          found: "probabilities between 0 and 1", expected: "a function: a single 1",
          advice:
            "a counterfactual needs to know what stays the same: write \(name) as a function of its parents "
            + "and of a private random variable")
      }
      boxes.append(
        .init(
          box.name + Self.mark, of: twin.name,
          parents: box.parents.map { after.contains($0) ? $0 + Self.mark : $0 }))
      tables[twin.name] = table.values
    }
    self.network = try CausalNetwork(
      try CausalDiagram(boxes, hidden: diagram.hidden, source: "twin diagram"), variables: variables,
      tables: tables, source: "twin network")
  }

  /// The law of the targets, had the variables been set, among cases of which the evidence was seen without setting anything.
  /// - Returns: over the targets, under their own names; with the mark where the evidence is about the same variable, for every
  ///   state.
  /// - Throws: ``StatisticsError`` where the evidence cannot happen.
  public func answer(of targets: [String], given evidence: [CausalQuery.Setting]) throws(StatisticsError)
    -> Factor<Double>
  {
    try network.diagram.require(targets, role: "query")
    let renamed = targets.map { copied.contains($0) ? $0 + Self.mark : $0 }
    // A variable that nothing set reaches is the same in both worlds, so that seeing it says all about it.
    let law = try network.answer(CausalQuery(of: renamed, settings: [], evidence: evidence))
    let open = Set(evidence.filter { $0.state == nil }.map(\.variable))
    let names = zip(renamed, targets).filter { $0.0 != $0.1 && !open.contains($0.1) }
    return law.renamed(Dictionary(uniqueKeysWithValues: names.map { ($0.0, $0.1) }))
  }
}

extension CausalNetwork {
  /// P(targets had the variables been set | evidence); see ``TwinNetwork``.
  public func counterfactual(
    of targets: [String], do interventions: [String: String], given evidence: [CausalQuery.Setting] = []
  ) throws(StatisticsError) -> Factor<Double> {
    try TwinNetwork(self, do: interventions).answer(of: targets, given: evidence)
  }
}
