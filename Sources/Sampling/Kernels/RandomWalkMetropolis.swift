import Probability
import RealModule
import Torch

/// Random-walk Metropolis: a normal step, taken with the chance min(1, p(x′)/p(x)).
///
/// Needs no gradient, and wants a step of about 2.4/√d of the target's spread, where roughly a quarter of the proposals
/// are accepted (Roberts, Gelman & Gilks 1997). Cost: one density a step.
/// Source: Metropolis et al. 1953.
public struct RandomWalkMetropolis: StepSizeKernel {
  public let target: any LogDensity
  /// The standard deviation of a step in every coordinate, in units of `scales`.
  public var stepSize: Double
  public let targetAcceptance: Double
  private let scales: CoordinateScales

  /// - Parameters:
  ///   - target: rows `[chains, d]` to log-densities.
  ///   - stepSize: > 0.
  ///   - scales: `[d]`, > 0; the target's standard deviations where they are known, else 1.
  ///   - targetAcceptance: what adaptation aims at, in (0, 1); 0.234 is optimal in many dimensions.
  /// - Throws: ``SamplingError/parameter(owner:name:found:expected:)``.
  public init(
    target: any LogDensity, stepSize: Double, scales: Tensor? = nil, targetAcceptance: Double = 0.234
  ) throws(SamplingError) {
    try checkStepSize(stepSize, "RandomWalkMetropolis")
    try checkTargetAcceptance(targetAcceptance, "RandomWalkMetropolis")
    self.scales = try CoordinateScales(scales, "RandomWalkMetropolis")
    (self.target, self.stepSize, self.targetAcceptance) = (target, stepSize, targetAcceptance)
  }

  public func initialState(_ position: Tensor) throws(SamplingError) -> DensityState {
    try scales.check(against: position, "RandomWalkMetropolis")
    return try target.startingDensity(position, "RandomWalkMetropolis")
  }

  public func step(_ state: DensityState, using random: inout RandomSource) -> (
    state: DensityState, info: TransitionInfo
  ) {
    let noise = scales(random.normal(like: state.position))
    let proposal = target.densityState(state.position.adding(noise, scaledBy: stepSize))
    let decision = Acceptance(logRatio: proposal.logDensity - state.logDensity, using: &random)
    return (state.replaced(where: decision.mask, by: proposal), decision.info)
  }
}
