import Foundation

/// Responses that were drawn for prompts, with their rewards: what a batch says, whatever a response is.
///
/// Equal responses are one, so that their log-probability is found once however often they were drawn.
public struct ResponseDraws: Sendable, Hashable {
  /// Of every prompt, which of the distinct responses its draws are.
  public var draws: [[Int]]
  /// Of every draw.
  public var rewards: [[Double]]
  /// ln of the probability with which it was drawn, of every draw.
  public var logProbabilities: [[Double]]
  /// ln π_ref of every distinct response.
  public var reference: [Double]
  /// Tokens of every distinct response.
  public var lengths: [Int]

  public init(
    draws: [[Int]], rewards: [[Double]], logProbabilities: [[Double]], reference: [Double], lengths: [Int]
  ) {
    precondition(
      draws.map(\.count) == rewards.map(\.count) && draws.map(\.count) == logProbabilities.map(\.count)
        && reference.count == lengths.count,
      "ResponseDraws: a reward and a log-probability a draw, a reference and a length a response")
    (self.draws, self.rewards, self.logProbabilities) = (draws, rewards, logProbabilities)
    (self.reference, self.lengths) = (reference, lengths)
  }

  /// Distinct responses.
  public var count: Int { reference.count }
  /// Draws of all prompts.
  public var total: Int { draws.reduce(0) { $0 + $1.count } }

  /// All ordered pairs of draws of one prompt whose rewards differ by more than the threshold, equal pairs as one.
  ///
  /// Draws with equal rewards, and draws of the same response, say nothing and make no pair.
  public func pairs(threshold: Double) -> RankedPairs {
    var keys: [Int] = []
    for (own, rewards) in zip(draws, rewards) {
      for i in own.indices {
        for j in own.indices where rewards[i] - rewards[j] > threshold && own[i] != own[j] {
          keys.append(own[i] * count + own[j])
        }
      }
    }
    // Sorted, so that sums are the same in every run.
    keys.sort()
    var pairs = RankedPairs()
    for key in keys {
      if pairs.keys.last == key {
        pairs.counts[pairs.counts.count - 1] += 1
      } else {
        pairs.append(key, count)
      }
    }
    return pairs
  }

  /// Of every distinct response, its share of being the draw with the highest reward of a prompt, summed over prompts;
  /// `best: false` takes the lowest. Draws that tie share.
  ///
  /// - Parameter indifferent: whether prompts count whose draws have all the same reward.
  func extremes(best: Bool, indifferent: Bool) -> [Double] {
    var shares = [Double](repeating: 0, count: count)
    for (own, rewards) in zip(draws, rewards) {
      let (low, high) = (rewards.min() ?? 0, rewards.max() ?? 0)
      guard indifferent || low < high else { continue }
      let tied = own.indices.filter { rewards[$0] == (best ? high : low) }
      for i in tied { shares[own[i]] += 1 / Double(tied.count) }
    }
    return shares
  }

  /// Values a draw, summed over the draws of every distinct response.
  func sums(_ values: [[Double]]) -> [Double] {
    var sums = [Double](repeating: 0, count: count)
    for (own, values) in zip(draws, values) {
      for (response, value) in zip(own, values) { sums[response] += value }
    }
    return sums
  }
}

/// Pairs of distinct responses of which the first has the higher reward, and how often each was drawn.
public struct RankedPairs: Sendable, Hashable {
  public var winners: [Int] = []
  public var losers: [Int] = []
  public var counts: [Double] = []
  fileprivate var keys: [Int] = []

  public init() {}

  fileprivate mutating func append(_ key: Int, _ width: Int) {
    keys.append(key)
    winners.append(key / width)
    losers.append(key % width)
    counts.append(1)
  }

  /// Pairs as they were drawn.
  public var total: Double { counts.reduce(0, +) }
}

/// Mean and deviation of everything seen so far (Welford's recursion).
public struct RunningMoments: Sendable, Hashable {
  public private(set) var count = 0.0
  public private(set) var mean = 0.0
  private var squares = 0.0

  public init() {}

  public mutating func take(_ values: [Double]) {
    for value in values {
      count += 1
      let gap = value - mean
      mean += gap / count
      squares += gap * (value - mean)
    }
  }

  /// Of the population, as numpy has it.
  public var deviation: Double { count > 0 ? (squares / count).squareRoot() : 0 }
}
