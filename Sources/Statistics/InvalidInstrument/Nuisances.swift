import RealModule
import Torch

/// How a nuisance function is learnt.
public enum NuisanceLearner: Sendable {
  /// A linear model (logistic for π) in a basis.
  case basis(Basis)
  /// Any regressor on a basis of the covariates without its constant.
  case regressor(any Regressor, Basis)

  public var name: String {
    switch self {
    case .basis(let basis): "\(basis)"
    case .regressor(let regressor, _): regressor.name
    }
  }
}

/// Candidates for one choice of all five nuisance functions.
public struct NuisanceChoice: Sendable, Hashable {
  /// Positions in the lists of candidates.
  public var pi, p, delta, mu, eta: Int

  public init(pi: Int, p: Int, delta: Int, mu: Int, eta: Int) {
    (self.pi, self.p, self.delta, self.mu, self.eta) = (pi, p, delta, mu, eta)
  }

  /// The nuisances that must be right together: R1 to R4.
  var sets: [[Int]] { [[pi, p], [pi, delta, mu], [p, delta, eta], [delta, mu, eta]] }
}

/// Candidates of every nuisance function.
public struct NuisanceCandidates: Sendable {
  /// P(Z = 1 | x).
  public var pi: [NuisanceLearner]
  /// E[A | Z = z, x].
  public var p: [NuisanceLearner]
  /// δ(x).
  public var delta: [NuisanceLearner]
  /// E[Y − δA | Z = z, x].
  public var mu: [NuisanceLearner]
  /// Cov(A, Y − δA | z, x); a basis of nothing holds it at 0.
  public var eta: [NuisanceLearner]
  /// Which combinations are tried; all where `nil`.
  public var choices: [NuisanceChoice]?

  public init(
    pi: [NuisanceLearner], p: [NuisanceLearner], delta: [NuisanceLearner], mu: [NuisanceLearner],
    eta: [NuisanceLearner], choices: [NuisanceChoice]? = nil
  ) {
    precondition(
      ![pi.isEmpty, p.isEmpty, delta.isEmpty, mu.isEmpty, eta.isEmpty].contains(true),
      "NuisanceCandidates: an empty list")
    (self.pi, self.p, self.delta, self.mu, self.eta, self.choices) = (pi, p, delta, mu, eta, choices)
  }

  /// The same candidates for every function, those of the outcome chosen together.
  /// - Parameter outcomes: candidates of δ, μ and η, where others than those of π and p, which may be learners of shares alone.
  public init(_ learners: [NuisanceLearner], outcomes: [NuisanceLearner]? = nil) {
    let outcomes = outcomes ?? learners
    let places = learners.indices
    self.init(
      pi: learners, p: learners, delta: outcomes, mu: outcomes, eta: outcomes,
      choices: places.flatMap { pi in
        places.flatMap { p in
          outcomes.indices.map { NuisanceChoice(pi: pi, p: p, delta: $0, mu: $0, eta: $0) }
        }
      })
  }

  var all: [NuisanceChoice] {
    if let choices { return choices }
    return pi.indices.flatMap { a in
      p.indices.flatMap { b in
        delta.indices.flatMap { c in
          mu.indices.flatMap { d in eta.indices.map { NuisanceChoice(pi: a, p: b, delta: c, mu: d, eta: $0) }
          }
        }
      }
    }
  }
}

/// Limits of the nuisances.
public struct NuisanceLimits: Sendable, Hashable {
  /// π stays in [least, 1 − least].
  public var pi = 0.01
  /// p stays in [least, 1 − least].
  public var p = 0.005
  /// |D| is at least this, its sign kept.
  public var variance = 0.02

  public init() {}
}

/// Values of all nuisances at some rows.
struct NuisanceValues: Sendable {
  var pi: [Double]
  var p0: [Double]
  var p1: [Double]
  var delta: [Double] = []
  var mu0: [Double] = []
  var mu1: [Double] = []
  var eta: [Double] = []

  /// D before its floor.
  func variance(_ i: Int) -> Double { p1[i] * (1 - p1[i]) - p0[i] * (1 - p0[i]) }
}

/// Fits of one training part, evaluated at another; each is made once.
struct NuisanceFits {
  private let train: InstrumentData
  private let test: InstrumentData
  private let candidates: NuisanceCandidates
  private let limits: NuisanceLimits
  private var random: RandomSource
  /// At the rows of train, then of test.
  private var pis: [Int: [Double]] = [:]
  private var ps: [Int: (zero: [Double], one: [Double])] = [:]
  private var means: [Int: (zero: [Double], one: [Double])] = [:]
  private var outcomes: [NuisanceChoice: NuisanceValues] = [:]
  private var bases: [Basis: (Tensor, Tensor)] = [:]

  init(
    _ train: InstrumentData, _ test: InstrumentData, _ candidates: NuisanceCandidates,
    _ limits: NuisanceLimits,
    random: RandomSource
  ) {
    (self.train, self.test, self.candidates, self.limits, self.random) = (
      train, test, candidates, limits, random
    )
  }

