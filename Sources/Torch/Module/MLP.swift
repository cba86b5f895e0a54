/// A multi-layer perceptron: linear maps with an activation between them.
///
/// Parameters are `layers.0.weight`, `layers.0.bias`, …
public final class MLP: Module, Layer {
  public let layers: [Linear]
  public let activation: Activation

  /// - Parameter widths: of the input, every hidden layer and the output.
  public init(_ widths: [Int], activation: Activation = .silu, using random: inout RandomSource) {
    precondition(widths.count >= 2 && widths.allSatisfy { $0 > 0 }, "MLP: widths \(widths) are not a network")
    layers = zip(widths, widths.dropFirst()).map { Linear($0, $1, using: &random) }
    self.activation = activation
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { rest(layers[0](x)) }

  /// The output for inputs `x` `[n, d]` joined with a context that all rows share, `[k]`, or not, `[n, k]`.
  ///
  /// A shared context is folded into the first bias, so no joined matrix is made.
  public func callAsFunction(_ x: Tensor, context: Tensor) -> Tensor { rest(first(x, context: context)) }

  private func first(_ x: Tensor, context: Tensor) -> Tensor {
    guard context.rank == 1 else { return layers[0](.concatenate([x, context], axis: 1)) }
    let weight = layers[0].weight.value
    let d = x.size(-1)
    let bias = context.linear(weight: weight.slice(axis: 1, start: d), bias: layers[0].bias?.value)
    return x.linear(weight: weight.slice(axis: 1, start: 0, end: d), bias: bias)
  }

  private func rest(_ first: Tensor) -> Tensor {
    layers.dropFirst().reduce(first) { hidden, layer in layer(activation.overwriting(hidden)) }
  }

  /// The output and the exact trace of its Jacobian in the first `d` inputs (as many as outputs).
  ///
  /// The Jacobian is carried forward through the layers for all rows and coordinates at once: the first layer
  /// starts it without a product, the last contracts it without forming it, so a network with L hidden
  /// layers costs L − 1 matrix products over `n·d` rows.
  /// - Parameters:
  ///   - x: `[n, d]`.
  ///   - context: features that all rows share, `[k]`, or not, `[n, k]`.
  public func valueAndDivergence(_ x: Tensor, context: Tensor) -> FieldWithDivergence {
    let (n, d) = (x.size(0), x.size(-1))
    var hidden = first(x, context: context)
    guard layers.count > 1 else {
      let trace = layers[0].weight.value.slice(axis: 1, start: 0, end: d).trace()
      return FieldWithDivergence(value: hidden, divergence: trace.expand([n]))
    }
    var (value, slope) = activation.valueAndDerivative(hidden)
    let start = layers[0].weight.value.slice(axis: 1, start: 0, end: d).transposed
    var jacobian = slope.unsqueeze(1) * start
    for layer in layers.dropFirst().dropLast() {
      hidden = layer(value)
      (value, slope) = activation.valueAndDerivative(hidden)
      jacobian = jacobian.matmul(layer.weight.value.transposed).overwritten(times: slope.unsqueeze(1))
    }
    let last = layers[layers.count - 1]
    let trace = jacobian.reshape(n, -1).matmul(last.weight.value.reshape(-1))
    return FieldWithDivergence(value: last(value), divergence: trace)
  }
}
