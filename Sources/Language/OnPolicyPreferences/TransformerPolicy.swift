import Torch

/// A transformer that answers prompts of tokens with tokens, beside a reference that stays as it is.
public final class TransformerPolicy<Reference: LanguageModel>: OnlinePolicy {
  public let model: Transformer
  public let reference: Reference
  /// How responses are drawn; the temperature has to be 1 and nothing cut off, so that log-probabilities are those of the
  /// draws.
  public let generation: GenerationOptions
  public let parameters: [Parameter]
  /// Weights `[width]` and shift of the critic's linear map of hidden states, trained beside the model; `nil` without one.
  public let critic: (weights: Parameter, shift: Parameter)?

  /// - Parameter hasCritic: whether a critic is trained, for `ppo`; it expects 0 at first.
  /// - Throws: ``LanguageError`` where draws would not be the model's own law.
  public init(
    _ model: Transformer, reference: Reference, generation: GenerationOptions, hasCritic: Bool = false
  ) throws(LanguageError) {
    try generation.validate()
    let cuts = [generation.topP, generation.minP, generation.typicalP].contains { $0 != nil }
    guard generation.temperature == 1, generation.topK == nil, !cuts, generation.repetitionPenalty == 1,
      generation.stopTexts.isEmpty
    else {
      throw LanguageError(
        .badValue, file: "generation", place: "temperature and cuts", found: "draws from another law",
        expected:
          "temperature 1, no cuts, no penalty, no stop texts: the objectives need the draws' probabilities")
    }
    guard model.vocabularySize == reference.vocabularySize else {
      throw LanguageError(
        .badValue, file: "reference", found: "\(reference.vocabularySize) tokens",
        expected: "the policy's \(model.vocabularySize)")
    }
    (self.model, self.reference, self.generation) = (model, reference, generation)
    let table = model.embedding.weight.value
    critic =
      hasCritic
      ? (
        Parameter(.zeros([model.configuration.width], device: table.device)),
        Parameter(.zeros([1], device: table.device))
      ) : nil
    // What is attached is trained in place of the model, which is frozen then.
    parameters =
      (model.adapter ?? model as Module).trainableParameters + (critic.map { [$0.weights, $0.shift] } ?? [])
  }

  public func tokens(_ responses: [[Int]], owners: [Int], prompts: [[Int]]) -> TokenReadings? {
    guard let critic else { return nil }
    let found = model.tokenReadings(of: items(responses, owners, prompts))
    return TokenReadings(
      logProbabilities: found.values,
      values: found.hidden.to(.float).matmul(critic.weights.value.unsqueeze(1)).squeeze(1)
        + critic.shift.value)
  }

  public var hasCritic: Bool { critic != nil }
  public func length(_ response: [Int]) -> Int { response.count }

  public func sample(_ count: Int, for prompts: [[Int]], from source: SampleSource, random: RandomSource)
    throws(LanguageError) -> [[[Int]]]
  {
    var options = generation
    options.samples = count
    options.batch = max(options.batch, count)
    let found =
      switch source {
      case .current: try model.generate(prompts, options: options, random: random)
      case .reference: try reference.generate(prompts, options: options, random: random)
      }
    return found.map { $0.map(\.tokens) }
  }

  /// Responses to one prompt side by side: what texts begin with is read once.
  private func items(_ responses: [[Int]], _ owners: [Int], _ prompts: [[Int]]) -> [ScoringItem] {
    var items: [ScoringItem] = []
    var last = -1
    for (response, owner) in zip(responses, owners) {
      precondition(owner >= last, "TransformerPolicy: responses out of the order of their prompts")
      if owner != last { items.append(ScoringItem(prompt: prompts[owner], continuations: [])) }
      items[items.count - 1].continuations.append(response)
      last = owner
    }
    return items
  }

  public func logProbabilities(_ responses: [[Int]], owners: [Int], prompts: [[Int]]) -> Tensor {
    model.logLikelihoods(of: items(responses, owners, prompts))
  }

  public func referenceLogProbabilities(_ responses: [[Int]], owners: [Int], prompts: [[Int]])
    throws(LanguageError) -> [Double]
  {
    try reference.score(items(responses, owners, prompts)).flatMap { $0.map(\.logLikelihood) }
  }
}

extension TransformerPolicy where Reference == Transformer {
  /// A policy whose reference is the model as it is now.
  /// - Throws: ``LanguageError``, and what making a second model throws.
  public convenience init(_ model: Transformer, generation: GenerationOptions, hasCritic: Bool = false) throws
  {
    let reference = try model.copy()
    reference.freeze()
    reference.train(false)
    try self.init(model, reference: reference, generation: generation, hasCritic: hasCritic)
  }
}

/// Rewards of responses by their length alone, which need no judge (Tajwar et al. 2024).
public enum LengthReward: Sendable, Hashable {
  /// −|y|: the shortest response is best, which a reference of long ones hardly draws.
  case shortest
  /// −| |y| − L |: responses as long as the reference's own on average are best.
  case near(Double)

  public func callAsFunction(_ tokens: Int) -> Double {
    switch self {
    case .shortest: -Double(tokens)
    case .near(let length): -abs(Double(tokens) - length)
    }
  }
}

/// One law of every token, whatever came before.
public struct IndependentTokens: SequentialLaw {
  /// ln p of every token.
  public let table: [Double]

  public init(logProbabilities table: [Double]) { self.table = table }

  public var vocabularySize: Int { table.count }
  public var start: Int { 0 }
  public func state(after token: Int, in state: Int) -> Int { 0 }
  public func logProbabilities(in state: Int) -> [Double] { table }
}
