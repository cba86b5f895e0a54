import Foundation
import Language
import Probability
import Report
import Torch
import Training

/// Razin, Malladi, Bhaskar, Chen, Arora & Hanin 2025 (arXiv 2410.08847): exact rates and a certain catastrophe in models
/// with free features (A), pairs by their similarity (B), and single prompts of real statements (C).
public struct LikelihoodDisplacement: Experiment {
  public static let slug = "likelihood-displacement"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] { scale == .quick ? ["A"] : ["A", "B", "C"] }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "A": return freeFeatures()
    case "B": return try similarPairs(random: random, log: log)
    default: return try PersonaProbe.run(random: random, log: log)
    }
  }

  // MARK: A

  private static let table = Tensor(
    (0..<6).flatMap { i in (0..<4).map { j in sin(1.3 * Double(i) + 0.7 * Double(j) + 0.2) } }, shape: [6, 4])

  private func freeFeatures() -> ExperimentOutcome {
    var claims: [Claim] = []
    func near(_ name: String, _ measured: Double, _ truth: Double, _ tolerance: Double = 1e-8) {
      claims.append(
        Claim("A: \(name)", measured: measured, uncertainty: nil, rule: .near(truth, tolerance: tolerance)))
    }
    func state(_ shift: Double) -> [Double] { (0..<4).map { cos(0.9 * Double($0) + 0.4 + shift) } }

    let single = UnconstrainedFeatures(
      unembedding: Self.table, hidden: Tensor(state(0), shape: [1, 4]))
    let pair = UnconstrainedFeatures.Pair(chosen: .init(token: 1), rejected: .init(token: 2))
    let rates = (0..<6).map { single.rate(of: .init(token: $0), under: pair, strength: 0.05) }
    let truth = [
      0.146_610_105_3, 0.213_448_654_7, -0.178_417_890_8, -0.107_301_818_2, 0.035_584_827_1, 0.154_138_454_5,
    ]
    near(
      "largest error of the six tokens' rates under DPO",
      zip(rates, truth).map { abs($0 - $1) }.max()!, 0)
    let drivers = single.drivers(preferred: 1, other: 2)
    near("norms, which raise the preferred token", drivers.norms, 4.675_269_543_0)
    near("alignment of the two tokens, which lowers it", drivers.alignment, 0.308_714_741_8)
    near("other tokens, which lower it", drivers.others, 0.097_581_708_2)

    let several = UnconstrainedFeatures(
      unembedding: Self.table,
      hidden: Tensor((0..<4).flatMap { state(0.5 * Double($0)) }, shape: [4, 4]))
    let texts = UnconstrainedFeatures.Pair(
      chosen: .init(contexts: [0, 1, 2], tokens: [1, 3, 0]),
      rejected: .init(contexts: [0, 1, 3], tokens: [1, 2, 0]))
    near("rate of a text", several.rate(of: texts.chosen, under: texts, strength: 0.05), 0.676_651_453_5)
    near("log-likelihood of the preferred text", several.logLikelihood(of: texts.chosen), -7.248_958_507_0)
    near("log-likelihood of the other", several.logLikelihood(of: texts.rejected), -5.540_845_711_8)
    near("CHES", several.similarity(texts).ches, -2.189_279_222_7)
    near("CHES of means", several.similarity(texts).meanCHES, -0.243_253_247_0)

    var catastrophe = ReportTable(
      title: "A: No is preferred to Never, and Yes gains",
      columns: [.integer("step"), .number("π(No)"), .number("π(Never)"), .number("π(Yes)")])
    let trained = descend(parts: [.unembedding, .hidden])
    for (step, row) in [
      (0, [0.561_744, 0.308_291, 0.125_342]), (1, [0.558_062, 0.298_850, 0.138_685]),
      (20, [0.315_173, 0.103_560, 0.580_205]), (50, [0.025_729, 0.003_411, 0.970_841]),
    ] {
      near(
        "largest error of the probabilities after \(step) steps",
        zip(trained[step], row).map { abs($0 - $1) }.max()!, 0, 1e-5)
    }
    for step in stride(from: 0, through: 50, by: 5) {
      let p = trained[step]
      catastrophe.append([.integer(step), .number(p[0]), .number(p[1]), .number(p[2])])
    }
    let fixed = descend(parts: [.unembedding]).map { $0[0] }
    claims.append(
      Claim(
        "A: with hidden states that stay, π(No) in every step",
        observed: zip(fixed, fixed.dropFirst()).allSatisfy(<),
        condition: "rises"))
    return ExperimentOutcome(claims: claims, items: [.table(catastrophe)])
  }

  /// Probabilities of No, Never, Yes and another token, before and after every one of 50 steps.
  private func descend(parts: Set<UnconstrainedFeatures.Part>) -> [[Double]] {
    var model = UnconstrainedFeatures(
      unembedding: Tensor(rows: [[8.0, 1], [8, -1], [0, 12], [2, -3]]), hidden: Tensor(rows: [[0.6, 0.3]]))
    model.trained = parts
    let descent = UnconstrainedFeatures.Descent(
      .init(chosen: .init(token: 0), rejected: .init(token: 1)), loss: .preset(.dpo, beta: 0.1), from: model)
    var path = [model.logProbabilities(context: 0).exp().doubles]
    for _ in 0..<50 {
      model = model.stepped(descent, learningRate: 0.1)
      path.append(model.logProbabilities(context: 0).exp().doubles)
    }
    return path
  }

  // MARK: B

  private static let quantiles = [0, 0.25, 0.5, 0.75, 1]

  /// Five languages; in each, pairs of a model's own responses, of which those around five quantiles of a measure are
  /// trained on from the same weights.
  private func similarPairs(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    var changes: [PreferenceSimilarity.Measure: [[Double]]] = [:]
    var (helped, worstBatching) = ([[Double]](), 0.0)
    for seed in 0..<5 {
      log("B: language \(seed)")
      let study = try TopicStudy(random: random.split(seed), log: log)
      worstBatching = max(worstBatching, try study.batchingError())
      for measure in PreferenceSimilarity.Measure.allCases {
        changes[measure, default: []].append(
          try Self.quantiles.map { try study.change(around: $0, of: measure, likelihoodWeight: 0) })
      }
      helped.append(
        try [0.1, 1].map { try study.change(around: 1, of: .ches, likelihoodWeight: $0) })
    }
    let ches = changes[.ches]!
    var table = ReportTable(
      title: "B: mean change of ln π(y⁺) after one epoch of DPO on 128 pairs, means over five languages",
      columns: [.text("measure")] + Self.quantiles.map { .number("at \($0)") } + [.number("highest error")])
    for measure in PreferenceSimilarity.Measure.allCases {
      let estimates = Self.quantiles.indices.map { i in Estimate(meanOf: changes[measure]!.map { $0[i] }) }
      table.append(
        [.text(measure.rawValue)] + estimates.map { .number($0.value) }
          + [.number(estimates.map(\.standardError).max()!)])
    }
    let plot = Plot(
      "B: change of ln π(y⁺) by the pairs' place", x: "quantile of the measure", y: "change of ln π(y⁺)",
      marks: PreferenceSimilarity.Measure.allCases.map { measure in
        .line(
          x: Self.quantiles,
          y: Self.quantiles.indices.map { i in Estimate(meanOf: changes[measure]!.map { $0[i] }).value },
          series: measure.rawValue)
      })
    func count(_ holds: ([Double]) -> Bool) -> Double { Double(ches.count(where: holds)) }
    return ExperimentOutcome(
      claims: [
        Claim(
          "B: languages in which the least similar pairs raise ln π(y⁺) by more than 0.5",
          measured: count { $0[0] > 0.5 }, uncertainty: nil, rule: .count(atLeast: 5, of: 5)),
        Claim(
          "B: languages in which the most similar pairs lower it by more than 0.1",
          measured: count { $0[4] < -0.1 }, uncertainty: nil, rule: .count(atLeast: 5, of: 5)),
        Claim(
          "B: languages in which the most similar pairs change it least of all",
          measured: count { $0[4] == $0.min()! }, uncertainty: nil, rule: .count(atLeast: 5, of: 5)),
        Claim(
          "B: languages in which a likelihood term of weight 0.1 and of weight 1 makes that a rise",
          measured: Double(helped.count { $0.allSatisfy { $0 > 0 } }), uncertainty: nil,
          rule: .count(atLeast: 5, of: 5)),
        Claim(
          "B: largest change of a pair's CHES with what is read beside it, relative where it is above 1",
          measured: worstBatching,
          uncertainty: nil, rule: .atMost(1e-4)),
      ], items: [.table(table), .plot(plot, name: "quantiles")])
  }
}

