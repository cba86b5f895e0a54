import Foundation
import Training

extension CountTable {
  /// The most states of a column.
  static let maximumStates = 1000
  /// Names of a column that says how often a row occurred, unless a variable has the name.
  static let countNames = ["count", "counts", "n", "freq", "frequency"]
  static let missingWords: Set<String> = ["", "NA", "NaN", "nan", "?", "null"]

  /// Reads records or counts from a CSV file whose first line names the columns: a row a record, or a row a combination of
  /// states with a column of counts.
  ///
  /// - Parameters:
  ///   - names: the columns to read; others are passed over.
  ///   - states: the states of a variable in order. Others are taken from the column: numbers in ascending order, words in
  ///     alphabetical.
  ///   - countColumn: the column of counts; by default one called count, counts, n, freq or frequency, where it is no variable.
  /// - Throws: ``StatisticsError`` and `TableError` with line and column.
  public init(
    csv url: URL, columns names: [String], states: [String: [String]] = [:], countColumn: String? = nil
  ) throws {
    let records = try CSVRecords(url, options: TableOptions(header: .present))
    let file = url.lastPathComponent
    let header = records.names
    func position(_ name: String) throws(StatisticsError) -> Int {
      let found = header.indices.filter { header[$0] == name }
      guard let first = found.first else {
        throw StatisticsError(
          .badData, "\(file):1", found: "no column \(name)",
          expected: "one among \(header.prefix(30).joined(separator: ", "))",
          advice: "name it as in the diagram, or say that \(name) is hidden")
      }
      guard found.count == 1 else {
        throw StatisticsError(.badData, "\(file):1", found: "the column \(name) twice", expected: "once")
      }
      return first
    }
    var columns: [Int] = []
    for name in names { columns.append(try position(name)) }
    var counted: Int?
    if let countColumn {
      counted = try position(countColumn)
    } else if let name = header.first(where: {
      Self.countNames.contains($0.lowercased()) && !names.contains($0)
    }) {
      counted = try position(name)
    }
    var reading = ColumnReading(names: names, states: states, file: file)
    // Combinations of states, not records: files may be larger than memory.
    var found: [[Int32]: Double] = [:]
    while try records.next() {
      var times = 1.0
      if let counted {
        guard let count = Double(records.text(counted)), count.isFinite, count >= 0 else {
          throw StatisticsError(
            .badData, "\(file):\(records.line) (\(header[counted]))", found: records.shownText(counted),
            expected: "a count of 0 or more")
        }
        times = count
      }
      var row: [Int32] = []
      for (slot, column) in columns.enumerated() {
        row.append(try reading.code(records.text(column), slot, line: records.line))
      }
      if times > 0 { found[row, default: 0] += times }
    }
    guard counted == nil || !found.isEmpty else {
      throw StatisticsError(.badData, file, found: "only counts of 0", expected: "at least one record")
    }
    let (variables, order) = try reading.variables()
    let all = found.map { row, count in
      (row: row.enumerated().map { $1 < 0 ? -1 : order[$0][Int($1)] }, count: count)
    }
    self.init(variables: variables, rows: all.map(\.row), counts: all.map(\.count))
  }
}

/// Words of columns as numbers, in order of appearance until all are known.
private struct ColumnReading {
  let names: [String]
  let known: [[String]?]
  let file: String
  private var codes: [[String: Int32]]
  private var words: [[String]]

  init(names: [String], states: [String: [String]], file: String) {
    (self.names, self.file) = (names, file)
    known = names.map { states[$0] }
    words = known.map { $0 ?? [] }
    codes = words.map { Dictionary(uniqueKeysWithValues: $0.enumerated().map { ($1, Int32($0)) }) }
  }

  mutating func code(_ word: String, _ slot: Int, line: Int) throws(StatisticsError) -> Int32 {
    if let code = codes[slot][word] { return code }
    if CountTable.missingWords.contains(word) { return -1 }
    if let states = known[slot] {
      throw StatisticsError(
        .badData, "\(file):\(line) (\(names[slot]))", found: "the state \(word.prefix(40))",
        expected: "one of \(states.prefix(12).joined(separator: ", "))")
    }
    let code = Int32(words[slot].count)
    guard code < CountTable.maximumStates else {
      throw StatisticsError(
        .badData, "\(file):\(line) (\(names[slot]))",
        found: "more than \(CountTable.maximumStates) different values",
        expected: "a variable with finitely many states", advice: "cut numbers into a few classes first")
    }
    words[slot].append(word)
    codes[slot][word] = code
    return code
  }

  /// The variables, and for every word its state.
  func variables() throws(StatisticsError) -> ([FiniteVariable], [[Int32]]) {
    var variables: [FiniteVariable] = []
    var orders: [[Int32]] = []
    for (slot, name) in names.enumerated() {
      let found = words[slot]
      guard !found.isEmpty else {
        throw StatisticsError(
          .badData, "\(file) (\(name))", found: "a column without a value", expected: "states",
          advice: "say that \(name) is hidden")
      }
      let numbers = found.compactMap { Double($0) }
      let order: [Int]
      if known[slot] != nil {
        order = Array(found.indices)
      } else if numbers.count == found.count {
        order = found.indices.sorted { (numbers[$0], found[$0]) < (numbers[$1], found[$1]) }
      } else {
        order = found.indices.sorted { found[$0] < found[$1] }
      }
      var rank = Array(repeating: Int32(0), count: found.count)
      for (i, word) in order.enumerated() { rank[word] = Int32(i) }
      variables.append(try FiniteVariable(name, states: order.map { found[$0] }))
      orders.append(rank)
    }
    return (variables, orders)
  }
}
