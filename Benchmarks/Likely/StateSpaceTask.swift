import ArgumentParser
import Foundation
import Likely

/// A stochastic-volatility model by its deviations x from μ: x₀ stationary, x_t = ρx_{t−1} + σz_t, y_t ~ N(0, e^{μ + x_t}).
struct StochasticVolatility: Proposal, Potential {
  let mean = -1.0
  let persistence = 0.95
  let noise = 0.25
  /// By formula, so that the peer has the same without a file: |y| swells and ebbs as returns do.
  let observations: [Double]

  init(steps: Int) {
    observations = (0...steps).map { t in
      let t = Double(t)
      return exp(0.5 * (-1 + 0.8 * sin(t / 8))) * 2.0.squareRoot() * sin(1.7 * t * t)
    }
  }

  var steps: Int { observations.count - 1 }

  func start(_ shape: ParticleShape, using random: inout GroupRandom) -> Proposed<Tensor> {
    let z = random.normal(particles: shape.particles, event: [], dtype: .double)
    return Proposed(noise / (1 - persistence * persistence).squareRoot() * z)
  }

  func move(
    _ x: Tensor, to step: Int, _ shape: ParticleShape, using random: inout GroupRandom
  ) -> Proposed<Tensor> {
    let z = random.normal(particles: shape.particles, event: [], dtype: .double)
    return Proposed((persistence * x).adding(z, scaledBy: noise))
  }

  func initialMemory(_ shape: ParticleShape) -> Tensor? { nil }

  func logPotential(
    of x: Tensor, at step: Int, remembering memory: inout Tensor?, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) -> Tensor? {
    let square = observations[step] * observations[step] * exp(-mean)
    return -0.5 * (x.adding((-x).exp(), scaledBy: square) + (mean + log(2 * Double.pi)))
  }
}

/// The bootstrap filter of a stochastic-volatility model on the particle engine.
struct StateSpaceTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "filter")
  @OptionGroup var options: TaskOptions
  @Option var particles = 100_000
  @Option var steps = 100

  func run() throws {
    Libtorch.threads = options.threads
    let engine = SequentialMonteCarlo(resampling: .systematic, threshold: 0.5)
    func filter(_ model: StochasticVolatility, seed: UInt64) throws -> ParticleResult<Tensor> {
      let shape = ParticleShape(groups: 1, particles: particles)
      return try engine.run(model, model, shape, random: RandomSource(seed: seed))
    }
    let model = StochasticVolatility(steps: steps)
    _ = try filter(model, seed: 1)
    var result: ParticleResult<Tensor>?
    let before = processorSeconds()
    let time = try seconds { result = try filter(model, seed: UInt64.random(in: 0 ... .max)) }
    answer([
      "processor": processorSeconds() - before, "seconds": time,
      "logEvidence": result!.particles.logEvidence[0],
      "resamplings": Double(result!.trace.resamplings.count),
    ])
  }
}
