extension StochasticMatrices {
  /// The same meaning as ``StringDiagram/interpreted(in:)``, by one contraction: copies and swaps only rename indices, so no
  /// table is larger than the elimination order needs.
  ///
  /// - Returns: over `in1, in2, …, out1, out2, …`, in the order of the wires.
  /// - Throws: ``StatisticsError`` where a box has no table or one that does not fit, or where tables are too large.
  public func contracted<Scalar: FactorScalar>(
    _ diagram: StringDiagram, as scalar: Scalar.Type = Double.self
  ) throws(StatisticsError) -> Factor<Scalar> {
    var wiring = Wiring(semantics: self)
    let inputs = diagram.inputs.map { wiring.fresh($0) }
    let outputs = try wiring.trace(diagram, inputs)
    var open: [FiniteVariable] = []
    var used: Set<Int> = []
    // An index that ends in two places, such as a wire that goes straight through, is copied by a table.
    for (prefix, wires) in [("in", inputs), ("out", outputs)] {
      for (position, wire) in wires.enumerated() {
        let base = try variable(wiring.types[wire])
        let named = base.renamed("\(prefix)\(position + 1)")
        open.append(named)
        if used.insert(wire).inserted {
          wiring.names[wire] = named.name
        } else {
          wiring.copies.append((wire, named))
        }
      }
    }
    let factors = try wiring.factors()
    let plan = try Contraction(factors.map(\.variables), open: open)
    return try plan(factors.map { $0.converted(to: Scalar.self) })
  }

  /// Boxes with the numbers of the wires they touch.
  private struct Wiring {
    let semantics: StochasticMatrices
    var types: [String] = []
    var names: [Int: String] = [:]
    var boxes: [(box: StringDiagram.Box?, wires: [Int])] = []
    var copies: [(Int, FiniteVariable)] = []

    mutating func fresh(_ type: String) -> Int {
      types.append(type)
      return types.count - 1
    }

    mutating func trace(_ diagram: StringDiagram, _ wires: [Int]) throws(StatisticsError) -> [Int] {
      switch diagram.term {
      case .identity: return wires
      case .box(let box):
        let made = box.outputs.map { fresh($0) }
        boxes.append((box, wires + made))
        return made
      case .copy: return [wires[0], wires[0]]
      case .discard: return []
      case .swap: return [wires[1], wires[0]]
      case .uniform:
        let made = fresh(diagram.outputs[0])
        boxes.append((nil, [made]))
        return [made]
      case .compose(let a, let b): return try trace(b, try trace(a, wires))
      case .tensor(let a, let b):
        let left = try trace(a, Array(wires.prefix(a.inputs.count)))
        return left + (try trace(b, Array(wires.dropFirst(a.inputs.count))))
      }
    }

    func index(_ wire: Int) throws(StatisticsError) -> FiniteVariable {
      try semantics.variable(types[wire]).renamed(names[wire] ?? "wire\(wire)")
    }

    func factors() throws(StatisticsError) -> [Factor<Double>] {
      var factors: [Factor<Double>] = []
      func delta(_ a: FiniteVariable, _ b: FiniteVariable) -> Factor<Double> {
        Factor(
          [a, b], values: (0..<a.count * b.count).map { $0 / b.count == $0 % b.count ? 1 : 0 })
      }
      for (number, entry) in boxes.enumerated() {
        guard let box = entry.box else {
          let variable = try index(entry.wires[0])
          factors.append(Factor([variable], repeating: 1 / Double(variable.count)))
          continue
        }
        var axes: [FiniteVariable] = []
        for (position, wire) in entry.wires.enumerated() {
          let variable = try index(wire)
          if axes.contains(where: { $0.name == variable.name }) {
            // One wire twice into a box.
            let again = variable.renamed("again\(number).\(position)")
            axes.append(again)
            factors.append(delta(variable, again))
          } else {
            axes.append(variable)
          }
        }
        factors.append(Factor(axes, values: try semantics.box(box).values))
      }
      for (wire, copy) in copies { factors.append(delta(try index(wire), copy)) }
      return factors
    }
  }
}
