/// What was counted: how often every combination of states occurred, records with gaps apart.
public struct CountTable: Sendable, Equatable {
  public let variables: [FiniteVariable]
  /// Different complete records that occurred, as positions of states `[records][variables]`.
  public let records: [[Int32]]
  /// How often each did, above 0.
  public let counts: [Double]
  /// Different records with gaps, −1 where a state is missing.
  public let incomplete: [[Int32]]
  public let incompleteCounts: [Double]

  /// Records that occurred, in any order and as often as they did.
  /// - Parameters:
  ///   - rows: positions of states, −1 where one is missing; in the order of `variables`.
  ///   - counts: how often each row occurred; once where left out.
  public init(variables: [FiniteVariable], rows: [[Int32]], counts: [Double]? = nil) {
    var found: [[Int32]: Double] = [:]
    for (i, row) in rows.enumerated() {
      precondition(
        row.count == variables.count && zip(row, variables).allSatisfy { $0 >= -1 && Int($0) < $1.count },
        "CountTable: row \(i) does not fit")
      let count = counts?[i] ?? 1
      if count > 0 { found[row, default: 0] += count }
    }
    let all = found.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    let complete = all.filter { !$0.key.contains(-1) }
    // Rows without any state say nothing.
    let gaps = all.filter { $0.key.contains(-1) && $0.key.contains { $0 >= 0 } }
    self.variables = variables
    (records, self.counts) = (complete.map(\.key), complete.map(\.value))
    (incomplete, incompleteCounts) = (gaps.map(\.key), gaps.map(\.value))
  }

  /// A full table of counts, `[cells]`, the last variable the fastest.
  public init(variables: [FiniteVariable], cells: [Double]) {
    precondition(cells.count == variables.cellCount, "CountTable: \(cells.count) cells")
    let rows = cells.indices.map { Self.states(of: $0, variables) }
    self.init(variables: variables, rows: rows, counts: cells)
  }

  static func states(of cell: Int, _ variables: [FiniteVariable]) -> [Int32] {
    var rest = cell
    var states: [Int32] = []
    for variable in variables.reversed() {
      states.append(Int32(rest % variable.count))
      rest /= variable.count
    }
    return states.reversed()
  }

  /// How many complete records there are.
  public var total: Double { counts.reduce(0, +) }
  /// How many have gaps.
  public var incompleteTotal: Double { incompleteCounts.reduce(0, +) }

  /// The law (n + α)/(N + αK) over the K cells of all variables; complete records only.
  /// - Parameter smoothing: α ≥ 0; 0 is maximum likelihood.
  /// - Throws: ``StatisticsError`` without a complete record.
  public func distribution(smoothing: Double = 0) throws(StatisticsError) -> EmpiricalDistribution<Double> {
    let total = total
    return try distribution(weights: counts.map { $0 / total }, batch: 1, smoothing: smoothing)
  }

  /// A batch of laws of the same records.
  /// - Parameter weights: `[records, batch]`, of each law a sum of 1.
  func distribution<Scalar: FactorScalar>(weights: [Scalar], batch: Int, smoothing: Double)
    throws(StatisticsError) -> EmpiricalDistribution<Scalar>
  {
    guard !records.isEmpty else {
      throw StatisticsError(
        .badData, "data", found: incomplete.isEmpty ? "no records" : "no record without a gap",
        expected: "complete records", advice: incomplete.isEmpty ? nil : "fill the gaps by EM (--missing em)")
    }
    guard smoothing >= 0, smoothing.isFinite else {
      throw StatisticsError(.option, "smoothing", found: "\(smoothing)", expected: "0 or more")
    }
    return EmpiricalDistribution(
      variables: variables, records: records, weights: weights, batch: batch,
      share: try share(smoothing))
  }

  private func share(_ smoothing: Double) throws(StatisticsError) -> Double {
    guard smoothing > 0 else { return 1 }
    // As a number, since it may be more than an `Int` holds.
    let cells = variables.reduce(1.0) { $0 * Double($1.count) }
    return total / (total + smoothing * cells)
  }
}
