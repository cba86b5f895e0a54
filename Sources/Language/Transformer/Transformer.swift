import Torch

/// A transformer for text of the GPT-2, GPT-NeoX, Llama, Mistral, Qwen2 or Qwen3 shape, or any mix of their parts.
public final class Transformer: Module, LanguageModel {
  public let configuration: TransformerConfiguration
  public let embedding: Embedding
  public let positionEmbedding: Embedding?
  public let blocks: [DecoderBlock]
  public let finalNorm: any Layer
  /// The table of logits where it is not that of the embedding.
  public let head: Projection?
  /// What acts beside the model's own weights; see ``attach(_:)``.
  public internal(set) var adapter: LowRankAdapter? {
    get { attached.adapter }
    set { attached.adapter = newValue }
  }
  private var attached = Attachment()

  /// In a type of its own, so that the adapter is no part of this module.
  private struct Attachment {
    var adapter: LowRankAdapter?
    var softPrompt: SoftPrompt?
  }
  /// Vectors that are read before every text; see ``attach(softPrompt:)``.
  public internal(set) var softPrompt: SoftPrompt? {
    get { attached.softPrompt }
    set { attached.softPrompt = newValue }
  }
  private let rotary: RotaryTable?
  var hooks: Hooks?
  /// Whether training keeps of every block only what goes into it, and computes the rest again for the backward pass:
  /// about one more forward pass of time for much less memory (Chen et al. 2016).
  public var checkpointsActivations = false

  /// A model with fresh weights: normal with the configuration's deviation, those that write to the residual stream
  /// smaller by the root of twice the layers (Radford et al. 2019).
  public convenience init(_ configuration: TransformerConfiguration, using random: inout RandomSource) throws
  {
    var stream = random
    try self.init(
      configuration,
      source: WeightSource { _, shape, initial in
        switch initial {
        case .normal(let deviation): deviation * stream.normal(shape)
        case .zeros: .zeros(shape)
        case .ones: .ones(shape)
        }
      })
    random = stream
  }

  init(_ configuration: TransformerConfiguration, source: WeightSource) throws {
    try configuration.validate()
    self.configuration = configuration
    let (width, deviation) = (configuration.width, configuration.initialDeviation)
    func table(_ name: String, _ entries: Int) throws -> Embedding {
      Embedding(weight: try source.tensor("\(name).weight", [entries, width], .normal(deviation)))
    }
    embedding = try table("embedding", configuration.vocabularySize)
    switch configuration.positions {
    case .learned:
      positionEmbedding = try table("positionEmbedding", configuration.contextLength)
      rotary = nil
    case .rotary(let positions):
      positionEmbedding = nil
      rotary = RotaryTable(positions, headWidth: configuration.headWidth)
    }
    blocks = try (0..<configuration.layers).map {
      try DecoderBlock(configuration, layer: $0, source.within("blocks.\($0)"))
    }
    finalNorm = try source.within("finalNorm").norm(
      configuration.normalisation, width, epsilon: configuration.epsilon)
    head =
      configuration.tiesEmbeddings
      ? nil
      : try source.within("head").linear(
        width, configuration.vocabularySize, bias: false, deviation: deviation)
  }

  /// A model of its own with the same weights, without what is attached to this one.
  public func copy() throws -> Transformer {
    var unused = RandomSource(seed: 0)
    let copy = try Transformer(configuration, using: &unused)
    copy.move(to: embedding.weight.value.dtype, device: embedding.weight.value.device)
    try copy.load(Dictionary(uniqueKeysWithValues: state().map { ($0.name, $0.tensor) }))
    return copy
  }

  public var vocabularySize: Int { configuration.vocabularySize }
  public var contextLength: Int? {
    positionsDependOnLength ? nil : configuration.contextLength - (softPrompt?.tokens ?? 0)
  }
  /// Whether a token's angles change as its text grows.
  var positionsDependOnLength: Bool { rotary?.dependsOnLength == true }

