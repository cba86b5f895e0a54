import ArgumentParser
import Foundation
import Likely

/// The program of labels for given covariances, until its labels are certified to a relative gap.
struct ClusterTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "cluster")
  @OptionGroup var options: TaskOptions
  @Option var rows = 60
  @Option var gap = 1e-3
  /// Of two centres from the third.
  @Option var separation = 8.0

  func run() throws {
    Libtorch.threads = options.threads
    // By formula, so that the peer has the same without a file: sums of four even numbers are nearly normal.
    func part(_ i: Int, _ k: Int) -> Double {
      (Double(i + 1) * (2.5 + Double(k)).squareRoot()).truncatingRemainder(dividingBy: 1)
    }
    func normal(_ i: Int, _ k: Int) -> Double {
      ((0..<4).reduce(0) { $0 + part(i, 4 * k + $1) } - 2) * 3.0.squareRoot()
    }
    let means = [[0.0, 0], [separation, 0], [0, separation]]
    let factors = Tensor.stack(
      [[[1, 0], [0, 0.5]], [[0.5, 0], [0, 2]], [[1, 0.6], [0.6, 1]]].map { Tensor(rows: $0) }
    ).cholesky()
    let x = Tensor.stack(
      (0..<rows).map { i in
        factors[i % 3].matmul(Tensor([normal(i, 0), normal(i, 1)])) + Tensor(means[i % 3])
      })
    let affinities = LikelihoodAdjustedSDP.affinities(x, factors: factors)
    var program = LikelihoodAdjustedSDP()
    program.options.certifiedGap = gap
    program.options.solver.tolerance = 1e-9
    program.options.solver.maximumIterations = 20_000
    var solution = program.solve(affinities)
    let count = rows > 100 ? 1 : 5
    let before = processorSeconds()
    let time = seconds { for _ in 0..<count { solution = program.solve(affinities) } }
    answer([
      "seconds": time / Double(count), "processor": (processorSeconds() - before) / Double(count),
      "gap": solution.certificate.gap, "objective": solution.certificate.lowerBound,
      "bound": solution.certificate.upperBound, "passes": Double(solution.iterations),
    ])
  }
}
