import Probability
import RealModule
import Torch

/// Cross-validation of ordered-class models: λ by held-out rows, and forms of model beside each other.
///
/// Folds have equal shares of every class. λ's grid is that of all rows; columns are standardised inside each fold. Rows'
/// weights count in fits; held-out rows count alike, and only those whose class is known.
public struct OrdinalValidation: Sendable, Hashable {
  public var folds = 5
  public var criterion = OrdinalCriterion.brier
  /// Takes the largest λ whose mean is within a standard error (over folds) of the smallest.
  public var takesOneStandardError = false
  /// Values of λ, and how far down they go as a share of the largest.
  public var count = 20
  public var ratio = 0.01
  /// The class that the rare readings are of, from 0; the last where `nil`.
  public var rare: Int?

  public init() {}

  /// The criterion along the path.
  public struct Path: Sendable, Hashable {
    public let lambdas: [Double]
    /// Mean over folds with its standard error, one a λ.
    public let scores: [Estimate]
    public let chosen: Int

    public var lambda: Double { lambdas[chosen] }
  }

  /// Chooses λ.
  /// - Throws: ``StatisticsError``: fewer rows of a class than a fold leaves over, options outside their ranges.
  public func choose(
    _ regression: OrdinalRegression, _ design: Tensor, _ response: OrdinalResponse, weights: [Double]? = nil,
    random: RandomSource
  ) throws(StatisticsError) -> Path {
    let lambdas = try regression.lambdas(design, response, weights: weights, count: count, ratio: ratio)
    let folds = try parts(response, random)
    let criterion = criterion
    let found = try concurrently(self.folds) { (part) throws(StatisticsError) -> [Double] in
      let (train, test) = (folds.rows(outside: part), folds.rows(in: part))
      let fits = try regression.path(
        design.select(axis: 0, Tensor(train)), response.rows(train),
        weights: weights.map { all in train.map { all[$0] } }, lambdas: lambdas)
      let held = design.select(axis: 0, Tensor(test))
      return fits.map { criterion(metrics($0.model, held, response.rows(test))) }
    }
    let scores = lambdas.indices.map { place in Estimate(meanOf: found.map { $0[place] }) }
    let best = scores.indices.min { (scores[$0].value, $0) < (scores[$1].value, $1) }!
    let chosen =
      takesOneStandardError
      ? scores.indices.first { scores[$0].value <= scores[best].value + scores[best].standardError }! : best
    return Path(lambdas: lambdas, scores: scores, chosen: chosen)
  }

  /// What a regression's held-out probabilities are worth.
  public struct Comparison: Sendable {
    public let form: OrdinalRegression.Form
    /// Of all held-out rows together.
    public let metrics: OrdinalMetrics
    /// `[rows]`, held out.
    public let rareProbabilities: [Double]
    /// λ in every fold; empty for forms without a penalty.
    public let lambdas: [Double]
    /// Columns that tell classes apart perfectly in some fold.
    public let separated: [Int]
    /// Held-out rows whose cumulative probabilities cross.
    public let crossings: Int
  }

  /// Held-out probabilities of several regressions on the same folds; λ is chosen inside each fold's training rows.
  public func compare(
    _ regressions: [OrdinalRegression], _ design: Tensor, _ response: OrdinalResponse,
    weights: [Double]? = nil,
    random: RandomSource
  ) throws(StatisticsError) -> [Comparison] {
    let folds = try parts(response, random.split("outer"))
    let rare = rare ?? response.classes - 1
    let jobs = regressions.indices.flatMap { r in (0..<self.folds).map { (r, $0) } }
    struct Held {
      var probabilities: [[Double]]?
      var rare: [Double]
      var lambda: Double?
      var separated: [Int]
      var crossings: Int
    }
    let held = try concurrently(jobs.count) { (job) throws(StatisticsError) -> Held in
      let (r, part) = jobs[job]
      let regression = regressions[r]
      let train = folds.rows(outside: part)
      let x = design.select(axis: 0, Tensor(train))
      let y = response.rows(train)
      let w = weights.map { all in train.map { all[$0] } }
      let lambda =
        regression.isPenalised
        ? try choose(regression, x, y, weights: w, random: random.split("inner").split(part)).lambda : nil
      let fit = try regression.fit(x, y, weights: w, lambda: lambda ?? 0)
      let found = fit.model.probabilities(of: design.select(axis: 0, Tensor(folds.rows(in: part))))
      return Held(
        probabilities: fit.model.only == nil ? found.values : nil,
        rare: fit.model.rareProbabilities(found, rare),
        lambda: lambda, separated: fit.separated, crossings: found.crossings)
    }
    return regressions.indices.map { r in
      let own = (0..<self.folds).map { held[r * self.folds + $0] }
      var rareProbabilities = [Double](repeating: 0, count: response.count)
      var probabilities = [[Double]](repeating: [], count: response.count)
      for part in 0..<self.folds {
        for (place, row) in folds.rows(in: part).enumerated() {
          rareProbabilities[row] = own[part].rare[place]
          if let values = own[part].probabilities { probabilities[row] = values[place] }
        }
      }
      let known = (0..<response.count).filter { response.lowest[$0] == response.highest[$0] }
      return Comparison(
        form: regressions[r].form,
        metrics: OrdinalMetrics(
          own[0].probabilities == nil ? nil : known.map { probabilities[$0] },
          rareProbabilities: known.map { rareProbabilities[$0] }, classes: known.map { response.lowest[$0] },
          rare: rare),
        rareProbabilities: rareProbabilities, lambdas: own.compactMap(\.lambda),
        separated: Set(own.flatMap(\.separated)).sorted(), crossings: own.reduce(0) { $0 + $1.crossings })
    }
  }

