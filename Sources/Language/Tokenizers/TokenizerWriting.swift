import Files
import Foundation

extension Tokenizer {
  /// Writes a `tokenizer.json` that Hugging Face `tokenizers` reads, with the same result.
  ///
  /// The file appears whole or not at all. Merges are written as pairs, which `tokenizers` reads from 0.20 on.
  ///
  /// - Throws: `FileWriteError`.
  public func write(to url: URL) throws {
    try writeAtomically(Data(description.text.utf8), to: url)
  }
}

extension TokenizerDescription {
  /// The file's text.
  var text: String {
    let tokens = addedTokens.map { "\n    " + $0.json.text }.joined(separator: ",")
    return """
      {
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [\(tokens)],
        "normalizer": \(normalizer.text),
        "pre_tokenizer": \(preTokenizer.text),
        "post_processor": \(postProcessor.text),
        "decoder": \(decoder.text),
        "model": \(model.text)
      }

      """
  }
}

extension AddedToken {
  fileprivate var json: ExactJSON {
    .object([
      ("id", .integer(id)), ("content", .string(text)), ("single_word", .bool(isSingleWord)),
      ("lstrip", .bool(stripsLeft)), ("rstrip", .bool(stripsRight)), ("normalized", .bool(isNormalised)),
      ("special", .bool(isSpecial)),
    ])
  }
}

extension TokenizerDescription.Model {
  fileprivate var text: String {
    switch self {
    case .bytePairs(let vocabulary, let merges, let options):
      let unknown = options.unknownToken.flatMap { vocabulary.text(of: Int($0)) }
      let pairs = merges.map { merge in
        let (left, right) = (vocabulary.text(of: Int(merge.left))!, vocabulary.text(of: Int(merge.right))!)
        return "\n      [\(ExactJSON.quoted(left)), \(ExactJSON.quoted(right))]"
      }
      return """
        {
            "type": "BPE",
            "dropout": null,
            "unk_token": \(unknown.map(ExactJSON.quoted) ?? "null"),
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": \(options.fusesUnknown),
            "byte_fallback": \(options.byteFallback),
            "ignore_merges": \(options.ignoresMerges),
            "vocab": \(vocabulary.json),
            "merges": [\(pairs.joined(separator: ","))]
          }
        """
    case .unigram(let vocabulary, let scores, let unknown, let byteFallback):
      let pieces = vocabulary.map { id, text in "\n      [\(ExactJSON.quoted(text)), \(scores[Int(id)])]" }
      return """
        {
            "type": "Unigram",
            "unk_id": \(unknown),
            "vocab": [\(pieces.joined(separator: ","))],
            "byte_fallback": \(byteFallback)
          }
        """
    case .words(let vocabulary, let unknown):
      return """
        {
            "type": "WordLevel",
            "vocab": \(vocabulary.json),
            "unk_token": \(ExactJSON.quoted(unknown))
          }
        """
    }
  }
}

extension Vocabulary {
  /// An object of texts and ids in the order of the ids.
  fileprivate var json: String {
    "{" + map { id, text in "\n      \(ExactJSON.quoted(text)): \(id)" }.joined(separator: ",") + "}"
  }
}

extension ExactJSON {
  /// The value on one line.
  fileprivate var text: String {
    switch self {
    case .string(let text): ExactJSON.quoted(text)
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .bool(let value): "\(value)"
    case .null: "null"
    case .array(let elements): "[" + elements.map(\.text).joined(separator: ", ") + "]"
    case .object(let entries):
      "{" + entries.map { "\(ExactJSON.quoted($0.key)): \($0.value.text)" }.joined(separator: ", ") + "}"
    }
  }
}
