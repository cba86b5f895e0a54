import Foundation
import Probability
import Testing
import Torch

@Suite("Kullback–Leibler divergences") struct DivergenceTests {
  /// ∫ p (log p − log q) by the trapezium rule in x = map(u).
  private func quadrature(
    _ p: any Distribution, _ q: any Distribution, from low: Double, to high: Double, _ map: (Tensor) -> Tensor
  ) -> Double {
    let count = 200_001
    let u = Tensor.linspace(low, high, count: count, dtype: .double)
    let (x, slope) = valueAndGradient(of: map, at: u)
    let logP = p.logProbability(x)
    let terms = logP.exp() * (logP - q.logProbability(x)) * slope
    return terms.filled(where: logP .== -.infinity, with: 0).sum().item() * (high - low) / Double(count - 1)
  }

  @Test("closed forms agree with quadrature")
  func continuous() throws {
    let p = try Normal(mean: 0.3, standardDeviation: 1.2)
    let q = try Normal(mean: -1, standardDeviation: 0.8)
    #expect(close(klDivergence(p, q).item(), quadrature(p, q, from: -20, to: 20) { $0 }, 1e-10))
    let g = (try Gamma(concentration: 2.5, rate: 1.5), try Gamma(concentration: 0.7, rate: 0.4))
    #expect(close(klDivergence(g.0, g.1).item(), quadrature(g.0, g.1, from: -40, to: 6) { $0.exp() }, 1e-9))
    let b = (try Beta(alpha: 2.5, beta: 0.8), try Beta(alpha: 1.5, beta: 3))
    #expect(
      close(klDivergence(b.0, b.1).item(), quadrature(b.0, b.1, from: -34, to: 34) { $0.sigmoid() }, 1e-7))
    let e = (try Exponential(rate: 2), try Exponential(rate: 0.5))
    #expect(close(klDivergence(e.0, e.1).item(), quadrature(e.0, e.1, from: -40, to: 6) { $0.exp() }, 1e-9))
    let l = (try Laplace(location: 0, scale: 1), try Laplace(location: 1.5, scale: 0.6))
    #expect(close(klDivergence(l.0, l.1).item(), quadrature(l.0, l.1, from: -45, to: 45) { $0 }, 1e-6))
  }

  @Test("closed forms of discrete laws are their sums")
  func discrete() throws {
    let p = (try Poisson(rate: 3.2), try Poisson(rate: 5))
    let counts = Tensor.range(to: 80, dtype: .double)
    let logP = p.0.logProbability(counts)
    let sum = (logP.exp() * (logP - p.1.logProbability(counts))).sum().item()
    #expect(close(klDivergence(p.0, p.1).item(), sum, 1e-13))
    let b = (try Bernoulli(probability: 0.2), try Bernoulli(probability: 0.6))
    #expect(close(klDivergence(b.0, b.1).item(), 0.2 * log(0.2 / 0.6) + 0.8 * log(0.8 / 0.4), 1e-14))
    #expect(try klDivergence(b.0, Bernoulli(probability: 0)).item() == .infinity)
    #expect(try close(klDivergence(Bernoulli(probability: 0), b.0).item(), log(1 / 0.8), 1e-14))
    let c = (
      try Categorical(probabilities: [0.5, 0.5, 0]), try Categorical(probabilities: [0.25, 0.5, 0.25])
    )
    #expect(close(klDivergence(c.0, c.1).item(), 0.5 * log(2), 1e-14))
    #expect(klDivergence(c.1, c.0).item() == .infinity)
  }

  @Test("full normals: the diagonal case, and the mean log-ratio of draws")
  func multivariate() throws {
    let item = Fixture.scipy.multivariateNormal
    let p = try MultivariateNormal(mean: item.mean, covariance: Tensor(rows: item.covariance))
    let q = try MultivariateNormal(mean: [0.0, 0, 1], covariance: Tensor([1.0, 2, 0.7]).diagonalMatrix())
    var source = RandomSource(seed: 12)
    let x = p.sample(100_000, using: &source)
    let estimate = Estimate(meanOf: (p.logProbability(x) - q.logProbability(x)).doubles)
    #expect(abs(estimate.zScore(against: klDivergence(p, q).item())) < 6, "\(estimate)")
    let (m, s) = ([1.0, 2, 3], [0.5, 1.0, 2.0])
    let diagonal = try Normal(mean: m, standardDeviation: s)
    let full = try MultivariateNormal(mean: m, covariance: Tensor(s).square().diagonalMatrix())
    let reference = try Normal(mean: [0.0, 0, 1], standardDeviation: Tensor([1.0, 2, 0.7]).sqrt())
    #expect(close(klDivergence(full, q).item(), klDivergence(diagonal, reference).item(), 1e-13))
  }

  @Test("Dirichlets: two categories are betas, and the mean log-ratio of draws")
  func dirichlet() throws {
    let beta = klDivergence(try Beta(alpha: 2, beta: 3), try Beta(alpha: 0.5, beta: 4)).item()
    let pair = klDivergence(
      try Dirichlet(concentration: [2.0, 3]), try Dirichlet(concentration: [0.5, 4.0])
    ).item()
    #expect(close(pair, beta, 1e-13))
    let p = try Dirichlet(concentration: [2.0, 3, 1.5])
    let q = try Dirichlet(concentration: [1.0, 1, 4])
    var source = RandomSource(seed: 13)
    let x = p.sample(100_000, using: &source)
    let estimate = Estimate(meanOf: (p.logProbability(x) - q.logProbability(x)).doubles)
    #expect(abs(estimate.zScore(against: klDivergence(p, q).item())) < 6, "\(estimate)")
  }

  @Test("a law has divergence 0 from itself, and independent components add up")
  func identities() throws {
    let normal = try Normal(mean: [0.0, 1], standardDeviation: [1.0, 2])
    #expect(klDivergence(normal, normal).item() == 0)
    let other = Normal.standard([2])
    let parts = try zip([0.0, 1], [1.0, 2]).map {
      klDivergence(try Normal(mean: $0, standardDeviation: $1), Normal.standard()).item()
    }
    #expect(close(klDivergence(normal, other).item(), parts[0] + parts[1], 1e-15))
  }
}
