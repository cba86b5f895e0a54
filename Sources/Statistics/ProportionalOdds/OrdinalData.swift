import Foundation
import Torch

/// A table's columns as the design and the ordered response of a model.
public struct OrdinalData: Sendable {
  /// What a model must know of the table that it was fitted on.
  public struct Schema: Sendable, Hashable, Codable {
    /// The response's column.
    public let response: String
    /// The classes in order, the first lowest.
    public let levels: [String]
    public let coding: DesignCoding
  }

  /// Which columns are what.
  public struct Options: Sendable, Hashable {
    public var response: String
    /// The classes in order; `nil` takes numbers by value.
    public var levels: [String]?
    /// The predictors; `nil` takes all others.
    public var columns: [String]?
    /// Columns not to take.
    public var dropped: Set<String> = []
    /// Columns of numbers that are levels.
    public var factors: Set<String> = []
    /// The reference level of a column of words; its first where none is given.
    public var references: [String: String] = [:]
    /// A column of the rows' weights.
    public var weights: String?
    /// Leaves rows with missing values out instead of refusing them.
    public var dropsMissing = false

    public init(response: String, levels: [String]? = nil) {
      (self.response, self.levels) = (response, levels)
    }
  }

  public let schema: Schema
  /// `[rows, columns]`, Double.
  public let design: Tensor
  public let response: OrdinalResponse
  /// `nil` for ones.
  public let weights: [Double]?
  /// Rows left out because something is missing.
  public let omitted: Int
  /// Where every row came from, for messages.
  public let places: [String]

  /// - Throws: ``StatisticsError``: unknown columns, classes that are not ordered or not there, missing values.
  public init(_ table: DataTable, _ options: Options) throws(StatisticsError) {
    _ = try table.column(options.response)
    if let name = options.dropped.sorted().first(where: { !table.names.contains($0) }) {
      _ = try table.column(name)
    }
    let others = Set([options.response, options.weights].compactMap(\.self)).union(options.dropped)
    let columns = options.columns ?? table.names.filter { !others.contains($0) }
    if columns.contains(options.response) {
      throw StatisticsError(
        .option, options.response, found: "the response among the columns",
        expected: "columns that predict it")
    }
    let needed = columns + [options.response] + [options.weights].compactMap(\.self)
    let kept = options.dropsMissing ? try table.complete(needed) : table
    omitted = table.rowCount - kept.rowCount
    places = (0..<kept.rowCount).map(kept.place)
    guard kept.rowCount > 0 else {
      throw StatisticsError(
        .badData, table.source, found: "no row without a missing value", expected: "complete rows",
        advice: "leave out the columns with gaps")
    }
    let words = try kept.words(options.response)
    let levels: [String]
    if let given = options.levels {
      levels = given
      if let twice = given.first(where: { level in given.count { $0 == level } > 1 }) {
        throw StatisticsError(
          .option, "levels", found: "\"\(twice)\" twice", expected: "every class once, in order")
      }
    } else {
      guard words.levels.allSatisfy({ Double($0) != nil }) else {
        throw StatisticsError(
          .option, options.response,
          found:
            "the classes \(words.levels.prefix(8).map { "\"\($0)\"" }.joined(separator: ", ")) without an order",
          expected: "numbers, or the classes in order", advice: "name them from the lowest to the highest")
      }
      levels = words.levels
    }
    response = try Self.response(words, levels, kept, options.response)
    weights = try Self.weights(options.weights, kept)
    let coding = try DesignCoding(
      kept, columns: columns, factors: options.factors, references: options.references)
    schema = Schema(response: options.response, levels: levels, coding: coding)
    design = try coding.matrix(of: kept)
  }

  /// Rows of another table for a fitted model: their design, and their classes where the table has them.
  /// - Throws: ``StatisticsError``: columns that are not there, levels the model does not know, missing values.
  public static func design(_ table: DataTable, _ schema: Schema) throws(StatisticsError) -> (
    design: Tensor, response: OrdinalResponse?
  ) {
    let design = try schema.coding.matrix(of: table)
    guard table.names.contains(schema.response) else { return (design, nil) }
    return (design, try response(table.words(schema.response), schema.levels, table, schema.response))
  }

  private static func weights(_ name: String?, _ table: DataTable) throws(StatisticsError) -> [Double]? {
    guard let name else { return nil }
    let weights = try table.numbers(name)
    guard let row = weights.firstIndex(where: { $0 < 0 }) else { return weights }
    throw StatisticsError(
      .badData, "\(table.place(row)), \(name)", found: "the weight \(weights[row])",
      expected: "numbers of at least 0")
  }

  /// Classes, or ranges of them such as `low..high`.
  private static func response(
    _ words: DataTable.Words, _ levels: [String], _ table: DataTable, _ name: String
  ) throws(StatisticsError) -> OrdinalResponse {
    var ends: [(Int, Int)?] = []
    for word in words.levels {
      if let place = levels.firstIndex(of: word) {
        ends.append((place, place))
      } else if let separator = word.range(of: ".."),
        let low = levels.firstIndex(of: String(word[..<separator.lowerBound])),
        let high = levels.firstIndex(of: String(word[separator.upperBound...])), low <= high
      {
        ends.append((low, high))
      } else {
        ends.append(nil)
      }
    }
    if let row = words.codes.firstIndex(where: { ends[$0] == nil }) {
      throw StatisticsError(
        .badData, "\(table.place(row)), \(name)", found: "the class \"\(words.levels[words.codes[row]])\"",
        expected:
          "one of \(levels.joined(separator: ", ")), or a range such as \(levels[0])..\(levels[levels.count - 1])",
        advice: "name all classes, from the lowest to the highest")
    }
    let response = OrdinalResponse(
      lowest: words.codes.map { ends[$0]!.0 }, highest: words.codes.map { ends[$0]!.1 }, classes: levels.count
    )
    let seen = Set(zip(response.lowest, response.highest).flatMap { $0...$1 })
    if let absent = levels.indices.first(where: { !seen.contains($0) }) {
      throw StatisticsError(
        .badData, "\(table.source), \(name)", found: "no row of the class \"\(levels[absent])\"",
        expected: "every class at least once", advice: "leave it out of the levels")
    }
    return response
  }
}
