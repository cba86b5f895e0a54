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
/// sample; and as votes are sums of columns, what is drawn then, given the means, is one sum of all the columns that every vote
/// takes together or not at all. The law of all accuracies is that of drawing all n² numbers.
///
/// Source: Dwork et al., Science 2015. Cost: a few normal numbers a variable, and a few dozen a record and sample.
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
    let bundles = bundles(choices)
    let samples = (correlations + [means(using: &random)]).map { own in
      accuracies(bundles, choices, own, correlations[0], using: &random)
    }
    let votes = choices.indices.map { choice in
      Self.sizes.indices.map { size in samples.map { $0[choice * Self.sizes.count + size] } }
    }
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

  /// Variables that the votes take together.
  private struct Bundle {
    var variables: [Int] = []
    /// The smallest vote that has them, as a place among the sizes, one a choice; beyond the last where none has.
    let first: [Int]
  }

  private func bundles(_ choices: [[Int]]) -> [Bundle] {
    let count = Self.sizes.count
    var first: [Int: [Int]] = [:]
    for (choice, chosen) in choices.enumerated() {
      for (place, variable) in chosen.enumerated() {
        first[variable, default: choices.map { _ in count }][choice] = Self.sizes.firstIndex { place < $0 }!
      }
    }
    var found: [[Int]: Bundle] = [:]
    for variable in first.keys.sorted() {
      let key = first[variable]!
      found[key, default: Bundle(first: key)].variables.append(variable)
    }
    return found.keys.sorted { $0.lexicographicallyPrecedes($1) }.map { found[$0]! }
  }

  /// Of votes of all sizes, one choice after the other, on one sample with these means of y x.
  private func accuracies(
    _ bundles: [Bundle], _ choices: [[Int]], _ means: [Double], _ training: [Double],
    using random: inout RandomSource
  ) -> [Double] {
    let none = [Double](repeating: 0.5, count: choices.count * Self.sizes.count)
    guard !bundles.isEmpty else { return none }
    let levels = bundles.map { $0.variables.reduce(0) { $0 + (training[$1] > 0 ? means[$1] : -means[$1]) } }
    let spreads = bundles.map { Double($0.variables.count).squareRoot() }
    let noise = random.normal([rows, bundles.count], dtype: .double)
    let sums = (noise - noise.mean(0)) * Tensor(spreads) + Tensor(levels)
    let members = Tensor(
      rows: bundles.map { bundle in
        bundle.first.flatMap { first in Self.sizes.indices.map { $0 >= first ? 1.0 : 0 } }
      })
    let shares = (sums.matmul(members) .> 0).to(.double).mean(0).doubles
    return zip(shares, none).enumerated().map { choices[$0 / Self.sizes.count].isEmpty ? $1.1 : $1.0 }
  }
}
