import Foundation
import Language
import Testing
import Torch

@Suite("PPO with a critic, steered penalties, responses from elsewhere")
struct OnPolicyCriticTests {
  private func model() throws -> Transformer {
    var random = RandomSource(seed: 3)
    return try Transformer(
      .llama(vocabularySize: 12, width: 16, layers: 1, heads: 2, contextLength: 16), using: &random)
  }

  private var generation: GenerationOptions {
    var options = GenerationOptions()
    options.maximumTokens = 4
    return options
  }

  @Test("the loss of tokens is the clipped ratio by hand, and the critic's error beside it")
  func tokens() {
    let terms = TokenRatio(counts: [2, 1], returns: [1, -1], clip: 0.2)
    let old = [[-1.0, -2], [-0.5]]
    let function = terms.loss(old: old, values: [[0, 0], [0]])
    let now = TokenReadings(
      logProbabilities: Tensor([-0.5, -2, -1.5]), values: Tensor([0.5, 0, 0]))
    // Gaps 1, 1, −1 with weights 2, 2, 1: mean 0.6, variance 0.64.
    let (high, low) = (0.4 / 0.8, -1.6 / 0.8)
    let ratios = [exp(0.5), 1, exp(-1.0)]
    let clipped = ratios.map { min(1.2, max(0.8, $0)) }
    let parts = [
      max(-high * ratios[0], -high * clipped[0]), -high, max(-low * ratios[2], -low * clipped[2]),
    ]
    let policy = 0.4 * parts[0] + 0.4 * parts[1] + 0.2 * parts[2]
    let critic = 0.4 * 0.25 + 0.4 * 1 + 0.2 * 1
    #expect(abs(function(now).item() - (policy + 0.1 * critic)) < 1e-6)
  }

  private func options(_ objective: OnlineObjective) -> OnlinePreferenceOptions {
    var options = OnlinePreferenceOptions()
    (options.objective, options.iterations, options.prompts, options.samples) = (objective, 12, 4, 8)
    (options.innerSteps, options.learningRate) = (4, 3e-3)
    return options
  }

  private func critic(divergence: Double = 0) -> OnlineObjective {
    var advantage = OnlineObjective.Advantage()
    (advantage.baseline, advantage.divergenceWeight) = (.critic, divergence)
    return .named(.ppo, advantage: advantage)
  }

  private func loop(_ options: OnlinePreferenceOptions, hasCritic: Bool = true) throws
    -> OnlinePreferenceLoop<TransformerPolicy<Transformer>>
  {
    let policy = try TransformerPolicy(model(), generation: generation, hasCritic: hasCritic)
    return try OnlinePreferenceLoop(
      policy, options: options, prompts: { count, _ in Array(repeating: [1], count: count) },
      // The share of even tokens.
      reward: { _, texts in texts.map { $0.map { Double($0.count { $0 % 2 == 0 }) / 4 } } })
  }

  @Test("a critic learns what to expect, and the policy what is rewarded")
  func learns() throws {
    let loop = try loop(options(critic()))
    let result = try loop.run(random: RandomSource(seed: 5))
    #expect(result.readings.last!.batchReward > result.readings[0].batchReward + 0.15)
    let tokens = loop.policy.tokens([[2, 4, 6, 8]], owners: [0], prompts: [[1]])!
    #expect(tokens.values.shape == [4] && tokens.values.mean().item() > 0.3)
    let whole = withoutGradient {
      loop.policy.logProbabilities([[2, 4, 6, 8]], owners: [0], prompts: [[1]])[0].item()
    }
    #expect(abs(tokens.logProbabilities.sum().item() - whole) < 1e-4)
  }

  @Test("a critic is asked for only where there is one")
  func refused() throws {
    let error = #expect(throws: LanguageError.self) { try loop(options(critic()), hasCritic: false) }
    #expect("\(error!)".contains("critic"))
    var advantage = OnlineObjective.Advantage()
    advantage.baseline = .critic
    #expect(throws: LanguageError.self) {
      try OnlineObjective.named(.reinforce, advantage: advantage).validate()
    }
  }

  @Test("the penalty's weight follows the divergence, two per cent an iteration at the most")
  func control() throws {
    var control = DivergenceControl(target: 2, weight: 0.5)
    control.take(10)
    #expect(abs(control.weight - 0.5 * 1.02) < 1e-12)
    control.take(0)
    #expect(abs(control.weight - 0.5 * 1.02 * 0.98) < 1e-12)
    control.take(2.2)
    #expect(abs(control.weight - 0.5 * 1.02 * 0.98 * 1.01) < 1e-12)
    var options = options(critic(divergence: 0.1))
    options.divergenceTarget = 1e-4
    let weights = try loop(options).run(random: RandomSource(seed: 5)).readings.map { $0.divergenceWeight! }
    #expect(weights[0] == 0.1 && weights.last! > 0.1)
    #expect(zip(weights, weights.dropFirst()).allSatisfy { $1 <= $0 * 1.02 + 1e-12 })
    options.objective = critic()
    #expect(throws: LanguageError.self) { try options.validate() }
  }

  @Test("responses from elsewhere are learnt from without a draw")
  func given() throws {
    let policy = try TransformerPolicy(model(), generation: generation)
    let responses = [[[2, 4], [3, 5], [2, 2]], [[6]]]
    let given = GivenResponses<TransformerPolicy<Transformer>>(
      prompts: [[1], [1, 2]], responses: responses, rewards: [[1, 0, 0.5], [0.2]])
    var options = options(.named(.rwr, beta: 0.2))
    (options.data, options.iterations) = (.fixed, 5)
    let loop = try OnlinePreferenceLoop(
      policy, options: options,
      prompts: { _, _ in
        Issue.record("a prompt was drawn")
        return []
      },
      reward: { _, _ in
        Issue.record("a reward was asked for")
        return []
      }, given: given)
    func logs() -> [Double] {
      withoutGradient {
        policy.logProbabilities(responses[0], owners: [0, 0, 0], prompts: given.prompts).doubles
      }
    }
    let before = logs()
    let result = try loop.run(random: RandomSource(seed: 1))
    #expect(result.readings.last!.queries == 4)
    #expect(logs()[0] > before[0])
    options.data = .current
    #expect(throws: LanguageError.self) {
      try OnlinePreferenceLoop(
        policy, options: options, prompts: { _, _ in [] }, reward: { _, _ in [] }, given: given)
    }
    options = self.options(.named(.dpo))
    options.data = .fixed
    let single = GivenResponses<TransformerPolicy<Transformer>>(
      prompts: [[1]], responses: [[[2]]], rewards: [[1]])
    #expect(throws: LanguageError.self) {
      try OnlinePreferenceLoop(
        policy, options: options, prompts: { _, _ in [] }, reward: { _, _ in [] }, given: single)
    }
  }
}
