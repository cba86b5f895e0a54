import Torch

/// What preference training does to the likelihoods of the responses it is told of, against where they began.
///
/// Displacement is what a fall of the preferred responses' own likelihood is called (Razin et al. 2025): the margin may
/// grow all the while.
public struct PreferenceReading: Sendable, Hashable {
  /// Mean objective.
  public var loss: Double
  /// Mean ln π of the preferred responses, and of the others.
  public var chosen: Double
  public var rejected: Double
  /// The same a token, as means over responses.
  public var chosenPerToken: Double
  public var rejectedPerToken: Double
  /// Mean difference of the changes since the beginning, ln π(y_w)/π₀(y_w) − ln π(y_l)/π₀(y_l).
  public var margin: Double
  /// Share of pairs whose preferred response is the more likely one by the objective's score; ties count half.
  public var accuracy: Double
  /// Mean change of ln π(y_w) since the beginning.
  public var chosenChange: Double
  /// Share of pairs whose preferred response has become less likely.
  public var displaced: Double
  /// Of the law of every token of the preferred responses, means: the entropy in bits of the k most probable tokens among
  /// themselves, and their probability together.
  public var topEntropy: Double
  public var topMass: Double
  /// Mean CHES of means over the pairs, see ``PreferenceSimilarity/meanCHES``; NaN where no two responses share a prompt.
  public var similarity: Double

  /// Name and value, in the order in which they are logged.
  public var metrics: [(name: String, value: Double)] {
    [
      ("chosen", chosen), ("rejected", rejected), ("chosen_per_token", chosenPerToken),
      ("rejected_per_token", rejectedPerToken), ("margin", margin), ("accuracy", accuracy),
      ("chosen_change", chosenChange), ("displaced", displaced), ("top_entropy", topEntropy),
      ("top_mass", topMass), ("ln_ches", similarity),
    ]
  }
}

/// Reads a model's likelihoods of the same pairs again and again.
public struct PreferenceMonitor {
  public let pairs: [PreferencePair]
  public let loss: PreferenceLoss
  /// Tokens whose law is looked at.
  public var topTokens = 10
  /// Log-likelihoods `[pairs, 2]` at the beginning, in `Double`.
  private let initial: Tensor
  /// Mean law of the tokens of the preferred responses at the beginning, `[vocabulary]`, where it was asked for.
  private var initialLaw: Tensor?

  /// - Parameter initial: weighted log-likelihoods under the model before training; see
  ///   ``Transformer/referenceLikelihoods(of:tokensPerBatch:)``.
  public init(_ pairs: [PreferencePair], loss: PreferenceLoss, initial: Tensor) {
    precondition(initial.shape == [pairs.count, 2], "PreferenceMonitor: likelihoods of other pairs")
    (self.pairs, self.loss, self.initial) = (pairs, loss, initial.to(device: .cpu))
  }

  /// Remembers which tokens the model finds probable where preferred ones are due, for ``gainers(_:count:)``.
  ///
  /// - Throws: ``LanguageError`` where a pair does not fit the model.
  public mutating func remember(_ model: Transformer) throws(LanguageError) {
    initialLaw = try meanLaw(model)
  }

  /// The tokens whose mean probability, where preferred tokens are due, grew most since ``remember(_:)``: where the mass
  /// went.
  public func gainers(_ model: Transformer, count: Int) -> [(token: Int, gain: Double)] {
    guard let initialLaw, let now = try? meanLaw(model) else { return [] }
    let (gains, tokens) = (now - initialLaw).top(min(count, now.count))
    return zip(tokens.integers, gains.doubles).filter { $0.1 > 0 }.map { ($0.0, $0.1) }
  }

  private func meanLaw(_ model: Transformer) throws(LanguageError) -> Tensor {
    let items = pairs.map { ScoringItem(prompt: $0.prompt, continuations: [$0.chosen]) }
    let states = try model.score(items, hiddenStates: true).compactMap { $0[0].hiddenStates }
    return withoutGradient {
      let all = Tensor.concatenate(states)
      var sum = Tensor.zeros([model.vocabularySize], dtype: .double)
      for start in stride(from: 0, to: all.size(0), by: 1024) {
        let rows = all.slice(axis: 0, start: start, end: min(start + 1024, all.size(0)))
        sum = sum + model.logits(hidden: rows).to(.float).softmax(-1).to(.double).sum(0).to(device: .cpu)
      }
      return sum / Double(all.size(0))
    }
  }

