/// A residual block of a U-Net: two 3×3 convolutions with group normalisation, shifted by the context.
final class ResidualBlock: Module {
  let norm1: GroupNorm
  let convolution1: Conv2d
  let contextMap: Linear
  let norm2: GroupNorm
  let convolution2: Conv2d
  let skip: Conv2d?

  init(_ inputs: Int, _ outputs: Int, context: Int, using random: inout RandomSource) {
    norm1 = GroupNorm(groups: Self.groups(inputs), channels: inputs)
    convolution1 = Conv2d(inputs, outputs, kernel: 3, padding: 1, using: &random)
    contextMap = Linear(context, outputs, using: &random)
    norm2 = GroupNorm(groups: Self.groups(outputs), channels: outputs)
    convolution2 = Conv2d(outputs, outputs, kernel: 3, padding: 1, using: &random)
    skip = inputs == outputs ? nil : Conv2d(inputs, outputs, kernel: 1, using: &random)
  }

  /// The largest of 8, 4, 2, 1 that leaves equal groups of four channels or more: the context shifts whole
  /// channels, and normalising a channel alone would take that shift away again.
  static func groups(_ channels: Int) -> Int {
    [8, 4, 2].first { channels % $0 == 0 && channels / $0 >= 4 } ?? 1
  }

  func callAsFunction(_ x: Tensor, _ context: Tensor) -> Tensor {
    let first = convolution1(norm1(x).silu()) + contextMap(context).unsqueeze(-1).unsqueeze(-1)
    return (skip.map { $0(x) } ?? x) + convolution2(norm2(first).silu())
  }
}

/// A two-dimensional U-Net over flattened images `[n, channels·height·width]` with a context vector.
///
/// Three levels of resolution where the size allows (`width`, 2·`width`, 2·`width` channels), one residual block
/// each way, attention at the coarsest. With `outputs` 1 the result is averaged to one number a row.
public final class UNet: Module {
  let contextNetwork: MLP
  let input: Conv2d
  let down: [ResidualBlock]
  let middle: ResidualBlock
  let attention: SelfAttention
  let up: [ResidualBlock]
  let norm: GroupNorm
  let output: Conv2d

  private let shape: [Int]
  private let isScalar: Bool

  /// - Parameters:
  ///   - shape: channels, height, width.
  ///   - context: features of time and condition.
  ///   - width: channels of the finest level, a multiple of 4.
  ///   - outputs: the size of an image, or 1.
  public init(shape: [Int], context: Int, width: Int, outputs: Int, using random: inout RandomSource) {
    precondition(
      shape.count == 3 && width % 4 == 0, "UNet: needs channels, height, width and a width divisible by 4")
    self.shape = shape
    isScalar = outputs == 1 && shape.reduce(1, *) != 1
    let features = 4 * width
    contextNetwork = MLP([context, features, features], activation: .silu, using: &random)
    input = Conv2d(shape[0], width, kernel: 3, padding: 1, using: &random)
    var levels = [width]
    var (height, breadth) = (shape[1], shape[2])
    while levels.count < 3, height % 2 == 0, breadth % 2 == 0, min(height, breadth) >= 4 {
      levels.append(2 * width)
      (height, breadth) = (height / 2, breadth / 2)
    }
    var blocks: [ResidualBlock] = []
    for (i, channels) in levels.enumerated() {
      blocks.append(
        ResidualBlock(i == 0 ? width : levels[i - 1], channels, context: features, using: &random))
    }
    down = blocks
    let coarse = levels[levels.count - 1]
    middle = ResidualBlock(coarse, coarse, context: features, using: &random)
    attention = SelfAttention(coarse, heads: 4, using: &random)
    var rising: [ResidualBlock] = []
    for (i, channels) in levels.enumerated().reversed() {
      let below = i == levels.count - 1 ? coarse : levels[i + 1]
      rising.append(ResidualBlock(below + channels, channels, context: features, using: &random))
    }
    up = rising
    norm = GroupNorm(groups: ResidualBlock.groups(width), channels: width)
    output = Conv2d(width, isScalar ? 1 : shape[0], kernel: 3, padding: 1, using: &random)
  }

  public func callAsFunction(_ x: Tensor, context: Tensor) -> Tensor {
    let n = x.size(0)
    let shared = contextNetwork(context.rank == 1 ? context.unsqueeze(0) : context).silu()
    var hidden = input(x.reshape([n] + shape))
    var kept: [Tensor] = []
    for (i, block) in down.enumerated() {
      if i > 0 { hidden = hidden.averagePool2d(2) }
      hidden = block(hidden, shared)
      kept.append(hidden)
    }
    hidden = middle(hidden, shared)
    let size = hidden.shape
    let tokens = hidden.flatten(2).transpose(1, 2)
    hidden = hidden + attention(tokens).transpose(1, 2).reshape(size)
    for (i, block) in up.enumerated() {
      let partner = kept[kept.count - 1 - i]
      if i > 0 { hidden = hidden.interpolate(to: [partner.size(2), partner.size(3)]) }
      hidden = block(.concatenate([hidden, partner], axis: 1), shared)
    }
    let image = output(norm(hidden).silu())
    return isScalar ? image.flatten(1).mean(1, keep: true) : image.reshape(n, -1)
  }
}
