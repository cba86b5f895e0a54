import Torch

/// A linear map of a transformer, y = x Wᵀ + b, and what low-rank adapters add to some of its rows.
public final class Projection: Module, Layer {
  /// `[out, in]`.
  public let weight: Parameter
  /// `[out]`.
  public let bias: Parameter?
  /// In the order of their rows. Not a part of this module: their parameters belong to the adapter.
  private var updates: [Update] = []

  private struct Update {
    let module: LowRankUpdate
  }

  /// A copy of the weight for products that nothing records; see ``pack(rows:)``.
  private var packed: PackedLinear?

  init(weight: Tensor, bias: Tensor?) {
    (self.weight, self.bias) = (Parameter(weight), bias.map { Parameter($0) })
  }

  func attach(_ updates: [LowRankUpdate]) {
    self.updates = updates.sorted { $0.rows.lowerBound < $1.rows.lowerBound }.map(Update.init)
  }

  /// What adapters add, whose parameters are not among this module's.
  var updateParameters: [Parameter] { updates.flatMap { [$0.module.down, $0.module.up] } }

  /// Makes ready for many products of so many rows at a time while the weight does not change and nothing records.
  func pack(rows: Int) { packed = PackedLinear(weight.value, rows: rows) }

  func unpack() { packed = nil }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let y = packed?(x, bias: bias?.value) ?? x.rowLinear(weight: weight.value, bias: bias?.value)
    guard !updates.isEmpty else { return y }
    let width = weight.shape[0]
    var (parts, end): ([Tensor], Int) = ([], 0)
    func fill(to start: Int) {
      guard start > end else { return }
      parts.append(.zeros(Array(y.shape.dropLast()) + [start - end], dtype: y.dtype, device: y.device))
    }
    for update in updates.map(\.module) {
      fill(to: update.rows.lowerBound)
      parts.append(update(x))
      end = update.rows.upperBound
    }
    fill(to: width)
    return y + (parts.count == 1 ? parts[0] : .concatenate(parts, axis: -1))
  }
}

/// s B A x for the rows of one projection (Hu et al. 2022).
public final class LowRankUpdate: Module {
  /// A, `[rank, in]`.
  public let down: Parameter
  /// B, `[rows, rank]`; zeros at first.
  public let up: Parameter
  public let scale: Double
  /// The rows of the projection that it adds to.
  public let rows: Range<Int>

  init(down: Tensor, up: Tensor, scale: Double, rows: Range<Int>) {
    (self.down, self.up, self.scale, self.rows) = (Parameter(down), Parameter(up), scale, rows)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    x.linear(weight: down.value * scale).linear(weight: up.value)
  }
}
