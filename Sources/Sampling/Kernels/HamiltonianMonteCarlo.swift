import Probability
import RealModule
import Torch

/// HMC: a trajectory of leapfrog steps with a fresh momentum, accepted by its error in energy.
///
/// With `scales` s the masses are 1/s²: coordinates are followed in units of their spread. A step whose energy error
/// exceeds 1000 is divergent, as in Stan: the step size is too large somewhere. Cost: `leapfrogSteps` gradients a step.
/// Source: Duane et al. 1987; Neal 2011.
public struct HamiltonianMonteCarlo: StepSizeKernel {
  public let target: any LogDensity
  /// ε, the time of a leapfrog step, in units of `scales`.
  public var stepSize: Double
  /// L, the leapfrog steps of a trajectory.
  public let leapfrogSteps: Int
  /// The number of steps is uniform on the whole numbers in [L(1 − j), L(1 + j)].
  public let jitter: Double
  public let targetAcceptance: Double
  private let scales: CoordinateScales

  static let divergence = 1000.0

  /// - Parameters:
  ///   - target: rows `[chains, d]` to log-densities, with a score.
  ///   - stepSize: ε > 0; ε·L of about π/2 spreads turns a normal target once over.
  ///   - leapfrogSteps: L ≥ 1.
  ///   - jitter: j in [0, 1). A trajectory of always the same length may return to where it began on a target with a
  ///     period; a little jitter (0.2) prevents that. All chains share a step's draw. 0, the plain algorithm, when
  ///     left out.
  ///   - scales: s, `[d]`, > 0; the target's standard deviations where they are known, else 1.
  ///   - targetAcceptance: what adaptation aims at, in (0, 1); Stan's 0.8.
  /// - Throws: ``SamplingError/parameter(owner:name:found:expected:)``.
  public init(
    target: any LogDensity, stepSize: Double, leapfrogSteps: Int, jitter: Double = 0, scales: Tensor? = nil,
    targetAcceptance: Double = 0.8
  ) throws(SamplingError) {
    let owner = "HamiltonianMonteCarlo"
    try checkStepSize(stepSize, owner)
    try SamplingError.require(
      leapfrogSteps >= 1, owner, "leapfrogSteps", leapfrogSteps, "a whole number ≥ 1")
    try SamplingError.require(jitter >= 0 && jitter < 1, owner, "jitter", jitter, "a number in [0, 1)")
    try checkTargetAcceptance(targetAcceptance, owner)
    self.scales = try CoordinateScales(scales, owner)
    (self.target, self.stepSize, self.leapfrogSteps) = (target, stepSize, leapfrogSteps)
    (self.jitter, self.targetAcceptance) = (jitter, targetAcceptance)
  }

  public func initialState(_ position: Tensor) throws(SamplingError) -> GradientState {
    try scales.check(against: position, "HamiltonianMonteCarlo")
    return try target.startingGradient(position, "HamiltonianMonteCarlo")
  }

  public func step(_ state: GradientState, using random: inout RandomSource) -> (
    state: GradientState, info: TransitionInfo
  ) {
    let momentum = random.normal(like: state.position)
    let (proposal, last) = leapfrog(state, momentum, steps: trajectoryLength(using: &random))
    // Momenta are normal with unit variance in the scaled coordinates.
    let kinetic = 0.5 * (momentum.square() - last.square()).sum(1)
    let logRatio = proposal.logDensity - state.logDensity + kinetic
    let decision = Acceptance(logRatio: logRatio, isDivergent: logRatio .< -Self.divergence, using: &random)
    return (state.replaced(where: decision.mask, by: proposal), decision.info)
  }

  private func trajectoryLength(using random: inout RandomSource) -> Int {
    guard jitter > 0 else { return leapfrogSteps }
    let reach = Int((jitter * Double(leapfrogSteps)).rounded(.down))
    return random.integer(in: max(1, leapfrogSteps - reach)..<leapfrogSteps + reach + 1)
  }

  /// Half a kick, then drifts and kicks in turn, with half a kick last: reversible and of volume 1.
  private func leapfrog(_ state: GradientState, _ momentum: Tensor, steps: Int) -> (GradientState, Tensor) {
    var position = state.position
    var momentum = momentum.adding(scales(state.gradient), scaledBy: 0.5 * stepSize)
    for _ in 1..<steps {
      position = position.adding(scales(momentum), scaledBy: stepSize)
      let score = withoutGradient { target.score(position) }
      momentum = momentum.adding(scales(score), scaledBy: stepSize)
    }
    let end = target.gradientState(position.adding(scales(momentum), scaledBy: stepSize))
    return (end, momentum.adding(scales(end.gradient), scaledBy: 0.5 * stepSize))
  }
}