/// A model of one language and pairs of its own responses, the first drawn called preferred.
private struct TopicStudy {
  let model: Transformer
  let pairs: [PreferencePair]
  let similarities: [PreferenceSimilarity]

  init(random: RandomSource, log: ExperimentLog) throws {
    var stream = random.split("world")
    let world = TopicWorld(using: &stream)
    // One place more, for the state after the last token.
    model = try smallDecoder(
      vocabulary: TopicWorld.vocabulary, context: TopicWorld.longest + 2, using: &stream)
    try model.pretrain(steps: 600, random: random.split("training"), log: log, title: "language") {
      world.texts(64, using: &$1)
    }
    let prompts = (0..<1000).map { _ in world.prompt(topic: stream.integer(in: 0..<TopicWorld.topics)) }
    var options = GenerationOptions()
    (options.maximumTokens, options.samples, options.batch) = (TopicWorld.longest, 2, 500)
    options.stopTokens = [0]
    let drawn = try model.generate(prompts, options: options, random: random.split("responses"))
    pairs = zip(prompts, drawn).filter { $1[0].tokens != $1[1].tokens }.map {
      PreferencePair(prompt: $0, chosen: $1[0].tokens, rejected: $1[1].tokens)
    }
    similarities = try model.similarities(of: pairs, endTokens: [0])
  }

  /// How far a pair's CHES depends on what is read beside it.
  func batchingError() throws -> Double {
    let few = Array(pairs.prefix(50))
    let alone = try few.map { try model.similarities(of: [$0], endTokens: [0])[0].ches }
    return zip(alone, similarities).map { abs($0 - $1.ches) / max(1, abs($0)) }.max()!
  }

  /// Mean change of ln π(y⁺) over the pairs around a quantile after one epoch of DPO on them.
  func change(around quantile: Double, of measure: PreferenceSimilarity.Measure, likelihoodWeight: Double)
    throws -> Double
  {
    let chosen = PreferenceSimilarity.window(
      similarities.map { $0[measure] }, quantile: quantile, count: 128
    ).map { pairs[$0] }
    var options = PreferenceOptions()
    options.loss = .preset(.dpo, beta: 0.1, weight: likelihoodWeight)
    options.loss.likelihoodIsMean = false
    (options.batchSize, options.optimiser, options.learningRate) = (16, .rmsprop, 1e-4)
    (options.validationFraction, options.watchedPairs) = (0, chosen.count)
    options.training = TrainingOptions(steps: chosen.count / 16)
    let training = try PreferenceTraining(model.copy(), pairs: chosen, options: options)
    var change = Double.nan
    _ = try training.fit { _, reading, _ in change = reading.chosenChange }
    return change
  }
}
