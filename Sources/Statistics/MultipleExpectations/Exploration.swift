import Probability
import RealModule
import Solvers
import Torch

/// The points of a study so far, with every density at every point, in logarithms.
///
/// A round costs its densities at all points, and those of the earlier rounds at the new points.
struct Exploration {
  /// What was learnt.
  struct State {
    /// w.
    var weights: [Double]
    /// g_j; empty before the first fit.
    var components: [GaussianMixture] = []
    /// α.
    var shares: [Double]
    var controls: Controls
    /// Of one draw of what is averaged, one an expectation.
    var variances: [Double]
    /// Expectations whose φ was 0 at every point.
    var unreached: [Int] = []
  }

  private let options: MultipleExpectations
  private let laws: [MultipleExpectations.Law]
  private(set) var points: Evaluation
  /// What was drawn from, and how often; no mixture means the laws in equal parts.
  private var sources: [(mixture: SamplingMixture?, count: Int)]
  /// log g_j of the state at the points it was fitted to, `[J, n]`, and g_j over what these were drawn from.
  private var logComponents: Tensor?
  private var components: Tensor?
  /// Of the points drawn since: log g_j, the log of the density they are draws of, and g_j over it.
  private var drawn: (logComponents: Tensor, logDensity: Tensor, components: Tensor)?
  /// Of all points.
  private var balance: Balance

  /// - Parameter points: drawn from the laws in equal parts.
  init(_ options: MultipleExpectations, _ laws: [MultipleExpectations.Law], _ points: Evaluation) {
    (self.options, self.laws, self.points) = (options, laws, points)
    sources = [(nil, points.count)]
    balance = Balance(points, points.logMixture)
  }

  var count: Int { points.count }

  /// Points drawn from the mixture whose components were fitted last.
  mutating func add(_ new: Evaluation, from mixture: SamplingMixture) {
    let logComponents = SamplingMixture.logComponents(mixture.components, new.x)
    let logLaws = new.logMixture
    let (density, components) = mixture.components(logComponents, logLaws)
    drawn = (logComponents, density, components)
    let logs = sources.map { source in
      (source.mixture?.logDensity(at: new.x, logLaws) ?? logLaws) + .log(Double(source.count))
    }
    sources.append((mixture, new.count))
    let total = Double(count + new.count)
    // At the earlier points g_j is known over what these were drawn from.
    let share = Double(new.count) / total
    let growth = mixture.density(self.components!, laws: balance.laws.mean(0)) * share + (1 - share)
    let there = Tensor.stack(logs + [density + .log(Double(new.count))], axis: 0).logSumExp(0) - .log(total)
    points = points.adding(new)
    balance = Balance(points, .concatenate([balance.logSampling + growth.log(), there]))
  }

  /// At all points so far.
  private mutating func evaluate(_ components: [GaussianMixture]) {
    let logs = SamplingMixture.logComponents(components, points.x)
    logComponents = logs
    self.components = (logs - balance.logSampling).exp()
  }

  /// log of the mixture of everything that was drawn from, by counts (the balance heuristic), `[n]`; f_jφ_j and f_j over it.
  private struct Balance {
    let logSampling: Tensor
    let ratios: Tensor
    let laws: Tensor

    init(_ points: Evaluation, _ logSampling: Tensor) {
      self.logSampling = logSampling
      laws = points.lawRatios(over: logSampling)
      ratios = laws * points.values
    }
  }

  /// Plain importance sampling by the laws: the first estimates.
  func start() throws(StatisticsError) -> State {
    let ratios = balance.ratios
    let mean = ratios.mean(1, keep: true)
    let means = mean.doubles
    let variances = ((ratios - mean).square().sum(1) / Double(count - 1)).doubles
    var w = options.weights.isEmpty ? [Double](repeating: 1, count: points.expectations) : options.weights
    if options.weighsRelatively { w = means.map { $0 == 0 ? 1 : 1 / ($0 * $0) } }
    guard w.count == points.expectations else {
      throw StatisticsError(
        .option, "the weights", found: "\(w.count)", expected: "\(points.expectations), one an expectation")
    }
    let sizes = zip(w, means).map { $0.squareRoot() * abs($1) }
    let total = sizes.reduce(0, +)
    let shares = total > 0 ? sizes.map { $0 / total } : sizes.map { _ in 1 / Double(sizes.count) }
    return State(weights: w, shares: shares, controls: .own(means), variances: variances)
  }

