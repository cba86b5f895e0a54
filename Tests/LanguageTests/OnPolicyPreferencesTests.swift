import Foundation
import Language
import Probability
import Testing
import Torch

@Suite("On-policy preferences")
struct OnPolicyPreferencesTests {
  private static let misaligned = PreferenceBandit(.misaligned)
  private static let aligned = PreferenceBandit(.aligned)

  private func near(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool { abs(a - b) <= tolerance }

  // MARK: The bandit

  @Test("the bandit's reference and rewards have the exact figures")
  func bandit() {
    let p = PreferenceBandit.exactReference.map { exp($0) }
    #expect(near(p.reduce(0, +), 1, 1e-14))
    #expect(near(p[0], 0.0780935151, 5e-11))
    #expect(near(p[20], 0.0243312343, 5e-11))
    #expect(near(p[70], 0.0021117623, 5e-11))
    #expect(near(p[99], 0.0422264073, 5e-11))
    let law = Self.misaligned.law(Tensor(PreferenceBandit.exactReference))
    #expect(near(law.entropy!, 4.1173463460, 5e-11))
    #expect(near(law.divergence!, 0, 1e-14) && near(law.reverseDivergence!, 0, 1e-14))
    #expect(near(law.reward, 0.0390458470, 5e-11))
    #expect(near(Self.aligned.referenceReward, 0.3771919348, 5e-11))
    #expect(near(Self.misaligned.referenceReward, law.reward, 1e-14))
    // The rarest actions that together have at most a tenth.
    #expect(law.tailMass! <= 0.1 && law.tailMass! > 0.09)
  }

  @Test("the width widens the peak, and the histogram is near the exact masses")
  func variants() {
    let wide = PreferenceBandit(.misaligned, width: 30)
    #expect(near(wide.rewards[40], exp(-1), 1e-15) && wide.rewards[70] == 1)
    var random = RandomSource(seed: 3)
    let draws = 200_000
    let histogram = PreferenceBandit.histogramReference(draws: draws, using: &random)
    for (found, exact) in zip(histogram, PreferenceBandit.exactReference) {
      // Six deviations of a binomial share.
      let bound = 6 * (exp(exact) / Double(draws)).squareRoot()
      #expect(near(exp(found), exp(exact), bound))
    }
  }

  @Test("what the reference reaches of the highest reward decides the advice")
  func advice() {
    #expect(Self.misaligned.alignment.isMisaligned && !Self.aligned.alignment.isMisaligned)
    #expect(Self.misaligned.alignment.recommendation.contains("current policy"))
    #expect(Self.aligned.alignment.recommendation.contains("best-of-n"))
    #expect(near(PreferenceAlignment(mean: -150, lowest: -200, highest: 0).share, 0.25, 1e-15))
    #expect(!PreferenceAlignment(mean: 1, lowest: 1, highest: 1).isMisaligned)
  }

  // MARK: Closed forms

  private func figures(_ bandit: PreferenceBandit, _ law: [Double]) -> (Double, Double) {
    let found = bandit.law(Tensor(law))
    return (found.reward, found.divergence!)
  }

  @Test("E1a: the optimum of RWR and of DPO")
  func tilted() {
    let figures: [(PreferenceBandit, Double, Double, Double)] = [
      (Self.misaligned, 0.1, 0.940927, 3.794055), (Self.misaligned, 0.5, 0.151753, 0.137795),
      (Self.misaligned, 1, 0.076624, 0.021047), (Self.aligned, 0.1, 0.947167, 1.440714),
      (Self.aligned, 0.5, 0.661156, 0.277831), (Self.aligned, 1, 0.523857, 0.073961),
    ]
    for (bandit, beta, reward, divergence) in figures {
      let found = self.figures(
        bandit,
        PreferenceOptimum.tilted(reference: bandit.reference, rewards: bandit.rewards, beta: beta))
      #expect(near(found.0, reward, 6e-7) && near(found.1, divergence, 6e-7), "β = \(beta): \(found)")
    }
  }

  @Test("E1b: the law of the best of N, within its bound")
  func bestOf() {
    let figures: [(PreferenceBandit, [Double], Double)] = [
      (Self.misaligned, [0.076083, 0.144631, 0.313484, 0.440442], 1.401466),
      (Self.aligned, [0.584297, 0.784591, 0.940146, 0.972678], 1.394573),
    ]
    for (bandit, rewards, divergence) in figures {
      for (samples, reward) in zip([2, 4, 10, 16], rewards) {
        let law = PreferenceOptimum.bestOf(samples, reference: bandit.reference, rewards: bandit.rewards)
        let found = self.figures(bandit, law)
        #expect(near(found.0, reward, 6e-7), "N = \(samples): \(found)")
        #expect(found.1 <= PreferenceOptimum.bestOfBound(samples))
        if samples == 10 { #expect(near(found.1, divergence, 6e-7)) }
      }
    }
    #expect(near(PreferenceOptimum.bestOfBound(10), 1.402585, 6e-7))
  }

  @Test("the law of the best of N by counting all draws, with ties")
  func bestOfTies() {
    let p = [0.5, 0.3, 0.2]
    let rewards = [1.0, 0, 1]
    let law = PreferenceOptimum.bestOf(2, reference: p.map { log($0) }, rewards: rewards).map { exp($0) }
    var counted = [0.0, 0, 0]
    for i in 0..<3 {
      for j in 0..<3 {
        let mass = p[i] * p[j]
        if rewards[i] == rewards[j] {
          counted[i] += mass / 2
          counted[j] += mass / 2
        } else {
          counted[rewards[i] > rewards[j] ? i : j] += mass
        }
      }
    }
    for (a, b) in zip(law, counted) { #expect(near(a, b, 1e-15)) }
    let one = PreferenceOptimum.bestOf(1, reference: p.map { log($0) }, rewards: rewards)
    for (a, b) in zip(one, p) { #expect(near(exp(a), b, 1e-15)) }
  }

  @Test("E1c: the optimum of IPO")
  func identity() {
    for (bandit, reward, divergence) in [
      (Self.misaligned, 0.308070, 1.303053), (Self.aligned, 0.926020, 1.295952),
    ] {
      let law = PreferenceOptimum.identity(reference: bandit.reference, rewards: bandit.rewards, tau: 0.1)
      let found = figures(bandit, law)
      #expect(near(found.0, reward, 6e-7) && near(found.1, divergence, 6e-7), "\(found)")
    }
  }

  @Test("gradients on the population losses come to the closed forms")
  func gradientOptima() {
    for bandit in [Self.misaligned, Self.aligned] {
      let (reference, rewards) = (bandit.reference, bandit.rewards)
      let dpo = PreferenceLoss.preset(.dpo, beta: 0.5)
      let ipo = PreferenceLoss(score: .ratio, ranking: .square(beta: 0.1))
      let tilted = PreferenceOptimum.tilted(reference: reference, rewards: rewards, beta: 0.5)
      let cases: [(ResponseTerms, [Double])] = [
        (.population(rewardWeighted: 0.5, reference: reference, rewards: rewards), tilted),
        (
          .population(pairs: dpo, labels: .bradleyTerry, reference: reference, rewards: rewards), tilted
        ),
        (
          .population(bestOf: 4, reference: reference, rewards: rewards),
          PreferenceOptimum.bestOf(4, reference: reference, rewards: rewards)
        ),
        (
          .population(pairs: ipo, labels: .deterministic, reference: reference, rewards: rewards),
          PreferenceOptimum.identity(reference: reference, rewards: rewards, tau: 0.1)
        ),
      ]
      for (i, (terms, law)) in cases.enumerated() {
        let loss = terms.loss(reference: reference)
        let minimum = LBFGS(maximumIterations: 2000, memory: 300, gradientTolerance: 1e-12)
          .minimise({ loss($0[0].logSoftmax(0)) }, from: [Tensor(reference)])
        let found = figures(bandit, minimum.arguments[0].logSoftmax(0).doubles)
        let exact = figures(bandit, law)
        #expect(near(found.0, exact.0, 1e-6) && near(found.1, exact.1, 1e-6), "case \(i): \(found), \(exact)")
      }
    }
  }

  @Test("3000 steps of Adam bring DPO to the closed form")
  func adam() {
    let bandit = Self.misaligned
    let policy = TabularPolicy(bandit)
    let loss = ResponseTerms.population(
      pairs: .preset(.dpo, beta: 0.5), labels: .bradleyTerry, reference: bandit.reference,
      rewards: bandit.rewards
    ).loss(reference: bandit.reference)
    let optimiser = Adam(policy.parameters, learningRate: 0.02)
    for _ in 0..<3000 {
      optimiser.step(gradients(of: [loss(policy.table)], withRespectTo: [policy.logits.value]))
    }
    let law = PreferenceOptimum.tilted(reference: bandit.reference, rewards: bandit.rewards, beta: 0.5)
    let gap = PreferenceBandit(reference: law, rewards: bandit.rewards).law(policy.table.detach()).divergence!
    #expect(abs(gap) < 1e-8, "\(gap)")
  }

  // MARK: Forward and reverse KL

  @Test("E2: one step of either divergence")
  func oneStep() {
    let target = [0.7, 0.2, 0.05, 0.05]
    let forward = DivergenceStep.step(.forward, logits: [0, 0, 0, 0], target: target, size: 0.5)
    let reverse = DivergenceStep.step(.reverse, logits: [0, 0, 0, 0], target: target, size: 0.5)
    for (a, b) in zip(forward, [0.310188, 0.241574, 0.224119, 0.224119]) { #expect(near(a, b, 6e-7)) }
    for (a, b) in zip(reverse, [0.303668, 0.259652, 0.218340, 0.218340]) { #expect(near(a, b, 6e-7)) }
  }

  @Test("how far a step moves two responses apart, and the gradients by autograd")
  func relativeMoves() {
    let logits = [0.3, -1.2, 2, 0.1, -0.4]
    let q = [0.1, 0.4, 0.05, 0.25, 0.2]
    for direction in DivergenceStep.Direction.allCases {
      let size = 0.7
      let total = logSumExp(logits)
      let p = logits.map { exp($0 - total) }
      let moved = DivergenceStep.step(direction, logits: logits, target: q, size: size)
      for i in 0..<5 {
        for j in 0..<5 {
          let exact = log(moved[i] / p[i]) - log(moved[j] / p[j])
          let found = DivergenceStep.relativeMove(direction, logits: logits, target: q, size: size, i, j)
          #expect(near(found, exact, 1e-13))
          guard direction == .forward else { continue }
          let formula = size * ((q[i] - q[j]) - (p[i] - p[j]))
          #expect(near(found, formula, 1e-14))
        }
      }
      let target = Tensor(q)
      let (_, slopes) = valueAndGradient(
        of: { x in
          let logs = x[0].logSoftmax(0)
          return direction == .forward
            ? (target * (target.log() - logs)).sum() : (logs.exp() * (logs - target.log())).sum()
        }, at: [Tensor(logits)])
      let own = DivergenceStep.gradient(direction, logits: logits, target: q)
      for (a, b) in zip(own, slopes[0].doubles) { #expect(near(a, b, 1e-14)) }
    }
  }
}
