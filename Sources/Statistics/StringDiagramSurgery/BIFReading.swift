import Foundation
import Training

extension CausalNetwork {
  /// Reads a network in the Interchange Format for Bayesian networks (`.bif`), as bnlearn, pgmpy and GeNIe write it.
  ///
  /// `variable` blocks with discrete types; `probability` blocks with a row a combination of the parents' states, `default`,
  /// or one `table`, in which the child is the slowest and the last parent the fastest. Properties are passed over. Rows
  /// that sum to 1 only to within 1e-6 are normalised, which ``warnings`` say.
  /// - Throws: ``StatisticsError`` with the line, the box and the row; `TextError` where the file is missing.
  public init(bif url: URL) throws {
    try self.init(parsingBIF: try String(textOf: url), source: url.lastPathComponent)
  }

  public init(parsingBIF text: String, source: String = "network") throws(StatisticsError) {
    var parser = BIFParser(text, source: source)
    try parser.parse()
    var boxes: [CausalDiagram.Box] = []
    var tables: [String: [Double]] = [:]
    var states: [String: [String]] = [:]
    for variable in parser.variables {
      guard let block = parser.blocks[variable.name] else {
        throw StatisticsError(
          .badData, "\(source), box \(variable.name)", found: "no probability block", expected: "one")
      }
      boxes.append(CausalDiagram.Box(variable.name, of: variable.name, parents: block.parents.names))
      tables[variable.name] = block.values
      states[variable.name] = variable.states
    }
    let diagram = try CausalDiagram(boxes, states: states, source: source)
    try self.init(diagram, variables: parser.variables, tables: tables, source: source)
  }
}

private struct BIFParser {
  struct Block {
    let parents: [FiniteVariable]
    var values: [Double]
  }

  private struct Token {
    let text: String
    let line: Int
    var isQuoted = false
  }

  private let source: String
  private var tokens: [Token] = []
  private var position = 0
  private(set) var variables: [FiniteVariable] = []
  private(set) var blocks: [String: Block] = [:]

  init(_ text: String, source: String) {
    self.source = source
    tokens = Self.split(text)
  }

  private static func split(_ text: String) -> [Token] {
    var tokens: [Token] = []
    var line = 1
    let characters = Array(text.unicodeScalars)
    var i = 0
    let marks: Set<Unicode.Scalar> = ["{", "}", "(", ")", "[", "]", "|", ",", ";"]
    while i < characters.count {
      let c = characters[i]
      let next = i + 1 < characters.count ? characters[i + 1] : nil
      if c == "\n" { line += 1 }
      if c.properties.isWhitespace {
        i += 1
      } else if c == "/", next == "/" {
        while i < characters.count, characters[i] != "\n" { i += 1 }
      } else if c == "/", next == "*" {
        i += 2
        while i < characters.count,
          !(characters[i] == "*" && i + 1 < characters.count && characters[i + 1] == "/")
        {
          if characters[i] == "\n" { line += 1 }
          i += 1
        }
        i += 2
      } else if c == "\"" {
        var word = String.UnicodeScalarView()
        i += 1
        while i < characters.count, characters[i] != "\"" {
          if characters[i] == "\n" { line += 1 }
          word.append(characters[i])
          i += 1
        }
        i += 1
        tokens.append(Token(text: String(word), line: line, isQuoted: true))
      } else if marks.contains(c) {
        tokens.append(Token(text: String(c), line: line))
        i += 1
      } else {
        var word = String.UnicodeScalarView()
        while i < characters.count, !characters[i].properties.isWhitespace, !marks.contains(characters[i]),
          characters[i] != "\""
        {
          word.append(characters[i])
          i += 1
        }
        tokens.append(Token(text: String(word), line: line))
      }
    }
    return tokens
  }

  // MARK: Grammar

  mutating func parse() throws(StatisticsError) {
    while position < tokens.count {
      let token = try next("a block")
      switch token.text {
      case "network":
        // Its name may be several words.
        while position < tokens.count, tokens[position].text != "{" { position += 1 }
        try skipBlock()
      case "variable": try variable()
      case "probability": try probability()
      default:
        throw error(token, expected: "network, variable or probability", advice: "is this a BIF file?")
      }
    }
    guard !variables.isEmpty else {
      throw StatisticsError(.badData, source, found: "no variables", expected: "variable blocks")
    }
  }

  private mutating func skipBlock() throws(StatisticsError) {
    try expect("{")
    var depth = 1
    while depth > 0 {
      let token = try next("}")
      if token.text == "{", !token.isQuoted { depth += 1 }
      if token.text == "}", !token.isQuoted { depth -= 1 }
    }
  }

  private mutating func variable() throws(StatisticsError) {
    let name = try next("a variable's name")
    guard !variables.contains(where: { $0.name == name.text }) else {
      throw error(name, expected: "a variable with a name of its own")
    }
    try expect("{")
    var states: [String]?
    while true {
      let token = try next("}")
      if token.text == "}" { break }
      if token.text == "property" {
        try skipStatement()
        continue
      }
      guard token.text == "type" else { throw error(token, expected: "type or property") }
      let kind = try next("discrete")
      guard kind.text == "discrete" else {
        throw error(kind, expected: "discrete", advice: "continuous variables must be binned first")
      }
      try expect("[")
      let count = try next("a number of states")
      try expect("]")
      try expect("{")
      var found: [String] = []
      while true {
        let token = try next("}")
        if token.text == "}" { break }
        if token.text != "," || token.isQuoted { found.append(token.text) }
      }
      try expect(";")
      guard Int(count.text) == found.count else {
        throw error(count, "\(found.count) states of \(name.text)", expected: "\(count.text), as it says")
      }
      states = found
    }
    guard let states else { throw error(name, "\(name.text) without a type", expected: "its states") }
    variables.append(try FiniteVariable(name.text, states: states))
  }

