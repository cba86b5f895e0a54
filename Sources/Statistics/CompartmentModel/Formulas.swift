import RealModule

/// The formulas of a model as one graph in which equal parts are one node, so that each is computed once.
///
/// A node comes after the nodes that it uses. Inputs are the time, the state and the parameters.
struct Formulas: Sendable {
  typealias Node = Int

  enum Operation: Sendable, Hashable {
    case constant(Double)
    /// Number of the input.
    case input(Int)
    case add(Node, Node), subtract(Node, Node), multiply(Node, Node), divide(Node, Node), power(Node, Node)
    case minimum(Node, Node), maximum(Node, Node)
    case exp(Node), log(Node), sin(Node), cos(Node), tanh(Node), sqrt(Node), abs(Node)
    /// The largest whole number below, and 1 from 0 on, 0 before; both with the slope 0.
    case floor(Node), step(Node)
  }

  private(set) var operations: [Operation] = []
  private var places: [Operation: Node] = [:]

  /// The node of an operation, simplified where it is simple.
  mutating func node(_ operation: Operation) -> Node {
    let simplified = simplify(operation)
    if case .node(let node) = simplified { return node }
    guard case .operation(let operation) = simplified else { preconditionFailure("a node or an operation") }
    if let known = places[operation] { return known }
    operations.append(operation)
    places[operation] = operations.count - 1
    return operations.count - 1
  }

  mutating func constant(_ value: Double) -> Node { node(.constant(value)) }

  func value(_ node: Node) -> Double? {
    if case .constant(let value) = operations[node] { value } else { nil }
  }

  private enum Simplified {
    case node(Node)
    case operation(Operation)
  }

  private mutating func simplify(_ operation: Operation) -> Simplified {
    if case .constant = operation { return .operation(operation) }
    if case .input = operation { return .operation(operation) }
    let operands = Self.operands(operation)
    let values = operands.map(value)
    if values.allSatisfy({ $0 != nil }) {
      return .operation(.constant(Self.evaluate(operation) { value($0)! }))
    }
    switch operation {
    case .add(let a, let b):
      if value(a) == 0 { return .node(b) }
      if value(b) == 0 { return .node(a) }
      // One order, so that a + b and b + a are one node.
      return .operation(.add(min(a, b), max(a, b)))
    case .subtract(let a, let b):
      if value(b) == 0 { return .node(a) }
      if a == b { return .node(constant(0)) }
    case .multiply(let a, let b):
      if value(a) == 1 { return .node(b) }
      if value(b) == 1 { return .node(a) }
      if value(a) == 0 || value(b) == 0 { return .node(constant(0)) }
      return .operation(.multiply(min(a, b), max(a, b)))
    case .divide(let a, let b):
      if value(b) == 1 { return .node(a) }
      if value(a) == 0 { return .node(a) }
    case .power(let a, let b):
      if value(b) == 1 { return .node(a) }
      if value(b) == 0 { return .node(constant(1)) }
      if value(b) == 2 { return .operation(.multiply(a, a)) }
    default: break
    }
    return .operation(operation)
  }

  static func operands(_ operation: Operation) -> [Node] {
    switch operation {
    case .constant, .input: []
    case .add(let a, let b), .subtract(let a, let b), .multiply(let a, let b), .divide(let a, let b),
      .power(let a, let b), .minimum(let a, let b), .maximum(let a, let b):
      [a, b]
    case .exp(let a), .log(let a), .sin(let a), .cos(let a), .tanh(let a), .sqrt(let a), .abs(let a),
      .floor(let a), .step(let a):
      [a]
    }
  }

  static func evaluate(_ operation: Operation, _ value: (Node) -> Double) -> Double {
    switch operation {
    case .constant(let x): x
    case .input: .nan
    case .add(let a, let b): value(a) + value(b)
    case .subtract(let a, let b): value(a) - value(b)
    case .multiply(let a, let b): value(a) * value(b)
    case .divide(let a, let b): value(a) / value(b)
    case .power(let a, let b): power(value(a), value(b))
    case .minimum(let a, let b): min(value(a), value(b))
    case .maximum(let a, let b): max(value(a), value(b))
    case .exp(let a): Double.exp(value(a))
    case .log(let a): Double.log(value(a))
    case .sin(let a): Double.sin(value(a))
    case .cos(let a): Double.cos(value(a))
    case .tanh(let a): Double.tanh(value(a))
    case .sqrt(let a): value(a).squareRoot()
    case .abs(let a): Swift.abs(value(a))
    case .floor(let a): value(a).rounded(.down)
    case .step(let a): value(a) >= 0 ? 1 : 0
    }
  }

