import Foundation
import Language
import Probability
import Testing
import Torch

/// A tabular policy that remembers who was asked for draws, and the table at that moment.
private final class RecordingPolicy: OnlinePolicy {
  let inner: TabularPolicy
  var calls: [(source: SampleSource, prompts: [Int], table: [Double])] = []

  init(_ bandit: PreferenceBandit) { inner = TabularPolicy(bandit) }

  let ignoresPrompts = true
  var parameters: [Parameter] { inner.parameters }

  func sample(_ count: Int, for prompts: [Int], from source: SampleSource, random: RandomSource)
    throws(LanguageError) -> [[Int]]
  {
    calls.append((source, prompts, inner.table.detach().doubles))
    return try inner.sample(count, for: prompts, from: source, random: random)
  }

  func logProbabilities(_ responses: [Int], owners: [Int], prompts: [Int]) -> Tensor {
    inner.logProbabilities(responses, owners: owners, prompts: prompts)
  }

  func referenceLogProbabilities(_ responses: [Int], owners: [Int], prompts: [Int]) -> [Double] {
    inner.referenceLogProbabilities(responses, owners: owners, prompts: prompts)
  }
}

@Suite("Training on drawn responses (OnPolicy)")
struct OnPolicyTrainingTests {
  private static let bandit = PreferenceBandit(.misaligned)

  private func options(_ change: (inout OnlinePreferenceOptions) -> Void = { _ in })
    -> OnlinePreferenceOptions
  {
    var options = OnlinePreferenceOptions()
    (options.iterations, options.objective) = (6, .named(.ipo))
    change(&options)
    return options
  }

  private func train(_ options: OnlinePreferenceOptions, seed: UInt64 = 1) throws -> OnlineResult {
    try OnlinePreferenceLoop(TabularPolicy(Self.bandit), bandit: Self.bandit, options: options).run(
      random: RandomSource(seed: seed))
  }

  @Test("the current policy draws from the second iteration on; a mix takes its share from the reference")
  func sources() throws {
    func calls(_ change: (inout OnlinePreferenceOptions) -> Void) throws -> RecordingPolicy {
      let policy = RecordingPolicy(Self.bandit)
      let options = options(change)
      let loop = try OnlinePreferenceLoop(
        policy, options: options, prompts: { count, _ in Array(0..<count) },
        reward: { _, actions in actions.map { $0.map { Self.bandit.rewards[$0] } } })
      _ = try loop.run(random: RandomSource(seed: 4))
      return policy
    }
    let current = try calls { _ in }
    #expect(current.calls.map(\.source) == [.reference] + Array(repeating: .current, count: 5))
    #expect(Set(current.calls.map(\.table)).count == 6)
    let offline = try calls { $0.data = .reference }
    #expect(offline.calls.allSatisfy { $0.source == .reference } && offline.calls.count == 6)
    let fixed = try calls { $0.data = .fixed }
    #expect(fixed.calls.count == 1 && fixed.calls[0].prompts.count == 60)
    let mixed = try calls { $0.mix = 0.7 }
    for call in mixed.calls.dropFirst() {
      #expect(call.prompts.count == (call.source == .reference ? 7 : 3))
    }
    #expect(mixed.calls.count == 11)
    let all = try calls { $0.mix = 1 }
    #expect(all.calls.allSatisfy { $0.source == .reference && $0.prompts.count == 10 })
  }

  @Test("draws have the law of the policy as it was when the iteration began")
  func law() throws {
    let result = try train(
      options {
        ($0.prompts, $0.innerSteps, $0.iterations, $0.learningRate) = (500, 40, 5, 0.05)
      })
    let readings = result.readings
    #expect(readings.last!.law.reward > 0.5)
    // Rewards lie in [0, 1], so that a mean of 5000 deviates by at most 1/√20,000; six times that.
    let bound = 6 / 20_000.0.squareRoot()
    for (before, after) in zip(readings, readings.dropFirst()) {
      #expect(abs(after.batchReward - before.law.reward) < bound)
    }
    #expect(abs(readings[0].batchReward - Self.bandit.referenceReward) < bound)
  }

