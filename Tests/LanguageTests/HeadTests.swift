import Foundation
import Language
import Testing
import Torch

@Suite("Heads on hidden states")
struct HeadTests {
  private func folder(_ name: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "Fixtures/models/\(name)")
  }

  @Test(
    "a classifier's folder gives the scores that transformers gives, and is written and read back",
    arguments: ["llama_classifier", "gpt2_classifier"])
  func classifier(name: String) throws {
    let folder = folder(name)
    let classifier = try TextClassifier(folder: folder)
    #expect(classifier.labels == (name.hasPrefix("llama") ? ["bad", "fair", "good"] : ["LABEL_0"]))
    let file = try SafetensorsFile(contentsOf: folder.appendingPathComponent("reference.safetensors"))
    let expected = try file.tensor(named: "scores")
    let rows = try file.tensor(named: "tokens")
    let texts = (0..<3).map { rows[$0].integers }
    let found = withoutGradient { classifier.scores(of: texts) }
    #expect(largestDifference(found, expected) < 1e-4)
    // Texts that share beginnings, in any order, and every token of them.
    let mixed = [texts[2], Array(texts[0].prefix(5)), texts[0], Array(texts[2].prefix(1))]
    let every = withoutGradient { classifier.scoresAtEveryToken(of: mixed) }
    let alone = withoutGradient { Tensor.concatenate(mixed.map { classifier.scoresAtEveryToken(of: [$0]) }) }
    #expect(largestDifference(every, alone) < 1e-4)
    #expect(largestDifference(every[11], expected[2]) < 1e-4)

    let copy = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: copy) }
    try classifier.write(to: copy)
    let again = try TextClassifier(folder: copy)
    #expect(again.labels == classifier.labels)
    #expect(withoutGradient { again.scores(of: texts) }.isEqual(to: found))
  }

  @Test("a scalar head learns a reward through the transformer's own weights")
  func scalar() throws {
    let fixture = try ModelFixture("llama")
    let classifier = TextClassifier(fixture.model, labels: ["reward"])
    let texts = [[1, 2, 3], [1, 2, 4], [5, 6]]
    let scores = classifier.scores(of: texts)
    #expect(scores.shape == [3, 1])
    let slopes = gradients(of: [scores.sum()], withRespectTo: [classifier.head.weight.value])
    let states = withoutGradient {
      texts.map { fixture.model.hiddenStates(Tensor($0).unsqueeze(0))[0, $0.count - 1] }
    }
    #expect(largestDifference(slopes[0][0], states[0] + states[1] + states[2]) < 1e-4)
  }

  @Test("heads further ahead begin as the model's own, and learn what comes after next")
  func future() throws {
    let fixture = try ModelFixture("llama")
    let model = fixture.model
    let hidden = withoutGradient { model.hiddenStates(fixture.tokens) }
    let heads = FutureTokenHeads(for: model, count: 2)
    let states = heads(hidden)
    #expect(states.shape == [2] + hidden.shape)
    #expect(states[0].detach().isEqual(to: hidden))
    let loss = heads.loss(hidden, tokens: fixture.tokens, table: model.outputTable)
    let logs = withoutGradient { hidden.linear(weight: model.outputTable).logSoftmax(-1) }
    var expected = 0.0
    for k in 0..<2 {
      var terms: [Double] = []
      for row in 0..<3 {
        for place in 0..<20 - k - 2 {
          terms.append(-logs[row, place, fixture.tokens[row, place + k + 2].integer()].item())
        }
      }
      expected += terms.reduce(0, +) / Double(terms.count) / 2
    }
    #expect(abs(loss.item() - expected) < 1e-4)
    let parameters = heads.trainableParameters.map(\.value)
    #expect(gradients(of: [loss], withRespectTo: parameters).allSatisfy { $0.abs().max().item() > 0 })
  }

  @Test("attention in both directions sees what follows, within a text of a row only")
  func bidirectional() throws {
    var configuration = TransformerConfiguration.llama(
      vocabularySize: 20, width: 16, layers: 2, heads: 2, contextLength: 32)
    configuration.isBidirectional = true
    var random = RandomSource(seed: 5)
    let model = try Transformer(configuration, using: &random)
    withoutGradient {
      let (a, b) = (Tensor([1, 2, 3, 4]), Tensor([5, 6, 7]))
      let alone = Tensor.concatenate([a, b].map { model.hiddenStates($0.unsqueeze(0))[0] })
      let together = model.hiddenStates(
        Tensor.concatenate([a, b]).unsqueeze(0), reach: Tensor([4, 4, 4, 4, 7, 7, 7]).unsqueeze(0),
        positions: Tensor([0, 1, 2, 3, 0, 1, 2]).unsqueeze(0))
      #expect(largestDifference(together[0], alone) < 1e-5)
      let changed = model.hiddenStates(Tensor([1, 2, 3, 9]).unsqueeze(0))[0]
      #expect(largestDifference(changed[0], alone[0]) > 1e-4)
    }
  }
}
