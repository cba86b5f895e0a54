/// How a product of tables is summed over all variables but the open ones: an elimination order and the steps it needs,
/// found once for the tables' shapes and then run on any values, one table or a batch, in any arithmetic.
///
/// The order is greedy: the variable whose elimination leaves the smallest table goes first. Tables that share it are
/// multiplied two at a time, the smallest first, and a variable is summed out in the product after which nothing else
/// holds it.
///
/// ```swift
/// let plan = try Contraction([[a], [a, b], [b, c]], open: [c])
/// let law = plan([pA, pBgivenA, pCgivenB])
/// ```
public struct Contraction: Sendable {
  /// The most cells that a table on the way may have, 16 million.
  public static let defaultLimit = 1 << 24

  public let scopes: [[FiniteVariable]]
  public let open: [FiniteVariable]
  /// The variables that are summed over, in the order of their elimination.
  public private(set) var order: [String] = []
  /// Cells of the largest table on the way.
  public private(set) var largestTable = 1
  /// Products of a run on one table.
  public private(set) var multiplications = 0
  private(set) var steps: [Step] = []
  /// Whether a table of ones is needed for open variables that no factor holds.
  let missing: [FiniteVariable]

  /// - Parameters:
  ///   - scopes: the variables of every factor.
  ///   - open: what the result is over, in this order.
  ///   - limit: the most cells of a table on the way.
  /// - Throws: ``StatisticsError`` where a larger table would be needed, with its size and variables.
  public init(
    _ scopes: [[FiniteVariable]], open: [FiniteVariable], limit: Int = Contraction.defaultLimit
  ) throws(StatisticsError) {
    (self.scopes, self.open) = (scopes, open)
    let held = Set(scopes.flatMap { $0 })
    missing = open.filter { !held.contains($0) }
    var plan = ContractionPlanning(scopes: scopes + (missing.isEmpty ? [] : [missing]), open: open)
    if let tooLarge = plan.run(limit: limit) {
      let cells = tooLarge.cellCount
      throw StatisticsError(
        .noAnswer, "table over \(tooLarge.names.joined(separator: ", "))",
        found: cells.map { "\($0) cells, \(max(1, $0 >> 17)) MB" } ?? "more cells than a number holds",
        expected: "at most \(limit) on the way",
        advice: "ask for fewer variables at once, or merge states")
    }
    (steps, order) = (plan.steps, plan.order)
    (largestTable, multiplications) = (plan.largestTable, plan.multiplications)
  }

  /// Of tables that fit by construction, such as a marginal of one that exists.
  init(of scopes: [[FiniteVariable]], open: [FiniteVariable]) {
    do { try self.init(scopes, open: open, limit: Int(Int32.max)) } catch {
      preconditionFailure("Contraction: \(error)")
    }
  }

  /// A product of two tables, or one table, summed over what nothing else holds.
  struct Step: Sendable {
    let left: Int
    let right: Int?
    let variables: [FiniteVariable]
    let leftCells: [Int32]
    let rightCells: [Int32]
    let leftSummed: [Int32]
    let rightSummed: [Int32]
  }
}

/// The greedy search for steps.
private struct ContractionPlanning {
  /// Tables not used up yet: number and variables.
  var active: [(number: Int, variables: [FiniteVariable])]
  let open: [FiniteVariable]
  let openNames: Set<String>
  var next: Int
  var steps: [Contraction.Step] = []
  var order: [String] = []
  var largestTable = 1
  var multiplications = 0

  init(scopes: [[FiniteVariable]], open: [FiniteVariable]) {
    active = scopes.enumerated().map { ($0.offset, $0.element) }
    (self.open, openNames, next) = (open, Set(open.names), scopes.count)
  }

  /// The variables of a table that is too large, if there is one.
  mutating func run(limit: Int) -> [FiniteVariable]? {
    for table in active { largestTable = max(largestTable, table.variables.cellCount ?? .max) }
    while let chosen = cheapest() {
      var holding = active.filter { $0.variables.contains { $0.name == chosen } }
      while holding.count > 1 {
        holding.sort { ($0.variables.cellCount ?? .max) < ($1.variables.cellCount ?? .max) }
        if let tooLarge = combine(holding[0].number, holding[1].number, limit: limit) { return tooLarge }
        holding = active.filter { $0.variables.contains { $0.name == chosen } }
      }
      if let last = holding.first {
        if let tooLarge = combine(last.number, nil, limit: limit) { return tooLarge }
      }
    }
    while active.count > 1 {
      active.sort { ($0.variables.cellCount ?? .max) < ($1.variables.cellCount ?? .max) }
      if let tooLarge = combine(active[0].number, active[1].number, limit: limit) { return tooLarge }
    }
    // The last step writes the result in the order asked for.
    if let last = active.first, last.variables != open {
      return combine(last.number, nil, limit: limit)
    }
    return nil
  }

  /// The variable whose elimination leaves the smallest table.
  private func cheapest() -> String? {
    var best: (name: String, cells: Double, joined: Double)?
    var seen: Set<String> = []
    for table in active {
      for variable in table.variables
      where !openNames.contains(variable.name) && seen.insert(variable.name).inserted {
        var joined = 1.0
        var counted: Set<String> = []
        for other in active where other.variables.contains(where: { $0.name == variable.name }) {
          for held in other.variables where counted.insert(held.name).inserted { joined *= Double(held.count) }
        }
        let cells = joined / Double(variable.count)
        if best.map({ (cells, joined) < ($0.cells, $0.joined) }) ?? true {
          best = (variable.name, cells, joined)
        }
      }
    }
    return best?.name
  }

  private mutating func combine(_ left: Int, _ right: Int?, limit: Int) -> [FiniteVariable]? {
    let used = active.filter { $0.number == left || $0.number == right }
    let rest = active.filter { $0.number != left && $0.number != right }
    let needed = openNames.union(rest.flatMap { $0.variables.names })
    var union: [FiniteVariable] = []
    for variable in used.flatMap(\.variables) where !union.contains(where: { $0.name == variable.name }) {
      union.append(variable)
    }
    var kept = union.filter { needed.contains($0.name) }
    let summed = union.filter { !needed.contains($0.name) }
    if rest.isEmpty { kept = open }
    guard let cells = kept.cellCount, cells <= limit, let products = union.cellCount else { return kept }
    let leftStrides = Strides(active.first { $0.number == left }!.variables)
    let rightStrides = Strides(right.map { right in active.first { $0.number == right }!.variables } ?? [])
    steps.append(
      Contraction.Step(
        left: left, right: right, variables: kept, leftCells: leftStrides.offsets(over: kept),
        rightCells: right == nil ? [] : rightStrides.offsets(over: kept),
        leftSummed: leftStrides.offsets(over: summed),
        rightSummed: right == nil ? [] : rightStrides.offsets(over: summed)))
    order += summed.names
    largestTable = max(largestTable, cells)
    multiplications += products
    active = rest + [(next, kept)]
    next += 1
    return nil
  }
}
