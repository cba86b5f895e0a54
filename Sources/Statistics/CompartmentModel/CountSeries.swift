import Foundation
import Torch
import Training

/// Counts of cases over intervals that follow each other, such as weeks.
public struct CountSeries: Sendable, Hashable {
  /// Where the first interval begins.
  public let start: Double
  /// Where every interval ends, rising.
  public let ends: [Double]
  /// Of every interval; nil where it is not known.
  public let counts: [Int?]

  public var count: Int { counts.count }
  public var knownCount: Int { counts.count { $0 != nil } }

  /// - Throws: ``StatisticsError`` (`badData`) for times that do not rise, negative counts, or no count at all.
  public init(start: Double = 0, ends: [Double], counts: [Int?], place: String = "counts")
    throws(StatisticsError)
  {
    try self.init(start: start, ends: ends, counts: counts, place: place) { "\(place), row \($0 + 1)" }
  }

  /// - Parameter row: where a row is, which the row's faults name.
  private init(start: Double, ends: [Double], counts: [Int?], place: String, row: (Int) -> String)
    throws(StatisticsError)
  {
    guard ends.count == counts.count, counts.contains(where: { $0 != nil }) else {
      throw StatisticsError(
        .badData, place, found: "\(counts.count) intervals without a count", expected: "one count at least")
    }
    var before = start
    for (i, end) in ends.enumerated() {
      guard end.isFinite, end > before else {
        throw StatisticsError(
          .badData, row(i), found: "the time \(end) after \(before)",
          expected: "rising times",
          advice: "sort the rows by time, one row a time")
      }
      before = end
    }
    for (i, value) in counts.enumerated() {
      if let value, value < 0 {
        throw StatisticsError(
          .badData, row(i), found: "the count \(value)", expected: "a whole number ≥ 0")
      }
    }
    (self.start, self.ends, self.counts) = (start, ends, counts)
  }

  /// Intervals of one length from `start` on.
  public init(counts: [Int?], length: Double, start: Double = 0) throws(StatisticsError) {
    try Self.checkLength(length)
    try self.init(
      start: start, ends: counts.indices.map { start + length * Double($0 + 1) }, counts: counts)
  }

  private static func checkLength(_ length: Double) throws(StatisticsError) {
    guard length > 0, length.isFinite else {
      throw StatisticsError(.option, "interval", found: "\(length)", expected: "a length above 0")
    }
  }

  /// Reads a table with a column of counts, and perhaps one of times, the ends of the intervals.
  ///
  /// - Parameters:
  ///   - column: of the counts; the last one when left out.
  ///   - timeColumn: of the times; without it intervals are `length` long, from 0 on.
  ///   - length: of the intervals; with times, that of the first.
  ///   - allowsMissing: takes empty fields for counts that are not known.
  /// - Throws: ``TableError`` and ``StatisticsError``, with the row.
  public init(
    contentsOf url: URL, column: String? = nil, timeColumn: String? = nil, length: Double,
    allowsMissing: Bool = false
  ) throws {
    try Self.checkLength(length)
    let table = try DataTable(contentsOf: url)
    func values(_ name: String) throws(StatisticsError) -> [Double] {
      let found = try table.column(name)
      if case .numbers(let numbers) = found.values { return numbers }
      // A word among them, which the table names with its line.
      return try table.numbers(name)
    }
    let column = column ?? table.names[table.names.count - 1]
    var counts: [Int?] = []
    for (row, value) in try values(column).enumerated() {
      let here = "\(table.place(row)), \(column)"
      if value.isNaN {
        guard allowsMissing else {
          throw StatisticsError(
            .badData, here, found: "no count", expected: "a whole number ≥ 0",
            advice: "--missing takes such rows for counts that are not known")
        }
        counts.append(nil)
      } else {
        guard value >= 0, let whole = Int(exactly: value) else {
          throw StatisticsError(.badData, here, found: "\(value)", expected: "a whole number ≥ 0")
        }
        counts.append(whole)
      }
    }
    if let timeColumn {
      let times = try values(timeColumn)
      if let row = times.firstIndex(where: \.isNaN) {
        throw StatisticsError(
          .badData, "\(table.place(row)), \(timeColumn)", found: "no time", expected: "a time")
      }
      try self.init(start: times[0] - length, ends: times, counts: counts, place: table.source) {
        "\(table.place($0)), \(timeColumn)"
      }
    } else {
      let ends = counts.indices.map { length * Double($0 + 1) }
      try self.init(ends: ends, counts: counts, place: table.source)
    }
  }
}

extension CountSeries {
  /// Meningococcal disease in Germany, weeks 1/2001 to 52/2006: 312 weeks, 3147 cases, times in weeks.
  ///
  /// Robert Koch-Institut, SurvStat, https://survstat.rki.de, as in the data set `influMen` of the R package surveillance.
  public static let meningococcalDiseaseGermany: CountSeries = {
    do { return try CountSeries(counts: germany, length: 1) } catch { preconditionFailure("\(error)") }
  }()

  private static let germany: [Int] = [
    4, 8, 9, 10, 6, 12, 15, 11, 10, 13, 4, 6, 14, 16, 8, 6, 4, 6, 7, 8, 6, 11, 7, 5, 10, 3, 14, 10, 3,
    3, 2, 8, 12, 4, 3, 3, 5, 7, 5, 13, 8, 4, 8, 7, 3, 5, 7, 6, 7, 9, 11, 9, 16, 15, 17, 17, 12, 7, 14,
    16, 15, 16, 13, 12, 14, 20, 11, 14, 21, 9, 10, 15, 13, 13, 9, 16, 11, 8, 10, 7, 5, 10, 8, 8, 3, 11,
    10, 5, 8, 4, 6, 7, 10, 9, 7, 13, 7, 13, 14, 8, 10, 12, 19, 15, 17, 18, 15, 13, 12, 12, 14, 19, 27,
    21, 38, 37, 16, 18, 8, 10, 11, 8, 15, 6, 14, 11, 11, 10, 6, 12, 4, 6, 5, 6, 3, 7, 7, 12, 2, 9, 5,
    6, 10, 6, 12, 12, 16, 14, 7, 6, 10, 8, 12, 8, 13, 6, 17, 18, 13, 9, 7, 11, 14, 10, 14, 19, 13, 17,
    10, 12, 15, 12, 9, 10, 8, 10, 7, 15, 5, 11, 13, 7, 9, 8, 9, 4, 13, 12, 6, 7, 7, 2, 8, 1, 6, 3, 10,
    10, 5, 5, 8, 12, 10, 7, 9, 10, 7, 6, 24, 15, 8, 11, 7, 15, 35, 18, 24, 22, 12, 16, 15, 22, 10, 10,
    6, 9, 11, 10, 14, 11, 7, 6, 9, 7, 6, 9, 3, 5, 3, 8, 1, 2, 5, 8, 8, 5, 9, 6, 9, 6, 8, 12, 6, 13, 9,
    9, 9, 10, 8, 16, 14, 16, 12, 18, 10, 16, 17, 10, 13, 12, 12, 22, 16, 13, 12, 20, 10, 12, 11, 10, 9,
    9, 7, 7, 9, 11, 7, 4, 12, 3, 5, 8, 3, 8, 5, 2, 8, 5, 3, 9, 1, 5, 10, 2, 13, 9, 5, 9, 8, 11, 12, 6,
  ]
}
