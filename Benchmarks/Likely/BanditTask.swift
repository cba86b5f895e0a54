import ArgumentParser
import Foundation
import Likely

/// IPO on a bandit from one offline batch, with the paper's network.
struct BanditTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "bandit")
  @OptionGroup var options: TaskOptions
  @Option var states = 100
  @Option var samples = 10
  @Option var steps = 200

  func run() throws {
    Libtorch.threads = options.threads
    let bandit = PreferenceBandit(.misaligned)
    var training = OnlinePreferenceOptions()
    (training.objective, training.threshold, training.learningRate) = (.named(.ipo, margin: 10), 0.2, 0.003)
    (training.iterations, training.prompts, training.samples) = (1, states, samples)
    (training.innerSteps, training.data) = (steps, .reference)
    func run(_ seed: UInt64) throws -> (seconds: Double, processor: Double, result: OnlineResult) {
      // The fit to the reference is no part of the time, here as there.
      var random = RandomSource(seed: seed)
      let loop = try OnlinePreferenceLoop(
        NetworkPolicy(bandit, using: &random), bandit: bandit, options: training)
      var result: OnlineResult?
      let before = processorSeconds()
      let time = try seconds { result = try loop.run(random: random) }
      return (time, processorSeconds() - before, result!)
    }
    _ = try run(1)
    let (time, processor, result) = try run(2)
    answer([
      "seconds": time, "processor": processor, "reward": result.readings[0].law.reward,
      "pairs": Double(result.readings[0].pairs),
    ])
  }
}
