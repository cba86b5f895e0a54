import Foundation
import Likely

/// A question of `likely holdout serve`: a line of JSON, of which nothing has been compared with a table.
struct HoldoutQuestion {
  /// Its line, for messages.
  let place: String
  let metric: String
  let name: String
  /// Where one is given.
  let range: ClosedRange<Double>?
  private let object: [String: Any]

  init(_ line: String, number: Int) throws(StatisticsError) {
    place = "question \(number)"
    guard let object = (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any] else {
      throw StatisticsError(
        .badData, place, found: "no JSON object", expected: #"such as {"metric": "mean", "holdout": […]}"#)
    }
    self.object = object
    let asked = object["metric"] as? String ?? ""
    (metric, name) = (asked, object["name"] as? String ?? asked)
    guard let given = object["range"] else {
      range = nil
      return
    }
    guard let ends = given as? [Double], ends.count == 2, ends[0] < ends[1] else {
      throw StatisticsError(
        .badData, place, found: "a range that is none", expected: "two numbers, the lower first")
    }
    range = ends[0]...ends[1]
  }

  /// For metrics that are 0 or 1 in a row.
  func refuseRange() throws(StatisticsError) {
    guard range != nil else { return }
    throw StatisticsError(
      .badData, place, found: "a range for the metric \(metric)", expected: "none, it is a share of the rows")
  }

  /// Numbers that were submitted, one a row; those outside the range are told with their row.
  func numbers(_ key: String, rows: Int, in range: ClosedRange<Double>?) throws(StatisticsError) -> [Double] {
    guard let values = object[key] as? [Double] else {
      throw StatisticsError(
        .badData, "\(place), \(key)", found: object[key] == nil ? "nothing" : "something else than numbers",
        expected: "\(rows) numbers, one a row")
    }
    guard values.count == rows else {
      throw StatisticsError(
        .badData, "\(place), \(key)", found: "\(values.count) values", expected: "\(rows), one a row")
    }
    let bad = values.firstIndex { !$0.isFinite || range?.contains($0) == false }
    if let bad {
      throw StatisticsError(
        .badData, "\(place), \(key), row \(bad + 1)", found: "\(values[bad])",
        expected: range.map { "numbers in \($0.lowerBound)…\($0.upperBound)" } ?? "finite numbers")
    }
    return values
  }

  /// The column and the limit of the metric `column`.
  func limit() throws(StatisticsError) -> (column: String, above: Double) {
    guard let column = object["column"] as? String, let limit = object["above"] as? Double else {
      throw StatisticsError(
        .badData, place, found: "no column and limit", expected: #""column": a name, "above": a number"#)
    }
    return (column, limit)
  }

  /// The two columns of the metric `product`.
  func columns() throws(StatisticsError) -> (String, String) {
    guard let columns = object["columns"] as? [String], columns.count == 2 else {
      throw StatisticsError(.badData, place, found: "no two columns", expected: #""columns": two names"#)
    }
    return (columns[0], columns[1])
  }
}