  /// All nuisances at the rows of the test part.
  mutating func values(_ choice: NuisanceChoice) throws(StatisticsError) -> NuisanceValues {
    if let known = outcomes[choice] { return known }
    let (pi, p) = (try pi(choice.pi), try p(choice.p))
    let n = train.count
    var values = NuisanceValues(pi: Array(pi[n...]), p0: Array(p.zero[n...]), p1: Array(p.one[n...]))
    let chosen = [candidates.delta[choice.delta], candidates.mu[choice.mu], candidates.eta[choice.eta]]
    let basesOnly = chosen.compactMap { if case .basis(let basis) = $0 { basis } else { nil } }
    if basesOnly.count == 3 {
      try fillJointly(&values, basesOnly, pi, p)
    } else {
      try fillInTurn(&values, choice, pi, p)
    }
    outcomes[choice] = values
    return values
  }

  // MARK: π and p

  private mutating func basis(_ basis: Basis) -> (train: Tensor, test: Tensor) {
    if let known = bases[basis] { return known }
    let fitted = basis.fitted(train.covariates)
    let found = (fitted(train.covariates), fitted(test.covariates))
    bases[basis] = found
    return found
  }

  private mutating func both(_ basis: Basis) -> Tensor {
    let (a, b) = self.basis(basis)
    return .concatenate([a, b])
  }

  /// Predictions at the rows of train, then of test, of a fit on some of the first.
  private mutating func predicted(
    _ learner: NuisanceLearner, _ rows: [Int], _ targets: [Double], weights: [Double]? = nil,
    isShare: Bool = false
  ) throws(StatisticsError) -> [Double] {
    switch learner {
    case .basis(let basis):
      let all = both(basis)
      guard all.size(1) > 0 else { return [Double](repeating: 0, count: all.size(0)) }
      do throws(StatisticsError) {
        // The basis has its own constant.
        if isShare {
          let design = all.slice(axis: 1, start: 1)
          let fit = try GeneralisedLinearModel(.logistic).fit(
            design.select(axis: 0, Tensor(rows)), targets, weights: weights)
          return fit.predict(design)
        }
        let x = all.select(axis: 0, Tensor(rows))
        return try Ridge(hasIntercept: false).fit(x, targets, weights: weights).predict(all)
      } catch {
        throw train.withoutUniqueFit(rows, error)
      }
    case .regressor(let regressor, let basis):
      let all = both(basis)
      let design = all.size(1) > 1 ? all.slice(axis: 1, start: 1) : all
      return try regressor.fit(
        design.select(axis: 0, Tensor(rows)), targets, weights: weights, using: &random
      )
      .predict(design)
    }
  }

  private mutating func pi(_ place: Int) throws(StatisticsError) -> [Double] {
    if let known = pis[place] { return known }
    let found = try predicted(candidates.pi[place], Array(0..<train.count), train.instrument, isShare: true)
      .map { min(1 - limits.pi, max(limits.pi, $0)) }
    pis[place] = found
    return found
  }

  /// By the two values of the instrument apart.
  private mutating func byInstrument(_ learner: NuisanceLearner, _ targets: [Double]) throws(StatisticsError)
    -> (
      zero: [Double], one: [Double]
    )
  {
    var found: [[Double]] = []
    for z in [0.0, 1] {
      let rows = (0..<train.count).filter { train.instrument[$0] == z }
      found.append(try predicted(learner, rows, rows.map { targets[$0] }))
    }
    return (found[0], found[1])
  }

  private mutating func p(_ place: Int) throws(StatisticsError) -> (zero: [Double], one: [Double]) {
    if let known = ps[place] { return known }
    var found = try byInstrument(candidates.p[place], train.exposure)
    let clip = { (p: Double) in min(1 - limits.p, max(limits.p, p)) }
    found = (train.isOneSided ? found.zero.map { _ in 0 } : found.zero.map(clip), found.one.map(clip))
    ps[place] = found
    return found
  }

  // MARK: δ, μ and η

  private func floored(_ variance: Double) -> Double {
    abs(variance) >= limits.variance ? variance : variance < 0 ? -limits.variance : limits.variance
  }

