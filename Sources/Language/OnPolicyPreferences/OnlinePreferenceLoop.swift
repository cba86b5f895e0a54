import Torch

/// The loop that every objective on drawn responses is an instance of (Tajwar et al. 2024): draw prompts, draw responses
/// from the policy or its reference, score them, take some steps on them, again.
///
/// ```swift
/// let bandit = PreferenceBandit(.misaligned)
/// var options = OnlinePreferenceOptions()
/// options.objective = .named(.ipo)
/// let loop = try OnlinePreferenceLoop(TabularPolicy(bandit), bandit: bandit, options: options)
/// let result = try loop.run(random: RandomSource(seed: 1))
/// print(result.readings.last!.law.reward)
/// ```
public struct OnlinePreferenceLoop<Policy: OnlinePolicy> {
  public let policy: Policy
  public let options: OnlinePreferenceOptions
  let makePrompts: (Int, inout RandomSource) throws -> [Policy.Prompt]
  let reward: ([Policy.Prompt], [[Policy.Response]]) throws -> [[Double]]
  let law: ((Policy) -> PolicyLaw)?
  /// In place of draws of the reference, for `fixed` data.
  let given: GivenResponses<Policy>?

  /// - Parameters:
  ///   - prompts: draws so many.
  ///   - reward: of every response to every prompt.
  ///   - law: the policy's law where it is known exactly; estimated from draws where `nil`.
  ///   - given: responses and rewards that are there already, for `fixed` data; drawn from the reference where `nil`.
  /// - Throws: ``LanguageError`` naming the option that does not fit.
  public init(
    _ policy: Policy, options: OnlinePreferenceOptions,
    prompts: @escaping (Int, inout RandomSource) throws -> [Policy.Prompt],
    reward: @escaping ([Policy.Prompt], [[Policy.Response]]) throws -> [[Double]],
    law: ((Policy) -> PolicyLaw)? = nil, given: GivenResponses<Policy>? = nil
  ) throws(LanguageError) {
    try options.validate()
    if let given { try given.validate(options) }
    if case .ppo(let advantage, _) = options.objective, advantage.baseline == .critic, !policy.hasCritic {
      throw LanguageError(
        .badValue, file: "online preferences", place: "baseline", found: "a critic, and a policy without one",
        expected: "a transformer with a critic, or another baseline: running, batch or prompt")
    }
    (self.policy, self.options, makePrompts, self.reward, self.law) = (policy, options, prompts, reward, law)
    self.given = given
  }

  /// Trains the policy.
  ///
  /// - Parameters:
  ///   - random: every iteration has its own streams of prompts and draws.
  ///   - observing: told every reading, and ends the training by `true`.
  /// - Throws: ``LanguageError`` for rewards that are no numbers and losses that are not finite, and what prompts and
  ///   reward throw.
  /// - Complexity: an iteration asks for S·N rewards and takes T steps, each of one log-probability a distinct response,
  ///   and as many of the reference once.
  public func run(random: RandomSource, observing: ((OnlineReading) throws -> Bool)? = nil) throws
    -> OnlineResult
  {
    var training = OnlineTraining(loop: self, random: random)
    var readings: [OnlineReading] = []
    var skippedInARow = 0
    for iteration in 0..<options.iterations {
      let reading = try training.iterate(iteration)
      readings.append(reading)
      if try observing?(reading) ?? false { return OnlineResult(readings: readings, end: .stopped) }
      skippedInARow = reading.isSkipped ? skippedInARow + 1 : 0
      if skippedInARow >= options.patience {
        return OnlineResult(readings: readings, end: .noPairs(skippedInARow))
      }
    }
    return OnlineResult(readings: readings, end: .complete)
  }

  // MARK: Data

  func draw(_ count: Int, mix: Double, random: RandomSource) throws -> PolicyBatch<Policy> {
    var stream = random.split("prompts")
    let prompts = try makePrompts(count, &stream)
    // Spread over the batch, so that a part of it has the same mix.
    let isOwn = prompts.indices.map { i in
      (Double(i + 1) * mix + 1e-9).rounded(.down) == (Double(i) * mix + 1e-9).rounded(.down)
    }
    var drawn = [[Policy.Response]](repeating: [], count: prompts.count)
    for (source, name) in [(SampleSource.reference, "reference"), (.current, "current")] {
      let chosen = prompts.indices.filter { isOwn[$0] == (source == .current) }
      guard !chosen.isEmpty else { continue }
      let found = try policy.sample(
        options.samples, for: chosen.map { prompts[$0] }, from: source, random: random.split(name))
      for (place, responses) in zip(chosen, found) { drawn[place] = responses }
    }
    return try batch(prompts, drawn, rewards: reward(prompts, drawn), isOwn: isOwn)
  }

  /// What was given as a batch, as if the reference had drawn it.
  func batch(of given: GivenResponses<Policy>) throws -> PolicyBatch<Policy> {
    try batch(
      given.prompts, given.responses, rewards: given.rewards,
      isOwn: given.prompts.map { _ in false })
  }

  private func batch(
    _ prompts: [Policy.Prompt], _ drawn: [[Policy.Response]], rewards: [[Double]], isOwn: [Bool]
  ) throws -> PolicyBatch<Policy> {
    try check(rewards, like: drawn)
    let (responses, owners, draws) = PolicyBatch<Policy>.distinct(
      drawn, ignoringPrompts: policy.ignoresPrompts)
    let reference = try policy.referenceLogProbabilities(responses, owners: owners, prompts: prompts)
    let own =
      isOwn.contains(true)
      ? withoutGradient {
        policy.logProbabilities(responses, owners: owners, prompts: prompts).to(.double).doubles
      }
      : reference
    return PolicyBatch(
      prompts: prompts, responses: responses, owners: owners,
      draws: ResponseDraws(
        draws: draws, rewards: rewards,
        logProbabilities: zip(draws, isOwn).map { draws, isOwn in
          draws.map { isOwn ? own[$0] : reference[$0] }
        },
        reference: reference, lengths: responses.map(policy.length)),
      isOwn: isOwn)
  }

  private func check(_ rewards: [[Double]], like drawn: [[Policy.Response]]) throws(LanguageError) {
    precondition(rewards.map(\.count) == drawn.map(\.count), "OnlinePreferenceLoop: a reward a response")
    for (prompt, values) in rewards.enumerated() {
      if let sample = values.firstIndex(where: { !$0.isFinite }) {
        throw LanguageError(
          .badValue, file: "reward", place: "prompt \(prompt), sample \(sample)", found: "\(values[sample])",
          expected: "a finite number; give a low one to what may not be")
      }
    }
  }
}
