/// A question: the law of some variables when others are set, among cases in which further ones were seen.
public struct CausalQuery: Sendable, Hashable {
  /// A variable with a state, or, without one, with each of its states in turn.
  public struct Setting: Sendable, Hashable {
    public let variable: String
    public let state: String?

    public init(_ variable: String, _ state: String? = nil) {
      (self.variable, self.state) = (variable, state)
    }
  }

  public var targets: [String]
  public var interventions: [Setting]
  public var evidence: [Setting]

  /// - Parameters:
  ///   - targets: the variables whose joint law is asked for.
  ///   - interventions: what is set, `["S": "1"]`; with nil, every state of the variable in one pass.
  ///   - evidence: what was seen after the variables were set, nil as above.
  public init(
    of targets: [String], do interventions: KeyValuePairs<String, String?> = [:],
    given evidence: KeyValuePairs<String, String?> = [:]
  ) {
    self.targets = targets
    self.interventions = interventions.map { Setting($0.key, $0.value) }
    self.evidence = evidence.map { Setting($0.key, $0.value) }
  }

  public init(of targets: [String], settings: [Setting], evidence: [Setting] = []) {
    (self.targets, interventions, self.evidence) = (targets, settings, evidence)
  }

  /// In the usual notation.
  public var text: String {
    func words(_ settings: [Setting]) -> [String] {
      settings.map { setting in setting.variable + (setting.state.map { "=\($0)" } ?? "") }
    }
    let conditions = interventions.isEmpty ? [] : ["do(\(words(interventions).joined(separator: ", ")))"]
    let all = conditions + words(evidence)
    return "P(\(targets.joined(separator: ", "))\(all.isEmpty ? "" : " | " + all.joined(separator: ", ")))"
  }

  /// - Throws: ``StatisticsError`` for names and states that do not exist, and for a variable in two roles.
  func check(_ diagram: CausalDiagram, observed: Bool, variable: (String) -> FiniteVariable?)
    throws(StatisticsError)
  {
    guard !targets.isEmpty else {
      throw StatisticsError(.option, "query", found: "no variable", expected: "at least one")
    }
    try diagram.require(targets, role: "query", observed: observed)
    try diagram.require(interventions.map(\.variable), role: "do", observed: observed)
    try diagram.require(evidence.map(\.variable), role: "given", observed: observed)
    let set = Set(interventions.map(\.variable))
    if let both = targets.first(where: set.contains) {
      throw StatisticsError(
        .option, "query \(both)", found: "the variable in do as well", expected: "one that is not set",
        advice: "its law is what you set it to")
    }
    if let both = evidence.first(where: { set.contains($0.variable) }) {
      throw StatisticsError(
        .option, "given \(both.variable)", found: "the variable in do as well",
        expected: "one that is not set")
    }
    if let both = evidence.first(where: { targets.contains($0.variable) }) {
      throw StatisticsError(
        .option, "query \(both.variable)", found: "the variable in given as well",
        expected: "one that was not seen")
    }
    for setting in interventions + evidence {
      if let state = setting.state, let known = variable(setting.variable) { _ = try known.index(of: state) }
    }
  }

  /// Positions of the states that are fixed.
  func fixed(_ variable: (String) -> FiniteVariable?) throws(StatisticsError) -> [String: Int] {
    var found: [String: Int] = [:]
    for setting in interventions + evidence {
      if let state = setting.state, let known = variable(setting.variable) {
        found[setting.variable] = try known.index(of: state)
      }
    }
    return found
  }

  /// What the answer has axes for besides the targets.
  var openConditions: [String] { (interventions + evidence).filter { $0.state == nil }.map(\.variable) }
}
