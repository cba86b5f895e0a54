import Torch

/// A network from x_t and its share of the way, in [0, 1], to one number a row.
protocol RewardNetwork: Module {
  /// - Parameters:
  ///   - x: `[n] + event`.
  ///   - share: `[n]`, 0 where paths start.
  func callAsFunction(_ x: Tensor, share: Tensor) -> Tensor
}

/// A perceptron over rows of numbers, which are standardised step by step first.
final class PointRewardNetwork: Module, RewardNetwork {
  let network: MLP
  /// Of the model's own rows at every index, `[steps, d]`.
  private let means: Tensor
  private let deviations: Tensor

  /// - Parameter states: the model's rows at every index, `[n] + event` each.
  init(standardising states: [Tensor], width: Int, depth: Int, using random: inout RandomSource) {
    let rows = states.map { $0.flatten(1).to(.float) }
    means = .stack(rows.map { $0.mean(0) })
    deviations = .stack(rows.map { $0.standardDeviation(0).clamp(1e-6) })
    let hidden = [Int](repeating: width, count: depth)
    network = MLP([means.size(1) + 1] + hidden + [1], activation: .silu, using: &random)
  }

  func callAsFunction(_ x: Tensor, share: Tensor) -> Tensor {
    let index = (share * Double(means.size(0))).round().to(.int64)
    let centred = x.flatten(1).to(.float) - means.select(axis: 0, index)
    let scaled = centred / deviations.select(axis: 0, index)
    return network(.concatenate([scaled, share.to(.float).unsqueeze(1)], axis: 1)).squeeze(1)
  }
}

/// A transformer over partly masked sequences; the masks say how far the way is.
final class SequenceRewardNetwork: Module, RewardNetwork {
  let network: MaskedTransformer

  init(symbols: Int, options: MaskedTransformerOptions, using random: inout RandomSource) {
    network = MaskedTransformer(symbols: symbols, outputs: 1, options: options, using: &random)
  }

  func callAsFunction(_ x: Tensor, share: Tensor) -> Tensor { network(x).squeeze(2).mean(1) }
}
