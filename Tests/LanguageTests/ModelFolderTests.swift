import Foundation
import Language
import Testing
import Torch

@Suite("Model folders")
struct ModelFolderTests {
  /// What reading a copy of a model says once it has been spoilt; empty where nothing is wrong.
  private func complaint(_ name: String = "llama", _ spoil: (URL) throws -> Void) throws -> String {
    try withTemporaryFolder { parent in
      let folder = parent.appendingPathComponent("model")
      try FileManager.default.copyItem(at: modelFixtures.appendingPathComponent(name), to: folder)
      try spoil(folder)
      do {
        _ = try Transformer(folder: folder)
        return ""
      } catch { return "\(error)" }
    }
  }

  private func edit(_ folder: URL, _ old: String, _ new: String) throws {
    let url = folder.appendingPathComponent("config.json")
    let text = try String(contentsOf: url, encoding: .utf8)
    try #require(text.contains(old))
    try Data(text.replacingOccurrences(of: old, with: new).utf8).write(to: url)
  }

  private func weights(_ folder: URL, _ change: (inout [String: Tensor]) -> Void) throws {
    let url = folder.appendingPathComponent("model.safetensors")
    var tensors = try SafetensorsFile(contentsOf: url).tensors().mapValues { $0.clone() }
    change(&tensors)
    try Safetensors.write(tensors, to: url)
  }

  @Test("an untouched copy is read")
  func untouched() throws { #expect(try complaint { _ in } == "") }

  @Test("architectures and features that are not offered are refused by name")
  func unsupported() throws {
    #expect(
      try complaint { try edit($0, "\"model_type\": \"llama\"", "\"model_type\": \"mamba\"") }
        == "config.json, model_type: found \"mamba\", expected one of gpt2, gpt_neox, llama, mistral, qwen2, qwen3"
    )
    #expect(
      try complaint { try edit($0, "\"hidden_act\": \"silu\"", "\"hidden_act\": \"tanh\"") }
        .contains("hidden_act: found \"tanh\", expected gelu"))
    #expect(
      try complaint { try edit($0, "\"rope_type\": \"default\"", "\"rope_type\": \"longrope\"") }
        .contains("rope_type: found \"longrope\", expected default, linear, dynamic, llama3 or yarn"))
    #expect(
      try complaint { try edit($0, "{\n", "{\"quantization_config\": {},\n") }
        .contains("quantization_config: found quantised weights"))
    #expect(
      try complaint("qwen2_window") {
        try edit(
          $0, "\"full_attention\",\n    \"sliding_attention\"",
          "\"sliding_attention\",\n    \"full_attention\"")
      }
      .contains("layer_types: found sliding_attention, full_attention"))
  }

  @Test("values that do not fit are refused by key")
  func badValues() throws {
    #expect(
      try complaint { try edit($0, "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3") }
        .contains("key-value heads: found 3, expected a divisor of the 4 heads"))
    #expect(
      try complaint { try edit($0, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": \"two\"") }
        .contains("config.json, num_hidden_layers: found \"two\", expected a whole number"))
    #expect(try complaint { try edit($0, "\"hidden_size\": 24,", "") }.contains("no hidden_size"))
    #expect(
      try complaint { try edit($0, "\"hidden_size\": 24,", "\"hidden_size\": 24") }.contains(
        "config.json, byte"))
  }

  @Test("weights that are missing, misshapen, unknown, not finite or pickled are named")
  func badWeights() throws {
    let name = "model.layers.1.self_attn.k_proj.weight"
    #expect(
      try complaint { try weights($0) { $0[name] = nil } }
        == "model.safetensors, \(name): found no such tensor, expected a tensor of shape [12, 24]")
    #expect(
      try complaint { try weights($0) { $0[name] = .zeros([24, 12]) } }
        .contains("\(name): found shape [24, 12], expected [12, 24], as config.json says"))
    #expect(
      try complaint { try weights($0) { $0["model.layers.0.extra"] = .zeros([2]) } }
        .contains("model.layers.0.extra: found 1 tensors that the llama shape does not have"))
    #expect(
      try complaint {
        try weights($0) { $0[name] = $0[name]!.replacing(axis: 0, 3..<4, with: .full([1, 24], .nan)) }
      }
      .contains("\(name): found NaN or infinite entries"))
    #expect(
      try complaint { folder in
        try FileManager.default.moveItem(
          at: folder.appendingPathComponent("model.safetensors"),
          to: folder.appendingPathComponent("pytorch_model.bin"))
      }.contains("pytorch_model.bin, a pickle, which is not opened, expected model.safetensors"))
  }

  @Test("a shard that is missing is named")
  func missingShard() throws {
    let fixture = try ModelFixture("llama")
    try withTemporaryFolder { folder in
      try fixture.model.write(to: folder, shardSize: 10_000)
      let second = try #require(
        FileManager.default.contentsOfDirectory(atPath: folder.path).first { $0.hasPrefix("model-00002-of-") }
      )
      try FileManager.default.removeItem(at: folder.appendingPathComponent(second))
      do {
        _ = try Transformer(folder: folder)
        Issue.record("no error")
      } catch {
        #expect("\(error)".contains("model.safetensors.index.json, weight_map."))
        #expect("\(error)".contains("no file \(second) in the folder"))
      }
    }
  }

  @Test("files of the body alone, and with masks that are made anew, are read")
  func bodies() throws {
    let fixture = try ModelFixture("gpt2")
    try withTemporaryFolder { parent in
      let folder = parent.appendingPathComponent("model")
      try FileManager.default.copyItem(at: fixture.folder, to: folder)
      try weights(folder) { tensors in
        tensors = Dictionary(
          uniqueKeysWithValues: tensors.map {
            ($0.key.replacingOccurrences(of: "transformer.", with: ""), $0.value)
          })
        tensors["h.0.attn.bias"] = .ones([1, 1, 64, 64])
      }
      let read = try Transformer(folder: folder)
      #expect(largestDifference(withoutGradient { read.logits(fixture.tokens) }, fixture.logits) < 1e-4)
    }
  }

  @Test(
    "weights in half precision keep their values and give nearly the same logits",
    arguments: [DType.bfloat16, .float16])
  func halfPrecision(dtype: DType) throws {
    let fixture = try ModelFixture("llama")
    try withTemporaryFolder { folder in
      fixture.model.move(to: dtype)
      try fixture.model.write(to: folder)
      let (same, single) = (try Transformer(folder: folder, dtype: dtype), try Transformer(folder: folder))
      for (a, b) in zip(fixture.model.namedParameters, same.namedParameters) {
        #expect(a.value.value.isEqual(to: b.value.value), "\(a.name)")
      }
      let low = withoutGradient { same.logits(fixture.tokens) }.to(.float)
      let high = withoutGradient { single.logits(fixture.tokens) }
      let size = high.square().mean().sqrt().item()
      #expect((low - high).square().mean().sqrt().item() < (dtype == .bfloat16 ? 0.05 : 0.01) * size)
    }
  }
}

