/// The law of measured variables, or a batch of laws: all that a formula reads.
public protocol ObservedDistribution<Scalar> {
  associatedtype Scalar: FactorScalar
  /// The states of a measured variable.
  /// - Throws: ``StatisticsError`` for one that was not measured.
  func variable(_ name: String) throws(StatisticsError) -> FiniteVariable
  /// The law of some variables, in this order.
  /// - Throws: ``StatisticsError`` where a table is too large.
  func marginal(_ names: [String]) throws(StatisticsError) -> Factor<Scalar>
}

extension CausalNetwork: ObservedDistribution {
  public typealias Scalar = Double
}

/// A joint table that is given as such.
public struct JointTable<Scalar: FactorScalar>: ObservedDistribution, Sendable {
  public let factor: Factor<Scalar>

  /// - Parameter factor: a joint law, or a batch of them, each with sum 1.
  public init(_ factor: Factor<Scalar>) { self.factor = factor }

  public func variable(_ name: String) throws(StatisticsError) -> FiniteVariable {
    if let found = factor.variables.first(where: { $0.name == name }) { return found }
    throw StatisticsError(
      .badData, "joint table", found: "no variable \(name)",
      expected: "one of \(factor.variables.names.joined(separator: ", "))")
  }

  public func marginal(_ names: [String]) throws(StatisticsError) -> Factor<Scalar> {
    for name in names { _ = try variable(name) }
    return factor.marginal(names)
  }
}

extension JointTable where Scalar == Double {
  /// A joint table of plain numbers.
  /// - Throws: ``StatisticsError`` naming the cell of a negative number, or the sum where it is not 1 to within 1e-6.
  public init(variables: [FiniteVariable], values: [Double]) throws(StatisticsError) {
    try TableCheck.check(values, box: "joint table", inputs: [], outputs: variables)
    self.init(Factor(variables, values: values))
  }
}

/// Records that share their states, with weights that sum to one: what was counted, a resample of it, or a batch of either.
public struct EmpiricalDistribution<Scalar: FactorScalar>: ObservedDistribution, Sendable {
  public let variables: [FiniteVariable]
  /// Positions of states, `[records][variables]`.
  let records: [[Int32]]
  /// `[records, batch]`
  let weights: [Scalar]
  let batch: Int
  /// The share of the records' law; the rest is spread evenly over all cells.
  let share: Double

  init(variables: [FiniteVariable], records: [[Int32]], weights: [Scalar], batch: Int, share: Double = 1) {
    (self.variables, self.records, self.weights) = (variables, records, weights)
    (self.batch, self.share) = (batch, share)
  }

  public func variable(_ name: String) throws(StatisticsError) -> FiniteVariable {
    if let found = variables.first(where: { $0.name == name }) { return found }
    throw StatisticsError(
      .badData, "data", found: "no column \(name)",
      expected: "one of \(variables.names.joined(separator: ", "))",
      advice: "add the column, or hide the variable")
  }

  public func marginal(_ names: [String]) throws(StatisticsError) -> Factor<Scalar> {
    var axes: [FiniteVariable] = []
    var columns: [(column: Int, stride: Int)] = []
    for name in names { axes.append(try variable(name)) }
    guard let cells = axes.cellCount, cells <= Contraction.defaultLimit / max(1, batch / 16) else {
      throw StatisticsError(
        .noAnswer, "table over \(names.joined(separator: ", "))",
        found: axes.cellCount.map { "\($0) cells for each of \(batch) tables" }
          ?? "more cells than a number holds",
        expected: "at most \(Contraction.defaultLimit / max(1, batch / 16))",
        advice: "merge states, or use fewer resamples")
    }
    var stride = cells
    for axis in axes {
      stride /= axis.count
      columns.append((variables.firstIndex { $0.name == axis.name }!, stride))
    }
    let spread = Scalar(plain: (1 - share) / Double(cells))
    var values = Array(repeating: share < 1 ? spread : .zero, count: cells * batch)
    let factor = Scalar(plain: share)
    for (i, record) in records.enumerated() {
      let cell = columns.reduce(0) { $0 + Int(record[$1.column]) * $1.stride }
      for k in 0..<batch {
        let weight = weights[i * batch + k]
        values[cell * batch + k] = values[cell * batch + k] + (share < 1 ? factor * weight : weight)
      }
    }
    return Factor(axes, batch: batch, values: values)
  }
}
