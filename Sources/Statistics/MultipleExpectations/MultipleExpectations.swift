import Probability
import RealModule
import Sampling
import Torch

/// Many expectations I_j = E_{f_j}[φ_j(X)] from one sample: importance sampling from a mixture of one density for each, learnt in
/// rounds, with the components themselves as control variates.
///
/// ```swift
/// let law = GaussianMixture.standardNormal(dimension: 1)
/// let result = try MultipleExpectations(budget: 5000).estimate(law, using: &random) { x in
///   .concatenate([x.square(), x.square().square()], axis: 1)
/// }
/// print(result.estimates)   // 1 ± …, 3 ± …
/// ```
/// Where φ changes its sign, densities are fitted to |φ| and the signed φ is averaged: unbiased, without the guarantee of no variance.
/// Source: Demange-Chryst, Bachoc & Morio 2023 (arXiv 2212.00568). Cost: `budget` evaluations of φ; besides J densities at all points
/// a round.
public struct MultipleExpectations: Sendable, Hashable {
  /// What the densities are fitted in.
  public enum Family: Sendable, Hashable {
    case gaussian
    /// Gaussians without correlations.
    case diagonal
    /// Mixtures of Gaussians by weighted EM.
    case mixture(Int)
  }

  /// What is subtracted from an expectation's terms.
  public enum ControlVariates: String, Sendable, Hashable, Codable, CaseIterable {
    /// The expectation's own density, as in the source.
    case own
    /// All of them, and the laws: never worse for many draws. Where a round has fewer than ten draws a control, the own ones
    /// are taken.
    case all
  }

  /// N: evaluations of φ in all, at least 100 and at least 10 (d + 2).
  public var budget: Int
  public var family = Family.gaussian
  public var controls = ControlVariates.all
  /// w_j > 0 of the criterion Σ w_j Var(Î_j); ones where empty.
  public var weights: [Double] = []
  /// Takes w_j = 1/Î_j² by the first estimates in place of ``weights``: relative errors count alike.
  public var weighsRelatively = false
  /// Takes the densities of the round before the last where a draw of the last left more of Σ w Var.
  public var takesBest = false
  /// Share of the inputs' own law in every sampling density, in [0, 1): tails are then never lighter than it.
  public var defensive = 0.0
  /// Refuses negative φ.
  public var requiresPositive = false
  /// Draws the final sample from randomised Sobol' sequences, 16 of them, for the error. Not with a defensive share.
  public var isQuasiRandom = false
  /// Averages over the exploration's draws too, by the balance heuristic. Slightly biased, as the densities were chosen by them.
  public var combinesRounds = false
  /// Checks before the first evaluation that the laws' draws and densities belong together, to five standard errors.
  public var checksLaws = false

  public init(budget: Int) { self.budget = budget }

  /// What is drawn from, and its density.
  public struct Law: Sendable {
    let sample: @Sendable (Int, inout RandomSource) -> Tensor
    let logDensity: @Sendable (Tensor) -> Tensor

    public init(_ distribution: some ContinuousDistribution) {
      self.init(
        sample: { distribution.sample($0, using: &$1) }, logDensity: { distribution.logProbability($0) })
    }

    /// - Parameters:
    ///   - sample: rows `[count, d]`.
    ///   - logDensity: rows `[n, d]` to `[n]`, normalised; −∞ outside the support.
    public init(
      sample: @escaping @Sendable (Int, inout RandomSource) -> Tensor,
      logDensity: @escaping @Sendable (Tensor) -> Tensor
    ) {
      self.sample = { sample($0, &$1).to(.double) }
      self.logDensity = { logDensity($0).to(.double) }
    }
  }

  /// One law for all expectations.
  public func estimate(
    _ law: some ContinuousDistribution, using random: inout RandomSource, of phi: (Tensor) throws -> Tensor
  ) throws -> Result { try estimate([Law(law)], using: &random, of: phi) }

