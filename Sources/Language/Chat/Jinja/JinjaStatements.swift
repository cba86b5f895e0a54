extension Jinja {
  /// Where a loop is: the variable `loop`.
  final class LoopState {
    /// The loop around it that called it, counted from 0.
    let level: Int
    let depth: Int
    /// For recursive loops: renders the body for other elements.
    let again: ((Value) throws(LanguageError) -> String)?
    private let source: Iterator
    private var known: Int?
    /// Elements that have been asked for and not yet been taken.
    private var ahead: [Value] = []
    private(set) var index = -1
    private var current: Value?
    private(set) var previous: Value?
    /// The arguments of the last call of `changed`.
    var lastChange: Sequence?

    init(
      _ source: Iterator, count: Int?, level: Int, again: ((Value) throws(LanguageError) -> String)?
    ) {
      (self.source, known, self.level, self.again) = (source, count, level, again)
      depth = source.depth + 1
    }

    func advance() throws(LanguageError) -> Value? {
      let value = ahead.isEmpty ? try source.next() : ahead.removeFirst()
      guard let value else { return nil }
      index += 1
      (previous, current) = (current, value)
      return value
    }

    func next() throws(LanguageError) -> Value? {
      if ahead.isEmpty, let value = try source.next() { ahead.append(value) }
      return ahead.first
    }

    func count() throws(LanguageError) -> Int {
      if let known { return known }
      while let value = try source.next() { ahead.append(value) }
      let count = index + 1 + ahead.count
      known = count
      return count
    }
  }
}

extension Jinja.Renderer {
  /// How a list of statements ended.
  enum Flow { case next, leave, again }

  func execute(_ statements: [Jinja.Statement], _ scope: Jinja.Scope, _ output: inout String)
    throws(LanguageError) -> Flow
  {
    for statement in statements {
      let flow = try execute(statement, scope, &output)
      guard case .next = flow else { return flow }
    }
    return .next
  }

  private func execute(_ statement: Jinja.Statement, _ scope: Jinja.Scope, _ output: inout String)
    throws(LanguageError) -> Flow
  {
    try spend(Jinja.Renderer.stepCost)
    switch statement {
    case .text(let text):
      try spend(text.utf8.count)
      output += text
    case .output(let expression, let line):
      self.line = line
      let text = try text(try evaluate(expression, scope))
      try spend(text.utf8.count)
      output += text
    case .conditional(let branches, let otherwise, let line):
      self.line = line
      return try conditional(branches, otherwise, scope, &output)
    case .loop(let loop, let line):
      self.line = line
      try run(loop, over: try evaluate(loop.iterable, scope), scope, level: 0, &output)
    case .assignment(let target, let expression, let line):
      self.line = line
      try assign(try evaluate(expression, scope), to: target, scope)
    case .macro(let macro, let line):
      self.line = line
      scope.variables[macro.name] = .macro(makeClosure(macro, scope))
    case .breakLoop: return .leave
    case .continueLoop: return .again
    case .with, .generation, .capture, .callBlock, .filterBlock: try block(statement, scope, &output)
    }
    return .next
  }

  private func conditional(
    _ branches: [(test: Jinja.Expression, body: [Jinja.Statement])], _ otherwise: [Jinja.Statement],
    _ scope: Jinja.Scope, _ output: inout String
  ) throws(LanguageError) -> Flow {
    for (test, body) in branches where try evaluate(test, scope).isTrue {
      return try nested(body, scope, &output)
    }
    return try nested(otherwise, scope, &output)
  }

  private func nested(_ body: [Jinja.Statement], _ scope: Jinja.Scope, _ output: inout String)
    throws(LanguageError) -> Flow
  {
    // A closure cannot hold the output.
    try enter()
    defer { leave() }
    return try execute(body, scope, &output)
  }

  /// The statements with a scope of their own.
  private func block(_ statement: Jinja.Statement, _ scope: Jinja.Scope, _ output: inout String)
    throws(LanguageError)
  {
    let inner = Jinja.Scope(scope)
    switch statement {
    case .with(let values, let body, let line):
      self.line = line
      for (target, value) in values { try assign(try evaluate(value, scope), to: target, inner) }
      _ = try nested(body, inner, &output)
    case .generation(let body): _ = try nested(body, inner, &output)
    case .capture(let target, let value, let body, let line):
      inner.variables[Jinja.captured] = .text(try text(of: body, inner))
      self.line = line
      try assign(try evaluate(value, inner), to: target, scope)
    case .filterBlock(let value, let body, let line):
      inner.variables[Jinja.captured] = .text(try text(of: body, inner))
      self.line = line
      output += try text(try evaluate(value, inner))
    case .callBlock(let macro, let function, let arguments, let line):
      self.line = line
      let caller = Jinja.Value.macro(makeClosure(macro, scope))
      var given = try evaluate(arguments, scope)
      given.keywords.append(("caller", caller))
      output += try text(try call(try evaluate(function, scope), given))
    default: break
    }
  }

