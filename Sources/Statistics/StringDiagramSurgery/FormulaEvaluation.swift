/// A formula made ready for variables with states: every sum and product with an elimination order, to be run on any law of
/// the measured variables, or on a batch of them.
public struct CompiledFormula: Sendable {
  public let query: CausalQuery
  private let root: Node
  private let axes: [FiniteVariable]
  private let leaves: Int

  fileprivate indirect enum Node: Sendable {
    /// P(of | given), with the names of the formula and states that are fixed.
    case leaf(number: Int, of: [String], given: [String], names: [String: String], fixed: [String: Int])
    case contraction([Node], Contraction)
    case quotient(number: Int, Node, Node, over: [FiniteVariable])
  }

  /// - Parameters:
  ///   - formula: of ``Identification``.
  ///   - variable: the states of a measured variable.
  /// - Throws: ``StatisticsError`` for states that do not exist, or where a table on the way is too large.
  public init(
    _ formula: CausalExpression, answering query: CausalQuery,
    variable: (String) throws(StatisticsError) -> FiniteVariable
  ) throws(StatisticsError) {
    var variables: [String: FiniteVariable] = [:]
    for name in query.targets + (query.interventions + query.evidence).map(\.variable) {
      variables[name] = try variable(name)
    }
    let fixed = try query.fixed { variables[$0] }
    var compilation = Compilation(fixed: fixed)
    let (node, scope) = try compilation.compile(formula, bound: [], variable)
    axes = (query.openConditions + query.targets).map { variables[$0]! }
    // The states of what the formula does not depend on get equal laws.
    root = scope == axes ? node : .contraction([node], try Contraction([scope], open: axes))
    leaves = compilation.number
    self.query = query
  }

  private struct Compilation {
    let fixed: [String: Int]
    var number = 0

    /// - Parameter bound: symbols of the sums around, over all states of which a sum goes whatever the query fixes.
    mutating func compile(
      _ formula: CausalExpression, bound: Set<String>,
      _ variable: (String) throws(StatisticsError) -> FiniteVariable
    ) throws(StatisticsError) -> (Node, [FiniteVariable]) {
      switch formula {
      case .probability(let of, let given):
        var scope: [FiniteVariable] = []
        var names: [String: String] = [:]
        var states: [String: Int] = [:]
        for symbol in given + of {
          names[symbol.name] = symbol.text
          if !bound.contains(symbol.text), symbol.primes == 0, let state = fixed[symbol.name] {
            states[symbol.text] = state
          } else {
            scope.append(try variable(symbol.name).renamed(symbol.text))
          }
        }
        number += 1
        return (
          .leaf(
            number: number - 1, of: of.map(\.name), given: given.map(\.name), names: names, fixed: states),
          scope
        )
      case .product(let parts): return try contraction(parts, summed: [], bound: bound, variable)
      case .sum(let symbols, .product(let parts)):
        return try contraction(parts, summed: symbols, bound: bound, variable)
      case .sum(let symbols, let body):
        return try contraction([body], summed: symbols, bound: bound, variable)
      case .quotient(let a, let b):
        let (above, over) = try compile(a, bound: bound, variable)
        let (below, under) = try compile(b, bound: bound, variable)
        let scope = over + under.filter { other in !over.contains { $0.name == other.name } }
        number += 1
        return (.quotient(number: number - 1, above, below, over: scope), scope)
      }
    }

    private mutating func contraction(
      _ parts: [CausalExpression], summed: [CausalExpression.Symbol], bound: Set<String>,
      _ variable: (String) throws(StatisticsError) -> FiniteVariable
    ) throws(StatisticsError) -> (Node, [FiniteVariable]) {
      var nodes: [Node] = []
      var scopes: [[FiniteVariable]] = []
      let own = Set(summed.map(\.text))
      for part in parts {
        let (node, scope) = try compile(part, bound: bound.union(own), variable)
        nodes.append(node)
        scopes.append(scope)
      }
      var open: [FiniteVariable] = []
      for axis in scopes.flatMap({ $0 }) where !own.contains(axis.name) && !open.contains(axis) {
        open.append(axis)
      }
      return (.contraction(nodes, try Contraction(scopes, open: open)), open)
    }
  }

  // MARK: Running

  /// What stands in a row that nothing in the data determines.
  fileprivate enum Fill {
    case zero, one
    /// One in a single row, zero elsewhere.
    case only(number: Int, row: Int)
  }

  /// The rows that were met without mass: number of the node, row, and its name.
  fileprivate struct Gap {
    let number: Int
    let row: Int
    let text: String
  }

  /// The law of the targets for every state of what is set or seen without one, or a batch of them.
  /// - Throws: ``StatisticsError`` where rows are needed that have no mass, with the rows; in a batch of several laws such
  ///   answers are not thrown but are NaN.
  public func callAsFunction<D: ObservedDistribution>(_ distribution: D) throws(StatisticsError)
    -> Factor<D.Scalar>
  {
    var gaps: [Gap] = []
    let zeros = try run(root, distribution, .zero, &gaps)
    if gaps.isEmpty { return zeros }
    // An answer that needs such a row changes with what stands in it.
    var ignored: [Gap] = []
    let ones = try run(root, distribution, .one, &ignored)
    let changed = zeros.values.indices.filter { Self.differ(zeros.values[$0], ones.values[$0]) }
    if changed.isEmpty { return zeros }
    if zeros.batch > 1 {
      var result = zeros
      // A law with one such cell has no mean either.
      let lost = Set(changed.map { $0 % zeros.batch })
      for i in result.values.indices where lost.contains(i % zeros.batch) {
        result.values[i] = D.Scalar(plain: .nan)
      }
      return result
    }
    var needed: [String] = []
    for gap in gaps.prefix(200) where !needed.contains(gap.text) {
      let one = try run(root, distribution, .only(number: gap.number, row: gap.row), &ignored)
      if zeros.values.indices.contains(where: { Self.differ(zeros.values[$0], one.values[$0]) }) {
        needed.append(gap.text)
      }
    }
    let shown = (needed.isEmpty ? gaps.map(\.text) : needed)
    throw StatisticsError(
      .noAnswer, query.text,
      found: "no mass at \(shown.prefix(5).joined(separator: "; "))"
        + (shown.count > 5 ? " and \(shown.count - 5) more rows" : ""),
      expected: "mass in every row that the formula reads",
      advice: "merge states, collect such cases, or smooth the counts")
  }

