import Foundation

extension CompartmentModel {
  /// Reads a model's file.
  /// - Throws: ``StatisticsError`` (`missing`, or `badData` with line and column).
  public init(contentsOf url: URL) throws(StatisticsError) {
    let path = url.relativePath
    guard let data = FileManager.default.contents(atPath: url.path) else {
      throw StatisticsError(
        .missing, path, found: "no such file", expected: "a model file or the name of a preset",
        advice: "presets: \(Self.presets.map(\.name).joined(separator: ", "))")
    }
    guard data.count <= 1 << 20, let text = String(data: data, encoding: .utf8) else {
      throw StatisticsError(
        .badData, path, found: "no text in UTF-8 below a megabyte", expected: "a model file")
    }
    try self.init(text: text, file: path)
  }

  /// Reads a model's text, one statement a line, `#` before a comment:
  ///
  /// ```
  /// model sir
  /// time day
  /// compartments S I R
  /// infected I
  /// parameter N = 1000
  /// parameter beta = 0.5 per day        # transmission
  /// parameter gamma = 0.2 per day in 0..10
  /// let force = beta*I/N
  /// infection S -> I : force*S
  /// I -> R : gamma*I
  /// start S = N - 1
  /// start I = 1
  /// observe cases : force*S
  /// at 30 : beta *= 0.5
  /// ```
  ///
  /// A flow from or to `0` is a birth or an exit. Names can be used once they are defined; formulas are those of
  /// ``FormulaParser``, with `t` the time. With `groups young old`, a line with `{g}` stands for one line a group, and
  /// `sum{h}(…{h}…)` for a sum over groups.
  /// - Parameter file: named in errors.
  /// - Throws: ``StatisticsError`` (`badData`) with line and column.
  public init(text: String, file: String = "model") throws(StatisticsError) {
    var reader = ModelReader(file: file)
    // By any newline: the two characters that end a line on Windows are one in Swift.
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (number, line) in lines.enumerated() {
      try reader.read(String(line), number: number + 1)
    }
    self = try reader.model(text: text)
  }
}

/// Reads statements one by one.
private struct ModelReader {
  let file: String
  private var line = 0
  private var name = "model"
  private var timeUnit = "day"
  private var groups: [String] = []
  private var compartments: [String] = []
  private var infected: Set<String> = []
  private var parameters: [CompartmentModel.Parameter] = []
  private var definitions: [(line: Int, name: String, formula: String)] = []
  private var flows: [(line: Int, from: String, to: String, isInfection: Bool, formula: String)] = []
  private var starts: [(line: Int, name: String, formula: String)] = []
  private var observations: [(line: Int, name: String, formula: String)] = []
  private var interventions: [(line: Int, text: String)] = []
  private var taken: Set<String> = ["t", "pi"]

  init(file: String) { self.file = file }

  private func fault(
    _ found: String, _ expected: String, line: Int? = nil, column: Int? = nil, _ advice: String? = nil
  )
    -> StatisticsError
  {
    let place = "\(file):\(line ?? self.line)" + (column.map { ":\($0)" } ?? "")
    return StatisticsError(.badData, place, found: found, expected: expected, advice: advice)
  }

  mutating func read(_ text: String, number: Int) throws(StatisticsError) {
    line = number
    let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
    let statement = (parts.first ?? "").trimmed
    let note = parts.count > 1 ? parts[1].trimmed : ""
    guard !statement.isEmpty else { return }
    let summed = try sums(statement)
    guard summed.contains("{g}") else { return try read(statement: summed, note) }
    guard !groups.isEmpty else { throw fault("{g} without groups", "a line \"groups NAME NAME\" before") }
    for group in groups { try read(statement: summed.replacing("{g}", with: group), note) }
  }

  /// With every `sum{h}(…)` written out.
  private func sums(_ text: String) throws(StatisticsError) -> String {
    var text = text
    // Backwards, so that inner sums are written out first.
    while let start = text.ranges(of: "sum{h}(").last {
      guard !groups.isEmpty else {
        throw fault("sum{h} without groups", "a line \"groups NAME NAME\" before")
      }
      var depth = 1
      var end = start.upperBound
      while end < text.endIndex {
        if text[end] == "(" { depth += 1 }
        if text[end] == ")" { depth -= 1 }
        if depth == 0 { break }
        end = text.index(after: end)
      }
      guard depth == 0 else { throw fault("sum{h}( without an end", "')'") }
      let body = String(text[start.upperBound..<end])
      let sum = groups.map { "(" + body.replacing("{h}", with: $0) + ")" }.joined(separator: " + ")
      text.replaceSubrange(start.lowerBound...end, with: "(" + sum + ")")
    }
    return text
  }

