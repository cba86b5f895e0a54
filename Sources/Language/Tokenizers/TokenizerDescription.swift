import Files

/// What a tokenizer file declares: the parts that a tokeniser is made from and written as.
struct TokenizerDescription: Sendable {
  enum Model: Sendable {
    case bytePairs(Vocabulary, [BytePairEncoding.Merge], BytePairEncoding.Options)
    case unigram(Vocabulary, scores: [Double], unknown: Int, byteFallback: Bool)
    case words(Vocabulary, unknown: String)
  }

  var addedTokens: [AddedToken]
  /// The small parts as the file has them, so that writing gives back what reading found; null where there is none.
  var normalizer = ExactJSON.null
  var preTokenizer = ExactJSON.null
  var postProcessor = ExactJSON.null
  var decoder = ExactJSON.null
  var model: Model
}

extension TokenizerDescription.Model {
  var vocabulary: Vocabulary {
    switch self {
    case .bytePairs(let vocabulary, _, _), .unigram(let vocabulary, _, _, _), .words(let vocabulary, _):
      vocabulary
    }
  }
}

/// The model of a tokeniser, ready to encode words.
enum TokenModel: Sendable {
  case bytePairs(BytePairEncoding)
  case unigram(Unigram)
  case words(Vocabulary, unknown: Int32)
}
