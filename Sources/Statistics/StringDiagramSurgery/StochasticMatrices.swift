/// Finite stochastic matrices as the meaning of diagrams: a wire is a finite set of states, a box T[a…; b…] ≥ 0 with rows
/// that sum to one, composition sums over the shared index, copy is δ_{a,a′,a″}, discard all ones, uniform 1/|A|.
public struct StochasticMatrices: DiagramSemantics, Sendable {
  /// The states of every wire, by its type.
  public let variables: [String: FiniteVariable]
  /// Rows of every box by its name: inputs in order, then outputs, the last fastest.
  public let tables: [String: [Double]]

  /// - Throws: nothing by itself; what a diagram needs and this lacks is told when it is interpreted.
  public init(variables: [FiniteVariable], tables: [String: [Double]]) {
    self.variables = Dictionary(variables.map { ($0.name, $0) }) { first, _ in first }
    self.tables = tables
  }

  /// A matrix from the states of its inputs to those of its outputs; the last wire is the fastest on either side.
  public struct Matrix: Sendable, Equatable {
    public let inputs: [FiniteVariable]
    public let outputs: [FiniteVariable]
    /// `[rows, columns]`
    public let values: [Double]

    public var rows: Int { inputs.reduce(1) { $0 * $1.count } }
    public var columns: Int { outputs.reduce(1) { $0 * $1.count } }
  }

  public func variable(_ wire: String) throws(StatisticsError) -> FiniteVariable {
    guard let found = variables[wire] else {
      throw StatisticsError(
        .badData, "wire \(wire)", found: "no states", expected: "a variable of this name")
    }
    return found
  }

  private func all(_ wires: [String]) throws(StatisticsError) -> [FiniteVariable] {
    var found: [FiniteVariable] = []
    for wire in wires { found.append(try variable(wire)) }
    return found
  }

  public func identity(_ wires: [String]) throws(StatisticsError) -> Matrix {
    let variables = try all(wires)
    let n = variables.reduce(1) { $0 * $1.count }
    return Matrix(
      inputs: variables, outputs: variables,
      values: (0..<n * n).map { $0 / n == $0 % n ? 1 : 0 })
  }

  public func box(_ box: StringDiagram.Box) throws(StatisticsError) -> Matrix {
    let (inputs, outputs) = (try all(box.inputs), try all(box.outputs))
    guard let values = tables[box.name] else {
      throw StatisticsError(.badData, "box \(box.name)", found: "no table", expected: "its rows")
    }
    try TableCheck.check(values, box: box.name, inputs: inputs, outputs: outputs)
    return Matrix(inputs: inputs, outputs: outputs, values: values)
  }

  public func copy(_ wire: String) throws(StatisticsError) -> Matrix {
    let a = try variable(wire)
    let n = a.count
    return Matrix(
      inputs: [a], outputs: [a, a],
      values: (0..<n * n * n).map { i in i / (n * n) == i / n % n && i / n % n == i % n ? 1 : 0 })
  }

  public func discard(_ wire: String) throws(StatisticsError) -> Matrix {
    let a = try variable(wire)
    return Matrix(inputs: [a], outputs: [], values: Array(repeating: 1, count: a.count))
  }

  public func swap(_ a: String, _ b: String) throws(StatisticsError) -> Matrix {
    let (a, b) = (try variable(a), try variable(b))
    let (m, n) = (a.count, b.count)
    var values = Array(repeating: 0.0, count: m * n * m * n)
    for i in 0..<m { for j in 0..<n { values[(i * n + j) * m * n + j * m + i] = 1 } }
    return Matrix(inputs: [a, b], outputs: [b, a], values: values)
  }

  public func uniform(_ wire: String) throws(StatisticsError) -> Matrix {
    let a = try variable(wire)
    return Matrix(inputs: [], outputs: [a], values: Array(repeating: 1 / Double(a.count), count: a.count))
  }

  public func compose(_ first: Matrix, _ second: Matrix) -> Matrix {
    let (rows, inner, columns) = (first.rows, first.columns, second.columns)
    var values = Array(repeating: 0.0, count: rows * columns)
    for i in 0..<rows {
      for k in 0..<inner {
        let factor = first.values[i * inner + k]
        if factor == 0 { continue }
        for j in 0..<columns { values[i * columns + j] += factor * second.values[k * columns + j] }
      }
    }
    return Matrix(inputs: first.inputs, outputs: second.outputs, values: values)
  }

  public func tensor(_ left: Matrix, _ right: Matrix) -> Matrix {
    var values: [Double] = []
    values.reserveCapacity(left.values.count * right.values.count)
    for i in 0..<left.rows {
      for k in 0..<right.rows {
        for j in 0..<left.columns {
          for l in 0..<right.columns {
            values.append(left.values[i * left.columns + j] * right.values[k * right.columns + l])
          }
        }
      }
    }
    return Matrix(
      inputs: left.inputs + right.inputs, outputs: left.outputs + right.outputs, values: values)
  }
}

/// What every table of a box must be.
enum TableCheck {
  /// How far a row's sum may be from 1, as files round.
  static let tolerance = 1e-6

  /// - Throws: ``StatisticsError`` naming box and row.
  static func check(
    _ values: [Double], box: String, inputs: [FiniteVariable], outputs: [FiniteVariable]
  ) throws(StatisticsError) {
    let (rows, columns) = (inputs.cellCount ?? .max, outputs.cellCount ?? .max)
    let (cells, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard !overflow, values.count == cells else {
      throw StatisticsError(
        .badData, "box \(box)", found: "\(values.count) numbers",
        expected: overflow ? "more than a number holds" : "\(rows) rows of \(columns), \(cells) numbers")
    }
    for row in 0..<rows {
      let place = inputs.isEmpty ? "box \(box)" : "box \(box), row \(inputs.cellText(row))"
      var total = 0.0
      for column in 0..<columns {
        let value = values[row * columns + column]
        guard value.isFinite, value >= 0 else {
          throw StatisticsError(
            .badData, place, found: "\(value) for \(outputs.cellText(column))",
            expected: "a probability of 0 or more")
        }
        total += value
      }
      guard abs(total - 1) <= tolerance else {
        throw StatisticsError(
          .badData, place, found: "a sum of \(total)", expected: "1 to within \(tolerance)",
          advice: "correct the row")
      }
    }
  }

  /// Rows divided by their sums, and how many were not 1 beyond rounding of doubles.
  static func normalised(_ values: [Double], columns: Int) -> (values: [Double], changed: Int) {
    var values = values
    var changed = 0
    for start in stride(from: 0, to: values.count, by: columns) {
      let total = values[start..<start + columns].reduce(0, +)
      if abs(total - 1) > 1e-12 { changed += 1 }
      for i in start..<start + columns { values[i] /= total }
    }
    return (values, changed)
  }
}
