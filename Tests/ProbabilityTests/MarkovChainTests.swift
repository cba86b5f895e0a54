import Foundation
import Probability
import Testing
import Torch

@Suite("Markov chains") struct MarkovChainTests {
  private let chain = try! MarkovChain(
    initial: Tensor([0.5, 0.3, 0.2]),
    transition: Tensor(rows: [[0.6, 0.4, 0], [0.2, 0.2, 0.6], [0.45, 0.1, 0.45]]))

  /// All sequences of a length over three symbols, `[3^length, length]`.
  private func sequences(_ length: Int) -> Tensor {
    let count = Int(pow(3.0, Double(length)))
    let digits = (0..<count).flatMap { i in
      (0..<length).map { Int64(i / Int(pow(3.0, Double(length - 1 - $0))) % 3) }
    }
    return Tensor(digits, shape: [count, length])
  }

  @Test("probabilities of all sequences sum to 1, and a forbidden step has none")
  func total() {
    for length in 1...5 {
      #expect(abs(chain.logProbability(sequences(length)).exp().sum().item() - 1) < 1e-14)
    }
    let found = chain.logProbability(Tensor(rows: [[Int64(0), 2, 1], [0, 1, 2]])).doubles
    #expect(found[0] == -.infinity && abs(found[1] - log(0.5 * 0.4 * 0.6)) < 1e-14)
  }

  @Test("draws have the frequencies of the chain")
  func sample() {
    var random = RandomSource(seed: 1)
    let drawn = chain.sample(60_000, length: 3, using: &random)
    #expect(drawn.shape == [60_000, 3] && drawn.dtype == .int64)
    let places = drawn.to(.double).matmul(Tensor([9.0, 3, 1])).to(.int64)
    let counts = places.binCount(minimumLength: 27).doubles
    for (count, p) in zip(counts, chain.logProbability(sequences(3)).exp().doubles) {
      #expect(abs(count - 60_000 * p) <= 5.5 * (60_000 * p * (1 - p)).squareRoot())
    }
    #expect(chain.sample(0, length: 3, using: &random).shape == [0, 3])
  }

  @Test("marginals given soft evidence are those of enumeration")
  func marginals() {
    var random = RandomSource(seed: 2)
    let evidence = random.uniform([4, 5, 3], low: 0.1, high: 2, dtype: .double)
    let all = sequences(5)
    let indicators = all.oneHot(3).to(.double)
    let likelihoods = (evidence.unsqueeze(1) * indicators.unsqueeze(0)).sum(3).product(2)
    let posterior = likelihoods * chain.logProbability(all).exp()
    let normalised = posterior / posterior.sum(1, keep: true)
    let expected = normalised.matmul(indicators.reshape(243, 15)).reshape(4, 5, 3)
    #expect((chain.marginals(given: evidence) - expected).abs().max().item() < 1e-14)
  }

  @Test("long sequences do not underflow")
  func long() {
    let found = chain.marginals(given: .full([1, 5000, 3], 1e-3, dtype: .double))
    #expect(found.isFinite().all().booleans == [true])
    #expect((found.sum(2) - 1).abs().max().item() < 1e-12)
  }

  @Test("the transfer matrix agrees with enumeration: normaliser and mean score", arguments: [3, 4, 6])
  func tilted(length: Int) {
    var random = RandomSource(seed: 3)
    let score = random.normal([3, 3, 3], dtype: .double)
    let all = sequences(length)
    let triples = (0..<length - 2).map { i in
      score[all[.all, i], all[.all, i + 1], all[.all, i + 2]]
    }
    let r = Tensor.stack(triples, axis: 1).mean(1)
    let weights = chain.logProbability(all)
    for strength in [0, 0.7, 5.0] {
      let logs = weights + strength * r
      let normaliser = logs.logSumExp(0).item()
      let mean = ((logs - normaliser).exp() * r).sum().item()
      let found = chain.tilted(byMeanOf: score, strength: strength, length: length)
      #expect(abs(found.logNormaliser - normaliser) < 1e-13 && abs(found.meanScore - mean) < 1e-13)
    }
  }

  @Test("what is no chain is named")
  func faults() {
    func error(_ initial: Tensor, _ transition: Tensor) -> String {
      "\(#expect(throws: ParameterError.self) { try MarkovChain(initial: initial, transition: transition) }!)"
    }
    let half = Tensor(rows: [[0.5, 0.5], [0.5, 0.5]])
    #expect(error(Tensor([0.5, 0.6]), half).contains("the sum of initial is 1.1"))
    #expect(error(Tensor([0.5, 0.5]), Tensor(rows: [[1.0, 0], [0.5, 0.4]])).contains("position [1]"))
    #expect(error(Tensor([1.5, -0.5]), half).contains("numbers in [0, 1]"))
    #expect(error(Tensor([0.5, .nan]), half).contains("nan"))
    #expect(error(Tensor([1.0]), half).contains("[1, 1]"))
    #expect(error(half, half).contains("[symbols]"))
  }
}
