import Foundation
import Language
import Probability
import Report
import Torch
import Training

/// Wang, Sun, Hua & Fang 2024 (arXiv 2409.10571), ASFT: exact values (A), a small language with a known reward (B), the
/// cost of a step (C), and what pointwise and pairwise rankings make of a bias of prompts (D; Gorbatovski et al. 2025).
public struct AlignedSupervisedFineTuning: Experiment {
  public static let slug = "asft"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] {
    scale == .quick ? ["A"] : ["A", "B", "C", "D"]
  }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "A": return exactValues(random: random)
    case "B": return try grammar(random: random, log: log)
    case "C": return try cost(random: random, log: log)
    default: return try promptBias(random: random, log: log)
    }
  }

  // MARK: A

  private static func pair(_ chosen: Double, _ rejected: Double, _ lengths: (Double, Double) = (1, 1))
    -> ResponseLikelihoods
  {
    func one(_ x: Double) -> Tensor { Tensor([x]) }
    return ResponseLikelihoods(
      chosen: one(chosen), rejected: one(rejected), chosenLengths: one(lengths.0),
      rejectedLengths: one(lengths.1))
  }

  private func exactValues(random: RandomSource) -> ExperimentOutcome {
    let x = Self.pair(-6, -15, (6, 10))
    let (asft, orpo) = (PreferenceLoss.preset(.asft), PreferenceLoss.preset(.orpo))
    func ranking(_ loss: PreferenceLoss) -> PreferenceLoss {
      var alone = loss
      alone.likelihoodWeight = 0
      return alone
    }
    let odds = ResponseScore.odds(x)
    let extreme = ranking(asft)(Self.pair(-2e-5, -10)).item()
    var values: [(String, Double, Double, Double)] = [
      ("log-odds of the preferred response", odds.chosen.item(), -0.541_324_854_6, 1e-9),
      ("log-odds of the other", odds.rejected.item(), -1.247_517_541_1, 1e-9),
      ("ASFT without its likelihood term", ranking(asft)(x).item(), 1.252_482_458_9, 1e-9),
      ("ASFT", asft(x).item(), 2.252_482_458_9, 1e-9),
      ("ORPO without its likelihood term", ranking(orpo)(x).item(), 0.401_135_488_1, 1e-9),
      ("ORPO", orpo(x).item(), 1.401_135_488_1, 1e-9),
      (
        "tempered ASFT, β = ½, without its likelihood term",
        ranking(.preset(.asft, beta: 0.5))(x).item(), 1.266_741_448_7, 1e-9
      ),
      ("ASFT of an all but certain response", extreme, 6.540_096_037e-5, 1e-13),
    ]
    for (weight, truth) in [(1.0, 2.265_826_629_6), (0.1, 1.153_356_800_7)] {
      values.append(("stationary loss of a tabular policy, λ = \(weight)", stationary(weight), truth, 1e-8))
    }
    // L_ORPO = L_ASFT + λ ln(p_w(1 − p_l) + p_l(1 − p_w)), whose bracket is at most 1.
    var stream = random
    let a = (0..<1000).map { _ in (-6 * stream.uniform() - 1e-3, -6 * stream.uniform() - 1e-3) }
    let worst = a.map { chosen, rejected in
      let y = Self.pair(chosen, rejected)
      let (p, q) = (exp(chosen), exp(rejected))
      return abs(orpo(y).item() - asft(y).item() - log(p * (1 - q) + q * (1 - p)))
    }.max()!
    var claims = values.map { name, measured, truth, tolerance in
      Claim("A: \(name)", measured: measured, uncertainty: nil, rule: .near(truth, tolerance: tolerance))
    }
    claims.append(
      Claim(
        "A: largest error of the identity between ORPO and ASFT, 1,000 draws", measured: worst,
        uncertainty: nil, rule: .atMost(1e-9)))
    return ExperimentOutcome(claims: claims)
  }

  /// The smallest −Σ((1 + λ)W ln p + λL ln(1 − p)) over a policy of four responses, by natural gradient descent on its
  /// logits, on which a response that never wins vanishes exponentially.
  private func stationary(_ weight: Double) -> Double {
    let (wins, losses) = ([0.5, 0.3, 0.2, 0], [0.1, 0.2, 0.3, 0.4])
    var logits = [0.0, 0, 0, 0]
    func policy() -> [Double] {
      let top = logits.max()!
      let masses = logits.map { exp($0 - top) }
      return masses.map { $0 / masses.reduce(0, +) }
    }
    for _ in 0..<2000 {
      let p = policy()
      for i in p.indices {
        logits[i] += 0.05 * ((1 + weight) * wins[i] / max(p[i], 1e-300) - weight * losses[i] / (1 - p[i]))
      }
    }
    return policy().enumerated().reduce(0) { sum, part in
      let (i, p) = part
      let won = wins[i] == 0 ? 0 : (1 + weight) * wins[i] * log(p)
      return sum - won - weight * losses[i] * log1p(-p)
    }
  }

  // MARK: B

  private static let objectives: [(name: String, loss: PreferenceLoss)] = [
    ("SFT", .preset(.sft)), ("ASFT", .preset(.asft)), ("ORPO", .preset(.orpo)),
    ("DPO", .preset(.dpo, beta: 0.1)),
  ]

  private func grammar(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let study = try GrammarStudy(pairs: 256, random: random.split("study"), log: log)
    var curves: [[GrammarStudy.Point]] = []
    for (name, loss) in Self.objectives {
      log("B: \(name)")
      curves.append(
        try study.trained(loss, epochs: 12, learningRate: 1e-3, readings: Set(1...12), seed: 1))
    }
    let rises = curves.map { $0.last!.pairs.chosenPerToken - $0[0].pairs.chosenPerToken }
    let margins = curves.map { $0.last!.marginPerToken }
    var table = ReportTable(
      title: "B: after 12 epochs",
      columns: [
        .text("objective"), .number("a_w before"), .number("a_w"), .number("margin a token"),
        .number("win"), .number("highest win"), .number("KL"),
      ])
    for ((name, _), points) in zip(Self.objectives, curves) {
      let last = points.last!
      table.append([
        .text(name), .number(points[0].pairs.chosenPerToken), .number(last.pairs.chosenPerToken),
        .number(last.marginPerToken), .number(last.win), .number(points.map(\.win).max()!),
        .number(last.policy.divergence?.value ?? .nan),
      ])
    }
    let plot = Plot(
      "B: win rate against the policy before", x: "epoch", y: "win rate",
      marks: zip(Self.objectives, curves).map { objective, points in
        .line(x: points.map { Double($0.epoch) }, y: points.map(\.win), series: objective.name)
      })
    return ExperimentOutcome(
      claims: [
        Claim(
          "B: rise of the preferred responses' log-likelihood a token under ASFT", measured: rises[1],
          uncertainty: nil, rule: .above(0)),
        Claim("B: the same under DPO", measured: rises[3], uncertainty: nil, rule: .below(0)),
        Claim(
          "B: margins a token of SFT, ASFT, ORPO, DPO: \(margins.map { formatNumber($0) }.joined(separator: ", "))",
          observed: zip(margins, margins.dropFirst()).allSatisfy(<), condition: "they rise in this order"),
        Claim(
          "B: smallest win rate of ASFT after any epoch", measured: curves[1].dropFirst().map(\.win).min()!,
          uncertainty: curves[1].last!.policy.win!.standardError, rule: .atLeast(0.51)),
      ], items: [.table(table), .plot(plot, name: "win")])
  }

  // MARK: C

  /// Times of a step on the same pairs, in turn: medians of many.
  private func cost(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    log("C: cost of a step")
    var stream = random
    let model = try smallDecoder(vocabulary: 512, context: 96, width: 128, using: &stream)
    func tokens(_ count: Int) -> [Int] { (0..<count).map { _ in stream.integer(in: 0..<512) } }
    let pairs = (0..<16).map { _ in
      PreferencePair(prompt: tokens(32), chosen: tokens(32), rejected: tokens(32))
    }
    let parameters = model.trainableParameters.map(\.value)
    func step(_ loss: PreferenceLoss) throws -> Double {
      let clock = ContinuousClock()
      let time = try clock.measure {
        // A reference that is not kept is read at every step.
        let reference = loss.needsReference ? try model.referenceLikelihoods(of: pairs) : nil
        let value = loss(model.likelihoods(of: pairs, reference: reference)).mean()
        _ = gradients(of: [value], withRespectTo: parameters)[0].detach().sum().item()
      }
      return Double(time.components.attoseconds) * 1e-18 + Double(time.components.seconds)
    }
    var times: [[Double]] = [[], [], []]
    for round in 0..<45 {
      for (i, loss) in [PreferenceLoss.preset(.asft), .preset(.orpo), .preset(.dpo)].enumerated() {
        let time = try step(loss)
        if round >= 5 { times[i].append(time) }
      }
    }
    // The median of paired ratios: rounds that something disturbed do not count.
    func ratio(_ i: Int, _ j: Int) -> Double {
      zip(times[i], times[j]).map { $0 / $1 }.sorted()[times[i].count / 2]
    }
    return ExperimentOutcome(claims: [
      Claim(
        "C: time of a step of ASFT over DPO that reads its reference in every step", measured: ratio(0, 2),
        uncertainty: nil, rule: .atMost(0.85)),
      Claim(
        "C: time of a step of ASFT over ORPO", measured: ratio(0, 1), uncertainty: nil,
        rule: .within(0.9...1.1)),
    ])
  }

  // MARK: D

  private func promptBias(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    var outcome = ExperimentOutcome()
    var table = ReportTable(
      title: "D: a perceptron with eight hidden units, means over eight seeds",
      columns: [
        .text("prompts"), .text("ranking"), .number("accuracy"), .number("ICC(1)"), .number("error"),
      ])
    for isBiased in [true, false] {
      var correlations: [[Double]] = [[], []]
      var accuracies: [[Double]] = [[], []]
      for seed in 0..<8 {
        log("D: \(isBiased ? "biased" : "unbiased") prompts, seed \(seed)")
        let stream = random.split(isBiased ? "biased" : "unbiased").split(seed)
        for (i, ranking) in [
          PreferenceLoss.Ranking.logistic(beta: 1, margin: 0, smoothing: 0), .binary(beta: 1),
        ].enumerated() {
          let found = try PromptBias(isBiased: isBiased, random: stream).trained(ranking)
          correlations[i].append(found.correlation)
          accuracies[i].append(found.accuracy)
        }
      }
      let means = correlations.map { Estimate(meanOf: $0) }
      let names = ["pairs (DPO)", "points (ASFT)"]
      for i in 0..<2 {
        table.append([
          .text(isBiased ? "biased" : "unbiased"), .text(names[i]),
          .number(Estimate(meanOf: accuracies[i]).value), .number(means[i].value),
          .number(means[i].standardError),
        ])
      }
      let difference = means[0] - means[1]
      let kind = isBiased ? "biased" : "unbiased"
      outcome.claims += [
        Claim(
          "D: smallest mean accuracy on \(kind) prompts",
          measured: accuracies.map { Estimate(meanOf: $0).value }.min()!, uncertainty: nil,
          rule: .above(0.98)),
        Claim(
          "D: intraclass correlation of pairs less that of points, \(kind) prompts",
          measured: difference.value, uncertainty: difference.standardError,
          rule: isBiased ? .above(0.5) : .within(-0.3...0.3)),
      ]
    }
    outcome.items.append(.table(table))
    return outcome
  }
}
