import Foundation
import Testing
import Torch

// Seeds are fixed, so these tests do not fail by chance; bounds are five standard errors.
@Suite("Random sources") struct RandomSourceTests {
  private let n = 200_000

  /// Fails unless the mean of independent numbers is within five standard errors of `expected`.
  private func expectMean(_ x: Tensor, _ expected: Double, sourceLocation: SourceLocation = #_sourceLocation)
  {
    let x = x.to(.double)
    let error = x.standardDeviation().item() / Double(x.count).squareRoot()
    #expect(
      abs(x.mean().item() - expected) <= 5 * error, "mean \(x.mean().item())", sourceLocation: sourceLocation)
  }

  /// The first two moments; the second through squares about the true mean.
  private func expectMoments(
    _ x: Tensor, mean: Double, variance: Double, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    expectMean(x, mean, sourceLocation: sourceLocation)
    expectMean((x.to(.double) - mean).square(), variance, sourceLocation: sourceLocation)
  }

  @Test("uniform draws fill their interval evenly")
  func uniform() {
    var random = RandomSource(seed: 1)
    let x = random.uniform([n], low: -1, high: 3, dtype: .double)
    #expect(x.min().item() >= -1 && x.max().item() < 3)
    expectMoments(x, mean: 1, variance: 16.0 / 12)
    let scalars = Tensor((0..<n).map { _ in random.uniform() })
    #expect(scalars.min().item() >= 0 && scalars.max().item() < 1)
    expectMoments(scalars, mean: 0.5, variance: 1.0 / 12)
    // Sixteen equal bins: χ² with 15 degrees of freedom exceeds 60 about twice in 10⁷.
    let counts = (scalars * 16).to(.int64).binCount(minimumLength: 16).to(.double)
    #expect((counts - Double(n) / 16).square().sum().item() / (Double(n) / 16) < 60)
  }

  @Test(
    "normal draws have the moments and the distribution function of the normal",
    arguments: [DType.float, .double])
  func normalDraws(dtype: DType) {
    var random = RandomSource(seed: 2)
    let x = random.normal([n], dtype: dtype).to(.double)
    expectMoments(x, mean: 0, variance: 1)
    expectMean(x.pow(3), 0)
    expectMean(x.pow(4), 3)
    // Kolmogorov–Smirnov: √n·D exceeds 2.7 less than once in 10⁶.
    let cdf = (x.sorted().values / 2.0.squareRoot()).erf() * 0.5 + 0.5
    let steps = Tensor.range(to: Double(n), dtype: .double)
    let distance = (cdf - steps / Double(n)).abs().maximum((cdf - (steps + 1) / Double(n)).abs()).max().item()
    #expect(distance * Double(n).squareRoot() < 2.7)
  }

  @Test("exponential, gamma, Poisson, binomial and Bernoulli draws have their moments")
  func families() {
    var random = RandomSource(seed: 3)
    expectMoments(random.exponential([n], dtype: .double), mean: 1, variance: 1)
    for concentration in [0.3, 1, 7.5] {
      let x = random.gamma(.full([n], concentration, dtype: .double))
      #expect(x.min().item() >= 0)
      expectMoments(x, mean: concentration, variance: concentration)
    }
    for rate in [0.5, 20] {
      expectMoments(random.poisson(.full([n], rate, dtype: .double)), mean: rate, variance: rate)
    }
    let binomial = random.binomial(.full([n], 12, dtype: .double), .full([n], 0.3, dtype: .double))
    expectMoments(binomial, mean: 3.6, variance: 12 * 0.3 * 0.7)
    #expect(binomial.max().item() <= 12)
    expectMean(random.bernoulli(.full([n], 0.2, dtype: .double)), 0.2)
    let signs = random.rademacher(like: .zeros([n], dtype: .double))
    #expect(signs.square().min().item() == 1)
    expectMean(signs, 0)
  }

