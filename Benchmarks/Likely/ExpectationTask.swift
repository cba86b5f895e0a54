import ArgumentParser
import Foundation
import Likely

/// Ten moments from one sample, or Sobol' indices of the cantilever, as the peer has them.
struct ExpectationTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "expectation")
  @OptionGroup var options: TaskOptions
  @Option var task = "moments"
  @Option var repetitions = 10

  func run() throws {
    Libtorch.threads = options.threads
    if task == "sobol" { try sobol() } else { try moments() }
  }

  private func moments() throws {
    let truths = (1...10).map { j in (1...j).reduce(1.0) { $0 * Double(2 * $1 - 1) } }
    let weights = truths.map { 1 / ($0 * $0) }
    var study = MultipleExpectations(budget: 20_000)
    study.weights = weights
    // The same algorithm as the peer's.
    study.controls = .own
    func criterion(_ seed: Int) throws -> Double {
      var random = RandomSource(seed: UInt64(seed))
      let found = try study.estimate(GaussianMixture.standardNormal(dimension: 1), using: &random) { x in
        let square = x.square()
        var powers = [square]
        for _ in 1..<10 { powers.append(powers[powers.count - 1] * square) }
        return Tensor.concatenate(powers.map(\.transposed)).transposed
      }
      return zip(weights, found.estimates).reduce(0) { $0 + $1.0 * $1.1.standardError * $1.1.standardError }
    }
    try time {
      try criterion($0)
    } answer: {
      ["criterion": $0.sorted()[$0.count / 2]]
    }
  }

  private func sobol() throws {
    let reference = [0.02355, 0.00030, 0.01636, 0.42801, 0.07291, 0.40099]
    let inputs = InputModel([
      InputLaw(name: "FX", law: .lognormal, mean: 556.8, cv: 0.08),
      InputLaw(name: "FY", law: .lognormal, mean: 453.6, cv: 0.08),
      InputLaw(name: "E", law: .lognormal, mean: 200, cv: 0.06),
      InputLaw(name: "w", law: .normal, mean: 0.062, cv: 0.1),
      InputLaw(name: "t", law: .normal, mean: 0.0987, cv: 0.1),
      InputLaw(name: "L", law: .normal, mean: 4.29, cv: 0.1),
    ])
    let law = try inputs.law()
    // As many runs as the peer's 2¹⁴ rows of eight.
    var study = MultipleExpectations(budget: 8 * (1 << 14) / 7)
    study.isQuasiRandom = true
    let fixed = study
    func squaredError(_ seed: Int) throws -> Double {
      var random = RandomSource(seed: UInt64(seed))
      let found = try fixed.sobolIndices(dimension: 6, using: &random) { u in
        let x = law.value(ofNormal: u)
        let (fx, fy, e) = (x[.all, 0], x[.all, 1], x[.all, 2])
        let (w, t, l) = (x[.all, 3], x[.all, 4], x[.all, 5])
        let bend = ((fx / w.square()).square() + (fy / t.square()).square()).sqrt()
        return 4 * l * l.square() / (e * 1e9 * w * t) * bend
      }
      return zip(found.first, reference).reduce(0) { $0 + ($1.0.value - $1.1) * ($1.0.value - $1.1) }
    }
    try time {
      try squaredError($0)
    } answer: {
      ["squared_error": $0.reduce(0, +) / Double($0.count), "runs": Double(8 * (1 << 14) / 7 * 7)]
    }
  }

  /// One run to warm up, then the mean time of the others.
  private func time(_ body: (Int) throws -> Double, answer extra: ([Double]) -> [String: Double]) throws {
    _ = try body(0)
    var values: [Double] = []
    let before = processorSeconds()
    let time = try seconds { for seed in 1...repetitions { values.append(try body(seed)) } }
    let n = Double(repetitions)
    answer(
      ["seconds": time / n, "processor": (processorSeconds() - before) / n].merging(extra(values)) { $1 })
  }
}
