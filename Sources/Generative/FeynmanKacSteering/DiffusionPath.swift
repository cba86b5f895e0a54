import Sampling
import Torch

/// The reverse path of a diffusion as a proposal: index 0 is noise, index T the data.
struct DiffusionPath<Model: ReverseDiffusion>: SteerablePath {
  let model: Model
  let levels: [DiffusionLevel]
  let stochasticity: Double

  var steps: Int { levels.count - 1 }
  var isStochastic: Bool { stochasticity > 0 }
  var firstReward: Int { 0 }
  // The step's own estimate serves the reward.
  func modelEvaluations(rewardSteps: Int, rows: Int) -> Int { steps * rows }

  func start(_ shape: ParticleShape, using random: inout GroupRandom) -> Proposed<DiffusionState> {
    let x = model.start(at: levels[0], particles: shape.particles, using: &random)
    return Proposed(DiffusionState(x: x, denoised: model.denoised(x, at: levels[0])))
  }

  func move(
    _ state: DiffusionState, to step: Int, _ shape: ParticleShape, using random: inout GroupRandom
  ) -> Proposed<DiffusionState> {
    let (from, to) = (levels[step - 1], levels[step])
    let clean = model.clean(state, at: from, particles: shape.particles, using: &random)
    let needsNoise = stochasticity > 0 && from.posteriorVariance(to: to) > 0
    let normals =
      needsNoise
      ? random.normal(
        particles: shape.particles, event: model.eventShape, dtype: state.x.dtype, device: state.x.device)
      : nil
    let x = from.reverseStep(state.x, to: to, clean: clean, normals: normals, stochasticity: stochasticity)
    return Proposed(DiffusionState(x: x, denoised: step == steps ? nil : model.denoised(x, at: to)))
  }

  func completions(
    of state: DiffusionState, at step: Int, count: Int, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) -> Tensor? {
    model.cleanDraws(
      state.x, at: levels[step], count: count, particles: shape.particles, using: &random)
  }
}
