import Sampling
import Torch

/// How a reverse path is drawn.
public enum DiffusionSampler: Sendable, Hashable {
  /// Ancestral steps (Ho et al. 2020), `ddim(1)`.
  case ddpm
  /// η in [0, 1]; 0 is Euler's method for the probability flow in σ/α (Song, Meng & Ermon 2021).
  case ddim(Double)
  /// Heun's method for the probability flow in σ/α, two evaluations a step but the last (Karras et al. 2022).
  case heun
  /// Euler–Maruyama for the reverse equation, and one denoising step at the end (Song et al. 2021).
  case sde

  /// Rows at the data, `[count] + event`.
  public func sample(
    _ model: some ReverseDiffusion, _ schedule: NoiseSchedule, count: Int, steps: Int, random: RandomSource
  ) -> Tensor {
    var random = GroupRandom(random, groups: 1)
    return withoutGradient {
      switch self {
      case .ddpm: reversed(model, schedule, count, steps, stochasticity: 1, using: &random)
      case .ddim(let η): reversed(model, schedule, count, steps, stochasticity: η, using: &random)
      case .heun: heun(model, schedule, count, steps, using: &random)
      case .sde: sde(model, schedule, count, steps, using: &random)
      }
    }
  }

  private func reversed(
    _ model: some ReverseDiffusion, _ schedule: NoiseSchedule, _ count: Int, _ steps: Int,
    stochasticity: Double,
    using random: inout GroupRandom
  ) -> Tensor {
    let path = DiffusionPath(
      model: model, levels: schedule.levels(steps: steps), stochasticity: stochasticity)
    let shape = ParticleShape(groups: 1, particles: count)
    return (1...steps).reduce(path.start(shape, using: &random).state) { state, step in
      path.move(state, to: step, shape, using: &random).state
    }.x
  }

  /// In y = x/α and s = σ/α the flow is dy/ds = (y − D)/s.
  private func heun(
    _ model: some ReverseDiffusion, _ schedule: NoiseSchedule, _ count: Int, _ steps: Int,
    using random: inout GroupRandom
  ) -> Tensor {
    var levels = schedule.levels(steps: steps)
    // s is infinite where there is no signal.
    if levels[0].signal == 0 { levels[0] = schedule.level(at: schedule.latestTime) }
    func slope(_ y: Tensor, _ level: DiffusionLevel) -> Tensor {
      (y - model.denoised(y * level.signal, at: level)) * (level.signal / level.noise)
    }
    var y = model.start(at: levels[0], particles: count, using: &random) / levels[0].signal
    for (from, to) in zip(levels, levels.dropFirst()) {
      let h = to.noise / to.signal - from.noise / from.signal
      let first = slope(y, from)
      let euler = y.adding(first, scaledBy: h)
      y = to.noise == 0 ? euler : y.adding(first + slope(euler, to), scaledBy: 0.5 * h)
    }
    return y
  }

  private func sde(
    _ model: some ReverseDiffusion, _ schedule: NoiseSchedule, _ count: Int, _ steps: Int,
    using random: inout GroupRandom
  ) -> Tensor {
    let grid = DiffusionGrid(schedule, steps: steps, spacing: .logSNR)
    var x = model.start(at: grid.levels[0], particles: count, using: &random)
    for k in 0..<steps {
      let (level, variance) = (grid.levels[k], grid.varianceOfStep(k))
      let score = level.score(x, denoised: model.denoised(x, at: level))
      let normals = model.projected(
        random.normal(particles: count, event: model.eventShape, dtype: x.dtype, device: x.device))
      x = (x * (1 - grid.driftOfStep(k))).adding(score, scaledBy: variance)
        .adding(normals, scaledBy: variance.squareRoot())
    }
    return model.denoised(x, at: grid.levels[steps])
  }
}

extension DiffusionSampler: LosslessStringConvertible {
  /// `ddpm`, `ddim`, `ddim:η`, `heun` or `sde`; `nil` for anything else.
  public init?(_ description: String) {
    switch description.split(separator: ":", omittingEmptySubsequences: false) {
    case ["ddpm"]: self = .ddpm
    case ["ddim"]: self = .ddim(0)
    case ["heun"]: self = .heun
    case ["sde"]: self = .sde
    case let parts where parts.count == 2 && parts[0] == "ddim":
      guard let η = Double(parts[1]), (0...1).contains(η) else { return nil }
      self = .ddim(η)
    default: return nil
    }
  }

  public var description: String {
    switch self {
    case .ddpm: "ddpm"
    case .ddim(let η): η == 0 ? "ddim" : "ddim:\(η)"
    case .heun: "heun"
    case .sde: "sde"
    }
  }
}
