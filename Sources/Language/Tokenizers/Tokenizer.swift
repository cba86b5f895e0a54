import Files
import Foundation

/// Text to tokens and back, as Hugging Face `tokenizers` does it with the same `tokenizer.json`.
///
/// Reads byte-level byte-pair encodings (GPT-2, GPT-NeoX, Llama 3, Qwen 2 and 3), SentencePiece-like byte-pair
/// encodings with byte fallback (Llama 2, Mistral), unigram models (T5-like) and word vocabularies; trains byte-pair,
/// character and word vocabularies. What a file declares and this type does not do is refused with the key that says
/// so, so a text is never cut otherwise than the model has learned.
///
/// ```swift
/// let tokenizer = try Tokenizer(contentsOf: folder.appending(path: "tokenizer.json"))
/// let tokens = tokenizer.encode("Now is the winter")
/// let text = tokenizer.decode(tokens, skippingSpecialTokens: true)
/// ```
public struct Tokenizer: Sendable {
  let description: TokenizerDescription
  let model: TokenModel
  let added: AddedTokens
  let normaliser: Normaliser?
  let preTokenizer: PreTokenizer
  let postProcessor: PostProcessor
  let decoder: TokenDecoder?
  /// What the tokens stand for, one after the other, and where each begins.
  private let tokenBytes: [UInt8]
  private let tokenStarts: [Int]

  /// Reads a `tokenizer.json`.
  ///
  /// The sections `truncation` and `padding` are passed over: they are options of a call. Ids lie below 2,097,152.
  ///
  /// - Throws: ``LanguageError``: `missing` where there is no file; `malformed` with the byte where it is no JSON, or
  ///   with the key where it is no tokeniser; `unsupported` with the key of a feature that is not offered;
  ///   `badValue` for ids and tokens outside the vocabulary.
  public init(contentsOf url: URL) throws(LanguageError) {
    try self.init(TokenizerDescription(contentsOf: url), file: url.lastPathComponent)
  }

  init(_ description: TokenizerDescription, file: String) throws(LanguageError) {
    func json(_ key: String, _ value: ExactJSON) -> JSONNode? {
      value == .null ? nil : JSONNode(file: file, path: key, value: value)
    }
    self.description = description
    let normaliser: Normaliser? =
      if let part = json("normalizer", description.normalizer) { try Normaliser(part) } else { nil }
    self.normaliser = normaliser
    let preTokenizer =
      if let part = json("pre_tokenizer", description.preTokenizer) { try PreTokenizer(part) } else {
        PreTokenizer()
      }
    self.preTokenizer = preTokenizer
    let postProcessor =
      if let part = json("post_processor", description.postProcessor) { try PostProcessor(part) } else {
        PostProcessor()
      }
    self.postProcessor = postProcessor
    let decoder: TokenDecoder? =
      if let part = json("decoder", description.decoder) { try TokenDecoder(part) } else { nil }
    self.decoder = decoder
    added = try AddedTokens(description.addedTokens, normaliser: normaliser, file: file)

    let vocabulary = description.model.vocabulary
    switch description.model {
    case .bytePairs(let vocabulary, let merges, let options):
      model = .bytePairs(
        BytePairEncoding(
          unit: preTokenizer.isByteLevel ? .bytes : .scalars, vocabulary: vocabulary, merges: merges,
          options: options))
    case .unigram(let vocabulary, let scores, let unknown, let byteFallback):
      guard !preTokenizer.isByteLevel else { throw Self.byteLevelRefusal("Unigram", file: file) }
      model = .unigram(
        Unigram(vocabulary: vocabulary, scores: scores, unknown: unknown, byteFallback: byteFallback))
    case .words(let vocabulary, let unknown):
      guard !preTokenizer.isByteLevel else { throw Self.byteLevelRefusal("WordLevel", file: file) }
      model = .words(vocabulary, unknown: vocabulary.id(of: unknown)!)
    }
    try Self.checkIds(of: description.addedTokens, vocabulary, file: file)

    var (bytes, starts): ([UInt8], [Int]) = ([], [0])
    for id in 0..<max(vocabulary.size, (description.addedTokens.map(\.id).max() ?? -1) + 1) {
      let known = vocabulary.text(of: id)
      if let text = added[id: id]?.text ?? known {
        bytes.append(contentsOf: decoder?.bytes(of: text, isAdded: known == nil) ?? Array(text.utf8))
      }
      starts.append(bytes.count)
    }
    (tokenBytes, tokenStarts) = (bytes, starts)

    for id in postProcessor.prefix + postProcessor.suffix where text(of: id) == nil {
      throw LanguageError(
        .badValue, file: file, place: "post_processor", found: "id \(id)", expected: "a token's id")
    }
  }

  private static func byteLevelRefusal(_ model: String, file: String) -> LanguageError {
    LanguageError(
      .unsupported, file: file, place: "pre_tokenizer", found: "ByteLevel before a \(model) model",
      expected: "ByteLevel with BPE")
  }

