import Torch

/// What is added to a smooth function of m numbers, coordinate by coordinate: Σ λ₁|x| + ½ λ₂x² inside bounds.
public struct SeparablePenalty: Sendable, Hashable {
  /// λ₁ ≥ 0.
  public var absolute: [Double]
  /// λ₂ ≥ 0.
  public var square: [Double]
  /// −∞ where there is none. Bounds do not exclude 0.
  public var lower: [Double]
  /// ∞ where there is none.
  public var upper: [Double]

  /// No penalty at all.
  public init(none dimension: Int) {
    absolute = [Double](repeating: 0, count: dimension)
    square = absolute
    lower = [Double](repeating: -.infinity, count: dimension)
    upper = [Double](repeating: .infinity, count: dimension)
  }

  /// Its value inside the bounds.
  public func value(_ x: [Double]) -> Double {
    x.indices.reduce(0) { $0 + absolute[$1] * abs(x[$1]) + 0.5 * square[$1] * x[$1] * x[$1] }
  }

  /// How far a coordinate is from the conditions of a minimum, where the smooth function has the slope s.
  func residual(_ x: Double, slope s: Double, _ j: Int) -> Double {
    let s = s + square[j] * x
    if x != 0 {
      let slope = s + (x > 0 ? absolute[j] : -absolute[j])
      // At a bound the function may still fall outwards.
      if x >= upper[j] { return max(0, slope) }
      if x <= lower[j] { return max(0, -slope) }
      return abs(slope)
    }
    let rising = upper[j] > 0 ? max(0, -s - absolute[j]) : 0
    let falling = lower[j] < 0 ? max(0, s - absolute[j]) : 0
    return max(rising, falling)
  }

  /// The largest of them over all coordinates: 0 at a minimum (Karush, Kuhn and Tucker).
  public func residual(_ x: [Double], gradient: [Double]) -> Double {
    x.indices.reduce(0) { max($0, residual(x[$1], slope: gradient[$1], $1)) }
  }
}

/// gᵀ(x − x₀) + ½ (x − x₀)ᵀH(x − x₀) with a separable penalty, H positive semidefinite: what lasso, elastic net and every
/// step of a penalised Newton method minimise.
struct PenalisedQuadratic {
  let gradient: [Double]
  /// Row by row, `[m, m]`.
  let hessian: [Double]
  let penalty: SeparablePenalty
  var tolerance = 1e-12
  var mostCycles = 10_000

  /// The minimum, from `start` = x₀, by coordinate descent over the coordinates that are not 0, with a look at all
  /// others whenever these have settled; in between, systems of equations for those that are neither 0 nor at a bound.
  func minimum(from start: [Double]) -> [Double] {
    let m = start.count
    var x = start
    // The slope of the smooth part at x.
    var slope = gradient
    var isActive = x.indices.map { x[$0] != 0 || penalty.absolute[$0] == 0 }
    // Slopes have no more digits than what they are sums of.
    let size = x.indices.reduce(1.0) { max($0, abs(gradient[$1]), hessian[$1 * m + $1] * abs(x[$1])) }
    var cycles = 0
    while cycles < mostCycles {
      // Over what is active until it moves no more, with an attempt now and then to solve for it.
      var wait = 2
      while cycles < mostCycles {
        cycles += 1
        var largest = 0.0
        for j in 0..<m where isActive[j] { largest = max(largest, update(j, &x, &slope)) }
        if largest < tolerance { break }
        wait -= 1
        if wait == 0 {
          if solve(&x, &slope, from: start) { break }
          wait = min(64, 2 * cycles)
        }
      }
      var isSettled = true
      for j in 0..<m where !isActive[j] || isHeld(x[j], j) {
        if penalty.residual(x[j], slope: slope[j], j)
          > (isActive[j] ? max(tolerance, 1e-12 * size) : tolerance)
        {
          isActive[j] = true
          isSettled = false
        }
      }
      if isSettled { break }
    }
    return x
  }

