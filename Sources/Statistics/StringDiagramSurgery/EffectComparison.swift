extension EffectEstimate.Reading {
  /// Difference and ratio between two settings, of the probability of an event, of the mean where the target's states are
  /// numbers, or else of the probability of every state of the targets.
  ///
  /// - Parameters:
  ///   - law: over what is set, in every state, and then the targets.
  ///   - targets: how many of the law's last variables are targets.
  ///   - first: the settings of interest, with states.
  ///   - second: those they are compared with.
  ///   - event: a state for every target; empty for means or all states.
  /// - Throws: ``StatisticsError`` for states that do not exist.
  public static func comparing(
    _ law: Factor<Double>, targets: Int, set first: [CausalQuery.Setting],
    versus second: [CausalQuery.Setting],
    event: [String: String] = [:]
  ) throws(StatisticsError) -> [EffectEstimate.Reading] {
    let asked = Array(law.variables.suffix(targets))
    for setting in first + second + event.map({ CausalQuery.Setting($0.key, $0.value) }) {
      if let state = setting.state, let axis = law.variables.first(where: { $0.name == setting.variable }) {
        _ = try axis.index(of: state)
      }
    }
    /// What the cells count under settings.
    func weights(_ settings: [CausalQuery.Setting], _ value: ([String]) -> Double) -> [Double] {
      let states = Dictionary(settings.map { ($0.variable, $0.state) }) { first, _ in first }
      return law.values.indices.map { cell in
        let words = law.variables.states(of: cell)
        for (axis, word) in zip(law.variables, words) {
          if let wanted = states[axis.name] ?? nil, wanted != word { return 0 }
        }
        return value(Array(words.suffix(targets)))
      }
    }
    func both(_ name: String, _ value: ([String]) -> Double) -> [EffectEstimate.Reading] {
      let (a, b) = (weights(first, value), weights(second, value))
      return [
        .init("\(name), difference", weights: zip(a, b).map { $0 - $1 }),
        .init("\(name), ratio", weights: a, divisor: b),
      ]
    }
    if !event.isEmpty {
      let text = asked.map { "\($0.name)=\(event[$0.name] ?? "")" }.joined(separator: ", ")
      return both("P(\(text))") { words in
        zip(asked, words).allSatisfy { event[$0.name] == $1 } ? 1 : 0
      }
    }
    if asked.count == 1, let numbers = asked[0].numbers {
      let means = Dictionary(uniqueKeysWithValues: zip(asked[0].states, numbers))
      return both("E[\(asked[0].name)]") { means[$0[0]]! }
    }
    return (0..<(asked.cellCount ?? 0)).flatMap { cell in
      let wanted = asked.states(of: cell)
      return both("P(\(asked.cellText(cell)))") { $0 == wanted ? 1 : 0 }
    }
  }
}

extension ObservedDistribution {
  /// What is merely seen: the law of a query's targets among cases that have the states by themselves, over the same axes as
  /// its answer. Rows without cases hold NaN.
  public func seen(_ query: CausalQuery) throws(StatisticsError) -> Factor<Scalar> {
    let conditions = query.interventions + query.evidence
    let joint = try marginal(conditions.map(\.variable) + query.targets)
    let conditional = joint.conditional(given: conditions.map(\.variable))
    var fixed: [String: Int] = [:]
    for setting in conditions {
      if let state = setting.state {
        fixed[setting.variable] = try variable(setting.variable).index(of: state)
      }
    }
    return conditional.filled(with: Scalar(plain: .nan)).slice(fixed)
  }
}
