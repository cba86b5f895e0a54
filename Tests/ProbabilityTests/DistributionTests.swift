import Foundation
import Probability
import Testing
import Torch

/// A family with the parameters of a case.
func makeFamily(_ name: String, _ p: [Double]) throws -> any CumulativeDistribution {
  switch name {
  case "Normal": try Normal(mean: p[0], standardDeviation: p[1])
  case "LogNormal": try LogNormal(location: p[0], scale: p[1])
  case "Uniform": try Uniform(low: p[0], high: p[1])
  case "StudentT": try StudentT(degreesOfFreedom: p[0], location: p[1], scale: p[2])
  case "Gamma": try Gamma(concentration: p[0], rate: p[1])
  case "Beta": try Beta(alpha: p[0], beta: p[1])
  case "Exponential": try Exponential(rate: p[0])
  case "Laplace": try Laplace(location: p[0], scale: p[1])
  case "Bernoulli": try Bernoulli(probability: p[0])
  case "Binomial": try Binomial(trials: p[0], probability: p[1])
  case "Poisson": try Poisson(rate: p[0])
  case "NegativeBinomial": try NegativeBinomial(mean: p[0], dispersion: p[1])
  default: fatalError("no family \(name)")
  }
}

private func entropy(_ law: any CumulativeDistribution) -> Double? {
  switch law {
  case let law as Normal: law.entropy.item()
  case let law as LogNormal: law.entropy.item()
  case let law as Uniform: law.entropy.item()
  case let law as StudentT: law.entropy.item()
  case let law as Gamma: law.entropy.item()
  case let law as Beta: law.entropy.item()
  case let law as Exponential: law.entropy.item()
  case let law as Laplace: law.entropy.item()
  case let law as Bernoulli: law.entropy.item()
  default: nil
  }
}

@Suite("Distributions") struct DistributionTests {
  @Test("log-probabilities, distribution functions, quantiles and moments agree with scipy")
  func parity() throws {
    for item in Fixture.scipy.families {
      let law = try makeFamily(item.family, item.parameters)
      let label = "\(item.family)\(item.parameters)"
      let x = Tensor(item.x)
      expectClose(law.logProbability(x).doubles, item.logProbability.map(\.value), 1e-11, label)
      expectClose(
        law.cdf(x).doubles, item.cdf.map(\.value), 1e-11, floor: 1e-300, "\(label) cdf")
      #expect(close(law.mean.item(), item.mean.value, 1e-12), "\(label) mean")
      #expect(close(law.variance.item(), item.variance.value, 1e-11), "\(label) variance")
      if let expected = item.entropy {
        #expect(close(entropy(law)!, expected.value, 1e-11), "\(label) entropy")
      }
      if let levels = item.levels, let expected = item.quantile {
        let quantiles = (law as! any QuantileDistribution).quantile(Tensor(levels))
        expectClose(quantiles.doubles, expected.map(\.value), 1e-9, floor: 1e-12, "\(label) quantile")
      }
    }
  }

  @Test("densities are the derivatives of the distribution functions, which run from 0 to 1")
  func derivatives() throws {
    for item in Fixture.scipy.families where item.levels != nil {
      let law = try makeFamily(item.family, item.parameters) as! any QuantileDistribution
      let label = "\(item.family)\(item.parameters)"
      let x = law.quantile(Tensor([0.05, 0.2, 0.4, 0.7, 0.95]))
      let h = 1e-6 * x.abs()
      let slope = (law.cdf(x + h) - law.cdf(x - h)) / (2 * h)
      expectClose(slope, law.logProbability(x).exp(), 1e-6, label)
      let ends = law.quantile(Tensor([0.0, 1.0]))
      #expect(law.cdf(ends).doubles == [0, 1], "\(label): \(ends)")
      let outside = law.quantile(Tensor([-0.1, 1.1, .nan]))
      let undefined = outside.isNaN().all().item() == 1
      #expect(undefined, "\(label)")
    }
  }

  @Test("discrete probabilities add up to 1 and to the distribution function")
  func discreteSums() throws {
    for item in Fixture.scipy.families where item.levels == nil {
      let law = try makeFamily(item.family, item.parameters)
      // As far as a tail of 1e-13 reaches.
      let support = Tensor.range(to: item.family == "NegativeBinomial" ? 2000 : 60, dtype: .double)
      let probabilities = law.logProbability(support).exp()
      #expect(close(probabilities.sum().item(), 1, 1e-13), "\(item.family)")
      expectClose(probabilities.cumulativeSum(0), law.cdf(support), 1e-12, item.family)
    }
  }