  /// - Parameters:
  ///   - laws: one, or one an expectation, of points `[n, d]`.
  ///   - phi: `[n, d]` to `[n, J]`, or `[n, 1]` where every law has its own expectation of one function. Points outside all laws are
  ///     not asked for.
  /// - Throws: ``StatisticsError``: values that are not finite (with the point), expectations all of whose terms are 0, options out
  ///   of range; and what φ throws.
  public func estimate(_ laws: [Law], using random: inout RandomSource, of phi: (Tensor) throws -> Tensor)
    throws -> Result
  {
    let round = budget / 10
    let points = try firstPoints(round, laws, using: &random)
    func evaluated(_ x: Tensor, _ expectations: Int?) throws -> Evaluation {
      try Evaluation(x, laws, expectations: expectations, requiresPositive: requiresPositive, phi)
    }
    var exploration = Exploration(self, laws, try evaluated(points, nil))
    let expectations = exploration.points.expectations
    var state = try exploration.start()
    var (variances, n) = (state.variances, round)
    var criteria = [exploration.criterion(variances, state.weights, count: budget - n)]
    var stop = Stop.explored
    while n < budget / 2 {
      let previous = state
      var next = state
      try exploration.fit(&next, using: &random)
      exploration.chooseShares(&next)
      let density = try SamplingMixture(
        components: next.components, shares: next.shares, defensive: defensive)
      let first = exploration.count
      exploration.add(
        try evaluated(density.sample(round, laws, using: &random), expectations), from: density)
      exploration.regress(&next, from: first)
      n += round
      criteria.append(exploration.criterion(next.variances, state.weights, count: budget - n))
      state = next
      let before = exploration.criterion(variances, state.weights, count: budget - n + round)
      if before <= criteria[criteria.count - 1] {
        stop = .costs
        // Draw by draw: the last round may be the better one and yet not have paid. The first state has no
        // densities of its own to go back to.
        let isWorse =
          exploration.criterion(variances, state.weights, count: 1)
          < exploration.criterion(next.variances, state.weights, count: 1)
        if takesBest, isWorse, !previous.components.isEmpty { state = previous }
        break
      }
      variances = next.variances
    }
    let density = try SamplingMixture(
      components: state.components, shares: state.shares, defensive: defensive)
    let final = try draws(budget - n, density, laws, using: &random) { try evaluated($0, expectations) }
    return Result(
      final, state, density, explored: n, quasiRandom: isQuasiRandom,
      combined: combinesRounds ? exploration : nil, criteria: criteria, stop: stop)
  }

  /// Another φ under the density of an earlier study: all but a tenth of the budget, which finds the controls, is averaged.
  ///
  /// - Parameters:
  ///   - density: of ``Result/density``, over points of the same space.
  ///   - laws, phi: as in ``estimate(_:using:of:)``.
  /// - Throws: as there; also where the dimensions differ.
  public func estimate(
    _ laws: [Law], from density: SamplingMixture, using random: inout RandomSource,
    of phi: (Tensor) throws -> Tensor
  ) throws -> Result {
    guard !isQuasiRandom || density.defensive == 0 else { throw Self.quasiRandomAndDefensive }
    let probe = try firstPoints(budget / 10, laws, using: &random)
    guard probe.size(1) == density.dimension else {
      throw StatisticsError(
        .badData, "the sampling density", found: "\(density.dimension) dimensions",
        expected: "\(probe.size(1)), as the inputs have")
    }
    func evaluated(_ x: Tensor, _ expectations: Int?) throws -> Evaluation {
      try Evaluation(x, laws, expectations: expectations, requiresPositive: requiresPositive, phi)
    }
    // A fit of many controls to few draws adds more than it takes away.
    let round = max(budget / 10, min(10 * (density.components.count + laws.count), budget / 4))
    let first = try evaluated(density.sample(round, laws, using: &random), nil)
    var state = Exploration.State(
      weights: weights.isEmpty ? [Double](repeating: 1, count: first.expectations) : weights,
      components: density.components, shares: density.shares, controls: .own([]), variances: [])
    guard state.weights.count == first.expectations else {
      throw StatisticsError(
        .option, "the weights", found: "\(state.weights.count)",
        expected: "\(first.expectations), one an expectation")
    }
    let (_, f, g) = Self.ratios(first, density, .all)
    state.controls = Controls(.all, f, g)
    let final = try draws(budget - round, density, laws, using: &random) {
      try evaluated($0, first.expectations)
    }
    return Result(
      final, state, density, explored: round, quasiRandom: isQuasiRandom, combined: nil, criteria: [],
      stop: .given)
  }

