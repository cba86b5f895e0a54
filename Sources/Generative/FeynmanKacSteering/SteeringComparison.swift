import Probability

/// Steering beside what the same number of model evaluations buys without it.
public struct SteeringComparison: Sendable {
  public enum Method: String, Sendable, CaseIterable {
    /// Draws of the model itself.
    case base
    /// The draw with the largest reward of every group.
    case bestOfN = "best-of-n"
    /// Draws weighted by exp(λ r) at the end.
    case importance
    /// Particles.
    case steered
  }

  /// One way at one size.
  public struct Entry: Sendable {
    public let method: Method
    /// Of a group.
    public let particles: Int
    /// The mean reward of what the method returns: weighted for importance and steered.
    public let reward: Estimate
    /// The mean largest reward of a group; `nil` where the method returns no best draw.
    public let bestReward: Estimate?
    /// log E[exp(λ r)]; `nil` where the method does not estimate it.
    public let logEvidence: Estimate?
    /// A group.
    public let modelEvaluations: Int
    public let rewardEvaluations: Int
  }

  public let entries: [Entry]

  /// Runs every way.
  ///
  /// - Parameters:
  ///   - sizes: k of the steered groups; the others have as many draws as the same number of model evaluations gives.
  ///   - run: steers with options, as `model.steer(reward:options:random:)` does.
  public init(sizes: [Int], options: SteeringOptions, run: (SteeringOptions) throws -> SteeringResult) throws
  {
    var entries: [Entry] = []
    for k in sizes {
      var options = options
      options.particles = k
      let steered = try run(options)
      var plain = options
      (plain.potential, plain.gradientScale) = (.importance, 0)
      var drawn = try run(plain)
      let cost = Double(drawn.modelEvaluations) / Double(k)
      let affordable = max(k, Int((Double(steered.modelEvaluations) / cost).rounded()))
      if affordable != k {
        plain.particles = affordable
        drawn = try run(plain)
      }
      func entry(_ method: Method, _ result: SteeringResult, _ reward: Estimate) -> Entry {
        let isWeighted = method == .importance || method == .steered
        return Entry(
          method: method, particles: result.particles.shape.particles, reward: reward,
          bestReward: method == .bestOfN || method == .steered ? result.meanBestReward : nil,
          logEvidence: isWeighted ? result.logEvidence : nil,
          modelEvaluations: result.modelEvaluations / options.groups,
          rewardEvaluations: result.rewardEvaluations / options.groups)
      }
      entries += [
        entry(.base, drawn, Estimate(meanOf: drawn.rewards.mean(1).doubles)),
        entry(.bestOfN, drawn, drawn.meanBestReward), entry(.importance, drawn, drawn.meanReward),
        entry(.steered, steered, steered.meanReward),
      ]
    }
    self.entries = entries
  }
}
