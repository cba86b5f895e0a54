import Foundation
import Language
import Testing
import Torch

@Suite("Likelihood over-optimisation")
struct LikelihoodOveroptimisationTests {
  private func model(_ seed: UInt64 = 3) throws -> Transformer {
    var random = RandomSource(seed: seed)
    return try Transformer(
      .llama(vocabularySize: 12, width: 16, layers: 1, heads: 2, contextLength: 16), using: &random)
  }

  private var generation: GenerationOptions {
    var options = GenerationOptions()
    (options.maximumTokens, options.stopTokens) = (6, [0])
    return options
  }

  private let prompts = [[1], [2], [3], [4, 5]]

  @Test(
    "a policy compared with itself wins half, from a reference that is itself by nothing, and always alike")
  func itself() throws {
    let model = try model()
    let random = RandomSource(seed: 7)
    var monitor = try PolicyMonitor(prompts: prompts, generation: generation, random: random)
    let own = try monitor.responses(of: model).map(\.tokens)
    let judge: PolicyMonitor.Judge = { _, responses in responses.map { Double($0.reduce(0, +)) } }
    monitor = try PolicyMonitor(
      prompts: prompts, generation: generation, judge: judge, competitors: own, random: random)
    monitor.reference = try model.copy()
    let reading = try monitor.read(model)
    #expect(abs(reading.win!.value - 0.5) < 1e-12 && reading.win!.standardError < 1e-12)
    #expect(abs(reading.divergence!.value) < 1e-5)
    #expect(reading.reward!.value == own.map { Double($0.reduce(0, +)) }.reduce(0, +) / 4)
    #expect(reading.length == Double(own.map(\.count).reduce(0, +)) / 4)
    #expect(try monitor.read(model) == reading)
    #expect(reading.diversity == TextDiversity(own, vocabularySize: 12).mean)
    // Another policy is told apart.
    #expect(try monitor.read(self.model(4)).divergence!.value != 0)
  }

  @Test("entropy and mass of what is written are those of the laws on the way")
  func laws() throws {
    let model = try model()
    var monitor = try PolicyMonitor(prompts: prompts, generation: generation, random: RandomSource(seed: 7))
    monitor.topTokens = 5
    let reading = try monitor.read(model)
    let items = zip(prompts, try monitor.responses(of: model)).map {
      ScoringItem(prompt: $0, continuations: [$1.tokens])
    }
    let states = try model.score(items, hiddenStates: true).map { $0[0].hiddenStates! }
    let top = TopTokenStatistics(logits: model.logits(hidden: .concatenate(states)), count: 5)
    #expect(abs(reading.topEntropy - top.entropies.mean().item()) < 1e-5)
    #expect(abs(reading.topMass - top.masses.mean().item()) < 1e-5)
  }

  @Test("judges that do not judge, and competitors that are missing, are refused")
  func refusals() throws {
    func failure(_ judge: @escaping PolicyMonitor.Judge, _ competitors: [[Int]]) -> String? {
      do {
        _ = try PolicyMonitor(
          prompts: prompts, generation: generation, judge: judge, competitors: competitors,
          random: RandomSource(seed: 1))
        return nil
      } catch { return "\(error)" }
    }
    let four = [[1], [2], [3], [4]]
    #expect(failure({ $1.map { _ in .nan } }, four)?.contains("not finite") == true)
    #expect(failure({ _, _ in [1] }, four)?.contains("1 rewards of 4") == true)
    #expect(failure({ $1.map { _ in 0 } }, [[1]])?.contains("1 responses") == true)
    #expect(throws: LanguageError.self) {
      try PolicyMonitor(prompts: [], generation: generation, random: RandomSource(seed: 1))
    }
  }

  @Test("a parabola is found where there is one, and the front is what no reading beats")
  func analysis() {
    let x = [-3.0, -2.5, -2, -1.5, -1]
    let curved = OverOptimisationAnalysis(likelihoods: x, wins: x.map { 0.6 - ($0 + 2) * ($0 + 2) })
    #expect(curved.quadraticError < 1e-9 && curved.linearError > 0.1 && curved.reduction > 0.999)
    let straight = OverOptimisationAnalysis(likelihoods: x, wins: x.map { 0.5 + 0.1 * $0 })
    #expect(straight.linearError < 1e-9)
    #expect(OverOptimisationAnalysis(likelihoods: [1, 1, 1, 1], wins: [0, 1, 0, 1]).linearError == 0.5)
    #expect(
      OverOptimisationAnalysis.front(chosen: [-1, -2, -1.5, -2], rejected: [-2, -4, -1.5, -3]) == [0, 1])
  }

  @Test("objectives of two responses end where theory has them")
  func fixedPoints() {
    /// Descends on logits of two responses, labels of which a share is wrong.
    func gap(_ loss: PreferenceLoss) -> Double {
      let logits = Parameter(Tensor.zeros([2], dtype: .double))
      let optimiser = SGD([logits], learningRate: 1)
      let one = Tensor.ones([1], dtype: .double)
      let half = Foundation.log(0.5) * one
      for _ in 0..<4000 {
        let logs = logits.value.logSoftmax(0)
        let value = loss(
          ResponseLikelihoods(
            chosen: logs[0..<1], rejected: logs[1..<2], chosenLengths: one, rejectedLengths: one,
            chosenReference: half, rejectedReference: half)
        ).sum()
        optimiser.step(gradients(of: [value], withRespectTo: [logits.value]))
      }
      return (logits.value[0] - logits.value[1]).item()
    }
    #expect(abs(gap(.preset(.ipoScaled, beta: 0.5)) - 1) < 1e-6)
    let smoothed = PreferenceLoss.preset(.dpo, beta: 1, smoothing: 0.2)
    #expect(abs(gap(smoothed) - Foundation.log(0.8 / 0.2)) < 1e-6)
  }
}
