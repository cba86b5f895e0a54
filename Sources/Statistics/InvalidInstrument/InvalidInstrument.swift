import Probability
import RealModule
import Torch

/// The average effect ψ = E[Y(1) − Y(0)] of a binary exposure under hidden confounding, with a binary instrument that may act on
/// the outcome by itself.
///
/// ```swift
/// let data = try InstrumentData(outcome: y, exposure: a, instrument: z, covariates: x)
/// let candidates = NuisanceCandidates([.basis(.linear), .regressor(GradientBoosting(), .linear)])
/// let estimate = try InvalidInstrument().estimate(data, candidates, random: RandomSource(seed: 0))
/// print(estimate.effect, estimate.choice)
/// ```
/// The instrument is independent of what is hidden, neither it nor the exposure interacts with what is hidden on the additive
/// scale, and the variance of the exposure differs between the instrument's values. Then δ(x) = (C₁ − C₀)/(V₁ − V₀) with
/// C_z = Cov(A, Y | z, x) and V_z = Var(A | z, x), and ψ = E δ(X).
///
/// The estimator is right if one of four sets of nuisance functions is: {π, p}, {π, δ, μ}, {p, δ, η}, {δ, μ, η}.
///
/// Source: Sun, Cui & Tchetgen Tchetgen 2022 (arXiv 1907.11882). Cost: every candidate is fitted once a split, and
/// combinations are arithmetic.
public struct InvalidInstrument: Sendable, Hashable {
  /// How candidates are chosen.
  public enum Selection: String, Sendable, Hashable, CaseIterable, Codable {
    /// The first combination.
    case none
    /// The smallest of the largest shifts over the four sets.
    case minimax
    /// The smallest sum of the shifts.
    case mixed
    /// All combinations, weighted by e^{−λ·risk}.
    case smooth
  }

  public var selection = Selection.minimax
  /// Splits of the selection.
  public var splits = 2
  /// Folds of the estimate; 1 fits and evaluates on the same rows.
  public var folds = 5
  /// λ of the smooth weights, in units of the risks' median.
  public var smoothness = 10.0
  public var limits = NuisanceLimits()

  public init(selection: Selection = .minimax) { self.selection = selection }

  /// One combination in the selection.
  public struct Candidate: Sendable, Hashable {
    public let choice: NuisanceChoice
    /// Mean over splits.
    public let effect: Double
    /// B_1 to B_4: how far the effect moves when all but the set's nuisances are changed.
    public let shifts: [Double]

    public var minimax: Double { shifts.max()! }
    public var mixed: Double { shifts.reduce(0, +) }
  }

  /// How well the instrument identifies.
  public struct Strength: Sendable, Hashable {
    /// Smallest, 5 %, median and largest of |D|.
    public let quantiles: [Double]
    /// Share of rows with |D| < 0.05, and with |D| at its floor.
    public let weak: Double
    public let floored: Double
    /// Whether D changes its sign.
    public let changesSign: Bool
    public let propensityRange: ClosedRange<Double>
    /// Kish's of the weights 1/(f|D|), as a share of the rows.
    public let effectiveShare: Double
  }

  public struct Result: Sendable {
    /// ψ with the standard deviation of its influence function over √n.
    public let effect: Estimate
    /// φ, one a row.
    public let influence: [Double]
    /// δ(x), one a row.
    public let conditional: [Double]
    public let choice: NuisanceChoice
    public let strength: Strength
    /// All combinations by risk; empty without a selection.
    public let table: [Candidate]

    /// The range of effects of the tenth of combinations with the smallest risk.
    public var sensitivity: ClosedRange<Double>? {
      guard !table.isEmpty else { return nil }
      let best = table.prefix(max(1, table.count / 10)).map(\.effect)
      return best.min()!...best.max()!
    }
  }

  /// Share of rows with |D| at its floor above which the effect is the floor's.
  static let mostFloored = 0.5

  /// - Throws: ``StatisticsError``: no variance relevance, as where |D| is at its floor in more than half of the rows, folds out of
  ///   range, and what learners throw.
  public func estimate(_ data: InstrumentData, _ candidates: NuisanceCandidates, random: RandomSource)
    throws(StatisticsError) -> Result
  {
    let found = try unchecked(data, candidates, random: random)
    guard found.strength.floored <= Self.mostFloored else {
      throw StatisticsError(
        .noAnswer, "the effect",
        found: "|D| below its floor \(limits.variance) in \(Int((100 * found.strength.floored).rounded())) % "
          + "of the rows: no variance relevance, as the instrument does not change the exposure's variance",
        expected: "an instrument that changes it in most rows",
        advice: "look for another instrument, or for rows in which it acts")
    }
    return found
  }

  /// The estimate whatever the strength.
  func unchecked(_ data: InstrumentData, _ candidates: NuisanceCandidates, random: RandomSource)
    throws(StatisticsError) -> Result
  {
    guard folds >= 1, splits >= 2, folds <= data.count / 4, splits <= data.count / 4 else {
      throw StatisticsError(
        .option, "folds", found: "\(folds) folds, \(splits) splits",
        expected: "at least 1 and 2, at most \(data.count / 4)")
    }
    let choices = candidates.all
    let table =
      selection == .none || choices.count == 1 ? [] : try risks(data, candidates, random.split("selection"))
    let used: [(NuisanceChoice, Double)]
    if selection == .smooth, !table.isEmpty {
      let median = table.map(\.mixed).sorted()[table.count / 2]
      let logs = table.map { -smoothness * $0.mixed / max(median, .leastNormalMagnitude) }
      let total = logSumExp(logs)
      used = zip(table, logs).map { ($0.choice, .exp($1 - total)) }.filter { $0.1 > 1e-6 }
    } else {
      used = [(table.first?.choice ?? choices[0], 1)]
    }
    return try crossFitted(data, candidates, used, table, random.split("estimate"))
  }

