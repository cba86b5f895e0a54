extension Jinja {
  /// A piece of a template.
  struct Token: Sendable {
    enum Kind: Equatable, Sendable {
      case data(String)
      case variableBegin, variableEnd, blockBegin, blockEnd
      case name(String)
      case text(String)
      case integer(Int)
      case number(Double)
      case symbol(String)
      case end
    }

    let kind: Kind
    let line: Int

    /// The token in an error.
    var description: String {
      switch kind {
      case .data: "text"
      case .variableBegin: "{{"
      case .variableEnd: "}}"
      case .blockBegin: "{%"
      case .blockEnd: "%}"
      case .name(let name): name
      case .text(let text): "the text '\(text)'"
      case .integer(let value): "\(value)"
      case .number(let value): "\(value)"
      case .symbol(let symbol): symbol
      case .end: "the end of the template"
      }
    }
  }

  /// Cuts a template into tokens, with white space around tags already taken away.
  struct Lexer {
    let file: String
    let source: [Unicode.Scalar]
    var position = 0
    private var line = 1
    private var tokens: [Token] = []
    /// Whether the last tag took the end of its line, so that the text after it starts a line.
    private var startsLine = true

    static func tokens(of source: String, file: String) throws(LanguageError) -> [Token] {
      var lexer = Lexer(source, file: file)
      while lexer.position < lexer.source.count { try lexer.readTextAndTag() }
      lexer.emit(.end)
      return lexer.tokens
    }

    private init(_ text: String, file: String) {
      self.file = file
      var source: [Unicode.Scalar] = []
      for scalar in text.unicodeScalars {
        if scalar == "\n", source.last == "\r" {
          source[source.count - 1] = "\n"
        } else {
          if source.last == "\r" { source[source.count - 1] = "\n" }
          source.append(scalar)
        }
      }
      if source.last == "\r" { source[source.count - 1] = "\n" }
      if source.last == "\n" { source.removeLast() }
      self.source = source
    }

    func error(_ kind: LanguageError.Kind, _ found: String, expected: String, line: Int? = nil)
      -> LanguageError
    {
      LanguageError(kind, file: file, place: "line \(line ?? self.line)", found: found, expected: expected)
    }

    mutating func emit(_ kind: Token.Kind) { tokens.append(Token(kind: kind, line: line)) }

    private func has(_ text: String, at index: Int) -> Bool {
      var index = index
      for scalar in text.unicodeScalars {
        guard index < source.count, source[index] == scalar else { return false }
        index += 1
      }
      return true
    }

    private func afterSpace(_ index: Int) -> Int {
      var index = index
      while index < source.count, PythonText.isSpace(source[index]) { index += 1 }
      return index
    }

    func string(_ range: Range<Int>) -> String {
      var text = String.UnicodeScalarView()
      text.append(contentsOf: source[range])
      return String(text)
    }

    /// Moves on, counting lines.
    mutating func advance(to index: Int) {
      while position < index {
        if source[position] == "\n" { line += 1 }
        position += 1
      }
    }

    // MARK: Text and tags

    private mutating func readTextAndTag() throws(LanguageError) {
      var tag = position
      while tag + 1 < source.count, source[tag] != "{" || !"{%#".unicodeScalars.contains(source[tag + 1]) {
        tag += 1
      }
      guard tag + 1 < source.count else {
        emit(.data(string(position..<source.count)))
        return advance(to: source.count)
      }
      let kind = source[tag + 1]
      let (sign, content) = sign(at: tag + 2)
      emitData(upTo: tag, sign: sign, stripsLine: kind != "{")
      switch kind {
      case "#": try skipComment(from: content)
      case "{":
        emit(.variableBegin)
        advance(to: content)
        try readExpression(isBlock: false)
      default:
        if let raw = startOfRaw(content) {
          try readRaw(from: raw)
        } else {
          emit(.blockBegin)
          advance(to: content)
          try readExpression(isBlock: true)
        }
      }
    }

    func sign(at index: Int) -> (sign: Unicode.Scalar?, next: Int) {
      guard index < source.count, source[index] == "-" || source[index] == "+" else { return (nil, index) }
      return (source[index], index + 1)
    }

    /// The text before a tag, without what the tag's sign and `lstrip_blocks` take from it.
    private mutating func emitData(upTo tag: Int, sign: Unicode.Scalar?, stripsLine: Bool) {
      let start = position
      var end = tag
      if sign == "-" {
        while end > start, PythonText.isSpace(source[end - 1]) { end -= 1 }
      } else if sign == nil, stripsLine {
        var lineStart = end
        while lineStart > start, source[lineStart - 1] != "\n" { lineStart -= 1 }
        if lineStart > start || startsLine, afterSpace(lineStart) >= tag { end = lineStart }
      }
      if end > start { emit(.data(string(start..<end))) }
      advance(to: tag)
    }

    /// Moves behind a tag's end and the space or the line's end that goes with it.
    private mutating func finish(at end: Int, sign: Unicode.Scalar?, trimsLine: Bool) {
      var next = end
      if sign == "-" {
        next = afterSpace(end)
      } else if sign == nil, trimsLine, end < source.count, source[end] == "\n" {
        next = end + 1
      }
      advance(to: next)
      startsLine = next > 0 && source[next - 1] == "\n"
    }

    private mutating func skipComment(from content: Int) throws(LanguageError) {
      var end = content
      while !has("#}", at: end) {
        guard end < source.count else {
          throw error(.malformed, "a comment without an end", expected: "#}")
        }
        end += 1
      }
      let last = end > content ? source[end - 1] : nil
      finish(at: end + 2, sign: last == "-" || last == "+" ? last : nil, trimsLine: true)
    }

    /// Where the content of a raw block starts, if this tag opens one.
    private func startOfRaw(_ content: Int) -> Int? {
      var index = afterSpace(content)
      guard has("raw", at: index) else { return nil }
      index = afterSpace(index + 3)
      if has("-%}", at: index) { return afterSpace(index + 3) }
      return has("%}", at: index) ? index + 2 : nil
    }

    private mutating func readRaw(from start: Int) throws(LanguageError) {
      let opened = line
      advance(to: start)
      startsLine = source[start - 1] == "\n"
      var tag = start
      while tag < source.count {
        if has("{%", at: tag) {
          let (openingSign, content) = sign(at: tag + 2)
          var index = afterSpace(content)
          if has("endraw", at: index) {
            index = afterSpace(index + 6)
            let (closingSign, close) = sign(at: index)
            if has("%}", at: close) {
              emitData(upTo: tag, sign: openingSign, stripsLine: true)
              return finish(at: close + 2, sign: closingSign, trimsLine: true)
            }
          }
        }
        tag += 1
      }
      throw error(.malformed, "a raw block without an end", expected: "{% endraw %}", line: opened)
    }

    // MARK: Expressions

    private mutating func readExpression(isBlock: Bool) throws(LanguageError) {
      let close = isBlock ? "%}" : "}}"
      var open: [Unicode.Scalar] = []
      while true {
        if open.isEmpty {
          let (sign, end) = sign(at: position)
          if sign == "-" || (sign == "+" && isBlock), has(close, at: end) {
            emit(isBlock ? .blockEnd : .variableEnd)
            return finish(at: end + 2, sign: sign, trimsLine: isBlock)
          }
          if has(close, at: position) {
            emit(isBlock ? .blockEnd : .variableEnd)
            return finish(at: position + 2, sign: nil, trimsLine: isBlock)
          }
        }
        guard position < source.count else {
          throw error(.malformed, "the end of the template", expected: close)
        }
        let scalar = source[position]
        switch scalar {
        case _ where PythonText.isSpace(scalar): advance(to: position + 1)
        case "0"..."9": try readNumber()
        case "'", "\"": try readText(quote: scalar)
        case _ where scalar == "_" || scalar.properties.isXIDContinue: try readName()
        default: try readSymbol(&open)
        }
      }
    }

    private mutating func readName() throws(LanguageError) {
      var end = position
      while end < source.count, source[end] == "_" || source[end].properties.isXIDContinue { end += 1 }
      guard source[position] == "_" || source[position].properties.isXIDStart else {
        throw error(.malformed, "'\(string(position..<end))'", expected: "a name")
      }
      emit(.name(string(position..<end)))
      advance(to: end)
    }

    private mutating func readSymbol(_ open: inout [Unicode.Scalar]) throws(LanguageError) {
      let two = position + 1 < source.count ? string(position..<position + 2) : ""
      let isDouble = ["**", "//", "==", "!=", ">=", "<="].contains(two)
      let symbol = isDouble ? two : string(position..<position + 1)
      let scalar = source[position]
      guard isDouble || "+-/*%~[](){}><=.:|,;".unicodeScalars.contains(scalar) else {
        throw error(.malformed, "'\(symbol)'", expected: "a part of an expression")
      }
      switch scalar {
      case "(": open.append(")")
      case "[": open.append("]")
      case "{": open.append("}")
      case ")", "]", "}":
        guard open.popLast() == scalar else {
          throw error(.malformed, "'\(symbol)'", expected: "brackets that match")
        }
      default: break
      }
      emit(.symbol(symbol))
      advance(to: position + (isDouble ? 2 : 1))
    }
  }
}
