import CTorch

/// How a loss over many items becomes one number.
public enum Reduction: Int32, Sendable {
  case none = 0
  case mean = 1
  case sum = 2
}

/// How values between grid points are found.
public enum InterpolationMode: Int32, Sendable {
  case nearest = 0
  /// Linear in one axis, bilinear in two; pixel centres, no aligned corners.
  case linear = 1
}

// The operations behind the layers, without state.
extension Tensor {
  /// x Wᵀ + b for x `[..., in]`, W `[out, in]`, b `[out]`.
  public func linear(weight: Tensor, bias: Tensor? = nil) -> Tensor {
    withExtendedLifetime(bias) { binary("linear", weight) { ct_linear($0, $1, bias.pointer) } }
  }
  /// Rows of the table `[entries, width]` at whole-number positions.
  public static func embedding(_ table: Tensor, _ positions: Tensor) -> Tensor {
    table.binary("embedding", positions, ct_embedding)
  }
  /// Mean 0 and variance 1 over the last axes, then scale and shift.
  public func layerNorm(_ shape: [Int], weight: Tensor? = nil, bias: Tensor? = nil, epsilon: Double = 1e-5)
    -> Tensor
  {
    withExtendedLifetime((weight, bias)) {
      unary("layerNorm") { x in
        withInt64(shape) { ct_layer_norm(x, $0, $1, weight.pointer, bias.pointer, epsilon) }
      }
    }
  }
  /// Mean 0 and variance 1 over each group of channels of `[batch, channels, ...]`.
  public func groupNorm(_ groups: Int, weight: Tensor? = nil, bias: Tensor? = nil, epsilon: Double = 1e-5)
    -> Tensor
  {
    withExtendedLifetime((weight, bias)) {
      unary("groupNorm") { ct_group_norm($0, Int64(groups), weight.pointer, bias.pointer, epsilon) }
    }
  }
  /// Root-mean-square 1 over the last axes, then scale.
  public func rmsNorm(_ shape: [Int], weight: Tensor? = nil, epsilon: Double = 1e-6) -> Tensor {
    withExtendedLifetime(weight) {
      unary("rmsNorm") { x in withInt64(shape) { ct_rms_norm(x, $0, $1, weight.pointer, epsilon) } }
    }
  }
  /// Cross-correlation over `[batch, in, length]` with weight `[out, in/groups, width]`.
  public func conv1d(
    weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1
  ) -> Tensor {
    convolve(1, weight, bias, stride, padding, dilation, groups)
  }
  /// Cross-correlation over `[batch, in, height, width]` with weight `[out, in/groups, h, w]`.
  public func conv2d(
    weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1
  ) -> Tensor {
    convolve(2, weight, bias, stride, padding, dilation, groups)
  }
  private func convolve(
    _ rank: Int, _ weight: Tensor, _ bias: Tensor?, _ stride: Int, _ padding: Int, _ dilation: Int,
    _ groups: Int
  ) -> Tensor {
    let s = [Int64](repeating: Int64(stride), count: rank)
    let p = [Int64](repeating: Int64(padding), count: rank)
    let d = [Int64](repeating: Int64(dilation), count: rank)
    return withExtendedLifetime(bias) {
      binary(rank == 1 ? "conv1d" : "conv2d", weight) {
        ct_conv(Int32(rank), $0, $1, bias.pointer, s, p, d, Int64(groups))
      }
    }
  }
  /// The transpose of ``conv1d(weight:bias:stride:padding:dilation:groups:)``; weight `[in, out/groups, width]`.
  public func convTranspose1d(
    weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
    groups: Int = 1
  ) -> Tensor {
    convolveTransposed(1, weight, bias, stride, padding, outputPadding, groups)
  }
  /// The transpose of ``conv2d(weight:bias:stride:padding:dilation:groups:)``; weight `[in, out/groups, h, w]`.
  public func convTranspose2d(
    weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
    groups: Int = 1
  ) -> Tensor {
    convolveTransposed(2, weight, bias, stride, padding, outputPadding, groups)
  }
  private func convolveTransposed(
    _ rank: Int, _ weight: Tensor, _ bias: Tensor?, _ stride: Int, _ padding: Int, _ outputPadding: Int,
    _ groups: Int
  ) -> Tensor {
    let s = [Int64](repeating: Int64(stride), count: rank)
    let p = [Int64](repeating: Int64(padding), count: rank)
    let o = [Int64](repeating: Int64(outputPadding), count: rank)
    let d = [Int64](repeating: 1, count: rank)
    return withExtendedLifetime(bias) {
      binary(rank == 1 ? "convTranspose1d" : "convTranspose2d", weight) {
        ct_conv_transpose(Int32(rank), $0, $1, bias.pointer, s, p, o, Int64(groups), d)
      }
    }
  }
  /// Means over square windows of `[batch, channels, height, width]`.
  public func averagePool2d(_ size: Int, stride: Int? = nil) -> Tensor {
    unary("averagePool2d") { ct_avg_pool2d($0, Int64(size), Int64(stride ?? size)) }
  }
  /// Maxima over square windows of `[batch, channels, height, width]`.
  public func maxPool2d(_ size: Int, stride: Int? = nil) -> Tensor {
    unary("maxPool2d") { ct_max_pool2d($0, Int64(size), Int64(stride ?? size)) }
  }
  /// `[batch, channels, ...]` resampled to the spatial size, one or two numbers.
  public func interpolate(to size: [Int], mode: InterpolationMode = .nearest) -> Tensor {
    precondition(
      size.count == 1 || size.count == 2, "interpolate: one or two spatial axes, not \(size.count)")
    return unary("interpolate") { x in withInt64(size) { ct_interpolate(x, $0, $1, mode.rawValue) } }
  }
  /// softmax(Q Kᵀ·scale + mask) V over `[..., heads, length, width]`; `scale` defaults to 1/√width.
  /// - Parameters:
  ///   - mask: true (or 0) where attention is allowed, false (or −∞) where not.
  ///   - grouped: keys and values have fewer heads than queries; every one of them serves as many queries in turn.
  public static func attention(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, mask: Tensor? = nil, causal: Bool = false, scale: Double? = nil,
    grouped: Bool = false
  ) -> Tensor {
    withExtendedLifetime(mask) {
      q.ternary("attention", k, v) { ct_attention($0, $1, $2, mask.pointer, causal, scale ?? 0, grouped) }
    }
  }
  /// −log softmax(logits)[target]; logits `[n, classes]`, target `[n]`; `ignored` targets do not count.
  public func crossEntropy(_ target: Tensor, reduction: Reduction = .mean, ignoring ignored: Int = -100)
    -> Tensor
  {
    binary("crossEntropy", target) { ct_cross_entropy($0, $1, reduction.rawValue, Int64(ignored)) }
  }
}

/// Runs matrix products and convolutions inside `body` in `dtype` (bfloat16), the rest as libtorch's lists say.
///
/// Weights stay as they are (float32 masters); a weight used twice in the scope is cast once.
public func withAutocast<Result>(_ dtype: DType = .bfloat16, _ body: () throws -> Result) rethrows -> Result {
  let before = ct_autocast_enabled()
  ct_autocast(true, dtype.rawValue)
  defer { ct_autocast(before, dtype.rawValue) }
  return try body()
}
