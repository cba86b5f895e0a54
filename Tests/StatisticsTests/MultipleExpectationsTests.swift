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
      #expect(found.gains[m] > 50)
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
    func run(_ factor: Double) throws -> [Double] {
      var random = RandomSource(seed: 33)
      return try MultipleExpectations(budget: 1000).estimate(
        GaussianMixture.standardNormal(dimension: 2), using: &random
      ) { x in (x.square().sum(1, keep: true) + 1) * factor }.estimates.map(\.value)
    }
    let (one, ten) = (try run(1), try run(10))
    #expect(abs(10 * one[0] - ten[0]) < 1e-8 * ten[0])
    #expect(try run(1) == one)
    #expect(abs(one[0] - 3) < 0.2)
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
