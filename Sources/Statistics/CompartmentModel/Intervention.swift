/// What happens at a date: a parameter changes from then on, or a share of a compartment moves at once.
public struct Intervention: Sendable, Hashable {
  public enum Action: Sendable, Hashable {
    /// The parameter takes the value.
    case set(parameter: Int, to: Double)
    /// The parameter becomes so many times what it was.
    case scale(parameter: Int, by: Double)
    /// A share in [0, 1] of a compartment moves, such as a pulse of vaccination.
    case move(from: Int, to: Int, share: Double)
  }

  public let time: Double
  public let action: Action

  public init(time: Double, action: Action) { (self.time, self.action) = (time, action) }

  /// Reads `60: beta = 0.1`, `60: beta *= 0.5` or `60: S -> R 0.3`.
  /// - Throws: ``StatisticsError`` (`option`) with `place`.
  public init(_ text: String, of model: CompartmentModel) throws(StatisticsError) {
    try self.init(
      text, parameters: model.parameters.map(\.name), compartments: model.compartments.map(\.name),
      place: "intervention \"\(text)\"", kind: .option)
  }

  init(
    _ text: String, parameters: [String], compartments: [String], place: String, kind: StatisticsError.Kind
  ) throws(StatisticsError) {
    func fault(_ found: String, _ expected: String, _ advice: String? = nil) -> StatisticsError {
      StatisticsError(kind, place, found: found, expected: expected, advice: advice)
    }
    func index(_ name: String, _ names: [String], _ what: String) throws(StatisticsError) -> Int {
      if let found = names.firstIndex(of: name) { return found }
      throw fault(
        "the \(what) \(name)", "one of \(names.joined(separator: ", "))",
        nearestName(name, among: names).map { "did you mean \($0)?" })
    }
    func number(_ text: String) throws(StatisticsError) -> Double {
      guard let value = Double(text), value.isFinite else { throw fault("\"\(text)\"", "a finite number") }
      return value
    }
    let form = "TIME: NAME = VALUE, TIME: NAME *= FACTOR or TIME: FROM -> TO SHARE"
    guard let colon = text.firstIndex(of: ":") else { throw fault("no colon", form) }
    time = try number(text[..<colon].trimmed)
    let rest = text[text.index(after: colon)...].trimmed
    if let arrow = rest.firstRange(of: "->") {
      let words = rest[arrow.upperBound...].split { $0.isWhitespace || $0 == ":" }
      guard words.count == 2 else { throw fault("\"\(rest)\"", form) }
      let share = try number(String(words[1]))
      guard (0...1).contains(share) else { throw fault("the share \(share)", "a number in [0, 1]") }
      action = .move(
        from: try index(rest[..<arrow.lowerBound].trimmed, compartments, "compartment"),
        to: try index(String(words[0]), compartments, "compartment"), share: share)
      return
    }
    guard let sign = rest.firstIndex(of: "=") else { throw fault("\"\(rest)\"", form) }
    let value = try number(rest[rest.index(after: sign)...].trimmed)
    var name = rest[..<sign].trimmed
    let isFactor = name.hasSuffix("*")
    if isFactor { name = name.dropLast().trimmed }
    let parameter = try index(name, parameters, "parameter")
    action = isFactor ? .scale(parameter: parameter, by: value) : .set(parameter: parameter, to: value)
  }

  /// Applies it to the parameters, and to a state of lanes (number i of lane l at i · lanes + l); derivatives in lanes from
  /// 1 on move with their compartments.
  func apply(to values: inout [Double], state: inout [Double], lanes: Int) {
    switch action {
    case .set(let parameter, let value): values[parameter] = value
    case .scale(let parameter, let factor): values[parameter] *= factor
    case .move(let from, let to, let share):
      for lane in 0..<lanes {
        let moved = share * state[from * lanes + lane]
        state[from * lanes + lane] -= moved
        state[to * lanes + lane] += moved
      }
    }
  }
}

extension Intervention {
  /// As it is written, `30: beta *= 0.5`.
  func text(_ model: CompartmentModel) -> String {
    func short(_ x: Double) -> String {
      let text = "\(x)"
      return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
    let (when, names) = (short(time), model.compartments.map(\.name))
    return switch action {
    case .set(let parameter, let value): "\(when): \(model.parameters[parameter].name) = \(short(value))"
    case .scale(let parameter, let factor):
      "\(when): \(model.parameters[parameter].name) *= \(short(factor))"
    case .move(let from, let to, let share): "\(when): \(names[from]) -> \(names[to]) \(short(share))"
    }
  }
}

extension CompartmentModel {
  /// Follows the parameters through interventions, in order of time.
  ///
  /// A factor's result depends on the value that it meets, so this needs the very values of a run.
  /// - Throws: ``StatisticsError`` (`option`), with the intervention, for a value outside of its range.
  func check(_ interventions: [Intervention], values: [Double]) throws(StatisticsError) {
    var (values, none) = (values, [Double]())
    for event in interventions.sorted(by: { $0.time < $1.time }) {
      switch event.action {
      case .set(let place, _), .scale(let place, _):
        event.apply(to: &values, state: &none, lanes: 0)
        try check(values[place], of: place, cause: "intervention \"\(event.text(self))\"")
      case .move: break
      }
    }
  }
}

extension StringProtocol {
  /// Without spaces around.
  var trimmed: String {
    var text = self[...]
    while text.first?.isWhitespace == true { text = text.dropFirst() }
    while text.last?.isWhitespace == true { text = text.dropLast() }
    return String(text)
  }
}
