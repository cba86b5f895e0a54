import Foundation
import Probability
import Testing
import Torch

@Suite("Two-sample metrics") struct MetricsTests {
  private let samples = Fixture.scipy.samples

  @Test("the energy distance agrees with scipy; blocks do not matter; equal samples have distance 0")
  func energy() {
    let (u, v) = (Tensor(samples.u), Tensor(samples.v))
    #expect(close(energyDistance(u, v, average: .biased), samples.energy, 1e-12))
    #expect(abs(energyDistance(u, u, average: .biased)) < 1e-12)
    // By hand for X = {0, 2}, Y = {1, 4}: 2·(1 + 4 + 1 + 2)/4 − 2 − 3.
    #expect(close(energyDistance(Tensor([0.0, 2]), Tensor([1.0, 4])), -1, 1e-14))
    var source = RandomSource(seed: 1)
    let x = source.normal([3000, 2], dtype: .double)
    let y = source.normal([2500, 2], dtype: .double) + 0.5
    let whole =
      2 * x.distances(to: y).mean().item() - x.distances(to: x).sum().item() / (3000 * 2999)
      - y.distances(to: y).sum().item() / (2500 * 2499)
    #expect(close(energyDistance(x, y), whole, 1e-7))
  }

  @Test("the unbiased averages have mean 0 for equal laws")
  func unbiased() {
    let root = RandomSource(seed: 2)
    var energies: [Double] = []
    var discrepancies: [Double] = []
    for i in 0..<300 {
      var source = root.split(i)
      let x = source.normal([20, 2], dtype: .double)
      let y = source.normal([15, 2], dtype: .double)
      energies.append(energyDistance(x, y))
      discrepancies.append(maximumMeanDiscrepancy(x, y, bandwidth: 1))
    }
    #expect(abs(Estimate(meanOf: energies).zScore(against: 0)) < 5)
    #expect(abs(Estimate(meanOf: discrepancies).zScore(against: 0)) < 5)
  }

  @Test("the mean discrepancy of normals has its closed form; the bandwidth is the median distance")
  func discrepancy() {
    #expect(medianDistance(Tensor([0.0, 1]), Tensor([3.0])) == 2)
    #expect(medianDistance(Tensor([0.0, 1]), Tensor([3.0, 7])) == 3.5)
    var source = RandomSource(seed: 3)
    let x = source.normal([4000], dtype: .double)
    let y = source.normal([4000], dtype: .double) + 1
    // E k = (1 + 2/h²)^(−½) exp(−δ²/(2(h² + 2))) for a difference of variance 2 and mean δ, h = 1.
    let expected = 2 / 3.0.squareRoot() * (1 - exp(-1.0 / 6))
    #expect(abs(maximumMeanDiscrepancy(x, y, bandwidth: 1) - expected) < 0.02)
    let small = (x[0..<30], y[0..<40])
    let h = medianDistance(small.0, small.1)
    #expect(
      maximumMeanDiscrepancy(small.0, small.1) == maximumMeanDiscrepancy(small.0, small.1, bandwidth: h))
    #expect(abs(maximumMeanDiscrepancy(x, x, average: .biased)) < 1e-12)
  }

  @Test("Kolmogorov–Smirnov statistics and p-values agree with scipy")
  func kolmogorov() {
    let (u, v) = (Tensor(samples.u), Tensor(samples.v))
    let one = kolmogorovSmirnov(u) { Normal.standard().cdf($0) }
    #expect(
      close(one.statistic, samples.oneSample[0], 1e-13) && close(one.pValue, samples.oneSample[1], 1e-11))
    let two = kolmogorovSmirnov(u, v)
    #expect(
      close(two.statistic, samples.twoSample[0], 1e-13) && close(two.pValue, samples.twoSample[1], 1e-11))
    #expect(kolmogorovSmirnov(u, u) == KolmogorovSmirnovTest(statistic: 0, pValue: 1))
  }

  @Test("the survival function of the statistic keeps its stated accuracy")
  func kolmogorovTails() {
    for item in Fixture.scipy.kolmogorovSurvival {
      let (d, n) = (item[0], Int(item[1]))
      let value = kolmogorovSurvival(d, n)
      if Double(n) * d * d >= 4 && n <= 100_000 {
        #expect(close(value, item[2], 1e-8, floor: 1e-300), "d = \(d), n = \(n): \(value), \(item[2])")
      } else {
        #expect(close(value, item[2], n <= 1000 ? 1e-11 : 2e-5), "d = \(d), n = \(n): \(value), \(item[2])")
      }
    }
    #expect(kolmogorovSurvival(0.05, 10) == 1 && kolmogorovSurvival(1, 10) == 0)
    #expect(kolmogorovSurvival(.nan, 10).isNaN)
  }

  @Test("p-values are uniform under the null")
  func uniformity() {
    let root = RandomSource(seed: 4)
    let pValues = (0..<1500).map { i in
      var source = root.split(i)
      return kolmogorovSmirnov(source.uniform([25], dtype: .double)) { $0 }.pValue
    }
    #expect(kolmogorovSmirnov(Tensor(pValues)) { $0.clamp(0, 1) }.pValue > 1e-6)
  }

  @Test("the kernel density estimate agrees with scipy and integrates to 1")
  func kernelDensity() throws {
    let item = Fixture.scipy.kernelDensity
    let estimate = try KernelDensity(Tensor(rows: item.data))
    #expect(close(estimate.factor, item.factor, 1e-14))
    expectClose(estimate.logProbability(Tensor(rows: item.x)).doubles, item.logProbability, 1e-11)
    let line = try KernelDensity(Tensor(samples.u))
    let grid = Tensor.linspace(-15, 15, count: 3001, dtype: .double)
    #expect(close(line.logProbability(grid.unsqueeze(-1)).exp().sum().item() * 0.01, 1, 1e-12))
    let x = Tensor(rows: item.x)
    #expect(estimate.score(x).shape == [3, 2])
    var source = RandomSource(seed: 5)
    let draws = line.sample(20_000, using: &source)
    let mean = Estimate(meanOf: draws.doubles)
    #expect(abs(mean.zScore(against: samples.u.reduce(0, +) / 60)) < 6)
  }

  @Test("the estimate of the divergence is ≥ 0 in every term and finds the closed form")
  func divergenceEstimate() throws {
    let p = try Normal(mean: 0, standardDeviation: 1)
    let q = try Normal(mean: 0.3, standardDeviation: 1.1)
    var source = RandomSource(seed: 6)
    let x = p.sample(100_000, using: &source)
    let estimate = klDivergence(logP: p.logProbability(x), logQ: q.logProbability(x))
    #expect(abs(estimate.zScore(against: klDivergence(p, q).item())) < 6, "\(estimate)")
    let plain = Estimate(meanOf: (p.logProbability(x) - q.logProbability(x)).doubles)
    #expect(estimate.standardError < plain.standardError)
    for i in 0..<20 {
      #expect(
        klDivergence(logP: p.logProbability(x[i..<i + 1]), logQ: q.logProbability(x[i..<i + 1])).value >= 0)
    }
  }
}

