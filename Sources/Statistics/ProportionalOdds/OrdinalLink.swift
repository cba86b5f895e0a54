import Probability
import RealModule

/// The distribution function F in P(y ≤ k | x) = F(η_k).
public enum OrdinalLink: String, Sendable, Hashable, CaseIterable, Codable {
  case logit, probit
  /// F(η) = 1 − exp(−e^η).
  case cloglog

  /// F(η).
  public func probability(_ eta: Double) -> Double {
    switch self {
    case .logit: eta >= 0 ? 1 / (1 + .exp(-eta)) : .exp(eta) / (1 + .exp(eta))
    case .probit: normalCDF(eta)
    case .cloglog: -.expMinusOne(-.exp(eta))
    }
  }

  /// F⁻¹(p).
  func quantile(_ p: Double) -> Double {
    switch self {
    case .logit: .log(p) - .log(onePlus: -p)
    case .probit: normalQuantile(p)
    case .cloglog: .log(-.log(onePlus: -p))
    }
  }

  /// −log(F(a) − F(b)) with its first and second derivatives.
  struct Term {
    var value: Double
    var a = 0.0, b = 0.0
    var aa = 0.0, bb = 0.0, ab = 0.0
  }

  /// −log(F(a) − F(b)): `a` is `nil` for +∞ (the last class) and `b` for −∞ (the first). +∞ where a ≤ b.
  ///
  /// Jointly convex in (a, b) for all three links. No difference of probabilities is formed, so that classes that are all but
  /// impossible have exact logarithms.
  func term(_ a: Double?, _ b: Double?) -> Term {
    if let a, let b, a <= b { return Term(value: .infinity) }
    switch self {
    case .logit: return Self.logistic(a, b)
    case .probit: return Self.normal(a, b)
    case .cloglog: return Self.extreme(a, b)
    }
  }

  /// σ(a) − σ(b) = σ(a) σ(−b) (1 − e^{b − a}).
  @inline(__always)
  private static func logistic(_ a: Double?, _ b: Double?) -> Term {
    var term = Term(value: 0)
    if let a {
      let (softplus, tail) = softplus(-a)
      term.value += softplus
      term.a = -tail
      term.aa = tail * (1 - tail)
    }
    if let b {
      let (softplus, tail) = softplus(b)
      term.value += softplus
      term.b = tail
      term.bb = tail * (1 - tail)
    }
    if let a, let b {
      let q = 1 / Double.expMinusOne(a - b)
      let h = q * (1 + q)
      term.value -= .log(-.expMinusOne(b - a))
      term.a -= q
      term.b += q
      term.aa += h
      term.bb += h
      term.ab = -h
    }
    return term
  }

  /// log(1 + eˣ) and its derivative σ(x).
  @inline(__always)
  private static func softplus(_ x: Double) -> (value: Double, slope: Double) {
    let e = Double.exp(-abs(x))
    return (max(x, 0) + .log(onePlus: e), (x >= 0 ? 1 : e) / (1 + e))
  }

  private static func normal(_ a: Double?, _ b: Double?) -> Term {
    // In the left tail, where the distribution function has all its digits.
    if let b, b > 0 {
      let mirrored = normal(-b, a.map { -$0 })
      return Term(
        value: mirrored.value, a: -mirrored.b, b: -mirrored.a, aa: mirrored.bb, bb: mirrored.aa,
        ab: mirrored.ab)
    }
    let high = a.map(logNormalCDF) ?? 0
    let low = b.map(logNormalCDF)
    let log = high + (low.map { .log(onePlus: -.exp($0 - high)) } ?? 0)
    func ratio(_ x: Double) -> Double { .exp(-0.5 * x * x - 0.5 * .log(2 * .pi) - log) }
    var term = Term(value: -log)
    let (ra, rb) = (a.map(ratio) ?? 0, b.map(ratio) ?? 0)
    term.a = -ra
    term.b = rb
    term.aa = ra * (ra + (a ?? 0))
    term.bb = rb * (rb - (b ?? 0))
    term.ab = -ra * rb
    return term
  }

  /// F(a) − F(b) = exp(−e^b) (1 − exp(e^b − e^a)).
  private static func extreme(_ a: Double?, _ b: Double?) -> Term {
    let low = b.map { Double.exp($0) } ?? 0
    var term = Term(value: low, b: low, bb: low)
    guard let a else { return term }
    let high = Double.exp(a)
    let q = 1 / Double.expMinusOne(high - low)
    let h = q * (1 + q)
    term.value -= .log(-.expMinusOne(low - high))
    term.a = -high * q
    term.b += low * q
    term.aa = -high * q + high * high * h
    term.bb += low * q + low * low * h
    term.ab = -high * low * h
    return term
  }
}
