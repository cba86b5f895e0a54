/// A question about a population: the mean of a bounded function φ of a record.
///
/// φ comes as its values on the records, one a row: losses clipped to a bound, hits of a prediction, products of bounded
/// variables.
public struct StatisticalQuery: Sendable, Hashable {
  public let name: String
  /// φ's values lie in it.
  public let range: ClosedRange<Double>
  /// φ on the records that are kept back, one a row.
  public let values: [Double]
  /// φ on the records that the analyst has seen; for mechanisms that compare the two.
  public let training: [Double]?

  public init(
    _ name: String = "query", values: [Double], training: [Double]? = nil, range: ClosedRange<Double> = 0...1
  ) {
    (self.name, self.values, self.training, self.range) = (name, values, training, range)
  }

  /// Hits of predictions, in [0, 1].
  public static func accuracy(
    _ name: String = "accuracy", predictions: [Double], labels: [Double],
    training: (predictions: [Double], labels: [Double])? = nil
  ) -> StatisticalQuery {
    func hits(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 == $1 ? 1 : 0 } }
    return StatisticalQuery(
      name, values: hits(predictions, labels), training: training.map { hits($0.predictions, $0.labels) })
  }

  var width: Double { range.upperBound - range.lowerBound }

  /// Mean over the records kept back, as a share of the range: what every mechanism works on.
  ///
  /// Every value is made a share of its own: in a range far from 0 a plain sum rounds by as much as the range is
  /// wide, in ways that one record can change and no noise hides.
  func share(_ values: [Double]) -> Double {
    values.reduce(0) { $0 + ($1 - range.lowerBound) / width } / Double(values.count)
  }

  /// A share of the range in φ's own units.
  func scaled(_ share: Double) -> Double { range.lowerBound + share * width }

  /// - Throws: ``StatisticsError``: values outside the range, NaN, another number of rows. Of the records kept
  ///   back no row and no value is named: who chooses the range could read them off.
  func check(rows: Int, trainingRows: Int?) throws(StatisticsError) {
    guard width > 0, width.isFinite else {
      throw StatisticsError(
        .option, name, found: "the range \(range.lowerBound)…\(range.upperBound)",
        expected: "a finite range with a width")
    }
    try check(values, rows, "")
    // NaN is in no range.
    guard values.allSatisfy({ range.contains($0) }) else {
      throw StatisticsError(
        .badData, name, found: "values outside the range on the records kept back", expected: bounds,
        advice: Self.wayOut)
    }
    guard let trainingRows else { return }
    guard let training else {
      throw StatisticsError(
        .badData, name, found: "no values on the training rows",
        expected: "\(trainingRows), beside those held out")
    }
    try check(training, trainingRows, "training ")
    if let row = training.firstIndex(where: { !range.contains($0) }) {
      throw StatisticsError(
        .badData, "\(name), training row \(row + 1)", found: "\(training[row])", expected: bounds,
        advice: Self.wayOut)
    }
  }

  private var bounds: String { "values in \(range.lowerBound)…\(range.upperBound)" }
  private static let wayOut = "clip them, or name a wider range"

  private func check(_ values: [Double], _ rows: Int, _ what: String) throws(StatisticsError) {
    guard values.count == rows else {
      throw StatisticsError(
        .badData, name, found: "\(values.count) \(what)values", expected: "\(rows), one a row")
    }
  }
}

/// What a server says.
public struct QueryAnswer: Sendable, Hashable {
  public enum Source: String, Sendable, Hashable, Codable {
    /// The records kept back, as they are or with noise.
    case holdout
    /// The analyst's own records: what was asked agrees with them.
    case training
    /// A synthetic distribution that answers without looking at the records.
    case synthetic
  }

  /// In φ's own units. May leave the range where noise was added.
  public let value: Double
  public let source: Source
  /// Answers of the dear kind that are left; `nil` where there is no limit.
  public let budgetLeft: Int?

  public init(value: Double, source: Source, budgetLeft: Int? = nil) {
    (self.value, self.source, self.budgetLeft) = (value, source, budgetLeft)
  }
}

/// Who answers questions that may depend on earlier answers.
public protocol QueryServer: Sendable {
  /// - Throws: ``StatisticsError``: values that do not fit (`badData`), an exhausted budget (`noAnswer`).
  mutating func answer(_ query: StatisticalQuery) throws(StatisticsError) -> QueryAnswer
  /// How far any of `queries` answers may be from the population's mean, as a share of the range, with probability 1 − β
  /// and whatever the questions depend on; `nil` where no theorem is at hand.
  func errorBar(queries: Int, beta: Double) -> Double?
}

extension QueryServer {
  public func errorBar(queries: Int, beta: Double) -> Double? { nil }
}

/// What has been served: for refusals, and for a mechanism that goes on where earlier runs stopped.
public struct ServedCount: Sendable, Hashable {
  public var queries = 0
  /// Answers of the dear kind.
  public var dear = 0
  /// Earlier runs that answered.
  public var runs = 0
  /// Those whose last answer was not a dear one: they leave a noisy threshold behind that nobody knows any
  /// more.
  public var brokenOff = 0

  public init() {}

  func exhausted(_ what: String, _ limit: Int) -> StatisticsError {
    StatisticsError(
      .noAnswer, "the budget", found: "all \(limit) \(what) used after \(queries) queries",
      expected: "a budget that is left",
      advice: "gather fresh records, or start with a larger budget and accept more error")
  }
}
