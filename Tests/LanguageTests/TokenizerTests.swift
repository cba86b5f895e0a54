import Foundation
import Language
import Testing

@Suite("Tokeniser") struct TokenizerTests {
  @Test("merges apply by rank, the leftmost first, in short and in long words alike")
  func mergeOrder() throws {
    let json = tokenizerJSON(
      model: #"""
        {"type":"BPE","vocab":{"a":0,"b":1,"c":2,"aa":3,"ab":4,"bc":5,"abc":6,"aaa":7},
        "merges":["b c","a a","a b","a bc","aa a"]}
        """#)
    let tokenizer = try tokenizer(json)
    #expect(tokenizer.encode("abc") == [6])
    #expect(tokenizer.encode("aaaaa") == [3, 7])
    #expect(tokenizer.encode("aabab") == [3, 1, 4])
    // Words beyond the length at which another algorithm takes over, against the definition.
    let ranks = [[1, 2], [0, 0], [0, 1], [0, 5], [3, 0]]
    let merged = [5, 3, 4, 6, 7]
    func slow(_ text: String) -> [Int] {
      var tokens = text.utf8.map { Int($0) - 97 }
      while true {
        var best = (rank: Int.max, at: 0)
        for i in tokens.indices.dropLast() {
          if let rank = ranks.firstIndex(of: [tokens[i], tokens[i + 1]]), rank < best.rank {
            best = (rank, i)
          }
        }
        if best.rank == .max { return tokens }
        tokens.replaceSubrange(best.at...best.at + 1, with: [merged[best.rank]])
      }
    }
    var state: UInt64 = 7
    for length in [1, 2, 3, 10, 63, 64, 65, 66, 200, 1000] {
      for _ in 0..<20 {
        let text = String(
          decoding: (0..<length).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(97 + (state >> 33) % 3)
          }, as: UTF8.self)
        #expect(tokenizer.encode(text) == slow(text), "\(text)")
      }
    }
  }

  @Test("a word of a megabyte is no disaster")
  func longWord() throws {
    let tokenizer = try Tokenizer(contentsOf: tokenizerFixture("gpt2.json"))
    let word = String(repeating: "thequickbrownfox", count: 1 << 16)
    var tokens: [Int] = []
    let time = ContinuousClock().measure { tokens = tokenizer.encode(word) }
    #expect(isSame(tokenizer.decode(tokens), word))
    #expect(time < .seconds(20), "\(time)")
  }

  @Test("tokens that differ only in how an accent is written are two tokens")
  func canonicalEquivalence() throws {
    let composed = "\u{e9}", decomposed = "e\u{301}"
    let json = tokenizerJSON(
      model:
        "{\"type\":\"WordLevel\",\"vocab\":{\"?\":0,\"\(composed)\":1,\"\(decomposed)\":2},\"unk_token\":\"?\"}"
    )
    let tokenizer = try tokenizer(json)
    #expect(tokenizer.encode(composed) == [1])
    #expect(tokenizer.encode(decomposed) == [2])
    #expect(tokenizer.id(of: composed) == 1 && tokenizer.id(of: decomposed) == 2)
    #expect(tokenizer.text(of: 2)?.unicodeScalars.count == 2)
  }

  @Test("added tokens are found leftmost and longest, with their spaces and borders")
  func addedTokens() throws {
    func added(_ id: Int, _ text: String, _ flags: String = "", special: Bool = true) -> String {
      var members = ["single_word", "lstrip", "rstrip", "normalized"].map {
        "\"\($0)\":\(flags.contains($0))"
      }
      members += ["\"id\":\(id)", "\"content\":\"\(text)\"", "\"special\":\(special)"]
      return "{" + members.joined(separator: ",") + "}"
    }
    let tokens = [
      added(3, "<x>"), added(4, "<x><x>"), added(5, "[l]", "lstrip"), added(6, "[r]", "rstrip"),
      added(7, "[w]", "single_word"), added(8, "Na", "normalized", special: false),
    ]
    let tokenizer = try tokenizer(
      tokenizerJSON(normalizer: #"{"type":"Lowercase"}"#, added: "[\(tokens.joined(separator: ","))]"))
    #expect(tokenizer.encode("a<x>b") == [0, 3, 1])
    #expect(tokenizer.encode("<x><x><x>") == [4, 3])
    #expect(tokenizer.encode("a  [l]b") == [0, 5, 1])
    #expect(tokenizer.encode("a[r] \n b") == [0, 6, 1])
    // The model has no spaces and no brackets, and nothing stands for them.
    #expect(tokenizer.encode("a [w] b") == [0, 7, 1])
    // What is left out leaves neighbours, which merge.
    #expect(tokenizer.encode("a[w]b") == [2])
    #expect(tokenizer.encode("aNAb nab") == [0, 8, 1, 8, 1])
    #expect(tokenizer.encode("A<X>B") == [2])
    #expect(tokenizer.specialTokens.map(\.id) == [3, 4, 5, 6, 7])
    #expect(tokenizer.specialTokens.map(\.text) == ["<x>", "<x><x>", "[l]", "[r]", "[w]"])
    #expect(tokenizer.decode([0, 3, 1, 99, -1], skippingSpecialTokens: true) == "a b")
    #expect(tokenizer.decode([0, 3, 1, 99, -1]) == "a <x> b")
    #expect(tokenizer.vocabularySize == 9)
    #expect(tokenizer.id(of: "<x>") == 3 && tokenizer.id(of: "ab") == 2 && tokenizer.id(of: "zz") == nil)
    #expect(tokenizer.text(of: 9) == nil && tokenizer.text(of: -1) == nil)
    #expect(tokenizer.bytes(of: 9).isEmpty && tokenizer.bytes(of: -1).isEmpty)
  }

  @Test("an added token stands for its own text, in whatever letters")
  func addedTokenBytes() throws {
    let tokenizer = try Tokenizer(contentsOf: tokenizerFixture("neox.json"))
    let id = try #require(tokenizer.id(of: "\u{e9}t\u{e9}"))
    #expect(tokenizer.encode("un \u{e9}t\u{e9}.").contains(id))
    #expect(isSame(tokenizer.decode(tokenizer.encode("un \u{e9}t\u{e9}.")), "un \u{e9}t\u{e9}."))
  }

  @Test("unknown characters: left out, one by one, fused, or as bytes")
  func unknown() throws {
    func ids(_ options: String) throws -> [Int] {
      try tokenizer(
        tokenizerJSON(
          model: #"{"type":"BPE","vocab":{"?":0,"a":1,"<0xC3>":2,"<0xA9>":3},"merges":[]\#(options)}"#)
      ).encode("axyaéa")
    }
    #expect(try ids("") == [1, 1, 1])
    #expect(try ids(#","unk_token":"?""#) == [1, 0, 0, 1, 0, 1])
    #expect(try ids(#","unk_token":"?","fuse_unk":true"#) == [1, 0, 1, 0, 1])
    #expect(try ids(#","unk_token":"?","byte_fallback":true"#) == [1, 0, 0, 1, 2, 3, 1])
    // An unknown character before bytes comes after them: tokenizers 0.23.3 gives these ids.
    let mixed = try tokenizer(
      tokenizerJSON(
        model: #"""
          {"type":"BPE","vocab":{"?":0,"a":1,"<0xC3>":2,"<0xA9>":3},"merges":[],"unk_token":"?",
          "byte_fallback":true}
          """#))
    #expect(mixed.encode("axéa") == [1, 2, 3, 0, 1])
  }

  @Test("whole words come before merges where the file says so")
  func ignoringMerges() throws {
    let model = #"{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"aba":3},"merges":["a b"],"ignore_merges":"#
    #expect(try tokenizer(tokenizerJSON(model: model + "true}")).encode("aba") == [3])
    #expect(try tokenizer(tokenizerJSON(model: model + "false}")).encode("aba") == [2, 0])
  }

  @Test("a model without a type is told by its members, as in the first GPT-2 files")
  func untyped() throws {
    let old =
      #"{"dropout":null,"unk_token":null,"continuing_subword_prefix":"","end_of_word_suffix":"","fuse_unk":false,"vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}"#
    #expect(try tokenizer(tokenizerJSON(model: old)).encode("abb") == [2, 1])
  }

  @Test("split behaviours cut as their names say")
  func splits() throws {
    func pieces(_ behaviour: String, inverted: Bool = false) throws -> [Int] {
      // Pieces are looked up whole, so each shows as a token.
      try tokenizer(
        tokenizerJSON(
          model: #"""
            {"type":"WordLevel","unk_token":"?","vocab":{"?":0,"a":1,"-":2,"b":3,"a-":4,"-b":5,"--":6}}
            """#,
          preTokenizer: """
            {"type":"Split","pattern":{"String":"-"},"behavior":"\(behaviour)","invert":\(inverted)}
            """)
      ).encode("a--b")
    }
    #expect(try pieces("Removed") == [1, 3])
    #expect(try pieces("Removed", inverted: true) == [2, 2])
    #expect(try pieces("Isolated") == [1, 2, 2, 3])
    #expect(try pieces("MergedWithPrevious") == [4, 2, 3])
    #expect(try pieces("MergedWithNext") == [1, 2, 5])
    #expect(try pieces("Contiguous") == [1, 6, 3])
  }

  @Test("patterns cut as their expressions do")
  func patterns() {
    // From `pre_tokenizers.Split` of tokenizers 0.23.3 with the same expressions.
    let cases: [(text: String, gpt2: [String], llama3: [String], qwen: [String])] = [
      (
        "I'LL we'll 12345", ["I", "'", "LL", " we", "'ll", " 12345"],
        ["I", "'LL", " we", "'ll", " ", "123", "45"],
        ["I", "'LL", " we", "'ll", " ", "1", "2", "3", "4", "5"]
      ),
      (
        "x'\u{17f}y 'so", ["x", "'", "\u{17f}y", " '", "so"], ["x", "'\u{17f}", "y", " '", "so"],
        ["x", "'\u{17f}", "y", " '", "so"]
      ),
      (
        "a  \n\n b!\r\n\t.", ["a", "  \n\n", " b", "!", "\r\n", "\t", "."],
        ["a", "  \n\n", " b", "!\r\n", "\t", "."], ["a", "  \n\n", " b", "!\r\n", "\t", "."]
      ),
      (
        "\u{a0}\u{a0}na e\u{301}t", ["\u{a0}", "\u{a0}", "na", " e", "\u{301}", "t"],
        ["\u{a0}", "\u{a0}na", " e", "\u{301}t"], ["\u{a0}", "\u{a0}na", " e", "\u{301}t"]
      ),
    ]
    for (text, gpt2, llama3, qwen) in cases {
      for (pattern, expected) in [(SplitPattern.gpt2, gpt2), (.llama3, llama3), (.qwen, qwen)] {
        let pieces = pattern.pieces(of: text)
        #expect(pieces.map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "\(pattern) \(pieces)")
      }
    }
  }

  @Test("bytes that make no character are replaced one by one")
  func brokenBytes() throws {
    let tokenizer = try tokenizer(
      tokenizerJSON(
        model: #"""
          {"type":"BPE","vocab":{"<0xE4>":0,"<0xBD>":1,"<0xA0>":2,"▁a":3},"merges":[],"byte_fallback":true}
          """#,
        decoder: #"""
          {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},
          {"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}
          """#))
    #expect(tokenizer.decode([3, 0, 1, 2, 3]) == "a\u{4f60} a")
    #expect(tokenizer.decode([3, 0, 1, 3]) == "a\u{fffd}\u{fffd} a")
    #expect([3, 0, 1, 2].map { tokenizer.bytes(of: $0) } == [[0x20, 0x61], [0xe4], [0xbd], [0xa0]])
  }

  @Test("unknown characters that are a piece together become it")
  func unigramUnknown() throws {
    let model = #"""
      {"type":"Unigram","unk_id":0,"vocab":[["?",100],["a",100],["xy",100]],"byte_fallback":false}
      """#
    let tokenizer = try tokenizer(tokenizerJSON(model: model))
    // Two unknown characters score 90 each, more than the piece that they spell.
    #expect(tokenizer.encode("axya") == [1, 2, 1])
    #expect(tokenizer.encode("axa") == [1, 0, 1])
    #expect(tokenizer.encode("axxyya") == [1, 0, 1])
  }
}
