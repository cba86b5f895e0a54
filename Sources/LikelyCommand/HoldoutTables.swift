import Foundation
import Likely

/// What questions may be about.
///
/// What is said of a question that cannot be answered comes from the question and the training table alone,
/// but for columns of the holdout that are missing or not all numbers: else refusals would answer, for
/// nothing and without noise.
struct HoldoutTables {
  /// One a row of each table.
  struct Values {
    var train: [Double]
    var holdout: [Double]

    /// What is beyond the range counts as its end.
    func clipped(to range: ClosedRange<Double>) -> Values {
      func clip(_ values: [Double]) -> [Double] {
        values.map { min(range.upperBound, max(range.lowerBound, $0)) }
      }
      return Values(train: clip(train), holdout: clip(holdout))
    }
  }

  let train: DataTable
  let holdout: DataTable
  /// Of what models predict.
  private let labels: Values?
  /// Whether they are 0 and 1, in both tables.
  private let isBinary: Bool

  /// - Throws: `StatisticsError` for labels that are no numbers, or of another kind in the two tables.
  init(train: DataTable, holdout: DataTable, label: String?) throws(StatisticsError) {
    for table in [train, holdout] where table.rowCount == 0 {
      throw StatisticsError(.badData, table.source, found: "no row", expected: "at least one")
    }
    (self.train, self.holdout) = (train, holdout)
    guard let label else {
      (labels, isBinary) = (nil, false)
      return
    }
    let found = try Self.column(label, train, holdout)
    func binary(_ values: [Double]) -> Bool { values.allSatisfy { $0 == 0 || $0 == 1 } }
    (labels, isBinary) = (found, binary(found.train))
    if isBinary, !binary(found.holdout) {
      throw StatisticsError(
        .badData, "\(holdout.source), \(label)", found: "labels other than 0 and 1",
        expected: "0 and 1, as in \(train.source)")
    }
  }

  /// A column of both tables; what is wrong in the holdout is told without a row or a value.
  private static func column(_ name: String, _ train: DataTable, _ holdout: DataTable)
    throws(StatisticsError) -> Values
  {
    let seen = try train.numbers(name)
    guard case .numbers(let kept) = try holdout.column(name).values, kept.allSatisfy(\.isFinite) else {
      throw StatisticsError(
        .badData, "\(holdout.source), \(name)", found: "something else than a number in every row",
        expected: "finite numbers", advice: "mend the table, or leave the column out")
    }
    return Values(train: seen, holdout: kept)
  }

  /// - Throws: `StatisticsError` with the question's line.
  func query(_ line: String, number: Int) throws(StatisticsError) -> StatisticalQuery {
    let question = try HoldoutQuestion(line, number: number)
    let range = question.range ?? 0...1
    let values: Values
    switch question.metric {
    case "mean": values = try submitted(question, in: range)
    case "accuracy":
      try question.refuseRange()
      values = try losses(question) { $0 == $1 ? 1 : 0 }
    case "squared-error": values = try losses(question) { ($0 - $1) * ($0 - $1) }.clipped(to: range)
    case "log-loss":
      values = try losses(question, in: 0...1) { p, y in -log(max(1e-15, y == 1 ? p : 1 - p)) }
        .clipped(to: range)
    case "column":
      try question.refuseRange()
      let (name, limit) = try question.limit()
      let found = try Self.column(name, train, holdout)
      func above(_ values: [Double]) -> [Double] { values.map { $0 > limit ? 1 : 0 } }
      values = Values(train: above(found.train), holdout: above(found.holdout))
    case "product":
      let (one, other) = try question.columns()
      let (a, b) = (try Self.column(one, train, holdout), try Self.column(other, train, holdout))
      values = Values(
        train: zip(a.train, b.train).map { $0 * $1 }, holdout: zip(a.holdout, b.holdout).map { $0 * $1 }
      ).clipped(to: range)
    default:
      throw StatisticsError(
        .badData, question.place, found: "the metric \"\(question.metric)\"",
        expected: "mean, accuracy, squared-error, log-loss, column or product")
    }
    return StatisticalQuery(question.name, values: values.holdout, training: values.train, range: range)
  }

  private func submitted(_ question: HoldoutQuestion, in range: ClosedRange<Double>?) throws(StatisticsError)
    -> Values
  {
    let kept = try question.numbers("holdout", rows: holdout.rowCount, in: range)
    return Values(train: try question.numbers("train", rows: train.rowCount, in: range), holdout: kept)
  }

  /// Of what was predicted, and the labels.
  /// - Parameter range: of probabilities, which only labels of 0 and 1 have.
  private func losses(
    _ question: HoldoutQuestion, in range: ClosedRange<Double>? = nil, _ loss: (Double, Double) -> Double
  ) throws(StatisticsError) -> Values {
    guard let labels else {
      throw StatisticsError(
        .option, question.place, found: "the metric \(question.metric) without a label",
        expected: "--label with a column")
    }
    guard range == nil || isBinary else {
      throw StatisticsError(
        .option, question.place, found: "the metric \(question.metric) with other labels than 0 and 1",
        expected: "a --label of 0 and 1")
    }
    let predictions = try submitted(question, in: range)
    return Values(
      train: zip(predictions.train, labels.train).map { loss($0, $1) },
      holdout: zip(predictions.holdout, labels.holdout).map { loss($0, $1) })
  }
}
