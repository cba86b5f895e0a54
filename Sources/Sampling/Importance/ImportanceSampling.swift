import Probability
import Torch

/// Draws from `proposal`, weighted towards `target`.
///
/// ```swift
/// let target = try StudentT(degreesOfFreedom: 5)
/// let proposal = try StudentT(degreesOfFreedom: 3)
/// let sample = try importanceSample(target: target, proposal: proposal, count: 10_000, using: &random)
/// print(sample.logEvidence, sample.expectation { $0.square() }, sample.paretoShape)
/// ```
///
/// - Parameters:
///   - target: rows to log-densities, up to a constant that ``ImportanceSample/logEvidence`` then is.
///   - proposal: should have heavier tails than the target; where it has no density the target is not seen.
///   - count: draws, ≥ 1.
/// - Throws: ``SamplingError``, naming the draw, for a log-density that is NaN or +∞; −∞ is a weight of 0.
/// - Complexity: `count` draws and densities of each of the two, in one batch.
public func importanceSample(
  target: some LogDensity, proposal: some Distribution, count: Int, using random: inout RandomSource
) throws(SamplingError) -> ImportanceSample {
  let owner = "importanceSample"
  try SamplingError.require(count >= 1, owner, "count", count, "a whole number ≥ 1")
  let draws = withoutGradient { proposal.sample(count, using: &random) }
  let (targets, proposals) = withoutGradient { (target.logDensity(draws), proposal.logProbability(draws)) }
  for (name, values) in [
    ("the target's log-density", targets), ("the proposal's log-probability", proposals),
  ] {
    try SamplingError.require(
      values.shape == [count], owner, name, "of shape \(values.shape)", "[\(count)], one a draw")
    let isBroken = (values .< .infinity).logicalNot()
    guard isBroken.any().item() != 0 else { continue }
    let draw = isBroken.booleans.firstIndex(of: true)!
    throw .weight(what: name, draw: draw, value: values[draw].item())
  }
  return try ImportanceSample(draws: draws, logWeights: targets.to(.double) - proposals.to(.double))
}

/// A proposal that learns from weighted draws: a mixture refitted from round to round, for one.
public protocol AdaptiveProposal: Distribution {
  /// The proposal for the next round.
  ///
  /// - Parameter sample: of this proposal, or of a mixture of the rounds so far, weighted accordingly.
  /// - Throws: where the draws do not determine a proposal.
  func adapted(to sample: ImportanceSample) throws -> Self
}
