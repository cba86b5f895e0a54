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

/// The greedy search for steps, on numbers of variables.
private struct ContractionPlanning {
  private struct Table {
    let number: Int
    let variables: [Int]
    let cells: Double
  }

  /// The different variables, and their numbers of states.
  private let variables: [FiniteVariable]
  private let counts: [Int]
  private let open: [Int]
  private let isOpen: [Bool]
  /// Tables not used up yet, and in how many of them a variable is.
  private var active: [Table] = []
  private var holders: [Int]
  private var next: Int
  private(set) var steps: [Contraction.Step] = []
  private(set) var order: [String] = []
  private(set) var largestTable = 1
  private(set) var multiplications = 0

  init(scopes: [[FiniteVariable]], open: [FiniteVariable]) {
    var numbers: [String: Int] = [:]
    var variables: [FiniteVariable] = []
    let coded = (scopes + [open]).map { scope in
      scope.map { variable in
        if let number = numbers[variable.name] { return number }
        numbers[variable.name] = variables.count
        variables.append(variable)
        return variables.count - 1
      }
    }
    self.variables = variables
    counts = variables.map(\.count)
    self.open = coded[scopes.count]
    var isOpen = Array(repeating: false, count: variables.count)
    for number in coded[scopes.count] { isOpen[number] = true }
    self.isOpen = isOpen
    holders = Array(repeating: 0, count: variables.count)
    next = scopes.count
    for (number, scope) in coded.dropLast().enumerated() { add(number, scope) }
  }

  private mutating func add(_ number: Int, _ scope: [Int]) {
    let cells = scope.reduce(1.0) { $0 * Double(counts[$1]) }
    active.append(Table(number: number, variables: scope, cells: cells))
    for variable in scope { holders[variable] += 1 }
    if cells < 1e15 { largestTable = max(largestTable, Int(cells)) }
  }

  /// The variables of a table that is too large, if there is one.
  mutating func run(limit: Int) -> [FiniteVariable]? {
    while let chosen = cheapest() {
      repeat {
        let holding = active.filter { $0.variables.contains(chosen) }.sorted { $0.cells < $1.cells }
        if let tooLarge = combine(holding[0], holding.count > 1 ? holding[1] : nil, limit: limit) {
          return tooLarge
        }
      } while holders[chosen] > 0
    }
    while active.count > 1 {
      active.sort { $0.cells < $1.cells }
      if let tooLarge = combine(active[0], active[1], limit: limit) { return tooLarge }
    }
    // The last step writes the result in the order asked for.
    if let last = active.first, last.variables != open { return combine(last, nil, limit: limit) }
    return nil
  }

  /// The variable whose elimination leaves the smallest table.
  private func cheapest() -> Int? {
    var best: (variable: Int, cells: Double, joined: Double)?
    var marked = Array(repeating: -1, count: variables.count)
    for variable in variables.indices where !isOpen[variable] && holders[variable] > 0 {
      var joined = 1.0
      for table in active where table.variables.contains(variable) {
        for held in table.variables where marked[held] != variable {
          marked[held] = variable
          joined *= Double(counts[held])
        }
      }
      let cells = joined / Double(counts[variable])
      if best.map({ (cells, joined) < ($0.cells, $0.joined) }) ?? true { best = (variable, cells, joined) }
    }
    return best?.variable
  }

  private mutating func combine(_ left: Table, _ right: Table?, limit: Int) -> [FiniteVariable]? {
    active.removeAll { $0.number == left.number || $0.number == right?.number }
    for variable in left.variables + (right?.variables ?? []) { holders[variable] -= 1 }
    var union = left.variables
    for variable in right?.variables ?? [] where !left.variables.contains(variable) { union.append(variable) }
    // What no other table holds and nobody asks for is summed at once.
    let summed = union.filter { !isOpen[$0] && holders[$0] == 0 }
    let kept = active.isEmpty ? open : union.filter { isOpen[$0] || holders[$0] > 0 }
    let products = union.reduce(1.0) { $0 * Double(counts[$1]) }
    let cells = kept.reduce(1.0) { $0 * Double(counts[$1]) }
    guard cells <= Double(limit) else { return kept.map { variables[$0] } }
    steps.append(
      Contraction.Step(
        left: left.number, right: right?.number, variables: kept.map { variables[$0] },
        leftCells: offsets(left.variables, over: kept),
        rightCells: right.map { offsets($0.variables, over: kept) } ?? [],
        leftSummed: offsets(left.variables, over: summed),
        rightSummed: right.map { offsets($0.variables, over: summed) } ?? []))
    order += summed.map { variables[$0].name }
    multiplications += products < 1e15 ? Int(products) : 0
    add(next, kept)
    next += 1
    return nil
  }

  /// Offsets in a table of all cells of a table over other variables.
  private func offsets(_ table: [Int], over others: [Int]) -> [Int32] {
    Strides.offsets(
      others.map { variable in
        guard let position = table.firstIndex(of: variable) else { return (0, counts[variable]) }
        return (table[(position + 1)...].reduce(1) { $0 * counts[$1] }, counts[variable])
      })
  }
}
