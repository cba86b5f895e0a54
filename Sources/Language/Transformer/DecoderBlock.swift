import Torch

/// Where a transformer's weights come from: a file, or a random source.
struct WeightSource {
  enum Initial {
    case normal(Double)
    case zeros, ones
  }
  /// The tensor of this name and shape; `initial` where it is to be made.
  let tensor: (_ name: String, _ shape: [Int], _ initial: Initial) throws -> Tensor

  func within(_ part: String) -> WeightSource {
    WeightSource { try tensor("\(part).\($0)", $1, $2) }
  }

  func linear(_ inputs: Int, _ outputs: Int, bias: Bool, deviation: Double) throws -> Projection {
    Projection(
      weight: try tensor("weight", [outputs, inputs], .normal(deviation)),
      bias: bias ? try tensor("bias", [outputs], .zeros) : nil)
  }

  func norm(_ kind: TransformerConfiguration.Normalisation, _ width: Int, epsilon: Double) throws
    -> any Layer
  {
    let weight = try tensor("weight", [width], .ones)
    switch kind {
    case .layer:
      return LayerNorm(weight: weight, bias: try tensor("bias", [width], .zeros), epsilon: epsilon)
    case .rootMeanSquare: return RMSNorm(weight: weight, epsilon: epsilon)
    }
  }
}

/// What all layers share in one forward pass.
struct ForwardPass {
  var mask: AttentionMask
  /// Of the tokens' positions, `[batch or 1, new, 1, pairs]`.
  let cosines: Tensor?
  let sines: Tensor?
  let cache: KeyValueCache?
  let hooks: Hooks?
  /// Slots that were read before.
  var past: Int { mask.past }
}

/// Attention in which several heads of queries share one head of keys and values (Ainslie et al. 2023).
public final class GroupedQueryAttention: Module {
  /// Rows: the heads of queries, then those of keys, then those of values.
  public let queryKeyValue: Projection
  public let output: Projection
  public let queryNorm: RMSNorm?
  public let keyNorm: RMSNorm?
  private let heads: Int
  private let shared: Int
  private let width: Int

  init(_ configuration: TransformerConfiguration, _ source: WeightSource) throws {
    (heads, shared, width) = (
      configuration.heads, configuration.keyValueHeads, configuration.headWidth
    )
    queryKeyValue = try source.within("queryKeyValue").linear(
      configuration.width, (heads + 2 * shared) * width, bias: configuration.hasQueryKeyValueBias,
      deviation: configuration.initialDeviation)
    output = try source.within("output").linear(
      heads * width, configuration.width, bias: configuration.hasOutputBias,
      deviation: configuration.residualDeviation)
    func norm(_ name: String) throws -> RMSNorm? {
      guard configuration.normalisesHeads else { return nil }
      return RMSNorm(
        weight: try source.tensor("\(name).weight", [configuration.headWidth], .ones),
        epsilon: configuration.epsilon)
    }
    queryNorm = try norm("queryNorm")
    keyNorm = try norm("keyNorm")
  }

  func callAsFunction(_ x: Tensor, layer: Int, window: Int?, _ pass: inout ForwardPass) -> Tensor {
    let (batch, new) = (x.size(0), x.size(1))
    let all = queryKeyValue(x).reshape(batch, new, heads + 2 * shared, width)
    let (q, k) = queriesAndKeys(all, pass)
    var keys = k.transpose(1, 2)
    var values = all.slice(axis: 2, start: heads + shared).transpose(1, 2)
    if let cache = pass.cache { (keys, values) = cache.append(layer: layer, keys: keys, values: values) }
    var (mask, isCausal): (Tensor?, Bool) = (nil, false)
    switch pass.mask.form(window: window, device: x.device) {
    case .everything: break
    case .causal: isCausal = true
    case .mask(let known): mask = known
    }
    let joined: Tensor
    if let hooks = pass.hooks, hooks.has(.pattern, layer: layer) {
      let pattern = Self.pattern(q, keys, mask: mask, isCausal: isCausal)
      let changed = hooks.apply(.pattern, layer: layer, past: pass.past, to: pattern)
      joined = changed.matmul(values.repeatInterleave(heads / shared, axis: 1)).transpose(1, 2)
    } else if new == 1 {
      // The queries of a group see the same keys, as if they were a text of their own.
      let grouped = q.reshape(batch, shared, heads / shared, width)
      joined = Tensor.attention(grouped, keys, values, mask: mask).reshape(batch, 1, heads, width)
    } else {
      joined = Tensor.attention(
        q.transpose(1, 2), keys, values, mask: mask, causal: isCausal, grouped: heads != shared
      ).transpose(1, 2)
    }
    let changed = pass.hooks?.apply(.heads, layer: layer, past: pass.past, to: joined) ?? joined
    return output(changed.reshape(batch, new, heads * width))
  }

