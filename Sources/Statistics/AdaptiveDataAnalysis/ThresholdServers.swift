import RealModule
import Torch

/// What refusals call corrections.
private func correctionsName(restarts: Bool) -> String {
  restarts ? "corrections, with those that restarts cost," : "corrections"
}

/// Thresholdout, the reusable holdout: answers from the training records while these agree with the holdout, and pays from a
/// budget where they do not.
///
/// Source: Dwork, Feldman, Hardt, Pitassi, Reingold & Roth, Science 2015 (arXiv 1506.02629).
public struct Thresholdout: QueryServer {
  /// T, as a share of the query's range.
  public var threshold: Double
  /// σ: Laplace noise of 2σ on the threshold, 4σ on comparisons and σ on answers, or Gaussian noise of standard deviation σ on
  /// comparisons and answers.
  public var deviation: Double
  public let noise: PrivacyNoise
  /// Answers from the holdout that are left; `nil` for no limit.
  public private(set) var budget: Int?
  /// How often the holdout corrected the training records.
  public var corrections: Int { served.dear }
  private let rows: Int
  private let trainingRows: Int
  private var noisyThreshold: Double
  private var served = ServedCount()
  private let limit: Int
  private var random: RandomSource

  /// - Parameter earlier: what earlier runs have spent of the same budget. One that was broken off takes a
  ///   correction: its noisy threshold is lost, and the new one reveals as much again.
  /// - Throws: ``StatisticsError``: a threshold of no more than 2σ decides by noise alone.
  public init(
    rows: Int, trainingRows: Int, threshold: Double, deviation: Double, budget: Int? = nil,
    noise: PrivacyNoise = .laplace, after earlier: ServedCount = ServedCount(), random: RandomSource
  ) throws(StatisticsError) {
    guard deviation >= 0, deviation.isFinite, threshold > 2 * deviation else {
      throw StatisticsError(
        .option, "the threshold", found: "\(threshold) with noise of \(deviation)",
        expected: "more than twice the noise", advice: "below that, comparisons are decided by the noise")
    }
    if let budget, budget < 0 {
      throw StatisticsError(.option, "the budget", found: "\(budget)", expected: "at least 0")
    }
    (self.rows, self.trainingRows, self.threshold, self.deviation) = (
      rows, trainingRows, threshold, deviation
    )
    let spent = earlier.dear + (noise == .laplace ? earlier.brokenOff : 0)
    (self.noise, self.budget, limit) = (noise, budget.map { max(0, $0 - spent) }, budget ?? 0)
    (self.random, served) = (random, earlier)
    noisyThreshold = threshold
    noisyThreshold = drawnThreshold()
  }

  private mutating func drawnThreshold() -> Double {
    noise == .laplace ? threshold + noise.draw(2 * deviation, using: &random) : threshold
  }

  public mutating func answer(_ query: StatisticalQuery) throws(StatisticsError) -> QueryAnswer {
    try query.check(rows: rows, trainingRows: trainingRows)
    if let budget, budget < 1 {
      throw served.exhausted(correctionsName(restarts: served.brokenOff > 0), limit)
    }
    served.queries += 1
    let (held, seen) = (query.share(query.values), query.share(query.training ?? []))
    let wobble = noise.draw(noise == .laplace ? 4 * deviation : deviation, using: &random)
    guard abs(held - seen) > noisyThreshold + wobble else {
      return QueryAnswer(value: query.scaled(seen), source: .training, budgetLeft: budget)
    }
    served.dear += 1
    budget = budget.map { $0 - 1 }
    noisyThreshold = drawnThreshold()
    let share = held + noise.draw(deviation, using: &random)
    return QueryAnswer(value: query.scaled(share), source: .holdout, budgetLeft: budget)
  }

  /// How far any of `queries` answers may be from the population's mean, as a share of the range, with probability 1 − β; `nil` with
  /// Gaussian noise, without noise or without a budget, where no theorem is at hand.
  ///
  /// All answers together are (2B/(σn), 0)-differentially private; half of β goes to overfitting, a sixth each to the noise
  /// of thresholds, comparisons and answers.
  public func errorBar(queries: Int, beta: Double) -> Double? {
    guard noise == .laplace, deviation > 0, limit > 0, queries > 0 else { return nil }
    let b = Double(limit)
    let epsilon = 2 * b / (deviation * Double(rows))
    let overfitting = TransferTheorem.populationError(
      rows: rows, epsilon: epsilon, queries: queries, beta: beta / 2)
    let agreement =
      threshold + 2 * deviation * Double.log(3 * (b + 1) / beta) + 4 * deviation
      * .log(3 * Double(queries) / beta)
    return overfitting + max(agreement, deviation * .log(6 * b / beta))
  }
}

/// Guess and check by the sparse vector technique: the analyst says what the answer should be; agreement is free, and a
/// correction is paid for. (ε₁ + ε₂ + ε₃)-differentially private over all questions, and over all runs.
///
/// The noise on comparisons grows with the number of corrections, and corrections are drawn afresh: variants without that
/// are not private.
public struct GuessAndCheck: QueryServer {
  public let threshold: Double
  /// ε₁ for the threshold, ε₂ for comparisons, ε₃ for corrections.
  public let epsilons: (threshold: Double, comparisons: Double, corrections: Double)
  public let corrections: Int
  private let rows: Int
  /// c, less what the thresholds of restarts cost.
  private let limit: Int
  private let noisyThreshold: Double
  private var served = ServedCount()
  private var random: RandomSource

