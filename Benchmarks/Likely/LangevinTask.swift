import ArgumentParser
import Foundation
import Likely

/// MALA on a normal with spreads from 0.5 to 2 in 100 dimensions: many chains, every tenth state kept.
struct LangevinTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "langevin")
  @OptionGroup var options: TaskOptions
  @Option var chains = 1_000
  @Option var dimension = 100
  @Option var draws = 100
  @Option var thin = 10
  @Option var stepSize = 0.1

  func run() throws {
    Libtorch.threads = options.threads
    let spreads = Tensor.linspace(0.5, 2, count: dimension)
    let target = try Normal(mean: 0, standardDeviation: spreads)
    let kernel = try MetropolisAdjustedLangevin(target: target, stepSize: stepSize)
    var random = RandomSource(seed: 0)
    let start = target.sample(chains, using: &random)
    func sample(_ draws: Int) throws -> ChainDraws<MetropolisAdjustedLangevin> {
      try sampleChains(kernel, from: start, warmUp: 0, draws: draws, thin: thin, using: &random)
    }
    _ = try sample(2)
    var result: ChainDraws<MetropolisAdjustedLangevin>?
    let before = processorSeconds()
    let time = try seconds { result = try sample(draws) }
    let processor = processorSeconds() - before
    // Of standardised coordinates at the end: 1 where chains keep their law.
    let variance = (result!.state.position / spreads).square().mean().item()
    answer([
      "processor": processor, "seconds": time,
      "acceptance": result!.acceptanceRates.reduce(0, +) / Double(chains), "variance": variance,
    ])
  }
}
