import Foundation
import Language
import Probability
import Report
import Torch

// E3 to E5: trainings of a tabular policy with Adam; what is reported is the exact expected reward at the end.

extension OnPolicyPreferences {
  private static let objectives: [(name: String, objective: OnlineObjective)] = [
    ("Best-of-N", .named(.bestOfN)), ("RWR", .named(.rwr)), ("DPO", .named(.dpo)), ("IPO", .named(.ipo)),
    ("REINFORCE", .named(.reinforce)),
  ]

  /// Options with the samples of an iteration and their use.
  private static func options(
    _ objective: OnlineObjective, iterations: Int, prompts: Int, innerSteps: Int
  ) -> OnlinePreferenceOptions {
    var options = OnlinePreferenceOptions()
    options.objective = objective
    (options.iterations, options.prompts, options.innerSteps) = (iterations, prompts, innerSteps)
    return options
  }

  /// Final expected rewards of all seeds.
  private func rewards(_ bandit: PreferenceBandit, _ options: OnlinePreferenceOptions, _ random: RandomSource)
    throws -> [Double]
  {
    var study = BanditStudy(bandit)
    study.options = options
    return try study.run(seeds: Self.seeds, random: random).map { $0.readings.last!.law.reward }
  }

  // MARK: E3

  func onPolicy(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    // Computed independently: R1 on, R1 off, R2 on, R2 off.
    let figures: [[Double]] = [
      [0.989, 0.301, 0.995, 0.937], [0.995, 0.931, 0.999, 0.942], [0.997, 0.310, 1.000, 0.951],
      [0.995, 0.459, 0.999, 0.971], [0.996, 0.449, 1.000, 0.783],
    ]
    var outcome = ExperimentOutcome()
    var table = ReportTable(
      title: "E3: final reward, 10,000 rewards asked for and 1500 steps each, mean ± s.e. of 5 seeds",
      columns: [
        .text("objective"), .text("reward"), .uncertain("on-policy"), .number("reference figure"),
        .uncertain("offline"), .number("reference figure "), .uncertain("difference"),
      ])
    for (i, (name, objective)) in Self.objectives.enumerated() {
      for (j, (peak, bandit)) in Self.bandits.enumerated() {
        log("E3: \(name), \(peak)")
        let stream = random.split(name).split(peak)
        let on = try rewards(
          bandit, Self.options(objective, iterations: 100, prompts: 10, innerSteps: 15), stream.split("on"))
        var offline = Self.options(objective, iterations: 1, prompts: 1000, innerSteps: 1500)
        offline.data = .reference
        let off = try rewards(bandit, offline, stream.split("off"))
        let gap = Estimate(meanOf: zip(on, off).map { $0 - $1 })
        let (first, second) = (Estimate(meanOf: on), Estimate(meanOf: off))
        table.append([
          .text(name), .text(peak), .uncertain(first.value, first.standardError), .number(figures[i][2 * j]),
          .uncertain(second.value, second.standardError), .number(figures[i][2 * j + 1]),
          .uncertain(gap.value, gap.standardError),
        ])
        if peak == "R1", name != "RWR" {
          outcome.claims.append(
            Claim(
              "E3: \(name) on-policy less offline, R1", measured: gap.value, uncertainty: gap.standardError,
              rule: .above(0.5)))
        }
        if peak == "R2", name != "REINFORCE" {
          outcome.claims.append(
            Claim(
              "E3: \(name) on-policy less offline, R2", measured: gap.value, uncertainty: gap.standardError,
              rule: .below(0.1)))
        }
        if peak == "R1", name == "Best-of-N" {
          outcome.claims.append(
            Claim(
              "E3: offline Best-of-N, beside its closed form 0.3135, R1", measured: second.value,
              uncertainty: second.standardError, rule: .near(0.3135, tolerance: 0.03)))
        }
      }
    }
    outcome.items.append(.table(table))
    return outcome
  }

  // MARK: E4

  func negativeGradient(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    log("E4: IPO and Best-of-N on the same offline draws")
    var outcome = ExperimentOutcome()
    var table = ReportTable(
      title: "E4: final reward, 1000 rewards and 200 steps, offline",
      columns: [.text("reward"), .uncertain("IPO"), .uncertain("Best-of-N"), .uncertain("difference")])
    for (peak, bandit) in Self.bandits {
      func run(_ objective: OnlineObjective, threshold: Double) throws -> [Double] {
        var options = Self.options(objective, iterations: 1, prompts: 100, innerSteps: 200)
        (options.data, options.threshold, options.learningRate) = (.reference, threshold, 0.03)
        // One stream: both see the same draws.
        return try rewards(bandit, options, random.split(peak))
      }
      let (contrast, best) = (try run(.named(.ipo), threshold: 0.2), try run(.named(.bestOfN), threshold: 0))
      let gaps = zip(contrast, best).map { $0 - $1 }
      let (first, second, gap) = (Estimate(meanOf: contrast), Estimate(meanOf: best), Estimate(meanOf: gaps))
      table.append([
        .text(peak), .uncertain(first.value, first.standardError),
        .uncertain(second.value, second.standardError), .uncertain(gap.value, gap.standardError),
      ])
      outcome.claims.append(
        peak == "R1"
          ? Claim(
            "E4: seeds in which IPO ends more than 0.2 above Best-of-N, R1",
            measured: Double(gaps.count { $0 > 0.2 }), uncertainty: nil,
            rule: .count(atLeast: Self.seeds, of: Self.seeds))
          : Claim(
            "E4: difference of IPO and Best-of-N, R2", measured: abs(gap.value),
            uncertainty: gap.standardError, rule: .below(0.08)))
    }
    outcome.items.append(.table(table))
    return outcome
  }

  // MARK: E5

  func degrees(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    log("E5: 10,000 draws and 1500 steps in 1 to 100 iterations")
    let figures = [1: 0.30, 4: 0.996, 20: 0.994, 100: 0.990]
    var table = ReportTable(
      title: "E5: final reward of Best-of-N on R1 by iterations",
      columns: [.integer("iterations"), .uncertain("reward"), .number("reference figure")])
    var (online, offline) = (Double.infinity, -Double.infinity)
    for iterations in [1, 4, 20, 100] {
      let found = try rewards(
        Self.bandits[0].bandit,
        Self.options(
          .named(.bestOfN), iterations: iterations, prompts: 1000 / iterations,
          innerSteps: 1500 / iterations), random.split(iterations))
      let mean = Estimate(meanOf: found)
      table.append([
        .integer(iterations), .uncertain(mean.value, mean.standardError), .number(figures[iterations]!),
      ])
      if iterations == 1 { offline = found.max()! } else { online = min(online, found.min()!) }
    }
    return ExperimentOutcome(
      claims: [
        Claim(
          "E5: lowest final reward of all seeds with 4, 20 and 100 iterations", measured: online,
          uncertainty: nil, rule: .above(0.95)),
        Claim(
          "E5: highest final reward of all seeds with 1 iteration", measured: offline, uncertainty: nil,
          rule: .below(0.4)),
      ], items: [.table(table)])
  }
}
