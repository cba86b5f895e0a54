import Foundation

/// How a policy learns from responses with rewards.
///
/// Supervised objectives raise what is good, contrastive ones also lower what is worse, policy gradients do both by the
/// advantage. All are functions of the log-probabilities of the responses.
public enum OnlineObjective: Sendable, Hashable {
  /// −ln π of the winner of every pair (Pref-FT).
  case preferred
  /// −ln π of the best response of every prompt (Best-of-N, RAFT, ReST); responses that tie share.
  case best
  /// −e^{r/β} ln π, as a weighted mean (RWR, AWR). A baseline would change the loss by a factor only, which the weights'
  /// sum takes out.
  case rewardWeighted(beta: Double)
  /// −A ln π.
  case reinforce(Advantage)
  /// The clipped ratio to the policy that drew, with ε = `clip`.
  case ppo(Advantage, clip: Double)
  /// Any objective on pairs: DPO, IPO, SLiC, …
  case pairs(PreferenceLoss)
  /// −ln π of the best response, and β ln π of others: Best-of-N with a negative gradient. Their share has no lower
  /// bound, so what has fallen by `floor` nats below the reference is left alone. ln π/π_ref in place of ln π has the same
  /// gradient.
  case contrastedBest(beta: Double, against: Contrast, floor: Double)

  /// What is lowered beside the best response.
  public enum Contrast: String, Sendable, Hashable, CaseIterable {
    case worst
    /// The mean over all but the best.
    case mean
    /// Their sum.
    case sum
  }

  /// What a response is worth beyond what was expected: (r − mean)/(deviation + 1e-12).
  public struct Advantage: Sendable, Hashable {
    public enum Baseline: String, Sendable, Hashable, CaseIterable {
      /// Mean and deviation of everything seen so far.
      case running
      /// Of the batch.
      case batch
      /// Of the prompt's own draws.
      case prompt
      /// What a critic expects before every token, which is trained beside the policy: of `ppo` alone, whose ratio is then
      /// clipped token by token.
      case critic
    }

    public var baseline = Baseline.running
    /// Takes the least advantage of the batch off all, so that no response is pushed down.
    public var isPositive = false
    /// c of −c ln π(y) added to the reward: a bonus on entropy.
    public var entropyWeight = 0.0
    /// λ of −λ ln π(y)/π_ref(y) added to the reward.
    public var divergenceWeight = 0.0

    public init() {}
  }

  /// Whether batches without a pair above the threshold say nothing.
  public var needsPairs: Bool {
    switch self {
    case .preferred, .pairs: true
    default: false
    }
  }

  /// Whether it compares the responses to a prompt, so that there have to be two.
  public var needsTwoSamples: Bool {
    if case .contrastedBest = self { true } else { needsPairs }
  }

  /// Tells the moments a fresh batch, where the objective uses them: once, however often it is trained on.
  public func see(_ batch: ResponseDraws, moments: inout RunningMoments) {
    switch self {
    case .reinforce(let advantage), .ppo(let advantage, _):
      moments.take(advantage.shaped(batch).flatMap { $0 })
    default: break
    }
  }

