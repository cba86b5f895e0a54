import Foundation
import Language
import Testing
import Torch

@Suite("Preference objectives")
struct PreferenceLossTests {
  /// Pairs by their sums, lengths and reference sums.
  private func pairs(
    _ chosen: [Double], _ rejected: [Double], lengths: ([Double], [Double]),
    reference: ([Double], [Double])? = nil
  ) -> ResponseLikelihoods {
    ResponseLikelihoods(
      chosen: Tensor(chosen), rejected: Tensor(rejected), chosenLengths: Tensor(lengths.0),
      rejectedLengths: Tensor(lengths.1), chosenReference: reference.map { Tensor($0.0) },
      rejectedReference: reference.map { Tensor($0.1) })
  }

  @Test("ASFT, ORPO and their odds have the values worked out by hand")
  func odds() {
    let x = pairs([-6], [-15], lengths: ([6], [10]))
    let (w, l) = ResponseScore.odds(x)
    #expect(abs(w.item() + 0.5413248546) < 1e-9 && abs(l.item() + 1.2475175411) < 1e-9)
    func value(_ loss: PreferenceLoss) -> Double { loss(x).item() }
    #expect(abs(value(.preset(.asft)) - 2.2524824589) < 1e-9)
    #expect(abs(value(.preset(.orpo)) - 1.4011354881) < 1e-9)
    var align = PreferenceLoss.preset(.asft)
    align.likelihoodWeight = 0
    #expect(abs(value(align) - 1.2524824589) < 1e-9)
    align.ranking = .binary(beta: 0.5)
    #expect(abs(value(align) - 1.2667414487) < 1e-9)
    var ranking = PreferenceLoss.preset(.orpo)
    ranking.likelihoodWeight = 0
    #expect(abs(value(ranking) - 0.4011354881) < 1e-9)
    // A memorised response and an impossible one.
    let extreme = pairs([-2e-5], [-10], lengths: ([1], [1]))
    #expect(abs(ResponseScore.odds(extreme).chosen.item() - 10.8197682844) < 1e-6)
    align.ranking = .binary(beta: 1)
    #expect(abs(align(extreme).item() - 6.540096037e-05) < 1e-9)
    let certain = pairs([0], [0], lengths: ([3], [3]))
    let leaf = certain.chosen.requiringGradient()
    var sure = certain
    sure.chosen = leaf
    let slope = gradients(of: [align(sure).sum()], withRespectTo: [leaf])[0]
    #expect(align(certain).item().isFinite && slope.item().isFinite)
  }

  @Test("DPO, scaled IPO and SLiC with its anchor have the values worked out by hand")
  func ratios() {
    let x = pairs([-12], [-15], lengths: ([6], [10]), reference: ([-11], [-13]))
    #expect(abs(PreferenceLoss.preset(.dpo)(x).item() - 0.6443966601) < 1e-9)
    #expect(abs(PreferenceLoss.preset(.ipoScaled)(x).item() - 0.16) < 1e-12)
    #expect(abs(PreferenceLoss.preset(.ipo)(x).item() - 16) < 1e-9)
    #expect(abs(PreferenceLoss.preset(.slic, weight: 0.5)(x).item() - 2.2188821969) < 1e-9)
    // Weighted log-likelihoods of tokens: cDPO's sequence form.
    let weighted = pairs(
      [0.4], [0.1 * 0.1 - 0.4 * 0.95 + 0.5 * 0.3], lengths: ([3], [4]), reference: ([0], [0]))
    #expect(abs(PreferenceLoss.preset(.dpo)(weighted).item() - 0.6626276036) < 1e-9)
    let plain = pairs([0.4], [0.2], lengths: ([3], [4]), reference: ([0], [0]))
    #expect(abs(PreferenceLoss.preset(.dpo)(plain).item() - 0.6831971797) < 1e-9)
  }

