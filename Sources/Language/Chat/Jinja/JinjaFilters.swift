extension Jinja {
  /// What `|` does to a value.
  enum Filter: String, Sendable, CaseIterable {
    case abs, attr, capitalize, count, d, `default`, dictsort, first, float, format, indent, int, items, join,
      last
    case length, list, lower, map, max, min, reject, rejectattr, replace, reverse, round, safe, select,
      selectattr
    case sort, string, sum, title, tojson, trim, unique, upper, wordcount

    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
  }
}

extension Jinja.Renderer {
  func filterOf(
    _ filter: Jinja.Filter, _ value: Jinja.Expression, _ arguments: Jinja.CallArguments, _ line: Int,
    _ scope: Jinja.Scope
  ) throws(LanguageError) -> Jinja.Value {
    let value = try evaluate(value, scope)
    let arguments = try evaluate(arguments, scope)
    self.line = line
    return try apply(filter, to: value, arguments)
  }

  func apply(_ filter: Jinja.Filter, to value: Jinja.Value, _ arguments: Jinja.Arguments)
    throws(LanguageError) -> Jinja.Value
  {
    func given(_ names: String..., required: Int = 0) throws(LanguageError) -> [Jinja.Value?] {
      try arguments.bound(to: names, required: required, of: filter.rawValue, self)
    }
    switch filter {
    case .d, .default:
      let given = try given("default_value", "boolean")
      let isMissing = value.isUndefined || (given[1]?.isTrue ?? false) && !value.isTrue
      return isMissing ? given[0] ?? .text("") : value
    case .length, .count:
      _ = try given()
      return .integer(try count(of: value))
    case .abs:
      _ = try given()
      return try absolute(value)
    case .int:
      let given = try given("default", "base")
      guard given[1] == nil || given[1]!.wholeNumber == 10 else {
        throw failure(.unsupported, "int with another base", expected: "base 10")
      }
      try refuseUndefined(value)
      return try wholeNumber(value).map { .integer($0) } ?? given[0] ?? .integer(0)
    case .float:
      let given = try given("default")
      try refuseUndefined(value)
      return try realNumber(value).map { .number($0) } ?? given[0] ?? .number(0)
    case .round:
      let given = try given("precision", "method")
      guard let digits = (given[0] ?? .integer(0)).wholeNumber else {
        throw failure(.badValue, "digits that are no whole number", expected: "0 or more")
      }
      return try rounded(value, digits, try text(given[1] ?? .text("common")))
    case .attr:
      guard case .text(let name) = try given("name", required: 1)[0]! else {
        throw failure(.badValue, "the name of an attribute that is no text", expected: "a text")
      }
      try refuseUndefined(value)
      return try pythonAttribute(name, of: value)
        ?? .undefined("'\(value.objectName)' has no attribute '\(name)'")
    case .tojson: return try toJSON(value, arguments)
    case .safe:
      _ = try given()
      return .safe(try text(value))
    case .string:
      _ = try given()
      if case .safe = value { return value }
      return .text(try text(value))
    case .capitalize, .format, .indent, .lower, .replace, .title, .trim, .upper, .wordcount:
      return try applyToText(filter, value, arguments)
    default: return try applyToSequence(filter, value, arguments)
    }
  }

  private func absolute(_ value: Jinja.Value) throws(LanguageError) -> Jinja.Value {
    try refuseUndefined(value)
    if let number = value.wholeNumber {
      guard number != .min else { throw tooLarge() }
      return .integer(Swift.abs(number))
    }
    guard case .number(let number) = value else {
      throw failure(
        .badValue, "the absolute value of a value of type \(value.typeName)", expected: "a number")
    }
    return .number(Swift.abs(number))
  }

