/// One call's encoding: the tokeniser with the words that it has met.
struct TokenEncoder {
  private let tokenizer: Tokenizer
  /// Places in `ends` of words met before.
  private var words = ByteStringTable()
  /// The tokens of the words met before, and where those of each end.
  private var tokens: [Int] = []
  private var ends: [Int] = [0]
  private var space = BytePairEncoding.Workspace()

  /// Longer words seldom come again.
  private static let longestKept = 64
  /// Where a text has more distinct words than this, the cache is no help and must not take all memory.
  private static let mostKept = 1 << 18

  init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  mutating func encode(_ text: String, addingSpecialTokens: Bool) -> [Int] {
    var text = text
    var result: [Int] = addingSpecialTokens ? tokenizer.postProcessor.prefix : []
    text.withUTF8 { text in
      result.reserveCapacity(text.count / 3 + 8)
      for section in tokenizer.added.split(raw: text) {
        if let token = section.token {
          result.append(token)
        } else {
          let isStart = section.range.lowerBound == 0
          encode(Array(text[section.range]), isStart: isStart, into: &result)
        }
      }
    }
    if addingSpecialTokens { result += tokenizer.postProcessor.suffix }
    return result
  }

  /// A part of the text without tokens that are looked for before normalising.
  private mutating func encode(_ text: [UInt8], isStart: Bool, into result: inout [Int]) {
    var text = text
    tokenizer.normaliser?.normalise(&text)
    let sections = text.withUnsafeBufferPointer { tokenizer.added.split(normalised: $0) }
    for section in sections {
      if let token = section.token {
        result.append(token)
        continue
      }
      let isWhole = section.range.count == text.count
      let cut = tokenizer.preTokenizer.split(
        isWhole ? text : Array(text[section.range]), isStart: isStart && section.range.lowerBound == 0)
      cut.bytes.withUnsafeBufferPointer { bytes in
        for range in cut.ranges { encode(word: UnsafeBufferPointer(rebasing: bytes[range]), into: &result) }
      }
    }
  }

  @inline(__always)
  private mutating func encode(word: UnsafeBufferPointer<UInt8>, into result: inout [Int]) {
    guard word.count <= Self.longestKept else {
      encode(newWord: word, into: &result)
      return
    }
    if let place = words.value(of: word) {
      for i in ends[Int(place)]..<ends[Int(place) + 1] { result.append(tokens[i]) }
      return
    }
    let start = result.count
    encode(newWord: word, into: &result)
    guard words.count < Self.mostKept else { return }
    words.insert(word, Int32(words.count))
    tokens.append(contentsOf: result[start...])
    ends.append(tokens.count)
  }

  private mutating func encode(newWord word: UnsafeBufferPointer<UInt8>, into result: inout [Int]) {
    switch tokenizer.model {
    case .bytePairs(let model): model.encode(word, into: &result, &space)
    case .unigram(let model): model.encode(word, into: &result)
    case .words(let vocabulary, let unknown): result.append(Int(vocabulary.id(of: word) ?? unknown))
    }
  }
}
