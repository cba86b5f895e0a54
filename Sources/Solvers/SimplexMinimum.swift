extension ProximalNewton {
  /// The minimum over the probability simplex of a convex function that is 1/t along every ray, such as the mean of a/(Gα).
  ///
  /// The α ≥ 0 at which f(α) + Σ α is least has the direction of that minimum, so that Newton steps have only signs to mind. The value
  /// found exceeds the minimum by about the tolerance, relative, at most.
  /// - Parameters:
  ///   - f: defined for all α ≥ 0 at which it is finite.
  ///   - start: shares ≥ 0 at which f is finite and above 0.
  /// - Returns: shares that sum to 1; some may be 0.
  public func minimiseOverSimplex(_ f: some SmoothObjective, from start: [Double]) -> [Double] {
    let total = start.reduce(0, +)
    let value = f.value(at: start.map { $0 / total })
    precondition(
      start.allSatisfy { $0 >= 0 } && value > 0 && value.isFinite,
      "ProximalNewton: f = \(value) at the shares \(start)")
    // The best length of the first direction.
    let length = value.squareRoot() / total
    var penalty = SeparablePenalty(none: f.dimension)
    penalty.absolute = [Double](repeating: 1, count: f.dimension)
    penalty.lower = [Double](repeating: 0, count: f.dimension)
    let found = minimise(f, penalty, from: start.map { $0 * length }).point
    let sum = found.reduce(0, +)
    return found.map { $0 / sum }
  }
}
