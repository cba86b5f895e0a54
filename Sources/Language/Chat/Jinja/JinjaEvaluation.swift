extension Jinja.Renderer {
  func evaluate(_ expression: Jinja.Expression, _ scope: Jinja.Scope) throws(LanguageError) -> Jinja.Value {
    switch expression {
    case .constant(let constant): return Jinja.Value(constant)
    case .name(let name):
      try spend(Jinja.Renderer.stepCost)
      return try variable(name, scope)
    default:
      try enter()
      defer { leave() }
      return try evaluateNested(expression, scope)
    }
  }

  // Every case has a function of its own: the frame of one large switch would be as large as all of them together.
  private func evaluateNested(_ expression: Jinja.Expression, _ scope: Jinja.Scope) throws(LanguageError)
    -> Jinja.Value
  {
    switch expression {
    case .constant, .name: return try evaluate(expression, scope)
    case .list(let elements): return try list(try evaluate(elements, scope))
    case .tuple(let elements): return .tuple(try sequence(try evaluate(elements, scope)))
    case .dictionary(let entries): return try dictionary(entries, scope)
    case .unary(let operation, let operand): return try unary(operation, operand, scope)
    case .binary(let operation, let left, let right): return try binary(operation, left, right, scope)
    case .concatenation(let parts): return try concatenation(parts, scope)
    case .comparison(let first, let rest): return try comparison(first, rest, scope)
    case .and(let left, let right):
      let value = try evaluate(left, scope)
      return value.isTrue ? try evaluate(right, scope) : value
    case .or(let left, let right):
      let value = try evaluate(left, scope)
      return value.isTrue ? value : try evaluate(right, scope)
    case .conditional(let test, let then, let otherwise, let line):
      if try evaluate(test, scope).isTrue { return try evaluate(then, scope) }
      if let otherwise { return try evaluate(otherwise, scope) }
      return .undefined(
        "the inline if-expression on line \(line) evaluated to false and no else section was defined.")
    case .attribute(let object, let name, let line): return try attributeOf(object, name, line, scope)
    case .element(let object, let index, let line): return try elementOf(object, index, line, scope)
    case .slice(let object, let start, let end, let step, let line):
      return try sliceOf(object, start, end, step, line, scope)
    case .call(let function, let arguments, let line): return try callOf(function, arguments, line, scope)
    case .filter(let filter, let value, let arguments, let line):
      return try filterOf(filter, value, arguments, line, scope)
    case .test(let test, let value, let arguments, let line):
      return try testOf(test, value, arguments, line, scope)
    }
  }

  private func evaluate(_ expressions: [Jinja.Expression], _ scope: Jinja.Scope) throws(LanguageError)
    -> [Jinja.Value]
  {
    var values: [Jinja.Value] = []
    for expression in expressions { values.append(try evaluate(expression, scope)) }
    return values
  }

  func evaluate(_ arguments: Jinja.CallArguments, _ scope: Jinja.Scope) throws(LanguageError)
    -> Jinja.Arguments
  {
    var result = Jinja.Arguments(positional: try evaluate(arguments.positional, scope))
    for (name, value) in arguments.keywords { result.keywords.append((name, try evaluate(value, scope))) }
    if let list = arguments.list {
      result.positional += try elements(of: try evaluate(list, scope))
    }
    if let dictionary = arguments.dictionary {
      guard case .dictionary(let entries) = try evaluate(dictionary, scope) else {
        throw failure(.badValue, "no dictionary after **", expected: "one")
      }
      for (key, value) in entries.entries {
        guard case .text(let name) = key, !result.keywords.contains(where: { $0.name == name }) else {
          throw failure(.badValue, "a name after ** that is no text or given twice", expected: "names")
        }
        result.keywords.append((name, value))
      }
    }
    return result
  }

  private func dictionary(
    _ entries: [(key: Jinja.Expression, value: Jinja.Expression)], _ scope: Jinja.Scope
  ) throws(LanguageError) -> Jinja.Value {
    var pairs: [(Jinja.Value, Jinja.Value)] = []
    for (key, value) in entries { pairs.append((try evaluate(key, scope), try evaluate(value, scope))) }
    return .dictionary(try dictionary(pairs))
  }

  func dictionary(_ pairs: [(Jinja.Value, Jinja.Value)]) throws(LanguageError) -> Jinja.Dictionary {
    try spend(pairs.count * Jinja.Renderer.stepCost)
    var result = Jinja.Dictionary()
    for (name, value) in pairs {
      guard let key = try key(of: name) else { throw unhashable(name) }
      result.set(key, name, to: value)
    }
    guard result.depth < Jinja.Renderer.depthLimit else { throw tooDeep() }
    return result
  }

  private func unary(_ operation: Jinja.UnaryOperator, _ operand: Jinja.Expression, _ scope: Jinja.Scope)
    throws(LanguageError) -> Jinja.Value
  {
    let value = try evaluate(operand, scope)
    if operation == .not { return .bool(!value.isTrue) }
    try refuseUndefined(value)
    if let number = value.wholeNumber {
      guard operation == .negative else { return .integer(number) }
      guard number != .min else { throw tooLarge() }
      return .integer(-number)
    }
    guard case .number(let number) = value else {
      throw failure(.badValue, "a sign before a value of type \(value.typeName)", expected: "a number")
    }
    return .number(operation == .negative ? -number : number)
  }

  private func binary(
    _ operation: Jinja.BinaryOperator, _ left: Jinja.Expression, _ right: Jinja.Expression,
    _ scope: Jinja.Scope
  ) throws(LanguageError) -> Jinja.Value {
    let left = try evaluate(left, scope)
    return try evaluate(operation, left, try evaluate(right, scope))
  }

  private func concatenation(_ parts: [Jinja.Expression], _ scope: Jinja.Scope) throws(LanguageError)
    -> Jinja.Value
  {
    var values: [Jinja.Value] = []
    for part in parts { values.append(try evaluate(part, scope)) }
    var result = ""
    for value in values {
      let text = try text(value)
      try spend(text.utf8.count)
      result += text
    }
    return .text(result)
  }

  private func comparison(
    _ first: Jinja.Expression, _ rest: [(operation: Jinja.Comparison, operand: Jinja.Expression)],
    _ scope: Jinja.Scope
  ) throws(LanguageError) -> Jinja.Value {
    var left = try evaluate(first, scope)
    for (operation, operand) in rest {
      let right = try evaluate(operand, scope)
      guard try compare(operation, left, right) else { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  // MARK: Parts of values

  private func attributeOf(
    _ object: Jinja.Expression, _ name: String, _ line: Int, _ scope: Jinja.Scope
  ) throws(LanguageError) -> Jinja.Value {
    let value = try evaluate(object, scope)
    self.line = line
    return try attribute(name, of: value)
  }

  /// `value.name`: what Python has as an attribute, else the element with that key.
  func attribute(_ name: String, of value: Jinja.Value) throws(LanguageError) -> Jinja.Value {
    try refuseUndefined(value)
    if let attribute = try pythonAttribute(name, of: value) { return attribute }
    if case .dictionary(let dictionary) = value, let element = dictionary.value(name) { return element }
    return .undefined("'\(value.objectName)' has no attribute '\(name)'")
  }

  private func elementOf(
    _ object: Jinja.Expression, _ index: Jinja.Expression, _ line: Int, _ scope: Jinja.Scope
  ) throws(LanguageError) -> Jinja.Value {
    let value = try evaluate(object, scope)
    let index = try evaluate(index, scope)
    self.line = line
    return try element(index, of: value)
  }

  /// `value[index]`: the element, else for a text what Python has as an attribute.
  func element(_ index: Jinja.Value, of value: Jinja.Value) throws(LanguageError) -> Jinja.Value {
    try refuseUndefined(value)
    if let element = try existingElement(index, of: value) { return element }
    if case .text(let name) = index {
      if let attribute = try pythonAttribute(name, of: value) { return attribute }
      return .undefined("'\(value.objectName)' has no attribute '\(name)'")
    }
    return .undefined("\(value.objectName) has no element \(try text(index))")
  }

  private func existingElement(_ index: Jinja.Value, of value: Jinja.Value) throws(LanguageError)
    -> Jinja.Value?
  {
    if case .dictionary(let dictionary) = value {
      return try key(of: index).flatMap { dictionary.value($0) }
    }
    guard let number = index.wholeNumber else { return nil }
    func place(_ count: Int) -> Int? {
      let place = number < 0 ? number + count : number
      return (0..<count).contains(place) ? place : nil
    }
    switch value {
    case .list(let sequence), .tuple(let sequence):
      return place(sequence.elements.count).map { sequence.elements[$0] }
    case .range(let range): return place(range.count).map { .integer(range[$0]) }
    case .text(let text):
      try spend(text.utf8.count)
      let scalars = text.unicodeScalars
      return place(scalars.count).map {
        .text(String(scalars[scalars.index(scalars.startIndex, offsetBy: $0)]))
      }
    case .safe: throw failure(.unsupported, "an index of a text marked as safe", expected: "a plain text")
    default: return nil
    }
  }

  private func sliceOf(
    _ object: Jinja.Expression, _ start: Jinja.Expression?, _ end: Jinja.Expression?,
    _ step: Jinja.Expression?, _ line: Int, _ scope: Jinja.Scope
  ) throws(LanguageError) -> Jinja.Value {
    let value = try evaluate(object, scope)
    var bounds: [Int?] = []
    for expression in [start, end, step] {
      guard let expression else {
        bounds.append(nil)
        continue
      }
      let bound = try evaluate(expression, scope)
      self.line = line
      guard bound.isNone || bound.wholeNumber != nil else {
        throw failure(
          .badValue, "a value of type \(bound.typeName) in a slice", expected: "whole numbers or none")
      }
      bounds.append(bound.wholeNumber)
    }
    self.line = line
    try refuseUndefined(value)
    switch value {
    case .list(let sequence): return try list(try slice(sequence.elements, bounds))
    case .tuple(let sequence): return .tuple(try self.sequence(try slice(sequence.elements, bounds)))
    case .text(let text):
      try spend(text.utf8.count)
      return .text(PythonText.string(try slice(Array(text.unicodeScalars), bounds)))
    case .range(let range):
      let (start, end, step) = try places(range.count, bounds)
      return .range(
        .init(
          start: range[start], end: range[end], step: range.step * step,
          count: max(0, (end - start + step - step.signum()) / step)))
    default:
      throw failure(.badValue, "a slice of a value of type \(value.typeName)", expected: "a list or a text")
    }
  }

  /// The places that a slice takes of this many elements.
  private func places(_ count: Int, _ bounds: [Int?]) throws(LanguageError)
    -> (start: Int, end: Int, step: Int)
  {
    let step = bounds[2] ?? 1
    guard step != 0 else { throw failure(.badValue, "a slice in steps of 0", expected: "another step") }
    func clamped(_ bound: Int?, _ standard: Int) -> Int {
      guard let bound else { return standard }
      let place = bound < 0 ? bound + count : bound
      return step > 0 ? min(max(place, 0), count) : min(max(place, -1), count - 1)
    }
    let start = clamped(bounds[0], step > 0 ? 0 : count - 1)
    let end = clamped(bounds[1], step > 0 ? count : -1)
    // A step beyond the list would not come to its end in 64 bits.
    return (start, end, min(max(step, -count - 1), count + 1))
  }

  private func slice<Element>(_ elements: [Element], _ bounds: [Int?]) throws(LanguageError) -> [Element] {
    let (start, end, step) = try places(elements.count, bounds)
    return stride(from: start, to: end, by: step).map { elements[$0] }
  }
}
