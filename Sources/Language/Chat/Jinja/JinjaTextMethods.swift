extension Jinja.Renderer {
  /// A method of a text.
  func call(_ name: String, of text: String, _ arguments: Jinja.Arguments) throws(LanguageError)
    -> Jinja.Value
  {
    // A character takes longer than a byte of plain text.
    try spend(8 * text.utf8.count)
    let call = TextCall(name: name, text: text, arguments: arguments, renderer: self)
    switch name {
    case "strip", "lstrip", "rstrip":
      let characters = try call.values(["chars"])[0]
      return .text(
        PythonText.strip(
          text, try call.optionalText(characters), start: name != "rstrip", end: name != "lstrip"))
    case "split", "rsplit": return try split(call)
    case "splitlines":
      let keeps = try call.values(["keepends"], areNamed: true)[0]?.isTrue ?? false
      return try list(PythonText.lines(text, keepingEnds: keeps).map { .text($0) })
    case "partition", "rpartition": return try partition(call)
    case "startswith", "endswith": return .bool(try hasAffix(call, atStart: name == "startswith"))
    case "removeprefix", "removesuffix":
      let part = try call.text(try call.values(["affix"], required: 1)[0]!)
      let fits = name == "removeprefix" ? starts(text, with: part) : ends(text, with: part)
      guard fits else { return .text(text) }
      let (bytes, count) = (text.utf8, part.utf8.count)
      return .text(
        String(
          decoding: name == "removeprefix" ? bytes.dropFirst(count) : bytes.dropLast(count), as: UTF8.self))
    case "replace":
      let given = try call.values(["old", "new", "count"], required: 2)
      return .text(
        try replaced(
          text, try call.text(given[0]!), try call.text(given[1]!), limit: try call.number(given[2], -1)))
    case "find", "rfind", "index", "rindex", "count": return try find(call)
    case "join":
      var parts: [String] = []
      for element in try elements(of: try call.values(["iterable"], required: 1)[0]!) {
        parts.append(try call.text(element))
      }
      return .text(try joined(parts, text))
    case "format": return .text(try formatted(text, arguments))
    case "zfill":
      let width = try call.number(try call.values(["width"], required: 1)[0], 0)
      let isSigned = text.hasPrefix("-") || text.hasPrefix("+")
      let zeros = try repeated("0", width - text.unicodeScalars.count)
      return .text(isSigned ? String(text.prefix(1)) + zeros + text.dropFirst() : zeros + text)
    default:
      _ = try call.values([])
      return try changedOrAsked(name, text)
    }
  }

  /// The methods without arguments.
  private func changedOrAsked(_ name: String, _ text: String) throws(LanguageError) -> Jinja.Value {
    let scalars = text.unicodeScalars
    switch name {
    case "upper": return .text(PythonText.upper(text))
    case "lower": return .text(PythonText.lower(text))
    case "title": return .text(PythonText.titled(text))
    case "capitalize": return .text(PythonText.capitalised(text))
    case "islower": return .bool(PythonText.isLower(text))
    case "isupper": return .bool(PythonText.isUpper(text))
    case "isdigit": return .bool(!scalars.isEmpty && scalars.allSatisfy(PythonText.isDigit))
    case "isalpha": return .bool(!scalars.isEmpty && scalars.allSatisfy(PythonText.isLetter))
    case "isalnum": return .bool(!scalars.isEmpty && scalars.allSatisfy(PythonText.isAlphanumeric))
    case "isspace": return .bool(!scalars.isEmpty && scalars.allSatisfy(PythonText.isSpace))
    default: throw failure(.unsupported, "the method \(name)", expected: "another one")
    }
  }

  /// The arguments of a method of a text.
  private struct TextCall {
    let name: String
    let text: String
    let arguments: Jinja.Arguments
    let renderer: Jinja.Renderer

    /// Most of Python's methods take their arguments without names.
    func values(_ names: [String], required: Int = 0, areNamed: Bool = false) throws(LanguageError)
      -> [Jinja.Value?]
    {
      guard areNamed || arguments.keywords.isEmpty else {
        throw renderer.failure(.badValue, "names for the arguments of \(name)", expected: "none")
      }
      return try arguments.bound(to: names, required: required, of: name, renderer)
    }

    func text(_ value: Jinja.Value) throws(LanguageError) -> String {
      try renderer.refuseUndefined(value)
      guard case .text(let text) = value else {
        throw renderer.failure(
          .badValue, "a value of type \(value.typeName) given to \(name)", expected: "a text")
      }
      return text
    }

    func optionalText(_ value: Jinja.Value?) throws(LanguageError) -> String? {
      guard let value, !value.isNone else { return nil }
      return try text(value)
    }

    func number(_ value: Jinja.Value?, _ standard: Int) throws(LanguageError) -> Int {
      guard let value else { return standard }
      try renderer.refuseUndefined(value)
      guard let number = value.wholeNumber else {
        throw renderer.failure(
          .badValue, "a value of type \(value.typeName) given to \(name)", expected: "a whole number")
      }
      return number
    }
  }

  private func starts(_ text: String, with part: String) -> Bool { text.utf8.starts(with: part.utf8) }

  private func ends(_ text: String, with part: String) -> Bool {
    text.utf8.reversed().starts(with: part.utf8.reversed())
  }

  private func split(_ call: TextCall) throws(LanguageError) -> Jinja.Value {
    let given = try call.values(["sep", "maxsplit"], areNamed: true)
    let limit = try call.number(given[1], -1)
    let fromEnd = call.name == "rsplit"
    guard let separator = try call.optionalText(given[0]) else {
      return try list(PythonText.words(call.text, limit: limit, fromEnd: fromEnd).map { .text($0) })
    }
    try refuseEmpty(separator)
    let count = PythonText.occurrences(of: Array(separator.utf8), in: Array(call.text.utf8)).count
    try spend(4 * Jinja.Renderer.stepCost, times: limit < 0 ? count : min(limit, count))
    let parts = PythonText.split(call.text, by: separator, limit: limit, fromEnd: fromEnd)
    return try list(parts.map { .text($0) })
  }

  private func partition(_ call: TextCall) throws(LanguageError) -> Jinja.Value {
    let separator = try call.text(try call.values(["sep"], required: 1)[0]!)
    try refuseEmpty(separator)
    let fromEnd = call.name == "rpartition"
    let parts = PythonText.split(call.text, by: separator, limit: 1, fromEnd: fromEnd)
    let texts =
      parts.count == 2
      ? [parts[0], separator, parts[1]] : fromEnd ? ["", "", parts[0]] : [parts[0], "", ""]
    return .tuple(try sequence(texts.map { .text($0) }))
  }

  private func refuseEmpty(_ separator: String) throws(LanguageError) {
    guard !separator.isEmpty else {
      throw failure(.badValue, "an empty separator", expected: "at least one character")
    }
  }

  private func hasAffix(_ call: TextCall, atStart: Bool) throws(LanguageError) -> Bool {
    let given = try call.values(["affix", "start", "end"], required: 1)
    guard given[1] == nil, given[2] == nil else {
      throw failure(.unsupported, "\(call.name) with positions", expected: "a slice of the text")
    }
    var parts = [given[0]!]
    if case .tuple(let sequence) = given[0]! { parts = sequence.elements }
    for part in parts {
      let part = try call.text(part)
      if atStart ? starts(call.text, with: part) : ends(call.text, with: part) { return true }
    }
    return false
  }

  private func find(_ call: TextCall) throws(LanguageError) -> Jinja.Value {
    let given = try call.values(["sub", "start", "end"], required: 1)
    guard given[1] == nil, given[2] == nil else {
      throw failure(.unsupported, "\(call.name) with positions", expected: "a slice of the text")
    }
    let part = try call.text(given[0]!)
    var (bytes, wanted) = (Array(call.text.utf8), Array(part.utf8))
    let length = call.text.unicodeScalars.count
    if call.name == "count" {
      return .integer(
        wanted.isEmpty ? length + 1 : PythonText.occurrences(of: wanted, in: bytes).count)
    }
    let fromEnd = call.name.hasPrefix("r")
    if fromEnd {
      bytes.reverse()
      wanted.reverse()
    }
    if wanted.isEmpty { return .integer(fromEnd ? length : 0) }
    guard let place = PythonText.occurrences(of: wanted, in: bytes, limit: 1).first else {
      guard call.name.hasSuffix("find") else {
        throw failure(.badValue, "a text without \(PythonText.quoted(part))", expected: "one with it")
      }
      return .integer(-1)
    }
    let start = fromEnd ? bytes.count - place - wanted.count : place
    return .integer(String(decoding: call.text.utf8.prefix(start), as: UTF8.self).unicodeScalars.count)
  }

  // MARK: Parts put together

  func replaced(_ text: String, _ old: String, _ new: String, limit: Int) throws(LanguageError) -> String {
    let bytes = Array(text.utf8)
    try spend(bytes.count)
    let found =
      old.isEmpty ? bytes.count + 1 : PythonText.occurrences(of: Array(old.utf8), in: bytes).count
    try spend(new.utf8.count, times: limit < 0 ? found : min(found, limit))
    return PythonText.replace(text, old, new, limit: limit)
  }

  func joined(_ parts: [String], _ separator: String) throws(LanguageError) -> String {
    try spend(separator.utf8.count, times: parts.count)
    for part in parts { try spend(part.utf8.count) }
    return parts.joined(separator: separator)
  }
}
