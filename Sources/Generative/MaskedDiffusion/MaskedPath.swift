import Sampling
import Torch

/// Partly masked sequences on the way, with what the model made of them.
struct MaskedState: ParticleState {
  /// `[rows, length]`.
  var tokens: Tensor
  /// `[rows, length, symbols]`; `nil` at the end. The next move and the intermediate reward share them.
  var probabilities: Tensor?

  func gathered(_ rows: Tensor) -> MaskedState {
    MaskedState(tokens: tokens.gathered(rows), probabilities: probabilities.gathered(rows))
  }
}

/// The lifting of masks as a proposal: index 0 is the prompt, index T the finished sequence.
struct MaskedPath<Model: MaskedDenoiser>: SteerablePath {
  let sampler: MaskedSampler<Model>
  let steps: Int
  private let evaluated = EvaluationCount()
  /// Masks in the prompt.
  private let masks: Int

  init(sampler: MaskedSampler<Model>, steps: Int) {
    (self.sampler, self.steps) = (sampler, steps)
    masks = (sampler.prompt .== Double(sampler.model.mask)).sum().integer()
  }

  private var model: Model { sampler.model }
  private func isMasked(_ tokens: Tensor) -> Tensor { tokens .== Double(model.mask) }

  var isStochastic: Bool { true }
  var firstReward: Int { 0 }
  func modelEvaluations(rewardSteps: Int, rows: Int) -> Int { evaluated.rows }
  func rows(of state: MaskedState) -> Tensor { state.tokens }
  func denoised(_ state: MaskedState) -> Tensor? { nil }

  func start(_ shape: ParticleShape, using random: inout GroupRandom) throws -> Proposed<MaskedState> {
    // All rows are the prompt, so one evaluation serves them.
    let prompt = sampler.prompt.unsqueeze(0)
    let probabilities = try evaluate(prompt)
    let atMasks = probabilities.masked(by: isMasked(prompt).unsqueeze(-1).expand(probabilities.shape))
    guard atMasks.isFinite().all().booleans[0] else { throw MaskedDiffusionError.impossiblePrompt }
    return Proposed(
      MaskedState(
        tokens: prompt.expand([shape.rows, -1]), probabilities: probabilities.expand([shape.rows, -1, -1])))
  }

  func move(_ state: MaskedState, to step: Int, _ shape: ParticleShape, using random: inout GroupRandom)
    throws -> Proposed<MaskedState>
  {
    let tokens =
      switch sampler.unmasking {
      case .independent(let schedule): liftIndependently(schedule, state, to: step, shape, &random)
      case .randomOrder: liftInRandomOrder(state, to: step, shape, &random)
      }
    guard step < steps else { return Proposed(MaskedState(tokens: tokens)) }
    return Proposed(MaskedState(tokens: tokens, probabilities: try reevaluate(tokens, after: state)))
  }

  func completions(
    of state: MaskedState, at step: Int, count: Int, _ shape: ParticleShape, using random: inout GroupRandom
  ) -> Tensor? {
    let event = [count, model.length]
    let levels = random.uniform(particles: shape.particles, event: event, device: model.device)
    let drawn = draw(state.probabilities!, levels.transpose(1, 2)).transpose(1, 2)
    let seen = state.tokens.unsqueeze(1).expand([shape.rows] + event)
    return Tensor.where(isMasked(seen), drawn, seen).reshape(-1, model.length)
  }

  // MARK: Lifting masks

  /// A mask stays with probability m(s)/m(t); one uniform a position decides on that and on the symbol.
  private func liftIndependently(
    _ schedule: MaskedNoiseSchedule, _ state: MaskedState, to step: Int, _ shape: ParticleShape,
    _ random: inout GroupRandom
  ) -> Tensor {
    func share(_ step: Int) -> Double { schedule.maskedShare(at: Double(steps - step) / Double(steps)) }
    let stay = share(step) / share(step - 1)
    let levels = random.uniform(particles: shape.particles, event: [model.length], device: model.device)
    let isLifted = isMasked(state.tokens) .& (levels .>= stay)
    let rescaled = ((levels - stay) / (1 - stay)).clamp(0)
    let drawn = draw(state.probabilities!, rescaled.unsqueeze(-1)).squeeze(-1)
    return Tensor.where(isLifted, drawn, state.tokens)
  }

  /// Lifts the masks whose random keys are largest. Copies of a particle have keys of their own.
  private func liftInRandomOrder(
    _ state: MaskedState, to step: Int, _ shape: ParticleShape, _ random: inout GroupRandom
  ) -> Tensor {
    let count = masks * step / steps - masks * (step - 1) / steps
    guard count > 0 else { return state.tokens }
    let keys = random.uniform(particles: shape.particles, event: [model.length], device: model.device)
    let levels = random.uniform(particles: shape.particles, event: [count, 1], device: model.device)
    let isSeen = isMasked(state.tokens).logicalNot()
    let positions = keys.filled(where: isSeen, with: -1).top(count, axis: 1).indices
    let laws = state.probabilities!.gather(
      axis: 1, positions.unsqueeze(-1).expand([shape.rows, count, model.symbols]))
    return state.tokens.scatter(axis: 1, positions, draw(laws, levels).squeeze(-1))
  }

  /// Symbols `[…, draws]` from laws `[…, symbols]` at levels `[…, draws]` in [0, 1).
  private func draw(_ laws: Tensor, _ levels: Tensor) -> Tensor {
    let cumulated = laws.to(.double).cumulativeSum(-1)
    let reached = levels * cumulated.slice(axis: -1, start: model.symbols - 1)
    return cumulated.searchSorted(reached, right: true).clamp(0, Double(model.symbols - 1))
  }

  // MARK: Evaluating the model

  private func evaluate(_ tokens: Tensor) throws -> Tensor {
    evaluated.rows += tokens.size(0)
    return try model.tokenProbabilities(tokens)
  }

  /// Rows in which no mask was lifted keep what is known of them.
  private func reevaluate(_ tokens: Tensor, after state: MaskedState) throws -> Tensor {
    let changed = (tokens .!= state.tokens).any(1).nonzero().squeeze(1)
    if changed.count == 0 { return state.probabilities! }
    if changed.count == tokens.size(0) { return try evaluate(tokens) }
    let fresh = try evaluate(tokens.select(axis: 0, changed))
    return state.probabilities!.putting(fresh, at: [changed])
  }
}

/// How many rows a model was asked for.
private final class EvaluationCount {
  var rows = 0
}
