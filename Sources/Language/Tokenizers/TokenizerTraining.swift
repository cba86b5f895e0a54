import Files

extension Tokenizer {
  /// Learns a byte-level byte-pair encoding.
  ///
  /// Special tokens come first, then the 256 bytes, then the merges, each the most frequent pair of neighbours inside
  /// the pattern's words, ties going to the smallest ids: the vocabulary that Hugging Face's `BpeTrainer` learns from
  /// the same texts with the byte-level alphabet. Special tokens in the texts are text.
  ///
  /// - Parameters:
  ///   - texts: at least one that is not empty.
  ///   - vocabularySize: at least 256 and the special tokens; fewer are learned where the texts do not hold as many
  ///     pairs.
  ///   - pattern: how texts are cut into words, which merges do not cross.
  ///   - specialTokens: each once, none empty.
  ///   - minimumCount: how often a pair must come, from 1.
  /// - Throws: ``LanguageError`` of kind `badValue`.
  ///
  /// A megabyte of English takes about a second.
  public static func bytePairs(
    trainedOn texts: some Sequence<String>, vocabularySize: Int, pattern: SplitPattern = .gpt2,
    specialTokens: [String] = ["<|endoftext|>"], minimumCount: Int = 2
  ) throws(LanguageError) -> Tokenizer {
    guard minimumCount >= 1 else { throw trainingError("minimumCount", "\(minimumCount)", "a number from 1") }
    let start = 256 + specialTokens.count
    guard vocabularySize >= start, vocabularySize <= Vocabulary.idLimit else {
      throw trainingError(
        "vocabularySize", "\(vocabularySize)",
        "a number from \(start), the bytes and the special tokens, to \(Vocabulary.idLimit)")
    }
    var (vocabulary, added) = try startingVocabulary(specialTokens)
    let bytes = try byteTokens(in: &vocabulary)
    let (words, counts) = wordCounts(of: texts, try PreTokenizer(pattern))
    guard !counts.isEmpty else { throw trainingError("texts", "no text", "at least one character") }

    var training = BytePairTraining(words: words.map { $0.map { bytes[Int($0)] } }, counts: counts)
    var merges: [BytePairEncoding.Merge] = []
    while vocabulary.count < vocabularySize, let pair = training.mostFrequent(), pair.count >= minimumCount {
      let text = vocabulary.text(of: Int(pair.left))! + vocabulary.text(of: Int(pair.right))!
      // Two pairs may spell the same token, which then is one, or a special token's text.
      let token = vocabulary.id(of: text) ?? Int32(vocabulary.size)
      _ = vocabulary.add(text, id: Int(token))
      merges.append(.init(left: pair.left, right: pair.right, merged: token))
      training.merge(pair.left, pair.right, into: token)
    }
    let byteLevel = ExactJSON.byteLevel(splits: pattern == .gpt2)
    return try Tokenizer(
      TokenizerDescription(
        addedTokens: added, preTokenizer: .preTokenizer(pattern), postProcessor: byteLevel,
        decoder: byteLevel,
        model: .bytePairs(vocabulary, merges, .init())), file: trainingName)
  }

  /// A vocabulary of the texts' characters (Unicode scalars), sorted; the unknown and the special tokens come first.
  ///
  /// - Parameters:
  ///   - texts: at least one that is not empty.
  ///   - specialTokens: each once, none empty.
  ///   - unknownToken: what stands for characters that the texts do not have.
  /// - Throws: ``LanguageError`` of kind `badValue`.
  public static func characters(
    of texts: some Sequence<String>, specialTokens: [String] = ["<|endoftext|>"],
    unknownToken: String = "<unk>"
  ) throws(LanguageError) -> Tokenizer {
    var scalars: Set<Unicode.Scalar> = []
    for text in texts { scalars.formUnion(text.unicodeScalars) }
    guard !scalars.isEmpty else { throw trainingError("texts", "no text", "at least one character") }
    var (vocabulary, added) = try startingVocabulary([unknownToken] + specialTokens)
    for scalar in scalars.sorted() { _ = vocabulary.add(String(scalar), id: vocabulary.size) }
    return try Tokenizer(
      TokenizerDescription(
        addedTokens: added, decoder: .object([("type", .string("Fuse"))]),
        model: .bytePairs(vocabulary, [], .init(unknownToken: 0))), file: trainingName)
  }

