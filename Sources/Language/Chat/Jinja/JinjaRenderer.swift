import Files

extension Jinja {
  /// A template that has been read.
  package struct Template: Sendable {
    let file: String
    let statements: [Statement]

    /// - Throws: ``LanguageError`` with the line: `malformed`, or `unsupported` where a part is not offered.
    package init(_ source: String, file: String) throws(LanguageError) {
      self.file = file
      statements = try Parser.statements(of: source, file: file)
    }
  }

  /// One rendering of a template: its variables, where it is, and the work that is left to it.
  final class Renderer {
    let file: String
    /// The line of what is being evaluated, for errors.
    var line = 1
    /// What the template is given.
    private let context: [String: Value]
    /// What `strftime_now` prints; nil where there is no such function.
    let date: CalendarDate?
    /// How deep the evaluation is.
    private var depth = 0
    private var work: Int
    private let workLimit: Int
    /// What may lead back to itself; it is emptied at the end, so that it is released.
    private var namespaces: [Namespace] = []
    private var closures: [Scope] = []

    /// Levels of evaluation and of values. A level takes about 2 KiB of stack, and a thread may have no more than 512.
    static let depthLimit = 180
    /// What a step costs, where a byte of text costs 1.
    static let stepCost = 32

    init(file: String, context: [String: Value], date: CalendarDate?, inputSize: Int) {
      (self.file, self.context, self.date) = (file, context, date)
      // 8 million steps, or 268 million bytes of text, and more where the conversation itself is long.
      workLimit = (1 << 28) + min(inputSize, 1 << 24) * 1024
      work = workLimit
    }

    func render(_ statements: [Statement]) throws(LanguageError) -> String {
      defer {
        for namespace in namespaces { namespace.attributes = Dictionary() }
        for scope in closures { scope.variables = [:] }
      }
      var output = ""
      _ = try execute(statements, Scope(nil), &output)
      return output
    }

    // MARK: Limits and errors

    func failure(_ kind: LanguageError.Kind, _ found: String, expected: String) -> LanguageError {
      LanguageError(kind, file: file, place: "line \(line)", found: found, expected: expected)
    }

    func spend(_ amount: Int) throws(LanguageError) {
      work -= amount
      guard work >= 0 else {
        throw failure(
          .unsupported, "a template without an end in sight",
          expected: "at most \(workLimit / Self.stepCost) steps or \(workLimit) bytes of text on the way")
      }
    }

    func spend(_ amount: Int, times count: Int) throws(LanguageError) {
      let (total, overflow) = amount.multipliedReportingOverflow(by: max(0, count))
      try spend(overflow ? workLimit + 1 : total)
    }

    func tooDeep() -> LanguageError {
      failure(
        .unsupported, "macros, expressions or values more than \(Self.depthLimit) levels deep",
        expected: "fewer levels")
    }

    /// One level deeper; every call is followed by one of `leave`.
    func enter() throws(LanguageError) {
      guard depth < Self.depthLimit else { throw tooDeep() }
      try spend(Self.stepCost)
      depth += 1
    }

    func leave() { depth -= 1 }

    /// Refuses an operation on what is not there, as jinja2 does.
    func refuseUndefined(_ value: Value) throws(LanguageError) {
      if case .undefined(let reason) = value {
        throw failure(.badValue, reason, expected: "a value")
      }
    }

    // MARK: Variables

    func variable(_ name: String, _ scope: Scope) throws(LanguageError) -> Value {
      if let value = scope.value(name) ?? context[name] { return value }
      switch name {
      case "range", "dict", "namespace", "raise_exception": return .function(Function(rawValue: name)!)
      case "strftime_now": if date != nil { return .function(.strftimeNow) }
      case "lipsum", "cycler", "joiner", "self":
        throw failure(.unsupported, name, expected: "range, dict, namespace or raise_exception")
      default: break
      }
      return .undefined("'\(name)' is undefined")
    }

    func assign(_ value: Value, to target: Target, _ scope: Scope) throws(LanguageError) {
      switch target {
      case .name(let name): scope.variables[name] = value
      case .attribute(let name, let attribute):
        guard case .namespace(let namespace) = try variable(name, scope) else {
          throw failure(.badValue, "\(name).\(attribute) to assign to", expected: "\(name) to be a namespace")
        }
        try set(attribute, of: namespace, to: value)
      case .tuple(let targets):
        let values = try elements(of: value)
        guard values.count == targets.count else {
          throw failure(
            .badValue, "\(values.count) values to unpack", expected: "\(targets.count)")
        }
        for (value, target) in zip(values, targets) { try assign(value, to: target, scope) }
      }
    }

    func makeNamespace() -> Namespace {
      let namespace = Namespace()
      namespaces.append(namespace)
      return namespace
    }

    func set(_ attribute: String, of namespace: Namespace, to value: Value) throws(LanguageError) {
      guard !attribute.hasPrefix("_") else {
        throw failure(
          .badValue, "the attribute \(attribute) of a namespace", expected: "a name without _ before it")
      }
      namespace.attributes.set(.text(.init(attribute)), .text(attribute), to: value)
    }

    func makeClosure(_ macro: Macro, _ scope: Scope) -> Closure {
      closures.append(scope)
      return Closure(macro, scope: scope)
    }
  }
}

extension Jinja.Template {
  /// The text that the template makes of these variables.
  ///
  /// - Throws: ``LanguageError`` with the line: `badValue` where the template or jinja2 refuses, `unsupported` where
  ///   something is not offered or a limit is passed.
  package func render(_ variables: [String: ExactJSON], date: CalendarDate? = nil) throws(LanguageError)
    -> String
  {
    let size = variables.values.reduce(0) { $0 + $1.textSize }
    return try Jinja.Renderer(
      file: file, context: variables.mapValues { Jinja.Value($0) }, date: date, inputSize: size
    ).render(statements)
  }
}

extension ExactJSON {
  /// The bytes of the texts in the value, about.
  fileprivate var textSize: Int {
    switch self {
    case .string(let text): text.utf8.count
    case .array(let elements): elements.reduce(0) { $0 + $1.textSize }
    case .object(let entries): entries.reduce(0) { $0 + $1.key.utf8.count + $1.value.textSize }
    case .null, .bool, .integer, .number: 8
    }
  }
}
