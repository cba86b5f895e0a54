import RealModule
import Solvers

/// Negative binomial regression of counts on a wave and a trend: what a mechanism has to beat.
///
/// ln mean = c₀ + c₁ sin(2πt/period) + c₂ cos(2πt/period) [+ c₃ t/length of the series], t the number of the interval from 1.
public struct SeasonalRegression: Sendable {
  /// c₀ and what follows.
  public let coefficients: [Double]
  /// k; infinite for Poisson counts.
  public let dispersion: Double
  public let negativeLogLikelihood: Double

  public var akaike: Double {
    2 * negativeLogLikelihood + 2 * Double(coefficients.count + (dispersion.isFinite ? 1 : 0))
  }

  /// - Parameters:
  ///   - period: in intervals, > 0; nil for no wave.
  ///   - isPoisson: without extra spread.
  /// - Throws: ``StatisticsError`` (`noAnswer`) where the search does not end.
  public init(_ counts: [Int?], period: Double? = 52, hasTrend: Bool = false, isPoisson: Bool = false)
    throws(StatisticsError)
  {
    let n = Double(counts.count)
    let rows = counts.indices.map { i -> [Double] in
      let t = Double(i + 1)
      let wave = period.map { [Double.sin(2 * .pi * t / $0), Double.cos(2 * .pi * t / $0)] } ?? []
      return [1] + wave + (hasTrend ? [t / n] : [])
    }
    let known = counts.compactMap { $0.map(Double.init) }
    let mean = known.reduce(0, +) / Double(max(1, known.count))
    guard mean > 0 else {
      throw StatisticsError(.noAnswer, "seasonal regression", found: "no cases", expected: "one at least")
    }
    let p = rows[0].count
    let d = p + (isPoisson ? 0 : 1)
    let start =
      [Double.log(mean)] + [Double](repeating: 0, count: p - 1) + (isPoisson ? [] : [Double.log(10)])
    let found = LevenbergMarquardt(tolerance: 1e-12).minimize(from: start) { point in
      let k = isPoisson ? Double.infinity : .exp(point[d - 1])
      var model = LevenbergMarquardt.Model(
        value: 0, gradient: Array(repeating: 0, count: d), curvature: Array(repeating: 0, count: d * d))
      for (row, count) in zip(rows, counts) {
        guard let count else { continue }
        let y = Double(count)
        let m = Double.exp(zip(row, point).reduce(0) { $0 + $1.0 * $1.1 })
        model.value -= CountLikelihood.logProbability(y, m, k)
        let spread = 1 + m / k
        for a in 0..<p {
          model.gradient[a] += (m - y) / spread * row[a]
          for b in 0..<p { model.curvature[a * d + b] += m / spread * row[a] * row[b] }
        }
        if !isPoisson {
          let (first, second) = CountLikelihood.dispersionDerivatives(y, m, k)
          model.gradient[d - 1] -= k * first
          model.curvature[d * d - 1] -= k * first + k * k * second
        }
      }
      if !isPoisson {
        model.curvature[d * d - 1] = max(
          abs(model.curvature[d * d - 1]), 0.5 * abs(model.gradient[d - 1]), 1e-6)
      }
      return model
    }
    guard let found, found.isConverged else {
      throw StatisticsError(
        .noAnswer, "seasonal regression", found: "no optimum", expected: "counts that vary",
        advice: "give more intervals")
    }
    coefficients = Array(found.point[..<p])
    dispersion = isPoisson ? .infinity : .exp(found.point[d - 1])
    negativeLogLikelihood = found.model.value
  }
}