  /// Σ w Var of the estimates by `count` draws.
  func criterion(_ variances: [Double], _ weights: [Double], count: Int) -> Double {
    zip(weights, variances).reduce(0) { $0 + $1.0 * $1.1 } / Double(count)
  }

  /// g_j by the cross-entropy step: the family's member nearest to |f_jφ_j|, by all points so far. An expectation that no
  /// point reaches gets the law itself.
  mutating func fit(_ state: inout State, using random: inout RandomSource) throws(StatisticsError) {
    var v = balance.ratios.abs()
    let sums = v.sum(1).doubles
    state.unreached = sums.indices.filter { !(sums[$0] > 0) }
    if state.unreached.count == sums.count {
      throw StatisticsError(
        .noAnswer, "expectation 1", found: "no point so far where it is not 0, nor any other",
        expected: "some", advice: "these are rare events: take a larger budget, or laws that reach them")
    }
    if !state.unreached.isEmpty {
      let own = balance.laws.expand(v.shape)
      v = Tensor.where(Tensor(sums).unsqueeze(1) .> 0, v, own)
    }
    let own = random.split("law moments")
    state.components = try CrossEntropyFit.densities(
      points.x, v / v.sum(1, keep: true), options.family, ridge: 1e-6,
      law: LawMoments(of: laws, random: own), using: &random)
    evaluate(state.components)
  }

  /// α: the minimum over the simplex of the mean of A/(Σ α_l G_l), A = Σ w_j (f_jφ_j − β_j g_j)²/h², G_l = g_l/h.
  func chooseShares(_ state: inout State) {
    let g = components!
    let controls = Controls.rows(state.controls.kind, components: g, laws: balance.laws)
    let terms = state.controls.residuals(balance.ratios, controls)
    let a = Tensor(state.weights).matmul(terms.square())
    let scale = a.mean().item()
    guard scale > 0, scale.isFinite else { return }
    // A hundredth of the criterion is far below what the fit of g_j leaves open.
    state.shares = SharesCriterion(densities: g, numerators: a / scale)
      .minimum(from: state.shares, tolerance: 1e-2)
  }

  /// What the control variates are multiplied with and what variance is left, by the points from `first` on, which are draws
  /// of the mixture.
  func regress(_ state: inout State, from first: Int) {
    let rows = first..<count
    let laws = (points.logLaws[.all, rows] - drawn!.logDensity).exp()
    let f = laws * points.values[.all, rows]
    // A fit of many factors to few draws adds more than it takes away.
    let count = state.components.count + laws.size(0)
    let kind = 10 * count > rows.count ? .own : options.controls
    let g = Controls.rows(kind, components: drawn!.components, laws: laws)
    state.controls = Controls(kind, f, g)
    let terms = state.controls.terms(f, g)
    state.variances =
      ((terms - terms.mean(1, keep: true)).square().sum(1) / Double(rows.count - 1)).doubles
  }

  /// f_jφ_j and controls over the mixture of everything that was drawn from, with a final sample of `density`.
  func balanced(
    with sample: Evaluation, from density: SamplingMixture, _ kind: MultipleExpectations.ControlVariates
  ) -> (f: Tensor, g: Tensor) {
    var all = self
    // Not always the components that were fitted last.
    all.evaluate(density.components)
    all.add(sample, from: density)
    let logComponents = Tensor.concatenate([all.logComponents!, all.drawn!.logComponents], axis: 1)
    let components = (logComponents - all.balance.logSampling).exp()
    return (
      all.balance.ratios, Controls.rows(kind, components: components, laws: all.balance.laws)
    )
  }
}
