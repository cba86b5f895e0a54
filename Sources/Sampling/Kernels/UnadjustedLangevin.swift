import Probability
import RealModule
import Torch

/// ULA: Langevin's diffusion by Euler's steps, without a correction.
///
/// x′ = x + h s²∇log p(x) + √(2h) s z. Not invariant: its law is off by O(h). On N(0, σ²) with s = 1 it is
/// N(0, σ²/(1 − h/(2σ²))) exactly, and beyond h = 2σ² there is none. Use it where a bias is cheaper than the
/// rejections of ``MetropolisAdjustedLangevin``. A chain stays where its proposal has no finite density or gradient.
/// Cost: one density with its gradient a step. Source: Roberts & Tweedie 1996.
public struct UnadjustedLangevin: Kernel {
  public let target: any LogDensity
  /// h, the diffusion's time of a step, in units of `scales`².
  public let stepSize: Double
  private let scales: CoordinateScales

  /// - Parameters:
  ///   - target: rows `[chains, d]` to log-densities, with a score.
  ///   - stepSize: h > 0.
  ///   - scales: s, `[d]`, > 0; 1 when left out.
  /// - Throws: ``SamplingError/parameter(owner:name:found:expected:)``.
  public init(target: any LogDensity, stepSize: Double, scales: Tensor? = nil) throws(SamplingError) {
    try checkStepSize(stepSize, "UnadjustedLangevin")
    self.scales = try CoordinateScales(scales, "UnadjustedLangevin")
    (self.target, self.stepSize) = (target, stepSize)
  }

  public func initialState(_ position: Tensor) throws(SamplingError) -> GradientState {
    try scales.check(against: position, "UnadjustedLangevin")
    return try target.startingGradient(position, "UnadjustedLangevin")
  }

  public func step(_ state: GradientState, using random: inout RandomSource) -> (
    state: GradientState, info: TransitionInfo
  ) {
    let noise = random.normal(like: state.position)
    let proposal = target.gradientState(
      langevinProposal(state, noise: noise, stepSize: stepSize, scales: scales))
    let isFinite = proposal.gradient.isFinite().all(1) .& proposal.logDensity.isFinite()
    let info = TransitionInfo(
      acceptanceProbability: isFinite.to(state.logDensity.dtype), isAccepted: isFinite,
      isDivergent: isFinite.logicalNot())
    return (state.replaced(where: isFinite, by: proposal), info)
  }
}
