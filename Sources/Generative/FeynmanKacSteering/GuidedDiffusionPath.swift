import Sampling
import Torch

/// Particles of a diffusion with the direction in which their reward grows.
struct GuidedDiffusionState: ParticleState {
  var base: DiffusionState
  /// r(E[x₀ | x_t]), `[rows]`, and its gradient in x_t; `nil` at the end.
  var reward: Tensor?
  var gradient: Tensor?

  func gathered(_ rows: Tensor) -> GuidedDiffusionState {
    GuidedDiffusionState(
      base: base.gathered(rows), reward: reward.gathered(rows), gradient: gradient.gathered(rows))
  }
}

/// The reverse path with the mean of every step moved along the reward's gradient,
///
///     τ(x_s | x_t) = N(m + κ λ Σ ∇r(E[x₀ | x_t]), Σ),
///
/// and log p − log τ of every draw, which keeps the law.
struct GuidedDiffusionPath<Model: ReverseDiffusion>: SteerablePath {
  let base: DiffusionPath<Model>
  let reward: any Reward
  /// κ λ.
  let scale: Double

  var steps: Int { base.steps }
  var isStochastic: Bool { base.isStochastic }
  var firstReward: Int { base.firstReward }
  // Walking back through the model costs about two more evaluations.
  func modelEvaluations(rewardSteps: Int, rows: Int) -> Int { 3 * steps * rows }
  func rewardEvaluations(rows: Int) -> Int { steps * rows }

  func rows(of state: GuidedDiffusionState) -> Tensor { base.rows(of: state.base) }
  func denoised(_ state: GuidedDiffusionState) -> Tensor? { base.denoised(state.base) }
  func rewardOfDenoised(_ state: GuidedDiffusionState) -> Tensor? { state.reward }

  func start(_ shape: ParticleShape, using random: inout GroupRandom) throws -> Proposed<GuidedDiffusionState>
  {
    let x = base.model.start(at: base.levels[0], particles: shape.particles, using: &random)
    return Proposed(try guided(x, at: 0))
  }

  func move(
    _ state: GuidedDiffusionState, to step: Int, _ shape: ParticleShape, using random: inout GroupRandom
  ) throws -> Proposed<GuidedDiffusionState> {
    let moved = base.moved(
      state.base, to: step, towards: state.gradient.map { $0 * scale }, shape, using: &random)
    let next =
      step == steps ? GuidedDiffusionState(base: DiffusionState(x: moved.x)) : try guided(moved.x, at: step)
    return Proposed(next, logRatio: moved.logRatio)
  }

  func completions(
    of state: GuidedDiffusionState, at step: Int, count: Int, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) throws -> Tensor? {
    base.completions(of: state.base, at: step, count: count, shape, using: &random)
  }

  /// One evaluation of the model and of the reward, and the way back through both.
  private func guided(_ x: Tensor, at step: Int) throws -> GuidedDiffusionState {
    try withGradient {
      let point = x.requiringGradient()
      let denoised = base.denoised(point, at: base.levels[step])
      let r = try reward(denoised)
      guard r.requiresGradient else {
        throw SteeringError.option(
          "gradient", "a reward without one", "0, or a reward that is a differentiable function of tensors")
      }
      let gradient = gradients(of: [r.sum()], withRespectTo: [point])[0]
      // A reward of −∞ has none, and any proposal will do.
      return GuidedDiffusionState(
        base: DiffusionState(x: x, denoised: denoised.detach()), reward: r.detach(),
        gradient: gradient.filled(where: gradient.isFinite().logicalNot(), with: 0))
    }
  }
}
