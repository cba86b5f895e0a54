import Foundation
import Sampling
import Torch

/// Particles on the way, with what their next move and their weight need of the experts.
struct CorrectorState: ParticleState {
  var x: Tensor
  /// S = Σ βᵢ sᵢ.
  var combined: Tensor
  /// |S|² − Σ βᵢ |sᵢ|², `[rows]`, `Double`.
  var disagreement: Tensor
  /// r, `[rows]`, and ∇r.
  var reward: Tensor?
  var rewardGradient: Tensor?
  /// sᵢ and log qᵢ, rows first; kept only where exponents vary.
  var scores: Tensor?
  var logDensities: Tensor?
  /// U = Σ βᵢ log qᵢ + γ r, `[rows]`; kept only where weights are made of it.
  var logTarget: Tensor?
  /// c of the drift c σ² x that makes the group's weights vary least, `[rows]`; `nil` without.
  var contraction: Tensor?

  func gathered(_ rows: Tensor) -> CorrectorState {
    CorrectorState(
      x: x.gathered(rows), combined: combined.gathered(rows), disagreement: disagreement.gathered(rows),
      reward: reward.gathered(rows), rewardGradient: rewardGradient.gathered(rows),
      scores: scores.gathered(rows), logDensities: logDensities.gathered(rows),
      logTarget: logTarget.gathered(rows), contraction: contraction.gathered(rows))
  }

  /// ∇U = S + γ ∇r.
  func targetScore(_ target: ComposedTarget, at time: Double) -> Tensor {
    guard let rewardGradient, let tilt = target.tilt else { return combined }
    return combined.adding(rewardGradient, scaledBy: tilt.strength(time))
  }
}

/// The reverse equation dx = (−f + ½(1+z) σ² S + ½ z σ² γ ∇r) dt + √z σ dW by Euler and Maruyama, with the integrals of
/// f and σ² over a step exact.
struct CorrectorPath: Proposal {
  let target: ComposedTarget
  let grid: DiffusionGrid
  /// Whether every draw's weight is made of the target's densities.
  var weighsByDensity = false
  var usesControlVariate = false

  var steps: Int { grid.steps }
  private var experts: any Experts { target.experts }
  private var isVarying: Bool { if case .varying = target.exponents { true } else { false } }

  /// N(0, σ̃² I/B): the product of the experts' noise.
  func start(_ shape: ParticleShape, using random: inout GroupRandom) throws -> Proposed<CorrectorState> {
    let total = target.exponents(grid.times[0]).reduce(0, +)
    let normals = experts.projected(
      random.normal(
        particles: shape.particles, event: experts.eventShape, dtype: experts.dtype, device: experts.device))
    let x = normals * (grid.levels[0].noise / total.squareRoot())
    let state = try state(x, at: 0, shape) { scores in
      // Rows' log qᵢ start at those of N(0, σ̃²), and follow by Itô's rule.
      let d = Double(experts.freedom)
      let variance = grid.levels[0].noise * grid.levels[0].noise
      let log = eventSum(x.square()) * (-0.5 / variance) - 0.5 * d * Foundation.log(2 * .pi * variance)
      return log.unsqueeze(1).expand([x.size(0), experts.count])
    }
    // Of the product of the noises themselves this is 0: Ẑ stays relative to them.
    let ratio = state.logTarget.map { logTarget -> Tensor in
      let variance = grid.levels[0].noise * grid.levels[0].noise
      let d = Double(experts.freedom)
      return logTarget + eventSum(x.square()) * (0.5 * total / variance)
        + 0.5 * total * d * Foundation.log(2 * .pi * variance)
    }
    return Proposed(state, logRatio: ratio)
  }

  func move(_ state: CorrectorState, to step: Int, _ shape: ParticleShape, using random: inout GroupRandom)
    throws
    -> Proposed<CorrectorState>
  {
    let k = step - 1
    let (drift, variance, z) = (grid.driftOfStep(k), grid.varianceOfStep(k), target.extraNoise)
    let normals = experts.projected(
      random.normal(
        particles: shape.particles, event: experts.eventShape, dtype: experts.dtype, device: experts.device))
    var x = (state.x * (1 - drift)).adding(state.combined, scaledBy: 0.5 * (1 + z) * variance)
    if let gradient = state.rewardGradient, let tilt = target.tilt {
      x = x.adding(gradient, scaledBy: 0.5 * z * variance * tilt.strength(grid.times[k]))
    }
    if let contraction = state.contraction {
      x = x + state.x * (contraction * variance).to(like: x).reshape([-1] + experts.eventShape.map { _ in 1 })
    }
    x = x.adding(normals, scaledBy: (z * variance).squareRoot())
    let next = try self.state(x, at: step, shape) { _ in
      // d log q = s·dx + (div f + f·s − ½ σ² |s|²) dt along a path with the equation's own noise.
      let s = state.scores!
      let d = Double(experts.freedom)
      let along = (x - state.x).adding(state.x, scaledBy: drift).unsqueeze(1)
      return state.logDensities! + eventSum(s * along, from: 2) + d * drift - 0.5 * variance
        * eventSum(s.square(), from: 2)
    }
    return Proposed(next, logRatio: densityRatio(from: state, to: next, at: step, normals))
  }

