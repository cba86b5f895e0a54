import Foundation
import Language
import Testing

@Suite("Tokeniser files that are refused") struct TokenizerRefusalTests {
  private func error(_ json: String) throws -> LanguageError {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("tokenizer.json")
      try Data(json.utf8).write(to: url)
      return try #require(#expect(throws: LanguageError.self) { try Tokenizer(contentsOf: url) })
    }
  }

  @Test("no file, no JSON, cut JSON: the file and the byte")
  func broken() throws {
    let missing = #expect(throws: LanguageError.self) {
      try Tokenizer(contentsOf: URL(fileURLWithPath: "/nowhere/tokenizer.json"))
    }
    #expect(missing?.kind == .missing && missing?.found.contains("/nowhere/tokenizer.json") == true)
    for (text, place) in [
      ("", "byte 0"), ("{", "byte 1"), ("{\"version\": }", "byte 12"), ("{} x", "byte 3"),
    ] {
      let error = try error(text)
      #expect(error.kind == .malformed && error.file == "tokenizer.json" && error.place == place, "\(error)")
    }
    let whole = try String(contentsOf: tokenizerFixture("gpt2.json"), encoding: .utf8)
    let error = try error(String(whole.prefix(whole.count / 2)))
    #expect(error.kind == .malformed && error.place?.hasPrefix("byte ") == true)
    #expect(try self.error("[]").kind == .malformed)
    #expect(try self.error("{}").kind == .malformed)
  }

  @Test(
    "a feature that is not offered is named with its key",
    arguments: [
      (tokenizerJSON(normalizer: #"{"type":"StripAccents"}"#), "normalizer", "StripAccents"),
      (
        tokenizerJSON(normalizer: #"{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Nmt"}]}"#),
        "normalizer.normalizers[1]", "Nmt"
      ),
      (
        tokenizerJSON(normalizer: #"{"type":"Replace","pattern":{"Regex":"\\d"},"content":""}"#),
        "normalizer.pattern.Regex", "\\d"
      ),
      (tokenizerJSON(normalizer: #"{"type":"NFC","strength":2}"#), "normalizer.strength", "not known"),
      (tokenizerJSON(preTokenizer: #"{"type":"BertPreTokenizer"}"#), "pre_tokenizer", "BertPreTokenizer"),
      (
        tokenizerJSON(
          preTokenizer:
            #"{"type":"Split","pattern":{"Regex":"\\p{L}+"},"behavior":"Isolated","invert":false}"#),
        "pre_tokenizer.pattern.Regex", "\\p{L}+"
      ),
      (
        tokenizerJSON(
          preTokenizer: #"{"type":"Split","pattern":{"String":"x"},"behavior":"Eaten","invert":false}"#),
        "pre_tokenizer.behavior", "Eaten"
      ),
      (
        tokenizerJSON(
          preTokenizer:
            #"{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false},{"type":"Digits"}]}"#
        ),
        "pre_tokenizer.pretokenizers[1]", "Digits after ByteLevel"
      ),
      (
        tokenizerJSON(preTokenizer: #"{"type":"Metaspace","replacement":"_","prepend_scheme":"last"}"#),
        "pre_tokenizer.prepend_scheme", "last"
      ),
      (
        tokenizerJSON(postProcessor: #"{"type":"RobertaProcessing","sep":["a",0],"cls":["b",1]}"#),
        "post_processor", "RobertaProcessing"
      ),
      (
        tokenizerJSON(
          postProcessor:
            #"{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],"special_tokens":{}}"#
        ),
        "post_processor.single[0].Sequence.id", "second text"
      ),
      (tokenizerJSON(decoder: #"{"type":"WordPiece","prefix":"@@","cleanup":true}"#), "decoder", "WordPiece"),
      (tokenizerJSON(decoder: #"{"type":"CTC"}"#), "decoder", "CTC"),
      (tokenizerJSON(model: #"{"type":"WordPiece","vocab":{},"unk_token":"x"}"#), "model", "WordPiece"),
      (
        tokenizerJSON(model: #"{"type":"BPE","dropout":0.1,"vocab":{},"merges":[]}"#), "model.dropout",
        "random merges"
      ),
      (
        tokenizerJSON(model: #"{"type":"BPE","end_of_word_suffix":"</w>","vocab":{},"merges":[]}"#),
        "model.end_of_word_suffix", "</w>"
      ),
      (
        tokenizerJSON(model: #"{"type":"BPE","continuing_subword_prefix":"@@","vocab":{},"merges":[]}"#),
        "model.continuing_subword_prefix", "@@"
      ),
      (tokenizerJSON(model: #"{"type":"BPE","vocab":{},"merges":[],"magic":1}"#), "model.magic", "not known"),
      (tokenizerJSON(model: #"{"type":"Unigram","vocab":[["a",0.0]],"unk_id":null}"#), "model", "no unk_id"),
      (
        tokenizerJSON(
          model: #"{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}"#,
          preTokenizer: #"{"type":"ByteLevel","add_prefix_space":false}"#),
        "pre_tokenizer", "WordLevel"
      ),
      (tokenizerJSON().replacing("\"1.0\"", with: "\"2.0\""), "version", "2.0"),
      (tokenizerJSON().replacing("\"version\"", with: "\"extra\":1,\"version\""), "extra", "not known"),
    ])
  func unsupported(_ json: String, _ place: String, _ found: String) throws {
    let error = try error(json)
    #expect(error.kind == .unsupported && error.place == place && error.found.contains(found), "\(error)")
  }

  @Test(
    "contents that contradict each other are refused with their key",
    arguments: [
      (
        tokenizerJSON(normalizer: #"{"type":"Precompiled","precompiled_charsmap":"?"}"#),
        "normalizer.precompiled_charsmap", .malformed
      ),
      (
        tokenizerJSON(normalizer: #"{"type":"Precompiled","precompiled_charsmap":"CAAAAAAA"}"#),
        "normalizer.precompiled_charsmap", .malformed
      ),
      (
        tokenizerJSON(model: #"{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}"#), "model.vocab.b",
        LanguageError.Kind.malformed
      ),
      (tokenizerJSON(model: #"{"type":"BPE","vocab":{"a":-1},"merges":[]}"#), "model.vocab.a", .badValue),
      (
        tokenizerJSON(model: #"{"type":"BPE","vocab":{"a":4294967296},"merges":[]}"#), "model.vocab.a",
        .badValue
      ),
      (tokenizerJSON(model: #"{"type":"BPE","vocab":{"a":"0"},"merges":[]}"#), "model.vocab.a", .malformed),
      (tokenizerJSON(model: #"{"type":"BPE","vocab":[],"merges":[]}"#), "model.vocab", .malformed),
      (
        tokenizerJSON(model: #"{"type":"BPE","vocab":{"a":0},"merges":["a a"]}"#), "model.merges[0]",
        .badValue
      ),
      (
        tokenizerJSON(model: #"{"type":"BPE","vocab":{"a":0},"merges":["a"]}"#), "model.merges[0]", .malformed
      ),
      (
        tokenizerJSON(model: #"{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}"#), "model.merges[0]",
        .malformed
      ),
      (tokenizerJSON(model: #"{"type":"BPE","vocab":{"a":0},"merges":{}}"#), "model.merges", .malformed),
      (
        tokenizerJSON(model: #"{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"u"}"#),
        "model.unk_token", .badValue
      ),
      (
        tokenizerJSON(model: #"{"type":"Unigram","vocab":[["a",0.0]],"unk_id":1}"#), "model.unk_id", .badValue
      ),
      (
        tokenizerJSON(model: #"{"type":"Unigram","vocab":[["a",0.0],["a",1]],"unk_id":0}"#), "model.vocab[1]",
        .malformed
      ),
      (tokenizerJSON(model: #"{"type":"Unigram","vocab":[["a"]],"unk_id":0}"#), "model.vocab[0]", .malformed),
      (
        tokenizerJSON(model: #"{"type":"WordLevel","vocab":{"a":0},"unk_token":"u"}"#), "model.unk_token",
        .badValue
      ),
      (tokenizerJSON(added: #"[{"id":3,"content":"x"}]"#), "added_tokens[0]", .malformed),
      (
        tokenizerJSON(
          added:
            #"[{"id":9,"content":"x","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]"#
        ),
        "added_tokens[0].id", .badValue
      ),
      (
        tokenizerJSON(
          postProcessor:
            #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"x":{"id":"x","ids":[7],"tokens":["x"]}}}"#
        ),
        "post_processor", .badValue
      ),
      (
        tokenizerJSON(
          postProcessor:
            #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{}}"#
        ),
        "post_processor.special_tokens", .malformed
      ),
      (
        tokenizerJSON(preTokenizer: #"{"type":"Metaspace","replacement":"__"}"#), "pre_tokenizer.replacement",
        .badValue
      ),
      (
        tokenizerJSON(decoder: #"{"type":"Strip","content":" ","start":-1,"stop":0}"#), "decoder.start",
        .badValue
      ),
    ])
  func contradictory(_ json: String, _ place: String, _ kind: LanguageError.Kind) throws {
    let error = try error(json)
    #expect(error.kind == kind && error.place == place, "\(error)")
  }

  @Test(
    "a file cut or changed anywhere is read or refused, never a crash",
    arguments: ["words", "t5", "mistral", "llama3"])
  func fuzz(_ kind: String) throws {
    let bytes = Array(try Data(contentsOf: tokenizerFixture("\(kind).json")))
    var state: UInt64 = 3
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var read = 0
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("tokenizer.json")
      for _ in 0..<150 {
        var changed = bytes
        // Letters and digits mostly, so that the file often stays JSON.
        for _ in 0...next(2) {
          changed[next(changed.count)] = next(4) == 0 ? UInt8(next(256)) : UInt8(48 + next(75))
        }
        if next(5) == 0 { changed.removeLast(next(changed.count)) }
        try Data(changed).write(to: url)
        guard let tokenizer = try? Tokenizer(contentsOf: url) else { continue }
        read += 1
        let tokens = tokenizer.encode("To be, or not \u{1f600} <tool>\u{ff21}\u{301}  1234")
        #expect(tokens.allSatisfy { tokenizer.text(of: $0) != nil })
        _ = tokenizer.decode(tokens)
      }
    }
    // Merges name their tokens, so there is little that can change and still fit.
    #expect(read > (kind == "words" || kind == "t5" ? 5 : -1) && read < 150)
  }
}