@Suite("JSON lines of texts")
struct TextRecordTests {
  private func read(_ text: String, _ keys: TextKeys = TextKeys()) throws -> Result<
    [TextRecord], LanguageError
  > {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("data.jsonl")
      try Data(text.utf8).write(to: url)
      return Result { () throws(LanguageError) in try TextRecord.read(url, keys: keys) }
    }
  }

  private func complaint(_ text: String) throws -> String {
    if case .failure(let error) = try read(text) { "\(error)" } else { "" }
  }

  @Test("prompts with one or several responses, and plain texts, are read with their lines")
  func records() throws {
    let text = """
      {"prompt": "a", "response": "b", "more": [1.5, null]}

      {"prompt": "", "response": ["c", "d\\u00e9"]}\r
      {"text": "e"}
      """
    let found = try read(text).get()
    #expect(found.map(\.line) == [1, 3, 4])
    #expect(found.map(\.prompt) == ["a", "", ""])
    #expect(found.map(\.responses) == [["b"], ["c", "dé"], ["e"]])
  }

  @Test("what is broken is told with its line")
  func broken() throws {
    #expect(try complaint("{\"text\": \"a\"}\n{\"text\": ").contains("data.jsonl:2: found the end at byte 9"))
    #expect(try complaint("[1]").contains("data.jsonl:1: found no JSON object"))
    #expect(
      try complaint("{\"prompt\": \"a\"}").contains(
        "data.jsonl:1: found the keys prompt, expected \"response\""))
    #expect(
      try complaint("{\"other\": 1}").contains(
        "expected \"prompt\" and \"response\", \"messages\", or \"text\""))
    #expect(try complaint("{\"prompt\": \"a\", \"response\": 3}").contains("\"response\" that is no string"))
    #expect(try complaint("{\"prompt\": 3, \"response\": \"a\"}").contains("\"prompt\" that is no string"))
    #expect(try complaint("{\"messages\": 3}").contains("data.jsonl:1: found \"messages\" that is no list"))
    #expect(
      try complaint("{\"messages\": [{\"content\": \"a\"}]}").contains(
        "data.jsonl:1, messages[0]: found a message without a role"))
    #expect(try complaint("\n \n").contains("found no lines"))
    #expect(try complaint("{\"text\": \"a\\ud800\"}").contains("data.jsonl:1"))
  }

  @Test("bytes that are no UTF-8 are told with their line")
  func encoding() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("data.jsonl")
      try (Data("{\"text\": \"a\"}\n{\"text\": \"".utf8) + Data([0xff]) + Data("\"}\n".utf8)).write(to: url)
      do throws(LanguageError) {
        _ = try TextRecord.read(url)
        Issue.record("no error")
      } catch { #expect(error.description.contains("data.jsonl:2: found bytes that are not UTF-8")) }
    }
  }
}
