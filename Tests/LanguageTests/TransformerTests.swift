import Foundation
import Language
import Testing
import Torch

let modelFixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .appendingPathComponent("Fixtures/models")

/// A stored model with what `transformers` says of it; see Fixtures/make.py.
struct ModelFixture {
  let folder: URL
  let model: Transformer
  let tokens: Tensor
  let logits: Tensor
  let greedy: Tensor

  static let names = [
    "gpt2", "gpt_neox", "gpt_neox_serial", "llama", "llama3", "llama_yarn", "llama_dynamic", "mistral",
    "qwen2", "qwen2_window", "qwen3",
  ]

  init(_ name: String) throws {
    folder = modelFixtures.appendingPathComponent(name)
    model = try Transformer(folder: folder)
    let file = try SafetensorsFile(contentsOf: folder.appendingPathComponent("reference.safetensors"))
    tokens = try file.tensor(named: "tokens")
    logits = try file.tensor(named: "logits")
    greedy = try file.tensor(named: "greedy")
  }
}

func largestDifference(_ a: Tensor, _ b: Tensor) -> Double {
  a.shape == b.shape ? (a.to(.double) - b.to(.double)).abs().max().item() : .infinity
}

@Suite("Transformers")
struct TransformerTests {
  @Test("logits are those of transformers", arguments: ModelFixture.names)
  func logits(name: String) throws {
    let fixture = try ModelFixture(name)
    let found = withoutGradient { fixture.model.logits(fixture.tokens) }
    #expect(largestDifference(found, fixture.logits) < 1e-4)
  }

  @Test("a cache changes nothing, token by token or in pieces", arguments: ModelFixture.names)
  func cache(name: String) throws {
    let fixture = try ModelFixture(name)
    // Angles that depend on the text's length differ between a text and its beginning.
    guard name != "llama_dynamic" else { return }
    withoutGradient {
      for pieces in [Array(repeating: 1, count: 20), [7, 1, 5, 7]] {
        let cache = fixture.model.makeCache(batch: 3)
        var start = 0
        let parts = pieces.map { size -> Tensor in
          defer { start += size }
          return fixture.model.logits(
            fixture.tokens.slice(axis: 1, start: start, end: start + size), cache: cache, lastOnly: false)
        }
        #expect(largestDifference(.concatenate(parts, axis: 1), fixture.logits) < 1e-4)
        #expect(cache.length == 20)
      }
    }
  }