  /// The table W whose products with hidden states are the logits, `[vocabularySize, width]`.
  public var outputTable: Tensor { head?.weight.value ?? embedding.weight.value }

  /// An empty cache, or one of what is read before every text.
  public func makeCache(batch: Int) -> KeyValueCache {
    let cache = KeyValueCache(layers: configuration.layers, batch: batch)
    if let softPrompt {
      withoutGradient {
        _ = pass(
          softPrompt.rows(batch, like: embedding.weight.value), cache: cache, reach: nil, positions: nil)
      }
    }
    return cache
  }

  public func logits(_ tokens: Tensor) -> Tensor { hiddenStates(tokens).linear(weight: outputTable) }

  public func logits(_ tokens: Tensor, cache: KeyValueCache, lastOnly: Bool) -> Tensor {
    let hidden = hiddenStates(tokens, cache: cache)
    let last = lastOnly ? hidden.slice(axis: 1, start: hidden.size(1) - 1) : hidden
    return logits(hidden: last)
  }

  /// Logits of hidden states `[…, width]`, where nothing is recorded.
  public func logits(hidden: Tensor) -> Tensor {
    packing?.table?(hidden) ?? hidden.rowLinear(weight: outputTable)
  }

  /// The table of logits in another order, while generating.
  private var packing: Packing?

  private struct Packing {
    let table: PackedLinear?
  }

  public func generating<Result>(rows: Int, tokens: Int, _ body: () -> Result) -> Result {
    // One or two rows read weights as they are; see ``Tensor/rowLinear(weight:bias:)``.
    tokens >= 16 && rows > 2 ? withPackedWeights(rows: max(16, rows), body) : body()
  }

  /// Runs `body`, in which weights do not change and nothing is recorded, with copies of them in the order of the
  /// processor's products; where that cannot be, or would take more than two gigabytes, as they are.
  ///
  /// Copying takes about as long as reading the weights twice.
  func withPackedWeights<Result>(rows: Int, _ body: () -> Result) -> Result {
    let bytes = parameterCount * MemoryLayout<Float>.size
    guard packing == nil, bytes <= 2 << 30 else { return body() }
    for projection in projections.values { projection.pack(rows: rows) }
    packing = Packing(table: PackedLinear(outputTable, rows: rows))
    defer {
      for projection in projections.values { projection.unpack() }
      packing = nil
    }
    return body()
  }

  /// The normalised stream after the last block, `[batch, new, width]`.
  ///
  /// - Parameters:
  ///   - tokens: `[batch, new]` whole numbers.
  ///   - cache: of the tokens before them; theirs are added. It is written in place, so that nothing may be recorded for
  ///     gradients then.
  ///   - reach: `[batch, new]` whole numbers: token i is seen from slots i to before `reach[i]` of these tokens, so that a
  ///     row may hold several texts, or texts that share what they begin with; all that follow when `nil`.
  ///   - positions: `[batch or 1, new]`, in the text; counted from the tokens in the cache when `nil`.
  public func hiddenStates(
    _ tokens: Tensor, cache: KeyValueCache? = nil, reach: Tensor? = nil, positions: Tensor? = nil
  ) -> Tensor {
    let embedded = embedding(tokens.to(device: embedding.weight.value.device))
    return hiddenStates(embedded: embedded, cache: cache, reach: reach, positions: positions)
  }

  /// The same for vectors in place of tokens, `[batch, new, width]`: for gradients with respect to what is read, and for
  /// prompts that are no tokens. They come before positions are added.
  public func hiddenStates(
    embedded: Tensor, cache: KeyValueCache? = nil, reach: Tensor? = nil, positions: Tensor? = nil
  ) -> Tensor {
    precondition(
      cache == nil || !isRecordingGradient,
      "hiddenStates: a cache keeps no gradients; use withoutGradient, or no cache")
    guard let softPrompt else { return pass(embedded, cache: cache, reach: reach, positions: positions) }
    let count = softPrompt.tokens
    let shifted = positions.map { $0 + Double(count) }
    // A cache begins with the soft prompt; without one it is read here, and seen by all.
    if cache != nil { return pass(embedded, cache: cache, reach: reach, positions: shifted) }
    func behind(_ first: Tensor, _ own: Tensor) -> Tensor {
      .concatenate([first.to(like: own).unsqueeze(0).expand([own.size(0), count]), own], axis: 1)
    }
    let whole = pass(
      .concatenate([softPrompt.rows(embedded.size(0), like: embedded), embedded], axis: 1), cache: nil,
      reach: reach.map { behind(.full([count], Double(count + embedded.size(1))), $0 + Double(count)) },
      positions: shifted.map { behind(.range(to: Double(count)), $0) })
    return whole.slice(axis: 1, start: count)
  }

