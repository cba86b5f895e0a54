import Foundation
import Generative
import Probability
import Sampling
import Torch

/// A chain over three symbols and sequences of four, small enough to enumerate, with a reward that is a table.
struct TinyChain {
  static let length = 4
  let chain = try! MarkovChain(
    initial: Tensor([0.5, 0.3, 0.2]),
    transition: Tensor(rows: [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.45, 0.1, 0.45]]))

  var denoiser: MarkovChainDenoiser { MarkovChainDenoiser(chain, length: Self.length) }
  var sampler: MaskedSampler<MarkovChainDenoiser> { try! MaskedSampler(denoiser, unmasking: .randomOrder) }

  /// All 81 sequences, `[81, 4]`, in the order of ``place(of:)``.
  let sequences: Tensor = {
    Tensor((0..<81).flatMap(TinyChain.digits), shape: [81, 4])
  }()

  /// The sequence at a place.
  static func digits(_ place: Int) -> [Int] { [27, 9, 3, 1].map { place / $0 % 3 } }

  /// P of every sequence, by multiplying entries.
  var probabilities: [Double] {
    let (start, step) = (chain.initial.doubles, chain.transition.doubles)
    return (0..<81).map { i in
      let x = Self.digits(i)
      return start[x[0]] * step[3 * x[0] + x[1]] * step[3 * x[1] + x[2]] * step[3 * x[2] + x[3]]
    }
  }

  /// Where sequences `[n, 4]` stand among all, `[n]`.
  static func place(of tokens: Tensor) -> Tensor {
    tokens.to(.double).matmul(Tensor([27.0, 9, 3, 1])).to(.int64)
  }

  /// A reward without any structure, in [−1, 1].
  let table: Tensor = {
    var random = RandomSource(seed: 81)
    return random.uniform([81], low: -1, high: 1, dtype: .double)
  }()

  var reward: ClosureReward { ClosureReward { [table] in table.select(axis: 0, Self.place(of: $0)) } }

  /// E[exp(λ r) f] for f by sequence.
  func expectation(strength: Double, of f: [Double]? = nil) -> Double {
    let rewards = table.doubles
    return zip(probabilities, rewards).enumerated().reduce(0) {
      $0 + $1.element.0 * exp(strength * $1.element.1) * (f?[$1.offset] ?? 1)
    }
  }

  /// Whether every sequence agrees with what is seen, `[n, 81]`, for partly masked `[n, 4]`.
  func agreement(_ tokens: Tensor) -> Tensor {
    let seen = tokens.unsqueeze(1)
    return ((seen .== sequences.unsqueeze(0)) .| (seen .== 3)).all(2).to(.double)
  }

  /// (1/λ) log E[exp(λ r) | the symbols seen], by enumeration.
  func optimal(strength: Double) -> IntermediateReward {
    .value { [self] tokens, _ in
      let weights = agreement(tokens) * Tensor(probabilities)
      return (weights.matmul((strength * table).exp()) / weights.sum(1)).log() / strength
    }
  }
}

/// The probability that χ² with `cells` − 1 degrees of freedom exceeds what counts show against probabilities.
func chiSquarePValue(counts: [Double], probabilities: [Double]) -> Double {
  let total = counts.reduce(0, +)
  let statistic = zip(counts, probabilities).reduce(0.0) {
    let expected = total * $1.1
    return $0 + ($1.0 - expected) * ($1.0 - expected) / expected
  }
  let half = Tensor(0.5 * Double(counts.count - 1))
  return half.regularizedUpperGamma(Tensor(0.5 * statistic)).item()
}