  @Test(
    "slopes in the probabilities of two responses, and their ratio", arguments: [(0.4, 0.2), (0.3, 0.05)])
  func slopes(w: Double, l: Double) {
    func ratio(_ loss: PreferenceLoss) -> (Double, Double) {
      let p = Tensor([w, l]).requiringGradient()
      let logs = p.log()
      let x = ResponseLikelihoods(
        chosen: logs[0].reshape(1), rejected: logs[1].reshape(1), chosenLengths: Tensor([1.0]),
        rejectedLengths: Tensor([1.0]), chosenReference: logs[0].detach().reshape(1),
        rejectedReference: logs[1].detach().reshape(1))
      let found = gradients(of: [loss(x).sum()], withRespectTo: [p])[0].doubles
      return (found[0], found[1])
    }
    let dpo = ratio(.preset(.dpo))
    #expect(abs(dpo.0 + 0.05 / w) < 1e-9 && abs(dpo.1 - 0.05 / l) < 1e-9)
    var asft = PreferenceLoss.preset(.asft)
    asft.likelihoodWeight = 0
    let binary = ratio(asft)
    #expect(abs(binary.0 + 1 / w) < 1e-9 && abs(binary.1 - 1 / (1 - l)) < 1e-9)
    var orpo = PreferenceLoss.preset(.orpo)
    orpo.likelihoodWeight = 0
    let found = ratio(orpo)
    let (first, second) = (w / (1 - w), l / (1 - l))
    let s = second / (first + second)
    #expect(abs(found.0 + s / (w * (1 - w))) < 1e-9 && abs(found.1 - s / (l * (1 - l))) < 1e-9)
  }

  @Test("ORPO is ASFT plus λ ln(p_w(1 − p_l) + p_l(1 − p_w)), and never above it")
  func identity() {
    var random = RandomSource(seed: 2)
    let a = -3 * random.uniform([1000], dtype: .double) - 1e-3
    let b = -3 * random.uniform([1000], dtype: .double) - 1e-3
    let ones = Tensor.ones([1000], dtype: .double)
    let x = ResponseLikelihoods(chosen: a, rejected: b, chosenLengths: ones, rejectedLengths: ones)
    let (asft, orpo) = (PreferenceLoss.preset(.asft)(x), PreferenceLoss.preset(.orpo)(x))
    let (p, q) = (a.exp(), b.exp())
    let bracket = (p * (1 - q) + q * (1 - p)).log()
    #expect((orpo - asft - bracket).abs().max().item() < 1e-9)
    #expect((orpo - asft).max().item() <= 0)
  }

  /// f′ by differences where f is smooth.
  @Test(
    "every preset is finite, and its slopes are those of differences",
    arguments: PreferenceLoss.Preset.allCases)
  func presets(preset: PreferenceLoss.Preset) throws {
    let loss = PreferenceLoss.preset(preset, smoothing: preset == .dpo ? 0.1 : 0)
    try loss.validate()
    let (w, l) = ([-12.0, -7.5, -30], [-15.0, -6.5, -31])
    let lengths = ([6.0, 5, 20], [10.0, 4, 20])
    let reference = ([-11.0, -8, -30.5], [-13.0, -6, -30])
    func value(_ w: [Double], _ l: [Double]) -> Double {
      loss(pairs(w, l, lengths: lengths, reference: loss.needsReference ? reference : nil)).sum().item()
    }
    #expect(value(w, l).isFinite)
    // The zero of KTO is not differentiated, so that differences are no guide there.
    guard preset != .kto else { return }
    var x = pairs(w, l, lengths: lengths, reference: loss.needsReference ? reference : nil)
    let leaves = [x.chosen.requiringGradient(), x.rejected.requiringGradient()]
    (x.chosen, x.rejected) = (leaves[0], leaves[1])
    let found = gradients(of: [loss(x).sum()], withRespectTo: leaves).map(\.doubles)
    let step = 1e-6
    for i in 0..<3 {
      var (up, down) = (w, w)
      (up[i], down[i]) = (w[i] + step, w[i] - step)
      #expect(abs((value(up, l) - value(down, l)) / (2 * step) - found[0][i]) < 1e-4 * (1 + abs(found[0][i])))
      (up, down) = (l, l)
      (up[i], down[i]) = (l[i] + step, l[i] - step)
      #expect(abs((value(w, up) - value(w, down)) / (2 * step) - found[1][i]) < 1e-4 * (1 + abs(found[1][i])))
    }
  }

