import Foundation
import Language
import Probability
import Report
import Torch
import Training

/// Zhang et al. 2025 (arXiv 2409.13948), follow-up likelihood as a reward: exact values (A), and dialogues with a known
/// truth, from a scorer that knows nothing to a policy aligned with what it mines (B).
public struct FollowUpLikelihood: Experiment {
  public static let slug = "follow-up-reward"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] { scale == .quick ? ["A"] : ["A", "B"] }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    part == "A" ? try exactValues() : try dialogues(random: random, log: log)
  }

  // MARK: A

  private func exactValues() throws -> ExperimentOutcome {
    let table = (0..<8).map { i in (0..<8).map { j in 1.5 * sin(1.1 * Double(i) + 0.7 * Double(j) + 0.3) } }
    let model = ExactLanguageModel(BigramTable(logits: table))
    let followUps = FollowUpTokens([
      .init(name: "all", positive: [[1, 3], [4, 2, 6]], negative: [[0, 7], [5, 5, 1, 2]])
    ])
    var claims: [Claim] = []
    let kinds: [(String, FollowUpAggregation.Tokens, FollowUpAggregation.Lists, [Double])] = [
      ("sums", .sum, .mean, [0.642_119_071_5, 2.516_641_376_5]),
      ("means", .mean, .mean, [-0.189_447_936_3, 0.614_474_566_1]),
      ("log mean exp of sums", .sum, .logMeanExp, [0.010_497_974_8, 2.187_376_398_4]),
    ]
    for (name, tokens, lists, truth) in kinds {
      var aggregation = FollowUpAggregation()
      (aggregation.tokens, aggregation.lists) = (tokens, lists)
      let found = try model.followUpScores(
        of: [[0, 2], [0, 5]], followUps: followUps, aggregation: aggregation)
      for (score, (last, truth)) in zip(found, zip([2, 5], truth)) {
        claims.append(
          Claim(
            "A: reward after token \(last), \(name)", measured: score.reward, uncertainty: nil,
            rule: .near(truth, tolerance: 1e-9)))
      }
    }
    return ExperimentOutcome(claims: claims)
  }

  // MARK: B

  private static let sums: FollowUpAggregation = {
    var aggregation = FollowUpAggregation()
    aggregation.tokens = .sum
    return aggregation
  }()

  /// Means over 400 pairs of a good and a bad response to one prompt.
  private struct Judgement {
    var accuracy = Estimate(0, standardError: 0)
    var good = Estimate(0, standardError: 0)
    var bad = Estimate(0, standardError: 0)
  }

  private func judge(_ model: Transformer, _ world: EchoDialogues, random: RandomSource) throws -> Judgement {
    var stream = random
    var dialogues: [[Int]] = []
    for _ in 0..<400 {
      let prompt = EchoDialogues.prompt(using: &stream)
      for isGood in [true, false] {
        dialogues.append(prompt + EchoDialogues.response(to: prompt, isGood: isGood, using: &stream))
      }
    }
    let rewards = try model.followUpScores(
      of: dialogues, followUps: world.followUps, aggregation: Self.sums
    ).map(\.reward)
    let good = stride(from: 0, to: 800, by: 2).map { rewards[$0] }
    let bad = stride(from: 1, to: 800, by: 2).map { rewards[$0] }
    return Judgement(
      accuracy: Estimate(meanOf: RewardEvaluation.accuracy(chosen: good, rejected: bad)),
      good: Estimate(meanOf: good), bad: Estimate(meanOf: bad))
  }

  private func dialogues(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    var stream = random.split("world")
    let world = EchoDialogues(honesty: 0.9, using: &stream)
    let model = try smallDecoder(
      vocabulary: EchoDialogues.vocabulary, context: EchoDialogues.longest, using: &stream)
    // Stage 0: follow-ups that say nothing about the response.
    let constant = Trainer(
      model, optimiser: Adam(model.trainableParameters, learningRate: 3e-3),
      options: TrainingOptions(steps: 300, clipNorm: 1), random: random.split("stage 0"),
      progress: log.bar("B: stage 0", total: 300))
    _ = try constant.fit { _, random in model.loss(of: world.texts(64, isTold: false, using: &random)) }
    let before = try judge(model, world, random: random.split("judged"))
    try model.pretrain(
      steps: 1200, random: random.split("stage 1"), log: log, title: "B: stage 1"
    ) { world.texts(64, isTold: true, using: &$1) }
    let after = try judge(model, world, random: random.split("judged"))
    let sharing = try sharingError(model, world, random: random.split("sharing"))
    log("B: mining and alignment")
    let mined = try mine(model, world, random: random.split("mined"))
    let correct = mined.pairs.count {
      EchoDialogues.isGood($0.chosen, to: $0.prompt) && !EchoDialogues.isGood($0.rejected, to: $0.prompt)
    }
    let helped = try align(model, mined.pairs, weight: 1, rate: 3e-4, random: random.split("policy"))
    let plain = try align(model, mined.pairs, weight: 0, rate: 1e-4, random: random.split("policy"))
    let truth = log9
    var table = ReportTable(
      title: "B: share of good responses of the policy, by epoch",
      columns: [.integer("epoch"), .number("DPO with likelihood"), .number("DPO")])
    for (epoch, values) in zip(helped, plain).enumerated() {
      table.append([.integer(epoch), .number(values.0), .number(values.1)])
    }
    return ExperimentOutcome(
      claims: [
        Claim(
          "B: share of pairs ranked right by a scorer that was told nothing", measured: before.accuracy.value,
          uncertainty: before.accuracy.standardError, rule: .near(0.5, tolerance: 0.08)),
        Claim(
          "B: the same after tuning on follow-ups", measured: after.accuracy.value,
          uncertainty: after.accuracy.standardError, rule: .atLeast(0.98)),
        Claim(
          "B: mean reward of good responses (ln 9 of a calibrated scorer)", measured: after.good.value,
          uncertainty: after.good.standardError, rule: .near(truth, tolerance: 0.25)),
        Claim(
          "B: mean reward of bad responses", measured: after.bad.value,
          uncertainty: after.bad.standardError, rule: .near(-truth, tolerance: 0.25)),
        Claim(
          "B: largest difference of rewards read together and one by one", measured: sharing,
          uncertainty: nil, rule: .atMost(1e-5)),
        Claim(
          "B: share of \(mined.pairs.count) mined pairs, of \(mined.prompts) prompts, labelled right",
          measured: Double(correct) / Double(mined.pairs.count), uncertainty: nil, rule: .atLeast(0.95)),
        Claim(
          "B: share of good responses after DPO with a likelihood term, from \(formatNumber(helped[0]))",
          measured: helped.last!, uncertainty: (helped.last! * (1 - helped.last!) / 1000).squareRoot(),
          rule: .atLeast(0.75)),
      ], items: [.table(table)])
  }

  private var log9: Double { Foundation.log(9.0) }

  private func sharingError(_ model: Transformer, _ world: EchoDialogues, random: RandomSource) throws
    -> Double
  {
    var stream = random
    let dialogues = (0..<20).map { i in
      let prompt = EchoDialogues.prompt(using: &stream)
      return prompt + EchoDialogues.response(to: prompt, isGood: i % 2 == 0, using: &stream)
    }
    let together = try model.followUpScores(of: dialogues, followUps: world.followUps)
    let category = world.followUps.categories[0]
    var worst = 0.0
    for (dialogue, score) in zip(dialogues, together) {
      func alone(_ followUps: [[Int]]) throws -> Double {
        let values = try followUps.map { followUp in
          try model.score([ScoringItem(prompt: dialogue, continuations: [followUp])])[0][0].logLikelihood
            / Double(followUp.count)
        }
        return values.reduce(0, +) / Double(values.count)
      }
      worst = max(worst, abs(try alone(category.positive) - alone(category.negative) - score.reward))
    }
    return worst
  }

  private func mine(_ model: Transformer, _ world: EchoDialogues, random: RandomSource) throws -> (
    pairs: [PreferencePair], prompts: Int
  ) {
    var stream = random.split("prompts")
    let prompts = (0..<200).map { _ in EchoDialogues.prompt(using: &stream) }
    var options = EchoDialogues.generation
    options.samples = 8
    let drawn = try model.generate(prompts, options: options, random: random.split("drawn"))
    let rewards = try model.followUpScores(
      of: zip(prompts, drawn).flatMap { prompt, found in found.map { prompt + $0.tokens } },
      followUps: world.followUps, aggregation: Self.sums
    ).map(\.reward)
    var pairs: [PreferencePair] = []
    for (i, prompt) in prompts.enumerated() {
      let texts = drawn[i].map(\.tokens)
      guard let pair = MinedPair(rewards: Array(rewards[8 * i..<8 * i + 8]), responses: texts) else {
        continue
      }
      pairs.append(PreferencePair(prompt: prompt, chosen: texts[pair.chosen], rejected: texts[pair.rejected]))
    }
    return (pairs, prompts.count)
  }

  /// The share of good responses to a thousand prompts, before and after every one of six epochs.
  private func align(
    _ model: Transformer, _ pairs: [PreferencePair], weight: Double, rate: Double, random: RandomSource
  ) throws -> [Double] {
    let policy = try model.copy()
    var stream = random.split("prompts")
    let prompts = (0..<1000).map { _ in EchoDialogues.prompt(using: &stream) }
    func accuracy() throws -> Double {
      let drawn = try policy.generate(
        prompts, options: EchoDialogues.generation, random: random.split("drawn"))
      return Double(zip(prompts, drawn).count { EchoDialogues.isGood($1[0].tokens, to: $0) }) / 1000
    }
    var options = PreferenceOptions()
    options.loss = .preset(.dpo, beta: 0.1, weight: weight)
    options.loss.likelihoodIsMean = false
    (options.batchSize, options.learningRate, options.validationFraction) = (16, rate, 0)
    let stepsPerEpoch = (pairs.count + 15) / 16
    options.training = TrainingOptions(
      steps: 6 * stepsPerEpoch, clipNorm: 1, validateEvery: stepsPerEpoch)
    var values = [try accuracy()]
    let training = try PreferenceTraining(policy, pairs: pairs, options: options)
    _ = try training.fit { _, _, _ in values.append(try accuracy()) }
    return values
  }
}

/// The law of a token given the one before, from a table of logits; the first token is even.
private struct BigramTable: SequentialLaw {
  let logs: [[Double]]

  init(logits: [[Double]]) { logs = logits.map { Tensor($0).logSoftmax(0).doubles } }

  var vocabularySize: Int { logs.count }
  var start: Int? { nil }
  func state(after token: Int, in state: Int?) -> Int? { token }
  func logProbabilities(in state: Int?) -> [Double] {
    state.map { logs[$0] } ?? Array(repeating: -log(Double(logs.count)), count: logs.count)
  }
}
