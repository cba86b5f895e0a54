import Foundation
import Language
import Testing

/// A file of the tokeniser fixtures; `make.py` beside them says what made it.
func tokenizerFixture(_ name: String) -> URL {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/tokenizers/\(name)")
}

/// A folder of its own for one test, removed afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("likely-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// A tokeniser from the text of a file.
func tokenizer(_ json: String) throws -> Tokenizer {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("tokenizer.json")
    try Data(json.utf8).write(to: url)
    return try Tokenizer(contentsOf: url)
  }
}

/// The text of a tokenizer.json with these parts.
func tokenizerJSON(
  model: String = #"{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}"#,
  normalizer: String = "null", preTokenizer: String = "null", postProcessor: String = "null",
  decoder: String = "null", added: String = "[]"
) -> String {
  """
  {"version":"1.0","truncation":null,"padding":null,"added_tokens":\(added),"normalizer":\(normalizer),
  "pre_tokenizer":\(preTokenizer),"post_processor":\(postProcessor),"decoder":\(decoder),"model":\(model)}
  """
}

/// Whether two texts are the same code points; Swift's equality takes composed and decomposed ones for equal.
func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
