/// A causal diagram: one box a variable, fed by the variables it depends on, without cycles. Hidden variables have no output
/// wire: they are used and discarded.
///
/// ```swift
/// let smoking = try CausalDiagram(
///   parsing: """
///     hidden H
///     s : H -> S
///     t : S -> T
///     c : H, T -> C
///     """)
/// print(try smoking.identify(["C"], do: ["S"]).formula.text)
/// ```
public struct CausalDiagram: Sendable, Hashable {
  /// The box that makes a variable.
  public struct Box: Sendable, Hashable {
    public let name: String
    public let variable: String
    public let parents: [String]

    public init(_ name: String, of variable: String, parents: [String]) {
      (self.name, self.variable, self.parents) = (name, variable, parents)
    }
  }

  /// In the order they were given.
  public let boxes: [Box]
  public let hidden: Set<String>
  /// Names of states where the diagram says them.
  public let states: [String: [String]]
  /// Positions of the boxes, parents before children; the given order decides where it can.
  let sorted: [Int]
  private let position: [String: Int]

  /// - Parameters:
  ///   - boxes: one a variable; every parent is a variable too.
  ///   - hidden: variables that were never measured.
  ///   - source: what messages call the diagram.
  /// - Throws: ``StatisticsError`` for a variable with two boxes or none, a parent named twice, or a cycle, which is printed.
  public init(
    _ boxes: [Box], hidden: Set<String> = [], states: [String: [String]] = [:], source: String = "diagram"
  ) throws(StatisticsError) {
    var position: [String: Int] = [:]
    for (i, box) in boxes.enumerated() {
      if box.variable.contains(CausalExpression.prime) {
        throw StatisticsError(
          .badData, "\(source), box \(box.name)", found: "the variable \(box.variable)",
          expected: "a name without \(CausalExpression.prime), which formulas give to what they sum over")
      }
      if let other = position[box.variable] {
        throw StatisticsError(
          .badData, "\(source), box \(box.name)", found: "a second box that makes \(box.variable)",
          expected: "one; box \(boxes[other].name) makes it already")
      }
      position[box.variable] = i
    }
    for box in boxes {
      for (i, parent) in box.parents.enumerated() {
        guard position[parent] != nil else {
          throw StatisticsError(
            .badData, "\(source), box \(box.name)", found: "the unknown variable \(parent)",
            expected: "one that a box makes",
            advice: "add a box \"\(parent.lowercased()) : -> \(parent)\", or \"hidden \(parent)\"")
        }
        guard !box.parents[..<i].contains(parent) else {
          throw StatisticsError(
            .badData, "\(source), box \(box.name)", found: "the input \(parent) twice", expected: "once")
        }
      }
    }
    if let unknown = hidden.sorted().first(where: { position[$0] == nil }) {
      throw StatisticsError(
        .badData, source, found: "the hidden variable \(unknown), which no box makes",
        expected: "one of \(boxes.map(\.variable).joined(separator: ", "))")
    }
    (self.boxes, self.hidden, self.states, self.position) = (boxes, hidden, states, position)
    sorted = try Self.sort(boxes, position, source)
  }

  /// Kahn's order; what is left over holds a cycle.
  private static func sort(_ boxes: [Box], _ position: [String: Int], _ source: String)
    throws(StatisticsError) -> [Int]
  {
    var order: [Int] = []
    var done = Array(repeating: false, count: boxes.count)
    while order.count < boxes.count {
      let ready = boxes.indices.first { i in
        !done[i] && boxes[i].parents.allSatisfy { done[position[$0]!] }
      }
      guard let ready else { break }
      done[ready] = true
      order.append(ready)
    }
    guard order.count < boxes.count else { return order }
    // Parent by parent among what is left, a variable must come again.
    var path = [boxes.indices.first { !done[$0] }!]
    while true {
      let parent = boxes[path.last!].parents.map { position[$0]! }.first { !done[$0] }!
      if let start = path.firstIndex(of: parent) {
        let cycle = (path[start...] + [parent]).reversed().map { boxes[$0].variable }
        throw StatisticsError(
          .badData, source, found: "the cycle \(cycle.joined(separator: " → "))",
          expected: "a diagram without cycles")
      }
      path.append(parent)
    }
  }

  /// All variables, in the order of their boxes.
  public var variables: [String] { boxes.map(\.variable) }
  /// Those that were measured.
  public var observed: [String] { variables.filter { !hidden.contains($0) } }
  /// Parents before children.
  public var topological: [String] { sorted.map { boxes[$0].variable } }

  public func contains(_ variable: String) -> Bool { position[variable] != nil }

  /// The box of a variable of the diagram.
  public func box(of variable: String) -> Box {
    guard let i = position[variable] else { preconditionFailure("CausalDiagram: no variable \(variable)") }
    return boxes[i]
  }

