/// A meaning of string diagrams: what boxes and the generators are, and how two of them compose.
public protocol DiagramSemantics {
  associatedtype Morphism

  func identity(_ wires: [String]) throws(StatisticsError) -> Morphism
  func box(_ box: StringDiagram.Box) throws(StatisticsError) -> Morphism
  func copy(_ wire: String) throws(StatisticsError) -> Morphism
  func discard(_ wire: String) throws(StatisticsError) -> Morphism
  func swap(_ a: String, _ b: String) throws(StatisticsError) -> Morphism
  func uniform(_ wire: String) throws(StatisticsError) -> Morphism
  func compose(_ first: Morphism, _ second: Morphism) throws(StatisticsError) -> Morphism
  func tensor(_ left: Morphism, _ right: Morphism) throws(StatisticsError) -> Morphism
}

extension StringDiagram {
  /// The functor into a semantics: part by part, as the term is built.
  public func interpreted<S: DiagramSemantics>(in semantics: S) throws(StatisticsError) -> S.Morphism {
    switch term {
    case .identity: try semantics.identity(inputs)
    case .box(let box): try semantics.box(box)
    case .copy: try semantics.copy(inputs[0])
    case .discard: try semantics.discard(inputs[0])
    case .swap: try semantics.swap(inputs[0], inputs[1])
    case .uniform: try semantics.uniform(outputs[0])
    case .compose(let a, let b):
      try semantics.compose(try a.interpreted(in: semantics), try b.interpreted(in: semantics))
    case .tensor(let a, let b):
      try semantics.tensor(try a.interpreted(in: semantics), try b.interpreted(in: semantics))
    }
  }
}
