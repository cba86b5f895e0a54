import RealModule
import Torch

/// A perceptron with one hidden layer of tanh: f(x) = b + Σ v_k tanh(a_k + w_kᵀx) in columns and targets of mean 0 and deviation 1,
/// by least squares with a ridge penalty on w and v.
///
/// Networks for several parts of the rows, as cross-fitting needs, are trained side by side from one start. Cost: `steps` passes
/// over networks × rows × hidden numbers.
public struct Perceptron: Regressor, Hashable {
  /// Units of the hidden layer.
  public var hidden: Int
  /// λ ≥ 0 of λ(|w|² + |v|²), beside the sum of squares over the rows.
  public var penalty: Double
  /// Of Adam, over all rows at once.
  public var steps: Int

  public init(hidden: Int = 16, penalty: Double = 0.1, steps: Int = 400) {
    precondition(hidden >= 1 && penalty >= 0 && steps >= 1, "Perceptron: options")
    (self.hidden, self.penalty, self.steps) = (hidden, penalty, steps)
  }

  public var name: String { "perceptron of \(hidden)" }

  public func fit(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, using random: inout RandomSource
  ) throws(StatisticsError) -> any RegressionFit {
    let all = Tensor(weights ?? [Double](repeating: 1, count: targets.count)).unsqueeze(1)
    return fits(ColumnScale(design), design, targets, all, start(columns: design.size(1), using: &random))
  }

  /// All folds' networks at once, from one start.
  public func heldOut(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, folds: Folds, using random: inout RandomSource
  ) throws(StatisticsError) -> [Double] {
    let n = targets.count
    let scale = ColumnScale(design)
    let start = start(columns: design.size(1), using: &random)
    let own = Tensor(weights ?? [Double](repeating: 1, count: n)).unsqueeze(1)
    let parts = Tensor(folds.parts.map(Double.init)).unsqueeze(1)
    let atOnce = max(1, Self.numbersAtOnce / (n * hidden))
    var result = [Double](repeating: 0, count: n)
    for first in stride(from: 0, to: folds.count, by: atOnce) {
      let part = first..<min(folds.count, first + atOnce)
      let isOutside = (parts .== Tensor(part.map(Double.init))).logicalNot().to(.double)
      let found = fits(scale, design, targets, own * isOutside, start).all(design)
      for row in 0..<n where part.contains(folds.parts[row]) {
        result[row] = found[row * part.count + folds.parts[row] - first]
      }
    }
    return result
  }

  /// Of one intermediate tensor: 32 MB.
  private static let numbersAtOnce = 1 << 22

  /// One network.
  private struct Start {
    let w, v: Tensor
  }

  private func start(columns: Int, using random: inout RandomSource) -> Start {
    // The constant is the last row.
    let inputs = columns + 1
    return Start(
      w: random.normal([inputs, hidden], dtype: .double) * (1 / Double(inputs)).squareRoot(),
      v: random.normal([hidden], dtype: .double) * (1 / Double(hidden)).squareRoot())
  }

  /// One network a column of `weights`, `[rows, networks]`.
  private func fits(
    _ scale: ColumnScale, _ design: Tensor, _ targets: [Double], _ weights: Tensor, _ start: Start
  ) -> Fit {
    let count = weights.size(1)
    let total = weights.sum(0).clamp(.leastNormalMagnitude)
    let raw = Tensor(targets).unsqueeze(1)
    let mean = (weights * raw).sum(0) / total
    let deviation = ((weights * (raw - mean).square()).sum(0) / total).sqrt()
    let unit = Tensor.where(deviation .> 0, deviation, .full([], 1, dtype: .double))
    let y = (raw - mean) / unit
    let x = Self.extended(scale(design))
    let (inputs, n) = (x.size(1), x.size(0))
    // [inputs, networks × hidden], [networks, hidden] and [networks].
    let w = Parameter(
      start.w.unsqueeze(1).tile([1, count, 1]).reshape(inputs, count * hidden), trainable: false)
    let v = Parameter(start.v.unsqueeze(0).tile([count, 1]), trainable: false)
    let b = Parameter(.zeros([count], dtype: .double), trainable: false)
    let decay = Tensor([Double](repeating: 1, count: inputs - 1) + [0]).unsqueeze(1)
    let shares = weights / total
    let lambda = penalty / total
    let adam = Adam([w, v, b], learningRate: Self.rate)
    for step in 0..<steps {
      adam.learningRate = Self.rate * 0.5 * (1 + .cos(.pi * Double(step) / Double(steps)))
      let active = x.matmul(w.value).tanh().reshape(n, count, hidden)
      let residual = ((active * v.value).sum(2) + b.value - y) * shares
      let dv = (active * residual.unsqueeze(2)).sum(0) + lambda.unsqueeze(1) * v.value
      let slopes = (1 - active.square()) * (residual.unsqueeze(2) * v.value)
      let shrink = (decay * w.value).reshape(inputs, count, hidden) * lambda.unsqueeze(1)
      let dw = x.transposed.matmul(slopes.reshape(n, count * hidden)) + shrink.reshape(inputs, count * hidden)
      adam.step([dw, dv, residual.sum(0)])
    }
    return Fit(
      scale: scale, w: w.snapshot(), v: v.snapshot() * deviation.unsqueeze(1),
      b: b.snapshot() * deviation + mean)
  }

  private static let rate = 0.03

  private static func extended(_ x: Tensor) -> Tensor {
    .concatenate([x, .full([x.size(0), 1], 1, dtype: .double)], axis: 1)
  }

  private struct Fit: RegressionFit {
    let scale: ColumnScale
    let w, v, b: Tensor

    /// Row by row, one a network.
    func all(_ design: Tensor) -> [Double] {
      let active = Perceptron.extended(scale(design)).matmul(w).tanh()
      return ((active.reshape(design.size(0), v.size(0), v.size(1)) * v).sum(2) + b).doubles
    }

    func predict(_ design: Tensor) -> [Double] { all(design) }
  }
}
