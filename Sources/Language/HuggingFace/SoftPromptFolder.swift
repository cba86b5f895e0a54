import Files
import Foundation
import Report
import Torch

extension SoftPrompt {
  private static let key = "prompt_embeddings"

  /// Reads a PEFT folder of prompt tuning: `adapter_config.json` and `adapter_model.safetensors`.
  ///
  /// - Throws: ``LanguageError``, `StorageError`.
  public convenience init(folder: URL, for model: Transformer) throws {
    let fields = try JSONNode(contentsOf: folder.appendingPathComponent("adapter_config.json"))
    let type = try fields.string("peft_type")
    guard type == "PROMPT_TUNING" else {
      throw fields.error(
        .unsupported, at: "peft_type", found: "\"\(type)\"", expected: "\"PROMPT_TUNING\" or \"LORA\"")
    }
    let tokens = try fields.integer("num_virtual_tokens")
    let file = try SafetensorsFile(contentsOf: folder.appendingPathComponent(LowRankAdapter.file))
    guard file.names == [Self.key] else {
      throw LanguageError(
        .malformed, file: LowRankAdapter.file, found: file.names.prefix(3).joined(separator: ", "),
        expected: "the tensor \(Self.key)")
    }
    let found = try file.tensor(named: Self.key).to(.float)
    let shape = [tokens, model.configuration.width]
    guard found.shape == shape, found.isFinite().all().booleans[0] else {
      throw LanguageError(
        .badValue, file: LowRankAdapter.file, place: Self.key,
        found: found.shape == shape ? "NaN or infinite entries" : "shape \(found.shape)",
        expected: "finite entries of shape \(shape)")
    }
    self.init(vectors: found)
    move(device: model.embedding.weight.value.device)
  }

  /// Writes a PEFT folder, which `peft` loads on the same base model.
  ///
  /// - Parameter base: the base model's name or folder, for the reader.
  /// - Throws: storage errors; every file appears whole or not at all.
  public func write(to folder: URL, base: String, configuration: TransformerConfiguration) throws {
    try createFolder(at: folder)
    try Safetensors.write(
      [(Self.key, vectors.snapshot())], metadata: ["format": "pt"],
      to: folder.appendingPathComponent(LowRankAdapter.file))
    let fields: JSONValue = [
      "peft_type": "PROMPT_TUNING", "task_type": "CAUSAL_LM", "base_model_name_or_path": .string(base),
      "num_virtual_tokens": .integer(tokens), "token_dim": .integer(configuration.width),
      "num_transformer_submodules": 1, "num_attention_heads": .integer(configuration.heads),
      "num_layers": .integer(configuration.layers), "prompt_tuning_init": "RANDOM", "inference_mode": true,
    ]
    try writeAtomically(
      Data(fields.pretty.utf8), to: folder.appendingPathComponent("adapter_config.json"))
  }
}

extension Transformer {
  /// Reads a PEFT folder, of a low-rank adapter or of a soft prompt, and attaches what it holds.
  ///
  /// - Throws: ``LanguageError``, `StorageError`.
  public func attachAdapter(folder: URL) throws {
    let fields = try JSONNode(contentsOf: folder.appendingPathComponent("adapter_config.json"))
    if try fields.string("peft_type") == "PROMPT_TUNING" {
      attach(softPrompt: try SoftPrompt(folder: folder, for: self))
    } else {
      let adapter = try LowRankAdapter(folder: folder, for: self)
      adapter.move(to: embedding.weight.value.dtype)
      attach(adapter)
    }
  }
}
