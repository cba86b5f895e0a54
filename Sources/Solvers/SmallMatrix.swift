/// The factors P A = L U of a small square matrix in plain `Double`.
///
/// For matrices of a few rows inside a loop, where a call of LAPACK through a tensor costs more than the elimination.
public struct SmallFactors: Sendable {
  public let size: Int
  private var factors: [Double]
  private var order: [Int]

  /// - Parameter matrix: row-major, `size × size`.
  /// - Returns: nil where the matrix is singular to rounding, or not finite.
  public init?(_ matrix: [Double], size n: Int) {
    precondition(matrix.count == n * n, "SmallFactors: \(matrix.count) numbers for \(n) rows")
    size = n
    factors = matrix
    order = Array(0..<n)
    let scale = matrix.reduce(0) { max($0, abs($1)) }
    guard scale.isFinite else { return nil }
    for column in 0..<n {
      let pivot = (column..<n).max { abs(factors[$0 * n + column]) < abs(factors[$1 * n + column]) }!
      guard abs(factors[pivot * n + column]) > 1e-300, scale > 0 else { return nil }
      if pivot != column {
        for j in 0..<n { factors.swapAt(pivot * n + j, column * n + j) }
        order.swapAt(pivot, column)
      }
      for row in column + 1..<max(n, column + 1) {
        let factor = factors[row * n + column] / factors[column * n + column]
        factors[row * n + column] = factor
        if factor == 0 { continue }
        for j in column + 1..<n { factors[row * n + j] -= factor * factors[column * n + j] }
      }
    }
  }

  /// x in A x = b.
  public func solve(_ b: [Double]) -> [Double] {
    let n = size
    var x = order.map { b[$0] }
    for i in 0..<n { for j in 0..<i { x[i] -= factors[i * n + j] * x[j] } }
    for i in stride(from: n - 1, through: 0, by: -1) {
      for j in i + 1..<max(n, i + 1) { x[i] -= factors[i * n + j] * x[j] }
      x[i] /= factors[i * n + i]
    }
    return x
  }

  /// A⁻¹, row-major.
  public var inverse: [Double] {
    var result = [Double](repeating: 0, count: size * size)
    for column in 0..<size {
      var unit = [Double](repeating: 0, count: size)
      unit[column] = 1
      for (row, value) in solve(unit).enumerated() { result[row * size + column] = value }
    }
    return result
  }
}
