import Probability
import RealModule
import Torch

/// The share of an output's variance that every input explains, by itself and together with the others.
///
/// Inputs are independent. First-order indices by Saltelli et al. (2010), total ones by Jansen (1999), from n·(d + 2)
/// evaluations; standard errors by the bootstrap over the n rows.
public struct SobolIndices: Sendable {
  /// Var(E[y | xᵢ])/Var(y) of every input, in [0, 1] up to their error; their sum is at most 1.
  public let first: [Estimate]
  /// E[Var(y | all but xᵢ)]/Var(y): 0 exactly where the input has no effect at all.
  public let total: [Estimate]
  public let mean: Double
  public let variance: Double

  /// Where the output is needed: rows A, then B, then for every input A with that input's column of B.
  ///
  /// - Returns: `[(d + 2) · count][dimension]`, in (0, 1). `count` should be a power of 2.
  /// - Complexity: `dimension` is at most half of ``SobolSequence/maximumDimension``.
  public static func design(_ count: Int, dimension: Int, using random: inout RandomSource) -> [[Double]] {
    precondition(
      count > 1 && 2 * dimension <= SobolSequence.maximumDimension,
      "SobolIndices: \(count) rows of \(dimension) inputs")
    var sequence = SobolSequence(dimension: 2 * dimension, using: &random)
    let pairs = sequence.next(count).map { $0.map { max($0, 0x1p-33) } }
    let a = pairs.map { Array($0[..<dimension]) }
    let b = pairs.map { Array($0[dimension...]) }
    return a + b
      + (0..<dimension).flatMap { input in
        zip(a, b).map { a, b in
          var row = a
          row[input] = b[input]
          return row
        }
      }
  }

  /// - Parameters:
  ///   - outputs: the output at every row of ``design(_:dimension:using:)``, finite.
  ///   - resamples: of the bootstrap.
  public init(outputs: [Double], dimension: Int, resamples: Int = 200, using random: inout RandomSource) {
    let n = outputs.count / (dimension + 2)
    precondition(n > 1 && n * (dimension + 2) == outputs.count, "SobolIndices: \(outputs.count) outputs")
    let mean = outputs[..<(2 * n)].reduce(0, +) / Double(2 * n)
    // Around the mean, which keeps the products from cancelling.
    let y = outputs.map { $0 - mean }
    func indices(_ rows: [Int]) -> (first: [Double], total: [Double], variance: Double) {
      let variance = rows.reduce(0) { $0 + y[$1] * y[$1] + y[n + $1] * y[n + $1] } / Double(2 * rows.count)
      var (first, total) = ([Double](), [Double]())
      for input in 0..<dimension {
        let base = (2 + input) * n
        var (own, all) = (0.0, 0.0)
        for row in rows {
          own += y[n + row] * (y[base + row] - y[row])
          all += (y[row] - y[base + row]) * (y[row] - y[base + row])
        }
        first.append(own / Double(rows.count) / variance)
        total.append(0.5 * all / Double(rows.count) / variance)
      }
      return (first, total, variance)
    }
    let found = indices(Array(0..<n))
    let draws = (0..<resamples).map { _ in
      indices((0..<n).map { _ in random.integer(in: 0..<n) })
    }
    func estimate(_ value: Double, _ drawn: [Double]) -> Estimate {
      let centre = drawn.reduce(0, +) / Double(drawn.count)
      let spread = drawn.reduce(0) { $0 + ($1 - centre) * ($1 - centre) } / Double(max(1, drawn.count - 1))
      return Estimate(value, standardError: drawn.count < 2 ? .nan : spread.squareRoot())
    }
    first = (0..<dimension).map { i in estimate(found.first[i], draws.map { $0.first[i] }) }
    total = (0..<dimension).map { i in estimate(found.total[i], draws.map { $0.total[i] }) }
    self.mean = mean
    variance = found.variance
  }
}