  /// The joint linear system of the parametric, multiply robust estimator.
  private mutating func fillJointly(
    _ values: inout NuisanceValues, _ bases: [Basis], _ pi: [Double], _ p: (zero: [Double], one: [Double])
  ) throws(StatisticsError) {
    let n = train.count
    let (hd, hdTest) = basis(bases[0])
    let (hm, hmTest) = basis(bases[1])
    let (he, heTest) = basis(bases[2])
    let z = Tensor(train.instrument).unsqueeze(1)
    let a = Tensor(train.exposure).unsqueeze(1)
    let y = Tensor(train.outcome).unsqueeze(1)
    let m = Tensor.concatenate([hm, hm * z], axis: 1)
    let e = Tensor((0..<n).map { train.exposure[$0] - (train.instrument[$0] == 1 ? p.one[$0] : p.zero[$0]) })
      .unsqueeze(1)
    let s = Tensor((0..<n).map { train.instrument[$0] == 1 ? 1 / pi[$0] : -1 / (1 - pi[$0]) }).unsqueeze(1)
    let (d, k, q) = (hd.size(1), m.size(1), he.size(1))
    func row(_ left: Tensor, _ weight: Tensor, _ last: Tensor) -> Tensor {
      let w = (left * weight).transposed
      return .concatenate([w.matmul(a * hd), w.matmul(m), left.transposed.matmul(last)], axis: 1)
    }
    let nothing = Tensor.zeros([n, q], dtype: .double)
    let one = Tensor.full([n, 1], 1, dtype: .double)
    let system = Tensor.concatenate([row(m, one, nothing), row(he, e, he), row(hd, s * e, s * he)])
    let right = Tensor.concatenate([
      m.transposed.matmul(y), (he * e).transposed.matmul(y), (hd * s * e).transposed.matmul(y),
    ])
    // Columns of one size, so that the smallest singular value says how near to singular the system is.
    let size = (system * system).sum(0).sqrt().clamp(1e-300, .greatestFiniteMagnitude)
    let rows = (system * system).sum(1).sqrt().clamp(1e-300, .greatestFiniteMagnitude).unsqueeze(1)
    let scaled = system / rows / size
    let singular = scaled.svd().s.doubles
    guard let smallest = singular.last, smallest > 1e-12 * singular[0] else {
      let failure = StatisticsError(
        .noAnswer, "the effect", found: "a linear system without a unique solution: no variance relevance",
        expected: "an instrument that changes the variance of the exposure",
        advice: "take smaller bases, or look at the strength of the instrument")
      // Bases of the intercept alone do not see the covariates.
      guard d > 1 || k > 2 || q > 1 else { throw failure }
      for value in [0.0, 1] {
        let arm = (0..<n).filter { train.instrument[$0] == value }
        let named = train.withoutUniqueFit(arm, failure)
        if named != failure { throw named }
      }
      throw failure
    }
    let solution = (scaled.solve(right / rows).squeeze(1) / size)
    values.delta = hdTest.matmul(solution[0..<d].unsqueeze(1)).squeeze(1).doubles
    let zeta = solution[d..<d + k]
    let half = hmTest.size(1)
    values.mu0 = hmTest.matmul(zeta[0..<half].unsqueeze(1)).squeeze(1).doubles
    values.mu1 = zip(values.mu0, hmTest.matmul(zeta[half..<k].unsqueeze(1)).squeeze(1).doubles).map {
      $0 + $1
    }
    values.eta =
      q == 0
      ? [Double](repeating: 0, count: test.count)
      : heTest.matmul(solution[(d + k)..<(d + k + q)].unsqueeze(1)).squeeze(1).doubles
  }

  /// m by instrument; δ by regression on (A − p)(Y − m)(Z − π)/(π(1 − π)D), whose mean it is, with weights that undo the division; η by
  /// regression on what is left of (A − p)(Y − m).
  private mutating func fillInTurn(
    _ values: inout NuisanceValues, _ choice: NuisanceChoice, _ pi: [Double],
    _ p: (zero: [Double], one: [Double])
  ) throws(StatisticsError) {
    let n = train.count
    if means[choice.mu] == nil {
      means[choice.mu] = try byInstrument(candidates.mu[choice.mu], train.outcome)
    }
    let m = means[choice.mu]!
    var (pseudo, weights, products, variances) = ([Double](), [Double](), [Double](), [Double]())
    for i in 0..<n {
      let isOne = train.instrument[i] == 1
      let own = isOne ? p.one[i] : p.zero[i]
      let product = (train.exposure[i] - own) * (train.outcome[i] - (isOne ? m.one[i] : m.zero[i]))
      let scale = pi[i] * (1 - pi[i]) * floored(p.one[i] * (1 - p.one[i]) - p.zero[i] * (1 - p.zero[i]))
      pseudo.append(product * (train.instrument[i] - pi[i]) / scale)
      weights.append(scale * scale)
      products.append(product)
      variances.append(own * (1 - own))
    }
    let rows = Array(0..<n)
    let largest = weights.max()!
    let delta = try predicted(
      candidates.delta[choice.delta], rows, pseudo, weights: weights.map { $0 / largest })
    let left = rows.map { products[$0] - delta[$0] * variances[$0] }
    let eta = try predicted(candidates.eta[choice.eta], rows, left)
    values.delta = Array(delta[n...])
    values.eta = Array(eta[n...])
    values.mu0 = test.outcome.indices.map { m.zero[n + $0] - delta[n + $0] * p.zero[n + $0] }
    values.mu1 = test.outcome.indices.map { m.one[n + $0] - delta[n + $0] * p.one[n + $0] }
  }
}
