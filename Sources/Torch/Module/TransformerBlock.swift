/// A block of a transformer over `[batch, length, width]`: attention and a perceptron, each of the normalised input and
/// added to it (pre-norm, as in Radford et al. 2019).
public final class TransformerBlock: Module, Layer {
  public let attentionNorm: LayerNorm
  public let attention: SelfAttention
  public let feedForwardNorm: LayerNorm
  public let feedForward: MLP
  /// Whether positions see only those before them.
  public let isCausal: Bool

  /// - Parameters:
  ///   - heads: divide the width.
  ///   - hidden: width of the perceptron; four times the block's when `nil`.
  public init(
    _ width: Int, heads: Int, hidden: Int? = nil, activation: Activation = .gelu, causal: Bool = false,
    using random: inout RandomSource
  ) {
    attentionNorm = LayerNorm(width)
    attention = SelfAttention(width, heads: heads, using: &random)
    feedForwardNorm = LayerNorm(width)
    feedForward = MLP([width, hidden ?? 4 * width, width], activation: activation, using: &random)
    isCausal = causal
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let attended = x + attention(attentionNorm(x), causal: isCausal)
    return attended + feedForward(feedForwardNorm(attended))
  }
}