  private static func differ<S: FactorScalar>(_ a: S, _ b: S) -> Bool {
    abs(a.plain - b.plain) > 1e-12 || a.plain.isNaN != b.plain.isNaN
  }

  private func run<D: ObservedDistribution>(
    _ node: Node, _ distribution: D, _ fill: Fill, _ gaps: inout [Gap]
  ) throws(StatisticsError) -> Factor<D.Scalar> {
    switch node {
    case .leaf(let number, let of, let given, let names, let fixed):
      let joint = try distribution.marginal(given + of)
      if given.isEmpty { return joint.renamed(names).slice(fixed) }
      var conditional = joint.conditional(given: given)
      let fixedByVariable = Dictionary(
        uniqueKeysWithValues: names.compactMap { name, text in fixed[text].map { (name, $0) } })
      // Rows that the query does not ask for may lack mass.
      conditional = conditional.keeping(fixedByVariable)
      return conditional.filled(number, fill, &gaps).renamed(names).slice(fixed)
    case .contraction(let nodes, let plan):
      var factors: [Factor<D.Scalar>] = []
      for node in nodes { factors.append(try run(node, distribution, fill, &gaps)) }
      return try plan(factors)
    case .quotient(let number, let above, let below, let scope):
      let numerator = try run(above, distribution, fill, &gaps)
      let denominator = try run(below, distribution, fill, &gaps)
      return Self.divide(numerator, denominator, over: scope, number, fill, &gaps)
    }
  }

  private static func divide<S>(
    _ a: Factor<S>, _ b: Factor<S>, over scope: [FiniteVariable], _ number: Int, _ fill: Fill,
    _ gaps: inout [Gap]
  ) -> Factor<S> {
    let batch = max(a.batch, b.batch)
    let (left, right) = (Strides(a.variables).offsets(over: scope), Strides(b.variables).offsets(over: scope))
    var values: [S] = []
    values.reserveCapacity(left.count * batch)
    for cell in left.indices {
      for k in 0..<batch {
        let x = a.values[Int(left[cell]) * a.batch + (a.batch == 1 ? 0 : k)]
        let y = b.values[Int(right[cell]) * b.batch + (b.batch == 1 ? 0 : k)]
        if y.isNothing {
          gaps.append(Gap(number: number, row: cell, text: scope.cellText(cell)))
          values.append(fill.value(number, cell))
        } else {
          values.append(x / y)
        }
      }
    }
    return Factor(scope, batch: batch, values: values)
  }
}

extension CompiledFormula.Fill {
  fileprivate func value<S: FactorScalar>(_ number: Int, _ row: Int) -> S {
    switch self {
    case .zero: .zero
    case .one: .one
    case .only(let chosen, let chosenRow): number == chosen && row == chosenRow ? .one : .zero
    }
  }
}

extension Conditional {
  /// Without undetermined rows in which one of these variables has another state.
  fileprivate func keeping(_ fixed: [String: Int]) -> Conditional {
    guard !fixed.isEmpty, !undetermined.isEmpty else { return self }
    let batch = channel.batch
    let kept = undetermined.filter { entry in
      var rest = entry / batch
      for variable in given.reversed() {
        if let state = fixed[variable.name], state != rest % variable.count { return false }
        rest /= variable.count
      }
      return true
    }
    return Conditional(channel: channel, given: given, undetermined: kept)
  }

  fileprivate func filled(_ number: Int, _ fill: CompiledFormula.Fill, _ gaps: inout [CompiledFormula.Gap])
    -> Factor<Scalar>
  {
    if undetermined.isEmpty { return channel }
    for entry in undetermined {
      let row = entry / channel.batch
      gaps.append(.init(number: number, row: row, text: given.cellText(row)))
    }
    switch fill {
    case .zero: return channel
    case .one: return filled(with: .one)
    case .only(let chosen, let chosenRow):
      guard chosen == number else { return channel }
      let only = undetermined.filter { $0 / channel.batch == chosenRow }
      return Conditional(channel: channel, given: given, undetermined: only).filled(with: .one)
    }
  }
}

extension Identification {
  /// The effect on a law of the measured variables.
  ///
  /// For more laws of the same shape, a ``CompiledFormula`` keeps the elimination orders.
  /// - Throws: ``StatisticsError`` where there is no formula, or rows that it needs have no mass.
  public func evaluate<D: ObservedDistribution>(on distribution: D) throws(StatisticsError)
    -> Factor<D.Scalar>
  {
    let compiled = try CompiledFormula(try required(), answering: query) {
      name throws(StatisticsError) in try distribution.variable(name)
    }
    return try compiled(distribution)
  }
}
