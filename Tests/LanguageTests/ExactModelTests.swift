import Foundation
import Language
import Probability
import Testing
import Torch

@Suite("Exact language models")
struct ExactModelTests {
  private let text = [0, 1, 2, 0, 1, 1, 2, 0, 0, 2, 1, 0, 1, 2, 2, 0, 1]

  /// S → A B | B S, A → a | A A, B → b | c.
  private func grammar() throws -> GrammarLaw {
    try GrammarLaw(
      symbols: 3, words: 3, branches: [.init(0, 1, 2, 0.6), .init(0, 2, 0, 0.4), .init(1, 1, 1, 0.3)],
      lexicon: [.init(1, 0, 0.7), .init(2, 1, 0.5), .init(2, 2, 0.5)])
  }

  private func chain() throws -> HiddenMarkovLaw {
    try HiddenMarkovLaw(
      initial: [0.7, 0.3], transitions: [[0.9, 0.1], [0.4, 0.6]],
      emissions: [[0.5, 0.5, 0], [0.1, 0.2, 0.7]])
  }

  @Test("conditionals sum to 1 along any text")
  func sums() throws {
    func check(_ law: some SequentialLaw, _ text: [Int]) {
      var state = law.start
      for token in text {
        #expect(abs(law.logProbabilities(in: state).reduce(0) { $0 + exp($1) } - 1) < 1e-12)
        state = law.state(after: token, in: state)
      }
    }
    check(try NGramLaw(order: 3, counting: text, symbols: 3), text)
    check(try NGramLaw(order: 2, counting: text, symbols: 3, adding: 0.5), text)
    check(try chain(), text)
    check(try grammar(), [2, 1, 0, 0, 1, 3, 3])
  }

  @Test("n-grams are the counts they should be")
  func counts() throws {
    let law = try NGramLaw(order: 2, counting: text, symbols: 3, adding: 1)
    // 0 is followed by 0 once, by 1 four times and by 2 once.
    let found = law.logProbabilities(in: [0]).map { exp($0) }
    #expect(zip(found, [2.0 / 9, 5.0 / 9, 2.0 / 9]).allSatisfy { abs($0 - $1) < 1e-12 })
    let interpolated = try NGramLaw(order: 3, counting: text, symbols: 3)
    let model = try NGramModel(order: 3, counting: Tensor(text), symbols: 3, smoothing: [1, 1, 5])
    #expect(interpolated.logProbabilities(in: [1, 2]) == model.logProbabilities[1, 2].doubles)
  }

  @Test("the chain's law is the sum over its hidden paths")
  func hiddenPaths() throws {
    let (initial, moves) = ([0.7, 0.3], [[0.9, 0.1], [0.4, 0.6]])
    let shows = [[0.5, 0.5, 0], [0.1, 0.2, 0.7]]
    let text = [0, 2, 1, 1, 0]
    var total = 0.0
    for path in 0..<32 {
      let states = (0..<5).map { path >> $0 & 1 }
      var p = initial[states[0]]
      for i in 0..<5 {
        p *= shows[states[i]][text[i]]
        if i < 4 { p *= moves[states[i]][states[i + 1]] }
      }
      total += p
    }
    #expect(abs(ExactLanguageModel(try chain()).logProbability(text) - log(total)) < 1e-12)
  }

  @Test("the grammar's texts have the probabilities of their trees")
  func trees() throws {
    let model = ExactLanguageModel(try grammar())
    // b* a+ (b or c): one B for every word before, and Catalan's number of trees over the a's.
    let catalan = [1.0, 1, 2, 5]
    for before in 0..<3 {
      for a in 1...4 {
        let text = Array(repeating: 1, count: before) + Array(repeating: 0, count: a) + [2]
        let runs = catalan[a - 1] * pow(0.7, Double(a)) * pow(0.3, Double(a - 1))
        let expected = pow(0.4 * 0.5, Double(before)) * 0.6 * runs * 0.5
        #expect(abs(model.logProbability(text + [3]) - log(expected)) < 1e-12)
      }
    }
    // No text ends without its last B.
    #expect(model.logProbability([0, 0, 3]) == -.infinity)
  }

  @Test("a cache that is padded, cropped and forked gives the same conditionals")
  func caches() throws {
    let model = ExactLanguageModel(try chain())
    let whole = model.logits(Tensor(rows: [[0, 1, 2, 1, 0], [1, 1, 0, 2, 2]]))
    let cache = model.makeCache(batch: 2)
    cache.pad([0, 2])
    _ = model.logits(Tensor(rows: [[0, 1, 2, 1], [0, 0, 1, 1]]), cache: cache, lastOnly: true)
    cache.crop(to: 3)
    let fork = cache.fork(rows: [1, 0])
    let next = model.logits(Tensor(rows: [[1], [1]]), cache: fork, lastOnly: true)
    #expect(largestDifference(next[0, 0], whole[1, 1]) < 1e-12)
    #expect(largestDifference(next[1, 0], whole[0, 3]) < 1e-12)
  }

  @Test("generation draws texts with their probabilities, and scoring finds them")
  func generation() throws {
    let model = ExactLanguageModel(try grammar())
    var options = GenerationOptions()
    (options.samples, options.batch, options.maximumTokens, options.stopTokens) = (4000, 500, 3, [3])
    // Every text that begins with a and has one a: a b or a c.
    let found = try model.generate([[0]], options: options, random: RandomSource(seed: 1))[0]
    let share = Double(found.filter { $0.tokens == [2, 3] }.count) / 4000
    let law = try grammar()
    let given = law.state(after: 0, in: law.start)
    let p = exp(law.logProbabilities(in: given)[2])
    #expect(abs(share - p) < 5 * (p * (1 - p) / 4000).squareRoot())
    let score = try model.score([ScoringItem(prompt: [0], continuations: [[2, 3]])])[0][0]
    #expect(abs(score.logLikelihood - log(p)) < 1e-12)
  }

  @Test("laws that are none are refused by place")
  func badInput() {
    #expect(throws: LanguageError.self) {
      try HiddenMarkovLaw(initial: [1], transitions: [[0.5]], emissions: [[1]])
    }
    #expect(throws: LanguageError.self) {
      try GrammarLaw(symbols: 1, words: 1, branches: [.init(0, 0, 0, 0.5)], lexicon: [])
    }
    #expect(throws: LanguageError.self) {
      try GrammarLaw(symbols: 1, words: 1, branches: [.init(0, 0, 0, 1)], lexicon: [])
    }
    #expect(throws: NGramError.self) { try NGramLaw(order: 2, counting: [0, 3], symbols: 3, adding: 1) }
  }
}
