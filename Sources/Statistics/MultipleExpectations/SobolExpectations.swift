import Probability
import RealModule
import Torch

/// Which inputs an output's variance comes from, by many expectations of one sample.
public struct SobolExpectations: Sendable {
  /// Var(E[φ | x_u])/Var φ of every group u of inputs.
  public let first: [Estimate]
  /// E[Var(φ | all but x_u)]/Var φ of every group; empty where not asked for.
  public let total: [Estimate]
  public let mean: Estimate
  public let variance: Estimate
  /// Runs of the model, exploration included.
  public let runs: Int
  /// E[φφ_u] of every group, then those of the total indices, E[φ] and E[φ²]; of φ less the centre.
  public let expectations: MultipleExpectations.Result

  /// What one draw costs.
  public static func runsPerDraw(groups: Int, total: Bool) -> Int { groups + (total ? 2 : 1) }

  /// By the delta method from the expectations' joint covariance.
  init(_ result: MultipleExpectations.Result, groups: Int, isTotal: Bool, centre: Double, runs: Int)
    throws(StatisticsError)
  {
    let count = result.estimates.count
    let (mean, square) = (result.estimates[count - 2].value, result.estimates[count - 1].value)
    let variance = square - mean * mean
    guard variance > 1e-12 * (square + centre * centre) else {
      throw StatisticsError(
        .noAnswer, "Sobol' indices", found: "the variance \(variance) beside the mean square \(square)",
        expected: "an output that varies",
        advice: "take a larger budget, or subtract a constant from the output")
    }
    func estimate(_ value: Double, _ slopes: [Int: Double]) -> Estimate {
      let coefficients = (0..<count).map { slopes[$0] ?? 0 }
      return Estimate(value, standardError: max(0, result.variance(of: coefficients)).squareRoot())
    }
    /// (I − m²)/(q − m²), with `sign` −1 for 1 less that.
    func index(_ place: Int, isTotal: Bool) -> Estimate {
      let share = (result.estimates[place].value - mean * mean) / variance
      let slopes = [
        place: 1 / variance, count - 2: -2 * mean * (1 - share) / variance, count - 1: -share / variance,
      ]
      return estimate(isTotal ? 1 - share : share, slopes)
    }
    first = (0..<groups).map { index($0, isTotal: false) }
    total = isTotal ? (0..<groups).map { index(groups + $0, isTotal: true) } : []
    self.mean = Estimate(mean + centre, standardError: result.estimates[count - 2].standardError)
    self.variance = estimate(variance, [count - 2: -2 * mean, count - 1: 1])
    self.runs = runs
    expectations = result
  }
}

extension MultipleExpectations {
  /// Sobol' indices of a model of independent inputs, each a function of one standard normal number
  /// (``Probability/GaussianCopula/value(ofNormal:)`` without correlations).
  ///
  /// ``budget`` counts draws here, each of which costs ``SobolExpectations/runsPerDraw(groups:total:)`` runs.
  /// - Parameters:
  ///   - dimension: d.
  ///   - groups: inputs whose effect is wanted together, from 0; each by itself where left out.
  ///   - total: total indices too.
  ///   - centred: takes the first round's mean from the output, which changes no index: products of outputs that vary little beside
  ///     their mean hardly tell indices apart. Without, as in the source.
  ///   - phi: standard normal numbers `[n, d]` to the output `[n]`.
  /// - Throws: as ``estimate(_:using:of:)``; and for groups that are empty or name no input, and where the output does
  ///   not vary.
  public func sobolIndices(
    dimension: Int, groups: [[Int]]? = nil, total: Bool = false, centred: Bool = true,
    using random: inout RandomSource, of phi: (Tensor) throws -> Tensor
  ) throws -> SobolExpectations {
    let groups = groups ?? (0..<dimension).map { [$0] }
    for group in groups {
      guard !group.isEmpty, group.allSatisfy({ (0..<dimension).contains($0) }),
        Set(group).count == group.count
      else {
        throw StatisticsError(
          .option, "the groups", found: "\(group)", expected: "distinct inputs from 0 to \(dimension - 1)")
      }
    }
    let count = groups.count
    let masks = groups.map { group in
      Tensor((0..<dimension).map { group.contains($0) ? 1.0 : 0 }) .> 0.5
    }
    var runs = 0
    var centre = centred ? nil : 0.0
    let law = GaussianMixture.standardNormal(dimension: 2 * dimension)
    let result = try estimate(law, using: &random) { u in
      let n = u.size(0)
      let (own, other) = (u[.all, 0..<dimension], u[.all, dimension..<(2 * dimension)])
      // One call for the point, the point of each group and, for total indices, the other point.
      let mixed = masks.map { Tensor.where($0.unsqueeze(0), own, other) }
      let asked = Tensor.concatenate([own] + mixed + (total ? [other] : []))
      runs += asked.size(0)
      let y = try phi(asked).to(.double)
      guard y.count == asked.size(0) else {
        throw StatisticsError(
          .badData, "φ", found: "values of shape \(y.shape) for \(asked.size(0)) points",
          expected: "one value a point")
      }
      if runs == asked.size(0), y.min().item() == y.max().item() {
        throw StatisticsError(
          .noAnswer, "Sobol' indices", found: "the output \(y.max().item()) at all of the first \(runs) runs",
          expected: "an output that varies", advice: "where it varies rarely, take a larger budget")
      }
      var rows = y.reshape(-1, n)
      // The first points are draws of the law.
      if centre == nil { centre = rows[0].mean().item() }
      rows = rows - (centre ?? 0)
      var columns = (0..<count).map { rows[0] * rows[1 + $0] }
      if total { columns += (0..<count).map { rows[count + 1] * rows[1 + $0] } }
      return .stack(columns + [rows[0], rows[0].square()], axis: 1)
    }
    return try SobolExpectations(result, groups: count, isTotal: total, centre: centre ?? 0, runs: runs)
  }
}
