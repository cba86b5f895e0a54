/// Whether an effect follows from the law of the measured variables, and by which formula.
public struct Identification: Sendable, Hashable {
  public let query: CausalQuery
  /// In measured variables only; nil where there is none.
  public let formula: CausalExpression?
  /// Why there is none.
  public let refusal: Refusal?
  /// Variables that hidden causes tie together, of what matters for the query.
  public let components: [[String]]

  /// A witness that the effect cannot be computed: two models with this diagram agree on everything that was measured and
  /// differ in the effect.
  public struct Refusal: Sendable, Hashable {
    /// The set variable whose effect is confounded.
    public let variable: String
    /// Its child that hidden causes tie it to.
    public let child: String
    /// `Raf ← PKC → Mek`
    public let path: String
    /// The hedge: two sets tied together by hidden causes, of which the larger holds the set variable. The smaller alone for
    /// the condition on a single variable, which is not complete.
    public let larger: [String]
    public let smaller: [String]

    public var text: String {
      "\(child) is a child of \(variable), and hidden causes join the two: \(path)"
        + (smaller.isEmpty
          ? "" : " (hedge {\(larger.joined(separator: ", "))} over {\(smaller.joined(separator: ", "))})")
    }
  }

  /// The formula.
  /// - Throws: ``StatisticsError`` with the witness where there is none.
  public func required() throws(StatisticsError) -> CausalExpression {
    if let formula { return formula }
    throw StatisticsError(
      .noAnswer, query.text, found: refusal?.text ?? "no formula", expected: "an identifiable effect",
      advice: "measure a variable on that path, or one between \(refusal?.variable ?? "cause") and effect")
  }
}

extension CausalDiagram {
  /// Identifies P(targets | do(…), given): the complete algorithm for sets of variables, by c-factors (Tian & Pearl 2003;
  /// Shpitser & Pearl 2006; complete by Huang & Valtorta 2006), with a context by Shpitser & Pearl's IDC.
  ///
  /// Cost: polynomial in the number of variables; formulas can grow faster.
  /// - Throws: ``StatisticsError`` for a query that does not fit. An effect without a formula is no error here; see
  ///   ``Identification/refusal``.
  public func identify(_ query: CausalQuery) throws(StatisticsError) -> Identification {
    try query.check(self, observed: true) { _ in nil }
    // IDC: what was seen becomes set where a rule of do-calculus allows it.
    var set = query.interventions.map(\.variable)
    var seen = query.evidence.map(\.variable)
    let targets = Set(query.targets)
    while let movable = seen.first(where: { z in
      isSeparated(
        targets, [z], given: Set(set).union(seen).subtracting([z]), cutInto: Set(set), cutOutOf: [z])
    }) {
      seen.removeAll { $0 == movable }
      set.append(movable)
    }
    let graph = MixedGraph(self, among: ancestors(of: targets.union(seen).union(set)))
    var search = IdentificationSearch(graph: graph)
    let joint = search.effect(on: targets.union(seen), of: Set(set))
    let all = graph.ancestors(of: targets.union(seen), within: Set(graph.variables))
    var formula = joint
    if let joint, !seen.isEmpty {
      formula = .ratio(joint, .total(over: graph.sorted(targets), joint))
    }
    // What a formula mentions besides the query has no influence on its value: any weights will do.
    if let found = formula {
      let extra = graph.sorted(found.free.subtracting(targets).subtracting(set).subtracting(seen))
      if !extra.isEmpty { formula = .total(over: extra, .times([.probability(extra, given: []), found])) }
    }
    return Identification(
      query: query, formula: formula?.primed(), refusal: search.refusal,
      components: graph.components(within: all))
  }

  /// The shorthand of ``identify(_:)`` for names.
  public func identify(_ targets: [String], do set: [String], given seen: [String] = [])
    throws(StatisticsError) -> Identification
  {
    try identify(
      CausalQuery(
        of: targets, settings: set.map { CausalQuery.Setting($0) },
        evidence: seen.map { CausalQuery.Setting($0) }))
  }