  public func parents(of variable: String) -> [String] { box(of: variable).parents }

  public func children(of variable: String) -> [String] {
    boxes.filter { $0.parents.contains(variable) }.map(\.variable)
  }

  /// The variables and all that they come from.
  /// - Parameter cut: variables whose boxes have lost their inputs.
  public func ancestors(of variables: some Sequence<String>, cutting cut: Set<String> = []) -> Set<String> {
    reached(from: variables) { cut.contains($0) ? [] : parents(of: $0) }
  }

  /// The variables and all that comes from them.
  public func descendants(of variables: some Sequence<String>) -> Set<String> {
    var children: [String: [String]] = [:]
    for box in boxes { for parent in box.parents { children[parent, default: []].append(box.variable) } }
    return reached(from: variables) { children[$0] ?? [] }
  }

  private func reached(from variables: some Sequence<String>, _ next: (String) -> [String]) -> Set<String> {
    var found = Set(variables)
    var open = Array(found)
    while let variable = open.popLast() {
      for other in next(variable) where found.insert(other).inserted { open.append(other) }
    }
    return found
  }

  /// With other variables hidden as well.
  /// - Throws: ``StatisticsError`` for an unknown variable.
  public func hiding(_ more: some Sequence<String>) throws(StatisticsError) -> CausalDiagram {
    let more = Array(more)
    try require(more, role: "hidden")
    return try CausalDiagram(boxes, hidden: hidden.union(more), states: states)
  }

  /// cut_X: the boxes of these variables lose their inputs.
  public func cutting(_ cut: Set<String>) throws(StatisticsError) -> CausalDiagram {
    try require(cut.sorted(), role: "cut")
    let left = boxes.map { cut.contains($0.variable) ? Box($0.name, of: $0.variable, parents: []) : $0 }
    return try CausalDiagram(left, hidden: hidden, states: states)
  }

  /// - Throws: ``StatisticsError`` naming the variables there are.
  func require(_ names: some Sequence<String>, role: String, observed: Bool = false) throws(StatisticsError) {
    var seen: Set<String> = []
    for name in names {
      guard contains(name) else {
        throw StatisticsError(
          .option, "\(role) \(name)", found: "a variable that the diagram does not have",
          expected:
            "one of \(variables.prefix(40).joined(separator: ", "))\(variables.count > 40 ? ", …" : "")")
      }
      if observed, hidden.contains(name) {
        throw StatisticsError(
          .option, "\(role) \(name)", found: "a hidden variable", expected: "one that was measured",
          advice: "measured are \(self.observed.joined(separator: ", "))")
      }
      guard seen.insert(name).inserted else {
        throw StatisticsError(.option, "\(role) \(name)", found: "the variable twice", expected: "once")
      }
    }
  }

  /// ω_G : I → O₁ ⊗ … ⊗ Oₘ, which wires every box to its parents by copying and leaves a wire for each measured variable.
  ///
  /// Outputs are in the order of ``observed``. Every layer copies what a box needs and is needed again, brings its inputs to
  /// the front, and lets the others pass.
  public var stringDiagram: StringDiagram {
    var uses = Dictionary(uniqueKeysWithValues: variables.map { ($0, hidden.contains($0) ? 0 : 1) })
    for box in boxes { for parent in box.parents { uses[parent]! += 1 } }
    var diagram = StringDiagram.identity([])
    func append(_ layer: StringDiagram) {
      do { diagram = try diagram.then(layer) } catch { preconditionFailure("stringDiagram: \(error)") }
    }
    for i in sorted {
      let box = boxes[i]
      for parent in box.parents where uses[parent]! > 1 {
        append(.side(by: diagram.outputs.map { $0 == parent ? .copy($0) : .identity([$0]) }))
      }
      for parent in box.parents { uses[parent]! -= 1 }
      bring(box.parents, &diagram)
      let rest = Array(diagram.outputs.dropFirst(box.parents.count))
      let made = StringDiagram.box(box.name, box.parents, [box.variable])
      append(made.beside(.identity(rest)))
      if uses[box.variable] == 0 {
        append(StringDiagram.discard(box.variable).beside(.identity(rest)))
      }
    }
    bring(observed, &diagram)
    return diagram
  }

  /// Moves wires of these types to the front, in this order, by swaps of neighbours.
  private func bring(_ front: [String], _ diagram: inout StringDiagram) {
    for (target, wire) in front.enumerated() {
      var position = diagram.outputs[target...].firstIndex(of: wire)!
      while position > target {
        let wires = diagram.outputs
        let layer = StringDiagram.identity(Array(wires[..<(position - 1)]))
          .beside(.swap(wires[position - 1], wires[position]))
          .beside(.identity(Array(wires[(position + 1)...])))
        do { diagram = try diagram.then(layer) } catch { preconditionFailure("stringDiagram: \(error)") }
        position -= 1
      }
    }
  }
}
