/// Minimises a function of a few variables without derivatives, by the simplex of Nelder and Mead (1965).
///
/// The coefficients of Gao and Han (2012), which depend on the number of variables and keep the simplex from collapsing
/// in more than a few. A value that is not finite counts as worse than any other.
public struct NelderMead: Sendable {
  /// The first simplex moves every variable by this.
  public var initialStep: Double
  /// Ends where values of the simplex differ by at most this …
  public var valueTolerance: Double
  /// … and its points by at most this.
  public var pointTolerance: Double
  public var maximumEvaluations: Int

  public init(
    initialStep: Double = 0.1, valueTolerance: Double = 1e-10, pointTolerance: Double = 1e-8,
    maximumEvaluations: Int = 10_000
  ) {
    self.initialStep = initialStep
    self.valueTolerance = valueTolerance
    self.pointTolerance = pointTolerance
    self.maximumEvaluations = maximumEvaluations
  }

  public struct Minimum: Sendable {
    public let point: [Double]
    public let value: Double
    public let evaluations: Int
    /// Whether the tolerances were met.
    public let isConverged: Bool
  }

  public func minimize(from start: [Double], _ function: ([Double]) -> Double) -> Minimum {
    let n = start.count
    precondition(n > 0, "NelderMead: no variables")
    let d = Double(max(n, 2))
    let (expansion, contraction, shrinkage) = (1 + 2 / d, 0.75 - 0.5 / d, 1 - 1 / d)
    var evaluations = 0
    func value(_ x: [Double]) -> Double {
      evaluations += 1
      let f = function(x)
      return f.isFinite ? f : .infinity
    }
    var simplex = [(x: start, f: value(start))]
    for i in 0..<n {
      var x = start
      x[i] += initialStep
      simplex.append((x, value(x)))
    }
    var isConverged = false
    while evaluations < maximumEvaluations {
      simplex.sort { $0.f < $1.f }
      let spread = simplex[1...].map { zip($0.x, simplex[0].x).map { abs($0 - $1) }.max()! }.max()!
      if simplex[n].f - simplex[0].f <= valueTolerance && spread <= pointTolerance {
        isConverged = true
        break
      }
      let centre = (0..<n).map { i in simplex[..<n].reduce(0) { $0 + $1.x[i] } / Double(n) }
      func along(_ factor: Double) -> (x: [Double], f: Double) {
        let x = zip(centre, simplex[n].x).map { $0 + factor * ($0 - $1) }
        return (x, value(x))
      }
      let reflected = along(1)
      if reflected.f < simplex[0].f {
        let expanded = along(expansion)
        simplex[n] = expanded.f < reflected.f ? expanded : reflected
      } else if reflected.f < simplex[n - 1].f {
        simplex[n] = reflected
      } else {
        let isOutside = reflected.f < simplex[n].f
        let contracted = along(isOutside ? contraction : -contraction)
        if contracted.f < min(reflected.f, simplex[n].f) {
          simplex[n] = contracted
        } else {
          for i in 1...n {
            let x = zip(simplex[0].x, simplex[i].x).map { $0 + shrinkage * ($1 - $0) }
            simplex[i] = (x, value(x))
          }
        }
      }
    }
    let best = simplex.min { $0.f < $1.f }!
    return Minimum(point: best.x, value: best.f, evaluations: evaluations, isConverged: isConverged)
  }
}