  private mutating func read(statement: String, _ note: String) throws(StatisticsError) {
    let words = statement.split(whereSeparator: \.isWhitespace).map(String.init)
    let rest = statement.dropFirst(words[0].count).trimmed
    switch words[0] {
    case "model": name = rest
    case "time":
      guard ["day", "week", "month", "year"].contains(rest) else {
        throw fault("the unit \"\(rest)\"", "day, week, month or year")
      }
      timeUnit = rest
    case "groups":
      for group in words.dropFirst() { try checkName(group) }
      groups += words.dropFirst()
    case "compartments":
      for word in words.dropFirst() {
        try define(word)
        compartments.append(word)
      }
    case "infected":
      for word in words.dropFirst() {
        guard compartments.contains(word) else { throw unknownCompartment(word) }
        infected.insert(word)
      }
    case "parameter": try readParameter(rest, note)
    case "let": definitions.append(try named(rest, separator: "="))
    case "observe": observations.append(try named(rest, separator: ":"))
    case "start":
      let start = try named(rest, separator: "=", isNew: false)
      guard compartments.contains(start.name) else { throw unknownCompartment(start.name) }
      guard !starts.contains(where: { $0.name == start.name }) else {
        throw fault("a second start of \(start.name)", "one")
      }
      starts.append(start)
    case "at": interventions.append((line, rest))
    case "infection": try readFlow(rest, isInfection: true)
    default:
      guard statement.contains("->") else {
        let keywords = [
          "model", "time", "groups", "compartments", "infected", "parameter", "let", "infection", "start",
          "observe", "at",
        ]
        throw fault(
          "\"\(words[0])\"", "a flow FROM -> TO : RATE, or one of \(keywords.joined(separator: ", "))",
          nearestName(words[0], among: keywords).map { "did you mean \($0)?" })
      }
      try readFlow(statement, isInfection: false)
    }
  }

  private func unknownCompartment(_ word: String) -> StatisticsError {
    fault(
      "\(word)",
      compartments.isEmpty
        ? "a line \"compartments …\" before" : "a compartment: \(compartments.joined(separator: ", "))",
      nearestName(word, among: compartments).map { "did you mean \($0)?" })
  }

  private func checkName(_ word: String) throws(StatisticsError) {
    let isName =
      word.first.map { $0.isLetter || $0 == "_" } ?? false
      && word.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
    guard isName else { throw fault("\"\(word)\"", "a name of letters, digits and _") }
  }

  private mutating func define(_ word: String) throws(StatisticsError) {
    try checkName(word)
    guard taken.insert(word).inserted else {
      throw fault("the name \(word) again", "a name that is not taken")
    }
  }

  /// `NAME = FORMULA`, or with a colon.
  private mutating func named(_ text: String, separator: Character, isNew: Bool = true)
    throws(StatisticsError) -> (
      line: Int, name: String, formula: String
    )
  {
    guard let place = text.firstIndex(of: separator) else {
      throw fault("\"\(text)\"", "NAME \(separator) FORMULA")
    }
    let name = text[..<place].trimmed
    if isNew { try define(name) } else { try checkName(name) }
    return (line, name, text[text.index(after: place)...].trimmed)
  }

  private mutating func readParameter(_ text: String, _ note: String) throws(StatisticsError) {
    let (_, name, rest) = try named(text, separator: "=")
    var words = rest.split(whereSeparator: \.isWhitespace).map(String.init)[...]
    guard let first = words.popFirst(), let value = Double(first), value.isFinite else {
      throw fault("the value \"\(rest)\" of \(name)", "a finite number")
    }
    var isRate = false
    var range = 0...Double.infinity
    while let word = words.popFirst() {
      switch (word, words.popFirst()) {
      case ("per", let unit?):
        guard unit == timeUnit else {
          throw fault("\(name) per \(unit)", "per \(timeUnit), the model's unit of time")
        }
        isRate = true
      case ("in", let limits?):
        guard let dots = limits.firstRange(of: ".."), let low = Double(limits[..<dots.lowerBound]),
          let high = Double(limits[dots.upperBound...]), low <= high
        else { throw fault("the range \"\(limits)\" of \(name)", "LOW..HIGH, such as 0..1") }
        range = low...high
      default:
        throw fault("\"\(word)\" after the value of \(name)", "\"per \(timeUnit)\" or \"in LOW..HIGH\"")
      }
    }
    guard range.contains(value) else { throw fault("\(name) = \(value)", rangeWords(range)) }
    parameters.append(.init(name: name, value: value, range: range, isRate: isRate, note: note))
  }