@Suite("Estimates and bootstrap intervals") struct EstimateTests {
  @Test("the mean, its standard error, and their printed form")
  func mean() {
    let estimate = Estimate(meanOf: [1, 2, 3, 4])
    #expect(estimate.value == 2.5)
    #expect(close(estimate.standardError, (5.0 / 3 / 4).squareRoot(), 1e-15))
    #expect(Estimate(meanOf: [1e9 + 1, 1e9 + 2]).standardError == 0.5)
    #expect(Estimate(meanOf: []).value.isNaN && Estimate(meanOf: [3]).standardError.isNaN)
    #expect(Estimate(0.28104, standardError: 0.00834).description == "0.2810 ± 0.0083")
    #expect(Estimate(-0.004, standardError: 0.05).description == "-0.004 ± 0.050")
    #expect(Estimate(12_345.6, standardError: 120).description == "12346 ± 120")
    #expect(Estimate(1, standardError: 0).description == "1.0 ± 0.0")
    let interval = Estimate(1, standardError: 0.5).interval()
    #expect(close(interval.lowerBound, 1 - 0.5 * 1.959963984540054, 1e-14))
    #expect((Estimate(3, standardError: 3) - Estimate(1, standardError: 4)).standardError == 5)
    #expect((-2 * Estimate(3, standardError: 3)) == Estimate(-6, standardError: 6))
  }

  @Test("bootstrap intervals of a mean cover it as often as they say")
  func coverage() {
    let root = RandomSource(seed: 9)
    for method in [Bootstrap.Method.percentile, .bca] {
      let bootstrap = Bootstrap(method: method, level: 0.9, resamples: 400)
      let covered = (0..<300).count { i in
        var source = root.split(i)
        let values = source.normal([40], dtype: .double).doubles
        return bootstrap.mean(values, using: &source).interval.contains(0)
      }
      // 270 expected with a deviation of 5.2; small-sample undercoverage of a few per cent is allowed for.
      #expect((240...295).contains(covered), "\(method): \(covered)")
    }
  }

  @Test("both intervals of a biased, skewed statistic agree with scipy up to the noise of resampling")
  func bootstrapParity() {
    let item = Fixture.scipy.bootstrap
    for (method, expected) in [(Bootstrap.Method.percentile, item.percentile), (.bca, item.bca)] {
      var source = RandomSource(seed: 11)
      let result = Bootstrap(method: method, resamples: 60_000)(item.data, using: &source) { values in
        let mean = values.reduce(0, +) / Double(values.count)
        return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
      }
      expectClose(
        [result.interval.lowerBound, result.interval.upperBound], expected, 0.02, floor: 0, "\(method)")
    }
  }

  @Test("the standard error is that of the mean, seeds decide, and skewed data shift the corrected interval")
  func properties() {
    var source = RandomSource(seed: 10)
    let values = source.exponential([200], dtype: .double).doubles
    let bootstrap = Bootstrap(resamples: 4000)
    var (a, b) = (source.split(1), source.split(1))
    let result = bootstrap.mean(values, using: &a)
    #expect(result == bootstrap.mean(values, using: &b))
    let direct = Estimate(meanOf: values)
    #expect(close(result.estimate.value, direct.value, 1e-15))
    #expect(abs(result.estimate.standardError / direct.standardError - 1) < 0.08)
    var c = source.split(1)
    let percentile = Bootstrap(method: .percentile, resamples: 4000).mean(values, using: &c)
    #expect(result.interval.upperBound > percentile.interval.upperBound)
    var d = source.split(2)
    let pairs = zip(values, values.map { 2 * $0 }).map { ($0, $1) }
    let ratio = bootstrap(pairs, using: &d) { rows in
      rows.reduce(0) { $0 + $1.1 } / rows.reduce(0) { $0 + $1.0 }
    }
    #expect(close(ratio.interval.lowerBound, 2, 1e-12) && close(ratio.interval.upperBound, 2, 1e-12))
  }
}