  @Test("IPO ends at a margin of 1/(2β), and DPO with labels wrong in a share ε of cases at ln((1 − ε)/ε)/β")
  func fixedPoints() {
    func margin(_ loss: PreferenceLoss) -> Double {
      var theta = Tensor([0.0, 0.0])
      for _ in 0..<4000 {
        let leaf = theta.requiringGradient()
        let logs = leaf.logSoftmax(-1)
        let half = Tensor([log(0.5)])
        let x = ResponseLikelihoods(
          chosen: logs[0].reshape(1), rejected: logs[1].reshape(1), chosenLengths: Tensor([1.0]),
          rejectedLengths: Tensor([1.0]), chosenReference: half, rejectedReference: half)
        theta = theta - 0.2 * gradients(of: [loss(x).sum()], withRespectTo: [leaf])[0]
      }
      return (theta[0] - theta[1]).item()
    }
    #expect(abs(margin(.preset(.ipo, beta: 0.25)) - 2) < 1e-6)
    #expect(abs(margin(.preset(.dpo, beta: 1, smoothing: 0.1)) - log(9)) < 1e-6)
  }

  @Test("parameters out of range are named")
  func refusals() {
    for (loss, name) in [
      (PreferenceLoss.preset(.dpo, beta: 0), "beta"), (.preset(.ipo, beta: -1), "beta"),
      (.preset(.dpo, smoothing: 0.7), "smoothing"), (.preset(.asft, weight: -1), "ranking weight"),
      (.preset(.dpo, weight: -1), "likelihood weight"),
    ] {
      let error = #expect(throws: LanguageError.self) { try loss.validate() }
      #expect(error?.place == name)
    }
  }

  @Test("statistics of the most probable tokens have the values worked out by hand")
  func topTokens() {
    let logits = Tensor((0..<50).map { 2 * sin(1.9 * Double($0) + 0.3) }).unsqueeze(0)
    let ten = TopTokenStatistics(logits: logits, count: 10)
    #expect(abs(ten.masses.item() - 0.5763682081) < 1e-9)
    #expect(abs(ten.entropies.item() - 3.3110490954) < 1e-9)
    #expect(abs(ten.rawEntropies.item() - 2.3665600413) < 1e-9)
    let five = TopTokenStatistics(logits: logits, count: 5)
    #expect(abs(five.masses.item() - 0.3181876400) < 1e-9 && abs(five.entropies.item() - 2.3215955674) < 1e-9)
    let uniform = TopTokenStatistics(logits: .zeros([1, 64]), count: 8)
    #expect(abs(uniform.entropies.item() - 3) < 1e-12)
    let certain = TopTokenStatistics(logits: Tensor([0.0, -.infinity, -.infinity]).unsqueeze(0), count: 10)
    #expect(certain.entropies.item() == 0 && certain.masses.item() == 1)
  }
}

@Suite("Signs of preference training gone wrong")
struct PreferenceSignalTests {
  @Test("adjusted distinct n-grams have the values worked out by hand")
  func diversity() {
    let found = TextDiversity([[1, 2, 3, 1, 2], [1, 2, 4], [5, 1, 2, 3]], vocabularySize: 10, longest: 3)
    #expect(found.distinct == [5, 5, 5] && found.total == [12, 9, 6])
    for (value, expected) in zip(found.adjusted, [0.6967956813, 0.8162205739, 1.0671014749]) {
      #expect(abs(value - expected) < 1e-9)
    }
    let power = TextDiversity([[1, 2], [3]], vocabularySize: 4, longest: 2, base: .power)
    #expect(abs(power.adjusted[1] - 1) < 1e-12)
    #expect(TextDiversity([[1]], vocabularySize: 4, longest: 2).adjusted[1] == 0)
  }