  private mutating func known(_ role: String) throws(StatisticsError) -> FiniteVariable {
    let token = try next(role)
    guard let found = variables.first(where: { $0.name == token.text }) else {
      throw error(token, "the unknown variable \(token.text)", expected: "one that a variable block defines")
    }
    return found
  }

  private mutating func probability() throws(StatisticsError) {
    try expect("(")
    let line = tokens[min(position, tokens.count - 1)]
    let child = try known("a variable")
    var parents: [FiniteVariable] = []
    var separator = try next(")")
    guard separator.text == "|" || separator.text == ")" else {
      throw error(separator, expected: "| or )", advice: "a block is for one variable")
    }
    while separator.text != ")" {
      parents.append(try known("a parent"))
      separator = try next(")")
      guard separator.text == "," || separator.text == ")" else { throw error(separator, expected: ", or )") }
    }
    guard blocks[child.name] == nil else {
      throw error(line, "a second block for \(child.name)", expected: "one")
    }
    guard let rows = parents.cellCount, rows <= Contraction.defaultLimit / child.count else {
      throw error(line, "a table with too many rows", expected: "at most \(Contraction.defaultLimit) cells")
    }
    var block = Block(parents: parents, values: Array(repeating: .nan, count: rows * child.count))
    var fallback: [Double]?
    try expect("{")
    while true {
      let token = try next("}")
      switch token.text {
      case "}":
        try finish(child, &block, fallback, line)
        blocks[child.name] = block
        return
      case "property": try skipStatement()
      case "table":
        let numbers = try self.numbers()
        guard numbers.count == block.values.count else {
          throw error(
            token, "box \(child.name): \(numbers.count) numbers", expected: "\(rows) × \(child.count)")
        }
        for (i, number) in numbers.enumerated() {
          // The child is the slowest there, and the fastest here.
          block.values[i % rows * child.count + i / rows] = number
        }
      case "default": fallback = try row(child, token)
      case "(": try conditionalRow(child, &block, token)
      default: throw error(token, expected: "a row, table or default")
      }
    }
  }

  private mutating func conditionalRow(_ child: FiniteVariable, _ block: inout Block, _ start: Token)
    throws(StatisticsError)
  {
    var flat = 0
    for (i, parent) in block.parents.enumerated() {
      let state = try next("a state of \(parent.name)")
      guard let index = parent.states.firstIndex(of: state.text) else {
        throw error(
          state, "box \(child.name): the state \(state.text) of \(parent.name)",
          expected: "one of \(parent.states.joined(separator: ", "))")
      }
      flat = flat * parent.count + index
      try expect(i == block.parents.count - 1 ? ")" : ",")
    }
    let values = try row(child, start)
    let place = block.parents.cellText(flat)
    guard block.values[flat * child.count].isNaN else {
      throw error(start, "box \(child.name), row \(place) a second time", expected: "every row once")
    }
    block.values.replaceSubrange(flat * child.count..<(flat + 1) * child.count, with: values)
  }

  private mutating func row(_ child: FiniteVariable, _ start: Token) throws(StatisticsError) -> [Double] {
    let values = try numbers()
    guard values.count == child.count else {
      throw error(
        start, "box \(child.name): \(values.count) numbers", expected: "\(child.count), one a state")
    }
    return values
  }

  private func finish(_ child: FiniteVariable, _ block: inout Block, _ fallback: [Double]?, _ line: Token)
    throws(StatisticsError)
  {
    for row in 0..<block.values.count / child.count where block.values[row * child.count].isNaN {
      guard let fallback else {
        throw error(
          line, "box \(child.name) without the row \(block.parents.cellText(row))", expected: "all rows",
          advice: "add it, or a default")
      }
      block.values.replaceSubrange(row * child.count..<(row + 1) * child.count, with: fallback)
    }
  }

  private mutating func numbers() throws(StatisticsError) -> [Double] {
    var values: [Double] = []
    while true {
      let token = try next("a number")
      if token.text == ";" { return values }
      if token.text == "," { continue }
      guard let value = Double(token.text), value.isFinite else {
        throw error(token, expected: "a number or ;")
      }
      values.append(value)
    }
  }

  private mutating func skipStatement() throws(StatisticsError) {
    while try next(";").text != ";" {}
  }

  private mutating func next(_ expected: String) throws(StatisticsError) -> Token {
    guard position < tokens.count else {
      let line = tokens.last?.line ?? 1
      throw StatisticsError(.badData, "\(source):\(line)", found: "the end of the file", expected: expected)
    }
    position += 1
    return tokens[position - 1]
  }

  private mutating func expect(_ mark: String) throws(StatisticsError) {
    let token = try next(mark)
    guard token.text == mark, !token.isQuoted else { throw error(token, expected: mark) }
  }

  private func error(_ token: Token, _ found: String? = nil, expected: String, advice: String? = nil)
    -> StatisticsError
  {
    StatisticsError(
      .badData, "\(source):\(token.line)", found: found ?? "\"\(token.text.prefix(40))\"", expected: expected,
      advice: advice)
  }
}