  /// f_j, f_jφ_j and the controls over the density.
  static func ratios(_ points: Evaluation, _ density: SamplingMixture, _ kind: ControlVariates)
    -> (laws: Tensor, f: Tensor, g: Tensor)
  {
    let logComponents = SamplingMixture.logComponents(density.components, points.x)
    let (drawn, components) = density.components(logComponents, points.logMixture)
    let laws = points.lawRatios(over: drawn)
    let g = Controls.rows(kind, components: components, laws: laws)
    return (laws, laws * points.values, g)
  }

  /// The final sample: one part, or one a randomisation.
  private func draws(
    _ count: Int, _ density: SamplingMixture, _ laws: [Law], using random: inout RandomSource,
    _ evaluated: (Tensor) throws -> Evaluation
  ) throws -> [Evaluation] {
    guard isQuasiRandom else { return [try evaluated(density.sample(count, laws, using: &random))] }
    return try (0..<16).map { _ in
      try evaluated(density.quasiSample(count / 16, using: &random))
    }
  }

  /// Quasi-random points are of the fitted densities alone, as a law need not have quantiles.
  private static var quasiRandomAndDefensive: StatisticsError {
    StatisticsError(
      .option, "the quasi-random sample", found: "a defensive share too", expected: "one of both")
  }

  /// The options are in range; then the laws' own draws in equal parts.
  private func firstPoints(_ count: Int, _ laws: [Law], using random: inout RandomSource) throws -> Tensor {
    guard budget >= 100 else {
      throw StatisticsError(.option, "the budget", found: "\(budget)", expected: "at least 100 evaluations")
    }
    guard (0..<1).contains(defensive) else {
      throw StatisticsError(.option, "the defensive share", found: "\(defensive)", expected: "in [0, 1)")
    }
    guard !laws.isEmpty else {
      throw StatisticsError(.option, "the laws", found: "none", expected: "one, or one an expectation")
    }
    if let j = weights.firstIndex(where: { !($0 > 0) || !$0.isFinite }) {
      throw StatisticsError(
        .option, "weight \(j + 1)", found: "\(weights[j])", expected: "a finite number above 0")
    }
    if case .mixture(let parts) = family, parts < 1 {
      throw StatisticsError(.option, "parts of a mixture", found: "\(parts)", expected: "at least 1")
    }
    guard !isQuasiRandom || defensive == 0 else { throw Self.quasiRandomAndDefensive }
    let counts = laws.indices.map { ($0 + 1) * count / laws.count - $0 * count / laws.count }
    guard counts.allSatisfy({ $0 > 0 }) else {
      throw StatisticsError(
        .option, "the budget", found: "\(budget) evaluations for \(laws.count) laws",
        expected: "at least \(10 * laws.count)")
    }
    let points = Tensor.concatenate(zip(laws, counts).map { $0.sample($1, &random) })
    precondition(points.rank == 2, "MultipleExpectations: a law draws \(points.shape), rows are expected")
    let least = 10 * (points.size(1) + 2)
    guard budget >= least else {
      throw StatisticsError(
        .option, "the budget", found: "\(budget) for \(points.size(1)) dimensions",
        expected: "at least \(least) evaluations")
    }
    guard !isQuasiRandom || points.size(1) < SobolSequence.maximumDimension else {
      throw StatisticsError(
        .option, "the quasi-random sample", found: "\(points.size(1)) dimensions",
        expected: "at most \(SobolSequence.maximumDimension - 1)")
    }
    if checksLaws { for (j, law) in laws.enumerated() { try LawCheck.run(law, j, using: &random) } }
    return points
  }
}
