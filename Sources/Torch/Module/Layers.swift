import CTorch

// Layers are initialised as PyTorch initialises them: weights and biases uniform on ±1/√fan-in.

private func uniformParameter(_ shape: [Int], fanIn: Int, using random: inout RandomSource) -> Parameter {
  let bound = 1 / Double(max(fanIn, 1)).squareRoot()
  return Parameter(random.uniform(shape, low: -bound, high: bound))
}

/// y = x Wᵀ + b.
public final class Linear: Module, Layer {
  /// `[out, in]`.
  public let weight: Parameter
  /// `[out]`.
  public let bias: Parameter?

  public init(_ inputs: Int, _ outputs: Int, bias: Bool = true, using random: inout RandomSource) {
    weight = uniformParameter([outputs, inputs], fanIn: inputs, using: &random)
    self.bias = bias ? uniformParameter([outputs], fanIn: inputs, using: &random) : nil
  }

  /// - Parameters:
  ///   - weight: `[out, in]`.
  ///   - bias: `[out]`.
  public init(weight: Tensor, bias: Tensor? = nil) {
    (self.weight, self.bias) = (Parameter(weight), bias.map { Parameter($0) })
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { x.linear(weight: weight.value, bias: bias?.value) }
}

/// A table of vectors looked up by whole numbers; entries are normal at first.
public final class Embedding: Module, Layer {
  /// `[entries, width]`.
  public let weight: Parameter

  /// - Parameter deviation: of the entries; 1 as in PyTorch, transformers mostly take 0.02.
  public init(_ entries: Int, _ width: Int, deviation: Double = 1, using random: inout RandomSource) {
    weight = Parameter(deviation * random.normal([entries, width]))
  }

  /// - Parameter weight: `[entries, width]`.
  public init(weight: Tensor) { self.weight = Parameter(weight) }

  public func callAsFunction(_ positions: Tensor) -> Tensor { .embedding(weight.value, positions) }
}

/// Layer normalisation over the last axes.
public final class LayerNorm: Module, Layer {
  public let weight: Parameter
  public let bias: Parameter
  public let epsilon: Double

  public init(_ shape: Int..., epsilon: Double = 1e-5) {
    weight = Parameter(.ones(shape))
    bias = Parameter(.zeros(shape))
    self.epsilon = epsilon
  }

  /// - Parameter weight: of the shape to normalise over, like the bias.
  public init(weight: Tensor, bias: Tensor, epsilon: Double) {
    (self.weight, self.bias, self.epsilon) = (Parameter(weight), Parameter(bias), epsilon)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.layerNorm(weight.shape, weight: weight.value, bias: bias.value, epsilon: epsilon)
  }
}

/// Root-mean-square normalisation over the last axis.
public final class RMSNorm: Module, Layer {
  public let weight: Parameter
  public let epsilon: Double

  public init(_ width: Int, epsilon: Double = 1e-6) {
    weight = Parameter(.ones([width]))
    self.epsilon = epsilon
  }

  /// - Parameter weight: `[width]`.
  public init(weight: Tensor, epsilon: Double) { (self.weight, self.epsilon) = (Parameter(weight), epsilon) }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.rmsNorm(weight.shape, weight: weight.value, epsilon: epsilon)
  }
}

/// Group normalisation of `[batch, channels, ...]`.
public final class GroupNorm: Module, Layer {
  public let weight: Parameter
  public let bias: Parameter
  public let groups: Int
  public let epsilon: Double

  public init(groups: Int, channels: Int, epsilon: Double = 1e-5) {
    precondition(
      channels % groups == 0, "GroupNorm: \(channels) channels do not divide into \(groups) groups")
    weight = Parameter(.ones([channels]))
    bias = Parameter(.zeros([channels]))
    self.groups = groups
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.groupNorm(groups, weight: weight.value, bias: bias.value, epsilon: epsilon)
  }
}

/// Convolution over one (`Conv1d`) or two (`Conv2d`) spatial axes.
public class Convolution: Module, Layer {
  public let weight: Parameter
  public let bias: Parameter?
  let rank, stride, padding, dilation, groups: Int