  /// - Parameters:
  ///   - corrections: c, after which it stops.
  ///   - threshold: T as a share of the range.
  ///   - earlier: what earlier runs have spent of the same ε. Each of them drew a threshold for ε₁, and so does
  ///     this one: ε₁ more for every run after the first comes off ε₂ + ε₃, as corrections at (ε₂ + ε₃)/c each.
  public init(
    rows: Int, corrections: Int, threshold: Double,
    epsilons: (threshold: Double, comparisons: Double, corrections: Double),
    after earlier: ServedCount = ServedCount(), random: RandomSource
  ) throws(StatisticsError) {
    let parts = [epsilons.threshold, epsilons.comparisons, epsilons.corrections]
    guard corrections >= 1, threshold > 0, parts.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw StatisticsError(
        .option, "guess and check",
        found:
          "\(corrections) corrections, the threshold \(threshold), ε of \(epsilons.threshold), \(epsilons.comparisons), \(epsilons.corrections)",
        expected: "at least 1 correction, all else finite and above 0")
    }
    (self.rows, self.corrections, self.threshold, self.epsilons) = (rows, corrections, threshold, epsilons)
    (self.random, served) = (random, earlier)
    let price = (epsilons.comparisons + epsilons.corrections) / Double(corrections)
    let lost = (Double(earlier.runs) * epsilons.threshold / price).rounded(.up)
    limit = lost < Double(corrections) ? corrections - Int(lost) : 0
    noisyThreshold =
      threshold + PrivacyNoise.laplace.draw(1 / (Double(rows) * epsilons.threshold), using: &self.random)
  }

  /// How far any of `queries` answers may be from the population's mean, as a share of the range, with probability 1 − β.
  public func errorBar(queries: Int, beta: Double) -> Double? {
    let sensitivity = 1 / Double(rows)
    let c = Double(corrections)
    let epsilon = epsilons.threshold + epsilons.comparisons + epsilons.corrections
    let agreement =
      // A threshold a run.
      threshold + sensitivity / epsilons.threshold * Double.log(3 * Double(served.runs + 1) / beta)
      + 2 * c * sensitivity / epsilons.comparisons * .log(3 * Double(queries) / beta)
    let correction = c * sensitivity / epsilons.corrections * Double.log(6 * c / beta)
    return TransferTheorem.populationError(rows: rows, epsilon: epsilon, queries: queries, beta: beta / 2)
      + max(agreement, correction)
  }

  /// The guess is the mean of the query's training values, which may be a single number.
  public mutating func answer(_ query: StatisticalQuery) throws(StatisticsError) -> QueryAnswer {
    try query.check(rows: rows, trainingRows: query.training?.count ?? 1)
    guard served.dear < limit else {
      throw served.exhausted(correctionsName(restarts: served.runs > 0), corrections)
    }
    served.queries += 1
    let (held, guess) = (query.share(query.values), query.share(query.training ?? []))
    let sensitivity = 1 / Double(rows)
    let c = Double(corrections)
    let comparison =
      abs(held - guess)
      + PrivacyNoise.laplace.draw(2 * c * sensitivity / epsilons.comparisons, using: &random)
    guard comparison >= noisyThreshold else {
      return QueryAnswer(value: query.scaled(guess), source: .training, budgetLeft: limit - served.dear)
    }
    served.dear += 1
    let share = held + PrivacyNoise.laplace.draw(c * sensitivity / epsilons.corrections, using: &random)
    return QueryAnswer(value: query.scaled(share), source: .holdout, budgetLeft: limit - served.dear)
  }
}

/// Few rounds of adaptivity with many questions each: answers come from one part of the records until a private check says
/// that it no longer agrees with the rest; then the next part begins.
public struct EffectiveRounds: QueryServer {
  private let parts: [[Int]]
  private let rows: Int
  private let threshold: Double
  private let scale: Double
  private var noisyThreshold: Double
  private var served = ServedCount()
  private var random: RandomSource

  /// - Parameters:
  ///   - rounds: r; rows are split into r parts for answers and one of equal size for the checks.
  ///   - epsilon: of all checks together.
  public init(rows: Int, rounds: Int, threshold: Double, epsilon: Double, random: RandomSource)
    throws(StatisticsError)
  {
    guard rounds >= 1, rows >= rounds + 1, threshold > 0, epsilon > 0 else {
      throw StatisticsError(
        .option, "effective rounds",
        found: "\(rounds) rounds on \(rows) rows, threshold \(threshold), ε \(epsilon)",
        expected: "at least 1 round, more rows than rounds, all else above 0")
    }
    var stream = random
    let folds = Folds.random(rows: rows, count: rounds + 1, using: &stream)
    parts = (0...rounds).map { folds.rows(in: $0) }
    (self.rows, self.threshold) = (rows, threshold)
    // Half of ε for the threshold, half for comparisons, over all rounds.
    scale = 2 * Double(rounds) / (Double(parts[0].count) * epsilon)
    self.random = stream
    noisyThreshold = threshold
    noisyThreshold = threshold + PrivacyNoise.laplace.draw(scale, using: &self.random)
  }

  /// The round that answers now, from 0.
  public var round: Int { served.dear }

  public mutating func answer(_ query: StatisticalQuery) throws(StatisticsError) -> QueryAnswer {
    try query.check(rows: rows, trainingRows: nil)
    let rounds = parts.count - 1
    served.queries += 1
    let check = query.share(parts[0].map { query.values[$0] })
    while served.dear < rounds {
      let own = query.share(parts[served.dear + 1].map { query.values[$0] })
      if abs(own - check) + PrivacyNoise.laplace.draw(2 * scale, using: &random) < noisyThreshold {
        return QueryAnswer(value: query.scaled(own), source: .holdout, budgetLeft: rounds - served.dear - 1)
      }
      served.dear += 1
      noisyThreshold = threshold + PrivacyNoise.laplace.draw(scale, using: &random)
    }
    throw served.exhausted("rounds", rounds)
  }
}
