import Probability
import RealModule
import Torch

/// MALA: a step of Langevin's diffusion, corrected by Metropolis and Hastings.
///
/// x′ = x + h s²∇log p(x) + √(2h) s z with z ~ N(0, I). Efficient at an acceptance of 0.574, where h shrinks with the
/// dimension as d^(−1/3). Cost: one density with its gradient a step.
/// Source: Roberts & Tweedie 1996; Roberts & Rosenthal 1998.
public struct MetropolisAdjustedLangevin: StepSizeKernel {
  public let target: any LogDensity
  /// h, the diffusion's time of a step, in units of `scales`².
  public var stepSize: Double
  public let targetAcceptance: Double
  private let scales: CoordinateScales

  /// - Parameters:
  ///   - target: rows `[chains, d]` to log-densities, with a score.
  ///   - stepSize: h > 0.
  ///   - scales: s, `[d]`, > 0; the target's standard deviations where they are known, else 1.
  ///   - targetAcceptance: what adaptation aims at, in (0, 1).
  /// - Throws: ``SamplingError/parameter(owner:name:found:expected:)``.
  public init(
    target: any LogDensity, stepSize: Double, scales: Tensor? = nil, targetAcceptance: Double = 0.574
  ) throws(SamplingError) {
    try checkStepSize(stepSize, "MetropolisAdjustedLangevin")
    try checkTargetAcceptance(targetAcceptance, "MetropolisAdjustedLangevin")
    self.scales = try CoordinateScales(scales, "MetropolisAdjustedLangevin")
    (self.target, self.stepSize, self.targetAcceptance) = (target, stepSize, targetAcceptance)
  }

  public func initialState(_ position: Tensor) throws(SamplingError) -> GradientState {
    try scales.check(against: position, "MetropolisAdjustedLangevin")
    return try target.startingGradient(position, "MetropolisAdjustedLangevin")
  }

  public func step(_ state: GradientState, using random: inout RandomSource) -> (
    state: GradientState, info: TransitionInfo
  ) {
    let noise = random.normal(like: state.position)
    let proposal = target.gradientState(
      langevinProposal(state, noise: noise, stepSize: stepSize, scales: scales))
    // The way back needs the noise −(z + u) with u = √(h/2) s (∇log p(x) + ∇log p(x′)), so that
    // log q(x|x′) − log q(x′|x) = ½|z|² − ½|z + u|² = −u·(z + ½u): no difference of large squares.
    let c = (0.5 * stepSize).squareRoot()
    let sum = scales(state.gradient + proposal.gradient)
    let drift = (sum * noise.adding(sum, scaledBy: 0.5 * c)).sum(1)
    let logRatio = (proposal.logDensity - state.logDensity).adding(drift, scaledBy: -c)
    let decision = Acceptance(logRatio: logRatio, using: &random)
    return (state.replaced(where: decision.mask, by: proposal), decision.info)
  }
}

/// x + h s²∇log p(x) + √(2h) s z.
func langevinProposal(_ state: GradientState, noise: Tensor, stepSize h: Double, scales: CoordinateScales)
  -> Tensor
{
  state.position.adding(scales(scales(state.gradient)), scaledBy: h)
    .adding(scales(noise), scaledBy: (2 * h).squareRoot())
}
