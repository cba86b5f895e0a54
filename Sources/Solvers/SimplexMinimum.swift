import Torch

/// The minimum over the probability simplex of a convex function all of whose slopes fall, such as the mean of a/(Gα) or
/// −Σ log(Gα).
///
/// Multiplicative steps α_l ← α_l √s_l with s = −∇, normalised: for functions that fall as 1/t along every ray they never rise
/// (Silvey, Titterington & Torsney 1978; Yu 2010). By convexity f(α) − min f ≤ max s − Σ α s, which is the rule to stop.
/// - Parameters:
///   - start: positive shares; where one is 0 it stays so.
///   - tolerance: of that bound, relative to Σ α s.
///   - slopes: −∇f at α `[L]`, all ≥ 0, `[L]`.
/// - Returns: shares that sum to 1.
/// - Complexity: `steps` evaluations at most; one synchronisation with the host every eighth.
public func simplexMinimum(
  from start: [Double], tolerance: Double = 1e-3, steps: Int = 400, _ slopes: (Tensor) -> Tensor
) -> [Double] {
  precondition(
    !start.isEmpty && start.allSatisfy { $0 >= 0 } && tolerance > 0, "simplexMinimum: starts at \(start)")
  // Above 0, so that a share that was given up can come back.
  var alpha = Tensor(start).clamp(1e-11)
  alpha = alpha / alpha.sum()
  for step in 0..<steps {
    let s = slopes(alpha)
    if step % 8 == 0 {
      let bound = ((s.max() - (alpha * s).sum()) / (alpha * s).sum()).item()
      // NaN stops too: there is nothing to follow.
      guard bound > tolerance else { break }
    }
    let next = (alpha * s.sqrt()).clamp(1e-11)
    alpha = next / next.sum()
  }
  return alpha.doubles
}
