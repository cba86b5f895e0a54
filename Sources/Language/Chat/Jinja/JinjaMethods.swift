import Files

extension Jinja.Renderer {
  /// What Python has as an attribute of a value; nil where there is none of that name.
  func pythonAttribute(_ name: String, of value: Jinja.Value) throws(LanguageError) -> Jinja.Value? {
    if name.hasPrefix("__"), name.hasSuffix("__") {
      throw failure(.unsupported, "the attribute \(name)", expected: "no way into Python's own objects")
    }
    let (offered, changing, others): (Set<String>, Set<String>, Set<String>)
    switch value {
    case .text, .safe: (offered, changing, others) = (Self.textMethods, [], Self.otherTextMethods)
    case .dictionary:
      (offered, changing, others) = (
        ["get", "items", "keys", "values", "copy"], ["clear", "pop", "popitem", "setdefault", "update"],
        ["fromkeys"]
      )
    case .list:
      (offered, changing, others) = (
        ["count", "index", "copy"],
        ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"], []
      )
    case .tuple: (offered, changing, others) = (["count", "index"], [], [])
    case .range: (offered, changing, others) = (["count", "index"], [], ["start", "stop", "step"])
    case .bool, .integer: (offered, changing, others) = ([], [], Self.numberAttributes)
    case .number: (offered, changing, others) = ([], [], Self.numberAttributes)
    case .namespace(let namespace): return namespace.attributes.value(name)
    case .loop(let loop): return try attribute(name, of: loop, value)
    case .macro(let closure):
      if name == "name" { return .text(closure.macro.name) }
      (offered, changing, others) = ([], [], ["arguments", "catch_kwargs", "catch_varargs", "caller"])
    case .iterator: (offered, changing, others) = ([], [], ["close", "send", "throw"])
    case .view: (offered, changing, others) = ([], [], ["mapping", "isdisjoint"])
    case .undefined, .none, .function, .method: return nil
    }
    if changing.contains(name) {
      return .undefined("access to attribute '\(name)' of '\(value.typeName)' object is unsafe.")
    }
    if others.contains(name) {
      throw failure(
        .unsupported, "the attribute \(name) of a value of type \(value.typeName)", expected: "another one")
    }
    return offered.contains(name) ? .method(.init(name, of: value)) : nil
  }

  private static let textMethods: Set<String> = [
    "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "removeprefix",
    "removesuffix", "replace", "upper", "lower", "title", "capitalize", "find", "rfind", "index", "rindex",
    "count", "join", "format", "isdigit", "isalpha", "isalnum", "isspace", "islower", "isupper", "partition",
    "rpartition", "zfill",
  ]
  private static let otherTextMethods: Set<String> = [
    "casefold", "center", "encode", "expandtabs", "format_map", "isascii", "isdecimal", "isidentifier",
    "isnumeric", "isprintable", "istitle", "ljust", "maketrans", "rjust", "swapcase", "translate",
  ]
  private static let numberAttributes: Set<String> = [
    "real", "imag", "numerator", "denominator", "conjugate", "bit_length", "bit_count", "to_bytes",
    "from_bytes",
    "as_integer_ratio", "is_integer", "hex", "fromhex",
  ]

  private func attribute(_ name: String, of loop: Jinja.LoopState, _ value: Jinja.Value)
    throws(LanguageError) -> Jinja.Value?
  {
    switch name {
    case "index": return .integer(loop.index + 1)
    case "index0": return .integer(loop.index)
    case "first": return .bool(loop.index == 0)
    case "last": return .bool(try loop.next() == nil)
    case "length": return .integer(try loop.count())
    case "revindex": return .integer(try loop.count() - loop.index)
    case "revindex0": return .integer(try loop.count() - loop.index - 1)
    case "depth": return .integer(loop.level + 1)
    case "depth0": return .integer(loop.level)
    case "previtem": return loop.index == 0 ? .undefined("there is no previous item") : loop.previous
    case "nextitem": return try loop.next() ?? .undefined("there is no next item")
    case "cycle", "changed": return .method(.init(name, of: value))
    default: return nil
    }
  }

  // MARK: Calls

  func call(_ method: Jinja.Method, _ arguments: Jinja.Arguments) throws(LanguageError) -> Jinja.Value {
    let receiver = method.receiver()
    switch receiver {
    case .text(let text): return try call(method.name, of: text, arguments)
    case .dictionary(let dictionary): return try call(method.name, of: dictionary, arguments)
    case .list(let sequence), .tuple(let sequence):
      return try call(method.name, of: sequence, receiver, arguments)
    case .range:
      return try call(method.name, of: try sequence(try elements(of: receiver)), receiver, arguments)
    case .loop(let loop): return try call(method.name, of: loop, arguments)
    default:
      throw failure(
        .unsupported, "\(method.name) of a value of type \(receiver.typeName)",
        expected: "a method of a text, list or dictionary")
    }
  }

  private func call(_ name: String, of dictionary: Jinja.Dictionary, _ arguments: Jinja.Arguments)
    throws(LanguageError) -> Jinja.Value
  {
    if name == "get" {
      let given = try arguments.bound(to: ["key", "default"], required: 1, of: name, self)
      guard arguments.keywords.isEmpty else {
        throw failure(.badValue, "names for the arguments of get", expected: "none")
      }
      guard let key = try key(of: given[0]!) else { throw unhashable(given[0]!) }
      return dictionary.value(key) ?? given[1] ?? .none
    }
    _ = try arguments.bound(to: [], of: name, self)
    guard let kind = Jinja.View.Kind(rawValue: name) else { return .dictionary(dictionary) }
    return .view(Jinja.View(kind: kind, dictionary: dictionary))
  }

  private func call(
    _ name: String, of sequence: Jinja.Sequence, _ receiver: Jinja.Value, _ arguments: Jinja.Arguments
  ) throws(LanguageError) -> Jinja.Value {
    guard name != "copy" else {
      _ = try arguments.bound(to: [], of: name, self)
      return receiver
    }
    let wanted = try arguments.bound(to: ["value"], required: 1, of: name, self)[0]!
    var count = 0
    for (i, element) in sequence.elements.enumerated() where try isEqual(element, wanted) {
      if name == "index" { return .integer(i) }
      count += 1
    }
    guard name == "count" else {
      throw failure(.badValue, "a value that is not in the list", expected: "one that is")
    }
    return .integer(count)
  }

  private func call(_ name: String, of loop: Jinja.LoopState, _ arguments: Jinja.Arguments)
    throws(LanguageError) -> Jinja.Value
  {
    let values = arguments.positional
    if name == "cycle" {
      guard !values.isEmpty else { throw failure(.badValue, "cycle without values", expected: "some") }
      return values[loop.index % values.count]
    }
    let new = try sequence(values)
    if let old = loop.lastChange, try isEqual(.tuple(old), .tuple(new)) { return .bool(false) }
    loop.lastChange = new
    return .bool(true)
  }
}
