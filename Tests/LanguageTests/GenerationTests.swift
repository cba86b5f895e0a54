import Foundation
import Language
import Testing
import Torch

/// Every token has the same law, whatever came before.
private struct ConstantModel: LanguageModel {
  let row: [Double]
  final class Cache: LanguageCache {
    var length = 0
    func pad(_ counts: [Int]) {}
    func crop(to length: Int) { self.length = length }
    func fork(rows: [Int]) -> Self { self }
  }
  var vocabularySize: Int { row.count }
  var contextLength: Int? { nil }
  func makeCache(batch: Int) -> Cache { Cache() }
  func logits(_ tokens: Tensor, cache: Cache, lastOnly: Bool) -> Tensor {
    cache.length += tokens.size(1)
    return Tensor(row).expand([tokens.size(0), lastOnly ? 1 : tokens.size(1), row.count])
  }
}

@Suite("Generation")
struct GenerationTests {
  private func options(_ change: (inout GenerationOptions) -> Void) -> GenerationOptions {
    var options = GenerationOptions()
    change(&options)
    return options
  }

  private func prompts(_ fixture: ModelFixture, _ count: Int) -> [[Int]] {
    (0..<3).map { Array(fixture.tokens[$0].integers.prefix(count)) }
  }

  @Test("greedy tokens are those of transformers", arguments: ModelFixture.names)
  func greedy(name: String) throws {
    let fixture = try ModelFixture(name)
    let options = options { ($0.temperature, $0.maximumTokens) = (0, 24) }
    let found = try fixture.model.generate(
      prompts(fixture, 5), options: options, random: RandomSource(seed: 0))
    let expected = fixture.greedy.integers
    #expect(found.flatMap { $0[0].tokens } == expected)
  }

  @Test(
    "prompts of different lengths have the responses they have alone",
    arguments: ["gpt2", "llama", "mistral", "qwen3"])
  func batches(name: String) throws {
    let fixture = try ModelFixture(name)
    let all = prompts(fixture, 12)
    // The second and fourth share a beginning.
    let ragged = [Array(all[0].prefix(3)), all[1], Array(all[2].prefix(7)), Array(all[1].prefix(9)), all[2]]
    for temperature in [0, 1.0] {
      let options = options { ($0.temperature, $0.maximumTokens, $0.statistics) = (temperature, 10, 2) }
      let random = RandomSource(seed: 4)
      let together = try fixture.model.generate(ragged, options: options, random: random)
      let alone = try fixture.model.generate(
        ragged,
        options: {
          var own = options; own.batch = 1; return own
        }(), random: random)
      for (a, b) in zip(together, alone) {
        #expect(a[0].tokens == b[0].tokens)
        #expect(zip(a[0].logProbabilities, b[0].logProbabilities).allSatisfy { abs($0 - $1) < 1e-4 })
      }
    }
  }

  @Test("prompts that all begin alike are read once and answered as alone")
  func sharedPrompts() throws {
    let fixture = try ModelFixture("llama3")
    let row = prompts(fixture, 12)[0]
    let options = options { ($0.temperature, $0.maximumTokens) = (0, 8) }
    let ragged = [row, Array(row.prefix(8)), Array(row.prefix(10)) + [3, 4, 5], row]
    let together = try fixture.model.generate(ragged, options: options, random: RandomSource(seed: 0))
    for (prompt, found) in zip(ragged, together) {
      let alone = try fixture.model.generate([prompt], options: options, random: RandomSource(seed: 0))
      #expect(found[0].tokens == alone[0][0].tokens)
    }
  }

