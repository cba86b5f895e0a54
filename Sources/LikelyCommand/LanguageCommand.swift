import ArgumentParser
import Foundation
import Likely

/// `likely lm …`
struct LanguageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lm",
    abstract: "Language models: Hugging Face folders in and out, training, generation, log-likelihoods.",
    discussion: """
      Example:
        likely lm train --data notes.txt --steps 300 --out runs/little
        likely lm generate runs/little --prompt the --tokens 60
      """,
    subcommands: [
      LanguageTrain.self, LanguageFinetune.self, LanguageGenerate.self, LanguageScore.self,
      LanguagePerplexity.self,
      LanguageInspect.self, LanguageConvert.self,
    ])
}

/// How weights are held.
enum WeightType: String, CaseIterable, ExpressibleByArgument, Codable {
  case float32, bfloat16, float16

  var dtype: DType {
    switch self {
    case .float32: .float
    case .bfloat16: .bfloat16
    case .float16: .float16
    }
  }
}

/// A language model, by its folder.
struct LanguageModelArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Hugging Face folder with config.json, model.safetensors and tokenizer.json, or run folder of `lm train`.",
      valueName: "folder"))
  var folder: String

  @Option(
    help: ArgumentHelp(
      "How weights are held: \(WeightType.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "type"))
  var dtype = WeightType.float32

  @Option(
    help: ArgumentHelp(
      "LoRA adapter or soft prompt on top: a PEFT folder, or a run folder of `lm finetune`.",
      valueName: "folder"))
  var adapter: String?

  /// - Parameter merging: writes the adapter into the weights, in place of attaching it.
  func load(on device: Device, merging: Bool = false) throws -> PretrainedModel {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isDirectory), isDirectory.boolValue
    else {
      throw RunFolderError.missing(folder)
    }
    let loaded = try PretrainedModel(folder: URL(argument: folder), dtype: dtype.dtype)
    loaded.model.move(device: device)
    guard let adapter else { return loaded }
    guard FileManager.default.fileExists(atPath: adapter + "/adapter_config.json") else {
      throw LanguageError(
        .missing, file: adapter, found: "no adapter_config.json",
        expected: "a folder with a LoRA adapter or a soft prompt")
    }
    if merging {
      try LowRankAdapter(folder: URL(argument: adapter), for: loaded.model).merge(into: loaded.model)
    } else {
      try loaded.model.attachAdapter(folder: URL(argument: adapter))
    }
    return loaded
  }
}

/// `likely lm inspect`
struct LanguageInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Says what a folder holds: shape, parameters, vocabulary, special tokens.",
    discussion: """
      Example:
        likely lm inspect runs/little
      """)

  @OptionGroup var model: LanguageModelArgument
  @Flag(help: "Print one JSON object.")
  var json = false
  @OptionGroup var common: CommonOptions

  func run() throws {
    _ = common.start()
    let loaded = try model.load(on: common.target)
    let (shape, tokenizer) = (loaded.model.configuration, loaded.tokenizer)
    let facts: [(String, JSONValue)] = [
      ("family", .string(shape.family.rawValue)), ("parameters", .integer(loaded.model.parameterCount)),
      ("layers", .integer(shape.layers)), ("width", .integer(shape.width)), ("heads", .integer(shape.heads)),
      ("key-value heads", .integer(shape.keyValueHeads)), ("width of a head", .integer(shape.headWidth)),
      ("hidden width", .integer(shape.hiddenWidth)), ("context", .integer(shape.contextLength)),
      ("sliding window", shape.slidingWindow.map { .integer($0) } ?? .null),
      ("vocabulary", .integer(shape.vocabularySize)),
      ("tokens of the tokeniser", .integer(tokenizer.vocabularySize)),
      ("tied embeddings", .bool(shape.tiesEmbeddings)),
      ("begins texts", loaded.beginToken.flatMap { tokenizer.text(of: $0) }.map { .string($0) } ?? .null),
      ("ends texts", .array(loaded.endTokens.compactMap { tokenizer.text(of: $0) }.map { .string($0) })),
      ("special tokens", .array(tokenizer.specialTokens.map { .string($0.text) })),
    ]
    if json {
      let keyed = facts.map { (key: $0.0.replacingOccurrences(of: " ", with: "_"), value: $0.1) }
      print(JSONValue.object(.init(uniqueKeysWithValues: keyed)).pretty, terminator: "")
      return
    }
    let width = facts.map(\.0.count).max() ?? 0
    for (name, value) in facts {
      let text: String =
        switch value {
        case .string(let text): text
        case .null: "none"
        default: value.compact
        }
      print(name + String(repeating: " ", count: width + 2 - name.count) + text)
    }
  }
}

/// `likely lm convert`
struct LanguageConvert: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract:
      "Writes a folder anew: with weights of another type, in shards of another size, with an adapter merged.",
    discussion: """
      Example:
        likely lm convert runs/little --dtype bfloat16 --out little-bf16
        likely lm convert runs/little --adapter lora --out merged
      """)

  @OptionGroup var model: LanguageModelArgument
  @Option(help: ArgumentHelp("The most bytes of a file of weights, in millions.", valueName: "n"))
  var shard = 5000.0
  @OptionGroup var common: CommonOptions
  @Option(help: ArgumentHelp("Folder to make.", valueName: "folder"))
  var out: String

  func validate() throws {
    guard shard > 0 else { throw ValidationError("--shard \(shard): above 0") }
  }

  func run() throws {
    _ = common.start()
    guard !FileManager.default.fileExists(atPath: out + "/config.json") else {
      throw RunFolderError.occupied(out)
    }
    let loaded = try model.load(on: .cpu, merging: true)
    try loaded.write(to: URL(argument: out), shardSize: Int(min(shard, 1e9) * 1e6))
    print("\(loaded.model.parameterCount) parameters in \(model.dtype.rawValue) written to \(out)")
  }
}
