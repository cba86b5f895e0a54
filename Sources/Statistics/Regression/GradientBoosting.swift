import RealModule
import Torch

/// Shallow trees one after another, each a step down the slope of a loss (Friedman 2001) on binned columns.
///
/// Cost: trees × rows × columns × depth.
public struct GradientBoosting: Regressor, Hashable {
  public enum Loss: Sendable, Hashable {
    /// Squared error: the conditional mean.
    case squared
    /// Of targets 0 and 1; predictions are probabilities.
    case logistic
    /// ρ_τ: the conditional quantile.
    case quantile(Double)
  }

  public var loss: Loss
  public var trees = 100
  public var depth = 3
  public var learningRate = 0.1
  public var smallestLeaf = 10

  public init(_ loss: Loss = .squared, trees: Int = 100) { (self.loss, self.trees) = (loss, trees) }

  public var name: String {
    switch loss {
    case .squared: "boosted trees"
    case .logistic: "boosted logistic trees"
    case .quantile(let level): "boosted quantile \(level)"
    }
  }

  public func fit(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, using random: inout RandomSource
  ) throws(StatisticsError) -> any RegressionFit {
    guard targets.count >= 2 else {
      throw StatisticsError(.badData, name, found: "\(targets.count) rows", expected: "at least 2")
    }
    if loss == .logistic, let row = targets.firstIndex(where: { $0 != 0 && $0 != 1 }) {
      throw StatisticsError(.badData, "\(name), row \(row + 1)", found: "\(targets[row])", expected: "0 or 1")
    }
    let binned = BinnedDesign(design)
    let values = design.to(.double).contiguous().doubles
    let n = targets.count
    let options = HistogramTree.Options(depth: depth, smallestLeaf: smallestLeaf, shrinkage: 1e-9)
    let start = start(targets, weights)
    var scores = [Double](repeating: start, count: n)
    var grown: [(tree: HistogramTree, steps: [Double])] = []
    let rows = Array(0..<n)
    for _ in 0..<trees {
      let (slopes, curvatures) = derivatives(scores, targets)
      // A Newton step: targets −g/h with weights wh.
      let steps = zip(slopes, curvatures).map { -$0 / $1 }
      let masses = rows.map { (weights?[$0] ?? 1) * curvatures[$0] }
      let tree = HistogramTree(
        binned, rows: rows, targets: steps, weights: masses, options: options, using: &random)
      let residuals = zip(targets, scores).map { $0 - $1 }
      let leaves = tree.members.map { learningRate * step($0, residuals, steps, masses, weights) }
      for (row, leaf) in tree.leaves(values, rows: n).enumerated() { scores[row] += leaves[leaf] }
      grown.append((tree, leaves))
    }
    return Fit(start: start, trees: grown, isLogistic: loss == .logistic)
  }

  private func start(_ targets: [Double], _ weights: [Double]?) -> Double {
    let total = weights?.reduce(0, +) ?? Double(targets.count)
    let mean = targets.indices.reduce(0) { $0 + (weights?[$1] ?? 1) * targets[$1] } / total
    switch loss {
    case .squared: return mean
    case .logistic:
      let p = min(1 - 1e-6, max(1e-6, mean))
      return .log(p / (1 - p))
    case .quantile(let level): return Self.quantile(Array(targets.indices), targets, weights, level)
    }
  }

  private func derivatives(_ scores: [Double], _ targets: [Double]) -> (
    slopes: [Double], curvatures: [Double]
  ) {
    switch loss {
    case .squared: return (zip(scores, targets).map { $0 - $1 }, [Double](repeating: 1, count: scores.count))
    case .logistic:
      let p = scores.map { 1 / (1 + Double.exp(-$0)) }
      return (zip(p, targets).map { $0 - $1 }, p.map { max(1e-9, $0 * (1 - $0)) })
    case .quantile(let level):
      return (
        zip(scores, targets).map { $1 > $0 ? -level : 1 - level }, [Double](repeating: 1, count: scores.count)
      )
    }
  }

  /// A leaf's best step: the mean of its Newton steps, or the quantile of what is left.
  private func step(
    _ members: [Int], _ residuals: [Double], _ steps: [Double], _ masses: [Double], _ weights: [Double]?
  ) -> Double {
    if case .quantile(let level) = loss {
      return Self.quantile(members, residuals, weights, level)
    }
    let mass = members.reduce(0) { $0 + masses[$1] }
    return mass > 0 ? members.reduce(0) { $0 + masses[$1] * steps[$1] } / mass : 0
  }

  private static func quantile(_ rows: [Int], _ values: [Double], _ weights: [Double]?, _ level: Double)
    -> Double
  {
    let order = rows.sorted { values[$0] < values[$1] }
    let total = order.reduce(0) { $0 + (weights?[$1] ?? 1) }
    var sum = 0.0
    for row in order {
      sum += weights?[row] ?? 1
      if sum >= level * total { return values[row] }
    }
    return values[order[order.count - 1]]
  }

  private struct Fit: RegressionFit {
    let start: Double
    let trees: [(tree: HistogramTree, steps: [Double])]
    let isLogistic: Bool

    func predict(_ design: Tensor) -> [Double] {
      let n = design.size(0)
      let values = design.to(.double).contiguous().doubles
      var scores = [Double](repeating: start, count: n)
      for (tree, steps) in trees {
        for (row, leaf) in tree.leaves(values, rows: n).enumerated() { scores[row] += steps[leaf] }
      }
      return isLogistic ? scores.map { 1 / (1 + Double.exp(-$0)) } : scores
    }
  }
}
