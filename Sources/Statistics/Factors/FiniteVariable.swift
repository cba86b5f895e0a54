/// A named quantity with finitely many named states.
public struct FiniteVariable: Sendable, Hashable {
  public let name: String
  /// In the order of every table's axis; at least one, all different.
  public let states: [String]

  /// - Throws: ``StatisticsError`` where a state is named twice or there is none.
  public init(_ name: String, states: [String]) throws(StatisticsError) {
    guard !states.isEmpty else {
      throw StatisticsError(.badData, "variable \(name)", found: "no states", expected: "at least one")
    }
    var seen: Set<String> = []
    for state in states where !seen.insert(state).inserted {
      throw StatisticsError(
        .badData, "variable \(name)", found: "the state \(state) twice",
        expected: "states with different names"
      )
    }
    (self.name, self.states) = (name, states)
  }

  /// States called 0, 1, … `count` − 1.
  public init(_ name: String, count: Int) {
    precondition(count >= 1, "FiniteVariable \(name): \(count) states")
    self.init(unchecked: name, states: (0..<count).map(String.init))
  }

  init(unchecked name: String, states: [String]) { (self.name, self.states) = (name, states) }

  public var count: Int { states.count }

  /// The position of a state.
  /// - Throws: ``StatisticsError`` naming the states there are.
  public func index(of state: String) throws(StatisticsError) -> Int {
    if let index = states.firstIndex(of: state) { return index }
    throw StatisticsError(
      .option, "variable \(name)", found: "the state \(state)",
      expected: "one of \(states.prefix(12).joined(separator: ", "))\(states.count > 12 ? ", …" : "")")
  }

  /// The states under another name.
  func renamed(_ name: String) -> FiniteVariable { FiniteVariable(unchecked: name, states: states) }

  /// The states as numbers, where all are.
  public var numbers: [Double]? {
    let values = states.compactMap { Double($0) }.filter(\.isFinite)
    return values.count == states.count ? values : nil
  }
}

extension [FiniteVariable] {
  /// How many cells a table over these has; nil where that is more than an `Int` holds.
  public var cellCount: Int? {
    var total = 1
    for variable in self {
      let (product, overflow) = total.multipliedReportingOverflow(by: variable.count)
      if overflow { return nil }
      total = product
    }
    return total
  }

  /// The states of a cell of such a table, one a variable.
  public func states(of cell: Int) -> [String] {
    var rest = cell
    var words: [String] = []
    for variable in reversed() {
      words.append(variable.states[rest % variable.count])
      rest /= variable.count
    }
    return words.reversed()
  }

  /// The same in words, such as `S=yes, T=no`.
  public func cellText(_ cell: Int) -> String {
    zip(self, states(of: cell)).map { "\($0.name)=\($1)" }.joined(separator: ", ")
  }

  var names: [String] { map(\.name) }
}
