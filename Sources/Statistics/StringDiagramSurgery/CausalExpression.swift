/// A formula in probabilities of measured variables.
public indirect enum CausalExpression: Sendable, Hashable {
  /// What a summed variable is marked with where its name stands outside of the sum as well.
  static let prime: Character = "′"

  /// A variable of a formula; primes tell a summed one from the same variable elsewhere.
  public struct Symbol: Sendable, Hashable {
    public let name: String
    public var primes = 0

    public var text: String { name + String(repeating: CausalExpression.prime, count: primes) }
    var latex: String {
      let plain = name.replacing("_", with: "\\_")
      let word = name.count == 1 ? plain : "\\mathit{\(plain)}"
      return word + String(repeating: "'", count: primes)
    }
  }

  case probability(of: [Symbol], given: [Symbol])
  case product([CausalExpression])
  case sum([Symbol], CausalExpression)
  case quotient(CausalExpression, CausalExpression)

  static func probability(_ names: [String], given: [String]) -> CausalExpression {
    .probability(of: names.map { Symbol(name: $0) }, given: given.map { Symbol(name: $0) })
  }

  // MARK: Simplifying constructors

  /// Products inside products are opened.
  static func times(_ parts: [CausalExpression]) -> CausalExpression {
    let open = parts.flatMap { part -> [CausalExpression] in
      if case .product(let inner) = part { inner } else { [part] }
    }
    return open.count == 1 ? open[0] : .product(open)
  }

  /// Σ over variables: a factor P(v | …) whose v nothing else holds sums to one, factors without any of the variables go in
  /// front, and a sum of a probability alone is one of fewer variables.
  static func total(over names: [String], _ body: CausalExpression) -> CausalExpression {
    var left = names
    var factors: [CausalExpression]
    if case .product(let parts) = body { factors = parts } else { factors = [body] }
    var changed = true
    while changed {
      changed = false
      for name in left {
        let holding = factors.indices.filter { factors[$0].free.contains(name) }
        guard holding.count == 1, case .probability(let of, let given) = factors[holding[0]],
          of.contains(where: { $0.name == name })
        else { continue }
        let rest = of.filter { $0.name != name }
        if rest.isEmpty {
          factors.remove(at: holding[0])
        } else {
          factors[holding[0]] = .probability(of: rest, given: given)
        }
        left.removeAll { $0 == name }
        changed = true
      }
    }
    // What the others hold of a variable that none of the factors has any more would be counted as often as it has states.
    precondition(
      left.allSatisfy { name in factors.contains { $0.free.contains(name) } }, "a sum over nothing")
    if left.isEmpty { return times(factors) }
    let inside = factors.filter { !$0.free.isDisjoint(with: left) }
    let outside = factors.filter { $0.free.isDisjoint(with: left) }
    let sum = CausalExpression.sum(left.map { Symbol(name: $0) }, times(inside))
    return outside.isEmpty ? sum : times(outside + [sum])
  }

  /// Common factors cancel.
  static func ratio(_ above: CausalExpression, _ below: CausalExpression) -> CausalExpression {
    func parts(_ expression: CausalExpression) -> [CausalExpression] {
      if case .product(let parts) = expression { parts } else { [expression] }
    }
    var (numerator, denominator) = (parts(above), [CausalExpression]())
    for factor in parts(below) {
      if let i = numerator.firstIndex(of: factor) {
        numerator.remove(at: i)
      } else {
        denominator.append(factor)
      }
    }
    return denominator.isEmpty ? times(numerator) : .quotient(times(numerator), times(denominator))
  }

  /// Names that no sum binds.
  var free: Set<String> {
    switch self {
    case .probability(let of, let given): Set((of + given).map(\.name))
    case .product(let parts): parts.reduce(into: []) { $0.formUnion($1.free) }
    case .sum(let symbols, let body): body.free.subtracting(symbols.map(\.name))
    case .quotient(let a, let b): a.free.union(b.free)
    }
  }

  /// With primes on summed variables that occur outside of their sum as well.
  func primed() -> CausalExpression {
    primed([:], taken: Set(free.map { Symbol(name: $0) }))
  }

  private func primed(_ names: [String: Symbol], taken: Set<Symbol>) -> CausalExpression {
    func renamed(_ symbols: [Symbol]) -> [Symbol] { symbols.map { names[$0.name] ?? $0 } }
    switch self {
    case .probability(let of, let given): return .probability(of: renamed(of), given: renamed(given))
    case .product(let parts): return .product(parts.map { $0.primed(names, taken: taken) })
    case .quotient(let a, let b):
      return .quotient(a.primed(names, taken: taken), b.primed(names, taken: taken))
    case .sum(let symbols, let body):
      var (names, taken) = (names, taken)
      var bound: [Symbol] = []
      for symbol in symbols {
        var new = Symbol(name: symbol.name)
        while taken.contains(new) { new.primes += 1 }
        names[symbol.name] = new
        taken.insert(new)
        bound.append(new)
      }
      return .sum(bound, body.primed(names, taken: taken))
    }
  }

  // MARK: Text

  /// `Σ_T P(T | S) Σ_S′ P(S′) P(C | S′, T)`
  public var text: String {
    switch self {
    case .probability(let of, let given):
      let bar = given.isEmpty ? "" : " | " + given.map(\.text).joined(separator: ", ")
      return "P(\(of.map(\.text).joined(separator: ", "))\(bar))"
    case .product(let parts):
      if parts.isEmpty { return "1" }
      return parts.enumerated().map { i, part in
        if case .sum = part, i < parts.count - 1 { "[\(part.text)]" } else { part.text }
      }.joined(separator: " ")
    case .sum(let symbols, let body): return "Σ_{\(symbols.map(\.text).joined(separator: ", "))} \(body.text)"
    case .quotient(let a, let b): return "[\(a.text)] / [\(b.text)]"
    }
  }

  /// For a paper, without dollar signs.
  public var latex: String {
    switch self {
    case .probability(let of, let given):
      let bar = given.isEmpty ? "" : " \\mid " + given.map(\.latex).joined(separator: ", ")
      return "P(\(of.map(\.latex).joined(separator: ", "))\(bar))"
    case .product(let parts):
      if parts.isEmpty { return "1" }
      return parts.enumerated().map { i, part in
        if case .sum = part, i < parts.count - 1 {
          "\\left[\(part.latex)\\right]"
        } else {
          part.latex
        }
      }.joined(separator: " \\, ")
    case .sum(let symbols, let body):
      return "\\sum_{\(symbols.map(\.latex).joined(separator: ", "))} \(body.latex)"
    case .quotient(let a, let b): return "\\frac{\(a.latex)}{\(b.latex)}"
    }
  }
}