  /// The partial derivative by an input, the other inputs held fast.
  mutating func derivative(of node: Node, by input: Int) -> Node {
    var known: [Node: Node] = [:]
    return derivative(node, input, &known)
  }

  private mutating func derivative(_ target: Node, _ input: Int, _ known: inout [Node: Node]) -> Node {
    if let found = known[target] { return found }
    let zero = constant(0)
    let operation = operations[target]
    var result = zero
    func d(_ a: Node, _ formulas: inout Formulas, _ known: inout [Node: Node]) -> Node {
      formulas.derivative(a, input, &known)
    }
    switch operation {
    case .constant, .floor, .step: break
    case .input(let number): result = constant(number == input ? 1 : 0)
    case .add(let a, let b): result = node(.add(d(a, &self, &known), d(b, &self, &known)))
    case .subtract(let a, let b): result = node(.subtract(d(a, &self, &known), d(b, &self, &known)))
    case .multiply(let a, let b):
      let (da, db) = (d(a, &self, &known), d(b, &self, &known))
      result = node(.add(node(.multiply(da, b)), node(.multiply(a, db))))
    case .divide(let a, let b):
      let (da, db) = (d(a, &self, &known), d(b, &self, &known))
      result = node(.divide(node(.subtract(da, node(.multiply(target, db)))), b))
    case .power(let a, let b):
      let (da, db) = (d(a, &self, &known), d(b, &self, &known))
      let lowered = node(.power(a, node(.subtract(b, constant(1)))))
      result = node(.multiply(node(.multiply(b, lowered)), da))
      if db != zero {
        result = node(.add(result, node(.multiply(node(.multiply(target, node(.log(a)))), db))))
      }
    case .minimum(let a, let b), .maximum(let a, let b):
      let (da, db) = (d(a, &self, &known), d(b, &self, &known))
      // 1 where a is the larger one.
      let larger = node(.step(node(.subtract(a, b))))
      let smaller = node(.subtract(constant(1), larger))
      let (forA, forB) = if case .maximum = operation { (larger, smaller) } else { (smaller, larger) }
      result = node(.add(node(.multiply(forA, da)), node(.multiply(forB, db))))
    case .exp(let a): result = node(.multiply(target, d(a, &self, &known)))
    case .log(let a): result = node(.divide(d(a, &self, &known), a))
    case .sin(let a): result = node(.multiply(node(.cos(a)), d(a, &self, &known)))
    case .cos(let a):
      result = node(.subtract(zero, node(.multiply(node(.sin(a)), d(a, &self, &known)))))
    case .tanh(let a):
      let slope = node(.subtract(constant(1), node(.multiply(target, target))))
      result = node(.multiply(slope, d(a, &self, &known)))
    case .sqrt(let a): result = node(.divide(d(a, &self, &known), node(.multiply(constant(2), target))))
    case .abs(let a):
      let sign = node(.subtract(node(.multiply(constant(2), node(.step(a)))), constant(1)))
      result = node(.multiply(sign, d(a, &self, &known)))
    }
    known[target] = result
    return result
  }

  /// Whether a node depends on an input.
  func depends(_ node: Node, on isWanted: (Int) -> Bool) -> Bool {
    var pending = [node]
    var seen: Set<Node> = []
    while let next = pending.popLast() {
      guard seen.insert(next).inserted else { continue }
      if case .input(let number) = operations[next], isWanted(number) { return true }
      pending += Self.operands(operations[next])
    }
    return false
  }
}

/// a to the power b, negative a with a whole b included.
func power(_ a: Double, _ b: Double) -> Double {
  if let whole = Int(exactly: b) { return .pow(a, whole) }
  return .pow(a, b)
}
