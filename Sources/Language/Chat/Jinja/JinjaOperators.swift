import Files
import Foundation

extension Jinja.Renderer {
  func list(_ elements: [Jinja.Value]) throws(LanguageError) -> Jinja.Value {
    .list(try sequence(elements))
  }

  /// Elements as a container, counted and not too deep.
  func sequence(_ elements: [Jinja.Value]) throws(LanguageError) -> Jinja.Sequence {
    try spend(elements.count * Jinja.Renderer.stepCost)
    let depth = 1 + (elements.lazy.map(\.depth).max() ?? 0)
    guard depth < Jinja.Renderer.depthLimit else { throw tooDeep() }
    return Jinja.Sequence(elements: elements, depth: depth)
  }

  // MARK: Arithmetic

  func evaluate(_ operation: Jinja.BinaryOperator, _ a: Jinja.Value, _ b: Jinja.Value)
    throws(LanguageError) -> Jinja.Value
  {
    try refuseUndefined(a)
    try refuseUndefined(b)
    if let x = a.wholeNumber, let y = b.wholeNumber { return try whole(operation, x, y) }
    if let x = a.realNumber, let y = b.realNumber { return .number(try real(operation, x, y)) }
    switch (operation, a, b) {
    case (.add, .text(let x), .text(let y)):
      try spend(x.utf8.count + y.utf8.count)
      return .text(x + y)
    // A text marked as safe escapes what is added to it, even where nothing else is escaped.
    case (.add, .safe(let x), .text(let y)): return .safe(try joined([x, try escaped(y)], ""))
    case (.add, .text(let x), .safe(let y)): return .safe(try joined([try escaped(x), y], ""))
    case (.add, .safe(let x), .safe(let y)): return .safe(try joined([x, y], ""))
    case (.add, .list(let x), .list(let y)): return try list(x.elements + y.elements)
    case (.add, .tuple(let x), .tuple(let y)): return .tuple(try sequence(x.elements + y.elements))
    case (.multiply, .text(let text), _):
      if let count = b.wholeNumber { return .text(try repeated(text, count)) }
    case (.multiply, _, .text(let text)):
      if let count = a.wholeNumber { return .text(try repeated(text, count)) }
    case (.multiply, .list(let sequence), _):
      if let count = b.wholeNumber { return try list(try repeated(sequence.elements, count)) }
    case (.multiply, _, .list(let sequence)):
      if let count = a.wholeNumber { return try list(try repeated(sequence.elements, count)) }
    case (.multiply, .tuple(let elements), _):
      if let count = b.wholeNumber { return .tuple(try sequence(try repeated(elements.elements, count))) }
    case (.multiply, _, .tuple(let elements)):
      if let count = a.wholeNumber { return .tuple(try sequence(try repeated(elements.elements, count))) }
    case (.remainder, .text(let text), _): return .text(try formatted(text, with: b))
    default: break
    }
    throw mismatch(operation.rawValue, a, b)
  }

  func mismatch(_ operation: String, _ a: Jinja.Value, _ b: Jinja.Value) -> LanguageError {
    failure(
      .badValue, "\(operation) between \(a.typeName) and \(b.typeName)",
      expected: "values that the operator is for")
  }

