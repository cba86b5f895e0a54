import Torch

extension ConformalSelection {
  /// Selection with learners that are fitted anew for every candidate, without a split of the labelled units (the variant of
  /// OptCS-Full that never looks at two candidates' labels together).
  ///
  /// For candidate j a learner is fitted to all units and j, which counts as not passing: j and the units get scores by fits
  /// without themselves, the other candidates by the whole fit. All of it treats j like a unit that does not pass, so p_j, R_j and the
  /// choice among learners may come from it. Against ``ConformalScores/pooled(units:passes:candidates:learners:folds:positiveWeight:using:)``
  /// units are not outnumbered by candidates that are all said not to pass; it costs a fit a candidate and learner.
  ///
  /// - Parameters:
  ///   - units: `[n, columns]`, and `candidates` `[m, columns]`.
  ///   - learners: on labels 0 and 1.
  ///   - positiveWeight: what a passing unit counts in a fit, against 1.
  /// - Throws: ``StatisticsError``: shapes that do not fit, options out of range, and what the learners throw.
  public func select(
    units: Tensor, passes: [Bool], candidates: Tensor, learners: [any LeaveOneOutRegressor],
    positiveWeight: Double = 1, using random: inout RandomSource
  ) throws(StatisticsError) -> Selection {
    try ConformalScores.checkFeatures(units, passes, candidates, positiveWeight)
    guard !learners.isEmpty, candidates.size(0) > 0 else {
      throw StatisticsError(
        .badData, "the selection", found: "\(learners.count) learners, \(candidates.size(0)) candidates",
        expected: "at least one of both")
    }
    let (n, m) = (passes.count, candidates.size(0))
    let (known, asked) = (units.to(.double), candidates.to(.double))
    let uniforms = isRandomised ? random.uniforms(m) : nil
    let labels = passes.map { $0 ? 1.0 : 0 } + [0]
    let weights = positiveWeight == 1 ? nil : labels.map { $0 == 1 ? positiveWeight : 1 }
    let fits = random.split("fits")
    let tests = try concurrently(m) { (j) throws(StatisticsError) -> [(size: Int, p: Double)] in
      let bag = Tensor.concatenate([known, asked[j..<j + 1]])
      return try learners.map { (learner) throws(StatisticsError) in
        // These learners draw nothing.
        var stream = fits
        let alone = try learner.leaveOneOut(bag, labels, weights: weights)
        var others = try learner.fit(bag, labels, weights: weights, using: &stream).predict(asked)
        others[j] = alone[n]
        let scores = try ConformalScores(
          calibration: [Array(alone[..<n])], passes: passes, candidates: [others])
        try check(scores)
        return (auxiliarySizes(scores, model: 0)[j], scores.pValues(uniforms: uniforms)[j])
      }
    }
    return select(
      sizes: learners.indices.map { k in tests.map { $0[k].size } },
      pValues: learners.indices.map { k in tests.map { $0[k].p } }, using: &random)
  }
}
