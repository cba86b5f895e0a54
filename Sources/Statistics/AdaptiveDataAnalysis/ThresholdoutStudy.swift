import RealModule
import Torch

/// A holdout that chooses variables and then judges what was chosen, plain and behind Thresholdout: the companion experiment of
/// the reusable holdout.
///
/// Records have as many standard normal variables as there are records, and a fair label; some variables are shifted
/// towards the label by 6/√n. A variable is kept where its correlations with the label on both samples exceed 1/√n on the same side;
/// the strongest on the training sample vote with their signs. Thresholdout has T = 4/√n, Gaussian noise of deviation 1/√n and no
/// budget.
///
/// Source: Dwork et al., Science 2015. Cost: three products of an `[n, n]` matrix with a vector; votes of all sizes are
/// one cumulated sum over the chosen columns.
package struct ThresholdoutStudy: Sendable {
  package let rows: Int
  /// Variables that are shifted.
  package let signals: Int

  /// Variables in a vote.
  package static let sizes = [10, 20, 30, 50, 100, 200]

  /// Of one vote.
  package struct Accuracies: Sendable {
    package let training: Double
    /// What the holdout was said to be.
    package let holdout: Double
    package let fresh: Double
  }

  package init(rows: Int, signals: Int) { (self.rows, self.signals) = (rows, signals) }

  /// One a size, with the plain holdout and with Thresholdout, on the same data.
  package func run(using random: inout RandomSource) -> (standard: [Accuracies], protected: [Accuracies]) {
    let samples = (0..<3).map { _ in sample(using: &random) }
    let correlations = samples.prefix(2).map { x, y in
      (y.unsqueeze(0).matmul(x).squeeze(0) / Double(rows)).to(.double).doubles
    }
    let told = zip(correlations[0], correlations[1]).map { word($0, $1, using: &random) }
    let standard = accuracies(samples, correlations[0], correlations[1]) { $1 }
    let protected = accuracies(samples, correlations[0], told) { word($0, $1, using: &random) }
    return (standard, protected)
  }

  private var unit: Double { 1 / Double(rows).squareRoot() }

  private func sample(using random: inout RandomSource) -> (x: Tensor, y: Tensor) {
    let y = random.integers([rows], in: 0..<2).to(.float) * 2 - 1
    let x = random.normal([rows, rows])
    if signals == 0 { return (x, y) }
    let shift = (Tensor.range(to: Double(rows)) .< Double(signals)).to(.float) * (6 * unit)
    return (x + y.unsqueeze(1) * shift, y)
  }

  private func word(_ training: Double, _ holdout: Double, using random: inout RandomSource) -> Double {
    let wobble = PrivacyNoise.gaussian.draw(unit, using: &random)
    guard abs(training - holdout) > 4 * unit + wobble else { return training }
    return holdout + PrivacyNoise.gaussian.draw(unit, using: &random)
  }

  private func accuracies(
    _ samples: [(x: Tensor, y: Tensor)], _ training: [Double], _ told: [Double],
    _ word: (Double, Double) -> Double
  ) -> [Accuracies] {
    let kept = training.indices.filter {
      min(abs(training[$0]), abs(told[$0])) > unit && (training[$0] > 0) == (told[$0] > 0)
    }
    let chosen = kept.sorted { (-abs(training[$0]), $0) < (-abs(training[$1]), $1) }.prefix(Self.sizes.last!)
    guard !chosen.isEmpty else {
      return Self.sizes.map { _ in Accuracies(training: 0.5, holdout: word(0.5, 0.5), fresh: 0.5) }
    }
    let signs = Tensor(chosen.map { training[$0] > 0 ? 1.0 : -1 }).to(.float)
    let columns = Tensor(Array(chosen))
    let last = Tensor(Self.sizes.map { min($0, chosen.count) - 1 })
    let found = samples.map { x, y in
      let votes = (x.select(axis: 1, columns) * signs).cumulativeSum(1).select(axis: 1, last)
      return ((votes * y.unsqueeze(1)) .> 0).to(.double).mean(0).doubles
    }
    return Self.sizes.indices.map {
      Accuracies(training: found[0][$0], holdout: word(found[0][$0], found[1][$0]), fresh: found[2][$0])
    }
  }
}
