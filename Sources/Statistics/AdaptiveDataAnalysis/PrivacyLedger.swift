import RealModule

/// What mechanisms have revealed of single records, and what that allows to say about the population.
public struct PrivacyLedger: Sendable, Hashable, Codable {
  /// ε of pure mechanisms, one after another.
  public private(set) var pure: [Double] = []
  /// ρ of zero-concentrated differential privacy, summed.
  public private(set) var rho = 0.0
  /// Bits of answers that were told without noise.
  public private(set) var bits = 0.0

  public init() {}

  /// A mechanism with (ε, 0).
  public mutating func addPure(_ epsilon: Double) { pure.append(epsilon) }

  /// A mechanism with ρ-zCDP: Gaussian noise of deviation σ on a mean of n has 1/(2n²σ²).
  public mutating func addConcentrated(_ rho: Double) { self.rho += rho }

  /// An answer with so many possible values.
  public mutating func addDescription(values: Int) { bits += .log2(Double(values)) }

  /// Σε of the pure mechanisms.
  public var basic: Double { pure.reduce(0, +) }

  /// ε of everything at δ: the smallest of what the composition theorems give for the pure part, and ρ + 2√(ρ ln 1/δ) for the
  /// concentrated, at δ/2 each where both are there.
  public func epsilon(delta: Double) -> Double {
    let share = pure.isEmpty || rho == 0 ? delta : delta / 2
    let own = pure.isEmpty ? 0 : min(basic, Self.advanced(pure, delta: share))
    return own + (rho == 0 ? 0 : Self.concentrated(rho, delta: share))
  }

  /// √(2 ln(1/δ) Σε²) + Σε(e^ε − 1): for m equal ones ε√(2m ln 1/δ) + mε(e^ε − 1).
  public static func advanced(_ epsilons: [Double], delta: Double) -> Double {
    let squares = epsilons.reduce(0) { $0 + $1 * $1 }
    return (2 * squares * .log(1 / delta)).squareRoot()
      + epsilons.reduce(0) { $0 + $1 * .expMinusOne($1) }
  }

  /// ρ + 2√(ρ ln 1/δ).
  public static func concentrated(_ rho: Double, delta: Double) -> Double {
    rho + 2 * (rho * .log(1 / delta)).squareRoot()
  }
}

/// Theorems that turn privacy into validity: with what probability the answer on the sample is far from the population's.
public enum TransferTheorem {
  /// The largest ε of a pure mechanism for which P(|P[φ] − E_S[φ]| > τ) ≤ 3√2 e^{−nτ²} holds for the φ it chose; `nil` where there
  /// is none.
  public static func largestPureEpsilon(rows: Int, tau: Double) -> Double? {
    let square = tau * tau - .log(2) / (2 * Double(rows))
    return square > 0 ? square.squareRoot() : nil
  }

  /// The smallest τ for which none of `queries` means, chosen by an ε-private interaction, is off by more with probability
  /// 1 − β.
  public static func populationError(rows: Int, epsilon: Double, queries: Int, beta: Double) -> Double {
    let n = Double(rows)
    let byPrivacy = epsilon * epsilon + .log(2) / (2 * n)
    return max(byPrivacy, .log(3 * 2.0.squareRoot() * Double(queries) / beta) / n).squareRoot()
  }

  /// 3√2 e^{−nτ²}, the bound for one query at that ε.
  public static func pureBound(rows: Int, tau: Double) -> Double {
    min(1, 3 * 2.0.squareRoot() * .exp(-Double(rows) * tau * tau))
  }

  /// Of answers that are within α of the sample with probability 1 − β₀, from an (ε, δ)-private interaction: the error
  /// α + (e^ε − 1) + c + 2d to the population, with probability 1 − (β₀/c + δ/d).
  ///
  /// Source: Jung, Ligett, Neel, Roth, Sharifi-Malvajerdi & Shenfeld 2019 (arXiv 1909.03577).
  public static func populationError(
    alpha: Double, beta: Double, epsilon: Double, delta: Double, c: Double, d: Double
  ) -> (error: Double, failure: Double) {
    (alpha + .expMinusOne(epsilon) + c + 2 * d, beta / c + delta / d)
  }

  /// The bound e^ε − 1 + δ on E[E_S[φ] − P[φ]] for φ in [0, 1] chosen (ε, δ)-privately.
  public static func expectedBias(epsilon: Double, delta: Double = 0) -> Double {
    .expMinusOne(epsilon) + delta
  }

  /// P(some mean is off by more than τ) for an analyst who has been told k bits: min(1, 2ᵏ · 2e^{−2nτ²}).
  public static func descriptionBound(rows: Int, tau: Double, bits: Double) -> Double {
    min(1, .exp(bits * .log(2) + .log(2) - 2 * Double(rows) * tau * tau))
  }
}