  /// What statements print.
  func text(of body: [Jinja.Statement], _ scope: Jinja.Scope) throws(LanguageError) -> String {
    var output = ""
    _ = try nested(body, scope, &output)
    return output
  }

  // MARK: Loops

  private func run(
    _ loop: Jinja.Loop, over value: Jinja.Value, _ scope: Jinja.Scope, level: Int, _ output: inout String
  ) throws(LanguageError) {
    try enter()
    defer { leave() }
    let state = try state(of: loop, over: value, scope, level: level)
    // jinja2 takes a loop for empty where no turn came to the end of the body, also by `break` and `continue`.
    var isEmpty = true
    while let element = try state.advance() {
      try spend(4 * Jinja.Renderer.stepCost)
      let inner = Jinja.Scope(scope)
      try assign(element, to: loop.target, inner)
      inner.variables["loop"] = .loop(state)
      let flow = try execute(loop.body, inner, &output)
      if case .leave = flow { break }
      if case .next = flow { isEmpty = false }
    }
    if isEmpty { _ = try execute(loop.otherwise, Jinja.Scope(scope), &output) }
  }

  private func state(
    of loop: Jinja.Loop, over value: Jinja.Value, _ scope: Jinja.Scope, level: Int
  ) throws(LanguageError) -> Jinja.LoopState {
    let source = try iterator(over: value)
    var again: ((Jinja.Value) throws(LanguageError) -> String)?
    if loop.isRecursive {
      again = { [unowned self] (value) throws(LanguageError) in
        var output = ""
        try self.run(loop, over: value, scope, level: level + 1, &output)
        return output
      }
    }
    guard let condition = loop.condition else {
      return Jinja.LoopState(source, count: try? count(of: value), level: level, again: again)
    }
    // The condition is asked when an element is needed, so that it sees what the body has changed.
    let selected = Jinja.Iterator(depth: source.depth + 1) {
      [unowned self] () throws(LanguageError) -> Jinja.Value? in
      while let element = try source.next() {
        try self.spend(4 * Jinja.Renderer.stepCost)
        let inner = Jinja.Scope(scope)
        try self.assign(element, to: loop.target, inner)
        if try self.evaluate(condition, inner).isTrue { return element }
      }
      return nil
    }
    return Jinja.LoopState(selected, count: nil, level: level, again: again)
  }

  // MARK: Sequences

  /// The number of elements, where Python's `len` gives one.
  func count(of value: Jinja.Value) throws(LanguageError) -> Int {
    switch value {
    case .undefined: return 0
    case .text(let text), .safe(let text):
      try spend(text.utf8.count)
      return text.unicodeScalars.count
    case .list(let sequence), .tuple(let sequence): return sequence.elements.count
    case .dictionary(let dictionary): return dictionary.entries.count
    case .view(let view): return view.dictionary.entries.count
    case .range(let range): return range.count
    case .loop(let loop): return try loop.count()
    default:
      throw failure(
        .badValue, "the length of a value of type \(value.typeName)", expected: "a text, list or dictionary")
    }
  }

  func iterator(over value: Jinja.Value) throws(LanguageError) -> Jinja.Iterator {
    switch value {
    case .iterator(let iterator): return iterator
    case .range(let range):
      var index = 0
      return Jinja.Iterator(depth: 1) { () throws(LanguageError) in
        guard index < range.count else { return nil }
        defer { index += 1 }
        return .integer(range[index])
      }
    default:
      return Jinja.Iterator(try elements(of: value), depth: value.depth)
    }
  }

  /// All elements of what can be gone through.
  func elements(of value: Jinja.Value) throws(LanguageError) -> [Jinja.Value] {
    switch value {
    case .undefined: return []
    case .text(let text), .safe(let text):
      try spend(text.utf8.count * Jinja.Renderer.stepCost)
      return text.unicodeScalars.map { .text(String($0)) }
    case .list(let sequence), .tuple(let sequence): return sequence.elements
    case .dictionary(let dictionary):
      try spend(dictionary.entries.count)
      return dictionary.entries.map(\.key)
    case .view(let view):
      try spend(view.dictionary.entries.count)
      return view.elements
    case .range, .iterator:
      let iterator = try iterator(over: value)
      var result: [Jinja.Value] = []
      while let element = try iterator.next() {
        try spend(Jinja.Renderer.stepCost)
        result.append(element)
      }
      return result
    default:
      throw failure(
        .badValue, "a value of type \(value.typeName) to go through",
        expected: "a list, dictionary, text or range")
    }
  }
}
