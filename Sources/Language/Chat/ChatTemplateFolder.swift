import Files
import Foundation
import Report

extension ChatTemplate {
  /// The names under which templates find special tokens.
  private static let tokenNames = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  /// The parts of `tokenizer_config.json` and `special_tokens_map.json` that templates need; other members, such as
  /// lengths beyond 64 bits, are passed over.
  private struct Configuration: Decodable {
    var templates: [String: String] = [:]
    var tokens: [String: String] = [:]
    var listsAddedTokens = false

    private struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    private struct NamedTemplate: Decodable {
      let name: String
      let template: String
    }

    private struct Token: Decodable {
      let content: String
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      let template = Key(stringValue: "chat_template")
      if let text = try? container.decodeIfPresent(String.self, forKey: template) {
        templates["default"] = text
      } else if let named = try container.decodeIfPresent([NamedTemplate].self, forKey: template) {
        for template in named { templates[template.name] = template.template }
      }
      for name in ChatTemplate.tokenNames {
        let key = Key(stringValue: name)
        if let text = try? container.decodeIfPresent(String.self, forKey: key) {
          tokens[name] = text
        } else if let token = try container.decodeIfPresent(Token.self, forKey: key) {
          tokens[name] = token.content
        }
      }
      listsAddedTokens = container.contains(Key(stringValue: "added_tokens_decoder"))
    }

    /// The configuration in a file; nil where there is none.
    init?(contentsOf url: URL) throws(LanguageError) {
      guard let data = try ChatTemplate.contents(of: url) else { return nil }
      do {
        self = try JSONDecoder().decode(Configuration.self, from: data)
      } catch DecodingError.dataCorrupted {
        throw LanguageError(
          .malformed, file: url.lastPathComponent, found: "no JSON", expected: "a JSON object")
      } catch {
        var place: String?
        if case DecodingError.typeMismatch(_, let context) = error {
          place = context.codingPath.map(\.stringValue).joined(separator: ".")
        } else if case DecodingError.keyNotFound(let key, let context) = error {
          place = (context.codingPath + [key]).map(\.stringValue).joined(separator: ".")
        }
        throw LanguageError(
          .malformed, file: url.lastPathComponent, place: place, found: "another type of value",
          expected:
            "texts, or objects with a content, as special tokens; a text or a list of templates with names")
      }
    }
  }

  /// The bytes of a file; nil where there is none.
  private static func contents(of url: URL) throws(LanguageError) -> Data? {
    guard FileManager.default.fileExists(atPath: url.path(percentEncoded: false)) else { return nil }
    do {
      return try Data(contentsOf: url)
    } catch {
      throw LanguageError(
        .missing, file: url.lastPathComponent, found: "a file that cannot be read", expected: "one that can")
    }
  }

  private static func template(in url: URL) throws(LanguageError) -> String? {
    guard let data = try contents(of: url) else { return nil }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw LanguageError(
        .malformed, file: url.lastPathComponent, found: "bytes that are not UTF-8",
        expected: "a template in UTF-8")
    }
    return text
  }

  /// The chat template of a Hugging Face folder; nil where it has none.
  ///
  /// `chat_template.jinja` goes before `chat_template` of `tokenizer_config.json`, which may be a list of templates by
  /// name: `default` is used, and `tool_use` where there are tools. Special tokens are those of `tokenizer_config.json`
  /// and, where that does not list the added tokens, of `special_tokens_map.json`.
  ///
  /// - Throws: ``LanguageError`` where a file is malformed, or the template has a part that is not offered.
  public static func read(folder: URL) throws(LanguageError) -> ChatTemplate? {
    func place(_ name: String) -> URL { folder.appendingPathComponent(name) }
    let configuration = try Configuration(contentsOf: place("tokenizer_config.json"))
    var (templates, file) = (configuration?.templates ?? [:], "tokenizer_config.json, chat_template")
    if let text = try template(in: place("chat_template.jinja")) {
      (templates, file) = (["default": text], "chat_template.jinja")
      templates["tool_use"] = try template(in: place("additional_chat_templates/tool_use.jinja"))
    }
    guard !templates.isEmpty else { return nil }
    guard let text = templates["default"] else {
      throw LanguageError(
        .unsupported, file: file, found: "the templates \(templates.keys.sorted().joined(separator: ", "))",
        expected: "one named default")
    }
    var tokens = configuration?.tokens ?? [:]
    if configuration?.listsAddedTokens != true,
      let more = try Configuration(contentsOf: place("special_tokens_map.json"))
    {
      tokens.merge(more.tokens) { $1 }
    }
    return try ChatTemplate(text, file: file, specialTokens: tokens, tools: templates["tool_use"])
  }

  /// Writes `chat_template.jinja` as it was read, and a `tokenizer_config.json` with the special tokens, which
  /// `transformers` needs to load both with the folder's `tokenizer.json`; files of these names are replaced.
  ///
  /// - Throws: `FileWriteError`.
  public func write(to folder: URL) throws(FileWriteError) {
    try createFolder(at: folder)
    try writeAtomically(Data(text.utf8), to: folder.appendingPathComponent("chat_template.jinja"))
    let variants = folder.appendingPathComponent("additional_chat_templates")
    if let tools {
      try createFolder(at: variants)
      try writeAtomically(Data(tools.text.utf8), to: variants.appendingPathComponent("tool_use.jinja"))
    }
    var fields: [(String, JSONValue)] = [("tokenizer_class", "PreTrainedTokenizerFast")]
    for name in specialTokens.keys.sorted() { fields.append((name, .string(specialTokens[name]!))) }
    let configuration = JSONValue.object(.init(uniqueKeysWithValues: fields.map { (key: $0.0, value: $0.1) }))
    try writeAtomically(
      Data(configuration.pretty.utf8), to: folder.appendingPathComponent("tokenizer_config.json"))
  }
}