  @Test("readings follow from the seed alone, on one thread or two")
  func determinism() throws {
    var study = BanditStudy(Self.bandit)
    for objective in [OnlineObjective.Name.ipo, .ppo, .rwr, .bestMean] {
      study.options = options { $0.objective = .named(objective) }
      let first = try study.run(seeds: 3, random: RandomSource(seed: 9))
      let again = try study.run(seeds: 3, random: RandomSource(seed: 9))
      #expect(first == again)
      #expect(Set(first.map { $0.readings.last!.law.reward }).count == 3)
      let alone = try study.run(random: RandomSource(seed: 9).split("seed").split(1))
      #expect(alone == first[1])
      #expect(try study.run(seeds: 3, random: RandomSource(seed: 10)) != first)
    }
  }

  @Test("iterations, steps and rewards are counted; fixed data ask for all rewards at once")
  func counts() throws {
    let current = try train(options { $0.innerSteps = 3 })
    #expect(current.readings.map(\.queries) == [100, 200, 300, 400, 500, 600])
    #expect(current.readings.map(\.steps) == [3, 6, 9, 12, 15, 18])
    #expect(current.end == .complete && current.skipped == 0)
    let fixed = try train(
      options {
        $0.innerSteps = 3
        $0.data = .fixed
      })
    #expect(Set(fixed.readings.map(\.queries)) == [600] && fixed.readings.last!.steps == 18)
    // One batch in six turns is the same as in one.
    let once = try train(
      options {
        ($0.iterations, $0.prompts, $0.innerSteps, $0.data) = (1, 60, 18, .fixed)
      })
    #expect(once.readings[0].law == fixed.readings[5].law)
    let parts = try train(
      options {
        $0.batch = 4
        $0.innerSteps = 7
      })
    #expect(
      parts.readings.last!.steps == 42 && parts.readings.last!.law.reward != current.readings.last!.law.reward
    )
  }

  @Test("readings say what became of winners and losers, against the reference")
  func readings() throws {
    let policy = TabularPolicy(Self.bandit)
    let loop = try OnlinePreferenceLoop(
      policy, bandit: Self.bandit, options: options { $0.data = .fixed })
    let last = try loop.run(random: RandomSource(seed: 1)).readings.last!
    #expect(last.margin! > 0 && last.winnerChange! > last.loserChange!)
    let now = Self.bandit.law(policy.table.detach())
    #expect(now == last.law && now.divergence! > 0 && now.reverseDivergence! > 0)
    let exact = zip(policy.table.detach().doubles, Self.bandit.rewards).reduce(0) { $0 + exp($1.0) * $1.1 }
    #expect(abs(exact - last.law.reward) < 1e-12)
    let weighted = try train(options { $0.objective = .named(.rwr) }).readings[0]
    #expect(weighted.effectiveShare! > 0 && weighted.effectiveShare! < 1)
    #expect(weighted.metrics.map(\.name).contains("ess_share"))
  }

  @Test("a batch without pairs is skipped, and ten in a row end the training with the policy as it was")
  func noPairs() throws {
    let policy = TabularPolicy(Self.bandit)
    let loop = try OnlinePreferenceLoop(
      policy,
      bandit: PreferenceBandit(reference: Self.bandit.reference, rewards: Array(repeating: 1, count: 100)),
      options: options { $0.iterations = 50 })
    let result = try loop.run(random: RandomSource(seed: 1))
    #expect(result.end == .noPairs(10) && result.readings.count == 10 && result.skipped == 10)
    #expect(result.readings.last!.steps == 0 && result.readings.last!.loss == nil)
    #expect(policy.logits.snapshot().doubles == Self.bandit.reference)
    // Nobody is above a gap that no two rewards have; Best-of-N does not ask for one.
    let apart = try train(
      options {
        $0.threshold = 1
        $0.iterations = 50
      })
    #expect(apart.end == .noPairs(10))
    let best = try train(
      options {
        $0.threshold = 1
        $0.objective = .best
      })
    #expect(best.end == .complete && best.skipped == 0)
  }

  @Test("whoever watches may end it")
  func stops() throws {
    let loop = try OnlinePreferenceLoop(TabularPolicy(Self.bandit), bandit: Self.bandit, options: options())
    let result = try loop.run(random: RandomSource(seed: 1)) { $0.iteration == 2 }
    #expect(result.end == .stopped && result.readings.count == 2)
  }

  @Test("offline Best-of-N comes to the closed form, on-policy far beyond it")
  func onPolicy() throws {
    let off = try train(
      options {
        ($0.objective, $0.data) = (.best, .fixed)
        ($0.iterations, $0.prompts, $0.innerSteps) = (1, 1000, 1500)
      })
    #expect(abs(off.readings.last!.law.reward - 0.313484) < 0.03)
    let on = try train(
      options {
        $0.objective = .best
        $0.iterations = 100
      })
    #expect(on.readings.last!.law.reward > 0.95)
    #expect(off.readings.last!.queries == on.readings.last!.queries)
    #expect(off.readings.last!.steps == on.readings.last!.steps)
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    let place: String
    let change: @Sendable (inout OnlinePreferenceOptions) -> Void

    init(_ place: String, _ change: @escaping @Sendable (inout OnlinePreferenceOptions) -> Void) {
      (self.place, self.change) = (place, change)
    }

    var testDescription: String { place }
  }

  static let refusals: [Refusal] = [
    Refusal("samples") { $0.samples = 1 },
    Refusal("samples") {
      $0.samples = 1
      $0.objective = .named(.bestWorst)
    },
    Refusal("beta") { $0.objective = .named(.dpo, beta: 0) },
    Refusal("beta") { $0.objective = .named(.rwr, beta: -1) },
    Refusal("margin") { $0.objective = .named(.ipo, margin: 0) },
    Refusal("margin") { $0.objective = .named(.ipo, margin: -2) },
    Refusal("clip") { $0.objective = .ppo(.init(), clip: 1) },
    Refusal("inner steps") { $0.innerSteps = 0 },
    Refusal("mix") { $0.mix = 1.5 },
    Refusal("mix") { $0.mix = -0.1 },
    Refusal("mix") { $0.mix = .nan },
    Refusal("mix") {
      $0.mix = 0.5
      $0.data = .fixed
    },
    Refusal("threshold") { $0.threshold = -0.1 },
    Refusal("lr") { $0.learningRate = 0 },
    Refusal("iterations") { $0.iterations = 0 },
    Refusal("prompts") { $0.prompts = 0 },
    Refusal("batch") { $0.batch = 0 },
  ]

  @Test("options that make no sense are refused by name", arguments: refusals)
  func refused(_ refusal: Refusal) throws {
    let error = #expect(throws: LanguageError.self) { try train(options(refusal.change)) }
    #expect(error?.place == refusal.place && error?.kind == .badValue)
    #expect(error?.expected.isEmpty == false)
  }

  @Test("one draw is enough for policy gradients, and rewards that are no numbers are named")
  func singles() throws {
    let single = try train(
      options {
        $0.samples = 1
        $0.objective = .named(.reinforce)
      })
    #expect(single.end == .complete)
    let policy = TabularPolicy(Self.bandit)
    let loop = try OnlinePreferenceLoop(
      policy, options: options(), prompts: { count, _ in Array(0..<count) },
      reward: { _, actions in
        var rewards = actions.map { $0.map(Double.init) }
        rewards[3][2] = .nan
        return rewards
      })
    let error = #expect(throws: LanguageError.self) { try loop.run(random: RandomSource(seed: 1)) }
    #expect(error?.file == "reward" && error?.place == "prompt 3, sample 2" && error?.found == "nan")
  }

  @Test("the network begins as the reference and learns as the table does")
  func network() throws {
    var random = RandomSource(seed: 5)
    let policy = NetworkPolicy(Self.bandit, using: &random)
    let contexts = policy.contexts(7, using: &random)
    let table = policy.logProbabilities(contexts).detach()
    #expect(table.shape == [7, 100])
    #expect(Self.bandit.law(table).divergence! < 0.1)
    let few = policy.logProbabilities([3, 99, 70], owners: [0, 2, 6], prompts: contexts).detach().doubles
    for (value, place) in zip(few, [(0, 3), (2, 99), (6, 70)]) {
      #expect(abs(value - table.doubles[place.0 * 100 + place.1]) < 1e-6)
    }
    #expect(policy.parameterCount == 109_698)
    let drawn = try policy.sample(4, for: contexts, from: .current, random: RandomSource(seed: 1))
    #expect(drawn.count == 7 && drawn.allSatisfy { $0.count == 4 })
    let loop = try OnlinePreferenceLoop(
      policy, bandit: Self.bandit,
      options: options {
        ($0.iterations, $0.objective, $0.learningRate) = (60, .named(.ipo), 1e-3)
      })
    #expect(try loop.run(random: RandomSource(seed: 2)).readings.last!.law.reward > 0.5)
  }
}
