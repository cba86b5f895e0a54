import Foundation

/// Gauss's rule on an interval: `n` nodes, exact for polynomials of degree 2n − 1.
public enum GaussLegendre {
  /// - Returns: nodes in order from `from` to `to`, with weights that sum to `to − from`. Cost: O(n²).
  public static func nodes(_ n: Int, from: Double, to: Double) -> [(t: Double, weight: Double)] {
    precondition(n > 0, "GaussLegendre: \(n) nodes")
    let half = (to - from) / 2
    return (1...n).map { i in
      // A root of Legendre's polynomial by Newton's method, from its asymptotic place.
      var x = -cos(.pi * (Double(i) - 0.25) / (Double(n) + 0.5))
      var slope = 1.0
      for _ in 0..<8 {
        var (value, before) = (x, 1.0)
        for k in stride(from: 2, through: n, by: 1) {
          (value, before) = ((Double(2 * k - 1) * x * value - Double(k - 1) * before) / Double(k), value)
        }
        slope = Double(n) * (x * value - before) / (x * x - 1)
        x -= value / slope
      }
      return (from + half * (1 + x), half * 2 / ((1 - x * x) * slope * slope))
    }
  }
}
