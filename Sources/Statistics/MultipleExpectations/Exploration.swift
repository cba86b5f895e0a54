import Probability
import RealModule
import Torch

/// The points of a study so far, with every density at every point, in logarithms.
struct Exploration {
  /// What a round drew from.
  enum Source {
    /// The laws in equal parts.
    case laws
    case mixture(GaussianMixture)
  }

  /// What was learnt.
  struct State {
    /// w.
    var weights: [Double]
    /// g_j; empty before the first fit.
    var components: [GaussianMixture] = []
    /// α.
    var shares: [Double]
    /// β.
    var controls: [Double]
    /// Of one draw of (f_jφ_j − β_j g_j)/g.
    var variances: [Double]
  }

  private let options: MultipleExpectations
  private let laws: [MultipleExpectations.Law]
  private var points: Tensor?
  /// φ, `[n, J]`.
  private var values: Tensor?
  private var sources: [(source: Source, count: Int)] = []

  init(_ options: MultipleExpectations, _ laws: [MultipleExpectations.Law]) {
    (self.options, self.laws) = (options, laws)
  }

  var count: Int { points?.size(0) ?? 0 }

  /// Evaluates φ at new points.
  mutating func add(_ x: Tensor, _ phi: (Tensor) throws -> Tensor, density: Source) throws {
    var y = try phi(x).to(.double)
    if y.rank == 1 { y = y.unsqueeze(1) }
    guard y.rank == 2, y.size(0) == x.size(0), y.size(1) >= 1 else {
      throw StatisticsError(
        .badData, "φ", found: "values of shape \(y.shape) for \(x.size(0)) points",
        expected: "a row of values a point")
    }
    if laws.count > 1 {
      guard y.size(1) == 1 || y.size(1) == laws.count else {
        throw StatisticsError(
          .badData, "φ", found: "\(y.size(1)) values a point for \(laws.count) laws",
          expected: "1, or one a law")
      }
      y = y.expand([y.size(0), laws.count])
    }
    let finite = y.isFinite().to(.double).min(1).doubles
    if let row = finite.firstIndex(of: 0) {
      throw StatisticsError(
        .badData, "φ at the point \(x[row].doubles)", found: "\(y[row].doubles)", expected: "finite numbers")
    }
    points = points.map { .concatenate([$0, x]) } ?? x
    values = values.map { .concatenate([$0, y]) } ?? y
    sources.append((density, x.size(0)))
  }

  private var expectations: Int { values!.size(1) }

  /// log f_j at all points, `[n, J]`.
  private func logLaws(_ x: Tensor) -> Tensor {
    if laws.count == 1 { return laws[0].logDensity(x).unsqueeze(1).expand([x.size(0), expectations]) }
    return .stack(laws.map { $0.logDensity(x) }, axis: 1)
  }

  private func logDensity(_ source: Source, _ x: Tensor) -> Tensor {
    let own = laws.map { $0.logDensity(x) }
    let lawsAlone = Tensor.stack(own, axis: 1).logSumExp(1) - .log(Double(laws.count))
    guard case .mixture(let density) = source else { return lawsAlone }
    let drawn = density.logProbability(x)
    guard options.defensive > 0 else { return drawn }
    return Tensor.stack(
      [drawn + .log(1 - options.defensive), lawsAlone + .log(options.defensive)], axis: 1
    ).logSumExp(1)
  }

  /// log of the mixture of everything that was drawn from, by counts (the balance heuristic), `[n]`.
  private var logSampling: Tensor {
    let x = points!
    let parts = sources.map { logDensity($0.source, x) + .log(Double($0.count) / Double(count)) }
    return Tensor.stack(parts, axis: 1).logSumExp(1)
  }

  /// Plain importance sampling by the laws: the first estimates.
  func start(_ weights: [Double]) -> State {
    let ratio = (logLaws(points!) - logSampling.unsqueeze(1)).exp() * values!
    let means = ratio.mean(0).doubles
    let variances = ((ratio - ratio.mean(0)).square().sum(0) / Double(count - 1)).doubles
    var w = weights.isEmpty ? [Double](repeating: 1, count: expectations) : weights
    if options.weighsRelatively { w = means.map { $0 == 0 ? 1 : 1 / ($0 * $0) } }
    precondition(
      w.count == expectations && w.allSatisfy { $0 > 0 }, "MultipleExpectations: \(w.count) weights")
    let sizes = zip(w, means).map { $0.squareRoot() * abs($1) }
    let total = sizes.reduce(0, +)
    let shares = total > 0 ? sizes.map { $0 / total } : sizes.map { _ in 1 / Double(expectations) }
    return State(weights: w, shares: shares, controls: means, variances: variances)
  }

  /// Σ w Var of the estimates by `count` draws.
  func criterion(_ variances: [Double], _ weights: [Double], count: Int) -> Double {
    zip(weights, variances).reduce(0) { $0 + $1.0 * $1.1 } / Double(count)
  }

  /// g_j by the cross-entropy step: the family's member nearest to |f_jφ_j|, by all points so far.
  func fit(_ state: inout State, _ family: MultipleExpectations.Family, using random: inout RandomSource)
    throws(StatisticsError)
  {
    let x = points!
    let v = ((logLaws(x) - logSampling.unsqueeze(1)).exp() * values!.abs())
    let sums = v.sum(0).doubles
    if let j = sums.firstIndex(where: { !($0 > 0) }) {
      throw StatisticsError(
        .noAnswer, "expectation \(j + 1)", found: "no point so far where it is not 0", expected: "some",
        advice: "it is a rare event: take a larger budget, or laws that reach it")
    }
    let centred = x - x.mean(0)
    // Relative to the scale of the points.
    let ridge = 1e-6 * centred.square().mean().item()
    state.components = []
    for (j, sum) in sums.enumerated() {
      let weights = v[.all, j] / sum
      state.components.append(try WeightedMixture.fit(x, weights, family, ridge: ridge, using: &random))
    }
  }

