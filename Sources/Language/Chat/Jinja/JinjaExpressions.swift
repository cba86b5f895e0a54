extension Jinja.Parser {
  /// An expression, or several with commas between them as a tuple.
  mutating func tuple(allowsConditional: Bool = true, isInParentheses: Bool = false) throws(LanguageError)
    -> Jinja.Expression
  {
    var elements: [Jinja.Expression] = []
    var isTuple = false
    repeat {
      if [.variableEnd, .blockEnd, .symbol(")")].contains(current) { break }
      elements.append(try expression(allowsConditional: allowsConditional))
      if current == .symbol(",") { isTuple = true }
    } while takes(",")
    if !isTuple, let first = elements.first { return first }
    guard isTuple || isInParentheses else { throw error(expected: "an expression") }
    return .tuple(elements)
  }

  mutating func expression(allowsConditional: Bool = true) throws(LanguageError) -> Jinja.Expression {
    try nested { (parser) throws(LanguageError) in
      let outer = parser.height
      parser.height = 1
      defer { parser.height = max(outer, parser.height) }
      var value = try parser.operation(0)
      guard allowsConditional else { return value }
      while case .name("if") = parser.current {
        let line = parser.line
        parser.advance()
        let test = try parser.operation(0)
        let otherwise = parser.takesName("else") ? try parser.expression() : nil
        value = .conditional(test: test, then: value, otherwise: otherwise, line: line)
        try parser.grow()
      }
      return value
    }
  }

  /// Counts an operator. Operators in a row are read in a loop and yet make a tree that is as high as their number.
  private mutating func grow() throws(LanguageError) {
    height += 1
    guard height < Self.heightLimit else {
      throw error(
        .unsupported, "\(Self.heightLimit) operators in one expression",
        expected: "fewer; ~ joins any number of texts")
    }
  }

  /// How tightly operators bind, from the loosest.
  private enum Level {
    static let (or, and, not, comparison, sum, concatenation, product, power) = (0, 1, 2, 3, 4, 5, 6, 7)
  }

  /// A value with the operators after it that bind at least as tightly as a level.
  private mutating func operation(_ minimum: Int) throws(LanguageError) -> Jinja.Expression {
    var left: Jinja.Expression
    if minimum <= Level.not, takesName("not") {
      try grow()
      left = .unary(.not, try nested { (parser) throws(LanguageError) in try parser.operation(Level.not) })
    } else {
      left = try unary()
    }
    while let level = operatorLevel, level >= minimum {
      try grow()
      switch level {
      case Level.or:
        advance()
        left = .or(left, try operation(Level.and))
      case Level.and:
        advance()
        left = .and(left, try operation(Level.not))
      case Level.comparison: left = try comparison(left)
      case Level.concatenation:
        var parts = [left]
        while takes("~") { parts.append(try operation(Level.product)) }
        left = .concatenation(parts)
      default:
        guard case .symbol(let symbol) = current, let found = Jinja.BinaryOperator(rawValue: symbol) else {
          return left
        }
        advance()
        // Also powers are taken from the left.
        left = .binary(found, left, try operation(level + 1))
      }
    }
    return left
  }

  /// The level of the operator that is the current token; nil where it is none.
  private var operatorLevel: Int? {
    switch current {
    case .name("or"): Level.or
    case .name("and"): Level.and
    case .symbol("+"), .symbol("-"): Level.sum
    case .symbol("~"): Level.concatenation
    case .symbol("*"), .symbol("/"), .symbol("//"), .symbol("%"): Level.product
    case .symbol("**"): Level.power
    default: comparisonOperator() == nil ? nil : Level.comparison
    }
  }

  private mutating func comparison(_ first: Jinja.Expression) throws(LanguageError) -> Jinja.Expression {
    var rest: [(operation: Jinja.Comparison, operand: Jinja.Expression)] = []
    while let found = comparisonOperator() {
      advance()
      if found == .isNotIn { advance() }
      rest.append((found, try operation(Level.sum)))
    }
    return .comparison(first, rest)
  }

  private func comparisonOperator() -> Jinja.Comparison? {
    switch current {
    case .symbol(let symbol): Jinja.Comparison(rawValue: symbol)
    case .name("in"): .isIn
    case .name("not"): following == .name("in") ? .isNotIn : nil
    default: nil
    }
  }

  /// A sign binds tighter than a power, and filters bind to the signed value.
  private mutating func unary(withFilters: Bool = true) throws(LanguageError) -> Jinja.Expression {
    var value: Jinja.Expression
    if current == .symbol("-") || current == .symbol("+") {
      let sign: Jinja.UnaryOperator = current == .symbol("-") ? .negative : .positive
      advance()
      value = .unary(
        sign, try nested { (parser) throws(LanguageError) in try parser.unary(withFilters: false) })
    } else {
      value = try primary()
    }
    value = try postfix(value)
    while withFilters {
      switch current {
      case .symbol("|"): value = try filters(on: value)
      case .name("is"): value = try test(on: value)
      case .symbol("("): value = try call(value)
      default: return value
      }
      try grow()
    }
    return value
  }

  private mutating func primary() throws(LanguageError) -> Jinja.Expression {
    switch current {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return .constant(.bool(true))
      case "false", "False": return .constant(.bool(false))
      case "none", "None": return .constant(.none)
      default:
        mention(name)
        return .name(name)
      }
    case .text(var text):
      advance()
      while case .text(let more) = current {
        text += more
        advance()
      }
      return .constant(.text(text))
    case .integer(let value):
      advance()
      return .constant(.integer(value))
    case .number(let value):
      advance()
      return .constant(.number(value))
    case .symbol("("):
      advance()
      let value = try tuple(isInParentheses: true)
      try expect(")")
      return value
    case .symbol("["):
      advance()
      return .list(try elements(until: "]") { (parser) throws(LanguageError) in try parser.expression() })
    case .symbol("{"):
      advance()
      return .dictionary(
        try elements(until: "}") { (parser) throws(LanguageError) in
          let key = try parser.expression()
          try parser.expect(":")
          return (key, try parser.expression())
        })
    default: throw error(expected: "an expression")
    }
  }

  private mutating func elements<Element>(
    until end: String, _ element: (inout Self) throws(LanguageError) -> Element
  ) throws(LanguageError) -> [Element] {
    var result: [Element] = []
    while current != .symbol(end) {
      if !result.isEmpty {
        try expect(",")
        if current == .symbol(end) { break }
      }
      result.append(try element(&self))
    }
    try expect(end)
    return result
  }

  // MARK: What follows a value

  private mutating func postfix(_ value: Jinja.Expression) throws(LanguageError) -> Jinja.Expression {
    var value = value
    while true {
      switch current {
      case .symbol("."): value = try attribute(of: value)
      case .symbol("["): value = try element(of: value)
      case .symbol("("): value = try call(value)
      default: return value
      }
      try grow()
    }
  }

  private mutating func attribute(of value: Jinja.Expression) throws(LanguageError) -> Jinja.Expression {
    let line = line
    advance()
    if case .integer(let index) = current {
      advance()
      return .element(value, .constant(.integer(index)), line: line)
    }
    return .attribute(value, try name("a name or a number"), line: line)
  }

  private mutating func element(of value: Jinja.Expression) throws(LanguageError) -> Jinja.Expression {
    let line = line
    advance()
    let start = current == .symbol(":") ? nil : try expression()
    if takes("]") {
      guard let start else { throw error(expected: "an index") }
      return .element(value, start, line: line)
    }
    guard takes(":") else {
      throw error(current == .symbol(",") ? .unsupported : .malformed, expected: "one index or slice")
    }
    let end = [.symbol(":"), .symbol("]")].contains(current) ? nil : try expression()
    let step = takes(":") && current != .symbol("]") ? try expression() : nil
    try expect("]")
    return .slice(value, start: start, end: end, step: step, line: line)
  }

  private mutating func call(_ function: Jinja.Expression) throws(LanguageError) -> Jinja.Expression {
    let line = line
    return .call(function, try arguments(), line: line)
  }

  private mutating func arguments() throws(LanguageError) -> Jinja.CallArguments {
    try expect("(")
    var result = Jinja.CallArguments()
    var isFirst = true
    while current != .symbol(")") {
      if !isFirst {
        try expect(",")
        if current == .symbol(")") { break }
      }
      isFirst = false
      if takes("*") {
        guard result.list == nil, result.dictionary == nil else { throw misplaced() }
        result.list = try expression()
      } else if takes("**") {
        guard result.dictionary == nil else { throw misplaced() }
        result.dictionary = try expression()
      } else if case .name(let name) = current, following == .symbol("=") {
        guard result.dictionary == nil, !result.keywords.contains(where: { $0.name == name }) else {
          throw misplaced()
        }
        advance()
        advance()
        result.keywords.append((name, try expression()))
      } else {
        guard result.list == nil, result.dictionary == nil, result.keywords.isEmpty else { throw misplaced() }
        result.positional.append(try expression())
      }
    }
    try expect(")")
    return result
  }

  private func misplaced() -> LanguageError {
    error(expected: "arguments in the order: values, names, *list, **dictionary")
  }

  // MARK: Filters and tests

  /// The filters that follow a value; the first without its bar where `startsWithName`.
  mutating func filters(on value: Jinja.Expression, startsWithName: Bool = false) throws(LanguageError)
    -> Jinja.Expression
  {
    var value = value
    var isFirst = startsWithName
    while isFirst || takes("|") {
      isFirst = false
      let (start, line) = (self, line)
      let name = try name("a filter")
      guard let filter = Jinja.Filter(rawValue: name), current != .symbol(".") else {
        throw start.error(.unsupported, "the filter \(name)", expected: "one of \(Jinja.Filter.names)")
      }
      value = .filter(filter, value, current == .symbol("(") ? try arguments() : .init(), line: line)
      try grow()
    }
    return value
  }

  private mutating func test(on value: Jinja.Expression) throws(LanguageError) -> Jinja.Expression {
    advance()
    let isNegated = takesName("not")
    let (start, line) = (self, line)
    let name = try name("a test")
    guard let test = Jinja.Test(rawValue: name), current != .symbol(".") else {
      throw start.error(.unsupported, "the test \(name)", expected: "one of \(Jinja.Test.names)")
    }
    var given = Jinja.CallArguments()
    switch current {
    case .symbol("("): given = try arguments()
    case .name("else"), .name("or"), .name("and"): break
    case .name("is"): throw error(expected: "one test for a value; more need parentheses")
    case .name, .text, .integer, .number, .symbol("["), .symbol("{"):
      let argument = try primary()
      given.positional = [try postfix(argument)]
    default: break
    }
    let result = Jinja.Expression.test(test, value, given, line: line)
    return isNegated ? .unary(.not, result) : result
  }
}
