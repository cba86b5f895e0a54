import Torch

/// How columns of a table become columns of numbers: numbers as they are, words by treatment coding, a column of 0 and 1
/// for every level but the reference.
///
/// Made from one table and applied to others, so that a model fitted on the first can be asked about the second.
public struct DesignCoding: Sendable, Hashable, Codable {
  public struct Term: Sendable, Hashable, Codable {
    /// The table's column.
    public let column: String
    /// The reference first; `nil` for a column of numbers.
    public let levels: [String]?
  }

  public let terms: [Term]

  /// - Parameters:
  ///   - columns: in this order.
  ///   - factors: columns of numbers that are to be taken as words.
  ///   - references: the reference level of a column of words; its first level where none is given.
  /// - Throws: ``StatisticsError``: an unknown column or level, missing values, a factor of one level.
  public init(
    _ table: DataTable, columns: [String], factors: Set<String> = [], references: [String: String] = [:]
  ) throws(StatisticsError) {
    for name in factors.union(references.keys).sorted() where !columns.contains(name) {
      throw StatisticsError(
        .option, name, found: "a factor that is not among the columns",
        expected: "one of \(columns.joined(separator: ", "))")
    }
    var terms: [Term] = []
    for name in columns {
      let column = try table.column(name)
      let isWords = if case .words = column.values { true } else { false }
      guard isWords || factors.contains(name) || references[name] != nil else {
        _ = try table.numbers(name)
        terms.append(Term(column: name, levels: nil))
        continue
      }
      let words = try table.words(name)
      let present = Set(words.codes)
      var levels = words.levels.indices.filter(present.contains).map { words.levels[$0] }
      if let reference = references[name] {
        guard let place = levels.firstIndex(of: reference) else {
          throw StatisticsError(
            .option, "the reference of \(name)", found: "\"\(reference)\"",
            expected: "one of \(levels.joined(separator: ", "))")
        }
        levels.insert(levels.remove(at: place), at: 0)
      }
      guard levels.count > 1 else {
        throw StatisticsError(
          .badData, "\(table.source), \(name)", found: "one level, \"\(levels.first ?? "")\", in every row",
          expected: "at least two levels", advice: "leave the column out")
      }
      terms.append(Term(column: name, levels: levels))
    }
    self.terms = terms
  }

  /// What the design's columns are called: a column's name, with the level behind it for words.
  public var names: [String] {
    terms.flatMap { term in term.levels.map { $0.dropFirst().map { term.column + $0 } } ?? [term.column] }
  }

  /// The position of the term that a design's column belongs to.
  public var owners: [Int] {
    terms.enumerated().flatMap { place, term in
      [Int](repeating: place, count: term.levels.map { $0.count - 1 } ?? 1)
    }
  }

  /// The design of a table, `[rows, names]`, Double.
  /// - Throws: ``StatisticsError``: a column that is not there, a missing value, a level that the coding has not seen.
  public func matrix(of table: DataTable) throws(StatisticsError) -> Tensor {
    let (n, p) = (table.rowCount, names.count)
    var values = [Double](repeating: 0, count: n * p)
    var first = 0
    for term in terms {
      guard let levels = term.levels else {
        for (row, number) in try table.numbers(term.column).enumerated() { values[row * p + first] = number }
        first += 1
        continue
      }
      let words = try table.words(term.column)
      let places = words.levels.map { levels.firstIndex(of: $0) }
      for (row, code) in words.codes.enumerated() {
        guard let place = places[code] else {
          throw StatisticsError(
            .badData, "\(table.place(row)), \(term.column)", found: "the level \"\(words.levels[code])\"",
            expected: "one that the model was fitted with: \(levels.joined(separator: ", "))",
            advice: "fit again with such rows, or leave them out")
        }
        if place > 0 { values[row * p + first + place - 1] = 1 }
      }
      first += levels.count - 1
    }
    return Tensor(values, shape: [n, p])
  }
}
