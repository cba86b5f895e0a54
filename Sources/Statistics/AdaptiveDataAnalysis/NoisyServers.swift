import RealModule
import Torch

/// Noise that hides single records.
public enum PrivacyNoise: String, Sendable, Hashable, CaseIterable, Codable {
  case laplace, gaussian

  /// One draw with the scale b (Laplace) or the standard deviation σ (Gaussian).
  func draw(_ scale: Double, using random: inout RandomSource) -> Double {
    switch self {
    case .laplace:
      let u = random.uniform() - 0.5
      // u = −½ would be infinite; its probability is 2⁻⁵³ a draw.
      let magnitude = -Double.log(onePlus: -2 * min(abs(u), 0.5 - 0x1p-54))
      return u < 0 ? -scale * magnitude : scale * magnitude
    case .gaussian:
      let radius = (-2 * Double.log(onePlus: -random.uniform())).squareRoot()
      return scale * radius * .cos(2 * .pi * random.uniform())
    }
  }

  /// P(ξ ≤ x).
  func distribution(_ x: Double, scale: Double) -> Double {
    switch self {
    case .laplace: x < 0 ? 0.5 * .exp(x / scale) : 1 - 0.5 * .exp(-x / scale)
    case .gaussian: 0.5 * .erfc(-x / scale * 0.5.squareRoot())
    }
  }

  /// The scale whose standard deviation is σ.
  public func scale(deviation: Double) -> Double {
    self == .laplace ? deviation * 0.5.squareRoot() : deviation
  }
}

/// Plain means of the records: right for questions fixed beforehand, and what adaptive questions overfit.
public struct EmpiricalMeans: QueryServer {
  public let rows: Int

  public init(rows: Int) { self.rows = rows }

  public mutating func answer(_ query: StatisticalQuery) throws(StatisticsError) -> QueryAnswer {
    try query.check(rows: rows, trainingRows: nil)
    return QueryAnswer(value: query.scaled(query.share(query.values)), source: .holdout, budgetLeft: nil)
  }
}

/// A fresh part of the records for every question.
public struct SampleSplitting: QueryServer {
  private let parts: [[Int]]
  private let rows: Int
  private var served = ServedCount()

  /// - Parameter queries: how many can be asked; each takes rows / queries records.
  public init(rows: Int, queries: Int, random: RandomSource) throws(StatisticsError) {
    guard queries >= 1, queries <= rows else {
      throw StatisticsError(.option, "queries", found: "\(queries)", expected: "1 to \(rows), the rows")
    }
    var stream = random
    let folds = Folds.random(rows: rows, count: queries, using: &stream)
    parts = (0..<queries).map { folds.rows(in: $0) }
    self.rows = rows
  }

  public mutating func answer(_ query: StatisticalQuery) throws(StatisticsError) -> QueryAnswer {
    try query.check(rows: rows, trainingRows: nil)
    guard served.queries < parts.count else { throw served.exhausted("parts", parts.count) }
    let share = query.share(parts[served.queries].map { query.values[$0] })
    served.queries += 1
    return QueryAnswer(value: query.scaled(share), source: .holdout, budgetLeft: parts.count - served.queries)
  }
}

/// Means with independent noise: a number of questions fixed beforehand.
public struct NoisyMeans: QueryServer {
  public let noise: PrivacyNoise
  /// b or σ, as a share of the query's range.
  public let scale: Double
  public private(set) var ledger: PrivacyLedger
  private let rows: Int
  private let queries: Int
  private var served = ServedCount()
  private var random: RandomSource

  /// - Parameter random: must be out of the analyst's reach.
  public init(rows: Int, queries: Int, noise: PrivacyNoise, scale: Double, random: RandomSource)
    throws(StatisticsError)
  {
    guard rows >= 1, queries >= 1 else {
      throw StatisticsError(
        .option, "queries", found: "\(queries) on \(rows) rows", expected: "at least 1 on at least 1")
    }
    guard scale > 0, scale.isFinite else {
      throw StatisticsError(.option, "the noise's scale", found: "\(scale)", expected: "a number above 0")
    }
    (self.rows, self.queries, self.noise, self.scale, self.random) = (rows, queries, noise, scale, random)
    ledger = PrivacyLedger()
  }

  public mutating func answer(_ query: StatisticalQuery) throws(StatisticsError) -> QueryAnswer {
    try query.check(rows: rows, trainingRows: nil)
    guard served.queries < queries else { throw served.exhausted("answers", queries) }
    served.queries += 1
    switch noise {
    case .laplace: ledger.addPure(1 / (Double(rows) * scale))
    case .gaussian: ledger.addConcentrated(1 / (2 * Double(rows) * Double(rows) * scale * scale))
    }
    let share = query.share(query.values) + noise.draw(scale, using: &random)
    return QueryAnswer(value: query.scaled(share), source: .holdout, budgetLeft: queries - served.queries)
  }
}

/// Means printed with few decimals, as a leaderboard does: an analyst who has been told k bits can have led at most 2ᵏ ways.
public struct RoundedMeans: QueryServer {
  /// Decimals of an answer, as a share of the range.
  public let decimals: Int
  public private(set) var ledger = PrivacyLedger()
  private let calculator: BudgetCalculator
  private let limit: Int
  private var served = ServedCount()

  /// Refuses when a mean could be off by more than τ with a probability above β.
  public init(rows: Int, decimals: Int, tau: Double, beta: Double) throws(StatisticsError) {
    guard (1...9).contains(decimals) else {
      throw StatisticsError(.option, "decimals", found: "\(decimals)", expected: "1 to 9")
    }
    calculator = try BudgetCalculator(rows: rows, tau: tau, beta: beta)
    self.decimals = decimals
    limit = calculator.roundedQueries(decimals: decimals)
  }

  public mutating func answer(_ query: StatisticalQuery) throws(StatisticsError) -> QueryAnswer {
    try query.check(rows: calculator.rows, trainingRows: nil)
    guard served.queries < limit else { throw served.exhausted("answers", limit) }
    served.queries += 1
    let steps = Double.pow(10, Double(decimals))
    ledger.addDescription(values: Int(steps) + 1)
    let share = (query.share(query.values) * steps).rounded() / steps
    return QueryAnswer(value: query.scaled(share), source: .holdout, budgetLeft: limit - served.queries)
  }
}
