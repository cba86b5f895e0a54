import Files

extension Jinja {
  /// A value while a template is rendered: what Python would have in its place.
  enum Value {
    /// Something that is not there, with jinja2's words for why; it prints as nothing.
    case undefined(String)
    case none
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    /// A text after `safe`. It prints as the text; adding others to it escapes those, and what else it would change is refused.
    case safe(String)
    case list(Sequence)
    case tuple(Sequence)
    case dictionary(Dictionary)
    case range(NumberRange)
    case view(View)
    /// Something that can be gone through once.
    case iterator(Iterator)
    case namespace(Namespace)
    case macro(Closure)
    case loop(LoopState)
    case function(Function)
    case method(Method)
  }

  /// The elements of a list or tuple.
  struct Sequence {
    let elements: [Value]
    /// How many levels of containers there are in it: values are gone through by recursion.
    let depth: Int
  }

  /// A dictionary that keeps the order of its keys.
  struct Dictionary {
    private(set) var entries: [(key: Value, value: Value)] = []
    private var places: [Key: Int] = [:]
    private(set) var depth = 1

    mutating func set(_ key: Key, _ original: Value, to value: Value) {
      depth = max(depth, 1 + max(value.depth, original.depth))
      if let place = places[key] {
        entries[place].value = value
      } else {
        places[key] = entries.count
        entries.append((original, value))
      }
    }

    func value(_ key: Key) -> Value? { places[key].map { entries[$0].value } }

    func value(_ key: String) -> Value? { value(.text(ExactString(key))) }
  }

  /// What a dictionary knows a value by; Python takes 1, 1.0 and True for one key.
  enum Key: Hashable {
    case undefined, none
    case integer(Int)
    case number(Double)
    case text(ExactString)
    case tuple([Key])
    case object(ObjectIdentifier)
  }

  struct NumberRange {
    let start: Int
    /// The end as it was given.
    let end: Int
    let step: Int
    let count: Int

    subscript(_ index: Int) -> Int { start + index * step }
  }

  /// `items()`, `keys()` or `values()` of a dictionary.
  struct View {
    enum Kind: String { case items, keys, values }
    let kind: Kind
    let dictionary: Dictionary

    var elements: [Value] {
      dictionary.entries.map { key, value in
        switch kind {
        case .items: .tuple(Sequence(elements: [key, value], depth: 1 + max(key.depth, value.depth)))
        case .keys: key
        case .values: value
        }
      }
    }
  }

  /// Values one after the other, made when they are asked for, as Python's generators do.
  final class Iterator {
    let depth: Int
    private var step: (() throws(LanguageError) -> Value?)?

    init(depth: Int, _ step: @escaping () throws(LanguageError) -> Value?) {
      (self.depth, self.step) = (depth, step)
    }

    convenience init(_ elements: [Value], depth: Int) {
      var rest = elements[...]
      self.init(depth: depth) { () throws(LanguageError) in rest.popFirst() }
    }

    func next() throws(LanguageError) -> Value? {
      guard let value = try step?() else {
        step = nil
        return nil
      }
      return value
    }
  }

  /// Variables of a block, and the block around it.
  final class Scope {
    var variables: [String: Value] = [:]
    let parent: Scope?

    init(_ parent: Scope?) { self.parent = parent }

    func value(_ name: String) -> Value? {
      var scope: Scope? = self
      while let current = scope {
        if let value = current.variables[name] { return value }
        scope = current.parent
      }
      return nil
    }
  }

  final class Namespace {
    var attributes = Dictionary()
  }

  /// A macro with the scope that it was defined in.
  final class Closure {
    let macro: Macro
    let scope: Scope

    init(_ macro: Macro, scope: Scope) { (self.macro, self.scope) = (macro, scope) }
  }

  enum Function: String {
    case range, dict, namespace
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
  }

  /// A method with the value it belongs to.
  struct Method {
    let name: String
    let depth: Int
    let receiver: () -> Value

    init(_ name: String, of receiver: Value) {
      (self.name, self.depth, self.receiver) = (name, receiver.depth + 1, { receiver })
    }
  }
}

extension Jinja.Value {
  /// The levels of containers in the value.
  var depth: Int {
    switch self {
    case .list(let sequence), .tuple(let sequence): sequence.depth
    case .dictionary(let dictionary): dictionary.depth
    case .view(let view): view.dictionary.depth + 1
    case .iterator(let iterator): iterator.depth
    case .loop(let loop): loop.depth
    case .method(let method): method.depth
    default: 0
    }
  }

  /// Python's name of the type.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .integer: "int"
    case .number: "float"
    case .text: "str"
    case .safe: "Markup"
    case .list: "list"
    case .tuple: "tuple"
    case .dictionary: "dict"
    case .range: "range"
    case .view(let view): "dict_\(view.kind.rawValue)"
    case .iterator: "generator"
    case .namespace: "Namespace"
    case .macro: "Macro"
    case .loop: "LoopContext"
    case .function: "function"
    case .method: "method"
    }
  }

  /// The value in an error, as jinja2 names it.
  var objectName: String {
    if case .none = self { return "None" }
    return "\(typeName) object"
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .number(let value): value != 0
    case .text(let text), .safe(let text): !text.isEmpty
    case .list(let sequence), .tuple(let sequence): !sequence.elements.isEmpty
    case .dictionary(let dictionary): !dictionary.entries.isEmpty
    case .range(let range): range.count > 0
    case .view(let view): !view.dictionary.entries.isEmpty
    case .iterator, .namespace, .macro, .function, .method: true
    // A loop has a length, and there is one only where there are elements.
    case .loop: true
    }
  }

  var isUndefined: Bool {
    if case .undefined = self { return true }
    return false
  }

  var isNone: Bool {
    if case .none = self { return true }
    return false
  }

  /// The value as a whole number where Python takes it for one: True and False are 1 and 0.
  var wholeNumber: Int? {
    switch self {
    case .integer(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  var realNumber: Double? {
    if case .number(let value) = self { return value }
    return wholeNumber.map(Double.init)
  }

  init(_ json: ExactJSON) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .number(value)
    case .string(let text): self = .text(text)
    case .array(let elements):
      let values = elements.map { Jinja.Value($0) }
      self = .list(.init(elements: values, depth: 1 + (values.map(\.depth).max() ?? 0)))
    case .object(let entries):
      var dictionary = Jinja.Dictionary()
      for (key, value) in entries {
        dictionary.set(.text(ExactString(key)), .text(key), to: Jinja.Value(value))
      }
      self = .dictionary(dictionary)
    }
  }

  init(_ constant: Jinja.Constant) {
    switch constant {
    case .none: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .number(value)
    case .text(let text): self = .text(text)
    }
  }
}
