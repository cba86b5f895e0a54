/// Reads a formula such as `(1 - phi)*Lambda*S/N` into nodes.
///
/// Numbers, names, `+ - * / ^`, parentheses, and the functions exp, log, sin, cos, tanh, sqrt, abs, floor, min, max, step,
/// and `season(t, period, start, length)`, which is 1 during the season and 0 outside.
struct FormulaParser {
  /// What a formula's text lacks, and at which character of it, from 0.
  struct Failure: Error {
    let offset: Int
    let found: String
    let expected: String
    var advice: String?
  }

  private let characters: [Character]
  private var position = 0
  private let names: [String: Formulas.Node]

  /// - Parameter names: the nodes that names stand for.
  static func parse(_ text: String, names: [String: Formulas.Node], into formulas: inout Formulas)
    throws(Failure) -> Formulas.Node
  {
    var parser = FormulaParser(characters: Array(text), names: names)
    let node = try parser.sum(&formulas, depth: 0)
    parser.skipSpaces()
    guard parser.position == parser.characters.count else {
      throw parser.failure("an operator or the end of the formula")
    }
    return node
  }

  private init(characters: [Character], names: [String: Formulas.Node]) {
    (self.characters, self.names) = (characters, names)
  }

  private var next: Character? { position < characters.count ? characters[position] : nil }

  private mutating func skipSpaces() { while next?.isWhitespace == true { position += 1 } }

  private func failure(_ expected: String) -> Failure {
    Failure(offset: position, found: next.map { "'\($0)'" } ?? "the end", expected: expected)
  }

  private mutating func takes(_ character: Character) -> Bool {
    skipSpaces()
    guard next == character else { return false }
    position += 1
    return true
  }

  private mutating func sum(_ formulas: inout Formulas, depth: Int) throws(Failure) -> Formulas.Node {
    guard depth < 100 else { throw failure("at most 100 levels of parentheses") }
    var left = try product(&formulas, depth: depth)
    while true {
      if takes("+") {
        left = formulas.node(.add(left, try product(&formulas, depth: depth)))
      } else if takes("-") {
        left = formulas.node(.subtract(left, try product(&formulas, depth: depth)))
      } else {
        return left
      }
    }
  }

  private mutating func product(_ formulas: inout Formulas, depth: Int) throws(Failure) -> Formulas.Node {
    var left = try signed(&formulas, depth: depth)
    while true {
      if takes("*") {
        left = formulas.node(.multiply(left, try signed(&formulas, depth: depth)))
      } else if takes("/") {
        left = formulas.node(.divide(left, try signed(&formulas, depth: depth)))
      } else {
        return left
      }
    }
  }

  private mutating func signed(_ formulas: inout Formulas, depth: Int) throws(Failure) -> Formulas.Node {
    guard depth < 100 else { throw failure("at most 100 signs and parentheses") }
    if takes("-") {
      let zero = formulas.constant(0)
      return formulas.node(.subtract(zero, try signed(&formulas, depth: depth + 1)))
    }
    if takes("+") { return try signed(&formulas, depth: depth + 1) }
    let base = try primary(&formulas, depth: depth)
    // To the right first: a^b^c is a^(b^c), and a^-b is allowed.
    guard takes("^") else { return base }
    return formulas.node(.power(base, try signed(&formulas, depth: depth + 1)))
  }

  private mutating func primary(_ formulas: inout Formulas, depth: Int) throws(Failure) -> Formulas.Node {
    if takes("(") {
      let inner = try sum(&formulas, depth: depth + 1)
      guard takes(")") else { throw failure("')'") }
      return inner
    }
    skipSpaces()
    let start = position
    guard let first = next else { throw failure("a number, a name or '('") }
    if first.isNumber || first == "." { return formulas.constant(try number()) }
    guard first.isLetter || first == "_" else { throw failure("a number, a name or '('") }
    while let c = next, c.isLetter || c.isNumber || c == "_" { position += 1 }
    let name = String(characters[start..<position])
    if takes("(") { return try call(name, at: start, &formulas, depth: depth) }
    if let node = names[name] { return node }
    if name == "pi" { return formulas.constant(.pi) }
    throw Failure(
      offset: start, found: "the name \(name)", expected: "a name of the model",
      advice: nearestName(name, among: Array(names.keys)).map { "did you mean \($0)?" })
  }

  private mutating func number() throws(Failure) -> Double {
    let start = position
    while let c = next {
      let isExponentSign =
        (c == "-" || c == "+") && position > start && "eE".contains(characters[position - 1])
      guard c.isNumber || c == "." || c == "e" || c == "E" || isExponentSign else { break }
      position += 1
    }
    let text = String(characters[start..<position])
    guard let value = Double(text), value.isFinite else {
      throw Failure(offset: start, found: "'\(text)'", expected: "a finite number")
    }
    return value
  }

  private mutating func call(_ name: String, at start: Int, _ formulas: inout Formulas, depth: Int)
    throws(Failure) -> Formulas.Node
  {
    var arguments: [Formulas.Node] = []
    repeat { arguments.append(try sum(&formulas, depth: depth + 1)) } while takes(",")
    guard takes(")") else { throw failure("',' or ')'") }
    let counts = [
      "exp": 1, "log": 1, "sin": 1, "cos": 1, "tanh": 1, "sqrt": 1, "abs": 1, "floor": 1, "step": 1, "min": 2,
      "max": 2, "season": 4,
    ]
    guard let count = counts[name] else {
      throw Failure(
        offset: start, found: "the function \(name)",
        expected: "one of \(counts.keys.sorted().joined(separator: ", "))")
    }
    guard arguments.count == count else {
      throw Failure(
        offset: start, found: "\(name) of \(arguments.count) arguments",
        expected: count == 1 ? "one argument" : "\(count) arguments")
    }
    let a = arguments[0]
    switch name {
    case "exp": return formulas.node(.exp(a))
    case "log": return formulas.node(.log(a))
    case "sin": return formulas.node(.sin(a))
    case "cos": return formulas.node(.cos(a))
    case "tanh": return formulas.node(.tanh(a))
    case "sqrt": return formulas.node(.sqrt(a))
    case "abs": return formulas.node(.abs(a))
    case "floor": return formulas.node(.floor(a))
    case "step": return formulas.node(.step(a))
    case "min": return formulas.node(.minimum(a, arguments[1]))
    case "max": return formulas.node(.maximum(a, arguments[1]))
    default:
      // Periods since the start of a season, of which the fraction tells the place in the year.
      let periods = formulas.node(.divide(formulas.node(.subtract(a, arguments[2])), arguments[1]))
      let place = formulas.node(.subtract(periods, formulas.node(.floor(periods))))
      let share = formulas.node(.divide(arguments[3], arguments[1]))
      return formulas.node(
        .subtract(formulas.constant(1), formulas.node(.step(formulas.node(.subtract(place, share))))))
    }
  }
}

/// The name that a mistyped one was meant to be; nil where none is near.
func nearestName(_ name: String, among names: [String]) -> String? {
  let text = Array(name.lowercased())
  func distance(_ other: String) -> Int {
    let other = Array(other.lowercased())
    var row = Array(0...other.count)
    for (i, a) in text.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, b) in other.enumerated() {
        let here = min(diagonal + (a == b ? 0 : 1), row[j] + 1, row[j + 1] + 1)
        (diagonal, row[j + 1]) = (row[j + 1], here)
      }
    }
    return row[other.count]
  }
  let best = names.map { (name: $0, distance: distance($0)) }
    .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
  guard let best, best.distance <= max(1, text.count / 2) else { return nil }
  return best.name
}
