import Foundation

extension TransformerConfiguration {
  /// Reads a Hugging Face `config.json` of the types `gpt2`, `gpt_neox`, `llama`, `mistral`, `qwen2` or `qwen3`.
  ///
  /// Keys that are left out have the defaults of the `transformers` package.
  /// - Throws: ``LanguageError``; what would change results and is not offered is refused by name.
  public init(contentsOf url: URL) throws(LanguageError) {
    let fields = try JSONNode(contentsOf: url)
    let type = try fields.string("model_type")
    guard let family = Family(rawValue: type) else {
      throw fields.error(
        .unsupported, at: "model_type", found: "\"\(type)\"",
        expected: "one of \(Family.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    if try fields.has("quantization_config") {
      throw fields.error(
        .unsupported, at: "quantization_config", found: "quantised weights",
        expected: "weights in float32, bfloat16 or float16; save the model without quantisation")
    }
    switch family {
    case .gpt2: self = try Self.gpt2(fields)
    case .gptNeoX: self = try Self.gptNeoX(fields)
    case .llama, .mistral, .qwen2, .qwen3: self = try Self.llamaLike(family, fields)
    }
    try validate(file: fields.file)
  }

  private static func gpt2(_ fields: JSONNode) throws(LanguageError) -> TransformerConfiguration {
    try fields.require("scale_attn_weights", true, because: "other scales of attention are not offered")
    try fields.require(
      "scale_attn_by_inverse_layer_idx", false, because: "scales by layer are not offered")
    try fields.require("add_cross_attention", false, because: "encoders are not offered")
    let width = try fields.integer("n_embd", default: 768)
    let heads = try fields.integer("n_head", default: 12)
    let activation = try activation(fields, "activation_function", default: "gelu_new")
    return TransformerConfiguration(
      family: .gpt2, vocabularySize: try fields.integer("vocab_size", default: 50257), width: width,
      layers: try fields.integer("n_layer", default: 12), heads: heads, keyValueHeads: heads,
      headWidth: try headWidth(width, heads, fields, "n_head"),
      hiddenWidth: try fields.integer("n_inner", default: 4 * width),
      contextLength: try fields.integer("n_positions", default: 1024), normalisation: .layer,
      epsilon: try fields.number("layer_norm_epsilon", default: 1e-5), positions: .learned,
      activation: activation, isGated: false, hasQueryKeyValueBias: true, hasOutputBias: true,
      hasFeedForwardBias: true, tiesEmbeddings: try fields.bool("tie_word_embeddings", default: true),
      initialDeviation: try fields.number("initializer_range", default: 0.02))
  }

  private static func gptNeoX(_ fields: JSONNode) throws(LanguageError) -> TransformerConfiguration {
    let width = try fields.integer("hidden_size", default: 6144)
    let heads = try fields.integer("num_attention_heads", default: 64)
    let context = try fields.integer("max_position_embeddings", default: 2048)
    let hasBias = try fields.bool("attention_bias", default: true)
    return TransformerConfiguration(
      family: .gptNeoX, vocabularySize: try fields.integer("vocab_size", default: 50432), width: width,
      layers: try fields.integer("num_hidden_layers", default: 44), heads: heads, keyValueHeads: heads,
      headWidth: try headWidth(width, heads, fields, "num_attention_heads"),
      hiddenWidth: try fields.integer("intermediate_size", default: 24576), contextLength: context,
      normalisation: .layer, epsilon: try fields.number("layer_norm_eps", default: 1e-5),
      positions: .rotary(try rotary(fields, contextLength: context, share: 0.25)),
      activation: try activation(fields, "hidden_act", default: "gelu"), isGated: false,
      isParallel: try fields.bool("use_parallel_residual", default: true), hasQueryKeyValueBias: hasBias,
      hasOutputBias: hasBias, hasFeedForwardBias: true,
      tiesEmbeddings: try fields.bool("tie_word_embeddings", default: false),
      initialDeviation: try fields.number("initializer_range", default: 0.02))
  }

  private static func llamaLike(_ family: Family, _ fields: JSONNode) throws(LanguageError)
    -> TransformerConfiguration
  {
    let width = try fields.integer("hidden_size")
    let heads = try fields.integer("num_attention_heads")
    let layers = try fields.integer("num_hidden_layers")
    let context = try fields.integer("max_position_embeddings")
    let activation = try activation(fields, "hidden_act", default: "silu")
    guard activation == .silu else {
      throw fields.error(
        .unsupported, at: "hidden_act", found: "\"\(activation.rawValue)\"", expected: "\"silu\"")
    }
    let hasBias = try fields.bool("attention_bias", default: false)
    var result = TransformerConfiguration(
      family: family, vocabularySize: try fields.integer("vocab_size"), width: width, layers: layers,
      heads: heads, keyValueHeads: try fields.integer("num_key_value_heads", default: heads),
      headWidth: try !fields.has("head_dim") && family != .qwen3
        ? try headWidth(width, heads, fields, "num_attention_heads")
        : try fields.integer("head_dim", default: 128),
      hiddenWidth: try fields.integer("intermediate_size"), contextLength: context,
      normalisation: .rootMeanSquare, epsilon: try fields.number("rms_norm_eps", default: 1e-6),
      positions: .rotary(try rotary(fields, contextLength: context, share: 1)), activation: activation,
      isGated: true, hasQueryKeyValueBias: family == .qwen2 || hasBias,
      hasOutputBias: family != .qwen2 && hasBias,
      hasFeedForwardBias: try fields.bool("mlp_bias", default: false),
      tiesEmbeddings: try fields.bool("tie_word_embeddings", default: false),
      initialDeviation: try fields.number("initializer_range", default: 0.02))
    result.normalisesHeads = family == .qwen3
    try readWindow(fields, into: &result)
    return result
  }

  private static func readWindow(_ fields: JSONNode, into result: inout TransformerConfiguration)
    throws(LanguageError)
  {
    switch result.family {
    case .mistral:
      result.slidingWindow = try !fields.has("sliding_window") ? nil : try fields.integer("sliding_window")
    case .qwen2, .qwen3:
      guard try fields.bool("use_sliding_window", default: false) else { return }
      result.slidingWindow = try fields.integer("sliding_window", default: 4096)
      result.firstWindowedLayer = try fields.integer("max_window_layers", default: 28)
    default: return
    }
    guard result.slidingWindow != nil, let kinds = try fields.strings("layer_types") else { return }
    let first = kinds.firstIndex(of: "sliding_attention") ?? result.layers
    guard kinds.count == result.layers, kinds[..<first].allSatisfy({ $0 == "full_attention" }),
      kinds[first...].allSatisfy({ $0 == "sliding_attention" })
    else {
      throw fields.error(
        .unsupported, at: "layer_types", found: kinds.joined(separator: ", "),
        expected: "full_attention layers, then sliding_attention layers, \(result.layers) in all")
    }
    result.firstWindowedLayer = first
  }

  private static func headWidth(_ width: Int, _ heads: Int, _ fields: JSONNode, _ key: String)
    throws(LanguageError) -> Int
  {
    guard heads > 0, width % heads == 0 else {
      throw fields.error(.badValue, at: key, found: "\(heads)", expected: "a divisor of the width \(width)")
    }
    return width / heads
  }

  private static func activation(_ fields: JSONNode, _ key: String, default name: String)
    throws(LanguageError) -> Activation
  {
    let found = try fields.string(key, default: name)
    let others = ["gelu_pytorch_tanh": Activation.geluTanh, "gelu_fast": .geluTanh, "swish": .silu]
    guard let activation = Activation(rawValue: found) ?? others[found] else {
      throw fields.error(
        .unsupported, at: key, found: "\"\(found)\"",
        expected: "gelu, gelu_new, gelu_pytorch_tanh, silu or relu")
    }
    return activation
  }

  /// Rotary positions, where older files have keys of their own and newer ones one object.
  private static func rotary(_ fields: JSONNode, contextLength: Int, share: Double) throws(LanguageError)
    -> RotaryPositions
  {
    let base = try fields.number("rope_theta", default: fields.number("rotary_emb_base", default: 10000))
    let ownShare = try fields.number(
      "partial_rotary_factor", default: fields.number("rotary_pct", default: share))
    let (newer, older) = (try fields.optional("rope_parameters"), try fields.optional("rope_scaling"))
    guard let scaling = newer ?? older else {
      return RotaryPositions(base: base, share: ownShare)
    }
    return RotaryPositions(
      base: try scaling.number("rope_theta", default: base),
      share: try scaling.number("partial_rotary_factor", default: ownShare),
      scaling: try self.scaling(scaling, contextLength: contextLength))
  }

  private static func scaling(_ fields: JSONNode, contextLength: Int) throws(LanguageError)
    -> RotaryPositions.Scaling
  {
    let type = try fields.string("rope_type", default: fields.string("type", default: "default"))
    let original = try fields.integer("original_max_position_embeddings", default: contextLength)
    switch type {
    case "default": return .none
    case "linear": return .linear(factor: try fields.number("factor"))
    case "dynamic": return .dynamic(factor: try fields.number("factor"), originalLength: contextLength)
    case "llama3":
      return .llama3(
        factor: try fields.number("factor"), lowFrequency: try fields.number("low_freq_factor"),
        highFrequency: try fields.number("high_freq_factor"), originalLength: original)
    case "yarn":
      let factor = try fields.number("factor", default: Double(contextLength) / Double(original))
      func sharpening(_ scale: Double) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1 }
      var attention = sharpening(1)
      let (all, own) = (
        try fields.number("mscale_all_dim", default: 0), try fields.number("mscale", default: 0)
      )
      if all != 0, own != 0 { attention = sharpening(own) / sharpening(all) }
      return .yarn(
        factor: factor, originalLength: original, fast: try fields.number("beta_fast", default: 32),
        slow: try fields.number("beta_slow", default: 1),
        attentionFactor: try fields.number("attention_factor", default: attention),
        truncates: try fields.bool("truncate", default: true))
    default:
      throw fields.error(
        .unsupported, at: "rope_type", found: "\"\(type)\"",
        expected: "default, linear, dynamic, llama3 or yarn")
    }
  }
}
