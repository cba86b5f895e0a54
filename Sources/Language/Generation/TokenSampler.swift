import Sampling
import Torch

/// Draws the next token of every row from logits.
struct TokenSampler {
  let options: GenerationOptions

  /// One token a row from logits `[rows, vocabulary]`: `[rows]`.
  ///
  /// Options act in the order penalty (before, see ``penalised(_:seen:)``), temperature, top-k, top-p, min-p, typical,
  /// each on what the one before left, as `transformers` has it. Row g draws from stream g.
  func sample(_ logits: Tensor, using random: inout GroupRandom) -> Tensor {
    if options.temperature == 0 { return logits.argmax(-1) }
    // Probabilities in double precision: in single, the cumulated ones of large vocabularies jump.
    var scaled = logits.to(.double) / options.temperature
    var tokens: Tensor?
    if let k = options.topK, k < logits.size(-1) {
      let (values, indices) = scaled.top(k)
      (scaled, tokens) = (values, indices)
    } else if options.topP.map({ $0 < 1 }) ?? false {
      let (values, indices) = scaled.sorted(descending: true)
      (scaled, tokens) = (values, indices)
    }
    // From here on columns are in the order of their probability where top-p needs them so.
    if let p = options.topP, p < 1 {
      let probabilities = scaled.softmax(-1)
      let before = probabilities.cumulativeSum(-1) - probabilities
      scaled = scaled.filled(where: before .>= p, with: -.infinity)
    }
    if let p = options.minP {
      let probabilities = scaled.softmax(-1)
      scaled = scaled.filled(
        where: probabilities .< probabilities.max(-1, keep: true) * p, with: -.infinity)
    }
    if let p = options.typicalP, p < 1 { scaled = typical(scaled, p) }
    let chosen = random.categorical(scaled.softmax(-1))
    guard let tokens else { return chosen }
    return tokens.gather(axis: 1, chosen.unsqueeze(1)).squeeze(1)
  }

  private func typical(_ scaled: Tensor, _ p: Double) -> Tensor {
    let logs = scaled.logSoftmax(-1)
    let probabilities = logs.exp()
    let entropy = -(probabilities * logs.filled(where: probabilities .== 0, with: 0)).sum(-1, keep: true)
    let (_, order) = (-logs - entropy).abs().sorted()
    let sorted = probabilities.gather(axis: 1, order)
    let leaving = (sorted.cumulativeSum(-1) - sorted) .>= p
    let removed = leaving.to(.int64)
    let isRemoved = Tensor.zeros(like: removed).scatter(axis: 1, order, removed) .> 0
    return scaled.filled(where: isRemoved, with: -.infinity)
  }

  /// Logits with the repetition penalty where `seen` `[rows, vocabulary]` holds.
  func penalised(_ logits: Tensor, seen: Tensor) -> Tensor {
    let penalty = options.repetitionPenalty
    return .where(seen, .where(logits .< 0, logits * penalty, logits / penalty), logits)
  }
}
