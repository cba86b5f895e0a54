import Foundation

/// Bounds on the divergence of a stochastic generator from its target, by what training left over.
///
/// For equal ε and start, KL(ρ(1) ‖ ρ̂(1)) ≤ (1/4ε) ∫ E|b̂_F − b_F|² dt. With the half-normalised losses an excess
/// ΔL is ½∫E|·|², which gives the constants here; the paper prints half of them, and a stationary Gaussian
/// shows that those are too small.
public enum KLControl {
  /// (1/ε) ΔL_b + ε ΔL_s, for learned b and s; infinite at ε = 0, where no such bound exists.
  /// - Parameters:
  ///   - excessVelocity: L_b − min L_b ≥ 0.
  ///   - excessScore: L_s − min L_s ≥ 0.
  public static func bound(excessVelocity: Double, excessScore: Double, epsilon: Double) -> Double {
    precondition(epsilon >= 0, "KLControl: the noise level is negative")
    return epsilon == 0 ? .infinity : excessVelocity / epsilon + epsilon * excessScore
  }

  /// (1/ε) ΔL_v + (sup(γγ̇ − ε)²/ε) ΔL_s, for learned v and s.
  public static func bound(
    excessDrift: Double, excessScore: Double, epsilon: Double, schedule: InterpolantSchedule,
    points: Int = 2001
  ) -> Double {
    precondition(epsilon >= 0, "KLControl: the noise level is negative")
    guard epsilon > 0 else { return .infinity }
    let worst = (0..<points).map { i in
      let product = schedule.values(at: Double(i) / Double(points - 1)).gammaGammaDot
      return (product - epsilon) * (product - epsilon)
    }.max()!
    return excessDrift / epsilon + worst / epsilon * excessScore
  }

  /// √(ΔL_b/ΔL_s), where the bound is smallest.
  public static func bestEpsilon(excessVelocity: Double, excessScore: Double) -> Double {
    (excessVelocity / excessScore).squareRoot()
  }

  /// The exact divergence and the losses' excess for ρ = N(0, 1) stationary (b = 0, s = −x) with b̂ = c and
  /// ŝ = −x + d in one dimension, whose forward drift is wrong by the constant c + εd.
  public static func stationaryGaussian(c: Double, d: Double, epsilon: Double) -> (
    divergence: Double, excessVelocity: Double, excessScore: Double
  ) {
    let shift = (c + epsilon * d) / epsilon * (1 - exp(-epsilon))
    return (shift * shift / 2, c * c / 2, d * d / 2)
  }
}
