import Foundation
import Probability
import Statistics
import Testing
import Torch

@Suite("many expectations from one sample")
struct MultipleExpectationsTests {
  private static func normal(_ mean: Double) throws -> MultipleExpectations.Law {
    .init(
      try GaussianMixture(
        weights: [1], means: Tensor([mean], shape: [1, 1]), covariances: Tensor([1.0], shape: [1, 1, 1])))
  }

  @Test("densities that hold what is wanted leave all but no variance")
  func zeroVariance() throws {
    // φ = eˣ under N(m, 1): g* = N(m + 1, 1) is in the family, and I = e^{m + ½}.
    var random = RandomSource(seed: 31)
    let laws = try [0, 1, 2].map { try Self.normal($0) }
    var study = MultipleExpectations(budget: 5000)
    study.weights = [0, 1, 2].map { exp(-2 * ($0 + 0.5)) }
    let found = try study.estimate(laws, using: &random) { $0.exp() }
    for (m, estimate) in found.estimates.enumerated() {
      let truth = exp(Double(m) + 0.5)
      #expect(abs(estimate.value - truth) < 5 * estimate.standardError + 1e-9)
      #expect(estimate.standardError / truth < 0.01)
      // At least half of the draws are the final sample's, which is what the error comes from.
      #expect(found.gains[m] > 25)
    }
    #expect(abs(found.shares.reduce(0, +) - 1) < 1e-9)
  }

  @Test("moments of a normal are within five standard errors, for every family", arguments: [0, 1, 2])
  func moments(kind: Int) throws {
    var random = RandomSource(seed: 32)
    var study = MultipleExpectations(budget: 4000)
    study.family = [.gaussian, .diagonal, .mixture(2)][kind]
    study.weights = [1, 1.0 / 9, 1.0 / 225]
    let found = try study.estimate(GaussianMixture.standardNormal(dimension: 1), using: &random) { x in
      let square = x.square()
      return .concatenate([square, square.square(), square.square() * square], axis: 1)
    }
    for (estimate, truth) in zip(found.estimates, [1.0, 3, 15]) {
      #expect(abs(estimate.value - truth) < 5 * estimate.standardError)
    }
    #expect(found.finalCount >= 2000 && found.covariance.count == 9)
  }

