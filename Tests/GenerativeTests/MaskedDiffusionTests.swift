import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch

@Suite("Masked diffusion") struct MaskedDiffusionTests {
  private let tiny = TinyChain()

  @Test("the chain's denoiser is Bayes' rule over all sequences, for every partly masked one")
  func denoiser() {
    let tokens = Tensor((0..<256).flatMap { i in [64, 16, 4, 1].map { i / $0 % 4 } }, shape: [256, 4])
    let found = tiny.denoiser.tokenProbabilities(tokens)
    // P(sequence | seen), then summed over the sequences that have symbol v at position i.
    var posterior = tiny.agreement(tokens) * Tensor(tiny.probabilities)
    posterior = posterior / posterior.sum(1, keep: true)
    let indicators = tiny.sequences.oneHot(3).to(.double).reshape(81, -1)
    let expected = posterior.matmul(indicators).reshape(256, 4, 3)
    #expect(distance(found, expected) < 1e-14)
  }

  @Test("the chain's denoiser is the forward-backward recursion, for long sequences too")
  func recursion() {
    var random = RandomSource(seed: 2)
    let length = 60
    let symbols = tiny.chain.sample(50, length: length, using: &random)
    let isMasked = random.uniform([50, length]) .< random.uniform([50, 1])
    let tokens = symbols.filled(where: isMasked, with: 3)
    let evidence = Tensor.concatenate([.identity(3, dtype: .double), .ones([1, 3], dtype: .double)])
    let expected = tiny.chain.marginals(given: .embedding(evidence, tokens))
    #expect(
      distance(MarkovChainDenoiser(tiny.chain, length: length).tokenProbabilities(tokens), expected) < 1e-13)
  }

  @Test("in any order of positions the denoiser's conditionals multiply to the chain's probability")
  func anyOrder() {
    func orders(_ rest: [Int]) -> [[Int]] {
      rest.isEmpty ? [[]] : rest.flatMap { first in orders(rest.filter { $0 != first }).map { [first] + $0 } }
    }
    for order in orders([0, 1, 2, 3]) {
      var tokens = Tensor.full([81, 4], 3, dtype: .int64)
      var product = Tensor.ones([81], dtype: .double)
      for position in order {
        let symbols = tiny.sequences[.all, position..<position + 1]
        let law = tiny.denoiser.tokenProbabilities(tokens)[.all, position]
        product = product * law.gather(axis: 1, symbols).squeeze(1)
        tokens = tokens.replacing(axis: 1, position..<position + 1, with: symbols)
      }
      #expect(distance(product, Tensor(tiny.probabilities)) < 1e-15)
    }
  }

  private func pValue(_ tokens: Tensor, _ law: [Double]) -> Double {
    let counts = TinyChain.place(of: tokens).binCount(minimumLength: 81).doubles
    return chiSquarePValue(counts: counts, probabilities: law)
  }

  @Test("one random position a step draws the chain's own law")
  func exactLaw() throws {
    let drawn = try tiny.sampler.sample(40_000, steps: 4, random: RandomSource(seed: 3))
    #expect(pValue(drawn, tiny.probabilities) > 1e-6)
  }

  @Test("a single step draws every position from its own marginal, in either order")
  func oneStep() throws {
    let marginals = tiny.denoiser.tokenProbabilities(.full([1, 4], 3, dtype: .int64)).doubles
    let law = (0..<81).map { i in
      TinyChain.digits(i).enumerated().reduce(1.0) { $0 * marginals[3 * $1.0 + $1.1] }
    }
    for unmasking in [Unmasking.randomOrder, .independent(.logLinear), .independent(.cosine)] {
      let sampler = try MaskedSampler(tiny.denoiser, unmasking: unmasking)
      let drawn = try sampler.sample(40_000, steps: 1, random: RandomSource(seed: 4))
      #expect(pValue(drawn, law) > 1e-6)
      // Which is not the chain's law: the test could tell.
      #expect(pValue(drawn, tiny.probabilities) < 1e-12)
    }
  }

  @Test("many independent steps tend to the chain's law")
  func manySteps() throws {
    let sampler = try MaskedSampler(tiny.denoiser)
    let drawn = try sampler.sample(20_000, steps: 400, random: RandomSource(seed: 5))
    #expect(pValue(drawn, tiny.probabilities) > 1e-6)
  }

  @Test(
    "masks leave as the schedule says, and a symbol once seen stays", arguments: MaskedNoiseSchedule.allCases)
  func schedule(schedule: MaskedNoiseSchedule) throws {
    final class Watch: @unchecked Sendable {
      var shares: [Double] = []
      var previous: Tensor?
      var changed = 0
    }
    let watch = Watch()
    let watching = IntermediateReward.value { tokens, _ in
      watch.shares.append((tokens .== 3).to(.double).mean().item())
      if let previous = watch.previous {
        watch.changed += ((previous .!= 3) .& (tokens .!= previous)).sum().integer()
      }
      watch.previous = tokens
      return .zeros([tokens.size(0)], dtype: .double)
    }
    var options = SteeringOptions()
    (options.groups, options.particles, options.steps) = (10_000, 1, 8)
    _ = try MaskedSampler(tiny.denoiser, unmasking: .independent(schedule)).steer(
      reward: tiny.reward, intermediate: watching, options: options, random: RandomSource(seed: 6))
    #expect(watch.shares.count == 8 && watch.changed == 0)
    for (step, share) in watch.shares.enumerated() {
      let expected = schedule.maskedShare(at: 1 - Double(step) / 8)
      #expect(abs(share - expected) < 5.5 * (expected * (1 - expected) / 40_000).squareRoot() + 1e-12)
    }
  }

  @Test("the weight is the derivative of log m", arguments: MaskedNoiseSchedule.allCases)
  func weight(schedule: MaskedNoiseSchedule) {
    #expect(schedule.maskedShare(at: 0) == 0 && abs(schedule.maskedShare(at: 1) - 1) < 1e-15)
    for t in [0.01, 0.3, 0.77, 0.99] {
      let slope = (log(schedule.maskedShare(at: t + 1e-6)) - log(schedule.maskedShare(at: t - 1e-6))) / 2e-6
      #expect(abs(schedule.weight(at: t) / slope - 1) < 1e-6)
    }
  }

  @Test("a prompt stays, and the rest has the chain's law given it")
  func prompt() throws {
    let sampler = try MaskedSampler(
      tiny.denoiser, unmasking: .randomOrder, prompt: Tensor([Int64(3), 2, 3, 0]))
    let drawn = try sampler.sample(20_000, steps: 2, random: RandomSource(seed: 7))
    #expect(
      (drawn[.all, 1] .== 2).all().booleans == [true] && (drawn[.all, 3] .== 0).all().booleans == [true])
    let agrees = tiny.agreement(sampler.prompt.unsqueeze(0)).doubles
    let total = zip(agrees, tiny.probabilities).reduce(0) { $0 + $1.0 * $1.1 }
    let counts = TinyChain.place(of: drawn).binCount(minimumLength: 81).doubles
    let cells = (0..<81).filter { agrees[$0] == 1 }
    #expect(
      chiSquarePValue(
        counts: cells.map { counts[$0] }, probabilities: cells.map { tiny.probabilities[$0] / total })
        > 1e-6)
    // A prompt without masks is the finished sequence.
    let whole = try MaskedSampler(tiny.denoiser, prompt: Tensor([Int64(1), 2, 2, 0]))
    #expect(
      try whole.sample(2, steps: 3, random: RandomSource(seed: 1)).integers == [1, 2, 2, 0, 1, 2, 2, 0])
  }

  @Test("a sequence does not depend on how many are drawn beside it")
  func independence() throws {
    for unmasking in [Unmasking.randomOrder, .independent(.logLinear)] {
      let sampler = try MaskedSampler(tiny.denoiser, unmasking: unmasking)
      let few = try sampler.sample(3, steps: 4, random: RandomSource(seed: 8))
      let many = try sampler.sample(50, steps: 4, random: RandomSource(seed: 8))
      #expect(many[0..<3].isEqual(to: few))
    }
  }

  @Test("faulty prompts and counts are named")
  func faults() throws {
    func error(_ prompt: [Int64]) -> String {
      let thrown = #expect(throws: MaskedDiffusionError.self) {
        try MaskedSampler(tiny.denoiser, prompt: Tensor(prompt))
      }
      return "\(thrown!)"
    }
    #expect(
      error([1, 2]) == "a prompt of 2 symbols: 4 are expected, with masks where symbols are to be drawn")
    #expect(
      error([0, 1, 4, 3]).contains("symbol 4 at position 2: expected whole numbers in 0..<3, or 3 for a mask")
    )
    #expect(error([-1, 1, 2, 3]).contains("symbol -1 at position 0"))
    for (count, steps) in [(0, 4), (4, 0)] {
      #expect(throws: MaskedDiffusionError.self) {
        try tiny.sampler.sample(count, steps: steps, random: RandomSource(seed: 1))
      }
    }
    let cycle = try MarkovChain(
      initial: Tensor([1.0, 0]), transition: Tensor(rows: [[0.0, 1], [1, 0]]))
    let impossible = try MaskedSampler(
      MarkovChainDenoiser(cycle, length: 3), prompt: Tensor([Int64(2), 0, 2]))
    #expect(throws: MaskedDiffusionError.impossiblePrompt) {
      try impossible.sample(1, steps: 3, random: RandomSource(seed: 1))
    }
  }
}
