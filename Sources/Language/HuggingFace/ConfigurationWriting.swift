import Report
import Torch

extension TransformerConfiguration {
  /// What the name of a language model's class ends with.
  var languageModelSuffix: String { family == .gpt2 ? "LMHeadModel" : "ForCausalLM" }

  /// A Hugging Face `config.json` that says the same.
  ///
  /// - Parameters:
  ///   - task: what the class's name ends with.
  ///   - others: fields beside those of the shape.
  func json(dtype: DType, task: String, others: [(String, JSONValue)]) -> JSONValue {
    let names: [Family: String] = [
      .gpt2: "GPT2", .gptNeoX: "GPTNeoX", .llama: "Llama", .mistral: "Mistral", .qwen2: "Qwen2",
      .qwen3: "Qwen3",
    ]
    var fields: [(String, JSONValue)] = [
      ("architectures", .array([.string(names[family]! + task)])), ("model_type", .string(family.rawValue)),
      ("vocab_size", .integer(vocabularySize)), ("tie_word_embeddings", .bool(tiesEmbeddings)),
      ("initializer_range", .number(initialDeviation)),
    ]
    switch dtype {
    case .bfloat16: fields.append(("torch_dtype", "bfloat16"))
    case .float16: fields.append(("torch_dtype", "float16"))
    default: fields.append(("torch_dtype", "float32"))
    }
    switch family {
    case .gpt2:
      fields += [
        ("n_embd", .integer(width)), ("n_layer", .integer(layers)), ("n_head", .integer(heads)),
        ("n_inner", .integer(hiddenWidth)), ("n_positions", .integer(contextLength)),
        ("layer_norm_epsilon", .number(epsilon)), ("activation_function", .string(activation.rawValue)),
      ]
    case .gptNeoX:
      fields +=
        common + [
          ("layer_norm_eps", .number(epsilon)), ("use_parallel_residual", .bool(isParallel)),
          ("attention_bias", .bool(hasQueryKeyValueBias)),
        ]
    case .llama, .mistral, .qwen2, .qwen3:
      fields +=
        common + [
          ("num_key_value_heads", .integer(keyValueHeads)), ("head_dim", .integer(headWidth)),
          ("rms_norm_eps", .number(epsilon)),
        ]
      if family == .llama {
        fields += [("attention_bias", .bool(hasQueryKeyValueBias)), ("mlp_bias", .bool(hasFeedForwardBias))]
      }
      if family == .qwen3 { fields.append(("attention_bias", .bool(hasQueryKeyValueBias))) }
      fields += window
    }
    return .object(.init(uniqueKeysWithValues: (fields + others).map { (key: $0.0, value: $0.1) }))
  }

  private var common: [(String, JSONValue)] {
    var fields: [(String, JSONValue)] = [
      ("hidden_size", .integer(width)), ("num_hidden_layers", .integer(layers)),
      ("num_attention_heads", .integer(heads)), ("intermediate_size", .integer(hiddenWidth)),
      ("max_position_embeddings", .integer(contextLength)),
      ("hidden_act", .string(activation == .geluTanh ? "gelu_new" : activation.rawValue)),
    ]
    guard case .rotary(let rotary) = positions else { return fields }
    // The older keys, which all versions of `transformers` read.
    fields.append((family == .gptNeoX ? "rotary_emb_base" : "rope_theta", .number(rotary.base)))
    if family == .gptNeoX { fields.append(("rotary_pct", .number(rotary.share))) }
    if let scaling = rotary.scaling.json { fields.append(("rope_scaling", scaling)) }
    return fields
  }

  private var window: [(String, JSONValue)] {
    let size = slidingWindow.map { JSONValue.integer($0) } ?? .null
    switch family {
    case .mistral: return [("sliding_window", size)]
    case .qwen2, .qwen3:
      guard slidingWindow != nil else { return [("use_sliding_window", false)] }
      return [
        ("use_sliding_window", true), ("sliding_window", size),
        ("max_window_layers", .integer(firstWindowedLayer)),
      ]
    default: return []
    }
  }
}

extension RotaryPositions.Scaling {
  fileprivate var json: JSONValue? {
    func object(_ type: String, _ fields: [(String, JSONValue)]) -> JSONValue {
      .object(
        .init(
          uniqueKeysWithValues: ([("rope_type", .string(type))] + fields).map { (key: $0.0, value: $0.1) }))
    }
    switch self {
    case .none: return nil
    case .linear(let factor): return object("linear", [("factor", .number(factor))])
    case .dynamic(let factor, _): return object("dynamic", [("factor", .number(factor))])
    case .llama3(let factor, let low, let high, let original):
      return object(
        "llama3",
        [
          ("factor", .number(factor)), ("low_freq_factor", .number(low)), ("high_freq_factor", .number(high)),
          ("original_max_position_embeddings", .integer(original)),
        ])
    case .yarn(let factor, let original, let fast, let slow, let attention, let truncates):
      return object(
        "yarn",
        [
          ("factor", .number(factor)), ("original_max_position_embeddings", .integer(original)),
          ("beta_fast", .number(fast)), ("beta_slow", .number(slow)),
          ("attention_factor", .number(attention)),
          ("truncate", .bool(truncates)),
        ])
    }
  }
}
