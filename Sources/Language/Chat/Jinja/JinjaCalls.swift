import Files

extension Jinja {
  /// The arguments of a call.
  struct Arguments {
    var positional: [Value] = []
    var keywords: [(name: String, value: Value)] = []

    /// The arguments in the order of these parameters; nil for those that are not given.
    ///
    /// - Parameter required: how many of the first may not be left out.
    func bound(to names: [String], required: Int = 0, of function: String, _ renderer: Renderer)
      throws(LanguageError) -> [Value?]
    {
      guard positional.count <= names.count else {
        throw renderer.failure(
          .badValue, "\(positional.count) arguments of \(function)", expected: "at most \(names.count)")
      }
      var result = positional.map(Value?.some) + Array(repeating: nil, count: names.count - positional.count)
      for (name, value) in keywords {
        guard let place = names.firstIndex(of: name), result[place] == nil else {
          throw renderer.failure(
            .badValue, "the argument \(name) of \(function)",
            expected: names.isEmpty ? "no arguments" : "each of \(names.joined(separator: ", ")) once at most"
          )
        }
        result[place] = value
      }
      guard !result[..<required].contains(where: { $0 == nil }) else {
        throw renderer.failure(
          .badValue, "\(function) without \(names[..<required].joined(separator: ", "))",
          expected: "all of them")
      }
      return result
    }
  }
}

extension Jinja.Renderer {
  func callOf(
    _ function: Jinja.Expression, _ arguments: Jinja.CallArguments, _ line: Int, _ scope: Jinja.Scope
  ) throws(LanguageError) -> Jinja.Value {
    let function = try evaluate(function, scope)
    let arguments = try evaluate(arguments, scope)
    self.line = line
    return try call(function, arguments)
  }

  func call(_ function: Jinja.Value, _ arguments: Jinja.Arguments) throws(LanguageError) -> Jinja.Value {
    switch function {
    case .macro(let closure): return .text(try call(closure, arguments))
    case .function(let function): return try call(function, arguments)
    case .method(let method): return try call(method, arguments)
    case .loop(let loop):
      guard let again = loop.again else {
        throw failure(.badValue, "a call of loop", expected: "a loop that is marked as recursive")
      }
      let given = try arguments.bound(to: ["iterable"], required: 1, of: "loop", self)
      return .text(try again(given[0]!))
    default:
      try refuseUndefined(function)
      throw failure(
        .badValue, "a call of a value of type \(function.typeName)", expected: "a function, method or macro")
    }
  }

  // MARK: Macros

  private func call(_ closure: Jinja.Closure, _ arguments: Jinja.Arguments) throws(LanguageError) -> String {
    let macro = closure.macro
    let scope = Jinja.Scope(closure.scope)
    var keywords = arguments.keywords
    func keyword(_ name: String) -> Jinja.Value? {
      keywords.firstIndex { $0.name == name }.map { keywords.remove(at: $0).value }
    }
    let optional = macro.parameters.count - macro.defaults.count
    for (i, parameter) in macro.parameters.enumerated() {
      if let value = i < arguments.positional.count ? arguments.positional[i] : keyword(parameter) {
        scope.variables[parameter] = value
      } else if i >= optional {
        scope.variables[parameter] = try evaluate(macro.defaults[i - optional], scope)
      } else {
        scope.variables[parameter] = .undefined("parameter '\(parameter)' was not provided")
      }
    }
    if macro.takesCaller { scope.variables["caller"] = keyword("caller") ?? .undefined("No caller defined") }
    if macro.takesDictionary {
      var rest: [(Jinja.Value, Jinja.Value)] = []
      for (name, value) in keywords { rest.append((.text(name), value)) }
      scope.variables["kwargs"] = .dictionary(try dictionary(rest))
    } else if let (name, _) = keywords.first {
      throw failure(
        .badValue, "the argument \(name) of the macro \(macro.name)",
        expected: "each of its parameters (\(macro.parameters.joined(separator: ", "))) once at most")
    }
    let rest = arguments.positional.dropFirst(macro.parameters.count)
    if macro.takesList {
      scope.variables["varargs"] = .tuple(try sequence(Array(rest)))
    } else if !rest.isEmpty {
      throw failure(
        .badValue, "\(arguments.positional.count) arguments of the macro \(macro.name)",
        expected: "at most \(macro.parameters.count)")
    }
    return try text(of: macro.body, scope)
  }

