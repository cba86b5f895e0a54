extension Jinja.Renderer {
  /// The filters of lists, dictionaries and what else can be gone through.
  func applyToSequence(_ filter: Jinja.Filter, _ value: Jinja.Value, _ arguments: Jinja.Arguments)
    throws(LanguageError) -> Jinja.Value
  {
    func given(_ names: String..., required: Int = 0) throws(LanguageError) -> [Jinja.Value?] {
      try arguments.bound(to: names, required: required, of: filter.rawValue, self)
    }
    switch filter {
    case .first:
      _ = try given()
      return try iterator(over: value).next() ?? .undefined("No first item, sequence was empty.")
    case .last:
      _ = try given()
      if case .iterator = value {
        throw failure(.badValue, "the last of what can be gone through once", expected: "a list")
      }
      return try elements(of: value).last ?? .undefined("No last item, sequence was empty.")
    case .list:
      _ = try given()
      return try list(try elements(of: value))
    case .items:
      _ = try given()
      return try items(value)
    case .reverse:
      _ = try given()
      return try reversed(value)
    case .join:
      let given = try given("d", "attribute")
      var parts: [String] = []
      for element in try elements(of: value) {
        parts.append(try text(try part(given[1] ?? .none, of: element)))
      }
      return .text(try joined(parts, try text(given[0] ?? .text(""))))
    case .sum:
      let given = try given("attribute", "start")
      var total = given[1] ?? .integer(0)
      for element in try elements(of: value) {
        total = try evaluate(.add, total, try part(given[0] ?? .none, of: element))
      }
      return total
    case .min, .max: return try extreme(filter, value, try given("case_sensitive", "attribute"))
    case .sort: return try sort(value, try given("reverse", "case_sensitive", "attribute"))
    case .unique: return try unique(value, try given("case_sensitive", "attribute"))
    case .dictsort: return try sortEntries(value, try given("case_sensitive", "by", "reverse"))
    case .map: return try map(value, arguments)
    default: return try select(filter, value, arguments)
    }
  }

  /// A lazy sequence on top of another one.
  private func lazy(
    over value: Jinja.Value, _ step: @escaping (Jinja.Iterator) throws(LanguageError) -> Jinja.Value?
  ) throws(LanguageError) -> Jinja.Value {
    let source = try iterator(over: value)
    guard source.depth + 1 < Jinja.Renderer.depthLimit else { throw tooDeep() }
    return .iterator(
      Jinja.Iterator(depth: source.depth + 1) { [unowned self] () throws(LanguageError) in
        try spend(2 * Jinja.Renderer.stepCost)
        return try step(source)
      })
  }

  private func items(_ value: Jinja.Value) throws(LanguageError) -> Jinja.Value {
    switch value {
    case .undefined: return .iterator(Jinja.Iterator([], depth: 0))
    case .dictionary(let dictionary):
      let view = Jinja.View(kind: .items, dictionary: dictionary)
      return .iterator(Jinja.Iterator(try elements(of: .view(view)), depth: dictionary.depth + 1))
    default:
      throw failure(.badValue, "the items of a value of type \(value.typeName)", expected: "a dictionary")
    }
  }

  private func reversed(_ value: Jinja.Value) throws(LanguageError) -> Jinja.Value {
    switch value {
    case .text(let text):
      try spend(text.utf8.count)
      return .text(PythonText.string(text.unicodeScalars.reversed()))
    case .safe: throw failure(.unsupported, "reverse of a text marked as safe", expected: "a plain text")
    // Python turns what it cannot go through backwards into a list first.
    case .iterator: return try list(try elements(of: value).reversed())
    default: return .iterator(Jinja.Iterator(try elements(of: value).reversed(), depth: value.depth))
    }
  }

  // MARK: Attributes of elements

  /// The part of an element that an `attribute` argument names, such as `address.city` or 0.
  private func part(_ path: Jinja.Value, of element: Jinja.Value, standard: Jinja.Value = .none)
    throws(LanguageError) -> Jinja.Value
  {
    switch path {
    case .none: return element
    case .text(let text):
      var value = element
      for name in text.split(separator: ".", omittingEmptySubsequences: false) {
        let isIndex = !name.isEmpty && name.utf8.allSatisfy { (0x30...0x39).contains($0) }
        let index = isIndex ? Int(name).map { Jinja.Value.integer($0) } : nil
        value = try self.element(index ?? .text(String(name)), of: value)
        if value.isUndefined, !standard.isNone { value = standard }
      }
      return value
    default:
      let value = try self.element(path, of: element)
      return value.isUndefined && !standard.isNone ? standard : value
    }
  }

  private func folded(_ value: Jinja.Value, _ isCaseSensitive: Jinja.Value?) -> Jinja.Value {
    if case .text(let text) = value, !(isCaseSensitive?.isTrue ?? false) {
      return .text(PythonText.lower(text))
    }
    return value
  }

  private func extreme(_ filter: Jinja.Filter, _ value: Jinja.Value, _ given: [Jinja.Value?])
    throws(LanguageError) -> Jinja.Value
  {
    var best: (key: Jinja.Value, value: Jinja.Value)?
    for element in try elements(of: value) {
      let key = folded(try part(given[1] ?? .none, of: element), given[0])
      guard let current = best else {
        best = (key, element)
        continue
      }
      let isBetter = filter == .min ? try isLess(key, current.key) : try isLess(current.key, key)
      if isBetter { best = (key, element) }
    }
    return best?.value ?? .undefined("No aggregated item, sequence was empty.")
  }

  // MARK: Order

  private func sort(_ value: Jinja.Value, _ given: [Jinja.Value?]) throws(LanguageError) -> Jinja.Value {
    var paths = [given[2] ?? .none]
    if case .text(let text) = paths[0] {
      paths = text.split(separator: ",", omittingEmptySubsequences: false).map { .text(String($0)) }
    }
    var keyed: [(key: Jinja.Value, value: Jinja.Value)] = []
    for element in try elements(of: value) {
      var keys: [Jinja.Value] = []
      for path in paths { keys.append(folded(try part(path, of: element), given[1])) }
      keyed.append((try list(keys), element))
    }
    return try list(try ordered(keyed, given[0]).map(\.value))
  }

  private func sortEntries(_ value: Jinja.Value, _ given: [Jinja.Value?]) throws(LanguageError)
    -> Jinja.Value
  {
    try refuseUndefined(value)
    guard case .dictionary(let dictionary) = value else {
      throw failure(.badValue, "dictsort of a value of type \(value.typeName)", expected: "a dictionary")
    }
    let by = try text(given[1] ?? .text("key"))
    guard by == "key" || by == "value" else {
      throw failure(.badValue, "dictsort by \(by)", expected: "key or value")
    }
    var keyed: [(key: Jinja.Value, value: Jinja.Value)] = []
    for (key, value) in dictionary.entries {
      keyed.append((folded(by == "key" ? key : value, given[0]), .tuple(try sequence([key, value]))))
    }
    return try list(try ordered(keyed, given[2]).map(\.value))
  }

  private func ordered(_ keyed: [(key: Jinja.Value, value: Jinja.Value)], _ isReversed: Jinja.Value?)
    throws(LanguageError) -> [(key: Jinja.Value, value: Jinja.Value)]
  {
    let isReversed = isReversed?.isTrue ?? false
    return try sorted(keyed) { (a, b) throws(LanguageError) in
      isReversed ? try isLess(b.key, a.key) : try isLess(a.key, b.key)
    }
  }

  private func unique(_ value: Jinja.Value, _ given: [Jinja.Value?]) throws(LanguageError) -> Jinja.Value {
    var seen: Set<Jinja.Key> = []
    return try lazy(over: value) { [unowned self] (source) throws(LanguageError) in
      while let element = try source.next() {
        let value = folded(try part(given[1] ?? .none, of: element), given[0])
        guard let key = try key(of: value) else { throw unhashable(value) }
        if seen.insert(key).inserted { return element }
      }
      return nil
    }
  }

  // MARK: Element by element

  private func map(_ value: Jinja.Value, _ arguments: Jinja.Arguments) throws(LanguageError) -> Jinja.Value {
    guard value.isTrue else { return .iterator(Jinja.Iterator([], depth: 0)) }
    if arguments.positional.isEmpty, arguments.keywords.contains(where: { $0.name == "attribute" }) {
      let given = try arguments.bound(to: ["attribute", "default"], of: "map", self)
      return try lazy(over: value) { [unowned self] (source) throws(LanguageError) in
        guard let element = try source.next() else { return nil }
        return try part(given[0]!, of: element, standard: given[1] ?? .none)
      }
    }
    var rest = arguments
    guard let name = rest.positional.first else {
      throw failure(.badValue, "map without a filter", expected: "a filter, or an attribute by name")
    }
    rest.positional.removeFirst()
    guard case .text(let text) = name, let filter = Jinja.Filter(rawValue: text) else {
      throw failure(
        .unsupported, "the filter \(try self.text(name))", expected: "one of \(Jinja.Filter.names)")
    }
    return try lazy(over: value) { [unowned self, rest] (source) throws(LanguageError) in
      guard let element = try source.next() else { return nil }
      return try apply(filter, to: element, rest)
    }
  }

  private func select(_ filter: Jinja.Filter, _ value: Jinja.Value, _ arguments: Jinja.Arguments)
    throws(LanguageError) -> Jinja.Value
  {
    guard value.isTrue else { return .iterator(Jinja.Iterator([], depth: 0)) }
    let hasAttribute = filter == .selectattr || filter == .rejectattr
    let isWanted = filter == .select || filter == .selectattr
    var rest = arguments
    var path = Jinja.Value.none
    if hasAttribute {
      guard let first = rest.positional.first else {
        throw failure(.badValue, "\(filter.rawValue) without an attribute", expected: "its name")
      }
      path = first
      rest.positional.removeFirst()
    }
    var test: Jinja.Test?
    if let name = rest.positional.first {
      test = try self.test(named: name)
      rest.positional.removeFirst()
    }
    return try lazy(over: value) { [unowned self, rest, path, test] (source) throws(LanguageError) in
      while let element = try source.next() {
        try spend(Jinja.Renderer.stepCost)
        let part = try part(path, of: element)
        let passes = try test.map { (test) throws(LanguageError) in try self.passes(test, part, rest) }
        if (passes ?? part.isTrue) == isWanted { return element }
      }
      return nil
    }
  }
}