  /// - Throws: ``LanguageError`` where a pair does not fit the model.
  public func read(_ model: Transformer) throws(LanguageError) -> PreferenceReading {
    let scores = try model.sides(of: pairs, hiddenStates: true)
    let now = Tensor(
      zip(pairs, scores).flatMap { pair, scores in
        [pair.weighted(scores[0], chosen: true), pair.weighted(scores[1], chosen: false)]
      }, shape: [pairs.count, 2])
    let counts = Tensor(
      pairs.flatMap { [Double($0.chosen.count), Double($0.rejected.count)] }, shape: [pairs.count, 2])
    let change = now - initial
    func side(_ x: Tensor, _ i: Int) -> Tensor { x.slice(axis: 1, start: i, end: i + 1).squeeze(1) }
    let likelihoods = ResponseLikelihoods(
      chosen: side(now, 0), rejected: side(now, 1), chosenLengths: side(counts, 0),
      rejectedLengths: side(counts, 1), chosenReference: side(initial, 0),
      rejectedReference: side(initial, 1))
    let (first, second) = loss.score(likelihoods)
    let perToken = now / counts
    let wins = (first .> second).to(.double) + 0.5 * (first .== second).to(.double)
    let top = topStatistics(model, scores.compactMap { $0[0].hiddenStates })
    return PreferenceReading(
      loss: loss(likelihoods).mean().item(), chosen: side(now, 0).mean().item(),
      rejected: side(now, 1).mean().item(), chosenPerToken: side(perToken, 0).mean().item(),
      rejectedPerToken: side(perToken, 1).mean().item(),
      margin: (side(change, 0) - side(change, 1)).mean().item(), accuracy: wins.mean().item(),
      chosenChange: side(change, 0).mean().item(),
      displaced: (side(change, 0) .< 0).to(.double).mean().item(), topEntropy: top.entropy,
      topMass: top.mass, similarity: similarity(scores))
  }

  private func similarity(_ scores: [[SequenceScore]]) -> Double {
    // Responses to different prompts are not compared.
    let values = zip(pairs, scores).filter { $0.0.rejectedPrompt == nil }.map { _, sides in
      let means = sides.map { $0.hiddenStates!.to(.double).mean(0) }
      return (means[0] * (means[1] - means[0])).sum()
    }
    return values.isEmpty ? .nan : Tensor.stack(values).mean().item()
  }

  private func topStatistics(_ model: Transformer, _ hidden: [Tensor]) -> (entropy: Double, mass: Double) {
    guard !hidden.isEmpty else { return (.nan, .nan) }
    let all = Tensor.concatenate(hidden)
    var (entropy, mass) = (0.0, 0.0)
    withoutGradient {
      for start in stride(from: 0, to: all.size(0), by: 1024) {
        let logits = model.logits(
          hidden: all.slice(axis: 0, start: start, end: min(start + 1024, all.size(0))))
        let found = TopTokenStatistics(logits: logits, count: topTokens)
        entropy += found.entropies.sum().item()
        mass += found.masses.sum().item()
      }
    }
    return (entropy / Double(all.size(0)), mass / Double(all.size(0)))
  }
}

/// Of laws of the next token: the entropy in bits of the k most probable tokens among themselves, in [0, log₂ k], and
/// their probability together (Shi et al. 2024).
public struct TopTokenStatistics {
  /// `[rows]` each, in `Double`.
  public let entropies: Tensor
  /// Of probabilities as they are, not as shares of the k: −Σ p log₂ p.
  public let rawEntropies: Tensor
  public let masses: Tensor

  /// - Parameters:
  ///   - logits: `[rows, vocabulary]`.
  ///   - count: k; all tokens where there are fewer.
  public init(logits: Tensor, count: Int) {
    let logs = logits.to(.double).logSoftmax(-1)
    let (top, _) = logs.top(min(count, logs.size(-1)))
    let sums = top.logSumExp(-1, keep: true)
    func entropy(_ logs: Tensor) -> Tensor {
      // 0 log 0 is 0.
      -(logs.exp() * logs.clamp(-1e300)).sum(-1) / 0.693147180559945309417
    }
    (entropies, rawEntropies, masses) = (entropy(top - sums), entropy(top), sums.exp().squeeze(-1))
  }
}

extension PreferencePair {
  /// Σ w ln p of one response.
  func weighted(_ score: SequenceScore, chosen isChosen: Bool) -> Double {
    guard let weights = isChosen ? chosenWeights : rejectedWeights else { return score.logLikelihood }
    return zip(score.tokenLogProbabilities, weights).reduce(0) { $0 + $1.0 * Double($1.1) }
  }
}