  private func toJSON(_ value: Jinja.Value, _ arguments: Jinja.Arguments) throws(LanguageError)
    -> Jinja.Value
  {
    let given = try arguments.bound(
      to: ["ensure_ascii", "indent", "separators", "sort_keys"], of: "tojson", self)
    var style = JSONStyle()
    style.asciiOnly = given[0]?.isTrue ?? false
    style.sortsKeys = given[3]?.isTrue ?? false
    switch given[1] {
    case nil, Jinja.Value.none?: break
    case .text(let text): style.indent = text
    case let width? where width.wholeNumber != nil: style.indent = try repeated(" ", width.wholeNumber!)
    case let other?:
      throw failure(
        .badValue, "an indent that is a value of type \(other.typeName)",
        expected: "a number of spaces or a text")
    }
    if style.indent != nil { style.itemSeparator = "," }
    if let separators = given[2], !separators.isNone {
      let parts = try elements(of: separators)
      guard parts.count == 2, case .text(let item) = parts[0], case .text(let key) = parts[1] else {
        throw failure(.badValue, "separators that are not two texts", expected: "two texts")
      }
      (style.itemSeparator, style.keySeparator) = (item, key)
    }
    return .text(try json(value, style: style))
  }

  // MARK: Texts

  private func applyToText(_ filter: Jinja.Filter, _ value: Jinja.Value, _ arguments: Jinja.Arguments)
    throws(LanguageError) -> Jinja.Value
  {
    if case .safe = value {
      throw failure(
        .unsupported, "\(filter.rawValue) of a text marked as safe", expected: "safe as the last filter")
    }
    let text = try text(value)
    try spend(8 * text.utf8.count)
    func given(_ names: String..., required: Int = 0) throws(LanguageError) -> [Jinja.Value?] {
      try arguments.bound(to: names, required: required, of: filter.rawValue, self)
    }
    switch filter {
    case .trim:
      guard let characters = try given("chars")[0], !characters.isNone else {
        return .text(PythonText.strip(text, nil))
      }
      try refuseUndefined(characters)
      guard case .text(let set) = characters else {
        throw failure(.badValue, "a value of type \(characters.typeName) given to trim", expected: "a text")
      }
      return .text(PythonText.strip(text, set))
    case .replace:
      let given = try given("old", "new", "count", required: 2)
      guard given[2]?.isNone ?? true || given[2]!.wholeNumber != nil else {
        throw failure(.badValue, "a count that is no whole number", expected: "one")
      }
      return .text(
        try replaced(
          text, try self.text(given[0]!), try self.text(given[1]!), limit: given[2]?.wholeNumber ?? -1))
    case .indent: return .text(try indented(value, try given("width", "first", "blank")))
    case .format:
      guard arguments.keywords.isEmpty else {
        throw failure(.unsupported, "format with names", expected: "values in their order")
      }
      return .text(try formatted(text, with: .tuple(try sequence(arguments.positional))))
    default: break
    }
    _ = try given()
    switch filter {
    case .capitalize: return .text(PythonText.capitalised(text))
    case .lower: return .text(PythonText.lower(text))
    case .upper: return .text(PythonText.upper(text))
    case .title: return .text(PythonText.headline(text))
    default:
      let isWord = text.unicodeScalars.map { $0 == "_" || PythonText.isAlphanumeric($0) }
      return .integer(zip([false] + isWord, isWord).count { !$0 && $1 })
    }
  }

  private func indented(_ value: Jinja.Value, _ given: [Jinja.Value?]) throws(LanguageError) -> String {
    try refuseUndefined(value)
    guard case .text(let text) = value else {
      throw failure(.badValue, "a value of type \(value.typeName) to indent", expected: "a text")
    }
    var indent = "    "
    switch given[0] {
    case nil: break
    case .text(let text): indent = text
    case let width?:
      guard let count = width.wholeNumber else {
        throw failure(
          .badValue, "a width that is a value of type \(width.typeName)",
          expected: "a number of spaces or a text")
      }
      indent = try repeated(" ", count)
    }
    let lines = PythonText.lines(text + "\n")
    try spend(indent.utf8.count, times: lines.count)
    let takesBlank = given[2]?.isTrue ?? false
    let rest = lines.dropFirst().map { $0.isEmpty && !takesBlank ? $0 : indent + $0 }
    let first = given[1]?.isTrue ?? false ? indent + lines[0] : lines[0]
    return ([first] + rest).joined(separator: "\n")
  }
}
