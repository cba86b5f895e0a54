import Solvers
import RealModule
import Torch

/// Models of an ordered response with classes 1…K: P(y ≤ k | x) = F(α_k + β_kᵀx), k = 1…K−1, or P(y = k | y ≥ k, x).
///
/// ```swift
/// var regression = OrdinalRegression(.presto)
/// let fit = try regression.fit(design, response, lambda: 0.01)
/// fit.probabilities(of: design).values     // [rows, K]
/// ```
/// PRESTO has weights of its own for every transition and shrinks differences of neighbours towards 0, so that many common
/// transitions lend strength to the last, rare one: −(1/n) Σ w log P(y | x) + λ Σ_j ω_j (|β_j1| + Σ_k |β_jk − β_j,k−1|) in
/// columns of mean 0 and standard deviation 1.
///
/// Source: Faletto & Bien 2023 (arXiv 2305.18700), with the likelihood of the observed class and exact second
/// derivatives. Cost: a few Newton steps for every λ, each three products of `[rows, columns]` matrices.
public struct OrdinalRegression: Sendable, Hashable {
  public enum Form: String, Sendable, Hashable, CaseIterable, Codable {
    /// Weights of every transition; their differences are penalised.
    case presto
    /// One weight a column for all transitions, not penalised.
    case proportional
    /// Weights of every transition, not penalised.
    case unrestricted
    /// Weights of every transition, themselves penalised.
    case lasso
    /// The rare class against the others alone, not penalised.
    case logistic
  }

  /// Where cumulative probabilities may cross.
  public enum Crossing: String, Sendable, Hashable, CaseIterable, Codable {
    /// Only observed classes need a probability: the optimum of the convex problem.
    case observed
    /// No class of any training row may have a negative probability: further shrinkage, and short of the optimum.
    case strict
  }

  public var form: Form
  /// What a transition is; ``Form/logistic`` has but one.
  public var kind = OrdinalKind.cumulative
  public var link = OrdinalLink.logit
  /// a in λ(a|ψ| + ½(1 − a)ψ²), in [0, 1].
  public var mix = 1.0
  /// Whether the weights of the first transition are penalised as well.
  public var penalisesBase = true
  /// ω, one a column; ones where empty. 0 leaves a column free, ∞ leaves it out.
  public var penaltyFactors: [Double] = []
  /// +1 for columns whose weights start at 0 or above and do not fall from transition to transition, −1 for the mirror
  /// image, 0 for others; zeros where empty.
  public var signs: [Int] = []
  public var crossing = Crossing.observed
  /// The class that ``Form/logistic`` sets apart, from 0; the last where `nil`.
  public var rare: Int?
  public var solver = ProximalNewton()

  public init(_ form: Form = .presto) { self.form = form }

  /// Whether there is a λ to choose.
  public var isPenalised: Bool { form == .presto || form == .lasso }

  /// Fits at one λ ≥ 0, from the intercepts' own start.
  ///
  /// - Parameters:
  ///   - design: `[rows, columns]`, finite.
  ///   - weights: one a row, ≥ 0 and not all 0; ones if left out.
  /// - Throws: ``StatisticsError`` for what the data or options cannot be.
  public func fit(
    _ design: Tensor, _ response: OrdinalResponse, weights: [Double]? = nil, lambda: Double = 0
  ) throws(StatisticsError) -> OrdinalFit {
    try path(design, response, weights: weights, lambdas: [lambda])[0]
  }

  /// Fits at every λ, each from the last: take them in falling order.
  public func path(
    _ design: Tensor, _ response: OrdinalResponse, weights: [Double]? = nil, lambdas: [Double]
  ) throws(StatisticsError) -> [OrdinalFit] {
    guard lambdas.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
      throw StatisticsError(.option, "λ", found: "\(lambdas)", expected: "finite numbers of at least 0")
    }
    let problem = try OrdinalProblem(self, design, response, weights)
    var point = problem.start
    return lambdas.map { lambda in
      let minimum = solver.minimise(problem.likelihood, problem.penalty(lambda), from: point)
      point = minimum.point
      return problem.fit(minimum, lambda: lambda)
    }
  }

  /// The smallest λ at which every penalised coordinate is 0.
  public func largestLambda(_ design: Tensor, _ response: OrdinalResponse, weights: [Double]? = nil)
    throws(StatisticsError) -> Double
  {
    let problem = try OrdinalProblem(self, design, response, weights)
    return problem.largestLambda(solver)
  }

  /// `count` values from the largest λ down to `ratio` times it, evenly spaced in the logarithm.
  public func lambdas(
    _ design: Tensor, _ response: OrdinalResponse, weights: [Double]? = nil, count: Int = 20,
    ratio: Double = 0.01
  ) throws(StatisticsError) -> [Double] {
    guard count >= 1, ratio > 0, ratio < 1 else {
      throw StatisticsError(
        .option, "the grid of λ", found: "\(count) values down to \(ratio)",
        expected: "at least 1, down to a share in (0, 1)")
    }
    let largest = try largestLambda(design, response, weights: weights)
    return (0..<count).map { largest * .pow(ratio, count == 1 ? 0 : Double($0) / Double(count - 1)) }
  }
}
