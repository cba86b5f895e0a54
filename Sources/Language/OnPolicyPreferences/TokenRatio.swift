import Torch

/// PPO token by token with a critic (Schulman et al. 2017): the mean over tokens of max(−A_t ρ_t, −A_t clip(ρ_t, 1 ± ε)) with
/// ρ_t = π/π_old of the token and A_t = R − V_t, standardised over the batch, and a share of the critic's mean square error
/// (V_t − R)².
///
/// R is the response's reward with what is added to it; nothing is discounted on the way.
public struct TokenRatio: Sendable, Hashable {
  /// Of every distinct response: how often it was drawn, and the mean of its returns.
  public var counts: [Double]
  public var returns: [Double]
  public var clip: Double
  /// What the critic's error counts.
  public var valueWeight = 0.1

  public init(counts: [Double], returns: [Double], clip: Double) {
    precondition(counts.count == returns.count, "TokenRatio: a return a response")
    (self.counts, self.returns, self.clip) = (counts, returns, clip)
  }

  /// The loss as a function of what the policy and its critic say of the tokens now.
  ///
  /// - Parameters:
  ///   - old: ln π of the tokens of every response when they were drawn.
  ///   - values: the critic's then.
  public func loss(old: [[Double]], values: [[Double]], device: Device = .cpu) -> (TokenReadings) -> Tensor {
    precondition(
      old.count == counts.count && values.map(\.count) == old.map(\.count), "TokenRatio: other responses")
    func spread(_ numbers: [Double]) -> [Double] {
      zip(numbers, old).flatMap { number, tokens in Array(repeating: number, count: tokens.count) }
    }
    let (weights, targets) = (spread(counts), spread(returns))
    let total = weights.reduce(0, +)
    let gaps = zip(targets, values.flatMap { $0 }).map(-)
    let mean = zip(gaps, weights).reduce(0) { $0 + $1.0 * $1.1 } / total
    let variance = zip(gaps, weights).reduce(0) { $0 + ($1.0 - mean) * ($1.0 - mean) * $1.1 } / total
    let advantages = Tensor(gaps.map { ($0 - mean) / (variance.squareRoot() + 1e-12) }, device: device)
    let share = Tensor(weights.map { $0 / total }, device: device)
    let (before, target) = (
      Tensor(old.flatMap { $0 }, device: device), Tensor(targets, device: device)
    )
    return { now in
      let ratio = (now.logProbabilities.to(.double) - before).exp()
      let clipped = ratio.clamp(1 - clip, 1 + clip)
      let policy = (share * (-advantages * ratio).maximum(-advantages * clipped)).sum()
      let critic = (share * (now.values.to(.double) - target).square()).sum()
      return policy + valueWeight * critic
    }
  }
}
