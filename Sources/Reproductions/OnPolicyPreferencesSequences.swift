import Foundation
import Language
import Probability
import Report
import Torch

// E6: a transformer of three layers, three heads and width 48 writes nine tokens after a random one; the reference draws
// every token from the bandit's law, and the reward is the mean of the bandit's over the tokens.

extension OnPolicyPreferences {
  private typealias Writer = TransformerPolicy<ExactLanguageModel<IndependentTokens>>

  private static let tokens = 9

  func sequences(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let bandit = Self.bandits[0].bandit
    var outcome = ExperimentOutcome()
    var table = ReportTable(
      title: "E6: mean reward of 500 fresh texts after 10,000 rewards and 1000 steps, R1",
      columns: [
        .text("objective"), .integer("seed"), .number("on-policy"), .number("offline"), .number("reference"),
      ])
    var marks: [Mark] = []
    for (name, objective) in [
      ("Best-of-N", OnlineObjective.named(.bestOfN)), ("IPO, m = 10 a text", .named(.ipo, margin: 10)),
      // KL grows with length: at nine tokens the same m holds the policy nine times as tight as at one.
      ("IPO, m = 10 a token", .named(.ipo, margin: 10 * Double(Self.tokens))),
    ] {
      log("E6: \(name), on-policy and offline, 3 seeds")
      let jobs = (0..<3).flatMap { seed in [(seed, Data.current), (seed, .fixed)] }
      let stream = random.split(name)
      let found = try concurrently(jobs.count) { job in
        let (seed, data) = jobs[job]
        return try Self.train(bandit, objective, data: data, random: stream.split(seed))
      }
      var gaps: [Double] = []
      for seed in 0..<3 {
        let (on, off) = (found[2 * seed], found[2 * seed + 1])
        gaps.append(on.after - off.after)
        table.append([
          .text(name), .integer(seed), .number(on.after), .number(off.after), .number(on.before),
        ])
        let curve = on.curve
        marks.append(
          .line(x: curve.indices.map { Double($0 + 1) }, y: curve, series: "\(name), seed \(seed)"))
      }
      let gap = Estimate(meanOf: gaps)
      outcome.claims.append(
        Claim(
          "E6: \(name) on-policy less offline, mean of 3 seeds", measured: gap.value,
          uncertainty: gap.standardError, rule: .above(0.2)))
    }
    outcome.items = [
      .table(table),
      .plot(
        Plot("Reward of on-policy draws", x: "iteration", y: "mean reward", marks: marks), name: "sequences"),
    ]
    return outcome
  }

  private typealias Data = OnlinePreferenceOptions.DataSource

  private static func train(
    _ bandit: PreferenceBandit, _ objective: OnlineObjective, data: Data, random: RandomSource
  ) throws -> (before: Double, after: Double, curve: [Double]) {
    let policy = try writer(bandit, random: random.split("model"))
    let before = try reward(of: policy, bandit, random: random.split("before"))
    var options = OnlinePreferenceOptions()
    (options.objective, options.data, options.learningRate) = (objective, data, 1e-3)
    (options.innerSteps, options.batch) = (10, 10)
    let loop = try OnlinePreferenceLoop(
      policy, options: options, prompts: prompts, reward: { _, texts in rewards(texts, bandit) })
    let result = try loop.run(random: random.split(data.rawValue))
    let after = try reward(of: policy, bandit, random: random.split("after"))
    return (before, after, result.readings.map(\.batchReward))
  }

  private static func prompts(_ count: Int, _ random: inout RandomSource) -> [[Int]] {
    (0..<count).map { _ in [random.integer(in: 0..<100)] }
  }

  private static func rewards(_ texts: [[[Int]]], _ bandit: PreferenceBandit) -> [[Double]] {
    texts.map { $0.map { text in text.reduce(0) { $0 + bandit.rewards[$1] } / Double(text.count) } }
  }

  private static func reward(of policy: Writer, _ bandit: PreferenceBandit, random: RandomSource) throws
    -> Double
  {
    var stream = random.split("prompts")
    let texts = try policy.sample(10, for: prompts(50, &stream), from: .current, random: random)
    return Estimate(meanOf: rewards(texts, bandit).flatMap { $0 }).value
  }

  /// A transformer that has been fitted to the reference's law at every position.
  private static func writer(_ bandit: PreferenceBandit, random: RandomSource) throws -> Writer {
    var stream = random
    let shape = TransformerConfiguration.llama(
      vocabularySize: bandit.actions, width: 48, layers: 3, heads: 3, contextLength: 16)
    let model = try Transformer(shape, using: &stream)
    let optimiser = Adam(model.trainableParameters, learningRate: 3e-3)
    let values = model.trainableParameters.map(\.value)
    let law = Tensor(bandit.reference).exp()
    for _ in 0..<200 {
      let texts = stream.categorical(law, count: 32 * tokens).reshape(32, tokens)
      optimiser.step(
        withGradient {
          // Cross-entropy with the law itself in place of drawn tokens.
          let loss = -(model.logits(texts).logSoftmax(-1) * law.to(.float)).sum(-1).mean()
          return gradients(of: [loss], withRespectTo: values)
        })
    }
    var generation = GenerationOptions()
    (generation.maximumTokens, generation.batch) = (tokens, 1000)
    return try Writer(
      model, reference: ExactLanguageModel(IndependentTokens(logProbabilities: bandit.reference)),
      generation: generation)
  }
}
