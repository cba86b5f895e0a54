import Probability
import RealModule
import Testing
import Torch

@Suite("marginals and copulas")
struct MarginalTests {
  private static let places = Tensor([-2.5, -1, -0.2, 0, 0.3, 1.1, 2.4])

  private static func laws() throws -> [Marginal] {
    [
      try Marginal(Normal(mean: 3, standardDeviation: 2)),
      try Marginal(LogNormal(location: 0.5, scale: 0.3)),
      try Marginal(Gamma(concentration: 4, rate: 2)),
      try Marginal(Uniform(low: -1, high: 2)),
      try Marginal(AffineTransformed(Beta(alpha: 2, beta: 5), shift: 10, scale: 4)),
      try Marginal(Normal(mean: 0, standardDeviation: 1), low: -0.5, high: 1.5),
      try Marginal(mixture: [(0.3, Normal(mean: -2, standardDeviation: 0.5)), (0.7, Gamma(concentration: 3))]
      ),
    ]
  }

  @Test("the map from normal scores and its inverse undo each other")
  func inverse() throws {
    for law in try Self.laws() {
      let back = law.normal(ofValue: law.value(ofNormal: Self.places))
      let gap = (back - Self.places).abs().max().item()
      #expect(gap < 1e-7, "\(gap)")
      let levels = law.cdf(law.value(ofNormal: Self.places)) - Normal.standard().cdf(Self.places)
      #expect(levels.abs().max().item() < 1e-9)
    }
  }

  @Test("densities are the slopes of distribution functions, and nothing lies beyond the ends")
  func slopes() throws {
    for law in try Self.laws() {
      let x = law.value(ofNormal: Self.places)
      let step = 1e-5
      let slope = (law.cdf(x + step) - law.cdf(x - step)) / (2 * step)
      let density = law.logDensity(x).exp()
      let gap = ((slope - density).abs() / density).max().item()
      #expect(gap < 1e-4, "\(gap)")
    }
    let cut = try Marginal(Normal.standard(), low: -0.5, high: 1.5)
    #expect(cut.logDensity(Tensor([-0.6, 1.6])).doubles == [-.infinity, -.infinity])
    #expect(cut.cdf(Tensor([-3, 3.0])).doubles == [0, 1])
  }

  @Test("a copula of normals is the multivariate normal")
  func normals() throws {
    let correlation = Tensor([1, 0.6, -0.2, 0.6, 1, 0.1, -0.2, 0.1, 1], shape: [3, 3])
    let (means, deviations) = ([1.0, -2, 0.5], [2.0, 0.5, 1])
    let copula = try GaussianCopula(
      zip(means, deviations).map { try Marginal(Normal(mean: $0, standardDeviation: $1)) },
      correlation: correlation)
    let scales = Tensor(deviations)
    let exact = try MultivariateNormal(
      mean: means, covariance: correlation * scales * scales.unsqueeze(1))
    var random = RandomSource(seed: 41)
    let x = copula.sample(500, using: &random)
    #expect((copula.logProbability(x) - exact.logProbability(x)).abs().max().item() < 1e-10)
    let many = copula.sample(40_000, using: &random)
    let centred = (many - many.mean(0)) / scales
    let found = centred.transposed.matmul(centred) / 40_000
    #expect((found - correlation).abs().max().item() < 0.03)
  }

  @Test("densities with a copula integrate to 1")
  func integral() throws {
    let copula = try GaussianCopula(
      [try Marginal(Gamma(concentration: 4, rate: 2)), try Marginal(Uniform(low: 0, high: 1))],
      correlation: Tensor([1, 0.5, 0.5, 1], shape: [2, 2]))
    let n = 400
    let width = 1 / Double(n)
    var points: [Double] = []
    for i in 0..<n {
      for j in 0..<n { points += [12 * (Double(i) + 0.5) * width, (Double(j) + 0.5) * width] }
    }
    let densities = copula.logProbability(Tensor(points, shape: [n * n, 2])).exp()
    let mass: Double = densities.sum().item() * 12 * width * width
    #expect(abs(mass - 1) < 1e-3, "\(mass)")
  }

  @Test("impossible laws and correlations are refused")
  func bad() throws {
    let normal = try Marginal(Normal.standard())
    #expect(throws: ParameterError.self) { try Marginal(Normal.standard(), low: 2, high: 1) }
    #expect(throws: ParameterError.self) { try Marginal(Normal.standard(), low: 30) }
    #expect(throws: ParameterError.self) { try Marginal(mixture: []) }
    #expect(throws: ParameterError.self) { try GaussianCopula([]) }
    let wrong = [
      [1, 0.9, 0.9, 1, 1.0, 0],  // of another shape
      [1, 0.5, 0.4, 1], [2, 0, 0, 1], [1, 1.2, 1.2, 1],
    ]
    for numbers in wrong {
      let matrix = Tensor(numbers, shape: [2, numbers.count / 2])
      #expect(throws: ParameterError.self) { try GaussianCopula([normal, normal], correlation: matrix) }
    }
  }
}
