/// Where a model's own tensor lies in the files of its family.
struct StoredTensor {
  /// Names in the file, in the order in which their rows follow in the own tensor, with the rows of each.
  let pieces: [(name: String, rows: Int)]
  /// Stored as `[in, out]`.
  var isTransposed = false
  /// Stored with the query, key and value of a head side by side.
  var mixesHeads = false
}

extension TransformerConfiguration {
  /// Where the model's tensor of this name and these rows lies.
  func stored(_ name: String, rows: Int) -> StoredTensor {
    let parts = name.split(separator: ".").map(String.init)
    let kind = parts.last!
    guard parts[0] == "blocks" else { return StoredTensor(pieces: [(topName(parts[0], kind), rows)]) }
    let inner = parts[2..<parts.count - 1].joined(separator: ".")
    switch family {
    case .gpt2:
      let names = [
        "attentionNorm": "ln_1", "attention.queryKeyValue": "attn.c_attn", "attention.output": "attn.c_proj",
        "feedForwardNorm": "ln_2", "feedForward.up": "mlp.c_fc", "feedForward.down": "mlp.c_proj",
      ]
      let isMatrix = kind == "weight" && !inner.hasSuffix("Norm")
      return StoredTensor(
        pieces: [("transformer.h.\(parts[1]).\(names[inner]!).\(kind)", rows)], isTransposed: isMatrix)
    case .gptNeoX:
      let names = [
        "attentionNorm": "input_layernorm", "attention.queryKeyValue": "attention.query_key_value",
        "attention.output": "attention.dense", "feedForwardNorm": "post_attention_layernorm",
        "feedForward.up": "mlp.dense_h_to_4h", "feedForward.down": "mlp.dense_4h_to_h",
      ]
      return StoredTensor(
        pieces: [("gpt_neox.layers.\(parts[1]).\(names[inner]!).\(kind)", rows)],
        mixesHeads: inner == "attention.queryKeyValue")
    case .llama, .mistral, .qwen2, .qwen3:
      let start = "model.layers.\(parts[1])."
      return StoredTensor(
        pieces: llamaPieces(inner, rows).map { ("\(start)\($0.name).\(kind)", $0.rows) })
    }
  }

  private func llamaPieces(_ inner: String, _ rows: Int) -> [(name: String, rows: Int)] {
    let shared = keyValueHeads * headWidth
    switch inner {
    case "attentionNorm": return [("input_layernorm", rows)]
    case "attention.queryKeyValue":
      return [
        ("self_attn.q_proj", heads * headWidth), ("self_attn.k_proj", shared), ("self_attn.v_proj", shared),
      ]
    case "attention.output": return [("self_attn.o_proj", rows)]
    case "attention.queryNorm": return [("self_attn.q_norm", rows)]
    case "attention.keyNorm": return [("self_attn.k_norm", rows)]
    case "feedForwardNorm": return [("post_attention_layernorm", rows)]
    case "feedForward.up": return [("mlp.gate_proj", hiddenWidth), ("mlp.up_proj", hiddenWidth)]
    case "feedForward.down": return [("mlp.down_proj", rows)]
    default: preconditionFailure("no stored name for \(inner)")
    }
  }

  private func topName(_ part: String, _ kind: String) -> String {
    let names: [String: String] =
      switch family {
      case .gpt2:
        [
          "embedding": "transformer.wte", "positionEmbedding": "transformer.wpe",
          "finalNorm": "transformer.ln_f", "head": "lm_head",
        ]
      case .gptNeoX:
        [
          "embedding": "gpt_neox.embed_in", "finalNorm": "gpt_neox.final_layer_norm", "head": "embed_out",
        ]
      case .llama, .mistral, .qwen2, .qwen3:
        ["embedding": "model.embed_tokens", "finalNorm": "model.norm", "head": "lm_head"]
      }
    return "\(names[part]!).\(kind)"
  }

  /// What files name before all but the head, and leave out where only the body was saved.
  var bodyPrefix: String {
    switch family {
    case .gpt2: "transformer."
    case .gptNeoX: "gpt_neox."
    case .llama, .mistral, .qwen2, .qwen3: "model."
    }
  }

  /// Tensors that some files carry and nobody needs: masks and angles, which are made anew.
  func isDispensable(_ name: String) -> Bool {
    if tiesEmbeddings, name == topName("head", "weight") { return true }
    return name.hasSuffix(".attn.bias") || name.hasSuffix(".attn.masked_bias")
      || name.hasSuffix(".attention.bias") || name.hasSuffix(".attention.masked_bias")
      || name.hasSuffix("rotary_emb.inv_freq")
  }
}
