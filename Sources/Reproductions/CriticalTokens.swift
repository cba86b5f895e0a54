import Foundation
import Language
import Probability
import Report
import Torch
import Training

/// Lin et al. 2025 (arXiv 2411.19943), critical tokens and cDPO: exact values on a finite chain (A), answers of real
/// solutions (B), and sums with known mistakes (C).
public struct CriticalTokens: Experiment {
  public static let slug = "critical-tokens"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] { scale == .quick ? ["A", "B"] : ["A", "B", "C"] }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "A": return try exactValues(random: random)
    case "B": return try answers()
    default: return try sums(random: random, log: log)
    }
  }

  // MARK: A

  private func exactValues(random: RandomSource) throws -> ExperimentOutcome {
    let chain = try TokenChain(
      law: [[0.7, 0.2, 0.05, 0.05], [0.45, 0.05, 0.1, 0.4], [0.7, 0.2, 0.05, 0.05]],
      next: [[0, 1, 2, 0], [1, 1, 2, 0], [2, 2, 2, 2]], horizon: 6, goals: [0])
    var claims: [Claim] = []
    func near(_ name: String, _ measured: [Double], _ truth: [Double], _ tolerance: Double = 1e-6) {
      claims.append(
        Claim(
          "A: \(name), largest error", measured: zip(measured, truth).map { abs($0 - $1) }.max()!,
          uncertainty: nil, rule: .atMost(tolerance)))
    }
    near("success from the beginning", chain.success[0], [0.467_103, 0.429_366, 0])
    near("success after two tokens", chain.success[2], [0.537_806, 0.486_25, 0])
    near("success after five", chain.success[5], [0.75, 0.4, 0])
    let (positive, negative) = chain.conditioned(time: 2, state: 0)
    near("the law of right texts", positive, [0.757_359, 0.188_544, 0, 0.054_097])
    near("the law of wrong texts", negative, [0.633_257, 0.213_330, 0.108_180, 0.045_233])
    near(
      "contrastive scores", chain.contrastiveScores(time: 2, state: 0), [0.796_560, 0.146_543, 0, 0.056_897])
    near(
      "with β = ½", chain.contrastiveScores(time: 2, state: 0, beta: 0.5),
      [0.777_946, 0.166_486, 0, 0.055_568])
    near("after a slip", chain.contrastiveScores(time: 2, state: 1), [0.401_349, 0.044_594, 0, 0.554_057])
    near(
      "pass@k of 5 right ones of 64, k = 1, 4, 16, 64",
      try [1, 4, 16, 64].map { try passAtK(samples: 64, correct: 5, k: $0) },
      [0.078_125, 0.283_690_29, 0.775_421_17, 1], 1e-8)
    func scores(_ beta: Double) -> [Double] {
      ContrastiveEstimation.logScores(
        positive: Tensor([1.2, -0.3, 0.5, 2]), negative: Tensor([0.2, 1.4, 0.1, -0.5]), beta: beta
      ).exp().doubles
    }
    near("scores of logits", scores(1), [0.088_796, 0.001_332, 0.024_200, 0.885_672])
    near("scores of logits with β = ½", scores(0.5), [0.162_941, 0.009_425, 0.059_943, 0.767_691])
    near(
      "objectives on one pair: cDPO, DPO, cDPO by tokens", losses(),
      [0.662_627_603_6, 0.683_197_179_7, 0.685_439_992_0], 1e-9)
    let found = rollouts(chain, random: random)
    claims += [
      Claim(
        "A: largest deviation of 64 rollouts from V, in binomial standard errors (3,000 prefixes)",
        measured: found.deviation, uncertainty: nil, rule: .atMost(5)),
      Claim(
        "A: share of doomed texts whose first fatal token is flagged, or one before it by chance",
        measured: found.flagged, uncertainty: nil, rule: .near(1, tolerance: 0)),
      Claim(
        "A: share flagged too early, less what (1 − V)⁶⁴ expects", measured: found.early - found.expected,
        uncertainty: found.error, rule: .agrees(with: 0, uncertainties: 4)),
    ]
    return ExperimentOutcome(claims: claims)
  }

  private func losses() -> [Double] {
    let (better, worse) = ([0.2, -0.1, 0.3], [0.1, -0.4, 0.5, 0])
    let weights: [Float] = [0.9, 0.05, 0.7, 0.99].map { 1 - $0 }
    let loss = PreferenceLoss.preset(.dpo, beta: 0.1)
    func sequence(_ weights: [Float]) -> Double {
      let sum = zip(worse, weights).reduce(0) { $0 + $1.0 * Double($1.1) }
      func one(_ x: Double) -> Tensor { Tensor([x]) }
      return loss(
        ResponseLikelihoods(
          chosen: one(better.reduce(0, +)), rejected: one(sum), chosenLengths: one(3),
          rejectedLengths: one(4),
          chosenReference: one(0), rejectedReference: one(0))
      ).item()
    }
    let pair = PreferencePair(
      prompt: [0], chosen: [0, 0, 0], rejected: [0, 0, 0, 0], rejectedWeights: weights)
    let tokens = loss.tokenwise(
      Tensor(better + worse), reference: .zeros([7], dtype: .double), pairs: [pair], aggregation: .token
    ).item()
    return [sequence(weights), sequence([1, 1, 1, 1]), tokens]
  }

  /// Rollouts along 500 texts of the chain.
  private func rollouts(_ chain: TokenChain, random: RandomSource) -> (
    deviation: Double, flagged: Double, early: Double, expected: Double, error: Double
  ) {
    let count = 64
    var (deviation, doomed, flagged, early, expected) = (0.0, 0, 0, 0, 0.0)
    for text in 0..<500 {
      var stream = random.split("text").split(text)
      let path = chain.sample(using: &stream)
      let successes = chain.rollouts(
        along: path.states, count: count, random: random.split("rollouts").split(text))
      for (place, found) in successes.enumerated() {
        let value = chain.success[place + 1][path.states[place + 1]]
        let error = (value * (1 - value) / Double(count)).squareRoot()
        let off = abs(Double(found) / Double(count) - value)
        if error > 0 { deviation = max(deviation, off / error) } else if off > 0 { deviation = .infinity }
      }
      guard let fatal = path.states.dropFirst().firstIndex(of: 2).map({ $0 - 1 }) else { continue }
      doomed += 1
      // With tolerance 64 a place is never given up, so that chance alone can come before the fatal token.
      let place = CriticalRollouts.criticalToken(successes, tolerance: count)
      if let place, place <= fatal { flagged += 1 }
      if let place, place < fatal { early += 1 }
      // The probability that some earlier prefix has no success of 64.
      let miss = (0..<fatal).reduce(1.0) { product, t in
        product * (1 - pow(1 - chain.success[t + 1][path.states[t + 1]], Double(count)))
      }
      expected += 1 - miss
    }
    let n = Double(doomed)
    return (
      deviation, Double(flagged) / n, Double(early) / n, expected / n, max(expected, 1).squareRoot() / n
    )
  }

  // MARK: B

  private func answers() throws -> ExperimentOutcome {
    func rows(_ name: String) throws -> [(text: String, answers: [String], label: Bool)] {
      let url = try DataCatalogue.file(of: DataCatalogue.dataSet(named: name))
      var found: [(String, [String], Bool)] = []
      try JSONLine.forEach(in: Data(contentsOf: url), file: url.path) { line throws(LanguageError) in
        guard let text = try line.text("response"), case .array(let answers)? = line["answer"] else {
          throw line.failure(line.keys, "response and answer")
        }
        let texts = answers.compactMap { if case .string(let text) = $0 { text } else { nil } }
        var label = false
        if case .bool(let value)? = line["response_label"] { label = value }
        found.append((text, texts, label))
      }
      return found
    }
    let bars: [(String, Rule)] = [
      ("B: worked GSM8K solutions whose last number is the answer, of 1,319", .near(1283, tolerance: 0)),
      ("B: MATH solutions of eight models judged as their label says, of 500", .atLeast(490)),
    ]
    do {
      var checker = AnswerChecker()
      let math = try rows("math-solutions").count {
        checker.isCorrect($0.text, answers: $0.answers) == $0.label
      }
      checker.extraction = .lastNumber
      let school = try rows("gsm8k-solutions").count { checker.isCorrect($0.text, answers: $0.answers) }
      return ExperimentOutcome(
        claims: zip(bars, [school, math]).map { bar, found in
          Claim(bar.0, measured: Double(found), uncertainty: nil, rule: bar.1)
        })
    } catch let error as DataSetError {
      return ExperimentOutcome(claims: bars.map { Claim($0.0, rule: $0.1, notRun: "\(error)") })
    }
  }

  // MARK: C

  private func sums(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let worlds = 5
    let studies = try (0..<worlds).map { seed in
      log("C: world \(seed)")
      return try SumsStudy.run(random: random.split(seed), log: log)
    }
    var detection = ReportTable(
      title: "C: finding the first wrong total",
      columns: [
        .integer("world"), .number("base accuracy"), .number("p⁺"), .number("p⁻"), .number("AUC, scores"),
        .number("AUC, base"), .number("hits, scores"), .number("hits, base"), .number("score at it"),
        .number("elsewhere"),
      ])
    var training = ReportTable(
      title: "C: accuracy after six epochs on pairs, and change of ln π of the right solutions",
      columns: [
        .integer("world"), .text("objective"), .number("rate"), .number("accuracy"), .number("best"),
        .number("change"),
      ])
    for (world, study) in studies.enumerated() {
      detection.append([
        .integer(world), .number(study.baseAccuracy), .number(study.positiveAccuracy),
        .number(study.negativeAccuracy), .number(study.scoreAUC), .number(study.baseAUC),
        .number(study.scoreHits), .number(study.baseHits), .number(study.scoreAtMistake),
        .number(study.scoreElsewhere),
      ])
      for run in study.runs {
        training.append([
          .integer(world), .text(run.name), .number(run.rate), .number(run.accuracies.last!),
          .number(run.accuracies.max()!), .number(run.change),
        ])
      }
    }
    func last(_ study: SumsStudy, _ name: String, rate: Double = 1e-3) -> SumsStudy.Run {
      study.runs.first { $0.name == name && $0.rate == rate }!
    }
    func count(_ holds: (SumsStudy) -> Bool) -> Double { Double(studies.count(where: holds)) }
    let all = Rule.count(atLeast: worlds, of: worlds)
    let most = Rule.count(atLeast: worlds - 1, of: worlds)
    let gains = studies.map {
      last($0, "cDPO").accuracies.last! - last($0, "DPO").accuracies.last!
    }
    let changes = studies.map {
      last($0, "cDPO", rate: 3e-4).change - last($0, "DPO", rate: 3e-4).change
    }
    return ExperimentOutcome(
      claims: [
        Claim(
          "C: worlds in which low scores tell the first wrong total with AUC ≥ 0.995",
          measured: count { $0.scoreAUC >= 0.995 }, uncertainty: nil, rule: all),
        Claim(
          "C: worlds in which they do so at least as well as low probabilities of the base model",
          measured: count { $0.scoreAUC >= $0.baseAUC }, uncertainty: nil, rule: all),
        Claim(
          "C: worlds in which the lowest score is the first wrong total's in 98 of 100 solutions",
          measured: count { $0.scoreHits >= 0.98 }, uncertainty: nil, rule: all),
        Claim(
          "C: worlds in which cDPO at rate 1e-3 reaches an accuracy of 0.92",
          measured: count { last($0, "cDPO").accuracies.last! >= 0.92 }, uncertainty: nil, rule: all),
        Claim(
          "C: worlds in which that is at least 0.04 above DPO", measured: Double(gains.count { $0 >= 0.04 }),
          uncertainty: nil, rule: most),
        Claim(
          "C: mean accuracy of cDPO less that of DPO", measured: gains.reduce(0, +) / Double(worlds),
          uncertainty: Estimate(meanOf: gains).standardError, rule: .atLeast(0.08)),
        Claim(
          "C: change of ln π of right solutions under cDPO less that under DPO, rate 3e-4, mean over worlds",
          measured: changes.reduce(0, +) / Double(worlds),
          uncertainty: Estimate(meanOf: changes).standardError, rule: .above(0)),
        Claim(
          "C: worlds in which comparing sums or tokens makes less than 0.03 of difference",
          measured: count {
            abs(last($0, "cDPO").accuracies.last! - last($0, "cDPO by tokens").accuracies.last!) <= 0.03
          }, uncertainty: nil, rule: all),
      ], items: [.table(detection), .table(training)])
  }
}
