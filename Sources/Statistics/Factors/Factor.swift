/// A table over named finite variables, or a batch of tables over the same ones.
///
/// Values are in row-major order, the last variable fastest, and within a cell one after another for the batch: bootstrap
/// tables or draws of a posterior are one factor, and what is done to it is done to all at once.
public struct Factor<Scalar: FactorScalar>: Sendable, Equatable {
  public let variables: [FiniteVariable]
  public let batch: Int
  /// `[cells, batch]`
  public internal(set) var values: [Scalar]

  /// - Parameters:
  ///   - variables: with different names.
  ///   - values: `[cells, batch]`.
  public init(_ variables: [FiniteVariable], batch: Int = 1, values: [Scalar]) {
    precondition(
      Set(variables.names).count == variables.count, "Factor: a variable twice in \(variables.names)")
    precondition(
      variables.cellCount.map { $0 * batch == values.count } ?? false,
      "Factor over \(variables.names): \(values.count) values for \(batch) tables")
    (self.variables, self.batch, self.values) = (variables, batch, values)
  }

  /// The same value in every cell.
  public init(_ variables: [FiniteVariable], repeating value: Scalar) {
    self.init(variables, values: Array(repeating: value, count: variables.cellCount ?? 0))
  }

  /// All mass on one state.
  public init(pointMass variable: FiniteVariable, at state: Int) {
    self.init([variable], values: variable.states.indices.map { $0 == state ? .one : .zero })
  }

  /// How many cells a table has.
  public var cells: Int { values.count / max(1, batch) }

  /// The value at a cell.
  /// - Parameter states: positions of the states, one a variable.
  public subscript(_ states: [Int], batch index: Int = 0) -> Scalar {
    precondition(states.count == variables.count, "Factor: \(states.count) states of \(variables.count)")
    var flat = 0
    for (variable, state) in zip(variables, states) {
      precondition(state >= 0 && state < variable.count, "Factor: no state \(state) of \(variable.name)")
      flat = flat * variable.count + state
    }
    return values[flat * batch + index]
  }

  /// One table of the batch.
  public func table(_ index: Int) -> Factor {
    Factor(variables, values: (0..<cells).map { values[$0 * batch + index] })
  }

  /// Under other names.
  public func renamed(_ names: [String: String]) -> Factor {
    Factor(variables.map { $0.renamed(names[$0.name] ?? $0.name) }, batch: batch, values: values)
  }

  /// In another arithmetic.
  public func converted<Other: FactorScalar>(to: Other.Type) -> Factor<Other> {
    Factor<Other>(variables, batch: batch, values: values.map { Other(plain: $0.plain) })
  }

  /// Sums over all variables but these, in the order given.
  /// - Parameter names: of variables that the factor has.
  public func marginal(_ names: [String]) -> Factor {
    if names == variables.names { return self }
    return Contraction(of: [variables], open: names.map(variable))(unchecked: [self])
  }

  /// The factor's variable of a name it has.
  public func variable(_ name: String) -> FiniteVariable {
    guard let found = variables.first(where: { $0.name == name }) else {
      preconditionFailure("Factor over \(variables.names): no variable \(name)")
    }
    return found
  }

  /// Cell by cell, over the variables of both.
  public func multiplied(by other: Factor) -> Factor {
    let open = variables + other.variables.filter { theirs in !variables.contains { $0.name == theirs.name } }
    return Contraction(of: [variables, other.variables], open: open)(unchecked: [self, other])
  }

  /// The part with the given states, which are then no axes any more.
  public func slice(_ states: [String: Int]) -> Factor {
    let kept = variables.filter { states[$0.name] == nil }
    guard kept.count < variables.count else { return self }
    let strides = Strides(variables)
    let start = variables.reduce(0) { $0 + (states[$1.name] ?? 0) * strides[$1.name] }
    let offsets = strides.offsets(over: kept)
    var result: [Scalar] = []
    result.reserveCapacity(offsets.count * batch)
    for offset in offsets {
      let first = (start + Int(offset)) * batch
      result.append(contentsOf: values[first..<first + batch])
    }
    return Factor(kept, batch: batch, values: result)
  }

  /// The law of the other variables given some: the channel c of w = (id ⊗ c) ∘ copy ∘ p, where p is the marginal of what
  /// is given.
  /// - Parameter names: of variables that the factor has; none normalises.
  public func conditional(given names: [String]) -> Conditional<Scalar> {
    let given = names.map(variable)
    let rest = variables.filter { !names.contains($0.name) }
    let joint = marginal(names + rest.names)
    let width = rest.cellCount ?? 1
    var values = joint.values
    var undetermined: [Int] = []
    for row in 0..<joint.cells / max(1, width) {
      for table in 0..<batch {
        var total = Scalar.zero
        for column in 0..<width { total = total + values[(row * width + column) * batch + table] }
        if total.isNothing {
          undetermined.append(row * batch + table)
          continue
        }
        for column in 0..<width {
          let cell = (row * width + column) * batch + table
          values[cell] = values[cell] / total
        }
      }
    }
    return Conditional(
      channel: Factor(given + rest, batch: batch, values: values), given: given, undetermined: undetermined)
  }
}

/// A channel that was read off a joint table.
public struct Conditional<Scalar: FactorScalar>: Sendable, Equatable {
  /// Over what is given, in its order, then the rest. Rows that are not determined hold zeros.
  public let channel: Factor<Scalar>
  public let given: [FiniteVariable]
  /// Rows without mass, as row · batch + table: nothing in the joint table says what the channel does there.
  public let undetermined: [Int]

  /// The rows without mass, in words; those of a batch that any table lacks.
  public var undeterminedCells: [String] {
    var rows: [Int] = []
    for row in undetermined where rows.last != row / channel.batch { rows.append(row / channel.batch) }
    return rows.map { given.cellText($0) }
  }

  /// With a value in every cell of rows that are not determined.
  public func filled(with value: Scalar) -> Factor<Scalar> {
    var filled = channel
    let batch = channel.batch
    let width = channel.cells / max(1, given.cellCount ?? 1)
    for row in undetermined {
      for column in 0..<width {
        filled.values[(row / batch * width + column) * batch + row % batch] = value
      }
    }
    return filled
  }
}

/// Where a table's cells lie.
struct Strides {
  private let variables: [FiniteVariable]
  private var strides: [Int]

  init(_ variables: [FiniteVariable]) {
    self.variables = variables
    strides = Array(repeating: 1, count: variables.count)
    for i in variables.indices.dropLast().reversed() { strides[i] = strides[i + 1] * variables[i + 1].count }
  }

  /// Zero for a variable that the table lacks.
  subscript(_ name: String) -> Int {
    variables.firstIndex { $0.name == name }.map { strides[$0] } ?? 0
  }

  /// Offsets of all cells of a table over other variables, in its order.
  func offsets(over others: [FiniteVariable]) -> [Int32] {
    Self.offsets(others.map { (self[$0.name], $0.count) })
  }

  /// Offsets for axes with a step and a number of states, the last axis the fastest.
  static func offsets(_ axes: [(stride: Int, count: Int)]) -> [Int32] {
    var offsets: [Int32] = [0]
    for (stride, count) in axes {
      var next: [Int32] = []
      next.reserveCapacity(offsets.count * count)
      for offset in offsets {
        for state in 0..<Int32(count) { next.append(offset &+ state &* Int32(stride)) }
      }
      offsets = next
    }
    return offsets
  }
}