  /// Readings on rows whose class is known.
  func metrics(_ model: OrdinalModel, _ design: Tensor, _ response: OrdinalResponse) -> OrdinalMetrics {
    let known = (0..<response.count).filter { response.lowest[$0] == response.highest[$0] }
    let rare = rare ?? response.classes - 1
    let found = model.probabilities(of: design)
    let rareProbabilities = model.rareProbabilities(found, rare)
    return OrdinalMetrics(
      model.only == nil ? known.map { found.values[$0] } : nil,
      rareProbabilities: known.map { rareProbabilities[$0] }, classes: known.map { response.lowest[$0] },
      rare: rare)
  }

  private func parts(_ response: OrdinalResponse, _ random: RandomSource) throws(StatisticsError) -> Folds {
    guard folds >= 2, folds <= response.count else {
      throw StatisticsError(.option, "folds", found: "\(folds)", expected: "2 to \(response.count), the rows")
    }
    for k in 0..<response.classes {
      let rows = (0..<response.count).count { response.lowest[$0] <= k && k <= response.highest[$0] }
      guard rows > 1 else {
        throw StatisticsError(
          .badData, "the response",
          found: "\(rows) row of class \(k + 1), which some fold would have to do without",
          expected: "at least 2 rows of every class", advice: "merge the class with a neighbour, or give λ")
      }
    }
    var stream = random.split("folds")
    return Folds.stratified(by: response.lowest, count: folds, using: &stream)
  }
}

extension OrdinalRegression {
  /// Standard deviations and percentile intervals of the weights over refits on resampled rows, at one λ.
  ///
  /// Rows are drawn again within their classes, so that rare ones stay. A lasso's weights are drawn towards 0 in every
  /// refit: the intervals are of its own estimate, not of the unshrunk weight.
  public func bootstrap(
    _ design: Tensor, _ response: OrdinalResponse, weights: [Double]? = nil, lambda: Double, resamples: Int,
    level: Double = 0.95, random: RandomSource
  ) throws(StatisticsError) -> [[ClosedRange<Double>]] {
    guard resamples >= 2, level > 0, level < 1 else {
      throw StatisticsError(
        .option, "the bootstrap", found: "\(resamples) resamples at level \(level)",
        expected: "at least 2, a level in (0, 1)")
    }
    let strata = Dictionary(grouping: 0..<response.count) {
      response.lowest[$0] * response.classes + response.highest[$0]
    }
    let keys = strata.keys.sorted()
    let fits = try Repetitions(resamples).run(random) { (stream) throws(StatisticsError) -> [[Double]] in
      var rows: [Int] = []
      for key in keys {
        let own = strata[key]!
        for _ in own { rows.append(own[stream.integer(in: 0..<own.count)]) }
      }
      return try fit(
        design.select(axis: 0, Tensor(rows)), response.rows(rows),
        weights: weights.map { all in rows.map { all[$0] } },
        lambda: lambda
      ).model.weights
    }
    let transitions = fits[0].count
    return (0..<transitions).map { k in
      fits[0][k].indices.map { j in
        let values = fits.map { $0[k][j] }.sorted()
        return quantile(ofSorted: values, 0.5 - level / 2)...quantile(ofSorted: values, 0.5 + level / 2)
      }
    }
  }
}