  @Test("NaN gives NaN; the scores are finite outside the support")
  func edges() throws {
    for item in Fixture.scipy.families {
      let law = try makeFamily(item.family, item.parameters)
      let x = Tensor([Double.nan, -Double.infinity, Double.infinity])
      let values = law.logProbability(x).doubles
      #expect(values[0].isNaN, "\(item.family)")
      #expect(values[1] == -.infinity && values[2] == -.infinity, "\(item.family): \(values)")
      #expect(law.cdf(x).doubles[0].isNaN, "\(item.family) cdf")
      expectClose(Array(law.cdf(x).doubles[1...]), [0, 1], 0, "\(item.family) cdf at the infinities")
      if let density = law as? any ContinuousDistribution {
        #expect(
          density.score(Tensor([-5.0, -0.5, 1.5])).isFinite().all().item() == 1, "\(item.family) score")
      }
    }
  }

  @Test("closed-form scores are the gradients of the log-densities")
  func scores() throws {
    for item in Fixture.scipy.families where item.levels != nil {
      let law = try makeFamily(item.family, item.parameters)
      let x = Tensor(item.x).masked(by: law.logProbability(Tensor(item.x)).isFinite())
      let gradient = valueAndGradient(of: { law.logProbability($0) }, at: x).gradient
      expectClose((law as! any ContinuousDistribution).score(x), gradient, 1e-12, item.family)
    }
  }

  @Test("draws have the law's mean and variance, and the law's distribution function")
  func draws() throws {
    let n = 20_000
    for (i, item) in Fixture.scipy.families.enumerated() {
      let law = try makeFamily(item.family, item.parameters)
      var source = RandomSource(seed: 11).split(i)
      let x = law.sample(n, using: &source)
      #expect(x.shape == [n] && x.dtype == .double)
      if item.levels != nil {
        let test = kolmogorovSmirnov(x) { law.cdf($0) }
        #expect(test.pValue > 1e-6, "\(item.family): \(test)")
      }
      // Six standard errors; the variance's own error is taken from the draws, where a fourth moment exists.
      guard law.variance.item().isFinite, item.family != "StudentT" else { continue }
      let mean = Estimate(meanOf: x.doubles)
      #expect(abs(mean.zScore(against: law.mean.item())) < 6, "\(item.family) mean \(mean)")
      let spread = Estimate(meanOf: (x - law.mean).square().doubles)
      #expect(abs(spread.zScore(against: law.variance.item())) < 6, "\(item.family) variance \(spread)")
    }
  }

  @Test("parameters with axes are independent components and log-probabilities add up")
  func components() throws {
    let law = try Gamma(
      concentration: [0.5, 2.0, 7.0], rate: Tensor([[1.0], [3.0]][0] + [3.0], shape: [2, 1]))
    #expect(law.eventShape == [2, 3])
    var source = RandomSource(seed: 3)
    let x = law.sample(4, using: &source)
    #expect(x.shape == [4, 2, 3])
    var sum = Tensor.zeros([4], dtype: .double)
    for (i, rate) in [1.0, 3].enumerated() {
      for (j, concentration) in [0.5, 2, 7].enumerated() {
        sum += try Gamma(concentration: concentration, rate: rate).logProbability(x[.all, i, j])
      }
    }
    expectClose(law.logProbability(x), sum, 1e-13)
  }

  @Test("tensors of Float keep their type beside Swift numbers, and gradients reach the parameters")
  func types() throws {
    let law = try Normal(mean: Tensor([Float(0), 1]), standardDeviation: 2)
    #expect(law.logProbability(Tensor([[0.0, 1]].flatMap { $0 }, shape: [1, 2])).dtype == .float)
    let counts = try Poisson(rate: 3.0).logProbability(Tensor([2, 5]))
    #expect(counts.dtype == .double)
    let gradient = valueAndGradient(
      of: { p in
        try! Normal(mean: p[0], standardDeviation: p[1]).logProbability(Tensor([3.0]))
      }, at: [Tensor(1.0), Tensor(2.0)]
    ).gradients
    // d/dm = (x − m)/s² and d/ds = (x − m)²/s³ − 1/s.
    #expect(gradient.map { $0.item() } == [0.5, 0])
  }

  @Test("equal seeds give equal draws") func seeds() throws {
    var a = RandomSource(seed: 5)
    var b = RandomSource(seed: 5)
    let law = try StudentT(degreesOfFreedom: 3.0)
    #expect(law.sample(9, using: &a).isEqual(to: law.sample(9, using: &b)))
  }

  @Test("extreme logits keep the probability of the unlikely outcome")
  func bernoulliLogits() throws {
    let law = try Bernoulli(logits: 800.0)
    #expect(law.logProbability(Tensor([0.0, 1])).doubles == [-800, 0])
    #expect(try Bernoulli(probability: 1.0).logProbability(Tensor([0.0, 1])).doubles == [-.infinity, 0])
    #expect(try Bernoulli(probability: 1.0).entropy.item() == 0)
    #expect(
      try Binomial(trials: 3, probability: 1.0).logProbability(Tensor([3.0, 2])).doubles == [0, -.infinity])
  }

  @Test("categories out of range have probability 0; components are independent")
  func categorical() throws {
    let law = try Categorical(probabilities: Tensor([1.0, 3, 4, 0], shape: [4]))
    expectClose(
      law.logProbability(Tensor([0, 1, 2, 3, 4, -1])).exp().doubles, [0.125, 0.375, 0.5, 0, 0, 0], 1e-15)
    #expect(law.logProbability(Tensor([0.5, .nan])).doubles.description == "[-inf, nan]")
    let expected = 0.125 * log(8) + 0.375 * log(8.0 / 3) + 0.5 * log(2.0)
    #expect(close(law.entropy.item(), expected, 1e-15))
    let pair = try Categorical(logits: Tensor([0.0, 0, 0, log(3)], shape: [2, 2]))
    var source = RandomSource(seed: 8)
    let x = pair.sample(40_000, using: &source)
    #expect(x.shape == [40_000, 2] && x.dtype == .int64)
    let share = x.to(.double).mean(0).doubles
    #expect(abs(share[0] - 0.5) < 0.015 && abs(share[1] - 0.75) < 0.013)
    expectClose(
      pair.logProbability(Tensor([1, 1, 0, 0], shape: [2, 2])).exp().doubles, [0.375, 0.125], 1e-15)
  }

  @Test("negative binomial counts have their mean and variance, and are Poisson for a large dispersion")
  func negativeBinomial() throws {
    let law = try NegativeBinomial(mean: 6.0, dispersion: 1.5)
    var source = RandomSource(seed: 4)
    let draws = law.sample(40_000, using: &source).doubles
    #expect(abs(Estimate(meanOf: draws).zScore(against: 6)) < 5)
    #expect(abs(Estimate(meanOf: draws.map { ($0 - 6) * ($0 - 6) }).zScore(against: 30)) < 5)
    let x = Tensor([0.0, 3, 9])
    let (wide, poisson) = (try NegativeBinomial(mean: 4.0, dispersion: 1e9), try Poisson(rate: 4.0))
    expectClose(wide.logProbability(x), poisson.logProbability(x), 1e-6)
    #expect(law.logProbability(Tensor([0.5, .infinity, .nan])).doubles.description == "[-inf, -inf, nan]")
    #expect(law.cdf(Tensor([-0.5, .infinity])).doubles == [0, 1])
  }

  @Test("Dirichlet agrees with scipy; two categories are a beta distribution")
  func dirichlet() throws {
    let item = Fixture.scipy.dirichlet
    let law = try Dirichlet(concentration: item.concentration)
    expectClose(law.logProbability(Tensor(rows: item.x)).doubles, item.logProbability, 1e-12)
    expectClose(law.variance.doubles, item.variance, 1e-14)
    #expect(close(law.entropy.item(), item.entropy, 1e-12))
    let two = try Dirichlet(concentration: [2.0, 5.0])
    let x = Tensor([0.1, 0.6])
    expectClose(
      two.logProbability(Tensor.stack([x, 1 - x], axis: 1)), try Beta(alpha: 2, beta: 5).logProbability(x),
      1e-13)
    let outside = two.logProbability(Tensor(rows: [[0.5, 0.6], [-0.1, 1.1], [.nan, 0.5]]))
    #expect(outside.doubles.description == "[-inf, -inf, nan]")
    var source = RandomSource(seed: 2)
    let draws = law.sample(20_000, using: &source)
    for i in 0..<3 {
      #expect(abs(Estimate(meanOf: draws[.all, i].doubles).zScore(against: law.mean[i].item())) < 6)
    }
  }
}
