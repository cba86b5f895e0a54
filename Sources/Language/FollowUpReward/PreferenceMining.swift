/// Pairs from several rewarded responses to a prompt: the best and the worst.
public struct MinedPair: Sendable, Hashable {
  /// Places among the responses.
  public let chosen: Int
  public let rejected: Int
  public let gap: Double

  /// `nil` where fewer than two responses differ, or the rewards differ by less than `minimumGap`, or not at all.
  ///
  /// - Parameters:
  ///   - rewards: one a response, finite.
  ///   - responses: equal ones make no pair.
  public init?<Response: Equatable>(
    rewards: [Double], responses: [Response], minimumGap: Double = 0
  ) {
    precondition(rewards.count == responses.count, "MinedPair: a reward a response")
    guard let best = rewards.indices.max(by: { rewards[$0] < rewards[$1] }),
      let worst = rewards.indices.min(by: { rewards[$0] < rewards[$1] }),
      responses[best] != responses[worst], rewards[best] - rewards[worst] > 0,
      rewards[best] - rewards[worst] >= minimumGap
    else { return nil }
    (chosen, rejected, gap) = (best, worst, rewards[best] - rewards[worst])
  }
}

/// How well rewards agree with preferences and with ratings.
public enum RewardEvaluation {
  /// The share of pairs whose preferred response has the higher reward, ties counting half.
  public static func accuracy(chosen: [Double], rejected: [Double]) -> [Double] {
    zip(chosen, rejected).map { $0 > $1 ? 1 : $0 == $1 ? 0.5 : 0 }
  }

  /// Values less the mean of their group: what is comparable between responses to different contexts.
  public static func centred(_ groups: [[Double]]) -> [Double] {
    groups.flatMap { group in
      let mean = group.reduce(0, +) / Double(group.count)
      return group.map { $0 - mean }
    }
  }
}
