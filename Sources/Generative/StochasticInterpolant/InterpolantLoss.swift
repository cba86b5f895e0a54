import Probability
import Torch

/// A batch of x₀, x₁, z and times, and what the fields are trained towards.
struct InterpolantBatch {
  /// `[n, d]`; equal to `noise` where the schedule is one-sided.
  let start: Tensor
  let end: Tensor
  let noise: Tensor
  let times: [Double]
  let condition: Tensor?
}

/// The quadratic losses whose minimisers are the fields.
///
/// Every loss is E[½|f̂|² − τ·f̂] for its field's target τ, so its minimum is −½E|f|² and an excess over the
/// minimum is ½E|f̂ − f|². Antithetic pairs x_t^± = I ± γz share x₀, x₁, z and t and go through the network in
/// one pass; the singular parts of their targets then cancel to a finite variance.
public struct InterpolantLoss: Sendable {
  public let schedule: InterpolantSchedule
  public let isAntithetic: Bool

  public init(schedule: InterpolantSchedule, antithetic: Bool) {
    self.schedule = schedule
    // Without extra noise the pair would be one point twice.
    isAntithetic = antithetic && schedule.kind != .oneSided && schedule.hasNoise
  }

  /// Coefficients by row, `[n, 1]` each.
  private struct Columns {
    let alpha, alphaDot, beta, betaDot, gamma, gammaDot: Tensor
    /// γ̇ − a/γ = −√(2at/(1−t)), the diffusive schedule's factor on z in u.
    let diffusive: Tensor

    init(_ schedule: InterpolantSchedule, _ times: [Double], like x: Tensor) {
      var values = [Float]()
      values.reserveCapacity(7 * times.count)
      let strength = schedule.diffusiveStrength ?? 0
      for t in times {
        let v = schedule.values(at: t)
        let diffusive = -(2 * strength * t / (1 - t)).squareRoot()
        for value in [v.alpha, v.alphaDot, v.beta, v.betaDot, v.gamma, v.gammaDot, diffusive] {
          values.append(Float(value))
        }
      }
      let table = Tensor(values, shape: [times.count, 7], device: x.device)
      func column(_ i: Int) -> Tensor { table.slice(axis: 1, start: i, end: i + 1) }
      (alpha, alphaDot, beta) = (column(0), column(1), column(2))
      (betaDot, gamma, gammaDot, diffusive) = (column(3), column(4), column(5), column(6))
    }
  }

  /// The points, their times and the targets of every field, ± stacked where antithetic.
  private func points(_ batch: InterpolantBatch, _ fields: [InterpolantField]) -> (
    x: Tensor, times: Tensor, targets: [Tensor]
  ) {
    let c = Columns(schedule, batch.times, like: batch.end)
    let mean = c.alpha * batch.start + c.beta * batch.end
    let meanVelocity = c.alphaDot * batch.start + c.betaDot * batch.end
    let times = Tensor(batch.times.map(Float.init), device: batch.end.device)
    // The noise that the denoiser means: z, or x₀ where that is the noise.
    let noise = schedule.kind == .oneSided ? batch.start : batch.noise
    let scale = schedule.kind == .oneSided ? c.alpha : c.gamma
    let signs: [Double] = isAntithetic ? [1, -1] : [1]
    let mixesNoise = schedule.kind != .oneSided && schedule.hasNoise

    func sided(_ make: (Double) -> Tensor) -> Tensor {
      signs.count == 1 ? make(1) : .concatenate(signs.map(make))
    }
    let x = sided { mixesNoise ? mean.adding(c.gamma, times: batch.noise, value: $0) : mean }
    let targets = fields.map { field -> Tensor in
      switch field {
      case .velocity:
        sided { mixesNoise ? meanVelocity.adding(c.gammaDot, times: batch.noise, value: $0) : meanVelocity }
      case .drift: sided { _ in meanVelocity }
      case .diffusiveDrift: sided { meanVelocity.adding(c.diffusive, times: batch.noise, value: $0) }
      case .denoiser: sided { $0 == 1 ? noise : -noise }
      case .score, .energy: sided { noise * -$0 / scale }
      case .startMean: sided { _ in batch.start }
      case .endMean: sided { _ in batch.end }
      }
    }
    return (x, sided { _ in times }, targets)
  }

  /// The sum over fields of the batch's mean loss, and each by itself.
  func callAsFunction(_ network: InterpolantNetwork, _ batch: InterpolantBatch) -> (
    total: Tensor, parts: [Tensor]
  ) {
    let (x, times, targets) = points(batch, network.fields)
    let condition = batch.condition.map { isAntithetic ? .concatenate([$0, $0]) : $0 }
    let context = network.context(times: times, condition: condition)
    let rows = Double(x.size(0))
    let parts = zip(network.fields, targets).map { field, target in
      let value = network(field, x, context: context).to(.float)
      return (value * (0.5 * value - target)).sum() / rows
    }
    return (parts.dropFirst().reduce(parts[0], +), parts)
  }

  /// The loss of every row (mean of a pair), `[n]`, for fields given by any model at one time.
  func rows(_ fields: some InterpolantFields, _ field: InterpolantField, _ batch: InterpolantBatch) -> Tensor
  {
    let (x, _, targets) = points(batch, [field])
    let condition = batch.condition.map { isAntithetic ? .concatenate([$0, $0]) : $0 }
    let value = fields(field, batch.times[0], x, condition: condition)
    let losses = (value * (0.5 * value - targets[0].to(like: value))).sum(-1)
    return isAntithetic ? losses.reshape(2, -1).mean(0) : losses
  }
}
