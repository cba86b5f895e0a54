import RealModule
import Torch

/// The mean target of the k nearest rows in columns of deviation 1.
public struct NearestNeighbours: Regressor, Hashable {
  public var neighbours: Int

  public init(_ neighbours: Int = 10) {
    precondition(neighbours >= 1, "NearestNeighbours: \(neighbours)")
    self.neighbours = neighbours
  }

  public var name: String { "\(neighbours) nearest neighbours" }

  public func fit(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, using random: inout RandomSource
  ) throws(StatisticsError) -> any RegressionFit {
    guard targets.count >= neighbours else {
      throw StatisticsError(
        .option, name, found: "\(targets.count) rows", expected: "at least \(neighbours)",
        advice: "take fewer neighbours")
    }
    return Fit(
      scale: ColumnScale(design), targets: targets, weights: weights, neighbours: neighbours, rows: design)
  }

  private struct Fit: RegressionFit {
    let scale: ColumnScale
    let targets: [Double]
    let weights: [Double]?
    let neighbours: Int
    let known: Tensor

    init(scale: ColumnScale, targets: [Double], weights: [Double]?, neighbours: Int, rows: Tensor) {
      (self.scale, self.targets, self.weights, self.neighbours) = (scale, targets, weights, neighbours)
      known = scale(rows)
    }

    func predict(_ design: Tensor) -> [Double] {
      let distances = scale(design).distances(to: known).doubles
      let n = targets.count
      return (0..<design.size(0)).map { row in
        let nearest = (0..<n).sorted {
          (distances[row * n + $0], $0) < (distances[row * n + $1], $1)
        }.prefix(neighbours)
        let total = nearest.reduce(0) { $0 + (weights?[$1] ?? 1) }
        return nearest.reduce(0) { $0 + (weights?[$1] ?? 1) * targets[$1] } / total
      }
    }
  }
}

/// Columns brought to mean 0 and deviation 1, by one design, for others.
struct ColumnScale: Sendable {
  private let mean: Tensor
  private let deviation: Tensor

  init(_ design: Tensor) {
    let x = design.to(.double)
    mean = x.mean(0)
    let deviations = ((x - mean) * (x - mean)).mean(0).sqrt().doubles
    deviation = Tensor(deviations.map { $0 > 0 ? $0 : 1 })
  }

  var moments: (means: [Double], deviations: [Double]) { (mean.doubles, deviation.doubles) }

  func callAsFunction(_ design: Tensor) -> Tensor { (design.to(.double) - mean) / deviation }
}

/// Ridge regression in the space of a Gaussian kernel: f = Σ αᵢ exp(−|x − xᵢ|²/(2h²)) + mean, (K + λI)α = y − mean, in columns of deviation
/// 1.
public struct KernelRidge: LeaveOneOutRegressor, Hashable {
  /// λ > 0.
  public var penalty: Double
  /// h; √columns where `nil`.
  public var width: Double?

  public init(penalty: Double = 1, width: Double? = nil) {
    precondition(penalty > 0 && width.map { $0 > 0 } ?? true, "KernelRidge: options")
    (self.penalty, self.width) = (penalty, width)
  }

  public var name: String { "kernel ridge" }

  public func fit(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, using random: inout RandomSource
  ) throws(StatisticsError) -> any RegressionFit {
    let scale = ColumnScale(design)
    let rows = scale(design)
    let h = width ?? Double(max(1, design.size(1))).squareRoot()
    let total = weights?.reduce(0, +) ?? Double(targets.count)
    let mean = targets.indices.reduce(0) { $0 + (weights?[$1] ?? 1) * targets[$1] } / total
    let alpha = factor(rows, weights, h).choleskySolve(Tensor(targets.map { $0 - mean }).unsqueeze(1))
    return Fit(scale: scale, known: rows, alpha: alpha, width: h, mean: mean)
  }

  /// In closed form; columns keep the deviations that they have over all rows.
  public func leaveOneOut(_ design: Tensor, _ targets: [Double], weights: [Double]? = nil)
    throws(StatisticsError) -> [Double]
  {
    let n = targets.count
    guard n > 1 else {
      throw StatisticsError(.badData, name, found: "\(n) rows", expected: "at least 2, to leave one out")
    }
    let h = width ?? Double(max(1, design.size(1))).squareRoot()
    let w = weights ?? [Double](repeating: 1, count: n)
    let inverse = factor(ColumnScale(design)(design), weights, h)
      .choleskySolve(.identity(n, dtype: .double))
    // The mean that is taken from the targets is that of the other rows too.
    let (total, sum) = (w.reduce(0, +), zip(w, targets).reduce(0) { $0 + $1.0 * $1.1 })
    let sides = Tensor.stack([Tensor(targets), .full([n], 1, dtype: .double)], axis: 1)
    let solved = inverse.matmul(sides)
    let (alpha, ones, own) = (solved[.all, 0].doubles, solved[.all, 1].doubles, inverse.diagonal().doubles)
    return (0..<n).map { i in
      let mean = (sum - w[i] * targets[i]) / (total - w[i])
      return targets[i] - (alpha[i] - mean * ones[i]) / own[i]
    }
  }

  /// The Cholesky factor of K + λ diag(1/w): a row of weight w has the noise λ/w; one of weight 0 has nothing to say.
  private func factor(_ rows: Tensor, _ weights: [Double]?, _ h: Double) -> Tensor {
    let noise = (weights ?? [Double](repeating: 1, count: rows.size(0))).map { penalty / max($0, 1e-12) }
    return (Self.kernel(rows, rows, h) + Tensor(noise).diagonalMatrix()).cholesky()
  }

  static func kernel(_ a: Tensor, _ b: Tensor, _ h: Double) -> Tensor {
    let distances = a.distances(to: b)
    return (distances * distances * (-0.5 / (h * h))).exp()
  }

  private struct Fit: RegressionFit {
    let scale: ColumnScale
    let known: Tensor
    let alpha: Tensor
    let width: Double
    let mean: Double

    func predict(_ design: Tensor) -> [Double] {
      (KernelRidge.kernel(scale(design), known, width).matmul(alpha).squeeze(1) + mean).doubles
    }
  }
}
