extension QueryServer {
  /// Validates candidates, one question each, and says which is best: for a search over settings, early stopping or a choice of
  /// models in which every candidate may depend on earlier answers.
  ///
  /// - Parameter largest: whether the largest mean is best; the smallest else (losses).
  /// - Throws: what ``answer(_:)`` throws; answers given before are lost, the budget is spent.
  public mutating func best(
    of candidates: [StatisticalQuery], largest: Bool = true
  ) throws(StatisticsError) -> (place: Int, answers: [QueryAnswer]) {
    guard !candidates.isEmpty else {
      throw StatisticsError(.badData, "candidates", found: "none", expected: "at least one")
    }
    var answers: [QueryAnswer] = []
    for candidate in candidates { answers.append(try answer(candidate)) }
    let values = answers.map { largest ? $0.value : -$0.value }
    return (values.indices.max { (values[$0], -$0) < (values[$1], -$1) }!, answers)
  }
}