  /// log of p(x_s) τ(x_t | x_s)/(p(x_t) τ(x_s | x_t)), with the way back τ that of the reversed path: exact for steps of
  /// any length.
  private func densityRatio(from old: CorrectorState, to new: CorrectorState, at step: Int, _ normals: Tensor)
    -> Tensor?
  {
    guard let before = old.logTarget, let after = new.logTarget else { return nil }
    let (drift, variance, z) = (grid.driftOfStep(step - 1), grid.varianceOfStep(step - 1), target.extraNoise)
    var back = (new.x * (1 + drift)).adding(new.combined, scaledBy: 0.5 * (z - 1) * variance)
    if let gradient = new.rewardGradient, let tilt = target.tilt {
      back = back.adding(gradient, scaledBy: 0.5 * z * variance * tilt.strength(grid.times[step]))
    }
    let way = eventSum((old.x - back).square()) * (-0.5 / (z * variance)) + 0.5 * eventSum(normals.square())
    return after - before + way
  }

  /// The state of rows at the path's first time.
  func evaluated(_ x: Tensor) throws -> CorrectorState { try state(x, at: 0, nil) { $0 } }

  /// Evaluates every expert once.
  private func state(_ x: Tensor, at step: Int, _ shape: ParticleShape?, ito: (Tensor) -> Tensor) throws
    -> CorrectorState
  {
    let (time, level) = (grid.times[step], grid.levels[step])
    let scores = experts.scores(x, at: level)
    let exponents = target.exponents(time)
    var combined = scores[0] * exponents[0]
    var squares = eventSum(scores[0].square()) * exponents[0]
    for i in 1..<max(1, experts.count) {
      combined = combined.adding(scores[i], scaledBy: exponents[i])
      squares = squares + eventSum(scores[i].square()) * exponents[i]
    }
    let disagreement = eventSum(combined.square()) - squares
    guard disagreement.isFinite().all().booleans[0] else {
      let bad = (0..<experts.count).first { !scores[$0].isFinite().all().booleans[0] } ?? 0
      throw CorrectorError.score(expert: bad, time: time)
    }
    var state = CorrectorState(x: x, combined: combined, disagreement: disagreement)
    if let tilt = target.tilt {
      let (reward, gradient) = withGradient {
        let point = x.requiringGradient()
        let r = tilt.reward(point)
        return (r.detach(), gradients(of: [r.sum()], withRespectTo: [point])[0])
      }
      (state.reward, state.rewardGradient) = (reward.to(.double), gradient)
    }
    if isVarying {
      state.scores = scores.transpose(0, 1)
      state.logDensities = experts.logDensities(x, at: level)?.transposed ?? ito(scores)
    }
    if weighsByDensity {
      let logs = state.logDensities ?? experts.logDensities(x, at: level)!.transposed
      var value = logs.matmul(Tensor(exponents, device: logs.device))
      if let reward = state.reward, let tilt = target.tilt { value = value + reward * tilt.strength(time) }
      state.logTarget = value
    }
    if usesControlVariate, step < steps, let shape { state.contraction = contraction(state, at: step, shape) }
    return state
  }

  /// A drift c σ² x adds c σ² (d + x·∇U) to g; least squares over the group choose c, so that little of g remains.
  private func contraction(_ state: CorrectorState, at step: Int, _ shape: ParticleShape) -> Tensor {
    func centred(_ values: Tensor) -> Tensor {
      let rows = values.reshape(shape.groups, shape.particles)
      return rows - rows.mean(1, keep: true)
    }
    let weight = centred(target.increment(of: state, on: grid, at: step, over: step))
    let share = centred(target.contractionShare(of: state, on: grid, at: step, over: step))
    let c = -1 * (weight * share).sum(1) / share.square().sum(1).clamp(.leastNormalMagnitude)
    return c.unsqueeze(1).expand([shape.groups, shape.particles]).reshape(shape.rows)
  }
}

/// Sums over the axes from `axis` on, in `Double`.
func eventSum(_ x: Tensor, from axis: Int = 1) -> Tensor {
  x.rank == axis ? x.to(.double) : x.flatten(axis).to(.double).sum(-1)
}