  @Test(
    "rows of different lengths, padded on the left, have the logits they have alone",
    arguments: ModelFixture.names)
  func padding(name: String) throws {
    let fixture = try ModelFixture(name)
    guard name != "llama_dynamic" else { return }
    withoutGradient {
      let padding = [0, 3, 7]
      // The rows are the same text's beginning, moved to the right.
      let rows = padding.enumerated().map { row, pad in
        Tensor.concatenate([
          .zeros([pad], dtype: .int64), fixture.tokens[row].slice(axis: 0, start: 0, end: 12 - pad),
        ])
      }
      let cache = fixture.model.makeCache(batch: 3)
      cache.pad(padding)
      let first = fixture.model.logits(.stack(rows), cache: cache, lastOnly: false)
      let next = Tensor.stack(padding.enumerated().map { fixture.tokens[$0, 12 - $1] }).unsqueeze(1)
      let second = fixture.model.logits(next, cache: cache, lastOnly: true)
      for (row, pad) in padding.enumerated() {
        #expect(
          largestDifference(
            first[row].slice(axis: 0, start: pad), fixture.logits[row].slice(axis: 0, start: 0, end: 12 - pad)
          )
            < 1e-4)
        #expect(largestDifference(second[row, 0], fixture.logits[row, 12 - pad]) < 1e-4)
      }
    }
  }

  @Test(
    "a common beginning is computed once, and texts of different lengths go on from it",
    arguments: ModelFixture.names)
  func sharedBeginning(name: String) throws {
    let fixture = try ModelFixture(name)
    guard name != "llama_dynamic" else { return }
    withoutGradient {
      let row = fixture.tokens[1].unsqueeze(0)
      let one = fixture.model.makeCache(batch: 1)
      _ = fixture.model.logits(row.slice(axis: 1, start: 0, end: 8), cache: one, lastOnly: true)
      let cache = one.fork(rows: [0, 0])
      cache.pad([0, 4])
      // The second row goes on with five tokens, the first with nine.
      let rest = Tensor.stack([
        row[0].slice(axis: 0, start: 8, end: 17),
        Tensor.concatenate([.zeros([4], dtype: .int64), row[0].slice(axis: 0, start: 8, end: 13)]),
      ])
      let found = fixture.model.logits(rest, cache: cache, lastOnly: false)
      #expect(largestDifference(found[0], fixture.logits[1].slice(axis: 0, start: 8, end: 17)) < 1e-4)
      #expect(
        largestDifference(
          found[1].slice(axis: 0, start: 4), fixture.logits[1].slice(axis: 0, start: 8, end: 13))
          < 1e-4)
      let next = fixture.model.logits(
        Tensor.stack([row[0, 17], row[0, 13]]).unsqueeze(1), cache: cache, lastOnly: true)
      #expect(largestDifference(next[0, 0], fixture.logits[1, 17]) < 1e-4)
      #expect(largestDifference(next[1, 0], fixture.logits[1, 13]) < 1e-4)
    }
  }

  @Test("a cache is cropped and forked")
  func forks() throws {
    let fixture = try ModelFixture("qwen3")
    withoutGradient {
      let cache = fixture.model.makeCache(batch: 3)
      _ = fixture.model.logits(fixture.tokens, cache: cache, lastOnly: true)
      cache.crop(to: 8)
      let fork = cache.fork(rows: [2, 0])
      let rest = Tensor.stack([fixture.tokens[2], fixture.tokens[0]]).slice(axis: 1, start: 8)
      let found = fixture.model.logits(rest, cache: fork, lastOnly: false)
      let expected = Tensor.stack([fixture.logits[2], fixture.logits[0]]).slice(axis: 1, start: 8)
      #expect(largestDifference(found, expected) < 1e-4)
      // The original goes on by itself.
      let own = fixture.model.logits(fixture.tokens.slice(axis: 1, start: 8), cache: cache, lastOnly: false)
      #expect(largestDifference(own, fixture.logits.slice(axis: 1, start: 8)) < 1e-4)
    }
  }

  @Test(
    "documents packed into a row do not see each other", arguments: ["gpt2", "gpt_neox", "llama", "mistral"])
  func documents(name: String) throws {
    let fixture = try ModelFixture(name)
    let row = Tensor.concatenate([
      fixture.tokens[0].slice(axis: 0, start: 0, end: 9), fixture.tokens[1].slice(axis: 0, start: 0, end: 11),
    ]).unsqueeze(0)
    let reach = Tensor(Array(repeating: 9, count: 9) + Array(repeating: 20, count: 11)).unsqueeze(0)
    let positions = Tensor.concatenate([.range(to: 9), .range(to: 11)]).unsqueeze(0)
    let found = withoutGradient {
      fixture.model.hiddenStates(row, reach: reach, positions: positions)
        .linear(weight: fixture.model.outputTable)
    }
    let expected = Tensor.concatenate([
      fixture.logits[0].slice(axis: 0, start: 0, end: 9), fixture.logits[1].slice(axis: 0, start: 0, end: 11),
    ])
    #expect(largestDifference(found[0], expected) < 1e-4)
  }

  @Test("a folder that is written has the same logits when read", arguments: ModelFixture.names)
  func writing(name: String) throws {
    let fixture = try ModelFixture(name)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    // Small enough that weights are spread over several files.
    try fixture.model.write(to: folder, shardSize: 20_000)
    #expect(
      FileManager.default.fileExists(
        atPath: folder.appendingPathComponent("model.safetensors.index.json").path))
    let read = try Transformer(folder: folder)
    #expect(read.configuration == fixture.model.configuration)
    #expect(
      withoutGradient { read.logits(fixture.tokens) }.isEqual(
        to: withoutGradient { fixture.model.logits(fixture.tokens) }))
  }

  @Test("gradients of a block with closed derivatives are those of finite differences")
  func gradients() throws {
    for name in ["llama", "gpt2", "qwen3"] {
      let fixture = try ModelFixture(name)
      fixture.model.move(to: .double)
      let target = Tensor([3, 7, 9])
      func loss() -> Tensor {
        let hidden = fixture.model.hiddenStates(fixture.tokens.slice(axis: 1, start: 0, end: 6))
        let logits = hidden[.all, -1].linear(weight: fixture.model.outputTable)
        return logits.crossEntropy(target)
      }
      let parameters = fixture.model.namedParameters
      let found = Torch.gradients(of: [loss()], withRespectTo: parameters.map(\.value.value))
      for (i, (name, parameter)) in parameters.enumerated() where i % 3 == 0 {
        let value = parameter.snapshot()
        let direction = Tensor.ones(like: value) * 0.5 + value
        let step = 1e-6
        parameter.assign(value + step * direction)
        let above = withoutGradient { loss() }.item()
        parameter.assign(value - step * direction)
        let below = withoutGradient { loss() }.item()
        parameter.assign(value)
        let expected = (above - below) / (2 * step)
        let slope = (found[i] * direction).sum().item()
        #expect(abs(slope - expected) < 1e-6 + 1e-5 * abs(expected), "\(name)")
      }
    }
  }
}