  @Test("an entropy that turns, or a mass that falls, sets off its signal, and no other")
  func signals() {
    var signals = OverOptimisationSignals()
    signals.smoothing = 0
    var found: [Set<OverOptimisationSignals.Signal>] = []
    for (h, m) in [(2.0, 0.9), (2.2, 0.91), (2.17, 0.91), (2.1, 0.92), (2.0, 0.93)] {
      found.append(signals.take(entropy: h, mass: m))
    }
    // 2.17 is within two in a hundred of 2.2; 2.1 and 2.0 are not.
    #expect(found == [[], [], [], [], [.entropy]] && !signals.hasNoRisingPhase)
    var falling = OverOptimisationSignals()
    falling.smoothing = 0
    _ = falling.take(entropy: 2, mass: 0.9)
    #expect(falling.take(entropy: 2.3, mass: 0.86) == [])
    #expect(falling.take(entropy: 2.6, mass: 0.85) == [.mass])
    var onPolicy = OverOptimisationSignals()
    onPolicy.watches = [.mass]
    for h in [2, 1.5, 1.0, 0.5] { #expect(onPolicy.take(entropy: h, mass: 1) == []) }
    #expect(onPolicy.hasNoRisingPhase)
  }

  @Test("edits, windows around quantiles, and shares of the smallest")
  func measures() {
    #expect(editDistance([1, 2, 3], [1, 2, 3]) == 0 && editDistance([], [4, 5]) == 2)
    #expect(editDistance([1, 2, 3, 4], [2, 3, 9]) == 2)
    let values = [5.0, 1, 4, 2, 3]
    #expect(PreferenceSimilarity.window(values, quantile: 0, count: 2) == [1, 3])
    #expect(PreferenceSimilarity.window(values, quantile: 1, count: 2) == [2, 0])
    #expect(PreferenceSimilarity.window(values, quantile: 0.5, count: 3) == [3, 4, 2])
    #expect(PreferenceSimilarity.smallest(values, share: 0.4) == [1, 3])
  }

  @Test(
    "CHES is the inner product of sums of the states that predict a response", arguments: ["gpt2", "llama"])
  func ches(name: String) throws {
    let fixture = try ModelFixture(name)
    let pairs = [
      PreferencePair(prompt: [1, 2, 3], chosen: [4, 5, 60], rejected: [4, 60]),
      PreferencePair(prompt: [7], chosen: [8], rejected: [9]),
      PreferencePair(prompt: [7, 7], chosen: [8, 1], rejected: [8, 1]),
    ]
    let found = try fixture.model.similarities(of: pairs, endTokens: [60])
    for (pair, similarity) in zip(pairs, found) {
      func states(_ response: [Int]) -> Tensor {
        let all = withoutGradient {
          fixture.model.hiddenStates(Tensor(pair.prompt + response).unsqueeze(0))[0]
        }
        return all.slice(axis: 0, start: pair.prompt.count - 1).to(.double)
      }
      let (a, b) = (states(pair.chosen), states(pair.rejected))
      let (n, m) = (pair.chosen.count, pair.rejected.count)
      let first = a.slice(axis: 0, start: 0, end: n).sum(0)
      let second = b.slice(axis: 0, start: 0, end: m).sum(0)
      let (product, square) = ((first * second).sum().item(), first.square().sum().item())
      #expect(abs(similarity.ches - (product - square)) < 1e-3 * max(1, square))
      let mean = product / Double(n * m) - square / Double(n * n)
      #expect(abs(similarity.meanCHES - mean) < 1e-3 * max(1, square))
      let (i, j) = pair.chosen.last == 60 ? (n - 1, m - 1) : (n, m)
      #expect(abs(similarity.lastProduct - (a[i] * b[j]).sum().item()) < 1e-2)
    }
    #expect(abs(found[2].ches) < 1e-6 && found[2].negativeEdit == 0)
    let alone = try pairs.flatMap { try fixture.model.similarities(of: [$0], endTokens: [60]) }
    for (one, other) in zip(found, alone) { #expect(abs(one.ches - other.ches) < 1e-2) }
    let scores = try fixture.model.referenceLikelihoods(of: pairs)
    #expect(abs(found[0].chosenLogLikelihood - scores[0, 0].item()) < 1e-4)
  }
}
