import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch

@Suite("Products of masked models") struct MaskedProductTests {
  private let tiny = TinyChain()
  private let other = try! MarkovChain(
    initial: Tensor([0.2, 0.2, 0.6]),
    transition: Tensor(rows: [[0.1, 0.3, 0.6], [0.5, 0.4, 0.1], [0.3, 0.3, 0.4]]))

  private func probabilities(_ chain: MarkovChain) -> [Double] {
    let (start, step) = (chain.initial.doubles, chain.transition.doubles)
    return (0..<81).map { i in
      let x = TinyChain.digits(i)
      return start[x[0]] * step[3 * x[0] + x[1]] * step[3 * x[1] + x[2]] * step[3 * x[2] + x[3]]
    }
  }

  private func sampler(_ exponents: [Double]) throws -> MaskedSampler<MaskedProduct> {
    try MaskedSampler(
      MaskedProduct([tiny.denoiser, MarkovChainDenoiser(other, length: 4)], exponents: exponents),
      unmasking: .randomOrder)
  }

  @Test(
    "the mean of Ẑ is Σ Π qᵢ^βᵢ, and the weighted sequences have that law",
    arguments: [[1.0, 1.0], [2, 0], [0.5, 0.5], [-0.5, 1.5]], [0.0, 0.5])
  func exact(exponents: [Double], threshold: Double) throws {
    let products = zip(probabilities(tiny.chain), probabilities(other)).map {
      pow($0, exponents[0]) * pow($1, exponents[1])
    }
    let total = products.reduce(0, +)
    let result = try sampler(exponents).correct(
      ParticleShape(groups: 3000, particles: 16), steps: 4,
      engine: SequentialMonteCarlo(threshold: threshold),
      random: RandomSource(seed: 7))
    let ratios = result.particles.logEvidence.map { exp($0) / total }
    #expect(abs(Estimate(meanOf: ratios).zScore(against: 1)) < 5)
    // E[Ẑ f̄] = Z E[f], f the indicator of one sequence.
    let place = TinyChain.place(of: result.particles.state).reshape(3000, 16)
    for i in 0..<81 where products[i] / total > 0.01 {
      let share = ((place .== Double(i)).to(.double) * result.particles.weights).sum(1).doubles
      let found = Estimate(meanOf: zip(share, ratios).map(*))
      #expect(abs(found.zScore(against: products[i] / total)) < 5)
    }
  }

  @Test("one model to the power 1 has no weights, and its own draws")
  func trivial() throws {
    let product = try sampler([1, 0]).correct(
      ParticleShape(groups: 20, particles: 4), steps: 4, random: RandomSource(seed: 8))
    #expect(product.particles.logWeights.abs().max().item() < 1e-12)
    #expect(product.trace.resamplings.isEmpty)
  }

  @Test("models over other sequences and exponents that are no numbers are refused")
  func refusals() {
    func error(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return ""
    }
    let long = MarkovChainDenoiser(other, length: 5)
    #expect(!error { _ = try MaskedProduct([tiny.denoiser, long], exponents: [1, 1]) }.isEmpty)
    #expect(error { _ = try MaskedProduct([tiny.denoiser], exponents: [1, 1]) }.contains("1 finite"))
    #expect(error { _ = try MaskedProduct([tiny.denoiser], exponents: [.nan]) }.contains("exponents"))
    #expect(
      error {
        _ = try sampler([1, 1]).correct(
          ParticleShape(groups: 1, particles: 2), steps: 0, random: RandomSource(seed: 1))
      }.contains("steps"))
  }
}