  /// What the batch asks of the log-probabilities; `nil` where it says nothing.
  ///
  /// - Parameters:
  ///   - threshold: the least gap of rewards that makes a pair.
  ///   - moments: of everything that ``see(_:moments:)`` has been told.
  public func terms(_ batch: ResponseDraws, threshold: Double, moments: RunningMoments)
    -> ResponseTerms?
  {
    switch self {
    case .preferred:
      let pairs = batch.pairs(threshold: threshold)
      var weights = [Double](repeating: 0, count: batch.count)
      for (winner, count) in zip(pairs.winners, pairs.counts) { weights[winner] += count / pairs.total }
      return pairs.counts.isEmpty ? nil : .likelihood(weights: weights)
    case .best:
      let prompts = Double(batch.draws.count)
      return .likelihood(weights: batch.extremes(best: true, indifferent: true).map { $0 / prompts })
    case .rewardWeighted(let beta):
      return .likelihood(weights: batch.sums(Self.tilt(batch.rewards, beta)))
    case .reinforce(let advantage):
      let values = advantage.values(batch, moments: moments)
      return .likelihood(weights: batch.sums(values).map { $0 / Double(batch.total) })
    case .ppo(let advantage, let clip) where advantage.baseline == .critic:
      let counts = batch.sums(batch.draws.map { $0.map { _ in 1 } })
      let totals = batch.sums(advantage.shaped(batch))
      return .tokens(
        TokenRatio(counts: counts, returns: zip(totals, counts).map { $0 / $1 }, clip: clip))
    case .ppo(let advantage, let clip):
      let values = advantage.values(batch, moments: moments)
      return .ratio(
        responses: batch.draws.flatMap { $0 }, advantages: values.flatMap { $0 },
        old: batch.logProbabilities.flatMap { $0 }, clip: clip)
    case .pairs(let loss):
      let pairs = batch.pairs(threshold: threshold)
      guard !pairs.counts.isEmpty else { return nil }
      return .pairs(
        winners: pairs.winners, losers: pairs.losers, weights: pairs.counts.map { $0 / pairs.total },
        loss: loss)
    case .contrastedBest(let beta, let against, let floor):
      return Self.contrast(batch, beta: beta, against: against, floor: floor)
    }
  }

  /// e^{r/β} over their sum; the largest is taken off inside the exponent, which the sum takes out again.
  static func tilt(_ rewards: [[Double]], _ beta: Double) -> [[Double]] {
    let highest = rewards.joined().max() ?? 0
    let weights = rewards.map { $0.map { exp(($0 - highest) / beta) } }
    let sum = weights.joined().reduce(0, +)
    return weights.map { $0.map { $0 / sum } }
  }

  private static func contrast(_ batch: ResponseDraws, beta: Double, against: Contrast, floor: Double)
    -> ResponseTerms?
  {
    let best = batch.extremes(best: true, indifferent: false)
    let prompts = best.reduce(0, +)
    guard prompts > 0 else { return nil }
    let others: [Double]
    switch against {
    case .worst: others = batch.extremes(best: false, indifferent: false)
    case .mean, .sum:
      let shares = batch.rewards.map { rewards in
        let high = rewards.max() ?? 0
        let lower = rewards.count { $0 < high }
        return rewards.map { $0 < high ? (against == .mean ? 1 / Double(lower) : 1) : 0 }
      }
      others = batch.sums(shares)
    }
    return .contrast(
      weights: best.map { $0 / prompts }, penalties: others.map { beta * $0 / prompts }, floor: floor)
  }
}

extension OnlineObjective.Advantage {
  /// Rewards with what is added to them, of every draw.
  func shaped(_ batch: ResponseDraws) -> [[Double]] {
    batch.draws.indices.map { prompt in
      batch.draws[prompt].indices.map { i in
        let drawn = batch.logProbabilities[prompt][i]
        return batch.rewards[prompt][i] - entropyWeight * drawn
          - divergenceWeight * (drawn - batch.reference[batch.draws[prompt][i]])
      }
    }
  }

  /// Of every draw.
  func values(_ batch: ResponseDraws, moments: RunningMoments) -> [[Double]] {
    let shaped = shaped(batch)
    func standardised(_ rewards: [Double], _ moments: RunningMoments) -> [Double] {
      rewards.map { ($0 - moments.mean) / (moments.deviation + 1e-12) }
    }
    func own(_ rewards: [Double]) -> RunningMoments {
      var moments = RunningMoments()
      moments.take(rewards)
      return moments
    }
    var advantages: [[Double]]
    switch baseline {
    case .running:
      advantages = shaped.map { standardised($0, moments) }
    case .batch:
      let batch = own(shaped.flatMap { $0 })
      advantages = shaped.map { standardised($0, batch) }
    case .prompt: advantages = shaped.map { standardised($0, own($0)) }
    case .critic: preconditionFailure("a critic's advantages are of tokens")
    }
    guard isPositive, let least = advantages.joined().min() else { return advantages }
    return advantages.map { $0.map { $0 - least } }
  }
}
