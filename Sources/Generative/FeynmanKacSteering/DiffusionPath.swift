import Sampling
import Torch

/// The reverse path of a diffusion as a proposal: index 0 is noise, index T the data.
struct DiffusionPath<Model: ReverseDiffusion>: SteerablePath {
  let model: Model
  let levels: [DiffusionLevel]
  let stochasticity: Double
  /// The most rows of one evaluation of the model; `nil` takes all at once.
  var batch: Int?

  var steps: Int { levels.count - 1 }
  var isStochastic: Bool { stochasticity > 0 }
  var firstReward: Int { 0 }
  // The step's own estimate serves the reward.
  func modelEvaluations(rewardSteps: Int, rows: Int) -> Int { steps * rows }

  func start(_ shape: ParticleShape, using random: inout GroupRandom) -> Proposed<DiffusionState> {
    let x = model.start(at: levels[0], particles: shape.particles, using: &random)
    return Proposed(DiffusionState(x: x, denoised: denoised(x, at: levels[0])))
  }

  func move(
    _ state: DiffusionState, to step: Int, _ shape: ParticleShape, using random: inout GroupRandom
  ) -> Proposed<DiffusionState> {
    let x = moved(state, to: step, towards: nil, shape, using: &random).x
    return Proposed(DiffusionState(x: x, denoised: step == steps ? nil : denoised(x, at: levels[step])))
  }

  /// x_s, with the step's mean moved by its variance times a direction; log p − log τ of the draws where there is one.
  func moved(
    _ state: DiffusionState, to step: Int, towards direction: Tensor?, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) -> (x: Tensor, logRatio: Tensor?) {
    let (from, to) = (levels[step - 1], levels[step])
    let clean = model.clean(state, at: from, particles: shape.particles, using: &random)
    let variance = stochasticity * stochasticity * from.posteriorVariance(to: to)
    guard variance > 0 else {
      return (
        from.reverseStep(state.x, to: to, clean: clean, normals: nil, stochasticity: stochasticity), nil
      )
    }
    var normals = model.projected(
      random.normal(
        particles: shape.particles, event: model.eventShape, dtype: state.x.dtype, device: state.x.device))
    var logRatio: Tensor?
    if let direction {
      let shift = model.projected(direction.to(like: normals)) * variance.squareRoot()
      // With z from N(0, 1) the draw is m + √Σ(z + δ): log p − log τ = ½ z² − ½ (z + δ)².
      logRatio = eventSum(shift * (normals + 0.5 * shift)) * -1
      normals = normals + shift
    }
    let x = from.reverseStep(state.x, to: to, clean: clean, normals: normals, stochasticity: stochasticity)
    return (x, logRatio)
  }

  /// E[x₀ | x_t], in as many evaluations as the batch asks for.
  func denoised(_ x: Tensor, at level: DiffusionLevel) -> Tensor {
    inBlocks(x, of: batch) { model.denoised($0, at: level) }
  }

  func completions(
    of state: DiffusionState, at step: Int, count: Int, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) -> Tensor? {
    model.cleanDraws(
      state.x, at: levels[step], count: count, particles: shape.particles, using: &random)
  }
}

/// A function of rows `[n] + event`, at most so many at a time.
func inBlocks(_ x: Tensor, of size: Int?, _ function: (Tensor) throws -> Tensor) rethrows -> Tensor {
  guard let size, x.size(0) > size else { return try function(x) }
  return .concatenate(try rowBlocks(x.size(0), size: size).map { try function(x[$0]) })
}
