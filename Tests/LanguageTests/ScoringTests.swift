import Foundation
import Language
import Testing
import Torch

@Suite("Scoring")
struct ScoringTests {
  private func items(_ fixture: ModelFixture) -> [ScoringItem] {
    let rows = (0..<3).map { Array(fixture.tokens[$0].integers) }
    return [
      ScoringItem(
        prompt: Array(rows[0].prefix(7)), continuations: [Array(rows[0][7...]), [4], [], [9, 8, 7]]),
      ScoringItem(prompt: [rows[1][0]], continuations: [Array(rows[1][1...]), [1, 2]]),
      ScoringItem(prompt: Array(rows[2].prefix(15)), continuations: [Array(rows[2][15...])]),
    ]
  }

  /// By the logits of the whole text, as it stands alone.
  private func direct(_ model: Transformer, _ prompt: [Int], _ continuation: [Int]) -> [Double] {
    guard !continuation.isEmpty else { return [] }
    let logs = withoutGradient { model.logits(Tensor(prompt + continuation).unsqueeze(0)) }[0].logSoftmax(-1)
    return continuation.indices.map { logs[prompt.count - 1 + $0, continuation[$0]].item() }
  }

  @Test(
    "continuations of one prompt have the log-probabilities they have alone", arguments: ModelFixture.names)
  func branches(name: String) throws {
    let fixture = try ModelFixture(name)
    // Angles that depend on the text's length differ between a branch alone and among others.
    guard name != "llama_dynamic" else { return }
    let items = items(fixture)
    for tokensPerBatch in [1, 60, 8192] {
      let scores = try fixture.model.score(items, tokensPerBatch: tokensPerBatch)
      for (item, found) in zip(items, scores) {
        #expect(found.count == item.continuations.count)
        for (continuation, score) in zip(item.continuations, found) {
          let expected = direct(fixture.model, item.prompt, continuation)
          #expect(score.tokens == continuation.count)
          #expect(zip(score.tokenLogProbabilities, expected).allSatisfy { abs($0 - $1) < 1e-5 })
        }
      }
    }
  }

  @Test("where angles depend on a text's length, every text is scored by itself, however many there are")
  func dynamicAngles() throws {
    let fixture = try ModelFixture("llama_dynamic")
    let items = items(fixture)
    let scores = try fixture.model.score(items, hiddenStates: true)
    var all: [Double] = []
    for (item, found) in zip(items, scores) {
      for (continuation, score) in zip(item.continuations, found) where !continuation.isEmpty {
        // The last token is only predicted.
        let text = Tensor(item.prompt + continuation.dropLast()).unsqueeze(0)
        let logs = withoutGradient { fixture.model.logits(text)[0].logSoftmax(-1) }
        let expected = continuation.indices.map { logs[item.prompt.count - 1 + $0, continuation[$0]].item() }
        #expect(zip(score.tokenLogProbabilities, expected).allSatisfy { abs($0 - $1) < 1e-4 })
        #expect(score.hiddenStates?.shape == [continuation.count, 24])
        all += expected
      }
    }
    let tokens = withoutGradient { fixture.model.tokenLogProbabilities(of: items) }
    #expect(largestDifference(tokens, Tensor(all)) < 1e-4)
    let pair = PreferencePair(prompt: [1], chosen: [2], rejected: [3, 4])
    #expect(try fixture.model.similarities(of: [pair])[0].ches.isFinite)
  }

  @Test("an item with more continuations than a row takes is split")
  func manyContinuations() throws {
    let fixture = try ModelFixture("llama")
    var random = RandomSource(seed: 1)
    let continuations = (0..<60).map { _ in (0..<20).map { _ in random.integer(in: 0..<61) } }
    let item = ScoringItem(prompt: [5, 6, 7], continuations: continuations)
    let scores = try fixture.model.score([item])[0]
    for (continuation, score) in zip(continuations, scores) {
      let expected = direct(fixture.model, item.prompt, continuation).reduce(0, +)
      #expect(abs(score.logLikelihood - expected) < 1e-4)
    }
  }

