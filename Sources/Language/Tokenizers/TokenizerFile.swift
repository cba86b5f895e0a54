import Files
import Foundation

extension TokenizerDescription {
  /// Reads a `tokenizer.json`.
  init(contentsOf url: URL) throws(LanguageError) {
    try self.init(JSONNode(contentsOf: url))
  }

  private init(_ root: JSONNode) throws(LanguageError) {
    // `truncation` and `padding` are options of a call, which Hugging Face's models set anew each time.
    try root.refuseKeys(besides: [
      "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
      "decoder", "model",
    ])
    let version = try root.required("version")
    guard try version.string() == "1.0" else {
      throw version.unsupported("version \(try version.string())", offered: "version 1.0")
    }
    addedTokens = []
    for token in try root.optional("added_tokens")?.elements() ?? [] {
      addedTokens.append(try AddedToken(token))
    }
    normalizer = try root.optional("normalizer")?.value ?? .null
    preTokenizer = try root.optional("pre_tokenizer")?.value ?? .null
    postProcessor = try root.optional("post_processor")?.value ?? .null
    decoder = try root.optional("decoder")?.value ?? .null
    model = try Model(root.required("model"))
  }
}

extension TokenizerDescription.Model {
  init(_ json: JSONNode) throws(LanguageError) {
    let type = try Self.type(json)
    switch type {
    case "BPE": self = try Self.bytePairs(json)
    case "Unigram": self = try Self.unigram(json)
    case "WordLevel": self = try Self.words(json)
    default: throw json.unsupported("the model \(type)", offered: "BPE, Unigram or WordLevel")
    }
  }

  /// The model's type; files of the first years do not say it.
  private static func type(_ json: JSONNode) throws(LanguageError) -> String {
    if let type = try json.optional("type") { return try type.string() }
    if try json.optional("merges") != nil { return "BPE" }
    if case .array = try json.required("vocab").value { return "Unigram" }
    return try json.optional("max_input_chars_per_word") != nil ? "WordPiece" : "WordLevel"
  }

  private static func vocabulary(_ json: JSONNode) throws(LanguageError) -> Vocabulary {
    var vocabulary = Vocabulary()
    for (text, value) in try json.entries() {
      let entry = json.child(text, value)
      let id = try entry.id()
      // Equal texts are equal keys, which the JSON reader refuses.
      if vocabulary.add(text, id: id) != nil {
        throw entry.error(.malformed, "the id \(id) a second time", expected: "every id once")
      }
    }
    return vocabulary
  }

  private static func bytePairs(_ json: JSONNode) throws(LanguageError) -> Self {
    try json.refuseKeys(besides: [
      "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
      "byte_fallback", "ignore_merges", "vocab", "merges",
    ])
    if let dropout = try json.optional("dropout"), try dropout.number() != 0 {
      throw dropout.unsupported("random merges", offered: "no dropout")
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let mark = try json.optional(key), try !mark.string().isEmpty {
        throw mark.unsupported(
          "\"\(try mark.string())\"", offered: "tokens without marks of their place in a word")
      }
    }
    let vocabulary = try vocabulary(json.required("vocab"))
    var options = BytePairEncoding.Options()
    if let unknown = try json.optional("unk_token") {
      guard let id = vocabulary.id(of: try unknown.string()) else {
        throw unknown.error(.badValue, "\"\(try unknown.string())\"", expected: "a token of the vocabulary")
      }
      options.unknownToken = id
    }
    options.fusesUnknown = try json.bool("fuse_unk", default: false)
    options.byteFallback = try json.bool("byte_fallback", default: false)
    options.ignoresMerges = try json.bool("ignore_merges", default: false)
    return .bytePairs(vocabulary, try merges(json.required("merges"), vocabulary), options)
  }

  /// Merges as pairs `["a", "b"]` or, in older files, as `"a b"`.
  private static func merges(
    _ json: JSONNode, _ vocabulary: Vocabulary
  ) throws(LanguageError) -> [BytePairEncoding.Merge] {
    guard case .array(let elements) = json.value else {
      throw json.error(.malformed, "no array", expected: "an array of merges")
    }
    var merges: [BytePairEncoding.Merge] = []
    merges.reserveCapacity(elements.count)
    for (i, element) in elements.enumerated() {
      func fault(_ kind: LanguageError.Kind, _ found: String, _ expected: String) -> LanguageError {
        JSONNode(file: json.file, path: "\(json.path)[\(i)]", value: element)
          .error(kind, found, expected: expected)
      }
      let (left, right): (String, String)
      switch element {
      case .array(let pair):
        guard pair.count == 2, case .string(let first) = pair[0], case .string(let second) = pair[1] else {
          throw fault(.malformed, "an array that is no pair of strings", "two tokens")
        }
        (left, right) = (first, second)
      case .string(let line):
        if line.hasPrefix("#version") { continue }
        let parts = line.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 2 else {
          throw fault(.malformed, "\"\(line)\"", "two tokens and a space between")
        }
        (left, right) = (String(parts[0])!, String(parts[1])!)
      default: throw fault(.malformed, "no merge", "two tokens")
      }
      func id(_ text: String) throws(LanguageError) -> Int32 {
        guard let id = vocabulary.id(of: text) else {
          throw fault(.badValue, "\"\(text)\"", "a token of the vocabulary")
        }
        return id
      }
      merges.append(.init(left: try id(left), right: try id(right), merged: try id(left + right)))
    }
    return merges
  }

  private static func unigram(_ json: JSONNode) throws(LanguageError) -> Self {
    try json.refuseKeys(besides: ["type", "unk_id", "vocab", "byte_fallback"])
    var (vocabulary, scores): (Vocabulary, [Double]) = (Vocabulary(), [])
    let list = try json.required("vocab")
    for (id, entry) in try list.elements().enumerated() {
      let pair = try entry.elements()
      guard pair.count == 2 else {
        throw entry.error(.malformed, "\(pair.count) values", expected: "a token and its score")
      }
      let text = try pair[0].string()
      guard id < Vocabulary.idLimit, vocabulary.add(text, id: id) == nil else {
        throw entry.error(.malformed, "\"\(text)\" a second time", expected: "every token once")
      }
      scores.append(try pair[1].number())
    }
    guard let unknown = try json.optional("unk_id") else {
      throw json.unsupported("no unk_id", offered: "a token for characters that the vocabulary lacks")
    }
    let id = try unknown.integer()
    guard scores.indices.contains(id) else {
      throw unknown.error(.badValue, "id \(id)", expected: "an id below \(scores.count)")
    }
    return .unigram(
      vocabulary, scores: scores, unknown: id, byteFallback: try json.bool("byte_fallback", default: false))
  }

  private static func words(_ json: JSONNode) throws(LanguageError) -> Self {
    try json.refuseKeys(besides: ["type", "vocab", "unk_token"])
    let vocabulary = try vocabulary(json.required("vocab"))
    let unknown = try json.required("unk_token")
    let text = try unknown.string()
    guard vocabulary.id(of: text) != nil else {
      throw unknown.error(.badValue, "\"\(text)\"", expected: "a token of the vocabulary")
    }
    return .words(vocabulary, unknown: text)
  }
}
