import Foundation
import Language
import Testing
import Torch

@Suite("Low-rank adapters")
struct AdapterTests {
  static let names = ["llama3", "gpt2", "gpt_neox"]

  private func fixture(_ name: String) throws -> (
    ModelFixture, LowRankAdapter, tokens: Tensor, logits: Tensor
  ) {
    let fixture = try ModelFixture(name)
    let folder = fixture.folder.appendingPathComponent("adapter")
    let adapter = try LowRankAdapter(folder: folder, for: fixture.model)
    let file = try SafetensorsFile(contentsOf: folder.appendingPathComponent("reference.safetensors"))
    return (fixture, adapter, try file.tensor(named: "tokens"), try file.tensor(named: "logits"))
  }

  @Test("a PEFT folder gives the logits that peft gives; without it the model is as before", arguments: names)
  func parity(name: String) throws {
    let (fixture, adapter, tokens, logits) = try fixture(name)
    let plain = try ModelFixture(name).model
    withoutGradient {
      fixture.model.attach(adapter)
      #expect(largestDifference(fixture.model.logits(tokens), logits) < 1e-4)
      let reference = fixture.model.withAdapter(nil) { fixture.model.logits(fixture.tokens) }
      #expect(reference.isEqual(to: plain.logits(fixture.tokens)))
      #expect(largestDifference(fixture.model.logits(tokens), logits) < 1e-4)
      fixture.model.attach(nil)
      #expect(largestDifference(fixture.model.logits(tokens), logits) > 0.1)
    }
  }

  @Test("a merged adapter acts without being there", arguments: names)
  func merging(name: String) throws {
    let (fixture, adapter, tokens, logits) = try fixture(name)
    adapter.merge(into: fixture.model)
    #expect(largestDifference(withoutGradient { fixture.model.logits(tokens) }, logits) < 1e-4)
  }

  @Test("an adapter that is written is read back equal", arguments: names)
  func writing(name: String) throws {
    let (fixture, adapter, tokens, logits) = try fixture(name)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    try adapter.write(to: folder, base: name, configuration: fixture.model.configuration)
    fixture.model.attach(try LowRankAdapter(folder: folder, for: fixture.model))
    #expect(largestDifference(withoutGradient { fixture.model.logits(tokens) }, logits) < 1e-4)
  }

  @Test("a fresh adapter changes nothing, and its gradients leave the model alone")
  func fresh() throws {
    let fixture = try ModelFixture("qwen2")
    var random = RandomSource(seed: 1)
    var options = LowRankOptions()
    options.targets = ["q_proj", "up_proj", "down_proj"]
    let adapter = try LowRankAdapter(for: fixture.model, options: options, using: &random)
    #expect(adapter.updates.count == 6)
    fixture.model.freeze()
    fixture.model.attach(adapter)
    let logits = fixture.model.logits(fixture.tokens)
    #expect(largestDifference(logits.detach(), fixture.logits) < 1e-4)
    #expect(fixture.model.trainableParameterCount == 0)
    let found = gradients(
      of: [logits.square().mean()], withRespectTo: adapter.trainableParameters.map(\.value))
    // B is 0, so A has no gradient yet and B has.
    for (i, gradient) in found.enumerated() { #expect((gradient.abs().max().item() > 0) == (i % 2 == 1)) }
  }

  @Test("a target that the model does not have is refused with those that it has")
  func targets() throws {
    let fixture = try ModelFixture("llama")
    var random = RandomSource(seed: 1)
    var options = LowRankOptions()
    options.targets = ["c_attn"]
    do {
      _ = try LowRankAdapter(for: fixture.model, options: options, using: &random)
      Issue.record("no error")
    } catch {
      #expect(
        "\(error)".contains("\"c_attn\", expected some of down_proj, gate_proj, k_proj, o_proj, q_proj"))
    }
    do {
      _ = try LowRankAdapter(
        folder: modelFixtures.appendingPathComponent("gpt2/adapter"), for: fixture.model)
      Issue.record("no error")
    } catch { #expect("\(error)".contains("adapter_model.safetensors, base_model.model.transformer.h.0")) }
  }
}
