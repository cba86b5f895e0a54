import CTorch

/// A perceptron made ready for many evaluations on the processor that nothing records, as when sampling.
///
/// Its weights lie in the order in which oneDNN multiplies, which spares every product that reordering. SELU's
/// constants are folded into them: libtorch's SELU costs a quarter of a product of width 256, its σ a third of that,
/// and with y = −x
///
///     SELU(x) = αs (h − 2),  h = min(1/σ(y), 2) − min(y, 0)/α,
///
/// since 1/σ(−x) = 1 + eˣ. So the layers before an activation give −x, and those after it take αs W and
/// b − 2αs W1. Values differ from the perceptron's by rounding, with SELU by about 1e-5 of their size.
public struct PackedMLP: @unchecked Sendable {
  private let layers: [(product: PackedLinear, bias: Tensor?)]
  /// Of the first layer, the weights `[width, k]` of the context.
  private let contextWeight: Tensor
  private let activation: Activation

  private static let alpha = 1.6732632423543772
  private static let scale = 1.0507009873554805

  /// `nil` where it would bring nothing or cannot be: off the processor, in other types than float32, without
  /// oneDNN.
  /// - Parameters:
  ///   - inputs: columns of x; what further inputs the network has are its context.
  ///   - rows: how many will be evaluated at a time, mostly.
  public init?(_ network: MLP, inputs: Int, rows: Int) {
    activation = network.activation
    let last = network.layers.count - 1
    let folds = activation == .selu
    let scaled = network.layers.enumerated().map { index, layer -> (weight: Tensor, bias: Tensor?) in
      var (weight, bias) = (layer.weight.value, layer.bias?.value)
      if folds, index > 0 {
        weight = weight * (Self.alpha * Self.scale)
        let shift = weight.sum(1) * -2
        bias = bias.map { $0 + shift } ?? shift
      }
      return folds && index < last ? (-weight, bias.map { -$0 }) : (weight, bias)
    }
    contextWeight = scaled[0].weight.slice(axis: 1, start: inputs).contiguous()
    var layers: [(product: PackedLinear, bias: Tensor?)] = []
    for (index, layer) in scaled.enumerated() {
      let weight = index == 0 ? layer.weight.slice(axis: 1, start: 0, end: inputs) : layer.weight
      guard let product = PackedLinear(weight, rows: rows) else { return nil }
      layers.append((product, layer.bias))
    }
    self.layers = layers
  }

  /// The output for float32 `x` `[n, inputs]` with a context `[k]` or `[n, k]`.
  public func callAsFunction(_ x: Tensor, context: Tensor) -> Tensor {
    let shift = context.linear(weight: contextWeight, bias: layers[0].bias)
    let first = layers[0].product
    var hidden = context.rank == 1 ? first(x, bias: shift) : first(x) + shift
    for layer in layers.dropFirst() {
      let active =
        activation == .selu
        ? hidden.unary("selu") { ct_folded_selu($0, Self.alpha) } : activation.overwriting(hidden)
      hidden = layer.product(active, bias: layer.bias)
    }
    return hidden
  }
}
