import Foundation
import Language
import Testing

@Suite("Training tokenisers") struct TokenizerTrainingTests {
  @Test("the first merges are those of a hand count")
  func byHand() throws {
    // "ab" comes 3 times, "bc" twice; after the merge "abc" is the pair (ab, c), twice.
    let tokenizer = try Tokenizer.bytePairs(
      trainedOn: ["abc abc", "ab"], vocabularySize: 300, specialTokens: ["<end>"])
    #expect(tokenizer.specialTokens.map(\.text) == ["<end>"])
    #expect(tokenizer.id(of: "ab") == 257 && tokenizer.id(of: "abc") == 258)
    // " abc" comes once only, so the training ends early.
    #expect(tokenizer.vocabularySize == 259)
    #expect(tokenizer.encode("abc<end>") == [258, 0])
    #expect(tokenizer.decode(tokenizer.encode("any text \u{1f600}")) == "any text \u{1f600}")
    let rare = try Tokenizer.bytePairs(
      trainedOn: ["abc abc", "ab"], vocabularySize: 300, specialTokens: [], minimumCount: 3)
    #expect(rare.vocabularySize == 257)
  }

  /// The text that the fixtures were trained on: `text/tinyshakespeare.txt` of `$LIKELY_DATA` or `../shared/data`.
  private static let text: String? = {
    let shared = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../shared/data")
    let folder = ProcessInfo.processInfo.environment["LIKELY_DATA"].map { URL(fileURLWithPath: $0) } ?? shared
    let url = folder.standardizedFileURL.appendingPathComponent("text/tinyshakespeare.txt")
    return (try? String(contentsOf: url, encoding: .utf8)).map { String($0.unicodeScalars.prefix(200_000)) }
  }()

  @Test(
    "the vocabulary is the one that Hugging Face learns from the same text",
    .enabled(if: text != nil, "tinyshakespeare is not here: set LIKELY_DATA"),
    arguments: ["gpt2", "llama3", "qwen"])
  func parity(_ kind: String) throws {
    let text = try #require(Self.text)
    let pattern = try #require(SplitPattern(rawValue: kind))
    let reference = try Tokenizer(contentsOf: tokenizerFixture("\(kind).json"))
    let specialTokens = kind == "gpt2" ? ["<|endoftext|>"] : []
    let size = kind == "gpt2" ? 700 : 600
    let trained = try Tokenizer.bytePairs(
      trainedOn: [text], vocabularySize: size, pattern: pattern, specialTokens: specialTokens)
    #expect(trained.vocabularySize == size)
    // The Llama 3 and Qwen fixtures have tokens added behind the learned ones.
    for id in 0..<size { #expect(trained.text(of: id) == reference.text(of: id), "\(id)") }
    // The Llama 3 fixture has whole words besides.
    if kind != "llama3" {
      let isEqual = trained.encode(text) == reference.encode(text, addingSpecialTokens: false)
      #expect(isEqual)
    }
  }

  @Test("texts in parts, and their order, do not change what is learned")
  func order() throws {
    let lines = ["the cat sat", "on the mat", "the hat", "a cat, a hat\n"]
    let a = try Tokenizer.bytePairs(trainedOn: lines, vocabularySize: 290)
    let b = try Tokenizer.bytePairs(trainedOn: lines.reversed(), vocabularySize: 290)
    #expect(a.vocabularySize == b.vocabularySize)
    #expect((0..<a.vocabularySize).allSatisfy { a.text(of: $0) == b.text(of: $0) })
  }

  @Test("characters: every scalar a token, others unknown, every text back")
  func characters() throws {
    let tokenizer = try Tokenizer.characters(of: ["hello", "e\u{301}\n\u{1f600}"])
    #expect(
      (0..<tokenizer.vocabularySize).compactMap { tokenizer.text(of: $0) }
        == ["<unk>", "<|endoftext|>", "\n", "e", "h", "l", "o", "\u{301}", "\u{1f600}"])
    #expect(tokenizer.encode("hole") == [4, 6, 5, 3])
    #expect(tokenizer.encode("hxe") == [4, 0, 3])
    let text = "e\u{301}lle\nhello \u{1f600}".replacing(" ", with: "")
    #expect(isSame(tokenizer.decode(tokenizer.encode(text)), text))
    let long = String(repeating: "hello\n", count: 1000)
    #expect(tokenizer.encode(long).count == 6000 && isSame(tokenizer.decode(tokenizer.encode(long)), long))
  }

  @Test("words by their counts, ties by their bytes")
  func words() throws {
    let tokenizer = try Tokenizer.words(of: ["b a, a", "c b a"], vocabularySize: 6)
    #expect(
      (0..<tokenizer.vocabularySize).compactMap { tokenizer.text(of: $0) }
        == ["<unk>", "<|endoftext|>", "a", "b", ",", "c"])
    #expect(tokenizer.encode("a, d<|endoftext|>") == [2, 4, 0, 1])
    #expect(tokenizer.decode([2, 4, 3]) == "a , b")
  }

  @Test("what is trained is written and read back")
  func writing() throws {
    let text = "the cat sat on the mat; the cat's hat 1234"
    for tokenizer in [
      try Tokenizer.bytePairs(trainedOn: [text], vocabularySize: 280, pattern: .llama3),
      try Tokenizer.bytePairs(trainedOn: [text], vocabularySize: 280, pattern: .qwen),
      try Tokenizer.characters(of: [text]), try Tokenizer.words(of: [text], vocabularySize: 12),
    ] {
      try withTemporaryFolder { folder in
        let url = folder.appending(path: "tokenizer.json")
        try tokenizer.write(to: url)
        let again = try Tokenizer(contentsOf: url)
        #expect(again.encode(text) == tokenizer.encode(text))
        #expect(again.decode(again.encode(text)) == tokenizer.decode(tokenizer.encode(text)))
      }
    }
  }

  @Test("what cannot be learned is refused")
  func refusals() {
    func error(_ body: () throws -> Tokenizer) -> String {
      let error = #expect(throws: LanguageError.self) { _ = try body() }
      return "\(error?.kind ?? .missing) \(error?.place ?? "")"
    }
    #expect(error { try .bytePairs(trainedOn: ["a"], vocabularySize: 256) } == "badValue vocabularySize")
    #expect(error { try .bytePairs(trainedOn: ["a"], vocabularySize: 1 << 30) } == "badValue vocabularySize")
    #expect(error { try .bytePairs(trainedOn: [], vocabularySize: 300) } == "badValue texts")
    #expect(error { try .bytePairs(trainedOn: [""], vocabularySize: 300) } == "badValue texts")
    #expect(
      error { try .bytePairs(trainedOn: ["a"], vocabularySize: 300, minimumCount: 0) }
        == "badValue minimumCount")
    #expect(
      error { try .bytePairs(trainedOn: ["a"], vocabularySize: 300, specialTokens: ["x", "x"]) }
        == "badValue specialTokens")
    #expect(error { try .characters(of: ["a"], specialTokens: [""]) } == "badValue specialTokens")
    #expect(error { try .characters(of: []) } == "badValue texts")
    #expect(error { try .words(of: [" \n"], vocabularySize: 9) } == "badValue texts")
    #expect(error { try .words(of: ["a"], vocabularySize: 2) } == "badValue vocabularySize")
  }
}
