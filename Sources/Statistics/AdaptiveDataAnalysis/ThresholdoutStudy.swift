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
/// Labels enter only through y x, whose columns are independent normals. So their means are drawn first, a number a variable and
/// sample, and rows only for variables that are chosen, given those means: the same law as drawing all n² numbers.
///
/// Source: Dwork et al., Science 2015. Cost: a normal number a record, sample and chosen variable; votes of all sizes are one
/// cumulated sum over the chosen columns.
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
    // Of training and holdout; fresh records are not looked at before the end.
    let correlations = (0..<2).map { _ in means(using: &random) }
    let told = zip(correlations[0], correlations[1]).map { word($0, $1, using: &random) }
    let choices = [correlations[1], told].map { chosen(correlations[0], $0) }
    let columns = Array(Set(choices[0] + choices[1])).sorted()
    let samples = correlations.map { rows(of: columns, means: $0, using: &random) }
    let fresh = rows(of: columns, means: means(using: &random), using: &random)
    let votes = choices.map { accuracies(samples + [fresh], columns, $0, correlations[0]) }
    let standard = votes[0].map { Accuracies(training: $0[0], holdout: $0[1], fresh: $0[2]) }
    let protected = votes[1].map {
      Accuracies(training: $0[0], holdout: word($0[0], $0[1], using: &random), fresh: $0[2])
    }
    return (standard, protected)
  }

  private var unit: Double { 1 / Double(rows).squareRoot() }

  /// The mean of y x over a sample's records, of every variable.
  private func means(using random: inout RandomSource) -> [Double] {
    random.normal([rows], dtype: .double).doubles.enumerated().map { j, z in
      (j < signals ? 6 * unit : 0) + z * unit
    }
  }

  /// y x of every record for the given variables, given their means over the sample.
  private func rows(of columns: [Int], means: [Double], using random: inout RandomSource) -> Tensor {
    guard !columns.isEmpty else { return .zeros([rows, 0]) }
    let noise = random.normal([rows, columns.count])
    return noise - noise.mean(0) + Tensor(columns.map { means[$0] }).to(.float)
  }

  private func word(_ training: Double, _ holdout: Double, using random: inout RandomSource) -> Double {
    let wobble = PrivacyNoise.gaussian.draw(unit, using: &random)
    guard abs(training - holdout) > 4 * unit + wobble else { return training }
    return holdout + PrivacyNoise.gaussian.draw(unit, using: &random)
  }

  /// Variables that are kept, the strongest on the training sample first.
  private func chosen(_ training: [Double], _ told: [Double]) -> [Int] {
    let kept = training.indices.filter {
      min(abs(training[$0]), abs(told[$0])) > unit && (training[$0] > 0) == (told[$0] > 0)
    }
    return Array(
      kept.sorted { (-abs(training[$0]), $0) < (-abs(training[$1]), $1) }.prefix(Self.sizes.last!))
  }

  /// Of a vote of every size, on every sample.
  private func accuracies(_ samples: [Tensor], _ columns: [Int], _ chosen: [Int], _ training: [Double])
    -> [[Double]]
  {
    guard !chosen.isEmpty else { return Self.sizes.map { _ in samples.map { _ in 0.5 } } }
    let signs = Tensor(chosen.map { training[$0] > 0 ? 1.0 : -1 }).to(.float)
    let places = Tensor(chosen.map { columns.firstIndex(of: $0)! })
    let last = Tensor(Self.sizes.map { min($0, chosen.count) - 1 })
    let found = samples.map { x in
      let votes = (x.select(axis: 1, places) * signs).cumulativeSum(1).select(axis: 1, last)
      return (votes .> 0).to(.double).mean(0).doubles
    }
    return Self.sizes.indices.map { size in found.map { $0[size] } }
  }
}
