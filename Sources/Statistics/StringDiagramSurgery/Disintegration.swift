/// A two-comb: a first channel g : A → B, and then f : B → A ⊗ C whose A does not depend on B, that recompose to a joint law
/// of A, B and C. What is read off the joint is the only such pair, so it is what the boxes of the diagram do, hidden causes
/// of A and C included.
///
/// ```swift
/// let comb = try joint.comb(a: "S", b: "T", c: "C")
/// let effect = comb.cut()  // P(C | do S), over S and C
/// ```
public struct Comb: Sendable, Equatable {
  /// g[a; b] = w(b | a), over A, B.
  public let g: Factor<Double>
  /// f[b; a, c] = w(a) w(c | a, b), over B, A, C.
  public let f: Factor<Double>
  /// The largest |w − g·f|: rounding only.
  public let recompositionError: Double

  /// The surgery at A: P(c | do a) = Σ_b g[a; b] Σ_a′ f[b; a′, c], over A, C.
  public func cut() -> Factor<Double> {
    let (b, a, c) = (f.variables[0], f.variables[1], f.variables[2])
    let response = f.marginal([b.name, c.name])
    return Contraction(of: [g.variables, response.variables], open: [a, c])(unchecked: [g, response])
  }
}

extension Factor where Scalar == Double {
  /// The comb of a joint law over A, B and C.
  ///
  /// - Parameters:
  ///   - a: what is to be set.
  ///   - b: what carries its whole effect.
  ///   - c: what the effect is on.
  /// - Throws: ``StatisticsError`` naming the cells where w(a, b) = 0, without which the comb is not determined.
  public func comb(a: String, b: String, c: String) throws(StatisticsError) -> Comb {
    let joint = marginal([a, b, c])
    let (g, last) = (joint.marginal([a, b]).conditional(given: [a]), joint.conditional(given: [a, b]))
    guard last.undetermined.isEmpty else {
      throw StatisticsError(
        .noAnswer, "comb of \(a), \(b), \(c)",
        found: "no mass at \(last.undeterminedCells.prefix(5).joined(separator: "; "))",
        expected: "mass at every combination of \(a) and \(b)",
        advice: "merge states, collect such cases, or smooth the counts")
    }
    let state = joint.marginal([a])
    let (va, vb, vc) = (joint.variables[0], joint.variables[1], joint.variables[2])
    let f = Contraction(of: [[va], [va, vb, vc]], open: [vb, va, vc])(unchecked: [state, last.channel])
    let recomposed = Contraction(of: [[va, vb], [vb, va, vc]], open: [va, vb, vc])(
      unchecked: [g.channel, f])
    let error = zip(recomposed.values, joint.values).map { abs($0 - $1) }.max() ?? 0
    return Comb(g: g.channel, f: f, recompositionError: error)
  }
}
