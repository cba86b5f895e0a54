/// A string diagram over named wires: boxes, and the copy-discard-uniform generators, composed and set side by side.
///
/// A diagram is syntax. ``DiagramSemantics`` says what it means; surgery (``cutting(_:)``) is done on the syntax.
///
/// ```swift
/// let smoking = StringDiagram.box("s", [], ["S"])
/// let tar = StringDiagram.box("t", ["S"], ["T"])
/// let joint = try smoking.then(.copy("S")).then(StringDiagram.identity(["S"]).beside(tar))  // I → S ⊗ T
/// ```
public struct StringDiagram: Sendable, Hashable {
  /// A box with its types.
  public struct Box: Sendable, Hashable {
    public let name: String
    public let inputs: [String]
    public let outputs: [String]

    public init(_ name: String, _ inputs: [String], _ outputs: [String]) {
      (self.name, self.inputs, self.outputs) = (name, inputs, outputs)
    }
  }

  indirect enum Term: Sendable, Hashable {
    case identity
    case box(Box)
    case copy, discard, swap, uniform
    case compose(StringDiagram, StringDiagram)
    case tensor(StringDiagram, StringDiagram)
  }

  /// Types of the wires that come in, and of those that go out.
  public let inputs: [String]
  public let outputs: [String]
  let term: Term

  private init(_ inputs: [String], _ outputs: [String], _ term: Term) {
    (self.inputs, self.outputs, self.term) = (inputs, outputs, term)
  }

  /// Wires that go straight through; none is the empty diagram.
  public static func identity(_ wires: [String]) -> StringDiagram { StringDiagram(wires, wires, .identity) }
  public static func box(_ box: Box) -> StringDiagram { StringDiagram(box.inputs, box.outputs, .box(box)) }
  public static func box(_ name: String, _ inputs: [String], _ outputs: [String]) -> StringDiagram {
    box(Box(name, inputs, outputs))
  }
  /// A → A ⊗ A
  public static func copy(_ wire: String) -> StringDiagram { StringDiagram([wire], [wire, wire], .copy) }
  /// A → I
  public static func discard(_ wire: String) -> StringDiagram { StringDiagram([wire], [], .discard) }
  /// A ⊗ B → B ⊗ A
  public static func swap(_ a: String, _ b: String) -> StringDiagram {
    StringDiagram([a, b], [b, a], .swap)
  }
  /// I → A, a fair die.
  public static func uniform(_ wire: String) -> StringDiagram { StringDiagram([], [wire], .uniform) }

  /// This, and then the other on what comes out.
  /// - Throws: ``StatisticsError`` naming the first wire whose type does not fit.
  public func then(_ next: StringDiagram) throws(StatisticsError) -> StringDiagram {
    guard outputs == next.inputs else {
      let position = zip(outputs, next.inputs).prefix { $0 == $1 }.count
      func type(_ wires: [String]) -> String {
        wires.indices.contains(position) ? wires[position] : "nothing"
      }
      throw StatisticsError(
        .badData, "composition of \(shortText) with \(next.shortText), wire \(position + 1)",
        found: "\(type(outputs)) coming out", expected: "\(type(next.inputs)), which goes in")
    }
    // An identity adds nothing to what is drawn.
    if case .identity = next.term { return self }
    if case .identity = term { return next }
    return StringDiagram(inputs, next.outputs, .compose(self, next))
  }

  /// This with the other to its right.
  public func beside(_ other: StringDiagram) -> StringDiagram {
    if inputs.isEmpty, outputs.isEmpty, case .identity = term { return other }
    if other.inputs.isEmpty, other.outputs.isEmpty, case .identity = other.term { return self }
    return StringDiagram(inputs + other.inputs, outputs + other.outputs, .tensor(self, other))
  }

  /// Several side by side.
  public static func side(by parts: [StringDiagram]) -> StringDiagram {
    parts.reduce(identity([])) { $0.beside($1) }
  }

  /// The functor that is the identity on wires and on the generators, and sends a box to what `replacement` gives for it;
  /// nil keeps the box.
  /// - Throws: ``StatisticsError`` where a replacement has other types than its box.
  public func replacingBoxes(_ replacement: (Box) -> StringDiagram?) throws(StatisticsError) -> StringDiagram
  {
    switch term {
    case .box(let box):
      guard let new = replacement(box) else { return self }
      guard new.inputs == box.inputs, new.outputs == box.outputs else {
        throw StatisticsError(
          .badData, "replacement of box \(box.name)", found: new.shortText, expected: shortText)
      }
      return new
    case .compose(let first, let second):
      return try first.replacingBoxes(replacement).then(try second.replacingBoxes(replacement))
    case .tensor(let left, let right):
      return try left.replacingBoxes(replacement).beside(try right.replacingBoxes(replacement))
    default: return self
    }
  }

  /// cut_X of every wire named: a box that makes one of them is cut off from what came in, and a fair die takes its place.
  ///
  /// A functor on diagrams: it commutes with composition and with side-by-side, cutting twice is cutting once, and the
  /// order of cuts does not matter.
  public func cutting(_ wires: Set<String>) -> StringDiagram {
    let cut = { (box: Box) -> StringDiagram? in
      guard box.outputs.contains(where: wires.contains) else { return nil }
      precondition(
        box.outputs.allSatisfy(wires.contains), "cutting: box \(box.name) also makes a wire that is not cut")
      return StringDiagram.side(by: box.inputs.map(StringDiagram.discard))
        .beside(.side(by: box.outputs.map(StringDiagram.uniform)))
    }
    do { return try replacingBoxes(cut) } catch { preconditionFailure("cutting: \(error)") }
  }

  /// Every box, from left to right and top to bottom.
  public var boxes: [Box] {
    switch term {
    case .box(let box): [box]
    case .compose(let a, let b), .tensor(let a, let b): a.boxes + b.boxes
    default: []
    }
  }

  /// The type, with a box's name.
  var shortText: String {
    let type = "\(Self.text(inputs)) → \(Self.text(outputs))"
    if case .box(let box) = term { return "\(box.name) : \(type)" }
    return "a diagram \(type)"
  }

  private static func text(_ wires: [String]) -> String {
    wires.isEmpty ? "I" : wires.joined(separator: " ⊗ ")
  }
}

extension StringDiagram: CustomStringConvertible {
  /// The term, with `;` for composition and `⊗` for side-by-side.
  public var description: String {
    switch term {
    case .identity: inputs.isEmpty ? "I" : "id(\(inputs.joined(separator: ", ")))"
    case .box(let box): box.name
    case .copy: "copy(\(inputs[0]))"
    case .discard: "discard(\(inputs[0]))"
    case .swap: "swap(\(inputs[0]), \(inputs[1]))"
    case .uniform: "uniform(\(outputs[0]))"
    case .compose(let a, let b): "(\(a) ; \(b))"
    case .tensor(let a, let b): "(\(a) ⊗ \(b))"
    }
  }
}
