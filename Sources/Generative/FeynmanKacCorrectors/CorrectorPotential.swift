import Sampling
import Torch

/// The weight g dt of every step,
///
///     g = (B − 1) div f + ½σ²(|S|² − Σ βᵢ|sᵢ|²) + Σ β̇ᵢ log qᵢ + γ̇ r + γ ∇r·(½σ² S − f),
///
/// which has no second derivatives: the drift and the noise of ``CorrectorPath`` are chosen so that they cancel, for
/// every z.
struct CorrectorPotential: Potential {
  let target: ComposedTarget
  let grid: DiffusionGrid
  let options: CorrectorOptions
  /// Told of every step's increments before and after clamping.
  let observe: (_ largest: Double, _ clamped: Double) -> Void

  func initialMemory(_ shape: ParticleShape) -> Tensor? { nil }

  func logPotential(
    of state: CorrectorState, at step: Int, remembering memory: inout Tensor?, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) -> Tensor? {
    guard options.isCorrected, options.rule != .density else { return nil }
    // The step ahead at its left end, or half of both steps that meet here.
    let parts: [(k: Int, share: Double)] =
      options.rule == .left ? [(step, 1)] : [(step - 1, 0.5), (step, 0.5)]
    let terms = parts.filter { (0..<grid.steps).contains($0.k) }.map {
      target.increment(of: state, on: grid, at: step, over: $0.k) * $0.share
    }
    guard var total = terms.first else { return nil }
    for term in terms.dropFirst() { total = total + term }
    guard let limit = options.clamp else {
      observe(total.abs().max().item(), 0)
      return total
    }
    // Around the group's mean, which is kept: the normaliser moves with it.
    let grouped = total.reshape(shape.groups, shape.particles)
    let mean = grouped.mean(1, keep: true)
    let centred = grouped - mean
    observe(total.abs().max().item(), (centred.abs() .> limit).to(.double).mean().item())
    return (centred.clamp(-limit, limit) + mean).reshape(shape.rows)
  }
}

extension ComposedTarget {
  /// g dt over step k at the state of time `step`.
  func increment(of state: CorrectorState, on grid: DiffusionGrid, at step: Int, over k: Int) -> Tensor {
    let (drift, variance) = (grid.driftOfStep(k), grid.varianceOfStep(k))
    let d = Double(experts.freedom)
    let total = exponents(grid.times[step]).reduce(0, +)
    var g = state.disagreement * (0.5 * variance) + (total - 1) * d * drift
    if case .varying(let exponents) = exponents, let logDensities = state.logDensities {
      let (now, next) = (exponents(grid.times[k]), exponents(grid.times[k + 1]))
      let change = Tensor(zip(next, now).map(-), device: logDensities.device)
      g = g + logDensities.matmul(change)
    }
    if let tilt, let reward = state.reward, let gradient = state.rewardGradient {
      let strength = tilt.strength(grid.times[step])
      let change = tilt.strength(grid.times[k + 1]) - tilt.strength(grid.times[k])
      let direction = (state.combined * (0.5 * variance)).adding(state.x, scaledBy: -drift)
      g = g + reward * change + eventSum(gradient * direction) * strength
    }
    if let contraction = state.contraction {
      g = g + contraction * contractionShare(of: state, on: grid, at: step, over: k)
    }
    return g
  }

  /// σ² dt (d + x·∇U): what a drift of σ² x adds to g dt over step k.
  func contractionShare(of state: CorrectorState, on grid: DiffusionGrid, at step: Int, over k: Int) -> Tensor
  {
    let along = eventSum(state.x * state.targetScore(self, at: grid.times[step]))
    return (along + Double(experts.freedom)) * grid.varianceOfStep(k)
  }

  /// g at rows x, `[n]`, per unit of the schedule's time.
  package func weightRate(_ x: Tensor, _ schedule: NoiseSchedule, at time: Double) throws -> Tensor {
    // One tiny step around the time.
    let h = 1e-6
    let grid = DiffusionGrid(schedule, steps: 1, start: time, end: time - h)
    let state = try CorrectorPath(target: self, grid: grid).evaluated(x)
    return increment(of: state, on: grid, at: 0, over: 0) / h
  }
}