  /// Minimises over one coordinate; returns how far the slope along it was off.
  @inline(__always)
  private func update(_ j: Int, _ x: inout [Double], _ slope: inout [Double]) -> Double {
    let m = x.count
    let curvature = hessian[j * m + j]
    let total = curvature + penalty.square[j]
    guard total > 0 else { return 0 }
    let z = curvature * x[j] - slope[j]
    let shrunk = z > penalty.absolute[j] ? z - penalty.absolute[j] : min(0, z + penalty.absolute[j])
    let new = min(penalty.upper[j], max(penalty.lower[j], shrunk / total))
    let change = new - x[j]
    guard change != 0 else { return 0 }
    x[j] = new
    hessian.withUnsafeBufferPointer { hessian in
      slope.withUnsafeMutableBufferPointer { slope in
        let row = j * m
        for k in 0..<m { slope[k] += change * hessian[row + k] }
      }
    }
    return abs(change) * total
  }

  /// The solution of a positive definite system, or nil if rounding leaves none.
  private static func solution(_ matrix: [Double], _ right: [Double]) -> [Double]? {
    let n = right.count
    let found =
      n <= fewUnknowns
      ? SmallFactors(matrix, size: n)?.solve(right)
      : try? withTorchErrors {
        Tensor(matrix, shape: [n, n]).cholesky().choleskySolve(Tensor(right).unsqueeze(1)).doubles
      }
    guard let found else { return nil }
    let size = right.reduce(0) { max($0, abs($1)) }
    for i in 0..<n {
      let left = (0..<n).reduce(0) { $0 + matrix[i * n + $1] * found[$1] }
      guard abs(left - right[i]) <= 1e-6 * size else { return nil }
    }
    return found
  }

  /// Up to which elimination takes less time than a call of LAPACK.
  private static let fewUnknowns = 24

  /// Whether a coordinate is where it may stay though its slope is not 0.
  private func isHeld(_ x: Double, _ j: Int) -> Bool {
    x == 0 && penalty.absolute[j] != 0 || x <= penalty.lower[j] || x >= penalty.upper[j]
  }

  /// Goes to the minimum over the coordinates that are not held, and where one of them would pass 0 or a bound on the way,
  /// holds it there and goes on without it. False if a system of equations has no solution.
  private func solve(_ x: inout [Double], _ slope: inout [Double], from start: [Double]) -> Bool {
    let m = x.count
    while true {
      let free = x.indices.filter { !isHeld(x[$0], $0) }
      guard !free.isEmpty else { return true }
      var system = [Double](repeating: 0, count: free.count * free.count)
      var right = [Double](repeating: 0, count: free.count)
      for (a, j) in free.enumerated() {
        for (b, k) in free.enumerated() { system[a * free.count + b] = hessian[j * m + k] }
        system[a * free.count + a] += penalty.square[j]
        let sign = x[j] > 0 ? 1.0 : x[j] < 0 ? -1 : 0
        right[a] = -(slope[j] + penalty.square[j] * x[j] + penalty.absolute[j] * sign)
      }
      guard let step = Self.solution(system, right) else { return false }
      // How far along the step every coordinate keeps its sign and its bounds.
      var (length, first, end) = (1.0, Int?.none, 0.0)
      for (a, j) in free.enumerated() {
        let new = x[j] + step[a]
        var limit = min(penalty.upper[j], max(penalty.lower[j], new))
        if penalty.absolute[j] != 0, limit * x[j] < 0 { limit = 0 }
        guard limit != new else { continue }
        let share = (limit - x[j]) / step[a]
        if first == nil || share < length { (length, first, end) = (share, j, limit) }
      }
      for (a, j) in free.enumerated() { x[j] = j == first ? end : x[j] + length * step[a] }
      // The slopes anew, so that rounding does not gather.
      for k in 0..<m {
        var sum = gradient[k]
        for j in 0..<m { sum += hessian[k * m + j] * (x[j] - start[j]) }
        slope[k] = sum
      }
      if first == nil { return true }
    }
  }
}
