import Foundation
import Language
import Probability
import Testing
import Torch

@Suite("Objectives on drawn responses (OnPolicy)")
struct OnPolicyObjectiveTests {
  private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-14) -> Bool { abs(a - b) <= tolerance }

  private func batch(_ draws: [[Int]], _ rewards: [[Double]], reference: [Double]) -> ResponseDraws {
    ResponseDraws(
      draws: draws, rewards: rewards, logProbabilities: draws.map { $0.map { reference[$0] } },
      reference: reference, lengths: Array(repeating: 1, count: reference.count))
  }

  private let reference = [-1.0, -2, -0.5, -3]

  private func terms(_ objective: OnlineObjective, _ batch: ResponseDraws, threshold: Double = 0)
    -> ResponseTerms?
  {
    var moments = RunningMoments()
    objective.see(batch, moments: &moments)
    return objective.terms(batch, threshold: threshold, moments: moments)
  }

  /// Loss and its slopes in the log-probabilities.
  private func slopes(_ terms: ResponseTerms, at logs: [Double]) -> (loss: Double, slopes: [Double]) {
    let loss = terms.loss(reference: reference)
    let (value, slopes) = valueAndGradient(of: { loss($0[0]) }, at: [Tensor(logs)])
    return (value.item(), slopes[0].doubles)
  }

  @Test("pairs need a gap above the threshold; ties and copies make none; equal pairs are counted")
  func pairs() {
    let draws = batch([[0, 1, 2, 0], [3, 1]], [[1, 0.5, 0.5, 1], [0.2, 0.7]], reference: reference)
    let all = draws.pairs(threshold: 0)
    #expect((all.winners, all.losers) == ([0, 0, 1], [1, 2, 3]))
    #expect(all.counts == [2, 2, 1] && all.total == 5)
    #expect(draws.pairs(threshold: 0.5).counts.isEmpty)
    #expect(draws.pairs(threshold: 0.49).total == 5)
    // A noisy reward of one response says nothing about it against itself.
    #expect(batch([[0, 0]], [[1, 0]], reference: reference).pairs(threshold: 0).counts.isEmpty)
  }

  @Test("the loss on distinct pairs is the mean over all pairs as they were drawn")
  func pairLoss() throws {
    var random = RandomSource(seed: 1)
    let draws = (0..<20).map { _ in (0..<5).map { _ in random.integer(in: 0..<4) } }
    let worth = [0.3, 0.9, 0.1, 0.3]
    let data = batch(draws, draws.map { $0.map { worth[$0] } }, reference: reference)
    let logs = [-1.4, -0.9, -2.2, -1.1]
    func mean(_ loss: (Double) -> Double) -> Double {
      var (sum, count) = (0.0, 0.0)
      for own in draws {
        for i in own {
          for j in own where worth[i] - worth[j] > 0.25 {
            sum += loss((logs[i] - reference[i]) - (logs[j] - reference[j]))
            count += 1
          }
        }
      }
      return sum / count
    }
    let dpo = try #require(terms(.named(.dpo, beta: 0.5), data, threshold: 0.25))
    #expect(near(slopes(dpo, at: logs).loss, mean { log1p(exp(-0.5 * $0)) }, 1e-13))
    let ipo = try #require(terms(.named(.ipo, margin: 3), data, threshold: 0.25))
    #expect(near(slopes(ipo, at: logs).loss, mean { ($0 - 3) * ($0 - 3) }, 1e-12))
    // Pref-FT: the winners of the same pairs, counted by loss gap 0.
    guard case .likelihood(let weights)? = terms(.preferred, data, threshold: 0.25) else {
      Issue.record("no likelihood")
      return
    }
    #expect(near(weights.reduce(0, +), 1, 1e-14) && weights[1] > 0 && weights[2] == 0)
  }

  @Test("the best of N is shared by draws that tie, never the first of them")
  func bestOfN() {
    let data = batch([[1, 0, 2], [2, 3, 3]], [[5, 1, 5], [1, 0, 0]], reference: reference)
    #expect(terms(.best, data) == .likelihood(weights: [0, 0.25, 0.75, 0]))
  }

  @Test("weights of RWR do not overflow, and count in proportion to e^{r/β}")
  func rewardWeighted() {
    let data = batch([[0, 1], [2, 2]], [[1e6, 1e6 - 0.1], [1e6 - 0.2, 1e6 - 0.2]], reference: reference)
    guard case .likelihood(let weights)? = terms(.rewardWeighted(beta: 0.1), data) else {
      Issue.record("no likelihood")
      return
    }
    #expect(near(weights.reduce(0, +), 1))
    #expect(near(weights[1] / weights[0], exp(-1), 1e-9) && near(weights[2] / weights[0], 2 * exp(-2), 1e-9))
  }

  @Test("advantages by prompt, batch and everything so far; without a negative gradient none is below 0")
  func advantages() {
    let data = batch([[0, 1], [2, 3]], [[1, 3], [10, 20]], reference: reference)
    func weights(_ change: (inout OnlineObjective.Advantage) -> Void, _ moments: inout RunningMoments)
      -> [Double]
    {
      var advantage = OnlineObjective.Advantage()
      change(&advantage)
      let objective = OnlineObjective.reinforce(advantage)
      objective.see(data, moments: &moments)
      guard case .likelihood(let weights)? = objective.terms(data, threshold: 0, moments: moments) else {
        return []
      }
      return weights
    }
    var moments = RunningMoments()
    for (a, b) in zip(weights({ $0.baseline = .prompt }, &moments), [-0.25, 0.25, -0.25, 0.25]) {
      #expect(near(a, b, 1e-11))
    }
    moments = RunningMoments()
    let rewards = [1.0, 3, 10, 20]
    let deviation = (rewards.reduce(0) { $0 + ($1 - 8.5) * ($1 - 8.5) } / 4).squareRoot()
    for (a, b) in zip(weights({ $0.baseline = .batch }, &moments), rewards) {
      #expect(near(a, (b - 8.5) / deviation / 4, 1e-11))
    }
    // Everything so far has four zeros more.
    moments = RunningMoments()
    moments.take([0, 0, 0, 0])
    let all = [0.0, 0, 0, 0] + rewards
    let spread = (all.reduce(0) { $0 + ($1 - 4.25) * ($1 - 4.25) } / 8).squareRoot()
    for (a, b) in zip(weights({ $0.baseline = .running }, &moments), rewards) {
      #expect(near(a, (b - 4.25) / spread / 4, 1e-11))
    }
    #expect(moments.count == 8)
    let positive = weights(
      {
        $0.isPositive = true
        $0.baseline = .prompt
      }, &moments)
    #expect(positive.min()! >= 0 && near(positive[1], 0.5, 1e-11))
    // A penalty on the log-ratio changes nothing where the reference drew; a bonus on entropy prefers the rarer draw.
    let penalised = weights(
      {
        $0.divergenceWeight = 5
        $0.baseline = .batch
      }, &moments)
    #expect(penalised == weights({ $0.baseline = .batch }, &moments))
    let bonus = weights(
      {
        $0.entropyWeight = 1e6
        $0.baseline = .prompt
      }, &moments)
    #expect(near(bonus[1], 0.25, 1e-9) && near(bonus[3], 0.25, 1e-9))
  }

  @Test("PPO's first slopes are REINFORCE's, and none are left beyond the clip")
  func ppo() throws {
    let data = batch([[0, 1, 2]], [[1, 0.2, 0.6]], reference: reference)
    let advantage = OnlineObjective.Advantage()
    let policyGradient = try #require(terms(.reinforce(advantage), data))
    let clipped = try #require(terms(.ppo(advantage, clip: 0.2), data))
    let (a, b) = (slopes(policyGradient, at: reference).slopes, slopes(clipped, at: reference).slopes)
    for (x, y) in zip(a, b) { #expect(near(x, y, 1e-12)) }
    // The best has risen and the worst fallen by more than the clip allows; the third has gone the wrong way.
    let far = slopes(clipped, at: [-0.5, -3, -0.1, -3]).slopes
    #expect(far[0] == 0 && far[1] == 0)
  }

  @Test("the negative part of Best-of-N: worst, mean or sum, down to a floor")
  func contrast() throws {
    let data = batch([[0, 1, 2], [3, 3, 3]], [[3, 1, 2], [1, 1, 1]], reference: reference)
    func found(_ against: OnlineObjective.Contrast, at logs: [Double]) throws -> [Double] {
      let objective = OnlineObjective.contrastedBest(beta: 0.5, against: against, floor: 4)
      return slopes(try #require(terms(objective, data)), at: logs).slopes
    }
    // The second prompt, all of whose draws are alike, says nothing.
    #expect(try found(.worst, at: reference) == [-1, 0.5, 0, 0])
    #expect(try found(.mean, at: reference) == [-1, 0.25, 0.25, 0])
    #expect(try found(.sum, at: reference) == [-1, 0.5, 0.5, 0])
    #expect(try found(.sum, at: [-1, -6.1, -2, -3]) == [-1, 0, 0.5, 0])
    #expect(terms(.named(.bestWorst), batch([[0, 1]], [[1, 1]], reference: reference)) == nil)
  }

  @Test("running moments are those of all values at once")
  func moments() {
    var random = RandomSource(seed: 2)
    let values = (0..<1000).map { _ in 1e6 + random.uniform() }
    var moments = RunningMoments()
    moments.take(Array(values[..<300]))
    moments.take(Array(values[300...]))
    let mean = values.reduce(0, +) / 1000
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1000).squareRoot()
    #expect(near(moments.mean, mean, 1e-8) && near(moments.deviation, deviation, 1e-8))
  }

  @Test("names are read, and an unknown one is answered with those that there are")
  func names() throws {
    for name in OnlineObjective.Name.allCases {
      #expect(try OnlineObjective.Name(parsing: name.rawValue) == name)
      try OnlineObjective.named(name).validate()
    }
    let error = #expect(throws: LanguageError.self) { try OnlineObjective.Name(parsing: "dopo") }
    #expect(error?.kind == .unsupported)
    for name in OnlineObjective.Name.allCases { #expect("\(error!)".contains(name.rawValue)) }
  }
}

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

@Suite("Continuous actions on drawn responses (OnPolicy)")
struct OnPolicyContinuousTests {
  @Test("densities of actions are those of the laws before tanh, and integrate to one")
  func densities() throws {
    var random = RandomSource(seed: 8)
    let policy = TanhGaussianPolicy(dimension: 1, using: &random)
    let grid = (1..<4000).map { [-0.99 + 1.98 * Double($0) / 4000] }
    let owners = Array(repeating: 0, count: grid.count)
    let own = policy.logProbabilities(grid, owners: owners, prompts: [0]).detach().doubles
    let reference = policy.referenceLogProbabilities(grid, owners: owners, prompts: [0])
    let edge = atanh(0.99)
    func cauchy(_ x: Double) -> Double { 0.5 + atan((x + 0.7) / 0.4) / .pi }
    let mass = reference.reduce(0) { $0 + exp($1) } * 1.98 / 4000
    #expect(abs(mass - (cauchy(edge) - cauchy(-edge))) < 1e-3)
    let (mean, deviation) = (
      policy.means.snapshot().doubles[0], exp(policy.logDeviations.snapshot().doubles[0])
    )
    func normal(_ x: Double) -> Double { 0.5 * erfc(-(x - mean) / deviation / 2.0.squareRoot()) }
    let ownMass = own.reduce(0) { $0 + exp($1) } * 1.98 / 4000
    #expect(abs(ownMass - (normal(edge) - normal(-edge))) < 1e-3)
    // Draws of the reference lie where its distribution function says.
    let drawn = try policy.sample(4000, for: [0], from: .reference, random: random)[0].map { atanh($0[0]) }
    let below = Double(drawn.count { $0 < -0.7 }) / 4000
    #expect(abs(below - 0.5) < 6 * 0.5 / 4000.0.squareRoot())
  }

  @Test("ten dimensions find a target", arguments: [OnlineObjective.Name.reinforce, .bestOfN, .ipo])
  func target(_ name: OnlineObjective.Name) throws {
    var random = RandomSource(seed: 9)
    let policy = TanhGaussianPolicy(dimension: 10, using: &random)
    var options = OnlinePreferenceOptions()
    (options.objective, options.iterations, options.innerSteps) = (.named(name), 120, 5)
    options.learningRate = 0.02
    let loop = try OnlinePreferenceLoop(
      policy, options: options, prompts: { count, _ in Array(0..<count) },
      reward: { _, actions in
        actions.map { $0.map { action in -action.reduce(0) { $0 + ($1 - 0.4) * ($1 - 0.4) } } }
      })
    let result = try loop.run(random: random)
    let (first, last) = (result.readings[0].batchReward, result.readings.last!.batchReward)
    #expect(first < -8 && last > 0.4 * first, "\(first), \(last)")
    #expect(result.readings.last!.law.divergence! > 1)
  }
}

@Suite("Transformers on drawn responses (OnPolicy)")
struct OnPolicyTransformerTests {
  private func model() throws -> Transformer {
    var random = RandomSource(seed: 3)
    let shape = TransformerConfiguration.llama(
      vocabularySize: 12, width: 16, layers: 1, heads: 2, contextLength: 24)
    return try Transformer(shape, using: &random)
  }

  private var generation: GenerationOptions {
    var generation = GenerationOptions()
    (generation.maximumTokens, generation.stopTokens) = (10, [0])
    return generation
  }

  @Test("log-probabilities of responses are those of scoring, and begin as the reference's")
  func likelihoods() throws {
    let policy = try TransformerPolicy(model(), generation: generation)
    let prompts = [[1, 2], [3]]
    let drawn = try policy.sample(3, for: prompts, from: .current, random: RandomSource(seed: 1))
    let (responses, owners) = (drawn.flatMap { $0 }, [0, 0, 0, 1, 1, 1])
    let own = policy.logProbabilities(responses, owners: owners, prompts: prompts).detach().doubles
    let reference = try policy.referenceLogProbabilities(responses, owners: owners, prompts: prompts)
    for (i, response) in responses.enumerated() {
      let item = ScoringItem(prompt: prompts[owners[i]], continuations: [response])
      let score = try policy.model.score([item])[0][0].logLikelihood
      #expect(abs(own[i] - score) < 1e-4 && abs(reference[i] - score) < 1e-4)
    }
  }

  @Test("short answers are learned, the reference stays", arguments: [OnlineObjective.Name.dpo, .reinforce])
  func lengths(_ name: OnlineObjective.Name) throws {
    let model = try model()
    let policy = try TransformerPolicy(model, generation: generation)
    var options = OnlinePreferenceOptions()
    (options.objective, options.learningRate, options.innerSteps) = (.named(name), 1e-2, 4)
    (options.iterations, options.prompts, options.samples, options.batch) = (12, 8, 6, 4)
    options.clipNorm = 1
    let prompts = [[1], [2, 3], [4, 5, 6]]
    let before = policy.reference.state().map(\.tensor.doubles)
    let loop = try OnlinePreferenceLoop(
      policy, options: options,
      prompts: { count, random in (0..<count).map { _ in prompts[random.integer(in: 0..<3)] } },
      reward: { _, texts in texts.map { $0.map { LengthReward.shortest($0.count) } } })
    let result = try loop.run(random: RandomSource(seed: 7))
    #expect(result.readings[0].batchReward < -5)
    #expect(result.readings.last!.batchReward > -3)
    #expect(policy.reference.state().map(\.tensor.doubles) == before)
    #expect(result.readings[1].law.divergence! > 0 && result.readings.last!.law.entropy! > 0)
    #expect(LengthReward.near(5)(3) == -2 && LengthReward.near(5)(7) == -2)
  }

  @Test("draws from another law than the model's are refused")
  func otherLaw() throws {
    for change in [
      { $0.temperature = 0.5 }, { $0.topK = 3 }, { $0.topP = 0.9 }, { $0.repetitionPenalty = 1.2 },
    ] as [(inout GenerationOptions) -> Void] {
      var options = generation
      change(&options)
      let error = #expect(throws: LanguageError.self) {
        try TransformerPolicy(self.model(), generation: options)
      }
      #expect(error?.place == "temperature and cuts")
    }
  }

  @Test("a folder with one label is a reward; more labels, and texts that do not fit, are refused")
  func rewardModel() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let tokenizer = try Tokenizer.characters(of: ["abcdefgh"])
    var random = RandomSource(seed: 6)
    let shape = TransformerConfiguration.llama(
      vocabularySize: tokenizer.vocabularySize, width: 16, layers: 1, heads: 2, contextLength: 12)
    func write(_ labels: [String], to name: String) throws -> (TextClassifier, URL) {
      let classifier = TextClassifier(try Transformer(shape, using: &random), labels: labels)
      classifier.head.weight.assign(random.normal([labels.count, 16]))
      let url = folder.appendingPathComponent(name)
      try classifier.write(to: url)
      try tokenizer.write(to: url.appendingPathComponent("tokenizer.json"))
      return (classifier, url)
    }
    let (classifier, url) = try write(["reward"], to: "one")
    let reward = try RewardModel(folder: url)
    let texts = ["ab", "abc", "hgfe", "a", "ab"]
    let found = try reward(texts, batch: 2)
    let tokens = texts.map { tokenizer.encode($0) }
    let exact = withoutGradient { classifier.scores(of: tokens) }.squeeze(1).doubles
    for (a, b) in zip(found, exact) { #expect(abs(a - b) < 1e-5) }
    #expect(found.count == 5 && abs(found[0] - found[1]) > 1e-3)
    let long = #expect(throws: LanguageError.self) { try reward([String(repeating: "a", count: 40)]) }
    #expect(long?.kind == .tooLong)
    let (_, two) = try write(["bad", "good"], to: "two")
    let labels = #expect(throws: LanguageError.self) { try RewardModel(folder: two) }
    #expect(labels?.place == "id2label" && labels?.found == "2 labels")
    let nowhere = #expect(throws: LanguageError.self) {
      try RewardModel(folder: folder.appendingPathComponent("nowhere"))
    }
    #expect(nowhere?.kind == .missing)
  }
}
