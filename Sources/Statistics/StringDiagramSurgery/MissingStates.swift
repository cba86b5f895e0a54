/// Records with gaps by expectation and maximisation: the law of all variables under which what was seen is most likely,
/// gaps being no more likely in one state than in another once the seen states are known (missing at random).
///
/// No diagram is assumed beyond the cells themselves, so every formula can be read off the result.
public struct GapFilling: Sendable {
  /// The most cells of the joint law.
  public static let limit = 1 << 20

  public let table: CountTable
  /// Cells of complete records, then of what each record with gaps may be.
  private let complete: [Int]
  private let completions: [[Int]]
  private let cells: Int

  /// - Throws: ``StatisticsError`` where the joint law has too many cells.
  public init(_ table: CountTable) throws(StatisticsError) {
    guard let cells = table.variables.cellCount, cells <= Self.limit else {
      throw StatisticsError(
        .noAnswer, "joint law of \(table.variables.names.joined(separator: ", "))",
        found: table.variables.cellCount.map { "\($0) cells" } ?? "more cells than a number holds",
        expected: "at most \(Self.limit) for filling gaps", advice: "leave out columns, or merge states")
    }
    self.table = table
    self.cells = cells
    let variables = table.variables
    complete = table.records.map { record in
      zip(record, variables).reduce(0) { $0 * $1.1.count + Int($1.0) }
    }
    completions = table.incomplete.map { record in
      zip(record, variables).reduce([0]) { cells, entry in
        let (state, variable) = entry
        let states = state < 0 ? Array(0..<variable.count) : [Int(state)]
        return cells.flatMap { cell in states.map { cell * variable.count + $0 } }
      }
    }
  }

  /// The most likely law, `[cells]`.
  /// - Parameters:
  ///   - counts: of the table's complete records, then of those with gaps; the table's own where left out.
  ///   - tolerance: iterations end where no cell changes by more.
  /// - Returns: the law, and how many iterations it took, at most `maximumIterations`.
  public func fit(counts: [Double]? = nil, tolerance: Double = 1e-9, maximumIterations: Int = 2000)
    -> (law: [Double], iterations: Int)
  {
    let counts = counts ?? table.counts + table.incompleteCounts
    let total = counts.reduce(0, +)
    var known = Array(repeating: 0.0, count: cells)
    for (cell, count) in zip(complete, counts) { known[cell] += count }
    let gaps = Array(counts.dropFirst(complete.count))
    var law = known.map { ($0 + 1) / (counts.prefix(complete.count).reduce(0, +) + Double(cells)) }
    for iteration in 1...max(1, maximumIterations) {
      var next = known
      for (cells, count) in zip(completions, gaps) where count > 0 {
        let mass = cells.reduce(0) { $0 + law[$1] }
        if mass > 0 {
          for cell in cells { next[cell] += count * law[cell] / mass }
        } else {
          for cell in cells { next[cell] += count / Double(cells.count) }
        }
      }
      var change = 0.0
      for cell in next.indices {
        next[cell] /= total
        change = max(change, abs(next[cell] - law[cell]))
      }
      law = next
      if change <= tolerance { return (law, iteration) }
    }
    return (law, maximumIterations)
  }

  /// The law as a joint table.
  public func distribution() -> JointTable<Double> { JointTable(Factor(table.variables, values: fit().law)) }
}
