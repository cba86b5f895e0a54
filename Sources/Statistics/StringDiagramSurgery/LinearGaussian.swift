import Torch

/// A causal diagram over the real line: every variable is a linear function of its parents and normal noise of its own.
public struct LinearGaussianNetwork: Sendable {
  public let diagram: CausalDiagram
  /// By variable.
  public let channels: [String: GaussianChannels.Channel]

  /// - Parameter channels: by variable, coefficients of its parents in the order of the box.
  /// - Throws: ``StatisticsError`` naming the box.
  public init(_ diagram: CausalDiagram, _ channels: [String: GaussianChannels.Channel])
    throws(StatisticsError)
  {
    (self.diagram, self.channels) = (diagram, channels)
    _ = try joint()
  }

  /// A normal law.
  public struct Law: Sendable, Equatable {
    public let variables: [String]
    public let mean: [Double]
    /// `[variables][variables]`
    public let covariance: [[Double]]

    /// Coefficients of the regression of one variable on others, in their order.
    /// - Throws: ``StatisticsError`` where these are linearly dependent.
    public func regression(of target: String, on others: [String]) throws(StatisticsError) -> [Double] {
      let indices = try positions(others)
      let row = try positions([target])[0]
      return try Self.solve(
        indices.map { i in indices.map { covariance[i][$0] } }, indices.map { covariance[$0][row] }, others)
    }

    /// The law of some variables where others have values.
    public func conditional(of names: [String], given values: [String: Double]) throws(StatisticsError) -> Law
    {
      let (kept, seen) = (try positions(names), try positions(values.keys.sorted()))
      var (mean, covariance) = (
        kept.map { self.mean[$0] }, kept.map { i in kept.map { self.covariance[i][$0] } }
      )
      if seen.isEmpty { return Law(variables: names, mean: mean, covariance: covariance) }
      for (i, name) in names.enumerated() {
        let slopes = try regression(of: name, on: seen.map { variables[$0] })
        for (slope, other) in zip(slopes, seen) {
          mean[i] += slope * (values[variables[other]]! - self.mean[other])
          for (j, second) in kept.enumerated() { covariance[i][j] -= slope * self.covariance[other][second] }
        }
      }
      return Law(variables: names, mean: mean, covariance: covariance)
    }

    private func positions(_ names: [String]) throws(StatisticsError) -> [Int] {
      var found: [Int] = []
      for name in names {
        guard let i = variables.firstIndex(of: name) else {
          throw StatisticsError(
            .option, "variable \(name)", found: "no such measured variable",
            expected: "one of \(variables.joined(separator: ", "))")
        }
        found.append(i)
      }
      return found
    }

    private static func solve(_ matrix: [[Double]], _ right: [Double], _ names: [String])
      throws(StatisticsError) -> [Double]
    {
      if right.isEmpty { return [] }
      let found = try? withTorchErrors {
        Tensor(rows: matrix).solve(Tensor(right, shape: [right.count, 1])).doubles
      }
      // Nearly dependent columns give numbers that solve nothing.
      let isSolved =
        found.map { x in
          matrix.indices.allSatisfy { i in
            let sides = x.indices.map { matrix[i][$0] * x[$0] }
            let scale = sides.reduce(abs(right[i])) { $0 + abs($1) }
            return abs(sides.reduce(-right[i], +)) <= 1e-9 * scale && x.allSatisfy(\.isFinite)
          }
        } ?? false
      guard let found, isSolved else {
        throw StatisticsError(
          .noAnswer, "regression on \(names.joined(separator: ", "))", found: "linearly dependent variables",
          expected: "variation in each that the others do not have")
      }
      return found
    }

    /// The surgery at A of the comb of A → B → C, where only B carries the effect and nothing hidden points into B: the slope
    /// of E[C | do a], the coefficient of A in B ~ A times that of B in C ~ A + B.
    public func combSlope(a: String, b: String, c: String) throws(StatisticsError) -> Double {
      try regression(of: b, on: [a])[0] * regression(of: c, on: [a, b])[1]
    }
  }

  /// The law of the measured variables: the meaning of the string diagram.
  public func joint() throws(StatisticsError) -> Law { try Self.law(diagram, channels) }

  private static func law(_ diagram: CausalDiagram, _ channels: [String: GaussianChannels.Channel])
    throws(StatisticsError) -> Law
  {
    var byBox: [String: GaussianChannels.Channel] = [:]
    for box in diagram.boxes { byBox[box.name] = channels[box.variable] }
    let state = try diagram.stringDiagram.interpreted(in: GaussianChannels(byBox))
    return Law(variables: diagram.observed, mean: state.offset, covariance: state.covariance)
  }

  /// The law of some variables when others are set to values, among cases in which further ones had values.
  public func answer(
    of targets: [String], do values: [String: Double] = [:], given seen: [String: Double] = [:]
  )
    throws(StatisticsError) -> Law
  {
    let names = Array(values.keys)
    try diagram.require(names.sorted(), role: "do")
    var changed = channels
    for (name, value) in values {
      changed[name] = GaussianChannels.Channel(coefficients: [], intercept: value, variance: 0)
    }
    let cut = try diagram.cutting(Set(names))
    // A target may be hidden from the data and still asked for.
    let open = try CausalDiagram(cut.boxes, hidden: cut.hidden.subtracting(targets).subtracting(seen.keys))
    return try Self.law(open, changed).conditional(of: targets, given: seen)
  }
}