  private func pass(_ embedded: Tensor, cache: KeyValueCache?, reach: Tensor?, positions: Tensor?) -> Tensor {
    let (past, new) = (cache?.length ?? 0, embedded.size(1))
    let device = embedded.device
    var x = embedded
    var (cosines, sines): (Tensor?, Tensor?) = (nil, nil)
    if let positionEmbedding {
      x = x + positionEmbedding(positionNumbers(past, new, cache?.padding, positions).to(device: device))
    } else if let rotary {
      (cosines, sines) = angles(rotary, past, new, cache?.padding, positions, like: x)
    }
    var pass = ForwardPass(
      mask: AttentionMask(
        past: past, new: new, padding: cache?.padding, isBidirectional: configuration.isBidirectional,
        reach: reach, places: positions), cosines: cosines, sines: sines, cache: cache, hooks: hooks)
    // What a hook sees or does must not happen twice.
    let isCheckpointing = checkpointsActivations && isRecordingGradient && hooks == nil
    for (layer, block) in blocks.enumerated() {
      x = isCheckpointing ? checkpointed(block, layer: layer, x, &pass) : block(x, layer: layer, &pass)
    }
    cache?.advance(new)
    return finalNorm(x)
  }

  private func checkpointed(_ block: DecoderBlock, layer: Int, _ x: Tensor, _ pass: inout ForwardPass)
    -> Tensor
  {
    // Made once for both passes, and for all blocks.
    _ = pass.mask.form(window: configuration.window(ofLayer: layer), device: x.device)
    let pass = pass
    return Torch.checkpointed(x, reading: block.differentiated) { x in
      var own = pass
      return block(x, layer: layer, &own)
    }
  }

  /// `[batch or 1, new]`.
  private func positionNumbers(_ past: Int, _ new: Int, _ padding: KeyValueCache.Padding?, _ given: Tensor?)
    -> Tensor
  {
    if let given { return given }
    let slots = Tensor.range(from: Double(past), to: Double(past + new)).unsqueeze(0)
    return padding.map { $0.positions(slots) } ?? slots
  }

  /// `[batch or 1, new, 1, pairs]` each.
  private func angles(
    _ rotary: RotaryTable, _ past: Int, _ new: Int, _ padding: KeyValueCache.Padding?, _ given: Tensor?,
    like x: Tensor
  ) -> (Tensor, Tensor) {
    if padding == nil, given == nil {
      let (cosines, sines) = rotary.upTo(past + new, like: x)
      func shaped(_ table: Tensor) -> Tensor {
        table.slice(axis: 0, start: past, end: past + new).unsqueeze(1).unsqueeze(0)
      }
      return (shaped(cosines), shaped(sines))
    }
    let numbers = positionNumbers(past, new, padding, given)
    let end = given.map { $0.max().integer() + 1 } ?? past + new
    let (cosines, sines) = rotary.upTo(end, like: x)
    let onDevice = numbers.to(device: x.device)
    return (
      Tensor.embedding(cosines, onDevice).unsqueeze(2), Tensor.embedding(sines, onDevice).unsqueeze(2)
    )
  }
}

extension TransformerConfiguration {
  /// Of fresh weights whose products are added to the residual stream.
  var residualDeviation: Double { initialDeviation / Double(2 * layers).squareRoot() }
}
