import Probability
import RealModule
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

  /// N: evaluations of φ in all.
  public var budget: Int
  public var family = Family.gaussian
  /// w_j > 0 of the criterion Σ w_j Var(Î_j); ones where empty.
  public var weights: [Double] = []
  /// Takes w_j = 1/Î_j² by the first estimates in place of ``weights``: relative errors count alike.
  public var weighsRelatively = false
  /// Takes the densities of the round before the last where the last was worse.
  public var takesBest = false
  /// Share of the inputs' own law in every sampling density: tails are then never lighter than it.
  public var defensive = 0.0

  public init(budget: Int) { self.budget = budget }

  /// Why no further round was made.
  public enum Stop: String, Sendable, Hashable, Codable {
    /// Another round would have cost more than it gained.
    case costs
    /// Half of the budget was explored.
    case explored
  }

  public struct Result: Sendable {
    /// One an expectation, unbiased whatever was learnt before.
    public let estimates: [Estimate]
    /// Of the estimates, row by row, `[J, J]`.
    public let covariance: [Double]
    /// The final sampling density.
    public let density: GaussianMixture
    /// α, one an expectation.
    public let shares: [Double]
    /// β_j, the control variates' factors.
    public let controls: [Double]
    /// Σ w_j Var after every round, for the whole budget.
    public let criteria: [Double]
    public let stop: Stop
    /// Evaluations of the final sample; the others were exploration.
    public let finalCount: Int
    /// (Σv)²/Σv² of v = |f_jφ_j|/g, one an expectation.
    public let effectiveSizes: [Double]
    /// Variance of as many plain draws over that of the estimate, one an expectation, from the same sample.
    public let gains: [Double]
  }

  /// What is drawn from, and its density.
  public struct Law: Sendable {
    let sample: @Sendable (Int, inout RandomSource) -> Tensor
    let logDensity: @Sendable (Tensor) -> Tensor

    public init(_ distribution: some ContinuousDistribution) {
      sample = { distribution.sample($0, using: &$1).to(.double) }
      logDensity = { distribution.logProbability($0).to(.double) }
    }
  }

  /// One law for all expectations.
  public func estimate(
    _ law: some ContinuousDistribution, using random: inout RandomSource, of phi: (Tensor) throws -> Tensor
  ) throws -> Result { try estimate([Law(law)], using: &random, of: phi) }

  /// - Parameters:
  ///   - laws: one, or one an expectation, of points `[n, d]`.
  ///   - phi: `[n, d]` to `[n, J]`, or `[n, 1]` where every law has its own expectation of one function.
  /// - Throws: ``StatisticsError``: values that are not finite (with the point), an expectation all of whose weights are 0, options
  ///   out of range; and what φ throws.
  public func estimate(_ laws: [Law], using random: inout RandomSource, of phi: (Tensor) throws -> Tensor)
    throws
    -> Result
  {
    let round = budget / 10
    guard round >= 10 else {
      throw StatisticsError(.option, "the budget", found: "\(budget)", expected: "at least 100 evaluations")
    }
    guard (0..<1).contains(defensive) else {
      throw StatisticsError(.option, "the defensive share", found: "\(defensive)", expected: "in [0, 1)")
    }
    var exploration = Exploration(self, laws)
    // From the laws themselves.
    let counts = laws.indices.map { ($0 + 1) * round / laws.count - $0 * round / laws.count }
    let points = Tensor.concatenate(zip(laws, counts).map { $0.sample($1, &random) })
    try exploration.add(points, phi, density: .laws)
    var state = exploration.start(weights)
    var (variances, n) = (state.variances, round)
    var criteria = [exploration.criterion(variances, state.weights, count: budget - n)]
    var stop = Stop.explored
    while n < budget / 2 {
      let previous = state
      var next = state
      try exploration.fit(&next, family, using: &random)
      exploration.chooseShares(&next)
      let density = try exploration.mixture(next)
      let first = exploration.count
      try exploration.add(
        try exploration.sample(density, round, defensive, laws, &random), phi, density: .mixture(density))
      exploration.regress(&next, from: first, density)
      n += round
      criteria.append(exploration.criterion(next.variances, state.weights, count: budget - n))
      state = next
      if exploration.criterion(variances, state.weights, count: budget - n + round)
        <= criteria[criteria.count - 1]
      {
        stop = .costs
        // The first state has no densities of its own to go back to.
        if takesBest, !previous.components.isEmpty { state = previous }
        break
      }
      variances = next.variances
    }
    let density = try exploration.mixture(state)
    var final = Exploration(self, laws)
    try final.add(
      try final.sample(density, budget - n, defensive, laws, &random), phi, density: .mixture(density))
    return final.result(state, density, criteria, stop)
  }
}
