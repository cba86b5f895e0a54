import Foundation
import Probability
import Testing
import Torch

@Suite("Multivariate and composed distributions") struct MultivariateTests {
  @Test("a full normal agrees with scipy")
  func parity() throws {
    let item = Fixture.scipy.multivariateNormal
    let law = try MultivariateNormal(mean: item.mean, covariance: Tensor(rows: item.covariance))
    let x = Tensor(rows: item.x)
    expectClose(law.logProbability(x).doubles, item.logProbability, 1e-13)
    #expect(close(law.entropy.item(), item.entropy, 1e-13))
    expectClose(law.covariance, Tensor(rows: item.covariance), 1e-14)
    expectClose(law.variance, Tensor(rows: item.covariance).diagonal(), 1e-14)
    expectClose(
      law.score(x), valueAndGradient(of: { law.logProbability($0) }, at: x).gradient, 1e-13)
    let edges = law.logProbability(Tensor(rows: [[.infinity, 0, 0], [.nan, 0, .infinity]]))
    #expect(edges.doubles.description == "[-inf, nan]")
  }

  @Test("a diagonal covariance is a normal with vector parameters")
  func diagonal() throws {
    let full = try MultivariateNormal(mean: [1.0, -2], covariance: Tensor([4.0, 0.25]).diagonalMatrix())
    let diagonal = try DiagonalNormal(mean: [1.0, -2], standardDeviation: [2.0, 0.5])
    let x = Tensor(rows: [[0.0, 0], [3, -1]])
    expectClose(full.logProbability(x), diagonal.logProbability(x), 1e-14)
    expectClose([full.entropy.item()], [diagonal.entropy.item()], 1e-14)
  }

  @Test("draws of a full normal have its covariance")
  func draws() throws {
    let item = Fixture.scipy.multivariateNormal
    let law = try MultivariateNormal(mean: item.mean, covariance: Tensor(rows: item.covariance))
    var source = RandomSource(seed: 4)
    let centred = law.sample(50_000, using: &source) - law.mean
    for i in 0..<3 {
      #expect(abs(Estimate(meanOf: centred[.all, i].doubles).zScore(against: 0)) < 6)
      for j in 0...i {
        let products = Estimate(meanOf: (centred[.all, i] * centred[.all, j]).doubles)
        #expect(
          abs(products.zScore(against: item.covariance[i][j])) < 6, "covariance \(i), \(j): \(products)")
      }
    }
  }

  @Test("a mixture averages densities and distribution functions, and draws every component's share")
  func mixture() throws {
    let parts = [
      try Normal(mean: -2, standardDeviation: 0.5), try Normal(mean: 1, standardDeviation: 1),
      try Normal(mean: 50, standardDeviation: 1),
    ]
    let law = try Mixture(parts, weights: [1, 3, 0])
    let x = Tensor([-2.0, 0, 50])
    let expected = 0.25 * parts[0].logProbability(x).exp() + 0.75 * parts[1].logProbability(x).exp()
    expectClose(law.logProbability(x).exp(), expected, 1e-14)
    #expect(close(law.mean.item(), 0.25, 1e-15))
    // 0.25·0.25 + 0.75·1 + 0.25·2.25² + 0.75·0.75²
    #expect(close(law.variance.item(), 2.5, 1e-14))
    var source = RandomSource(seed: 6)
    let draws = law.sample(20_000, using: &source)
    #expect(kolmogorovSmirnov(draws) { law.cdf($0) }.pValue > 1e-6)
    // Draws come in random order, not component by component.
    let halves = (draws[0..<10_000] .< -1).to(.double).mean().item()
    #expect(abs(halves - 0.25) < 0.03)
    expectClose(
      law.score(x), valueAndGradient(of: { law.logProbability($0) }, at: x).gradient, 1e-13)
    let vectors = try Mixture(
      [Normal.standard([2]), Normal(mean: [1.0, 2], standardDeviation: 0.5)], weights: [1, 2])
    let points = Tensor(rows: [[0.0, 0], [1, 1.5], [3, -2]])
    expectClose(
      vectors.score(points), valueAndGradient(of: { vectors.logProbability($0) }, at: points).gradient, 1e-13)
    let positive = try Mixture([Exponential(rate: 1), Exponential(rate: 2)], weights: [1, 1])
    #expect(positive.logProbability(Tensor([-1.0])).item() == -.infinity)
    #expect(positive.score(Tensor([-1.0])).item() == 0)
    expectClose(law.logResponsibilities(x).exp().sum(-1), Tensor([1.0, 1, 1]), 1e-14)
    #expect(law.sample(0, using: &source).shape == [0])
  }

  @Test("an affine transformation of a normal is the normal it should be, also with a negative scale")
  func affine() throws {
    let law = try AffineTransformed(
      Normal(mean: [1.0, 2], standardDeviation: [1.0, 3]), shift: [5.0, 0], scale: [-2.0, 0.1])
    let expected = try Normal(mean: [3.0, 0.2], standardDeviation: [2.0, 0.3])
    let x = Tensor(rows: [[0.0, 0], [3, 0.5]])
    expectClose(law.logProbability(x), expected.logProbability(x), 1e-13)
    expectClose(law.score(x), expected.score(x), 1e-13)
    expectClose(law.cdf(x), expected.cdf(x), 1e-13)
    expectClose(law.mean, expected.mean, 1e-14)
    expectClose(law.variance, expected.variance, 1e-14)
    #expect(close(law.logAbsDeterminant.item(), log(0.2), 1e-14))
    var source = RandomSource(seed: 9)
    let draws = law.sample(20_000, using: &source)
    #expect(kolmogorovSmirnov(draws[.all, 0]) { expected.cdf($0.unsqueeze(-1))[.all, 0] }.pValue > 1e-6)
  }

  @Test("densities integrate to 1 over a grid")
  func quadrature() throws {
    let item = Fixture.scipy.multivariateNormal
    let covariance = Tensor(rows: item.covariance)[0..<2, 0..<2]
    let axis = Tensor.linspace(-12, 12, count: 481, dtype: .double)
    let grid = Tensor.grid([axis, axis])
    let points = Tensor.stack([grid[0].reshape(-1), grid[1].reshape(-1)], axis: 1)
    let normal = try MultivariateNormal(mean: [0.5, -1], covariance: covariance)
    #expect(close(normal.logProbability(points).exp().sum().item() * 0.05 * 0.05, 1, 1e-10))
    // The trapezium rule is exact to rounding for smooth functions that vanish at both ends.
    let line = Tensor.linspace(-60, 60, count: 40_001, dtype: .double)
    for law in [
      try Mixture(
        [Normal(mean: -3, standardDeviation: 0.5), Normal(mean: 4, standardDeviation: 2)], weights: [1, 2])
    ] {
      #expect(close(law.logProbability(line).exp().sum().item() * 120 / 40_000, 1, 1e-12))
    }
  }
}
