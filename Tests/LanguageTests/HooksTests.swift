import Foundation
import Language
import Testing
import Torch

@Suite("Hooks")
struct HooksTests {
  @Test(
    "attention taken step by step gives the same logits, with and without a cache",
    arguments: ModelFixture.names)
  func patterns(name: String) throws {
    let fixture = try ModelFixture(name)
    guard name != "llama_dynamic" else { return }
    withoutGradient {
      var hooks = Hooks()
      var seen: [Tensor] = []
      for layer in 0..<2 { hooks.read(.pattern, layer: layer) { x, _ in seen.append(x) } }
      fixture.model.withHooks(hooks) {
        #expect(largestDifference(fixture.model.logits(fixture.tokens), fixture.logits) < 1e-4)
        let cache = fixture.model.makeCache(batch: 3)
        let parts = [(0, 6), (6, 7), (7, 20)].map { start, end in
          fixture.model.logits(
            fixture.tokens.slice(axis: 1, start: start, end: end), cache: cache, lastOnly: false)
        }
        #expect(largestDifference(.concatenate(parts, axis: 1), fixture.logits) < 1e-4)
      }
      #expect(seen[0].shape == [3, 4, 20, 20] && seen.last!.shape == [3, 4, 13, 20])
      #expect(seen.allSatisfy { largestDifference($0.sum(-1), .ones(Array($0.shape.dropLast()))) < 1e-5 })
      let outside = fixture.model.logits(fixture.tokens)
      #expect(seen.count == 8 && largestDifference(outside, fixture.logits) < 1e-4)
    }
  }

  @Test(
    "a head that is ablated is the head taken out of the weights",
    arguments: ["gpt2", "gpt_neox", "llama", "qwen3"])
  func heads(name: String) throws {
    let (fixture, other) = (try ModelFixture(name), try ModelFixture(name))
    other.model.scaleHead(2, layer: 1, by: 0)
    other.model.scaleHead(0, layer: 0, by: 0.5)
    var hooks = Hooks()
    hooks.scale(head: 2, layer: 1, by: 0)
    hooks.scale(head: 0, layer: 0, by: 0.5)
    withoutGradient {
      let found = fixture.model.withHooks(hooks) { fixture.model.logits(fixture.tokens) }
      #expect(largestDifference(found, other.model.logits(fixture.tokens)) < 1e-5)
      #expect(largestDifference(found, fixture.logits) > 0.1)
    }
    // The same in generation, where texts are read token by token.
    let prompt = Array(fixture.tokens[0].integers.prefix(5))
    var options = GenerationOptions()
    (options.temperature, options.maximumTokens) = (0, 10)
    let hooked = try fixture.model.withHooks(hooks) {
      try fixture.model.generate([prompt], options: options, random: RandomSource(seed: 0))
    }
    let edited = try other.model.generate([prompt], options: options, random: RandomSource(seed: 0))
    #expect(hooked[0][0].tokens == edited[0][0].tokens)
  }

  @Test("a head is scaled at some slots only")
  func slots() throws {
    let fixture = try ModelFixture("llama")
    var hooks = Hooks()
    hooks.scale(head: 1, layer: 0, by: 0, slots: 9..<12)
    withoutGradient {
      let found = fixture.model.withHooks(hooks) { fixture.model.logits(fixture.tokens) }
      func difference(_ slots: Range<Int>) -> Double {
        largestDifference(
          found.slice(axis: 1, start: slots.lowerBound, end: slots.upperBound),
          fixture.logits.slice(axis: 1, start: slots.lowerBound, end: slots.upperBound))
      }
      #expect(difference(0..<9) < 1e-4 && difference(9..<12) > 1e-2)
    }
  }

  @Test("in scoring, slots are those of every text alone, whatever it shares with others")
  func scoring() throws {
    let fixture = try ModelFixture("llama")
    var hooks = Hooks()
    hooks.scale(head: 1, layer: 0, by: 0, slots: 3..<5)
    hooks.scale(head: 0, layer: 1, by: 0, slots: 1..<2)
    let rows = (0..<3).map { Array(fixture.tokens[$0].integers) }
    let items = [
      ScoringItem(
        prompt: Array(rows[1].prefix(4)), continuations: [[5, 6, 7], [8, 9], Array(rows[1][4...])]),
      ScoringItem(prompt: Array(rows[1].prefix(4)) + [2], continuations: [[3, 3]]),
      ScoringItem(prompt: [rows[0][0]], continuations: [Array(rows[0][1...])]),
    ]
    let together = try fixture.model.withHooks(hooks) { try fixture.model.score(items) }
    for (item, scores) in zip(items, together) {
      for (continuation, score) in zip(item.continuations, scores) {
        let text = Tensor(item.prompt + continuation).unsqueeze(0)
        let logs = withoutGradient {
          fixture.model.withHooks(hooks) { fixture.model.logits(text)[0].logSoftmax(-1) }
        }
        let expected = continuation.indices.map { logs[item.prompt.count - 1 + $0, continuation[$0]].item() }
        #expect(zip(score.tokenLogProbabilities, expected).allSatisfy { abs($0 - $1) < 1e-4 })
      }
    }
  }

  @Test("a stream that is put back from another text makes the rest of the model give its logits")
  func replacing() throws {
    let fixture = try ModelFixture("qwen2")
    withoutGradient {
      var stream: Tensor?
      var reading = Hooks()
      reading.read(.streamAfter, layer: 1) { x, _ in stream = x }
      _ = fixture.model.withHooks(reading) { fixture.model.logits(fixture.tokens) }
      // Row 0 gets what row 2 had at slot 7 after the last block, where nothing mixes slots any more.
      var hooks = Hooks()
      hooks.replaceStream(afterLayer: 1, slot: 7, with: stream![2, 7])
      let found = fixture.model.withHooks(hooks) {
        fixture.model.logits(fixture.tokens.slice(axis: 0, start: 0, end: 1))
      }
      #expect(largestDifference(found[0, 7], fixture.logits[2, 7]) < 1e-4)
      #expect(largestDifference(found[0, 8], fixture.logits[0, 8]) < 1e-4)
    }
  }

  @Test("gradients with respect to what is read are those of finite differences")
  func embeddings() throws {
    let fixture = try ModelFixture("gpt2")
    fixture.model.move(to: .double)
    let embedded = fixture.model.embedding(fixture.tokens[0].slice(axis: 0, start: 0, end: 5).unsqueeze(0))
      .detach()
    func value(_ x: Tensor) -> Tensor {
      fixture.model.hiddenStates(embedded: x).linear(weight: fixture.model.outputTable).logSoftmax(-1)[
        0, 4, 7]
    }
    let (_, gradient) = valueAndGradient(of: value, at: embedded)
    let direction = (embedded * 3).sin()
    let difference = withoutGradient {
      (value(embedded + 1e-6 * direction).item() - value(embedded - 1e-6 * direction).item()) / 2e-6
    }
    #expect(abs((gradient * direction).sum().item() - difference) < 1e-7)
  }
}