  /// Mean effects of all combinations on held-out parts, and how far they move.
  private func risks(_ data: InstrumentData, _ candidates: NuisanceCandidates, _ random: RandomSource)
    throws(StatisticsError) -> [Candidate]
  {
    var stream = random.split("folds")
    let parts = Folds.stratified(by: data.cells, count: splits, using: &stream)
    let choices = candidates.all
    let effects = try concurrently(splits) { (part) throws(StatisticsError) -> [Double] in
      let test = data.rows(parts.rows(in: part))
      var fits = NuisanceFits(
        data.rows(parts.rows(outside: part)), test, candidates, limits, random: random.split(part))
      var found: [Double] = []
      for choice in choices {
        let scores = self.scores(test, try fits.values(choice))
        found.append(scores.reduce(0, +) / Double(scores.count))
      }
      return found
    }
    // Of every set's nuisances the combinations that share them.
    let candidates = choices.indices.map { c in
      let shifts = choices[c].sets.indices.map { set in
        choices.indices.filter { choices[$0].sets[set] == choices[c].sets[set] }.map { other in
          effects.reduce(0) { $0 + ($1[c] - $1[other]) * ($1[c] - $1[other]) } / Double(splits)
        }.max()!
      }
      return Candidate(
        choice: choices[c], effect: effects.reduce(0) { $0 + $1[c] } / Double(splits), shifts: shifts)
    }
    let key = { (candidate: Candidate) in selection == .minimax ? candidate.minimax : candidate.mixed }
    return candidates.enumerated().sorted { (key($0.element), $0.offset) < (key($1.element), $1.offset) }
      .map(\.element)
  }

  private func crossFitted(
    _ data: InstrumentData, _ candidates: NuisanceCandidates, _ used: [(NuisanceChoice, Double)],
    _ table: [Candidate],
    _ random: RandomSource
  ) throws(StatisticsError) -> Result {
    var stream = random.split("folds")
    let parts = folds == 1 ? nil : Folds.stratified(by: data.cells, count: folds, using: &stream)
    struct Part: Sendable {
      var rows: [Int]
      var scores: [Double]
      var delta: [Double]
      var values: NuisanceValues
    }
    let found = try concurrently(folds) { (part) throws(StatisticsError) -> Part in
      let rows = parts?.rows(in: part) ?? Array(0..<data.count)
      let test = data.rows(rows)
      var fits = NuisanceFits(
        parts.map { data.rows($0.rows(outside: part)) } ?? data, test, candidates, limits,
        random: random.split(part))
      var result: Part?
      for (choice, weight) in used {
        let values = try fits.values(choice)
        let own = self.scores(test, values).map { weight * $0 }
        if result == nil {
          result = Part(rows: rows, scores: own, delta: values.delta.map { weight * $0 }, values: values)
        } else {
          result!.scores = zip(result!.scores, own).map { $0 + $1 }
          result!.delta = zip(result!.delta, values.delta).map { $0 + weight * $1 }
        }
      }
      return result!
    }
    var (scores, delta) = (
      [Double](repeating: 0, count: data.count), [Double](repeating: 0, count: data.count)
    )
    var values = NuisanceValues(pi: scores, p0: scores, p1: scores)
    for part in found {
      for (place, row) in part.rows.enumerated() {
        (scores[row], delta[row]) = (part.scores[place], part.delta[place])
        (values.pi[row], values.p0[row], values.p1[row]) = (
          part.values.pi[place], part.values.p0[place], part.values.p1[place]
        )
      }
    }
    let effect = Estimate(meanOf: scores)
    return Result(
      effect: effect, influence: scores.map { $0 - effect.value }, conditional: delta, choice: used[0].0,
      strength: strength(data, values), table: table)
  }

  /// φ + ψ of every row.
  func scores(_ data: InstrumentData, _ values: NuisanceValues) -> [Double] {
    (0..<data.count).map { i in
      let isOne = data.instrument[i] == 1
      let f = isOne ? values.pi[i] : 1 - values.pi[i]
      let p = isOne ? values.p1[i] : values.p0[i]
      let mu = isOne ? values.mu1[i] : values.mu0[i]
      let residual =
        (data.exposure[i] - p) * (data.outcome[i] - values.delta[i] * data.exposure[i] - mu) - values.eta[i]
      return values.delta[i] + (isOne ? 1 : -1) / (f * floored(values.variance(i))) * residual
    }
  }

  private func floored(_ variance: Double) -> Double {
    abs(variance) >= limits.variance ? variance : variance < 0 ? -limits.variance : limits.variance
  }

  private func strength(_ data: InstrumentData, _ values: NuisanceValues) -> Strength {
    let n = data.count
    let d = (0..<n).map(values.variance)
    let sorted = d.map(abs).sorted()
    let weights = (0..<n).map {
      1 / ((data.instrument[$0] == 1 ? values.pi[$0] : 1 - values.pi[$0]) * abs(floored(d[$0])))
    }
    let (sum, squares) = (weights.reduce(0, +), weights.reduce(0) { $0 + $1 * $1 })
    return Strength(
      quantiles: [sorted[0], sorted[n / 20], sorted[n / 2], sorted[n - 1]],
      weak: Double(d.count { abs($0) < 0.05 }) / Double(n),
      floored: Double(d.count { abs($0) < limits.variance }) / Double(n),
      changesSign: d.contains { $0 > 0 } && d.contains { $0 < 0 },
      propensityRange: values.pi.min()!...values.pi.max()!, effectiveShare: sum * sum / squares / Double(n))
  }
}