  /// A vocabulary of the most frequent words: runs of word characters and runs of other characters between spaces.
  ///
  /// The unknown and the special tokens come first, then words by how often they come, ties by their bytes. Decoding
  /// puts a space between tokens, since the spaces of the text are not kept.
  ///
  /// - Parameters:
  ///   - texts: with at least one word.
  ///   - vocabularySize: at least one more than the special tokens and the unknown one.
  ///   - specialTokens: each once, none empty.
  ///   - unknownToken: what stands for words outside the vocabulary.
  /// - Throws: ``LanguageError`` of kind `badValue`.
  public static func words(
    of texts: some Sequence<String>, vocabularySize: Int, specialTokens: [String] = ["<|endoftext|>"],
    unknownToken: String = "<unk>"
  ) throws(LanguageError) -> Tokenizer {
    guard vocabularySize > specialTokens.count + 1, vocabularySize <= Vocabulary.idLimit else {
      throw trainingError(
        "vocabularySize", "\(vocabularySize)",
        "a number from \(specialTokens.count + 2) to \(Vocabulary.idLimit)")
    }
    let preTokenizer = ExactJSON.object([("type", .string("Whitespace"))])
    let cutter = try PreTokenizer(
      JSONNode(file: trainingName, path: "pre_tokenizer", value: preTokenizer))
    let (words, counts) = wordCounts(of: texts, cutter)
    guard !counts.isEmpty else { throw trainingError("texts", "no word", "at least one") }
    var (vocabulary, added) = try startingVocabulary([unknownToken] + specialTokens)
    let order = words.indices.sorted {
      counts[$0] != counts[$1] ? counts[$0] > counts[$1] : words[$0].lexicographicallyPrecedes(words[$1])
    }
    for i in order where vocabulary.count < vocabularySize {
      // A word may be spelled like a special token.
      _ = vocabulary.add(String(decoding: words[i], as: UTF8.self), id: vocabulary.size)
    }
    return try Tokenizer(
      TokenizerDescription(
        addedTokens: added, preTokenizer: preTokenizer, model: .words(vocabulary, unknown: unknownToken)),
      file: trainingName)
  }

  // MARK: Steps

  private static var trainingName: String { "training a tokeniser" }

  private static func trainingError(_ place: String, _ found: String, _ expected: String) -> LanguageError {
    LanguageError(.badValue, file: trainingName, place: place, found: found, expected: expected)
  }

  /// The special tokens as the first of a vocabulary.
  private static func startingVocabulary(_ specialTokens: [String]) throws(LanguageError) -> (
    Vocabulary, [AddedToken]
  ) {
    var vocabulary = Vocabulary()
    for (i, token) in specialTokens.enumerated() {
      guard !token.isEmpty else { throw trainingError("specialTokens", "an empty text", "a token") }
      guard vocabulary.add(token, id: i) == nil else {
        throw trainingError("specialTokens", "\"\(token)\" a second time", "every token once")
      }
    }
    return (vocabulary, specialTokens.enumerated().map { AddedToken(text: $1, id: $0) })
  }

  /// Adds the byte-level alphabet in the order of its characters; the token of every byte.
  private static func byteTokens(in vocabulary: inout Vocabulary) throws(LanguageError) -> [Int32] {
    var tokens = Array(repeating: Int32(0), count: 256)
    let order = (0..<256).sorted { ByteLevelAlphabet.scalars[$0] < ByteLevelAlphabet.scalars[$1] }
    for byte in order {
      let text = String(ByteLevelAlphabet.scalars[byte])
      tokens[byte] = vocabulary.id(of: text) ?? Int32(vocabulary.size)
      _ = vocabulary.add(text, id: Int(tokens[byte]))
    }
    return tokens
  }

  /// The distinct words of texts, in the order of their first coming, with how often each comes.
  private static func wordCounts(
    of texts: some Sequence<String>, _ preTokenizer: PreTokenizer
  ) -> (words: [[UInt8]], counts: [Int]) {
    var (table, words, counts): (ByteStringTable, [[UInt8]], [Int]) = (ByteStringTable(), [], [])
    for text in texts {
      let cut = preTokenizer.split(Array(text.utf8), isStart: true)
      cut.bytes.withUnsafeBufferPointer { bytes in
        for range in cut.ranges {
          let word = UnsafeBufferPointer(rebasing: bytes[range])
          if let place = table.insert(word, Int32(counts.count)) {
            counts[Int(place)] += 1
          } else {
            words.append(Array(word))
            counts.append(1)
          }
        }
      }
    }
    return (words, counts)
  }
}

extension PreTokenizer {
  /// The cutting of a pattern alone.
  fileprivate init(_ pattern: SplitPattern) throws(LanguageError) {
    try self.init(
      JSONNode(file: "training a tokeniser", path: "pre_tokenizer", value: .preTokenizer(pattern)))
  }
}

extension ExactJSON {
  fileprivate static func byteLevel(splits: Bool) -> ExactJSON {
    .object([
      ("type", .string("ByteLevel")), ("add_prefix_space", .bool(false)), ("trim_offsets", .bool(true)),
      ("use_regex", .bool(splits)),
    ])
  }

  /// A pattern as the model families' files declare it.
  fileprivate static func preTokenizer(_ pattern: SplitPattern) -> ExactJSON {
    if pattern == .gpt2 { return byteLevel(splits: true) }
    let split = ExactJSON.object([
      ("type", .string("Split")), ("pattern", .object([("Regex", .string(pattern.regularExpression))])),
      ("behavior", .string("Isolated")), ("invert", .bool(false)),
    ])
    return .object([
      ("type", .string("Sequence")), ("pretokenizers", .array([split, byteLevel(splits: false)])),
    ])
  }
}