  private func escaped(_ text: String) throws(LanguageError) -> String {
    try spend(text.utf8.count * 5)
    return text.unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "'": result += "&#39;"
      case "\"": result += "&#34;"
      default: result.unicodeScalars.append(scalar)
      }
    }
  }

  func repeated(_ text: String, _ count: Int) throws(LanguageError) -> String {
    try spend(text.utf8.count, times: count)
    return String(repeating: text, count: max(0, count))
  }

  private func repeated(_ elements: [Jinja.Value], _ count: Int) throws(LanguageError) -> [Jinja.Value] {
    try spend(elements.count * Jinja.Renderer.stepCost, times: count)
    return (0..<max(0, count)).flatMap { _ in elements }
  }

  private func whole(_ operation: Jinja.BinaryOperator, _ x: Int, _ y: Int) throws(LanguageError)
    -> Jinja.Value
  {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case .add: result = x.addingReportingOverflow(y)
    case .subtract: result = x.subtractingReportingOverflow(y)
    case .multiply: result = x.multipliedReportingOverflow(by: y)
    case .divide: return .number(try real(operation, Double(x), Double(y)))
    case .floorDivide, .remainder:
      guard y != 0 else { throw divisionByZero() }
      let (quotient, overflow) = x.dividedReportingOverflow(by: y)
      guard !overflow else { throw tooLarge() }
      let remainder = x - quotient * y
      // Python's remainder has the sign of the divisor.
      let isOff = remainder != 0 && (remainder < 0) != (y < 0)
      return .integer(
        operation == .floorDivide ? quotient - (isOff ? 1 : 0) : remainder + (isOff ? y : 0))
    case .power:
      guard y >= 0 else { return .number(try real(operation, Double(x), Double(y))) }
      return .integer(try power(x, y))
    }
    guard !result.overflow else { throw tooLarge() }
    return .integer(result.partialValue)
  }

  private func power(_ base: Int, _ exponent: Int) throws(LanguageError) -> Int {
    if base == 0 || base == 1 || exponent == 0 { return exponent == 0 ? 1 : base }
    if base == -1 { return exponent % 2 == 0 ? 1 : -1 }
    guard exponent < 64 else { throw tooLarge() }
    var value = 1
    for _ in 0..<exponent {
      let (product, overflow) = value.multipliedReportingOverflow(by: base)
      guard !overflow else { throw tooLarge() }
      value = product
    }
    return value
  }

  private func real(_ operation: Jinja.BinaryOperator, _ x: Double, _ y: Double) throws(LanguageError)
    -> Double
  {
    switch operation {
    case .add: return x + y
    case .subtract: return x - y
    case .multiply: return x * y
    case .divide:
      guard y != 0 else { throw divisionByZero() }
      return x / y
    case .floorDivide, .remainder:
      guard y != 0 else { throw divisionByZero() }
      var remainder = fmod(x, y)
      var quotient = (x - remainder) / y
      if remainder != 0, (remainder < 0) != (y < 0) {
        remainder += y
        quotient -= 1
      } else if remainder == 0 {
        remainder = y < 0 ? -0.0 : 0.0
      }
      if operation == .remainder { return remainder }
      guard quotient != 0 else { return x.sign == y.sign ? 0.0 : -0.0 }
      let floor = quotient.rounded(.down)
      return quotient - floor > 0.5 ? floor + 1 : floor
    case .power:
      guard x != 0 || y >= 0 else { throw divisionByZero() }
      guard x >= 0 || y == y.rounded() else {
        throw failure(.unsupported, "a power of a negative number", expected: "a whole exponent")
      }
      let result = pow(x, y)
      guard result.isFinite || !x.isFinite || !y.isFinite else { throw tooLarge() }
      return result
    }
  }

  private func divisionByZero() -> LanguageError {
    failure(.badValue, "a division by zero", expected: "another divisor")
  }

  func tooLarge() -> LanguageError {
    failure(.unsupported, "a number beyond 63 bits", expected: "a smaller one")
  }

  // MARK: Comparisons

  /// What a dictionary knows the value by; nil where Python cannot hash it.
  func key(of value: Jinja.Value) throws(LanguageError) -> Jinja.Key? {
    try spend(Jinja.Renderer.stepCost)
    switch value {
    case .undefined: return .undefined
    case .none: return Jinja.Key.none
    case .bool(let value): return .integer(value ? 1 : 0)
    case .integer(let value): return .integer(value)
    case .number(let value): return Int(exactly: value).map(Jinja.Key.integer) ?? .number(value)
    case .text(let text), .safe(let text):
      try spend(text.utf8.count)
      return .text(ExactString(text))
    case .tuple(let sequence):
      var keys: [Jinja.Key] = []
      for element in sequence.elements {
        guard let key = try key(of: element) else { return nil }
        keys.append(key)
      }
      return .tuple(keys)
    case .namespace(let namespace): return .object(ObjectIdentifier(namespace))
    case .macro(let closure): return .object(ObjectIdentifier(closure))
    case .iterator(let iterator): return .object(ObjectIdentifier(iterator))
    case .loop(let loop): return .object(ObjectIdentifier(loop))
    case .list, .dictionary, .view, .range, .function, .method: return nil
    }
  }

  func isEqual(_ a: Jinja.Value, _ b: Jinja.Value) throws(LanguageError) -> Bool {
    try spend(Jinja.Renderer.stepCost)
    if case .integer(let x) = a, case .integer(let y) = b { return x == y }
    if let x = a.realNumber, let y = b.realNumber { return x == y }
    switch (a, b) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.text(let x), .text(let y)), (.safe(let x), .text(let y)), (.text(let x), .safe(let y)),
      (.safe(let x), .safe(let y)):
      try spend(min(x.utf8.count, y.utf8.count))
      return PythonText.isSame(x, y)
    case (.list(let x), .list(let y)), (.tuple(let x), .tuple(let y)):
      return try isEqual(x.elements, y.elements)
    case (.dictionary(let x), .dictionary(let y)):
      guard x.entries.count == y.entries.count else { return false }
      for (key, value) in x.entries {
        guard let key = try self.key(of: key), let other = y.value(key), try isEqual(value, other) else {
          return false
        }
      }
      return true
    case (.range(let x), .range(let y)):
      return x.count == y.count
        && (x.count == 0 || (x.start == y.start && (x.count == 1 || x.step == y.step)))
    case (.view(let x), .view(let y)):
      throw failure(.unsupported, "\(x.kind) compared with \(y.kind)", expected: "lists of them")
    default:
      guard let key = try key(of: a), let other = try self.key(of: b) else { return false }
      return key == other
    }
  }

  private func isEqual(_ a: [Jinja.Value], _ b: [Jinja.Value]) throws(LanguageError) -> Bool {
    guard a.count == b.count else { return false }
    for (x, y) in zip(a, b) where try !isEqual(x, y) { return false }
    return true
  }

  func isLess(_ a: Jinja.Value, _ b: Jinja.Value) throws(LanguageError) -> Bool {
    try spend(Jinja.Renderer.stepCost)
    try refuseUndefined(a)
    try refuseUndefined(b)
    if let x = a.wholeNumber, let y = b.wholeNumber { return x < y }
    if let x = a.realNumber, let y = b.realNumber { return x < y }
    switch (a, b) {
    case (.text(let x), .text(let y)):
      try spend(min(x.utf8.count, y.utf8.count))
      return PythonText.isLess(x, y)
    case (.list(let x), .list(let y)), (.tuple(let x), .tuple(let y)):
      for (p, q) in zip(x.elements, y.elements) where try !isEqual(p, q) { return try isLess(p, q) }
      return x.elements.count < y.elements.count
    default: throw mismatch("<", a, b)
    }
  }

  func compare(_ operation: Jinja.Comparison, _ a: Jinja.Value, _ b: Jinja.Value) throws(LanguageError)
    -> Bool
  {
    switch operation {
    case .equal: return try isEqual(a, b)
    case .notEqual: return try !isEqual(a, b)
    case .less: return try isLess(a, b)
    case .greater: return try isLess(b, a)
    // Lists with a NaN aside, which is not equal to itself, the order is total.
    case .lessOrEqual:
      if try isLess(a, b) { return true }
      return try isEqual(a, b)
    case .greaterOrEqual:
      if try isLess(b, a) { return true }
      return try isEqual(a, b)
    case .isIn: return try contains(b, a)
    case .isNotIn: return try !contains(b, a)
    }
  }

  /// Python's `in`.
  func contains(_ container: Jinja.Value, _ element: Jinja.Value) throws(LanguageError) -> Bool {
    switch container {
    case .text(let text), .safe(let text):
      guard case .text(let part) = element else { throw mismatch("in", element, container) }
      try spend(text.utf8.count + part.utf8.count)
      return part.isEmpty
        || !PythonText.occurrences(of: Array(part.utf8), in: Array(text.utf8), limit: 1).isEmpty
    case .dictionary(let dictionary):
      guard let key = try key(of: element) else { throw unhashable(element) }
      return dictionary.value(key) != nil
    default:
      for value in try elements(of: container) where try isEqual(value, element) { return true }
      return false
    }
  }

  func unhashable(_ value: Jinja.Value) -> LanguageError {
    failure(
      .badValue, "a value of type \(value.typeName) as a key",
      expected: "a text, number, true, false, none or tuple")
  }

  /// In order, equal elements as they stood.
  func sorted<Element>(
    _ elements: [Element], by isLess: (Element, Element) throws(LanguageError) -> Bool
  ) throws(LanguageError) -> [Element] {
    guard elements.count > 1 else { return elements }
    let middle = elements.count / 2
    let left = try sorted(Array(elements[..<middle]), by: isLess)
    let right = try sorted(Array(elements[middle...]), by: isLess)
    var result: [Element] = []
    var (i, j) = (0, 0)
    while i < left.count, j < right.count {
      if try isLess(right[j], left[i]) {
        result.append(right[j])
        j += 1
      } else {
        result.append(left[i])
        i += 1
      }
    }
    return result + left[i...] + right[j...]
  }
}