  @Test("log-likelihoods are those of scoring, and their gradients those of the logits")
  func differentiable() throws {
    let fixture = try ModelFixture("llama")
    let items = items(fixture).map { item in
      ScoringItem(prompt: item.prompt, continuations: item.continuations.filter { !$0.isEmpty })
    }
    let weight = fixture.model.blocks[0].attention.queryKeyValue.weight.value
    let table = fixture.model.outputTable
    let coefficients = Tensor((0..<6).map { 0.3 - 0.2 * Float($0) })
    let found = fixture.model.logLikelihoods(of: items)
    let scores = try fixture.model.score(items).flatMap { $0.map(\.logLikelihood) }
    #expect(largestDifference(found.detach(), Tensor(scores)) < 1e-4)
    let slopes = gradients(of: [(found * coefficients).sum()], withRespectTo: [weight, table])
    var parts: [Tensor] = []
    for item in items {
      for continuation in item.continuations {
        let logs = fixture.model.logits(Tensor(item.prompt + continuation).unsqueeze(0))[0].logSoftmax(-1)
        let own = logs.slice(
          axis: 0, start: item.prompt.count - 1, end: item.prompt.count + continuation.count - 1)
        parts.append(own.gather(axis: 1, Tensor(continuation).unsqueeze(1)).sum())
      }
    }
    let expected = gradients(
      of: [(Tensor.stack(parts) * coefficients).sum()], withRespectTo: [weight, table])
    for i in 0..<2 { #expect(largestDifference(slopes[i], expected[i]) < 1e-3) }
  }

  @Test("hidden states are those that give the log-probabilities")
  func hiddenStates() throws {
    let fixture = try ModelFixture("qwen3")
    let item = items(fixture)[0]
    let score = try fixture.model.score([item], hiddenStates: true)[0][0]
    let logs = score.hiddenStates!.linear(weight: fixture.model.outputTable).logSoftmax(-1)
    let found = logs.gather(axis: 1, Tensor(item.continuations[0]).unsqueeze(1)).squeeze(1)
    #expect(largestDifference(found, Tensor(score.tokenLogProbabilities)) < 1e-5)
  }

  @Test("log-probabilities in pieces have the values and gradients of the whole softmax")
  func pieces() {
    var random = RandomSource(seed: 2)
    // Enough entries that rows come in pieces of 16.
    let hidden = random.normal([40, 6]).requiringGradient()
    let table = (0.3 * random.normal([300_000, 6])).requiringGradient()
    let targets = random.integers([40], in: 0..<300_000)
    let weights = random.normal([40])
    func whole() -> Tensor {
      hidden.matmul(table.transpose(0, 1)).logSoftmax(-1).gather(axis: 1, targets.unsqueeze(1)).squeeze(1)
    }
    let inputs = [hidden, table]
    let pieces = Tensor.tokenLogProbabilities(hidden: hidden, table: table, targets: targets)
    #expect(largestDifference(pieces, whole()) < 1e-5)
    let expected = gradients(of: [(whole() * weights).sum()], withRespectTo: inputs)
    let byToken = gradients(of: [(pieces * weights).sum()], withRespectTo: inputs)
    let total = Tensor.weightedLogLikelihood(hidden: hidden, table: table, targets: targets, weights: weights)
    #expect(abs(total.item() - (whole() * weights).sum().item()) < 1e-3)
    // Scaled, to see that what flows back from behind is used.
    let byWeight = gradients(of: [total * -2], withRespectTo: inputs)
    for i in 0..<2 {
      #expect(largestDifference(byToken[i], expected[i]) < 1e-5)
      #expect(largestDifference(byWeight[i], expected[i] * -2) < 1e-5)
    }
  }

  @Test("texts that cannot be scored are refused by name")
  func badInput() throws {
    let fixture = try ModelFixture("gpt2")
    func text(_ item: ScoringItem) -> String {
      do {
        _ = try fixture.model.score([item])
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      text(ScoringItem(prompt: [], continuations: [[1]])).contains("item 0: found a prompt of no tokens"))
    #expect(text(ScoringItem(prompt: [1], continuations: [[61]])).contains("token 61"))
    #expect(
      text(ScoringItem(prompt: [1], continuations: [[2], Array(repeating: 3, count: 64)]))
        .contains("65 tokens, expected at most the model's 64 positions"))
    #expect(fixture.model.fits(64) && !fixture.model.fits(65))
  }
}
