extension Jinja {
  /// What `is` asks about a value.
  enum Test: String, Sendable, CaseIterable {
    case defined, undefined, none, boolean, integer, float, number, string, mapping, sequence, iterable,
      callable
    case odd, even, divisibleby, lower, upper, sameas
    case isTrue = "true"
    case isFalse = "false"
    case isIn = "in"
    case equal = "eq"
    case equalTo = "equalto"
    case equalSign = "=="
    case notEqual = "ne"
    case notEqualSign = "!="
    case less = "lt"
    case lessThan = "lessthan"
    case lessSign = "<"
    case lessOrEqual = "le"
    case lessOrEqualSign = "<="
    case greater = "gt"
    case greaterThan = "greaterthan"
    case greaterSign = ">"
    case greaterOrEqual = "ge"
    case greaterOrEqualSign = ">="

    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// The comparison that the test stands for.
    var comparison: Comparison? {
      switch self {
      case .equal, .equalTo, .equalSign: .equal
      case .notEqual, .notEqualSign: .notEqual
      case .less, .lessThan, .lessSign: .less
      case .lessOrEqual, .lessOrEqualSign: .lessOrEqual
      case .greater, .greaterThan, .greaterSign: .greater
      case .greaterOrEqual, .greaterOrEqualSign: .greaterOrEqual
      case .isIn: .isIn
      default: nil
      }
    }
  }
}

extension Jinja.Renderer {
  func testOf(
    _ test: Jinja.Test, _ value: Jinja.Expression, _ arguments: Jinja.CallArguments, _ line: Int,
    _ scope: Jinja.Scope
  ) throws(LanguageError) -> Jinja.Value {
    let value = try evaluate(value, scope)
    let arguments = try evaluate(arguments, scope)
    self.line = line
    return .bool(try passes(test, value, arguments))
  }

  /// The test with this name, which a template computed.
  func test(named name: Jinja.Value) throws(LanguageError) -> Jinja.Test {
    guard case .text(let text) = name, let test = Jinja.Test(rawValue: text) else {
      throw failure(.unsupported, "the test \(try text(name))", expected: "one of \(Jinja.Test.names)")
    }
    return test
  }

  func passes(_ test: Jinja.Test, _ value: Jinja.Value, _ arguments: Jinja.Arguments)
    throws(LanguageError) -> Bool
  {
    if let comparison = test.comparison {
      let other = try arguments.bound(to: ["other"], required: 1, of: test.rawValue, self)[0]!
      return try compare(comparison, value, other)
    }
    switch test {
    case .divisibleby:
      let divisor = try arguments.bound(to: ["num"], required: 1, of: "divisibleby", self)[0]!
      return try isEqual(try evaluate(.remainder, value, divisor), .integer(0))
    case .sameas:
      return try isSame(value, try arguments.bound(to: ["other"], required: 1, of: "sameas", self)[0]!)
    default:
      _ = try arguments.bound(to: [], of: test.rawValue, self)
      return try passes(test, value)
    }
  }

  /// The tests without arguments.
  private func passes(_ test: Jinja.Test, _ value: Jinja.Value) throws(LanguageError) -> Bool {
    switch (test, value) {
    case (.defined, _): return !value.isUndefined
    case (.undefined, _): return value.isUndefined
    case (.none, _): return value.isNone
    case (.boolean, .bool), (.isTrue, .bool(true)), (.isFalse, .bool(false)): return true
    case (.integer, .integer), (.float, .number): return true
    case (.number, _): return value.realNumber != nil
    case (.string, .text), (.string, .safe), (.mapping, .dictionary): return true
    case (.sequence, .text), (.sequence, .safe), (.sequence, .list), (.sequence, .tuple),
      (.sequence, .dictionary), (.sequence, .range), (.sequence, .undefined):
      return true
    case (.iterable, .none), (.iterable, .bool), (.iterable, .integer), (.iterable, .number),
      (.iterable, .namespace), (.iterable, .macro), (.iterable, .function), (.iterable, .method):
      return false
    case (.iterable, _): return true
    // Python takes what is undefined for callable, as the attempt to call it has its own error.
    case (.callable, .macro), (.callable, .function), (.callable, .method), (.callable, .loop),
      (.callable, .undefined):
      return true
    case (.odd, _), (.even, _):
      let rest = try evaluate(.remainder, value, .integer(2))
      return try isEqual(rest, .integer(test == .odd ? 1 : 0))
    case (.lower, _), (.upper, _):
      let text = try text(value)
      try spend(8 * text.utf8.count)
      return test == .lower ? PythonText.isLower(text) : PythonText.isUpper(text)
    default: return false
    }
  }

  /// Whether two values are one object, for the values of which Python has only one.
  private func isSame(_ a: Jinja.Value, _ b: Jinja.Value) throws(LanguageError) -> Bool {
    switch (a, b) {
    case (.none, .none): return true
    case (.bool(let x), .bool(let y)): return x == y
    case (.namespace(let x), .namespace(let y)): return x === y
    case (.none, _), (_, .none), (.bool, _), (_, .bool): return false
    case _ where a.typeName != b.typeName: return false
    default:
      throw failure(
        .unsupported, "sameas between two values of type \(a.typeName)",
        expected: "true, false or none; else ==")
    }
  }
}