  /// Refuses added tokens that Hugging Face would give another number than the file does: it takes the model's where
  /// the model has the text, and the next free one else.
  private static func checkIds(
    of tokens: [AddedToken], _ vocabulary: Vocabulary, file: String
  ) throws(LanguageError) {
    var largest: Int?
    for (place, token) in tokens.enumerated() {
      let next = max(vocabulary.count, (largest ?? -1) + 1)
      let id = vocabulary.id(of: token.text).map(Int.init) ?? next
      guard token.id == id else {
        throw LanguageError(
          .badValue, file: file, place: "added_tokens[\(place)].id", found: "id \(token.id)",
          expected: "\(id), the number that \"\(token.text)\" gets by its place")
      }
      largest = max(largest ?? id, id)
    }
  }

  // MARK: Vocabulary

  /// The largest id + 1: how many rows an embedding needs.
  public var vocabularySize: Int { tokenStarts.count - 1 }

  /// The id of a token by its text in the file, such as `"<|endoftext|>"` or `"Ġthe"`; nil where there is none.
  public func id(of token: String) -> Int? {
    added[text: token]?.id ?? description.model.vocabulary.id(of: token).map(Int.init)
  }

  /// The text of a token in the file; nil where no token has the id.
  public func text(of token: Int) -> String? {
    added[id: token]?.text ?? description.model.vocabulary.text(of: token)
  }

  /// The tokens that are no text, such as the one that ends a document, in the order of the file.
  public var specialTokens: [(text: String, id: Int)] {
    added.tokens.filter(\.isSpecial).map { ($0.text, $0.id) }
  }

  /// The bytes that a token stands for inside a text; empty where no token has the id.
  ///
  /// A character may lie across tokens, so bytes are joined before they are text. At the start of a text some models
  /// drop the space that a word brings; `decode` does.
  public func bytes(of token: Int) -> [UInt8] {
    guard (0..<vocabularySize).contains(token) else { return [] }
    return Array(tokenBytes[tokenStarts[token]..<tokenStarts[token + 1]])
  }

  // MARK: Encoding

  /// The tokens of a text.
  ///
  /// Special tokens in the text are found as such. A character for which the model has neither a token nor a way
  /// around (bytes, an unknown token) is left out, as Hugging Face does; byte-level models have every byte.
  ///
  /// - Parameter addingSpecialTokens: whether tokens that the file's template puts around a text are added.
  /// - Returns: ids below ``vocabularySize``. Takes time in proportion to the text's length; n log n for a word of
  ///   n characters.
  public func encode(_ text: String, addingSpecialTokens: Bool = true) -> [Int] {
    var encoder = TokenEncoder(self)
    return encoder.encode(text, addingSpecialTokens: addingSpecialTokens)
  }

  /// The tokens of texts; a word that comes again, in whichever text, is encoded once.
  public func encode(_ texts: [String], addingSpecialTokens: Bool = true) -> [[Int]] {
    var encoder = TokenEncoder(self)
    return texts.map { encoder.encode($0, addingSpecialTokens: addingSpecialTokens) }
  }

  // MARK: Decoding

  /// The text of tokens.
  ///
  /// Byte-level models give back every byte of an encoded text that no normaliser and no space-taking token changed.
  /// An added token comes back as its own text, where Hugging Face takes letters such as `é` in it for bytes; all else
  /// decodes as there. Ids that no token has are left out; bytes that make no character become U+FFFD.
  ///
  /// - Parameter skippingSpecialTokens: whether special tokens are left out.
  public func decode(_ tokens: [Int], skippingSpecialTokens: Bool = false) -> String {
    let tokens = tokens.filter {
      (0..<vocabularySize).contains($0) && !(skippingSpecialTokens && added.specialIds.contains($0))
    }
    switch decoder?.shortcut {
    case .join: return String(decoding: bytes(of: tokens[...]), as: UTF8.self)
    case .first(let metaspace):
      guard let first = tokens.first, let text = text(of: first) else { break }
      let bytes = metaspace.decode(Array(text.utf8), isFirst: true) + bytes(of: tokens.dropFirst())
      return String(decoding: bytes, as: UTF8.self)
    case .strip(let rest):
      let bytes = bytes(of: tokens[...])
      if String(validating: bytes, as: UTF8.self) != nil { return rest.decode([bytes]) }
    case nil: break
    }
    let texts = tokens.compactMap { token in text(of: token).map { (token, $0) } }
    guard let decoder else { return texts.map(\.1).joined(separator: " ") }
    return decoder.decode(
      decoder.isByteLevel ? texts.map { bytes(of: $0.0) } : texts.map { Array($0.1.utf8) })
  }

  private func bytes(of tokens: ArraySlice<Int>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 * tokens.count)
    for token in tokens { bytes.append(contentsOf: tokenBytes[tokenStarts[token]..<tokenStarts[token + 1]]) }
    return bytes
  }
}