  private mutating func readFlow(_ text: String, isInfection: Bool) throws(StatisticsError) {
    guard let arrow = text.firstRange(of: "->"), let colon = text.firstIndex(of: ":"),
      colon >= arrow.upperBound
    else { throw fault("\"\(text)\"", "FROM -> TO : RATE") }
    let from = text[..<arrow.lowerBound].trimmed
    let to = text[arrow.upperBound..<colon].trimmed
    for end in [from, to] where end != "0" && !compartments.contains(end) { throw unknownCompartment(end) }
    guard from != to else { throw fault("\"\(text)\"", "two different ends") }
    flows.append((line, from, to, isInfection, text[text.index(after: colon)...].trimmed))
  }

  // MARK: The model

  func model(text: String) throws(StatisticsError) -> CompartmentModel {
    guard !compartments.isEmpty else {
      throw fault("no compartments", "a line \"compartments NAME NAME …\"", line: 1)
    }
    guard !flows.isEmpty else { throw fault("no flows", "lines FROM -> TO : RATE", line: line) }
    var formulas = Formulas()
    var constants: [String: Formulas.Node] = [:]
    for (i, parameter) in parameters.enumerated() {
      // Behind the time, the compartments and the observations.
      constants[parameter.name] = formulas.node(.input(1 + compartments.count + observations.count + i))
    }
    var names = constants
    names["t"] = formulas.node(.input(0))
    for (i, compartment) in compartments.enumerated() { names[compartment] = formulas.node(.input(1 + i)) }
    for definition in definitions {
      names[definition.name] = try parse(definition.formula, definition.line, names, &formulas)
    }
    for flow in flows where flow.isInfection && !infected.contains(flow.to) {
      throw fault(
        "an infection that leads to \(flow.to)", "an infected compartment", line: flow.line,
        "add \(flow.to) to the line \"infected\"")
    }
    func place(_ name: String) -> Int? { compartments.firstIndex(of: name) }
    var made: [CompartmentModel.Flow] = []
    for flow in flows {
      made.append(
        .init(
          source: place(flow.from), target: place(flow.to), isInfection: flow.isInfection,
          formula: flow.formula,
          rate: try parse(flow.formula, flow.line, names, &formulas)))
    }
    var counted: [CompartmentModel.Observation] = []
    for observation in observations {
      counted.append(
        .init(
          name: observation.name, formula: observation.formula,
          rate: try parse(observation.formula, observation.line, names, &formulas)))
    }
    var startNodes = compartments.map { _ in formulas.constant(0) }
    for start in starts {
      startNodes[place(start.name)!] = try parse(start.formula, start.line, constants, &formulas)
    }
    var events: [Intervention] = []
    for (line, text) in interventions {
      events.append(
        try Intervention(
          text, parameters: parameters.map(\.name), compartments: compartments, place: "\(file):\(line)",
          kind: .badData))
    }
    return CompartmentModel(
      name: name, timeUnit: timeUnit,
      compartments: compartments.map { .init(name: $0, isInfected: infected.contains($0)) },
      parameters: parameters, flows: made, observations: counted, interventions: events, text: text,
      formulas: formulas, starts: startNodes)
  }

  private func parse(
    _ formula: String, _ line: Int, _ names: [String: Formulas.Node], _ formulas: inout Formulas
  ) throws(StatisticsError) -> Formulas.Node {
    do {
      return try FormulaParser.parse(formula, names: names, into: &formulas)
    } catch {
      // The column is that of the formula, which may have been made of another by groups.
      throw StatisticsError(
        .badData, "\(file):\(line), character \(error.offset + 1) of \"\(formula)\"", found: error.found,
        expected: error.expected, advice: error.advice)
    }
  }
}