  /// The surgery of a single variable X on the law of the measured variables: with the c-component S of X, and no child of X
  /// in it,
  ///
  ///     P(v | do x) = ∏_{vᵢ ∉ S} P(vᵢ | before) · Σ_{x′} ∏_{vᵢ ∈ S} P(vᵢ | before)
  ///
  /// where X is x′ in the sum. (Tian & Pearl 2002; the comb of the paper for any diagram.) Variables that are no ancestors
  /// of the targets are dropped first, which may make the condition hold. ``identify(_:)`` finds formulas in further cases.
  public func identify(_ targets: [String], doSingle x: String) throws(StatisticsError) -> Identification {
    let query = CausalQuery(of: targets, settings: [CausalQuery.Setting(x)])
    try query.check(self, observed: true) { _ in nil }
    let graph = MixedGraph(self, among: ancestors(of: targets + [x]))
    let kept = graph.ancestors(of: targets + [x], within: Set(graph.variables))
    let relevant = graph.ancestors(of: targets, within: kept)
    let components = graph.components(within: relevant)
    func factors(_ names: [String]) -> [CausalExpression] {
      names.map { .probability([$0], given: graph.pillow(of: $0, within: relevant)) }
    }
    let order = graph.sorted(relevant)
    let others = order.filter { !targets.contains($0) && $0 != x }
    guard relevant.contains(x) else {
      return Identification(
        query: query, formula: .total(over: others, .times(factors(order))).primed(), refusal: nil,
        components: components)
    }
    let component = graph.component(of: x, within: relevant)
    if let child = order.first(where: { component.contains($0) && graph.parents[$0]!.contains(x) }) {
      let path = graph.confounding(from: x, to: child, within: relevant) ?? ""
      return Identification(
        query: query, formula: nil,
        refusal: .init(variable: x, child: child, path: path, larger: graph.sorted(component), smaller: []),
        components: components)
    }
    let inside = CausalExpression.total(over: [x], .times(factors(order.filter(component.contains))))
    let outside = factors(order.filter { !component.contains($0) })
    return Identification(
      query: query, formula: .total(over: others, .times(outside + [inside])).primed(), refusal: nil,
      components: components)
  }
}

/// The c-factor algorithm.
private struct IdentificationSearch {
  let graph: MixedGraph
  var refusal: Identification.Refusal?

  /// P(targets | do(set)), or nil with a refusal.
  mutating func effect(on targets: Set<String>, of set: Set<String>) -> CausalExpression? {
    // Only ancestors matter, and among the set ones only those that still reach a target.
    let all = graph.ancestors(of: targets, within: Set(graph.variables))
    let wanted = graph.ancestors(of: targets, within: all.subtracting(set))
    let whole = graph.components(within: all)
    var factors: [CausalExpression] = []
    for part in graph.components(within: wanted) {
      let home = whole.first { $0.contains(part[0]) }!
      let known = CausalExpression.times(
        home.map { .probability([$0], given: graph.pillow(of: $0, within: all)) })
      guard let found = factor(Set(part), in: Set(home), known, set: set) else { return nil }
      factors.append(found)
    }
    return .total(over: graph.sorted(wanted.subtracting(targets)), .times(factors))
  }

  /// Q[C] from Q[T], C ⊆ T, both tied together by hidden causes.
  private mutating func factor(
    _ c: Set<String>, in t: Set<String>, _ known: CausalExpression, set: Set<String>
  ) -> CausalExpression? {
    if c == t { return known }
    let a = graph.ancestors(of: c, within: t)
    let marginal = CausalExpression.total(over: graph.sorted(t.subtracting(a)), known)
    if a == c { return marginal }
    if a == t {
      let confounded = graph.sorted(t.subtracting(c)).first(where: set.contains)
      for x in [confounded].compactMap({ $0 }) + graph.sorted(t.subtracting(c)) {
        if let child = graph.sorted(t).first(where: { graph.parents[$0]!.contains(x) }) {
          refusal = .init(
            variable: x, child: child, path: graph.confounding(from: x, to: child, within: t) ?? "",
            larger: graph.sorted(t), smaller: graph.sorted(c))
          break
        }
      }
      return nil
    }
    // The component of G_A that holds C, from Q[A] by ratios of its sums in topological order.
    let smaller = graph.component(of: c.first!, within: a)
    let order = graph.sorted(a)
    var factors: [CausalExpression] = []
    for (i, name) in order.enumerated() where smaller.contains(name) {
      factors.append(
        .ratio(
          .total(over: Array(order[(i + 1)...]), marginal), .total(over: Array(order[i...]), marginal)))
    }
    return self.factor(c, in: smaller, .times(factors), set: set)
  }
}
