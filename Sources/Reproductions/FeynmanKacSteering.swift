import Foundation
import Generative
import Probability
import Report
import Sampling
import Torch

/// Singhal et al. 2025, Feynman–Kac steering: exact truth on a mixture (A) and on text (B), and a trained model of text
/// (C).
public struct FeynmanKacSteering: Experiment {
  public static let slug = "fk-steering"
  public static func parts(_ scale: Scale) -> [String] {
    scale == .quick ? ["A", "B"] : ["A", "B", "C"]
  }

  public init() {}

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "B": return try text(random: random, log: log)
    case "C": return try language(random: random, log: log)
    default:
      log("A: steering a mixture along r = x₁ + ½x₂")
      return try tiltedMixture(random: random)
    }
  }

  /// One way of using particles.
  private struct Recipe {
    let name: String
    let potential: SteeringPotentialKind
    var isOptimal = false
    /// Steps between resamplings.
    var every = 1
    var resampling = Resampling.multinomial
    var threshold: Double?
    /// Whether Ẑ has few enough heavy tails to be judged.
    var isJudged = true
  }

  private static let recipes = [
    Recipe(name: "importance", potential: .importance),
    Recipe(name: "difference", potential: .difference),
    Recipe(name: "difference, every 5", potential: .difference, every: 5),
    Recipe(
      name: "difference, systematic, ESS", potential: .difference, resampling: .systematic, threshold: 0.5),
    Recipe(name: "optimal", potential: .difference, isOptimal: true),
    Recipe(name: "max, every 5", potential: .max, every: 5, isJudged: false),
    Recipe(name: "sum, every 5", potential: .sum, every: 5, isJudged: false),
  ]

  private func tiltedMixture(random: RandomSource) throws -> ExperimentOutcome {
    let steps = 20
    let identity = Tensor.identity(2, dtype: .double)
    let mixture = try GaussianMixture(
      weights: [0.5, 0.3, 0.2], means: Tensor(rows: [[-2.0, 0], [2, 0], [0, 3]]),
      covariances: .stack([0.5, 0.7, 0.4].map { $0 * $0 * identity }))
    let direction = Tensor([1, 0.5])
    let (target, logZ) = mixture.tilted(by: direction)
    let exactReward = target.mean.dot(direction).item()
    let denoiser = MixtureDenoiser(mixture)
    let schedule = NoiseSchedule.vpCosine()
    let levels = schedule.levels(steps: steps)
    let reward = ClosureReward { $0.to(.double).matmul(direction) }
    let optimal = IntermediateReward.value { x, step in
      denoiser.noisy(levels[step]).logExpectedExponential(of: direction, given: x)
    }

    var claims: [Claim] = []
    var table = ReportTable(
      title: "A: 32,000 particles in groups of k",
      columns: [
        .text("recipe"), .integer("k"), .uncertain("mean Ẑ/Z"), .uncertain("mean reward"),
        .integer("reward calls a particle"),
      ])
    var rewards: [String: Double] = [:]
    for (i, recipe) in Self.recipes.enumerated() {
      for particles in [4, 8, 32] {
        var options = SteeringOptions()
        (options.potential, options.particles, options.steps) = (recipe.potential, particles, steps)
        options.groups = 8000 * 4 / particles
        (options.resampling, options.threshold) = (recipe.resampling, recipe.threshold)
        options.resamplingSteps = SteeringOptions.steps(from: 0, through: steps - 1, every: recipe.every)
        let result = try steer(
          denoiser, schedule, reward: reward, intermediate: recipe.isOptimal ? optimal : .denoised,
          options: options, random: random.split(100 * i + particles))
        let ratio = Estimate(meanOf: result.particles.logEvidence.map { exp($0 - logZ) })
        rewards["\(recipe.name) \(particles)"] = result.meanReward.value
        table.append([
          .text(recipe.name), .integer(particles), .uncertain(ratio.value, ratio.standardError),
          .uncertain(result.meanReward.value, result.meanReward.standardError),
          .integer(result.rewardEvaluations / (options.groups * particles)),
        ])
        guard recipe.isJudged else { continue }
        claims.append(
          Claim(
            "A: E[Ẑ]/Z − 1, \(recipe.name), k = \(particles)", measured: ratio.value - 1,
            uncertainty: ratio.standardError, rule: .agrees(with: 0, uncertainties: 4)))
      }
    }
    claims.append(
      Claim(
        "A: mean reward of difference, k = 32, against the exact \(formatNumber(exactReward))",
        measured: abs(rewards["difference 32"]! - exactReward), uncertainty: nil, rule: .atMost(0.06)))
    claims.append(
      Claim(
        "A: mean reward of difference above importance sampling's, k = 4",
        measured: rewards["difference 4"]! - rewards["importance 4"]!, uncertainty: nil, rule: .atLeast(0.3)))
    return ExperimentOutcome(claims: claims, items: [.table(table)])
  }
}
