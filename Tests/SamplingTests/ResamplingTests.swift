import Probability
import Sampling
import Testing
import Torch

@Suite("Resampling") struct ResamplingTests {
  private let weights = [0.05, 0, 0.4, 0.15, 0.3, 0.1, 0]

  private func copies(_ ancestors: [Int], _ n: Int) -> [Double] {
    ancestors.reduce(into: [Double](repeating: 0, count: n)) { $0[$1] += 1 }
  }

  @Test("the expected copies are N times the weight", arguments: Resampling.allCases)
  func unbiased(scheme: Resampling) {
    let n = weights.count
    let root = RandomSource(seed: 1)
    let draws = (0..<20_000).map { i -> [Double] in
      var random = root.split(i)
      // The scale of weights does not matter.
      let ancestors = scheme.ancestors(weights.map { 3 * $0 }, using: &random)
      #expect(ancestors.count == n)
      return copies(ancestors, n)
    }
    for i in 0..<n {
      let copies = Estimate(meanOf: draws.map { $0[i] })
      let expected = Double(n) * weights[i]
      // Five standard errors; one test in a million fails by chance. Copies that never vary have no error.
      #expect(abs(copies.value - expected) <= 5 * copies.standardError + 1e-12)
    }
  }

  @Test("systematic and stratified copies stay within one, or two, of N times the weight")
  func spread() {
    let n = 50
    var random = RandomSource(seed: 2)
    let weights = (0..<n).map { _ in random.uniform() }
    let total = weights.reduce(0, +)
    for _ in 0..<200 {
      for (scheme, bound) in [(Resampling.systematic, 1.0), (.stratified, 2), (.residual, .infinity)] {
        let copies = copies(scheme.ancestors(weights, using: &random), n)
        for i in 0..<n {
          let expected = Double(n) * weights[i] / total
          #expect(abs(copies[i] - expected) < bound)
          if scheme == .residual { #expect(copies[i] >= expected.rounded(.down)) }
        }
      }
    }
  }

  @Test("multinomial copies have the binomial's variance")
  func variance() {
    let root = RandomSource(seed: 3)
    let counts = (0..<40_000).map { i -> Double in
      var random = root.split(i)
      return copies(Resampling.multinomial.ancestors(weights, using: &random), 7)[2]
    }
    let expected = 7 * 0.4 * 0.6
    let squares = Estimate(meanOf: counts.map { ($0 - 2.8) * ($0 - 2.8) })
    #expect(abs(squares.zScore(against: expected)) < 5)
  }

  @Test("equal weights give every particle one child, except by multinomial draws; one heir takes all")
  func extremes() {
    var random = RandomSource(seed: 4)
    for scheme in Resampling.allCases {
      if scheme != .multinomial {
        #expect(scheme.ancestors([2, 2, 2, 2], using: &random) == [0, 1, 2, 3])
      }
      #expect(scheme.ancestors([0, 0, 1e-300, 0], using: &random) == [2, 2, 2, 2])
      #expect(scheme.ancestors([5], using: &random) == [0])
    }
  }

  @Test(
    "by jumps a particle with the mean weight or more stays in its place, and one below leaves as often as it must"
  )
  func jumps() {
    let root = RandomSource(seed: 6)
    let (n, total) = (Double(weights.count), weights.reduce(0, +))
    let left = (0..<20_000).map { i -> [Double] in
      var random = root.split(i)
      let ancestors = Resampling.jump.ancestors(weights, using: &random)
      return ancestors.enumerated().map { $0 == $1 ? 0 : 1 }
    }
    for i in weights.indices {
      let share = Estimate(meanOf: left.map { $0[i] })
      let expected = max(0, 1 - n * weights[i] / total)
      #expect(abs(share.value - expected) <= 5 * share.standardError + 1e-12)
    }
  }

  @Test("a particle of weight 0 has no child however weights round", arguments: Resampling.allCases)
  func zeroWeights(scheme: Resampling) {
    var random = RandomSource(seed: 5)
    for _ in 0..<500 {
      let weights = (0..<37).map { _ in random.uniform() < 0.5 ? 0 : random.uniform() * 1e-3 + 1e-12 }
      guard weights.contains(where: { $0 > 0 }) else { continue }
      #expect(scheme.ancestors(weights, using: &random).allSatisfy { weights[$0] > 0 })
    }
  }
}
