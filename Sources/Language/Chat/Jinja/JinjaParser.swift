extension Jinja {
  /// Reads tokens as statements; expressions are read in `JinjaExpressions.swift`.
  struct Parser {
    let file: String
    private let tokens: [Token]
    private var position = 0
    /// How deep the part being read lies, in statements and in expressions.
    var depth = 0
    /// Whether a `break` would leave a loop of this template.
    private var isInLoop = false
    /// The names that are mentioned, from the innermost macro that is being read outwards.
    private var mentioned: [Set<String>] = []

    /// At most how high the tree of the expression being read is.
    var height = 0

    static let depthLimit = 100
    static let heightLimit = 150

    static func statements(of source: String, file: String) throws(LanguageError) -> [Statement] {
      var parser = Parser(file: file, tokens: try Lexer.tokens(of: source, file: file))
      return try parser.statements(until: [])
    }

    private init(file: String, tokens: [Token]) {
      (self.file, self.tokens) = (file, tokens)
    }

    // MARK: Tokens

    var current: Token.Kind { tokens[position].kind }
    var line: Int { tokens[position].line }
    var following: Token.Kind { tokens[min(position + 1, tokens.count - 1)].kind }

    mutating func advance() { if position + 1 < tokens.count { position += 1 } }

    mutating func takes(_ symbol: String) -> Bool {
      guard current == .symbol(symbol) else { return false }
      advance()
      return true
    }

    mutating func takesName(_ name: String) -> Bool {
      guard current == .name(name) else { return false }
      advance()
      return true
    }

    func error(_ kind: LanguageError.Kind = .malformed, _ found: String? = nil, expected: String)
      -> LanguageError
    {
      LanguageError(
        kind, file: file, place: "line \(line)", found: found ?? tokens[position].description,
        expected: expected)
    }

    mutating func expect(_ symbol: String) throws(LanguageError) {
      guard takes(symbol) else { throw error(expected: symbol) }
    }

    mutating func name(_ expected: String = "a name") throws(LanguageError) -> String {
      guard case .name(let name) = current else { throw error(expected: expected) }
      advance()
      return name
    }

    private mutating func expectBlockEnd() throws(LanguageError) {
      guard current == .blockEnd else { throw error(expected: "%}") }
      advance()
    }

    mutating func mention(_ name: String) {
      if !mentioned.isEmpty { mentioned[mentioned.count - 1].insert(name) }
    }

    /// Reads one level deeper.
    mutating func nested<Result>(_ body: (inout Parser) throws(LanguageError) -> Result)
      throws(LanguageError) -> Result
    {
      guard depth < Self.depthLimit else {
        throw error(
          .unsupported, "nesting deeper than \(Self.depthLimit)",
          expected: "at most \(Self.depthLimit) levels of statements, brackets and operators")
      }
      depth += 1
      defer { depth -= 1 }
      return try body(&self)
    }

    // MARK: Statements

    /// Statements up to one of these tags, whose name is then the current token.
    private mutating func statements(until ends: [String], opened: Int = 1) throws(LanguageError)
      -> [Statement]
    {
      var result: [Statement] = []
      while true {
        let line = line
        switch current {
        case .data(let text):
          advance()
          result.append(.text(text))
        case .variableBegin:
          advance()
          result.append(.output(try tuple(), line: line))
          guard current == .variableEnd else { throw error(expected: "}}") }
          advance()
        case .blockBegin:
          advance()
          if case .name(let name) = current, ends.contains(name) { return result }
          result.append(try nested { (parser) throws(LanguageError) in try parser.statement(ends) })
          try expectBlockEnd()
        default:
          guard ends.isEmpty else {
            throw LanguageError(
              .malformed, file: file, place: "line \(opened)", found: "a block without an end",
              expected: ends.joined(separator: " or "))
          }
          return result
        }
      }
    }

    /// The statements inside a block; the tag that ends them is left as the current token.
    private mutating func body(until ends: String...) throws(LanguageError) -> [Statement] {
      _ = takes(":")
      let opened = line
      try expectBlockEnd()
      return try statements(until: ends, opened: opened)
    }

    /// The same with the ending tag taken.
    private mutating func wholeBody(until end: String) throws(LanguageError) -> [Statement] {
      let statements = try body(until: end)
      advance()
      return statements
    }

    private mutating func statement(_ ends: [String]) throws(LanguageError) -> Statement {
      let (start, line) = (self, line)
      height = 0
      let tag = try name("the name of a statement")
      switch tag {
      case "if": return try conditional(line)
      case "for": return try loop(line)
      case "set": return try set(line)
      case "macro": return try macro(line)
      case "call": return try callBlock(line)
      case "filter":
        let value = try filters(on: .name(Jinja.captured), startsWithName: true)
        return .filterBlock(value, body: try wholeBody(until: "endfilter"), line: line)
      case "with": return try with(line)
      case "print":
        var parts = [try expression()]
        while takes(",") { parts.append(try expression()) }
        return .output(parts.count == 1 ? parts[0] : .concatenation(parts), line: line)
      case "generation":
        return .generation(
          try insideFunction { (parser) throws(LanguageError) in try parser.wholeBody(until: "endgeneration")
          })
      case "break", "continue":
        guard isInLoop else { throw start.error(expected: "a loop around it") }
        return tag == "break" ? .breakLoop : .continueLoop
      case _ where tag.hasPrefix("end") || ["else", "elif"].contains(tag):
        throw start.error(expected: ends.isEmpty ? "no block to end here" : ends.joined(separator: " or "))
      default:
        throw start.error(
          .unsupported, "the statement \(tag)",
          expected: "if, for, set, macro, call, filter, with, print, generation, break, continue or raw")
      }
    }

    /// Reads something that a loop outside of it cannot be left from.
    private mutating func insideFunction<Result>(_ body: (inout Parser) throws(LanguageError) -> Result)
      throws(LanguageError) -> Result
    {
      let outer = isInLoop
      isInLoop = false
      defer { isInLoop = outer }
      return try body(&self)
    }

    private mutating func conditional(_ line: Int) throws(LanguageError) -> Statement {
      var branches: [(test: Expression, body: [Statement])] = []
      repeat {
        let test = try tuple(allowsConditional: false)
        branches.append((test, try body(until: "elif", "else", "endif")))
      } while takesName("elif")
      var otherwise: [Statement] = []
      if takesName("else") {
        otherwise = try wholeBody(until: "endif")
      } else {
        advance()
      }
      return .conditional(branches, otherwise: otherwise, line: line)
    }

    private mutating func loop(_ line: Int) throws(LanguageError) -> Statement {
      let target = try target(allowsAttribute: false)
      guard takesName("in") else { throw error(expected: "in") }
      let iterable = try tuple(allowsConditional: false)
      let condition = takesName("if") ? try expression() : nil
      let isRecursive = takesName("recursive")
      let outer = isInLoop
      isInLoop = true
      let statements = try body(until: "endfor", "else")
      isInLoop = outer
      var otherwise: [Statement] = []
      if takesName("else") {
        otherwise = try wholeBody(until: "endfor")
      } else {
        advance()
      }
      return .loop(
        Loop(
          target: target, iterable: iterable, condition: condition, isRecursive: isRecursive,
          body: statements, otherwise: otherwise), line: line)
    }

    private mutating func set(_ line: Int) throws(LanguageError) -> Statement {
      let target = try target(allowsAttribute: true)
      if takes("=") { return .assignment(target, try tuple(), line: line) }
      let value = try filters(on: .name(Jinja.captured))
      let body = try wholeBody(until: "endset")
      return .capture(target, value, body: body, line: line)
    }

    private mutating func with(_ line: Int) throws(LanguageError) -> Statement {
      var values: [(target: Target, value: Expression)] = []
      while current != .blockEnd {
        if !values.isEmpty { try expect(",") }
        let target = try target(allowsAttribute: false, isSingle: true)
        try expect("=")
        values.append((target, try expression()))
      }
      return .with(values, body: try wholeBody(until: "endwith"), line: line)
    }

    // MARK: Macros

    private mutating func macro(_ line: Int) throws(LanguageError) -> Statement {
      let name = try name()
      let macro = try macroBody(name, hasParameters: true, until: "endmacro") {
        (_) throws(LanguageError) in ()
      }
      return .macro(macro.macro, line: line)
    }

    private mutating func callBlock(_ line: Int) throws(LanguageError) -> Statement {
      let start = self
      let (macro, call) = try macroBody("caller", hasParameters: current == .symbol("("), until: "endcall") {
        (parser) throws(LanguageError) in try parser.expression()
      }
      guard case .call(let function, let arguments, _) = call else {
        throw start.error(expected: "a call")
      }
      return .callBlock(macro, function: function, arguments: arguments, line: line)
    }

    /// A macro from its parameters on; `middle` reads what stands between them and the body.
    private mutating func macroBody<Middle>(
      _ name: String, hasParameters: Bool, until end: String,
      middle: (inout Parser) throws(LanguageError) -> Middle
    ) throws(LanguageError) -> (macro: Macro, middle: Middle) {
      var macro = Macro(name: name)
      if hasParameters {
        try expect("(")
        while current != .symbol(")") {
          if !macro.parameters.isEmpty { try expect(",") }
          macro.parameters.append(try self.name("a parameter"))
          if takes("=") {
            macro.defaults.append(try expression())
          } else if !macro.defaults.isEmpty {
            throw error(expected: "a default, as the parameters before it have")
          }
        }
        try expect(")")
      }
      let middle = try middle(&self)
      mentioned.append([])
      macro.body = try insideFunction { (parser) throws(LanguageError) in try parser.wholeBody(until: end) }
      let names = mentioned.removeLast()
      // An inner macro's names count for the outer one too, as in jinja2.
      if !mentioned.isEmpty { mentioned[mentioned.count - 1].formUnion(names) }
      macro.takesList = names.contains("varargs") && !macro.parameters.contains("varargs")
      macro.takesDictionary = names.contains("kwargs") && !macro.parameters.contains("kwargs")
      macro.takesCaller = names.contains("caller") && !macro.parameters.contains("caller")
      return (macro, middle)
    }

    // MARK: Targets

    private mutating func target(allowsAttribute: Bool, isSingle: Bool = false) throws(LanguageError)
      -> Target
    {
      var targets: [Target] = []
      var isTuple = false
      repeat {
        if [.blockEnd, .variableEnd, .symbol(")"), .symbol("=")].contains(current) { break }
        targets.append(try singleTarget(allowsAttribute: allowsAttribute))
        if isSingle { break }
        if current == .symbol(",") { isTuple = true }
      } while takes(",")
      guard let first = targets.first else { throw error(expected: "a name to assign to") }
      return isTuple ? .tuple(targets) : first
    }

    private mutating func singleTarget(allowsAttribute: Bool) throws(LanguageError) -> Target {
      if takes("(") {
        let inner = try nested { (parser) throws(LanguageError) in
          try parser.target(allowsAttribute: false)
        }
        try expect(")")
        return inner
      }
      let start = self
      let name = try name("a name to assign to")
      guard !["true", "false", "none", "True", "False", "None", "loop"].contains(name) else {
        throw start.error(expected: "another name to assign to")
      }
      if allowsAttribute, takes(".") { return .attribute(namespace: name, name: try self.name()) }
      return .name(name)
    }
  }
}
