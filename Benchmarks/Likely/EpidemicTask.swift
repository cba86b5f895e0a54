import ArgumentParser
import Foundation
import Likely

/// Epidemics of meningitis for many sets of rates to day 400, or the fit of seasonal carriers to weekly counts.
struct EpidemicTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "epidemic")
  @OptionGroup var options: TaskOptions
  @Option var task = "sets"
  @Option var sets = 10_000
  /// The loosest whose largest error is not above the peer's, which runs at 1e-6.
  @Option var tolerance = 8e-6

  func run() throws {
    Libtorch.threads = options.threads
    task == "fit" ? try fit() : try simulate()
  }

  private func simulate() throws {
    let model = CompartmentModel.meningitis
    let names = ["beta", "eps", "kap", "th", "rC", "sg", "g1", "d1", "g2", "d2"]
    let base = try model.values()
    // The same design in the peer: the golden ratio's multiples, spread over ±20 %.
    let all = (0..<sets).map { i in
      var set = base
      for (j, name) in names.enumerated() {
        let place = model.index(ofParameter: name)!
        let u = (Double(i + 1) * (0.618033988749895 + 0.01 * Double(j))).truncatingRemainder(dividingBy: 1)
        set[place] *= 0.8 + 0.4 * u
      }
      return set
    }
    func run(_ sets: [[Double]]) throws -> [Double] {
      try model.simulateAll(
        sets, to: 400,
        options: SimulationOptions(relativeTolerance: tolerance, absoluteTolerance: 1e-3 * tolerance)
      ) {
        $1.final("S")
      }
    }
    _ = try run(Array(all.prefix(64)))
    var found: [Double] = []
    let before = processorSeconds()
    let time = try seconds { found = try run(all) }
    let processor = processorSeconds() - before
    let exact = try model.simulateAll(
      Array(all.prefix(100)), to: 400,
      options: SimulationOptions(relativeTolerance: 1e-11, absoluteTolerance: 1e-13)
    ) { $1.final("S") }
    let error = zip(found, exact).map { abs($0 / $1 - 1) }.max()!
    let scale = 10_000 / Double(sets)
    answer([
      "seconds": time * scale, "processor": processor * scale, "error": error,
      "sum": found.prefix(100).reduce(0, +),
    ])
  }

  private func fit() throws {
    let model = CompartmentModel.endemicCarriers
    var options = CountFitOptions(fitted: ["A", "t0", "th"])
    (options.lead, options.starts) = (520, 1)
    options.simulation = SimulationOptions(relativeTolerance: 1e-6, absoluteTolerance: 1e-9)
    let values = try model.values(["A": 0.2, "t0": 4, "th": 1e-6])
    let fitting = CountFitting(model, to: .meningococcalDiseaseGermany, values: values, options: options)
    var random = RandomSource(seed: 1)
    _ = try fitting.fit(using: &random)
    var found: CountFit?
    let before = processorSeconds()
    let time = try seconds { found = try fitting.fit(using: &random) }
    answer([
      "seconds": time, "processor": processorSeconds() - before, "likelihood": found!.negativeLogLikelihood,
    ])
  }
}
