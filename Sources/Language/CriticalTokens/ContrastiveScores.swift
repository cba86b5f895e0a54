import Foundation
import Torch

/// Contrastive estimation of the tokens that doom a solution (Lin et al. 2025): two models, one tuned on solutions that are
/// right and one on solutions that are wrong, disagree about them.
public enum ContrastiveEstimation {
  /// ln s of every token, log softmax((1 + β)z⁺ − βz⁻) over the last axis, in `Double`.
  ///
  /// - Parameters:
  ///   - positive: z⁺, logits or log-probabilities `[…, vocabulary]`.
  ///   - negative: z⁻.
  ///   - plausibility: tokens less probable under the positive model than this share of its most probable one are left
  ///     out; `nil` leaves out none.
  public static func logScores(
    positive: Tensor, negative: Tensor, beta: Double = 1, plausibility: Double? = nil
  ) -> Tensor {
    let (positive, negative) = (positive.to(.double), negative.to(.double).logSoftmax(-1))
    let logs = positive.logSoftmax(-1)
    var combined = (1 + beta) * logs - beta * negative
    if let plausibility {
      let least = logs.max(-1, keep: true) + Foundation.log(plausibility)
      combined = combined.filled(where: logs .< least, with: -.infinity)
    }
    return combined.logSoftmax(-1)
  }

  /// s_t of every token of responses, in (0, 1): low in a wrong solution where a token probably dooms it.
  ///
  /// - Parameters:
  ///   - items: prompts with one response each.
  ///   - beta: at least 0.
  /// - Throws: ``LanguageError`` where the models have different vocabularies, items do not fit them, or a parameter is out
  ///   of range.
  /// - Complexity: one pass of both models a response; logits only where a token of a response follows.
  public static func scores(
    of items: [(prompt: [Int], response: [Int])], positive: Transformer, negative: Transformer,
    beta: Double = 1, plausibility: Double? = nil, tokensPerBatch: Int = 8192
  ) throws(LanguageError) -> [[Double]] {
    try validate(positive, negative, beta: beta, plausibility: plausibility)
    let scored = items.map { ScoringItem(prompt: $0.prompt, continuations: [$0.response]) }
    var results: [[Double]] = []
    var start = 0
    while start < items.count {
      var (end, tokens) = (start, 0)
      while end < items.count, end == start || tokens < tokensPerBatch {
        tokens += items[end].prompt.count + items[end].response.count
        end += 1
      }
      let batch = Array(scored[start..<end])
      let states = (
        try positive.score(batch, tokensPerBatch: tokensPerBatch, hiddenStates: true),
        try negative.score(batch, tokensPerBatch: tokensPerBatch, hiddenStates: true)
      )
      for (i, item) in items[start..<end].enumerated() {
        guard !item.response.isEmpty else {
          results.append([])
          continue
        }
        results.append(
          withoutGradient {
            Self.logScores(
              positive: positive.logits(hidden: states.0[i][0].hiddenStates!),
              negative: negative.logits(hidden: states.1[i][0].hiddenStates!), beta: beta,
              plausibility: plausibility
            ).gather(
              axis: 1, Tensor(item.response).unsqueeze(1).to(device: positive.embedding.weight.value.device)
            )
            .squeeze(1).exp().doubles
          })
      }
      start = end
    }
    return results
  }

  private static func validate(
    _ positive: Transformer, _ negative: Transformer, beta: Double, plausibility: Double?
  ) throws(LanguageError) {
    guard positive.vocabularySize == negative.vocabularySize else {
      throw LanguageError(
        .badValue, file: "critical tokens", place: "models",
        found: "vocabularies of \(positive.vocabularySize) and \(negative.vocabularySize) tokens",
        expected: "two models with one vocabulary")
    }
    guard beta >= 0, beta.isFinite else {
      throw LanguageError(
        .badValue, file: "critical tokens", place: "beta", found: "\(beta)", expected: "at least 0")
    }
    guard plausibility.map({ $0 > 0 && $0 <= 1 }) ?? true else {
      throw LanguageError(
        .badValue, file: "critical tokens", place: "plausibility", found: "\(plausibility!)",
        expected: "above 0, at most 1")
    }
  }
}