  /// α: the minimum over the simplex of the mean of A/(Σ α_l G_l), A = Σ w_j (f_jφ_j − β_j g_j)²/h², G_l = g_l/h. Convex; every
  /// step α_l ← α_l √(−∂_l) lowers it.
  func chooseShares(_ state: inout State) {
    let x = points!
    let h = logSampling.unsqueeze(1)
    let g = (Tensor.stack(state.components.map { $0.logProbability(x) }, axis: 1) - h).exp()
    let residuals = (logLaws(x) - h).exp() * values! - Tensor(state.controls) * g
    let a = (residuals.square() * Tensor(state.weights)).sum(1)
    let scale = a.mean().item()
    guard scale > 0, scale.isFinite else { return }
    let shares = a / scale
    var alpha = Tensor(state.shares).clamp(1e-11, 1)
    alpha = alpha / alpha.sum()
    for _ in 0..<200 {
      let mixture = (g * alpha).sum(1).clamp(1e-300, .greatestFiniteMagnitude)
      let slopes = (g * (shares / mixture.square()).unsqueeze(1)).mean(0)
      let next = (alpha * slopes.sqrt()).clamp(1e-11, .greatestFiniteMagnitude)
      let normalised = next / next.sum()
      let change = (normalised - alpha).abs().max().item()
      alpha = normalised
      if change < 1e-9 { break }
    }
    state.shares = alpha.doubles
  }

  /// Σ α_j g_j as one mixture.
  func mixture(_ state: State) throws -> GaussianMixture {
    guard !state.components.isEmpty else {
      preconditionFailure("MultipleExpectations: no density was fitted")
    }
    let weights = zip(state.shares, state.components).flatMap { share, g in g.weights.map { share * $0 } }
    let total = weights.reduce(0, +)
    return try GaussianMixture(
      weights: weights.map { $0 / total }, means: .concatenate(state.components.map(\.means)),
      covariances: .concatenate(state.components.map(\.covariances)))
  }

  func sample(
    _ density: GaussianMixture, _ count: Int, _ defensive: Double, _ laws: [MultipleExpectations.Law],
    _ random: inout RandomSource
  ) throws -> Tensor {
    guard defensive > 0 else { return density.sample(count, using: &random) }
    let own = (0..<count).count { _ in random.uniform() < defensive }
    var parts = [density.sample(count - own, using: &random)]
    for (j, law) in laws.enumerated() {
      let share = (j + 1) * own / laws.count - j * own / laws.count
      if share > 0 { parts.append(law.sample(share, &random)) }
    }
    return .concatenate(parts)
  }

  /// β_j = Cov(g_j/g, f_jφ_j/g)/Var(g_j/g) and what variance is left, on the points from `first` on, which are draws of g.
  func regress(_ state: inout State, from first: Int, _ density: GaussianMixture) {
    let (f, g) = ratios(state, from: first, density)
    let n = Double(f.size(0))
    let (df, dg) = (f - f.mean(0), g - g.mean(0))
    let covariances = (df * dg).sum(0).doubles
    let squares = dg.square().sum(0).doubles
    state.controls = zip(covariances, squares).map { $1 > 0 ? $0 / $1 : 0 }
    let left = f - Tensor(state.controls) * g
    state.variances = ((left - left.mean(0)).square().sum(0) / (n - 1)).doubles
  }

  /// f_jφ_j/g and g_j/g at the points from `first` on, `[n, J]`.
  private func ratios(_ state: State, from first: Int, _ density: GaussianMixture) -> (f: Tensor, g: Tensor) {
    let x = points![first..<count]
    let drawn = logDensity(.mixture(density), x).unsqueeze(1)
    let f = (logLaws(x) - drawn).exp() * values![first..<count]
    let g = (Tensor.stack(state.components.map { $0.logProbability(x) }, axis: 1) - drawn).exp()
    return (f, g)
  }

  /// The estimates of a sample of its own.
  func result(
    _ state: State, _ density: GaussianMixture, _ criteria: [Double], _ stop: MultipleExpectations.Stop
  ) -> MultipleExpectations.Result {
    let (f, g) = ratios(state, from: 0, density)
    let n = Double(count)
    let beta = Tensor(state.controls)
    // ∫ g_j/g is 1 only where all of g_j is in reach, which a mixture that contains it grants.
    let terms = beta + f - beta * g
    let centred = terms - terms.mean(0)
    let covariance = (centred.transposed.matmul(centred) / ((n - 1) * n)).doubles
    let j = expectations
    let estimates = terms.mean(0).doubles.enumerated().map { place, value in
      Estimate(value, standardError: covariance[place * j + place].squareRoot())
    }
    let sizes = f.abs().sum(0).square() / f.square().sum(0).clamp(1e-300, .greatestFiniteMagnitude)
    // E_f φ² by the same draws.
    let squares = (f * values!).mean(0).doubles
    let gains = estimates.indices.map { place in
      let plain = (squares[place] - estimates[place].value * estimates[place].value) / n
      return plain / max(covariance[place * j + place], .leastNormalMagnitude)
    }
    return MultipleExpectations.Result(
      estimates: estimates, covariance: covariance, density: density, shares: state.shares,
      controls: state.controls, criteria: criteria, stop: stop, finalCount: count,
      effectiveSizes: sizes.doubles,
      gains: gains)
  }
}