  /// softmax(Q Kᵀ/√width) where it is seen, `[batch, heads, new, keys]`.
  private static func pattern(_ q: Tensor, _ keys: Tensor, mask: Tensor?, isCausal: Bool) -> Tensor {
    let (heads, width) = (q.size(2), q.size(3))
    let all = keys.repeatInterleave(heads / keys.size(1), axis: 1)
    let scores = q.transpose(1, 2).matmul(all.transpose(2, 3)) / Double(width).squareRoot()
    let n = q.size(1)
    let seen = isCausal ? Tensor.ones([n, n], dtype: .bool, device: q.device).lowerTriangle() : mask
    return (seen.map { scores.filled(where: $0.logicalNot(), with: -.infinity) } ?? scores).softmax(-1)
  }

  /// `[batch, new, heads, width]` each, normalised and turned where the model does so.
  private func queriesAndKeys(_ all: Tensor, _ pass: ForwardPass) -> (Tensor, Tensor) {
    func turned(_ x: Tensor) -> Tensor {
      guard let cosines = pass.cosines, let sines = pass.sines else { return x }
      return x.rotated(cosines: cosines, sines: sines)
    }
    if let queryNorm, let keyNorm {
      return (
        turned(queryNorm(all.slice(axis: 2, start: 0, end: heads))),
        turned(keyNorm(all.slice(axis: 2, start: heads, end: heads + shared)))
      )
    }
    let both = turned(all.slice(axis: 2, start: 0, end: heads + shared))
    return (both.slice(axis: 2, start: 0, end: heads), both.slice(axis: 2, start: heads))
  }
}

/// The perceptron of a block: one hidden layer, or a gated one whose two products share a weight (gate, then up).
public final class FeedForward: Module {
  public let up: Projection
  public let down: Projection
  private let activation: TransformerConfiguration.Activation
  private let isGated: Bool

  init(_ configuration: TransformerConfiguration, _ source: WeightSource) throws {
    (activation, isGated) = (configuration.activation, configuration.isGated)
    let hidden = configuration.hiddenWidth
    up = try source.within("up").linear(
      configuration.width, isGated ? 2 * hidden : hidden, bias: configuration.hasFeedForwardBias,
      deviation: configuration.initialDeviation)
    down = try source.within("down").linear(
      hidden, configuration.width, bias: configuration.hasFeedForwardBias,
      deviation: configuration.residualDeviation)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let y = up(x)
    if isGated { return down(y.gatedSiLU()) }
    switch activation {
    case .gelu: return down(y.gelu())
    case .geluTanh: return down(y.gelu(approximate: true))
    case .silu: return down(y.silu())
    case .relu: return down(y.relu())
    }
  }
}

/// Attention and a perceptron, each of the normalised stream and added to it.
public final class DecoderBlock: Module {
  public let attentionNorm: any Layer
  public let attention: GroupedQueryAttention
  public let feedForwardNorm: any Layer
  public let feedForward: FeedForward
  private let isParallel: Bool
  private let window: Int?

  init(_ configuration: TransformerConfiguration, layer: Int, _ source: WeightSource) throws {
    (isParallel, window) = (configuration.isParallel, configuration.window(ofLayer: layer))
    func norm(_ name: String) throws -> any Layer {
      try source.within(name).norm(
        configuration.normalisation, configuration.width, epsilon: configuration.epsilon)
    }
    attentionNorm = try norm("attentionNorm")
    attention = try GroupedQueryAttention(configuration, source.within("attention"))
    feedForwardNorm = try norm("feedForwardNorm")
    feedForward = try FeedForward(configuration, source.within("feedForward"))
  }

  /// All that a gradient may be taken of, adapters' parts too.
  var differentiated: [Tensor] {
    let projections = [attention.queryKeyValue, attention.output, feedForward.up, feedForward.down]
    return (namedParameters.map(\.value) + projections.flatMap(\.updateParameters))
      .filter(\.isTrainable).map(\.value)
  }

  func callAsFunction(_ stream: Tensor, layer: Int, _ pass: inout ForwardPass) -> Tensor {
    let (hooks, past) = (pass.hooks, pass.past)
    let x = hooks?.apply(.streamBefore, layer: layer, past: past, to: stream) ?? stream
    let attended = x + attention(attentionNorm(x), layer: layer, window: window, &pass)
    let result = attended + feedForward(feedForwardNorm(isParallel ? x : attended))
    return hooks?.apply(.streamAfter, layer: layer, past: past, to: result) ?? result
  }
}
