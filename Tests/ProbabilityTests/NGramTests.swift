import Foundation
import Probability
import Testing
import Torch

@Suite("n-grams") struct NGramTests {
  // a b a a c b a
  private let text = Tensor([Int64(0), 1, 0, 0, 2, 1, 0])

  private func probability(_ model: NGramModel, _ symbols: Int...) -> Double {
    exp(model.logProbabilities(of: Tensor(symbols.map { Int64($0) }, shape: [1, symbols.count])).item())
  }

  @Test("counts and smoothing by hand")
  func byHand() throws {
    let one = try NGramModel(order: 1, counting: text, symbols: 3)
    #expect(abs(probability(one, 0) - 4 / 7) < 1e-15 && abs(probability(one, 2) - 1 / 7) < 1e-15)
    // Pairs: ab ba aa ac cb ba.
    let two = try NGramModel(order: 2, counting: text, symbols: 3)
    #expect(abs(probability(two, 0, 1) - (1 + 2 / 7) / 4) < 1e-15)
    #expect(abs(probability(two, 1, 0) - (2 + 4 / 7) / 3) < 1e-15)
    #expect(abs(probability(two, 2, 2) - (0 + 1 / 7) / 2) < 1e-15)
    // Triples: aba baa aac acb cba.
    let three = try NGramModel(order: 3, counting: text, symbols: 3)
    let afterA = (1 + 4 / 7) / 4.0
    #expect(abs(probability(three, 1, 0, 0) - (1 + 5 * afterA) / 6) < 1e-15)
    // A context that never occurred knows what the shorter one knows.
    #expect(abs(probability(three, 2, 2, 0) - probability(two, 2, 0)) < 1e-15)
    for model in [one, two, three] {
      #expect((model.logProbabilities.exp().sum(-1) - 1).abs().max().item() < 1e-15)
    }
  }

  @Test("without smoothing, contexts that never occurred fall back instead of giving NaN")
  func unsmoothed() throws {
    let two = try NGramModel(order: 2, counting: Tensor([Int64(0), 1]), symbols: 3, smoothing: [0])
    #expect(probability(two, 0, 1) == 1 && abs(probability(two, 2, 1) - 0.5) < 1e-15)
    #expect(probability(two, 0, 0) == 0)
    let uniform = try NGramModel(order: 1, counting: text, symbols: 4, smoothing: [1])
    #expect(abs(probability(uniform, 3) - 0.25 / 8) < 1e-15)
  }

  @Test("the scores of a batch are those of its rows, and their mean in bits the cross-entropy")
  func scores() throws {
    let model = try NGramModel(order: 3, counting: text, symbols: 3)
    var random = RandomSource(seed: 1)
    let tokens = random.integers([5, 9], in: 0..<3)
    let found = model.logProbabilities(of: tokens)
    #expect(found.shape == [5, 7])
    let rows = tokens.integers
    for row in 0..<5 {
      for i in 2..<9 {
        let expected = log(
          probability(model, rows[9 * row + i - 2], rows[9 * row + i - 1], rows[9 * row + i]))
        #expect(abs(found[row, i - 2].item() - expected) < 1e-14)
      }
    }
    #expect((model.meanLogProbability(of: tokens) - found.mean(1)).abs().max().item() == 0)
    let bits = -model.meanLogProbability(of: tokens[0..<1]).item() / log(2)
    #expect(abs(model.crossEntropy(of: tokens[0]) - bits) < 1e-14)
  }

  @Test("what cannot be counted is named")
  func faults() throws {
    func error(_ order: Int, _ tokens: Tensor, symbols: Int = 3, smoothing: [Double] = [0, 1]) -> NGramError?
    {
      #expect(throws: NGramError.self) {
        try NGramModel(order: order, counting: tokens, symbols: symbols, smoothing: smoothing)
      }
    }
    #expect(error(0, text) == .order(0))
    #expect(error(8, text) == .tooShort(found: 7, order: 8))
    #expect(error(2, Tensor([Int64(0), 1, 3, 0])) == .symbol(position: 2, found: 3, symbols: 3))
    #expect(error(2, Tensor([Int64(0), -1])) == .symbol(position: 1, found: -1, symbols: 3))
    #expect(error(4, text, symbols: 256) == .tooLarge(order: 4, symbols: 256))
    #expect(
      error(2, text, smoothing: [-1]) == .smoothing([-1]) && error(2, text, smoothing: []) == .smoothing([]))
    #expect("\(error(4, text, symbols: 256)!)".contains("take a smaller order"))
  }
}
