import Torch

extension ConformalScores {
  /// Scores without a split of the labelled units (OptCS-Full): each unit and each candidate is predicted by a fit on all
  /// others, in which candidates count as not passing. A candidate of the null hypothesis is then treated like the labelled
  /// units that do not pass.
  ///
  /// Ridge regression, with a kernel too, leaves out row by row in closed form; other learners are fitted on random folds of the
  /// pooled rows, which must not depend on labels.
  ///
  /// - Parameters:
  ///   - units: `[n, columns]`, and `candidates` `[m, columns]`.
  ///   - learners: on labels 0 and 1; one set of scores each.
  ///   - folds: of the other learners; as many as there are rows leave out row by row.
  ///   - positiveWeight: what a passing unit counts in a fit, against 1.
  /// - Throws: ``StatisticsError``: shapes that do not fit, and what the learners throw.
  public static func pooled(
    units: Tensor, passes: [Bool], candidates: Tensor, learners: [any Regressor], folds: Int = 10,
    positiveWeight: Double = 1, using random: inout RandomSource
  ) throws(StatisticsError) -> ConformalScores {
    try checkFeatures(units, passes, candidates, positiveWeight)
    let pool = Tensor.concatenate([units.to(.double), candidates.to(.double)])
    let n = passes.count
    let labels = (0..<pool.size(0)).map { $0 < n && passes[$0] ? 1.0 : 0 }
    let weights = positiveWeight == 1 ? nil : labels.map { $0 == 1 ? positiveWeight : 1 }
    let parts = Folds.random(rows: labels.count, count: min(max(2, folds), labels.count), using: &random)
    var all: [[Double]] = []
    for learner in learners {
      if let learner = learner as? any LeaveOneOutRegressor {
        all.append(try learner.leaveOneOut(pool, labels, weights: weights))
      } else {
        all.append(try learner.heldOut(pool, labels, weights: weights, folds: parts, using: &random))
      }
    }
    return try ConformalScores(
      calibration: all.map { Array($0[..<n]) }, passes: passes, candidates: all.map { Array($0[n...]) })
  }
  /// - Throws: ``StatisticsError``: shapes that do not fit, weights out of range.
  static func checkFeatures(_ units: Tensor, _ passes: [Bool], _ candidates: Tensor, _ positiveWeight: Double)
    throws(StatisticsError)
  {
    guard units.size(0) == passes.count, units.size(1) == candidates.size(1) else {
      throw StatisticsError(
        .badData, "the features",
        found: "\(units.shape) for \(passes.count) units, \(candidates.shape) for candidates",
        expected: "a row each, of the same columns")
    }
    guard positiveWeight > 0, positiveWeight.isFinite else {
      throw StatisticsError(
        .option, "the weight of passing units", found: "\(positiveWeight)", expected: "a number above 0")
    }
  }
}

extension ConformalSelection {
  /// What a selection is worth where labels are known.
  public struct Outcome: Sendable, Hashable {
    public let selected: Int
    /// Share of the selected that do not pass; 0 where none is selected.
    public let falseDiscoveryProportion: Double
    /// Share of those that pass that are selected; 0 where none passes.
    public let power: Double
  }

  /// - Parameter passes: of the candidates.
  public static func outcome(_ chosen: [Int], passes: [Bool]) -> Outcome {
    let right = chosen.count { passes[$0] }
    return Outcome(
      selected: chosen.count,
      falseDiscoveryProportion: Double(chosen.count - right) / Double(max(1, chosen.count)),
      power: Double(right) / Double(max(1, passes.count(where: \.self))))
  }

  /// The model with the largest selection of its own, and that selection: **not valid**, for comparison.
  public func selectNaively(_ scores: ConformalScores, using random: inout RandomSource)
    throws(StatisticsError)
    -> (model: Int, selection: Selection)
  {
    var best: (model: Int, selection: Selection)?
    for k in 0..<scores.models {
      let found = try selectPlain(scores.model(k), using: &random)
      if found.chosen.count > best?.selection.chosen.count ?? -1 { best = (k, found.tested(by: k)) }
    }
    return best!
  }

  /// Chooses the model on one half of the units, a quarter as units and a quarter as candidates of a trial selection, and
  /// tests with the other half: valid, and short of units.
  public func selectBySplit(_ scores: ConformalScores, using random: inout RandomSource)
    throws(StatisticsError)
    -> (model: Int, selection: Selection)
  {
    let n = scores.unitCount
    guard n >= 4 else {
      throw StatisticsError(
        .badData, "the labelled units", found: "\(n)", expected: "at least 4, to be split")
    }
    var order = Array(0..<n)
    order.shuffle(using: &random)
    let (first, second, rest) = (
      Array(order[..<(n / 4)]), Array(order[(n / 4)..<(n / 2)]), Array(order[(n / 2)...])
    )
    let trial = try ConformalScores(
      calibration: scores.calibration.map { row in first.map { row[$0] } },
      passes: first.map { scores.passes[$0] },
      candidates: scores.calibration.map { row in second.map { row[$0] } })
    let model = try selectNaively(trial, using: &random).model
    return (model, try selectPlain(scores.units(rest).model(model), using: &random).tested(by: model))
  }
}
