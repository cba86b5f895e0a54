import Files
import Foundation
import Report
import Torch

/// A language model with its tokeniser: what a Hugging Face folder holds.
public final class PretrainedModel {
  public let model: Transformer
  public let tokenizer: Tokenizer
  /// The token that begins a text, where the model has one.
  public let beginToken: Int?
  /// Tokens that end a text.
  public let endTokens: [Int]
  /// How the model wants conversations written, where it says so.
  public var chatTemplate: ChatTemplate?

  /// - Throws: ``LanguageError`` where the tokeniser has tokens that the model has no row for.
  public init(model: Transformer, tokenizer: Tokenizer, beginToken: Int? = nil, endTokens: [Int] = [])
    throws(LanguageError)
  {
    guard tokenizer.vocabularySize <= model.vocabularySize else {
      throw LanguageError(
        .badValue, file: "tokenizer.json", found: "\(tokenizer.vocabularySize) tokens",
        expected: "at most the model's vocabulary of \(model.vocabularySize)")
    }
    for token in [beginToken].compactMap({ $0 }) + endTokens where !(0..<model.vocabularySize).contains(token)
    {
      throw LanguageError(
        .badValue, file: "generation_config.json", place: "bos_token_id, eos_token_id", found: "\(token)",
        expected: "tokens 0 to \(model.vocabularySize - 1)")
    }
    (self.model, self.tokenizer, self.beginToken, self.endTokens) = (model, tokenizer, beginToken, endTokens)
  }

  /// Reads `config.json`, the weights, `tokenizer.json` and, where there is one, `generation_config.json`.
  ///
  /// - Parameter dtype: of the weights in memory.
  /// - Throws: ``LanguageError``, `StorageError`.
  public convenience init(folder: URL, dtype: DType = .float) throws {
    func place(_ name: String) -> URL { folder.appendingPathComponent(name) }
    guard FileManager.default.fileExists(atPath: place("config.json").path) else {
      throw LanguageError(
        .missing, file: folder.path, found: "no config.json",
        expected: "a folder with config.json, model.safetensors and tokenizer.json")
    }
    guard FileManager.default.fileExists(atPath: place("tokenizer.json").path) else {
      throw LanguageError(
        .missing, file: folder.path, found: "no tokenizer.json",
        expected: "one; `transformers` writes it where the tokeniser is a fast one")
    }
    let configuration = try JSONNode(contentsOf: place("config.json"))
    let hasGeneration = FileManager.default.fileExists(atPath: place("generation_config.json").path)
    let generation = hasGeneration ? try JSONNode(contentsOf: place("generation_config.json")) : nil
    let own = try generation?.integers("eos_token_id")
    let ends = try own ?? configuration.integers("eos_token_id") ?? []
    let ownBegin = try generation?.integers("bos_token_id")
    let begin = try ownBegin ?? configuration.integers("bos_token_id")
    let tokenizer = try Tokenizer(contentsOf: place("tokenizer.json"))
    let model = try Transformer(folder: folder, dtype: dtype)
    // Configurations of small models keep tokens of larger vocabularies, which never come.
    func isThere(_ token: Int) -> Bool { (0..<model.vocabularySize).contains(token) }
    try self.init(
      model: model, tokenizer: tokenizer, beginToken: begin?.first(where: isThere),
      endTokens: ends.filter(isThere))
    chatTemplate = try ChatTemplate.read(folder: folder)
  }

  /// Writes the folder; see ``Transformer/write(to:shardSize:)``.
  public func write(to folder: URL, shardSize: Int = 5_000_000_000) throws {
    try model.write(to: folder, shardSize: shardSize)
    try tokenizer.write(to: folder.appendingPathComponent("tokenizer.json"))
    try chatTemplate?.write(to: folder)
    var fields: [(String, JSONValue)] = []
    if let beginToken { fields.append(("bos_token_id", .integer(beginToken))) }
    if !endTokens.isEmpty { fields.append(("eos_token_id", .array(endTokens.map { .integer($0) }))) }
    let generation = JSONValue.object(.init(uniqueKeysWithValues: fields.map { (key: $0.0, value: $0.1) }))
    try writeAtomically(
      Data(generation.pretty.utf8), to: folder.appendingPathComponent("generation_config.json"))
  }

  /// The texts of the tokens that begin and end texts, by the names that chat templates know.
  public var specialTokenTexts: [String: String] {
    var texts: [String: String] = [:]
    texts["bos_token"] = beginToken.flatMap { tokenizer.text(of: $0) }
    texts["eos_token"] = endTokens.first.flatMap { tokenizer.text(of: $0) }
    return texts
  }

  /// The tokens of a prompt: as the tokeniser puts them, and at least one, so that there is something to go on from.
  ///
  /// - Parameter place: where the prompt comes from, for the message.
  /// - Throws: ``LanguageError`` where the prompt is empty and the model has no token that begins or ends a text.
  public func promptTokens(_ text: String, at place: String = "prompt") throws(LanguageError) -> [Int] {
    let tokens = tokenizer.encode(text)
    guard tokens.isEmpty else { return tokens }
    guard let begin = beginToken ?? endTokens.first else {
      throw LanguageError(
        .badValue, file: place, found: "an empty prompt",
        expected: "at least one character: the model has no token that begins a text")
    }
    return [begin]
  }
}
