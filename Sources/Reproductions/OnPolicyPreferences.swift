import Foundation
import Language
import Probability
import Report
import Torch

/// Tajwar et al. 2024 (arXiv 2404.14367) on the paper's bandit with a tabular policy: closed forms (E1), one step of
/// either divergence (E2), on-policy against offline draws (E3), the negative gradient (E4), degrees between on-policy and
/// offline (E5); from `laptop` on a small transformer (E6).
public struct OnPolicyPreferences: Experiment {
  public static let slug = "on-policy-preferences"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] {
    ["E1", "E2", "E3", "E4", "E5"] + (scale == .quick ? [] : ["E6"])
  }

  static let seeds = 5
  static let bandits: [(name: String, bandit: PreferenceBandit)] = [
    ("R1", PreferenceBandit(.misaligned)), ("R2", PreferenceBandit(.aligned)),
  ]

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "E1":
      log("E1: closed forms, and the same by gradients")
      return closedForms()
    case "E2": return oneStep()
    case "E3": return try onPolicy(random: random, log: log)
    case "E4": return try negativeGradient(random: random, log: log)
    case "E5": return try degrees(random: random, log: log)
    case "E6": return try sequences(random: random, log: log)
    default: preconditionFailure("no part \(part)")
    }
  }

  // MARK: E1

  /// A closed form: whose optimum, the figures computed independently, and the loss it is the minimum of.
  private struct Optimum {
    let name: String
    let law: [Double]
    let bandit: PreferenceBandit
    var reward: Double?
    var divergence: Double?
    let terms: [ResponseTerms]

    var found: PolicyLaw { bandit.law(Tensor(law)) }
    var error: Double {
      max(reward.map { abs(found.reward - $0) } ?? 0, divergence.map { abs(found.divergence! - $0) } ?? 0)
    }
  }

  private func optima() -> [[Optimum]] {
    let tilts: [[(Double, Double, Double)]] = [
      [(0.1, 0.940927, 3.794055), (0.5, 0.151753, 0.137795), (1, 0.076624, 0.021047)],
      [(0.1, 0.947167, 1.440714), (0.5, 0.661156, 0.277831), (1, 0.523857, 0.073961)],
    ]
    let bests: [[(Int, Double, Double?)]] = [
      [(2, 0.076083, nil), (4, 0.144631, nil), (10, 0.313484, 1.401466), (16, 0.440442, nil)],
      [(2, 0.584297, nil), (4, 0.784591, nil), (10, 0.940146, 1.394573), (16, 0.972678, nil)],
    ]
    let identities = [(0.308070, 1.303053), (0.926020, 1.295952)]
    var groups: [[Optimum]] = [[], [], []]
    for (i, (name, bandit)) in Self.bandits.enumerated() {
      let (reference, rewards) = (bandit.reference, bandit.rewards)
      for (beta, reward, divergence) in tilts[i] {
        groups[0].append(
          Optimum(
            name: "RWR, DPO, β = \(beta), \(name)",
            law: PreferenceOptimum.tilted(reference: reference, rewards: rewards, beta: beta), bandit: bandit,
            reward: reward, divergence: divergence,
            terms: [
              .population(rewardWeighted: beta, reference: reference, rewards: rewards),
              .population(
                pairs: .preset(.dpo, beta: beta), labels: .bradleyTerry, reference: reference,
                rewards: rewards),
            ]))
      }
      for (count, reward, divergence) in bests[i] {
        groups[1].append(
          Optimum(
            name: "best of \(count), \(name)",
            law: PreferenceOptimum.bestOf(count, reference: reference, rewards: rewards), bandit: bandit,
            reward: reward, divergence: divergence,
            terms: [.population(bestOf: count, reference: reference, rewards: rewards)]))
      }
      groups[2].append(
        Optimum(
          name: "IPO, τ = 0.1, \(name)",
          law: PreferenceOptimum.identity(reference: reference, rewards: rewards, tau: 0.1), bandit: bandit,
          reward: identities[i].0, divergence: identities[i].1,
          terms: [
            .population(
              pairs: .init(score: .ratio, ranking: .square(beta: 0.1)), labels: .deterministic,
              reference: reference, rewards: rewards)
          ]))
    }
    return groups
  }

  private func closedForms() -> ExperimentOutcome {
    var outcome = ExperimentOutcome()
    var table = ReportTable(
      title: "E1: optima in closed form",
      columns: [
        .text("objective"), .number("reward"), .number("KL to the reference"),
        .number("KL of the gradient's optimum to the formula"),
      ])
    let groups = optima()
    for (group, statement) in zip(
      groups,
      [
        "E1a: largest error of reward and KL of RWR's and DPO's optimum, β = 0.1, 0.5, 1",
        "E1b: largest error of reward and KL of the best of 2, 4, 10, 16",
        "E1c: largest error of reward and KL of IPO's optimum, τ = 0.1",
      ])
    {
      outcome.claims.append(
        Claim(statement, measured: group.map(\.error).max()!, uncertainty: nil, rule: .atMost(1e-6)))
    }
    var worst = 0.0
    for optimum in groups.joined() {
      var gap = 0.0
      for terms in optimum.terms {
        let found = optimum.bandit.law(Self.minimum(of: terms, from: optimum.bandit.reference))
        worst = max(
          worst, abs(found.reward - optimum.found.reward), abs(found.divergence! - optimum.found.divergence!))
        let law = PreferenceBandit(reference: optimum.law, rewards: optimum.bandit.rewards)
        gap = max(gap, law.law(Self.minimum(of: terms, from: optimum.bandit.reference)).divergence!)
      }
      table.append([
        .text(optimum.name), .number(optimum.found.reward), .number(optimum.found.divergence!), .number(gap),
      ])
    }
    outcome.claims.append(
      Claim(
        "E1: largest error of reward and KL where the population losses are minimised by gradients",
        measured: worst, uncertainty: nil, rule: .atMost(1e-6)))
    let bound = Self.bandits.map { _, bandit in
      let law = PreferenceOptimum.bestOf(10, reference: bandit.reference, rewards: bandit.rewards)
      return bandit.law(Tensor(law)).divergence!
    }.max()!
    outcome.claims.append(
      Claim(
        "E1b: KL of the best of 10, against the bound ln N − (N − 1)/N", measured: bound, uncertainty: nil,
        rule: .atMost(PreferenceOptimum.bestOfBound(10))))
    outcome.claims.append(
      Claim(
        "E1: KL of DPO's policy after 3000 Adam steps of 0.02 to the formula, β = 0.5, R1",
        measured: adamGap(), uncertainty: nil, rule: .atMost(1e-6)))
    outcome.items.append(.table(table))
    return outcome
  }

  /// ln π at the minimum.
  static func minimum(of terms: ResponseTerms, from reference: [Double]) -> Tensor {
    let loss = terms.loss(reference: reference)
    // A hundred logits, some of whose probabilities are tiny: few pairs of differences do not know so many scales.
    let minimiser = LBFGS(maximumIterations: 3000, memory: 300, gradientTolerance: 1e-13)
    return minimiser.minimise({ loss($0[0].logSoftmax(0)) }, from: [Tensor(reference)]).arguments[0]
      .logSoftmax(0)
  }

  private func adamGap() -> Double {
    let bandit = Self.bandits[0].bandit
    let terms = ResponseTerms.population(
      pairs: .preset(.dpo, beta: 0.5), labels: .bradleyTerry, reference: bandit.reference,
      rewards: bandit.rewards)
    let policy = TabularPolicy(bandit)
    let loss = terms.loss(reference: bandit.reference)
    let optimiser = Adam(policy.parameters, learningRate: 0.02)
    for _ in 0..<3000 {
      optimiser.step(
        withGradient { gradients(of: [loss(policy.table)], withRespectTo: [policy.logits.value]) })
    }
    let law = PreferenceOptimum.tilted(reference: bandit.reference, rewards: bandit.rewards, beta: 0.5)
    return withoutGradient {
      PreferenceBandit(reference: law, rewards: bandit.rewards).law(policy.table).divergence!
    }
  }

  // MARK: E2

  private func oneStep() -> ExperimentOutcome {
    let target = [0.7, 0.2, 0.05, 0.05]
    let figures: [(DivergenceStep.Direction, [Double])] = [
      (.forward, [0.310188, 0.241574, 0.224119, 0.224119]),
      (.reverse, [0.303668, 0.259652, 0.218340, 0.218340]),
    ]
    return ExperimentOutcome(
      claims: figures.map { direction, figures in
        let found = DivergenceStep.step(direction, logits: [0, 0, 0, 0], target: target, size: 0.5)
        return Claim(
          "E2: largest error of p after one step of the \(direction.rawValue) KL from the uniform law",
          measured: zip(found, figures).map { abs($0 - $1) }.max()!, uncertainty: nil, rule: .atMost(1e-6))
      })
  }
}