  init(
    rank: Int, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int, padding: Int, dilation: Int,
    groups: Int,
    bias: Bool, using random: inout RandomSource
  ) {
    let window = [Int](repeating: kernel, count: rank)
    let fanIn = inputs / groups * window.reduce(1, *)
    weight = uniformParameter([outputs, inputs / groups] + window, fanIn: fanIn, using: &random)
    self.bias = bias ? uniformParameter([outputs], fanIn: fanIn, using: &random) : nil
    (self.rank, self.stride, self.padding, self.dilation, self.groups) = (
      rank, stride, padding, dilation, groups
    )
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let (w, b) = (weight.value, bias?.value)
    return rank == 1
      ? x.conv1d(weight: w, bias: b, stride: stride, padding: padding, dilation: dilation, groups: groups)
      : x.conv2d(weight: w, bias: b, stride: stride, padding: padding, dilation: dilation, groups: groups)
  }
}

/// Convolution of `[batch, in, length]`.
public final class Conv1d: Convolution {
  public init(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    groups: Int = 1,
    bias: Bool = true, using random: inout RandomSource
  ) {
    super.init(
      rank: 1, inputs, outputs, kernel: kernel, stride: stride, padding: padding, dilation: dilation,
      groups: groups,
      bias: bias, using: &random)
  }
}

/// Convolution of `[batch, in, height, width]`.
public final class Conv2d: Convolution {
  public init(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    groups: Int = 1,
    bias: Bool = true, using random: inout RandomSource
  ) {
    super.init(
      rank: 2, inputs, outputs, kernel: kernel, stride: stride, padding: padding, dilation: dilation,
      groups: groups,
      bias: bias, using: &random)
  }
}

/// Transposed convolution of `[batch, in, height, width]`, which up-samples by its stride.
public final class ConvTranspose2d: Module, Layer {
  public let weight: Parameter
  public let bias: Parameter
  let stride, padding, outputPadding: Int

  public init(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
    using random: inout RandomSource
  ) {
    weight = uniformParameter(
      [inputs, outputs, kernel, kernel], fanIn: outputs * kernel * kernel, using: &random)
    bias = uniformParameter([outputs], fanIn: outputs * kernel * kernel, using: &random)
    (self.stride, self.padding, self.outputPadding) = (stride, padding, outputPadding)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.convTranspose2d(
      weight: weight.value, bias: bias.value, stride: stride, padding: padding, outputPadding: outputPadding)
  }
}

/// Sets a share of the elements to zero in training and scales the rest up; does nothing in evaluation.
public final class Dropout: Module {
  public let rate: Double

  /// - Parameter rate: the share to drop, in [0, 1).
  public init(_ rate: Double) {
    precondition((0..<1).contains(rate), "Dropout: the rate \(rate) is not in [0, 1)")
    self.rate = rate
  }

  public func callAsFunction(_ x: Tensor, using random: inout RandomSource) -> Tensor {
    guard isTraining, rate > 0 else { return x }
    let uniform = random.uniform(x.shape, device: x.device)
    return x.binary("dropout", uniform) { ct_dropout_mask($0, $1, rate) }
  }
}

/// Multi-head attention of a sequence `[batch, length, width]` to itself.
public final class SelfAttention: Module {
  public let query: Linear
  public let key: Linear
  public let value: Linear
  public let output: Linear
  public let heads: Int

  public init(_ width: Int, heads: Int, bias: Bool = true, using random: inout RandomSource) {
    precondition(width % heads == 0, "SelfAttention: width \(width) does not divide into \(heads) heads")
    query = Linear(width, width, bias: bias, using: &random)
    key = Linear(width, width, bias: bias, using: &random)
    value = Linear(width, width, bias: bias, using: &random)
    output = Linear(width, width, bias: bias, using: &random)
    self.heads = heads
  }

  public func callAsFunction(_ x: Tensor, mask: Tensor? = nil, causal: Bool = false) -> Tensor {
    let shape = x.shape
    func split(_ y: Tensor) -> Tensor { y.reshape(shape[0], shape[1], heads, -1).transpose(1, 2) }
    let attended = Tensor.attention(
      split(query(x)), split(key(x)), split(value(x)), mask: mask, causal: causal)
    return output(attended.transpose(1, 2).reshape(shape))
  }
}

/// Layers applied one after the other.
public final class Sequential: Module, Layer {
  public let layers: [any Layer]

  public init(_ layers: any Layer...) { self.layers = layers }

  public func callAsFunction(_ x: Tensor) -> Tensor { layers.reduce(x) { $1($0) } }
}