  // MARK: Functions

  private func call(_ function: Jinja.Function, _ arguments: Jinja.Arguments) throws(LanguageError)
    -> Jinja.Value
  {
    switch function {
    case .range: return .range(try range(arguments))
    case .dict: return .dictionary(try dictionary(from: arguments))
    case .namespace:
      let namespace = makeNamespace()
      for (key, value) in try dictionary(from: arguments).entries {
        guard case .text(let name) = key else {
          throw failure(.badValue, "an attribute of a namespace that is no text", expected: "texts")
        }
        try set(name, of: namespace, to: value)
      }
      return .namespace(namespace)
    case .raiseException:
      let message = try arguments.bound(to: ["message"], required: 1, of: "raise_exception", self)[0]!
      throw failure(
        .badValue, try text(message), expected: "what the chat template accepts; the words are its own")
    case .strftimeNow:
      let format = try arguments.bound(to: ["format"], required: 1, of: "strftime_now", self)[0]!
      guard let date, case .text(let format) = format else {
        throw failure(
          .badValue, "a value of type \(format.typeName) as a format of strftime_now", expected: "a text")
      }
      guard let text = date.formatted(format) else {
        throw failure(
          .unsupported, "the format \(format) of strftime_now",
          expected: "%d, %-d, %m, %Y, %y, %B, %b, %A, %a, %j, %F and %%: a date has no time of day")
      }
      return .text(text)
    }
  }

  private func range(_ arguments: Jinja.Arguments) throws(LanguageError) -> Jinja.NumberRange {
    var numbers: [Int] = []
    for value in arguments.positional {
      try refuseUndefined(value)
      guard let number = value.wholeNumber else {
        throw failure(
          .badValue, "a value of type \(value.typeName) as an argument of range", expected: "a whole number")
      }
      numbers.append(number)
    }
    guard (1...3).contains(numbers.count), arguments.keywords.isEmpty else {
      throw failure(.badValue, "\(numbers.count) arguments of range", expected: "1 to 3")
    }
    let start = numbers.count == 1 ? 0 : numbers[0]
    let end = numbers.count == 1 ? numbers[0] : numbers[1]
    let step = numbers.count == 3 ? numbers[2] : 1
    guard step != 0 else { throw failure(.badValue, "a range in steps of 0", expected: "another step") }
    let bound = 1 << 32
    guard [start, end, step].allSatisfy({ abs(max($0, -bound - 1)) <= bound }) else { throw tooLarge() }
    let length = step > 0 ? end - start : start - end
    let count = length <= 0 ? 0 : (length - 1) / abs(step) + 1
    guard count <= 100_000 else {
      throw failure(.badValue, "a range of \(count) numbers", expected: "at most 100000, as in jinja2")
    }
    return Jinja.NumberRange(start: start, end: end, step: step, count: count)
  }

  /// What `dict` makes of a dictionary or of pairs, and of names.
  private func dictionary(from arguments: Jinja.Arguments) throws(LanguageError) -> Jinja.Dictionary {
    var pairs: [(Jinja.Value, Jinja.Value)] = []
    switch arguments.positional.first {
    case nil: break
    case .dictionary(let dictionary): for (key, value) in dictionary.entries { pairs.append((key, value)) }
    case .some(let value):
      for element in try elements(of: value) {
        let pair = try elements(of: element)
        guard pair.count == 2 else {
          throw failure(.badValue, "\(pair.count) values for an entry of a dictionary", expected: "2")
        }
        pairs.append((pair[0], pair[1]))
      }
    }
    guard arguments.positional.count <= 1 else {
      throw failure(.badValue, "\(arguments.positional.count) values for a dictionary", expected: "at most 1")
    }
    for (name, value) in arguments.keywords { pairs.append((.text(name), value)) }
    return try dictionary(pairs)
  }
}
