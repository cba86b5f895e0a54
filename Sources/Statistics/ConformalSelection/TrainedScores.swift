import Torch

extension ConformalScores {
  /// Scores by learners that are fitted on a random part of the labelled units and tested with the others: valid, and short of
  /// units on both sides.
  ///
  /// - Parameters:
  ///   - units: `[n, columns]`, and `candidates` `[m, columns]`.
  ///   - learners: on labels 0 and 1; one set of scores each.
  ///   - share: of the units that learners are fitted on, in (0, 1). With `nil` it is all of them, which are then tested with as
  ///     well: **not valid**, for comparison.
  /// - Throws: ``StatisticsError``: shapes that do not fit, options out of range, and what the learners throw.
  public static func trained(
    units: Tensor, passes: [Bool], candidates: Tensor, learners: [any Regressor], share: Double?,
    positiveWeight: Double = 1, using random: inout RandomSource
  ) throws(StatisticsError) -> ConformalScores {
    try checkFeatures(units, passes, candidates, positiveWeight)
    let n = passes.count
    var (fitted, tested) = (Array(0..<n), Array(0..<n))
    if let share {
      let count = Int((share * Double(n)).rounded())
      guard share > 0, share < 1, count >= 1, count < n else {
        throw StatisticsError(
          .option, "the share of units to fit on", found: "\(share) of \(n)",
          expected: "a share in (0, 1) that leaves a unit on both sides")
      }
      fitted.shuffle(using: &random)
      (fitted, tested) = (fitted[..<count].sorted(), fitted[count...].sorted())
    }
    let x = units.to(.double)
    let labels = fitted.map { passes[$0] ? 1.0 : 0 }
    let weights = positiveWeight == 1 ? nil : labels.map { $0 == 1 ? positiveWeight : 1 }
    let (known, held) = (x.select(axis: 0, Tensor(fitted)), x.select(axis: 0, Tensor(tested)))
    var (calibration, asked): ([[Double]], [[Double]]) = ([], [])
    for learner in learners {
      let fit = try learner.fit(known, labels, weights: weights, using: &random)
      calibration.append(fit.predict(held))
      asked.append(fit.predict(candidates.to(.double)))
    }
    return try ConformalScores(
      calibration: calibration, passes: tested.map { passes[$0] }, candidates: asked)
  }
}