  @Test("statistics are those of the model's own law")
  func statistics() throws {
    let fixture = try ModelFixture("qwen2")
    let prompt = prompts(fixture, 6)[1]
    let options = options {
      ($0.maximumTokens, $0.statistics, $0.temperature, $0.topK) = (9, 3, 0.7, 20)
      $0.repetitionPenalty = 1.3
    }
    let found = try fixture.model.generate([prompt], options: options, random: RandomSource(seed: 1))[0][0]
    let logits = withoutGradient { fixture.model.logits(Tensor(prompt + found.tokens).unsqueeze(0)) }
    let logs = logits[0].slice(axis: 0, start: 5, end: 14).logSoftmax(-1)
    let chosen = logs.gather(axis: 1, Tensor(found.tokens).unsqueeze(1)).squeeze(1)
    let entropies = -(logs.exp() * logs).sum(1)
    let (values, indices) = logs.top(3)
    #expect(largestDifference(Tensor(found.logProbabilities), chosen) < 1e-4)
    #expect(largestDifference(Tensor(found.entropies), entropies) < 1e-4)
    #expect(found.alternatives.flatMap { $0.map(\.token) } == indices.reshape(-1).integers)
    #expect(
      largestDifference(Tensor(found.alternatives.flatMap { $0.map(\.logProbability) }), values.reshape(-1))
        < 1e-4)
  }

  @Test("tokens are drawn from the law that the options leave")
  func laws() throws {
    let row = [2.0, 1.5, 1.0, 0.5, 0, -1, -3]
    let model = ConstantModel(row: row)
    func softmax(_ x: [Double]) -> [Double] {
      let e = x.map { exp($0) }
      return e.map { $0 / e.reduce(0, +) }
    }
    let p = softmax(row)
    func kept(_ places: [Int]) -> [Double] {
      let total = places.reduce(0) { $0 + p[$1] }
      return p.indices.map { places.contains($0) ? p[$0] / total : 0 }
    }
    let entropy = -p.reduce(0) { $0 + $1 * log($1) }
    let byTypicality = p.indices.sorted { abs(-log(p[$0]) - entropy) < abs(-log(p[$1]) - entropy) }
    var (typical, sum): ([Int], Double) = ([], 0)
    for place in byTypicality where sum < 0.6 {
      typical.append(place)
      sum += p[place]
    }
    let cases: [(String, GenerationOptions, [Double])] = [
      ("all", options { _ in }, p),
      ("temperature", options { $0.temperature = 0.5 }, softmax(row.map { $0 / 0.5 })),
      ("top-k", options { $0.topK = 3 }, kept([0, 1, 2])),
      // 0.40, 0.64, 0.79, 0.88: three tokens reach 0.75.
      ("top-p", options { $0.topP = 0.75 }, kept([0, 1, 2])),
      ("min-p", options { $0.minP = 0.3 }, kept(p.indices.filter { p[$0] >= 0.3 * p[0] })),
      ("typical", options { $0.typicalP = 0.6 }, kept(typical)),
      ("top-k, then top-p", options { ($0.topK, $0.topP) = (4, 0.7) }, kept([0, 1])),
    ]
    for (name, given, expected) in cases {
      var options = given
      (options.maximumTokens, options.samples, options.batch) = (250, 40, 40)
      let found = try model.generate([[0]], options: options, random: RandomSource(seed: 3))[0]
      let counts = found.flatMap(\.tokens).reduce(into: [Int](repeating: 0, count: 7)) { $0[$1] += 1 }
      let n = Double(counts.reduce(0, +))
      #expect(n == 10_000)
      for (count, q) in zip(counts, expected) {
        // Five standard deviations; a token that is left out must not come at all.
        #expect(abs(Double(count) - n * q) <= 5 * (n * q * (1 - q)).squareRoot(), "\(name)")
      }
    }
  }

  @Test("the repetition penalty acts on tokens of prompt and response")
  func penalty() throws {
    let model = ConstantModel(row: [3, 2, 1, -1])
    let options = options { ($0.temperature, $0.repetitionPenalty, $0.maximumTokens) = (0, 4, 4) }
    // The logit of 0, which is in the prompt, is 3/4; then that of 1 is 2/4, then that of 2 is 1/4.
    let found = try model.generate([[0]], options: options, random: RandomSource(seed: 0))[0][0]
    #expect(found.tokens == [1, 2, 0, 0])
  }

  @Test("a stop text ends a response across the borders of tokens")
  func stopTexts() throws {
    let model = ConstantModel(row: [0, 0, 0])
    let texts: [[UInt8]] = ["ab", "ca", "b"].map { Array($0.utf8) }
    let options = options { ($0.stopTexts, $0.maximumTokens, $0.samples) = (["bca"], 400, 20) }
    let found = try model.generate(
      [[0]], options: options, random: RandomSource(seed: 5), bytes: { texts[$0] })[0]
    for generation in found {
      let text = String(decoding: generation.tokens.flatMap { texts[$0] }, as: UTF8.self)
      #expect(generation.end == .stopText("bca"))
      #expect(text.hasSuffix("bca"))
      #expect(!text.dropLast().contains("bca"))
    }
  }

  @Test("a stop token is the last, and other rows go on without the one that ended")
  func stopTokens() throws {
    let fixture = try ModelFixture("llama")
    let options = options { ($0.maximumTokens, $0.samples) = (12, 6) }
    let free = try fixture.model.generate(
      prompts(fixture, 5), options: options, random: RandomSource(seed: 2))
    let stops: Set<Int> = [free[0][0].tokens[3], free[1][2].tokens[0], free[2][5].tokens[8]]
    let stopped = try fixture.model.generate(
      prompts(fixture, 5),
      options: {
        var own = options; own.stopTokens = stops; return own
      }(),
      random: RandomSource(seed: 2))
    for (a, b) in zip(free.joined(), stopped.joined()) {
      let end = a.tokens.firstIndex { stops.contains($0) }
      #expect(b.tokens == Array(a.tokens.prefix(end.map { $0 + 1 } ?? 12)))
      #expect(b.end == (end.map { .stopToken(a.tokens[$0]) } ?? .length))
    }
  }

  @Test("every token is told as it is drawn, and the context is an end")
  func callbackAndContext() throws {
    let fixture = try ModelFixture("gpt2")
    var told: [[Int]] = [[], [], []]
    let options = options { $0.maximumTokens = 100 }
    let found = try fixture.model.generate(
      prompts(fixture, 15), options: options, random: RandomSource(seed: 9),
      onToken: { prompt, _, token in told[prompt].append(token) })
    #expect(told == found.map { $0[0].tokens })
    #expect(found.allSatisfy { $0[0].end == .context && $0[0].tokens.count == 64 - 15 })
  }

  @Test("prompts and options that cannot be are refused by name")
  func badInput() throws {
    let fixture = try ModelFixture("gpt2")
    func text(_ prompts: [[Int]], _ options: GenerationOptions = GenerationOptions()) -> String {
      do {
        _ = try fixture.model.generate(prompts, options: options, random: RandomSource(seed: 0))
        return ""
      } catch { return "\(error)" }
    }
    #expect(text([[1], []]).contains("prompt 1: found no tokens"))
    #expect(text([[61]]).contains("prompt 0: found token 61, expected tokens 0 to 60"))
    #expect(
      text([Array(repeating: 1, count: 64)]).contains(
        "64 tokens, expected fewer than the model's 64 positions"))
    #expect(text([[1]], options { $0.topP = 0 }).contains("top-p: found 0.0, expected above 0, at most 1"))
    #expect(text([[1]], options { $0.temperature = -1 }).contains("temperature"))
    #expect(text([[1]], options { $0.stopTexts = ["x"] }).contains("stop texts: found no tokeniser"))
  }
}
