/// How a policy is trained on responses that are drawn while it trains.
public struct OnlinePreferenceOptions: Sendable, Hashable {
  public var objective = OnlineObjective.named(.dpo)
  public var data = DataSource.current
  /// The share of prompts, of a batch of `current` data, whose responses come from the reference, in [0, 1].
  public var mix = 0.0
  /// K.
  public var iterations = 100
  /// S, of an iteration.
  public var prompts = 10
  /// N, a prompt.
  public var samples = 10
  /// T, of an iteration: how often its samples are used again; 1 is purely on-policy.
  public var innerSteps = 15
  /// The least gap of rewards that makes a pair; pairs need more than it.
  public var threshold = 0.0
  /// Of Adam.
  public var learningRate = 0.01
  /// Prompts a step, in shuffled turns; all of the iteration's in every step where `nil`.
  public var batch: Int?
  /// The largest norm of a gradient; none where `nil`.
  public var clipNorm: Double?
  /// Of `reinforce` and `ppo`: the divergence that the weight λ of the penalty on it is steered to, from the weight that the
  /// objective has; it stays where `nil`. See ``DivergenceControl``.
  public var divergenceTarget: Double?
  /// Iterations in a row without a pair after which training stops.
  public var patience = 10

  public enum DataSource: String, Sendable, Hashable, CaseIterable, Codable {
    /// Fresh draws of the reference every iteration.
    case reference
    /// Of the policy as it is at the beginning of the iteration; of the reference in the first.
    case current
    /// K·S prompts with draws of the reference, all at once, used in every iteration: as many rewards and steps as the
    /// other sources have.
    case fixed
  }

  public init() {}

  /// Rewards that a whole run asks for.
  public var queries: Int { iterations * prompts * samples }

  /// - Throws: ``LanguageError`` naming the option.
  public func validate() throws(LanguageError) {
    try objective.validate()
    func require(_ holds: Bool, _ name: String, _ found: Any, _ expected: String) throws(LanguageError) {
      guard holds else {
        throw LanguageError(
          .badValue, file: "online preferences", place: name, found: "\(found)", expected: expected)
      }
    }
    try require(iterations >= 1, "iterations", iterations, "at least 1")
    try require(prompts >= 1, "prompts", prompts, "at least 1")
    try require(samples >= 1, "samples", samples, "at least 1")
    try require(
      samples >= 2 || !objective.needsTwoSamples, "samples", samples,
      "at least 2: the objective compares the responses to a prompt")
    try require(innerSteps >= 1, "inner steps", innerSteps, "at least 1")
    try require(threshold >= 0 && threshold.isFinite, "threshold", threshold, "at least 0")
    try require((0...1).contains(mix), "mix", mix, "a share in [0, 1]")
    try require(mix == 0 || data == .current, "mix", mix, "0, as only data of the current policy are mixed")
    try require(learningRate > 0 && learningRate.isFinite, "lr", learningRate, "above 0")
    try require(batch.map { $0 >= 1 } ?? true, "batch", batch ?? 0, "at least 1")
    try require(clipNorm.map { $0 > 0 } ?? true, "clip norm", clipNorm ?? 0, "above 0")
    try require(patience >= 1, "patience", patience, "at least 1")
    if let divergenceTarget {
      try require(
        divergenceTarget > 0 && divergenceTarget.isFinite, "kl target", divergenceTarget, "above 0")
      try require(
        objective.divergenceWeight ?? 0 > 0, "kl", objective.divergenceWeight ?? 0,
        "above 0, of reinforce or ppo: a target steers a weight that is there")
    }
  }
}

/// What an iteration did.
public struct OnlineReading: Sendable, Hashable {
  /// From 1 on.
  public var iteration: Int
  /// Rewards asked for so far, S·N·k.
  public var queries: Int
  /// Steps so far.
  public var steps: Int
  /// Whether there was no pair above the threshold, and so no step.
  public var isSkipped = false
  /// Of the last step.
  public var loss: Double?
  /// Of the last step, before clipping.
  public var gradientNorm: Double?
  /// Rewards of the iteration's draws.
  public var range: PreferenceAlignment
  /// Means of ln π/π_ref after the iteration over its pairs.
  public var winnerChange: Double?
  public var loserChange: Double?
  /// Pairs as they were drawn.
  public var pairs: Int
  /// (Σw)²/Σw² of the weights of `rwr` over the number of draws, in (0, 1].
  public var effectiveShare: Double?
  /// The share of what is lowered that has reached the floor of a negative gradient.
  public var flooredShare: Double?
  /// λ of the penalty on the divergence, of `reinforce` and `ppo`.
  public var divergenceWeight: Double?
  /// Of the policy after the iteration where it is exact; elsewhere of the policy that drew, from its draws.
  public var law: PolicyLaw

  /// Mean reward of the iteration's draws.
  public var batchReward: Double { range.mean }

  /// Of the log-ratios of winners and losers.
  public var margin: Double? {
    if let winnerChange, let loserChange { winnerChange - loserChange } else { nil }
  }

  /// Name and value, in the order in which they are logged.
  public var metrics: [(name: String, value: Double?)] {
    [
      ("queries", Double(queries)), ("steps", Double(steps)), ("reward", law.reward),
      ("kl", law.divergence), ("kl_reverse", law.reverseDivergence), ("entropy", law.entropy),
      ("tail_mass", law.tailMass), ("batch_reward", batchReward), ("winner_change", winnerChange),
      ("loser_change", loserChange), ("margin", margin), ("pairs", Double(pairs)), ("loss", loss),
      ("gradient_norm", gradientNorm), ("ess_share", effectiveShare), ("floored_share", flooredShare),
      ("kl_weight", divergenceWeight),
    ]
  }
}

/// What a training came to.
public struct OnlineResult: Sendable, Hashable {
  public enum End: Sendable, Hashable {
    case complete
    /// No pair above the threshold so many iterations in a row.
    case noPairs(Int)
    /// Whoever observed it ended it.
    case stopped
  }

  public var readings: [OnlineReading]
  public var end: End
  /// Iterations without a pair.
  public var skipped: Int { readings.count { $0.isSkipped } }
}
