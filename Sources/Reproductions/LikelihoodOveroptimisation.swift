import Foundation
import Language
import Probability
import Report
import Torch

/// Shi, Land, Locatelli, Geist & Bartolo 2024 (arXiv 2410.11677): exact values (A), and a small language with a known
/// reward in which direct alignment is driven too far (B to D).
public struct LikelihoodOveroptimisation: Experiment {
  public static let slug = "likelihood-overoptimisation"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] {
    scale == .quick ? ["A"] : ["A", "B", "C", "D"]
  }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "A": return exactValues()
    case "B": return try contrast(random: random, log: log)
    case "C": return try squares(random: random, log: log)
    default: return try hinge(random: random, log: log)
    }
  }

  // MARK: A

  private func exactValues() -> ExperimentOutcome {
    let logits = Tensor((0..<50).map { 2 * sin(1.9 * Double($0) + 0.3) }).unsqueeze(0)
    func top(_ k: Int) -> TopTokenStatistics { TopTokenStatistics(logits: logits, count: k) }
    let diversity = TextDiversity(
      [[1, 2, 3, 1, 2], [1, 2, 4], [5, 1, 2, 3]], vocabularySize: 10, longest: 3)
    func one(_ x: Double) -> Tensor { Tensor([x]) }
    let pair = ResponseLikelihoods(
      chosen: one(-12), rejected: one(-15), chosenLengths: one(6), rejectedLengths: one(10),
      chosenReference: one(-11), rejectedReference: one(-13))
    let slic = PreferenceLoss.preset(.slic, weight: 0.5)
    let values: [(String, Double, Double)] = [
      ("mass of the 10 most probable of 50 tokens", top(10).masses.item(), 0.576_368_208_1),
      ("their entropy in bits", top(10).entropies.item(), 3.311_049_095_4),
      ("the same of unscaled probabilities", top(10).rawEntropies.item(), 2.366_560_041_3),
      ("mass of the 5 most probable", top(5).masses.item(), 0.318_187_640_0),
      ("their entropy", top(5).entropies.item(), 2.321_595_567_4),
      ("adjusted distinct words", diversity.adjusted[0], 0.696_795_681_3),
      ("adjusted distinct 2-grams", diversity.adjusted[1], 0.816_220_573_9),
      ("adjusted distinct 3-grams", diversity.adjusted[2], 1.067_101_474_9),
      ("DPO, β = 0.1", PreferenceLoss.preset(.dpo)(pair).item(), 0.644_396_660_1),
      ("IPO, τ = 0.1", PreferenceLoss.preset(.ipoScaled, beta: 0.1)(pair).item(), 0.16),
      ("hinge, γ = 1, α = ½", slic(pair).item(), 2.218_882_196_9),
    ]
    return ExperimentOutcome(
      claims: values.map { name, measured, truth in
        Claim("A: \(name)", measured: measured, uncertainty: nil, rule: .near(truth, tolerance: 1e-9))
      })
  }

  // MARK: B to D

  private static let readings = Set([1, 2, 3] + Array(stride(from: 4, through: 32, by: 2)))

  /// Languages a part looks at.
  private static let worlds = 5

  /// The curves of one objective in every language, the first with its evidence.
  private func curves(
    _ part: String, _ losses: [PreferenceLoss], epochs: Int, random: RandomSource, log: ExperimentLog
  ) throws -> [[[GrammarStudy.Point]]] {
    var curves = losses.map { _ in [[GrammarStudy.Point]]() }
    for world in 0..<Self.worlds {
      log("\(part): language \(world)")
      let study = try GrammarStudy(pairs: 96, random: random.split("study").split(world), log: log)
      for (i, loss) in losses.enumerated() {
        curves[i].append(
          try study.trained(loss, epochs: epochs, learningRate: 3e-3, readings: Self.readings, seed: 1))
      }
    }
    return curves
  }

  private typealias Curve = [GrammarStudy.Point]

  /// A claim about the mean of a number over the languages.
  private func mean(_ statement: String, _ curves: [Curve], _ rule: Rule, _ value: (Curve) -> Double) -> Claim
  {
    let estimate = Estimate(meanOf: curves.map(value))
    return Claim(statement, measured: estimate.value, uncertainty: estimate.standardError, rule: rule)
  }

  private func contrast(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let betas = [0.02, 0.1, 1]
    let all = try curves("B", betas.map { .preset(.dpo, beta: $0) }, epochs: 32, random: random, log: log)
    var outcome = ExperimentOutcome()
    for (beta, curves) in zip(betas, all) {
      let name = "B: β = \(beta)"
      outcome.claims += [
        Claim(
          "\(name): smallest margin after 32 epochs over that after one, of \(Self.worlds) languages",
          measured: curves.map { $0.last!.marginPerToken / $0[1].marginPerToken }.min()!, uncertainty: nil,
          rule: .above(1.5)),
        mean("\(name): win rate after one epoch less that after 32", curves, .atLeast(0.08)) {
          $0[1].win - $0.last!.win
        },
        Claim(
          "\(name): languages in which the win rate is highest at epoch 2 or before, and not at the largest margin",
          measured: Double(
            curves.count { points in
              let best = points.max { $0.win < $1.win }!
              return best.epoch <= 2 && best.epoch != points.max { $0.pairs.margin < $1.pairs.margin }!.epoch
            }), uncertainty: nil, rule: .count(atLeast: 4, of: Self.worlds)),
      ]
      if beta <= 0.1 {
        outcome.claims += [
          mean("\(name): fall of the entropy of the ten most probable tokens, bits", curves, .above(0.6)) {
            $0[0].policy.topEntropy - $0.last!.policy.topEntropy
          },
          mean("\(name): fall of the adjusted distinct n-grams", curves, .above(0.1)) {
            $0[0].policy.diversity - $0.last!.policy.diversity
          },
        ]
      }
      outcome.claims += [
        mean("\(name): win rate given away by stopping at the signals", curves, .atMost(0.05)) { points in
          points.map(\.win).max()! - stopped(points, watches: [.entropy, .mass]).win
        },
        mean("\(name): win rate saved by stopping at the signals", curves, .atLeast(0.08)) { points in
          stopped(points, watches: [.entropy, .mass]).win - points.last!.win
        },
      ]
      outcome.items += items(curves[0], title: "B: DPO, β = \(beta), first language")
    }
    outcome.items.append(.table(fits(all.flatMap { $0 })))
    return outcome
  }

  private func squares(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let curves = try curves(
      "C", [.preset(.ipoScaled, beta: 0.1)], epochs: 24, random: random, log: log)[0]
    func count(_ holds: (Curve) -> Bool) -> Double { Double(curves.count(where: holds)) }
    return ExperimentOutcome(
      claims: [
        mean("C: IPO, fall of the mass of the ten most probable tokens after epoch 1", curves, .above(0.04)) {
          $0[1].policy.topMass - $0.last!.policy.topMass
        },
        mean("C: rise of their entropy after epoch 1, bits", curves, .above(0.3)) {
          $0.last!.policy.topEntropy - $0[1].policy.topEntropy
        },
        mean("C: fall of the win rate after epoch 1", curves, .above(0.15)) { $0[1].win - $0.last!.win },
        Claim(
          "C: languages in which the falling mass is told",
          measured: count { stopped($0, watches: [.mass]).epoch != nil },
          uncertainty: nil, rule: .count(atLeast: 4, of: Self.worlds)),
        Claim(
          "C: languages in which the entropy's turn is not told after epoch 3",
          measured: count { stopped($0, watches: [.entropy]).last ?? 0 <= 3 }, uncertainty: nil,
          rule: .count(atLeast: 3, of: Self.worlds)),
      ], items: items(curves[0], title: "C: IPO, τ = 0.1, first language"))
  }

  private func hinge(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let all = try curves(
      "D", [.preset(.slic), .preset(.dpo, weight: 1)], epochs: 24, random: random, log: log)
    func rise(_ points: Curve) -> Double {
      points.last!.pairs.chosenPerToken - points[0].pairs.chosenPerToken
    }
    return ExperimentOutcome(
      claims: [
        mean(
          "D: rise of the preferred responses' log-likelihood a token under the hinge with its anchor",
          all[0],
          .above(0.5), rise),
        mean("D: the same under DPO with a likelihood term", all[1], .above(0.5), rise),
      ],
      items: items(all[0][0], title: "D: hinge, α = 1, first language")
        + items(all[1][0], title: "D: DPO, β = 0.1, with a likelihood term, first language"))
  }

  /// How much better a parabola than a line tells the win rate from the preferred responses' likelihood, and whether the
  /// best reading lies on the front of likelihoods.
  private func fits(_ curves: [Curve]) -> ReportTable {
    let points = curves.flatMap { $0 }
    let fit = OverOptimisationAnalysis(
      likelihoods: points.map(\.pairs.chosenPerToken), wins: points.map(\.win))
    let onFront = curves.count { points in
      let front = OverOptimisationAnalysis.front(
        chosen: points.map(\.pairs.chosenPerToken), rejected: points.map(\.pairs.rejectedPerToken))
      return front.contains(points.indices.max { points[$0].win < points[$1].win }!)
    }
    var table = ReportTable(
      title: "B: the win rate by the likelihood of the preferred responses, all readings",
      columns: [
        .integer("readings"), .number("error of a line"), .number("of a parabola"), .number("less, %"),
        .integer("curves"), .integer("best on the front"),
      ])
    table.append([
      .integer(points.count), .number(fit.linearError), .number(fit.quadraticError),
      .number(100 * fit.reduction), .integer(curves.count), .integer(onFront),
    ])
    return table
  }

  /// What a training that stops at the signals leaves: of the readings until then the one with the highest win rate.
  private func stopped(_ points: [GrammarStudy.Point], watches: Set<OverOptimisationSignals.Signal>)
    -> (epoch: Int?, last: Int?, win: Double)
  {
    var signals = OverOptimisationSignals()
    signals.watches = watches
    var fired: [Int] = []
    for point in points
    where !signals.take(entropy: point.policy.topEntropy, mass: point.policy.topMass).isEmpty {
      fired.append(point.epoch)
    }
    let seen = points.filter { $0.epoch <= fired.first ?? .max }
    return (fired.first, fired.last, seen.map(\.win).max()!)
  }

  private func items(_ points: [GrammarStudy.Point], title: String) -> [ReportItem] {
    var table = ReportTable(
      title: title,
      columns: [
        .integer("epoch"), .number("win"), .number("margin a token"), .number("ln π a token, preferred"),
        .number("ln π a token, other"), .number("entropy"), .number("mass"), .number("EAD"), .number("KL"),
      ])
    for point in points {
      table.append([
        .integer(point.epoch), .number(point.win), .number(point.marginPerToken),
        .number(point.pairs.chosenPerToken), .number(point.pairs.rejectedPerToken),
        .number(point.policy.topEntropy), .number(point.policy.topMass), .number(point.policy.diversity),
        .number(point.policy.divergence?.value ?? .nan),
      ])
    }
    let epochs = points.map { Double($0.epoch) }
    let analysis = OverOptimisationAnalysis(
      likelihoods: points.map(\.pairs.chosenPerToken), wins: points.map(\.win))
    return [
      .table(table),
      .plot(
        Plot(
          title,
          caption: "Quadratic fit of the win rate in the preferred responses' likelihood: "
            + "\(formatNumber(100 * analysis.reduction)) % less error than a line.",
          x: "epoch", y: "win rate, entropy/log₂ 10",
          marks: [
            .line(x: epochs, y: points.map(\.win), series: "win rate"),
            .line(x: epochs, y: points.map { $0.policy.topEntropy / 3.3219 }, series: "entropy/log₂ 10"),
          ]), name: title),
    ]
  }
}
