import CTorch

/// A float32 weight in the order in which oneDNN multiplies, which spares every product that reordering; for products
/// on the processor that nothing records. A copy: what becomes of the weight is not seen.
public struct PackedLinear: Sendable {
  private let weight: Tensor

  /// `nil` where it would bring nothing or cannot be: off the processor, in other types than float32 or mixed
  /// precision, without oneDNN.
  /// - Parameters:
  ///   - weight: `[out, in]`.
  ///   - rows: how many will be multiplied at a time, mostly.
  public init?(_ weight: Tensor, rows: Int) {
    guard ct_has_packed_linear(), !ct_autocast_enabled(), weight.device == .cpu, weight.dtype == .float else {
      return nil
    }
    self.weight = weight.detach().contiguous().unary("pack") { ct_pack_weight($0, Int64(rows)) }
  }

  /// x Wᵀ + b for float32 x `[..., in]`.
  public func callAsFunction(_ x: Tensor, bias: Tensor? = nil) -> Tensor {
    withExtendedLifetime(bias) { x.binary("linear", weight) { ct_packed_linear($0, $1, bias.pointer) } }
  }
}