  @Test("estimates are linear in φ, and the same seed gives the same")
  func linear() throws {
    func run(_ factor: Double) throws -> MultipleExpectations.Result {
      var random = RandomSource(seed: 33)
      return try MultipleExpectations(budget: 1000).estimate(
        GaussianMixture.standardNormal(dimension: 2), using: &random
      ) { x in (x.square().sum(1, keep: true) + 1) * factor }
    }
    let (one, ten) = (try run(1), try run(10))
    let (a, b) = (one.estimates[0].value, ten.estimates[0].value)
    #expect(abs(10 * a - b) < 1e-8 * b)
    let size = one.controls.map(abs).max() ?? 0
    #expect(size > 0)
    for (a, b) in zip(one.controls, ten.controls) { #expect(abs(10 * a - b) < 1e-6 * 10 * size) }
    #expect(try run(1).estimates[0].value == a)
    #expect(abs(a - 3) < 0.2)
  }

  @Test("where the sampling density is an expectation's own, their constant ratio controls nothing")
  func constantControl() throws {
    var random = RandomSource(seed: 36)
    var study = MultipleExpectations(budget: 2000)
    study.controls = .own
    let found = try study.estimate(GaussianMixture.standardNormal(dimension: 1), using: &random) {
      $0.square()
    }
    #expect(found.shares == [1] && found.controls == [0])
    #expect(abs(found.estimates[0].zScore(against: 1)) < 5)
  }

  @Test("optimal densities and β = I leave no variance, whatever the shares")
  func optimal() throws {
    // f_jφ_j of φ = eˣ under N(m, 1) is e^{m + ½} times the density of N(m + 1, 1).
    var random = RandomSource(seed: 37)
    let truths = [0.0, 1, 2].map { exp($0 + 0.5) }
    func logDensity(_ x: Tensor, _ mean: Double) -> Tensor { (x - mean).square() * -0.5 }
    let all: [[Double]] = [[1, 1, 1], [0.9, 0.05, 0.05], [0.01, 0.19, 0.8]]
    for shares in all {
      let total = shares.reduce(0, +)
      let x = random.normal([300], dtype: .double) * 2 + 2
      let g = Tensor.stack([1.0, 2, 3].map { logDensity(x, $0).exp() }, axis: 0)
      let density = Tensor(shares.map { $0 / total }).matmul(g)
      let f = Tensor.stack([0.0, 1, 2].map { (logDensity(x, $0) + x).exp() }, axis: 0)
      let terms = Controls.own(truths).terms(f / density, g / density)
      for (j, truth) in truths.enumerated() {
        #expect((terms[j] - truth).abs().max().item() < 1e-10 * truth, "\(shares)")
      }
    }
  }

  @Test("a density that is the law gives plain Monte Carlo, and gains count all draws")
  func plain() throws {
    var random = RandomSource(seed: 38)
    let law = GaussianMixture.standardNormal(dimension: 2)
    let density = try SamplingMixture(components: [law], shares: [1])
    var last: [Double] = []
    let found = try MultipleExpectations(budget: 1000).estimate([.init(law)], from: density, using: &random) {
      let y = $0.square().sum(1, keep: true)
      last = y.doubles
      return y
    }
    let mean = last.reduce(0, +) / Double(last.count)
    let variance = last.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(last.count - 1)
    let error = (variance / Double(last.count)).squareRoot()
    #expect(last.count == 900 && found.finalCount == 900)
    #expect(abs(found.estimates[0].value - mean) < 1e-6 * error)
    #expect(abs(found.estimates[0].standardError / error - 1) < 1e-6)
    // 900 of 1000 draws, and n for n − 1.
    #expect(abs(found.gains[0] - 0.9 * 899 / 900) < 1e-6)
    let constant = try MultipleExpectations(budget: 1000).estimate(
      [.init(law)], from: density, using: &random
    ) { $0[.all, 0..<1] * 0 + 7 }
    #expect(constant.gains == [1] && abs(constant.estimates[0].value - 7) < 1e-12)
  }

  @Test("few points in many dimensions leave errors that are right", arguments: 0..<8)
  func fewPoints(seed: Int) throws {
    for family in [MultipleExpectations.Family.gaussian, .diagonal, .mixture(2)] {
      var random = RandomSource(seed: UInt64(seed))
      var study = MultipleExpectations(budget: 220)
      study.family = family
      let found = try study.estimate(GaussianMixture.standardNormal(dimension: 20), using: &random) {
        $0.sum(1, keep: true)
      }.estimates[0]
      // Plain draws have √(20/220) = 0.30.
      #expect(found.standardError > 0.1 && abs(found.value) < 4 * found.standardError, "\(found)")
    }
  }

  @Test("the round before is taken only where a draw of the last left more variance")
  func best() throws {
    let budget = 1000
    var compared = 0
    for seed in 0..<20 {
      func run(_ takesBest: Bool) throws -> MultipleExpectations.Result {
        var random = RandomSource(seed: UInt64(seed))
        var study = MultipleExpectations(budget: budget)
        study.takesBest = takesBest
        return try study.estimate(GaussianMixture.standardNormal(dimension: 1), using: &random) { x in
          .concatenate([x.square(), (2 * x).exp()], axis: 1)
        }
      }
      let (usual, best) = (try run(false), try run(true))
      let count = usual.criteria.count
      guard usual.stop == .costs, count > 2 else { continue }
      compared += 1
      // Criteria are for the rest of the budget, after rounds of a tenth.
      func perDraw(_ place: Int) -> Double { usual.criteria[place] * Double(budget - (place + 1) * 100) }
      let isWorse = perDraw(count - 1) > perDraw(count - 2)
      #expect((best.estimates.map(\.value) != usual.estimates.map(\.value)) == isWorse, "seed \(seed)")
    }
    #expect(compared > 0)
  }

  @Test("a defensive share keeps every weight below its inverse")
  func defensive() throws {
    var random = RandomSource(seed: 34)
    var study = MultipleExpectations(budget: 2000)
    study.defensive = 0.1
    let found = try study.estimate(GaussianMixture.standardNormal(dimension: 1), using: &random) { x in
      (x * x).exp().clamp(0, 1e3)
    }
    #expect(found.effectiveSizes[0] > 10 && found.estimates[0].standardError.isFinite)
  }

  @Test("points without a value, rare events and small budgets are refused with the place")
  func bad() throws {
    var random = RandomSource(seed: 35)
    let law = GaussianMixture.standardNormal(dimension: 1)
    func failure(_ budget: Int, _ phi: (Tensor) -> Tensor) -> String {
      message { _ = try MultipleExpectations(budget: budget).estimate(law, using: &random, of: phi) }
    }
    #expect(failure(1000) { $0 / 0 }.contains("finite numbers"))
    #expect(failure(1000) { ($0 .> 50).to(.double) }.contains("expectation 1: found no point so far"))
    #expect(failure(50) { $0 }.contains("at least 100 evaluations"))
    #expect(failure(1000) { $0[0..<3] }.contains("a row of values a point"))
  }
}