  @Test("categorical draws follow their weights; without replacement none comes twice")
  func categorical() {
    var random = RandomSource(seed: 4)
    let weights = Tensor([1.0, 0, 3, 4])
    let counts = random.categorical(weights, count: n).binCount(minimumLength: 4).doubles
    #expect(counts[1] == 0)
    for (count, p) in zip(counts, [0.125, 0, 0.375, 0.5]) {
      #expect(abs(count - p * Double(n)) <= 5 * (Double(n) * p * (1 - p)).squareRoot())
    }
    let distinct = random.categorical(.ones([100, 6]), count: 6, replacement: false).sorted().values
    #expect(distinct.isEqual(to: Tensor.range(to: 6).expand([100, 6])))
  }

  @Test("permutations are permutations, every one of them equally often")
  func permutation() {
    var random = RandomSource(seed: 5)
    #expect(random.permutation(1000).sorted().values.isEqual(to: .range(to: 1000)))
    let rounds = 12_000
    var counts: [[Int]: Int] = [:]
    for _ in 0..<rounds { counts[random.permutation(3).integers, default: 0] += 1 }
    #expect(counts.count == 6)
    let expected = Double(rounds) / 6
    // χ² with 5 degrees of freedom exceeds 40 less than twice in 10⁷.
    #expect(
      counts.values.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected } < 40)
    var integers = Set<Int>()
    for _ in 0..<1000 { integers.insert(random.integer(in: -3..<4)) }
    #expect(integers == Set(-3..<4))
  }

  @Test("split streams are uncorrelated with each other, with their parent and with neighbouring seeds")
  func splitting() {
    let parent = RandomSource(seed: 6)
    var sources = (0..<6).map { parent.split($0) } + [parent, parent.split("data"), RandomSource(seed: 7)]
    sources.append(parent.split(0).split(1))
    sources.append(parent.split(1).split(0))
    let draws = Tensor.stack(sources.indices.map { sources[$0].normal([n], dtype: .double) })
    let correlations = draws.matmul(draws.transposed) / Double(n)
    let off = correlations - correlations.diagonal().diagonalMatrix()
    // 55 pairs of standard normals: one correlation has standard error 1/√n.
    #expect(off.abs().max().item() < 5 / Double(n).squareRoot())
    // Also bit by bit between the first words of many streams.
    let words = (0..<4096).map { index in
      var stream = parent.split(index)
      return stream.next()
    }
    #expect(Set(words).count == 4096)
    let flips = zip(words, words.dropFirst()).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
    // Binomial(64·4095, ½).
    #expect(abs(Double(flips) - 32 * 4095) < 5 * (16.0 * 4095).squareRoot())
  }

  @Test("a stored state continues the stream")
  func state() throws {
    var random = RandomSource(seed: 8)
    _ = random.normal([3])
    let stored = try JSONEncoder().encode(random.state)
    var restored = RandomSource(state: try JSONDecoder().decode(RandomSource.State.self, from: stored))
    #expect(restored.normal([5]).isEqual(to: random.normal([5])))
    #expect(restored.next() == random.next())
  }
}

@Suite("normals of double precision, numbered like uniforms")
struct NumberedNormalTests {
  @Test(
    "a pair is Box and Muller's of two draws, whatever stands beside it", arguments: [1, 7, 16, 33, 20_001])
  func boxMuller(count: Int) {
    var streams = (0..<3).map { RandomSource(seed: 5).split($0) }
    let own = streams
    let values = RandomSource.normals(&streams, count)
    #expect(values.shape == [3, count])
    let numbers = values.doubles
    for (i, stream) in own.enumerated() {
      var stream = stream
      for pair in stride(from: 0, to: count, by: 2) {
        let radius = (-2 * log1p(-stream.uniform())).squareRoot()
        let angle = 2 * Double.pi * stream.uniform()
        #expect(abs(numbers[i * count + pair] - radius * cos(angle)) < 1e-14)
        if pair + 1 < count { #expect(abs(numbers[i * count + pair + 1] - radius * sin(angle)) < 1e-14) }
      }
      #expect(stream == streams[i])
      var alone = [own[i]]
      #expect(RandomSource.normals(&alone, count).doubles == Array(numbers[i * count..<(i + 1) * count]))
    }
  }
}
