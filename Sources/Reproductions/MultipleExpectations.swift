import Foundation
import Probability
import Report
import Statistics
import Torch

/// Demange-Chryst, Bachoc & Morio 2023 (arXiv 2212.00568), many expectations from one sample: moments of a normal (A),
/// exponentials under three laws (B), the cantilever's Sobol' indices (C) and its mean under twenty laws (D).
public struct ManyExpectations: Experiment {
  public static let slug = "multi-expectation-is"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] {
    scale == .quick ? ["A", "B"] : ["A", "B", "C", "D"]
  }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "A": try moments(random: random)
    case "B": try exponentials(random: random)
    case "C": try sobolIndices(random: random, log: log)
    default: try inputLaws(random: random, log: log)
    }
  }

  /// Σ w Var over repetitions, the largest |z| of a mean, and the smallest coverage of ±1.96 standard errors.
  private struct Reading {
    var criterion = 0.0, worst = 0.0, coverage = 1.0

    init(_ found: [[Estimate]], truths: [Double], weights: [Double]) {
      for (j, truth) in truths.enumerated() {
        let own = found.map { $0[j] }
        let mean = Estimate(meanOf: own.map(\.value))
        let n = Double(own.count)
        criterion += weights[j] * mean.standardError * mean.standardError * n
        worst = max(worst, abs(mean.zScore(against: truth)))
        let covered = own.count { abs($0.value - truth) <= 1.96 * $0.standardError }
        coverage = min(coverage, Double(covered) / n)
      }
    }
  }

  // MARK: A

  private func moments(random: RandomSource) throws -> ExperimentOutcome {
    var outcome = ExperimentOutcome()
    // Exactly, plain Monte Carlo has Σ ((4j − 1)!!/((2j − 1)!!)² − 1)/N.
    for (count, budget, bar) in [(10, 20_000, 0.004), (4, 5000, 0.048_145)] {
      let truths = (1...count).map { j in (1...j).reduce(1.0) { $0 * Double(2 * $1 - 1) } }
      let weights = truths.map { 1 / ($0 * $0) }
      var study = MultipleExpectations(budget: budget)
      study.weights = weights
      study.controls = .own
      let fixed = study
      let found = try Repetitions(60).run(random.split(count)) { stream in
        try fixed.estimate(GaussianMixture.standardNormal(dimension: 1), using: &stream) { x in
          let square = x.square()
          var power = square
          var columns = [power]
          for _ in 1..<count {
            power = power * square
            columns.append(power)
          }
          return .concatenate(columns, axis: 1)
        }.estimates
      }
      let reading = Reading(found, truths: truths, weights: weights)
      outcome.claims.append(
        Claim(
          "A: \(count) moments, \(budget) evaluations: Σ w Var", measured: reading.criterion,
          uncertainty: nil,
          rule: .below(bar)))
      if count == 10 {
        outcome.claims.append(
          Claim(
            "A: largest deviation of a mean over 60 repetitions, in standard errors", measured: reading.worst,
            uncertainty: nil, rule: .below(3.5)))
        outcome.claims.append(
          Claim(
            "A: smallest coverage of ±1.96 standard errors", measured: reading.coverage, uncertainty: nil,
            rule: .within(0.85...1)))
      }
    }
    return outcome
  }

  // MARK: B

  private func exponentials(random: RandomSource) throws -> ExperimentOutcome {
    let truths = [0.0, 1, 2].map { exp($0 + 0.5) }
    let weights = truths.map { 1 / ($0 * $0) }
    let laws = try [0.0, 1, 2].map { mean in
      MultipleExpectations.Law(
        try GaussianMixture(
          weights: [1], means: Tensor([mean], shape: [1, 1]), covariances: Tensor([1.0], shape: [1, 1, 1])))
    }
    var study = MultipleExpectations(budget: 5000)
    study.weights = weights
    study.controls = .own
    let fixed = study
    let found = try Repetitions(100).run(random) { stream in
      try fixed.estimate(laws, using: &stream) { $0.exp() }.estimates
    }
    let reading = Reading(found, truths: truths, weights: weights)
    return ExperimentOutcome(claims: [
      Claim(
        "B: exponentials under three laws, 5,000 evaluations: Σ w Var", measured: reading.criterion,
        uncertainty: nil,
        rule: .below(1e-5)),
      Claim(
        "B: largest deviation of a mean over 100 repetitions, in standard errors", measured: reading.worst,
        uncertainty: nil, rule: .below(3.5)),
    ])
  }
}
