import Files
import Foundation
import Report
import Torch

extension LowRankAdapter {
  /// Reads a PEFT folder: `adapter_config.json` and `adapter_model.safetensors`.
  ///
  /// - Throws: ``LanguageError``, `StorageError`. What would change results and is not offered is refused by name.
  public convenience init(folder: URL, for model: Transformer) throws {
    let fields = try JSONNode(contentsOf: folder.appendingPathComponent("adapter_config.json"))
    let type = try fields.string("peft_type")
    guard type == "LORA" else {
      throw fields.error(
        .unsupported, at: "peft_type", found: "\"\(type)\"",
        expected: "\"LORA\", which alone can be part of the weights")
    }
    for key in ["use_dora", "lora_bias", "use_qalora"] {
      try fields.require(key, false, because: "plain low-rank adapters are offered")
    }
    guard try fields.string("bias", default: "none") == "none" else {
      throw fields.error(.unsupported, at: "bias", found: "trained biases", expected: "\"none\"")
    }
    for key in ["modules_to_save", "layer_replication", "target_parameters", "trainable_token_indices"]
    where try fields.has(key) {
      throw fields.error(.unsupported, at: key, found: "a value", expected: "null")
    }
    for key in ["rank_pattern", "alpha_pattern"] {
      if let pattern = try fields.optional(key), try !pattern.entries().isEmpty {
        throw fields.error(.unsupported, at: key, found: "other values for some modules", expected: "none")
      }
    }
    var options = LowRankOptions()
    (options.rank, options.alpha) = (try fields.integer("r"), try fields.number("lora_alpha"))
    options.isRankStabilised = try fields.bool("use_rslora", default: false)
    guard options.rank >= 1 else {
      throw fields.error(.badValue, at: "r", found: "\(options.rank)", expected: "at least 1")
    }
    let file = try SafetensorsFile(contentsOf: folder.appendingPathComponent(Self.file))
    let places = try Self.places(model, []) { file.names.contains(Self.key($0, "A")) }
    let known = Set(places.flatMap { [Self.key($0, "A"), Self.key($0, "B")] })
    if let unknown = file.names.first(where: { !known.contains($0) }) {
      throw LanguageError(
        .unsupported, file: Self.file, place: unknown, found: "a tensor for no projection of the model",
        expected: "an adapter of a model of this shape")
    }
    let updates = try places.map { place -> LowRankUpdate in
      let inputs = model.projections[place.projection]!.weight.shape[1]
      func tensor(_ part: String, _ shape: [Int]) throws -> Tensor {
        let key = Self.key(place, part)
        guard let entry = file.entries.first(where: { $0.name == key }) else {
          throw LanguageError(
            .missing, file: Self.file, place: key, found: "no such tensor", expected: "shape \(shape)")
        }
        guard entry.shape == shape else {
          throw LanguageError(
            .badValue, file: Self.file, place: key, found: "shape \(entry.shape)", expected: "\(shape)")
        }
        let found = try file.tensor(named: key).to(.float)
        guard found.isFinite().all().booleans[0] else {
          throw LanguageError(
            .badValue, file: Self.file, place: key, found: "NaN or infinite entries", expected: "finite ones")
        }
        return found
      }
      let up = try tensor("B", [place.rows.count, options.rank])
      return LowRankUpdate(
        down: try tensor("A", [options.rank, inputs]),
        up: place.mixesHeads ? model.configuration.headsSorted(up) : up, scale: options.scale,
        rows: place.rows)
    }
    options.targets = places.map(\.name)
    self.init(options: options, places: places, updates: updates)
    move(device: model.embedding.weight.value.device)
  }

  static let file = "adapter_model.safetensors"

  private static func key(_ place: Place, _ part: String) -> String {
    "base_model.model.\(place.name).lora_\(part).weight"
  }

  /// All projections for which the condition holds.
  private static func places(_ model: Transformer, _ targets: [String], where condition: (Place) -> Bool)
    throws(LanguageError) -> [Place]
  {
    let names = Set(
      model.projections.flatMap { name, projection in
        model.configuration.stored("\(name).weight", rows: projection.weight.shape[0]).pieces
          .map { String($0.name.dropLast(".weight".count)) }
      })
    let all = try places(model, names.sorted())
    return all.filter(condition)
  }

  /// Writes a PEFT folder, which `peft` loads on the same base model.
  ///
  /// - Parameter base: the base model's name or folder, for the reader.
  /// - Throws: storage errors; every file appears whole or not at all.
  public func write(to folder: URL, base: String, configuration: TransformerConfiguration) throws {
    try createFolder(at: folder)
    let tensors = zip(places, updates).flatMap { place, update -> [(String, Tensor)] in
      let up = update.up.snapshot()
      return [
        (Self.key(place, "A"), update.down.snapshot()),
        (Self.key(place, "B"), place.mixesHeads ? configuration.headsMixed(up).contiguous() : up),
      ]
    }
    try Safetensors.write(tensors, metadata: ["format": "pt"], to: folder.appendingPathComponent(Self.file))
    let modules = Set(places.map { $0.name.split(separator: ".").suffix(2).joined(separator: ".") }).sorted()
    let fields: JSONValue = [
      "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": .string(base),
      "r": .integer(options.rank), "lora_alpha": .number(options.alpha), "lora_dropout": 0.0,
      "use_rslora": .bool(options.isRankStabilised), "bias": "none",
      "fan_in_fan_out": .bool(configuration.family == .gpt2), "inference_mode": true,
      "target_modules": .array(modules.map { .string($0) }),
    ]
    try writeAtomically(
      Data(fields.pretty.utf8), to: folder.appendingPathComponent("adapter_config.json"))
  }
}
