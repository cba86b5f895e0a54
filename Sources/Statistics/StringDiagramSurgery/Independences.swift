import Probability
import RealModule
import Torch

/// An independence that a diagram implies, and how far a law is from it.
public struct IndependenceCheck: Sendable, Hashable {
  public let a: String
  public let b: String
  public let given: [String]
  /// ½ Σ |P(a, b, given) − P(a, given) P(b | given)|: the mass that would have to move.
  public let deviation: Double
  /// Of the likelihood-ratio test on counts, before any correction for many tests; nil without counts.
  public let pValue: Double?

  /// An independence that was not measured has the deviation NaN.
  public init(a: String, b: String, given: [String], deviation: Double = .nan, pValue: Double? = nil) {
    (self.a, self.b, self.given, self.deviation, self.pValue) = (a, b, given, deviation, pValue)
  }

  public var text: String {
    "\(a) ⫫ \(b)\(given.isEmpty ? "" : " | \(given.joined(separator: ", "))")"
  }
}

extension CausalDiagram {
  /// The independences of measured variables that the diagram implies, pair by pair: every variable with every earlier one
  /// that P(v | all before v) does not depend on.
  public var impliedIndependences: [(a: String, b: String, given: [String])] {
    let graph = MixedGraph(self)
    let all = Set(graph.variables)
    return graph.variables.enumerated().flatMap { i, name in
      let pillow = graph.pillow(of: name, within: all)
      return graph.variables[..<i].filter { !pillow.contains($0) }.map { (name, $0, pillow) }
    }
  }

  /// How far a law is from each implied independence, the farthest first.
  ///
  /// - Parameters:
  ///   - records: how many records the law stands for; with it the p-values of G-tests are given.
  ///   - limit: tests whose table has more cells are left out.
  /// - Returns: the checks, and how many were left out.
  public func checkIndependences<D: ObservedDistribution<Double>>(
    of distribution: D, records: Double? = nil, limit: Int = 1 << 20
  ) throws(StatisticsError) -> (checks: [IndependenceCheck], skipped: Int) {
    var checks: [IndependenceCheck] = []
    var skipped = 0
    for (a, b, given) in impliedIndependences {
      var axes: [FiniteVariable] = []
      for name in given + [a, b] { axes.append(try distribution.variable(name)) }
      guard let cells = axes.cellCount, cells <= limit else {
        skipped += 1
        continue
      }
      let joint = try distribution.marginal(given + [a, b])
      let (m, n) = (axes[given.count].count, axes[given.count + 1].count)
      var (deviation, divergence, freedom) = (0.0, 0.0, 0)
      for start in stride(from: 0, to: joint.values.count, by: m * n) {
        let block = Array(joint.values[start..<start + m * n])
        let total = block.reduce(0, +)
        if total <= 0 { continue }
        let rows = (0..<m).map { i in (0..<n).reduce(0) { $0 + block[i * n + $1] } }
        let columns = (0..<n).map { j in (0..<m).reduce(0) { $0 + block[$1 * n + j] } }
        freedom += (rows.count { $0 > 0 } - 1) * (columns.count { $0 > 0 } - 1)
        for i in 0..<m {
          for j in 0..<n {
            let expected = rows[i] * columns[j] / total
            deviation += abs(block[i * n + j] - expected) / 2
            if block[i * n + j] > 0 { divergence += block[i * n + j] * .log(block[i * n + j] / expected) }
          }
        }
      }
      var pValue: Double?
      if let records {
        pValue = freedom > 0 ? Self.chiSquareTail(2 * records * max(0, divergence), freedom) : 1
      }
      checks.append(IndependenceCheck(a: a, b: b, given: given, deviation: deviation, pValue: pValue))
    }
    return (checks.sorted { ($1.deviation, $0.text) < ($0.deviation, $1.text) }, skipped)
  }

  /// P(χ² ≥ x).
  private static func chiSquareTail(_ x: Double, _ freedom: Int) -> Double {
    guard let law = try? Gamma(concentration: Double(freedom) / 2, rate: 0.5) else { return .nan }
    return max(0, 1 - law.cdf(Tensor([x])).doubles[0])
  }
}
