import Probability
import RealModule
import Torch

/// Private multiplicative weights: a synthetic distribution over a finite universe answers, and learns from the records only
/// where it is wrong. The number of questions may be exponential in the number of records.
///
/// Source: Hardt & Rothblum 2010, as used by Dwork et al. 2015 (arXiv 1411.2664). Cost: one pass over the universe a
/// question.
public struct PrivateMultiplicativeWeights: Sendable {
  /// T: how far the synthetic answer may be from the records', but for noise.
  public let threshold: Double
  /// b of the Laplace noise, 0 for none: b on the threshold, once, 2b on comparisons and b, drawn afresh, on
  /// answers from the records.
  public let scale: Double
  /// η.
  public let rate: Double
  /// The most updates.
  public let limit: Int
  /// Updates so far.
  public private(set) var updates = 0
  /// h: the records' distribution.
  private let histogram: [Double]
  private let rows: Int
  private let noisyThreshold: Double
  /// log D.
  private var logWeights: [Double]
  private var served = ServedCount()
  private var random: RandomSource

  /// The largest universe.
  public static let mostPoints = 1 << 22

  /// - Parameters:
  ///   - records: points of the universe, in 0..<universe.
  ///   - limit: updates after which it refuses; ⌈ln N / (2T²)⌉ where left out, which is never passed without noise.
  public init(
    records: [Int], universe: Int, threshold: Double, scale: Double = 0, rate: Double? = nil,
    limit: Int? = nil,
    random: RandomSource
  ) throws(StatisticsError) {
    guard universe >= 2, universe <= Self.mostPoints else {
      throw StatisticsError(
        .option, "the universe", found: "\(universe) points", expected: "2 to \(Self.mostPoints)",
        advice: "take fewer attributes, or coarser ones")
    }
    guard !records.isEmpty, let bad = Optional(records.firstIndex { !(0..<universe).contains($0) }) else {
      throw StatisticsError(.badData, "the records", found: "none", expected: "at least one")
    }
    if let bad {
      throw StatisticsError(
        .badData, "record \(bad + 1)", found: "the point \(records[bad])", expected: "0 to \(universe - 1)")
    }
    guard threshold > 0, threshold < 1, scale >= 0, scale.isFinite else {
      throw StatisticsError(
        .option, "the threshold", found: "\(threshold) with noise of \(scale)",
        expected: "in (0, 1), noise of at least 0")
    }
    var counts = [Double](repeating: 0, count: universe)
    for record in records { counts[record] += 1 }
    histogram = counts.map { $0 / Double(records.count) }
    logWeights = [Double](repeating: -.log(Double(universe)), count: universe)
    (self.threshold, self.scale, self.rate) = (threshold, scale, rate ?? 4 * threshold)
    self.limit = limit ?? Int((.log(Double(universe)) / (2 * threshold * threshold)).rounded(.up))
    (self.random, rows) = (random, records.count)
    noisyThreshold =
      threshold + (scale > 0 ? PrivacyNoise.laplace.draw(scale, using: &self.random) : 0)
  }

  /// ε of all questions together: the threshold, and a comparison and an answer for every update, by sparse
  /// vectors; `nil` without noise.
  public var epsilon: Double? {
    scale > 0 ? (1 + 2 * Double(limit)) / (Double(rows) * scale) : nil
  }

  /// D: what is believed of the population.
  public var distribution: [Double] { logWeights.map { .exp($0) } }

  /// KL(h‖D).
  public var divergence: Double {
    zip(histogram, logWeights).reduce(0) { $0 + ($1.0 > 0 ? $1.0 * (.log($1.0) - $1.1) : 0) }
  }

  /// The answer to the mean of φ over points of the universe, φ in [0, 1].
  /// - Throws: ``StatisticsError``: values that do not fit, or no update left. With noise nothing is answered
  ///   after the last update, as comparisons would have to be paid for; without, what needs no update still is.
  public mutating func answer(_ phi: [Double]) throws(StatisticsError) -> QueryAnswer {
    guard phi.count == histogram.count else {
      throw StatisticsError(
        .badData, "the query", found: "\(phi.count) values",
        expected: "\(histogram.count), one a point of the universe")
    }
    if let place = phi.firstIndex(where: { !(0...1).contains($0) }) {
      throw StatisticsError(
        .badData, "the query, point \(place)", found: "\(phi[place])", expected: "values in [0, 1]")
    }
    guard scale == 0 || updates < limit else { throw served.exhausted("updates", limit) }
    served.queries += 1
    let mean = zip(histogram, phi).reduce(0) { $0 + $1.0 * $1.1 }
    let believed = zip(logWeights, phi).reduce(0) { $0 + ($1.1 == 0 ? 0 : .exp($1.0) * $1.1) }
    let wobble = scale > 0 ? PrivacyNoise.laplace.draw(2 * scale, using: &random) : 0
    guard abs(mean - believed) + wobble > noisyThreshold else {
      return QueryAnswer(value: believed, source: .synthetic, budgetLeft: limit - updates)
    }
    guard updates < limit else { throw served.exhausted("updates", limit) }
    updates += 1
    // Not the noise of the comparison: what passed it is biased, and no more private.
    let seen = mean + (scale > 0 ? PrivacyNoise.laplace.draw(scale, using: &random) : 0)
    let step = seen > believed ? rate : -rate
    for point in phi.indices { logWeights[point] += step * phi[point] }
    let total = logSumExp(logWeights)
    for point in phi.indices { logWeights[point] -= total }
    return QueryAnswer(value: seen, source: .holdout, budgetLeft: limit - updates)
  }
}

/// The best of many questions by noisy means (report noisy max): ε-differentially private.
///
/// - Returns: the position of the chosen mean.
public func reportNoisyMax(
  _ means: [Double], rows: Int, epsilon: Double, using random: inout RandomSource
) -> Int {
  precondition(
    !means.isEmpty && rows > 0 && epsilon > 0,
    "reportNoisyMax: \(means.count) means, \(rows) rows, ε \(epsilon)")
  let scale = 2 / (Double(rows) * epsilon)
  let noisy = means.map { $0 + PrivacyNoise.laplace.draw(scale, using: &random) }
  return noisy.indices.max { noisy[$0] < noisy[$1] }!
}
