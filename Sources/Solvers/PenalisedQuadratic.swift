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
  /// others whenever these have settled; once the signs have settled the rest is a system of equations.
  func minimum(from start: [Double]) -> [Double] {
    let m = start.count
    var x = start
    // The slope of the smooth part at x.
    var slope = gradient
    var isActive = x.indices.map { x[$0] != 0 || penalty.absolute[$0] == 0 }
    var cycles = 0
    while cycles < mostCycles {
      // Over what is active until it moves no more, with a look now and then whether the signs have settled.
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
      for j in 0..<m where !isActive[j] {
        if penalty.residual(x[j], slope: slope[j], j) > tolerance {
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

  /// Solves for the coordinates that are not 0 or free of |x|, and takes the solution if no sign changes and no bound is
  /// passed.
  private func solve(_ x: inout [Double], _ slope: inout [Double], from start: [Double]) -> Bool {
    let m = x.count
    let free = x.indices.filter { j in
      (x[j] != 0 || penalty.absolute[j] == 0) && x[j] > penalty.lower[j] && x[j] < penalty.upper[j]
    }
    guard !free.isEmpty else { return false }
    var system = [Double](repeating: 0, count: free.count * free.count)
    var right = [Double](repeating: 0, count: free.count)
    for (a, j) in free.enumerated() {
      for (b, k) in free.enumerated() { system[a * free.count + b] = hessian[j * m + k] }
      system[a * free.count + a] += penalty.square[j]
      let sign = x[j] > 0 ? 1.0 : x[j] < 0 ? -1 : 0
      right[a] = -(slope[j] + penalty.square[j] * x[j] + penalty.absolute[j] * sign)
    }
    guard
      let step = try? withTorchErrors({
        Tensor(system, shape: [free.count, free.count]).cholesky().choleskySolve(Tensor(right).unsqueeze(1))
          .doubles
      }), step.allSatisfy(\.isFinite)
    else { return false }
    for (a, j) in free.enumerated() {
      let new = x[j] + step[a]
      guard new >= penalty.lower[j], new <= penalty.upper[j], penalty.absolute[j] == 0 || new * x[j] > 0
      else { return false }
    }
    for (a, j) in free.enumerated() { x[j] += step[a] }
    // The slopes anew, so that rounding does not gather.
    for k in 0..<m {
      var sum = gradient[k]
      for j in 0..<m { sum += hessian[k * m + j] * (x[j] - start[j]) }
      slope[k] = sum
    }
    return true
  }
}
