import Foundation
import Probability
import Report
import Statistics
import Torch

/// Dwork et al. 2015 (arXiv 1411.2664), validity under adaptive questions: the overfitting attack with its exact accuracy
/// (A), Thresholdout against a plain holdout (B), private multiplicative weights (C), private selection (D), and the ledger
/// (E).
public struct ValidityUnderAdaptivity: Experiment {
  public static let slug = "adaptive-data-analysis"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] {
    scale == .quick ? ["A", "D", "E"] : ["A", "B", "C", "D", "E"]
  }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "A": try attack(random: random, log: log)
    case "B": try thresholdout(scale, random: random, log: log)
    case "C": try multiplicativeWeights(random: random)
    case "D": selection(random: random)
    default: try ledger()
    }
  }

  // MARK: A

  private func attack(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let noises: [(name: String, noise: PrivacyNoise?, deviation: Double)] = [
      ("none", nil, 0), ("Gaussian 0.05", .gaussian, 0.05), ("Gaussian 0.2", .gaussian, 0.2),
      ("Laplace 0.05", .laplace, 0.05), ("Laplace 0.2", .laplace, 0.2),
    ]
    var table = ReportTable(
      title: "A: accuracy of a vote without signal on its own sample, 100 repetitions",
      columns: [
        .integer("n"), .integer("d"), .text("noise"), .number("exact", digits: 6), .uncertain("simulated"),
        .uncertain("fresh"),
      ])
    var outcome = ExperimentOutcome()
    var (worst, worstFresh) = (0.0, 0.0)
    for n in [501, 1001, 2001] {
      for d in [101, 501, 1001] {
        log("A: n = \(n), d = \(d)")
        for (name, noise, deviation) in noises {
          let attack = try OverfittingAttack(rows: n, features: d, noise: noise, deviation: deviation)
          let found = Repetitions(100).run(random.split("\(n) \(d) \(name)")) { attack.simulate(using: &$0) }
          let (sample, fresh) = (Estimate(meanOf: found.map(\.sample)), Estimate(meanOf: found.map(\.fresh)))
          worst = max(worst, abs(sample.zScore(against: attack.exactAccuracy)))
          worstFresh = max(worstFresh, abs(fresh.zScore(against: 0.5)))
          table.append([
            .integer(n), .integer(d), .text(name), .number(attack.exactAccuracy),
            .uncertain(sample.value, sample.standardError), .uncertain(fresh.value, fresh.standardError),
          ])
        }
      }
    }
    let exact: [(Int, PrivacyNoise?, Double, Double)] = [
      (101, nil, 0, 0.60032), (501, nil, 0, 0.71396), (1001, nil, 0, 0.78768),
      (1001, .gaussian, 0.05, 0.66513),
      (1001, .gaussian, 0.2, 0.54957), (1001, .laplace, 0.05, 0.68978), (1001, .laplace, 0.2, 0.57483),
    ]
    for (d, noise, deviation, truth) in exact {
      let attack = try OverfittingAttack(rows: 1001, features: d, noise: noise, deviation: deviation)
      outcome.claims.append(
        Claim(
          "A: exact accuracy, n = 1001, d = \(d), \(noise.map { "\($0.rawValue) \(deviation)" } ?? "no noise")",
          measured: attack.exactAccuracy, uncertainty: nil, rule: .near(truth, tolerance: 6e-6)))
    }
    outcome.claims += [
      Claim(
        "A: largest deviation of 45 simulated accuracies from the exact ones, in standard errors",
        measured: worst,
        uncertainty: nil, rule: .atMost(3)),
      Claim(
        "A: largest deviation of 45 accuracies on fresh records from ½, in standard errors",
        measured: worstFresh,
        uncertainty: nil, rule: .atMost(3)),
    ]
    outcome.items = [.table(table)]
    return outcome
  }

  // MARK: B

  private func thresholdout(_ scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    let n = scale == .paper ? 10_000 : 1000
    let repetitions = scale == .paper ? 100 : 40
    var outcome = ExperimentOutcome()
    var plots: [Plot] = []
    for hasSignal in [false, true] {
      log("B: \(hasSignal ? "20 variables with signal" : "no signal")")
      let found = Repetitions(repetitions).run(random.split(hasSignal ? "signal" : "none")) {
        ThresholdoutStudy(rows: n, signals: hasSignal ? 20 : 0).run(using: &$0)
      }
      for (place, name) in ["standard", "Thresholdout"].enumerated() {
        func mean(_ value: KeyPath<ThresholdoutStudy.Accuracies, Double>, _ k: Int) -> Estimate {
          Estimate(meanOf: found.map { (place == 0 ? $0.standard : $0.protected)[k][keyPath: value] })
        }
        let title = "\(name), \(hasSignal ? "signal" : "no signal")"
        var table = ReportTable(
          title: "B: \(title): accuracy, \(repetitions) repetitions",
          columns: [
            .integer("variables"), .uncertain("training"), .uncertain("holdout"), .uncertain("fresh"),
          ])
        for (k, size) in ThresholdoutStudy.sizes.enumerated() {
          let (a, b, c) = (mean(\.training, k), mean(\.holdout, k), mean(\.fresh, k))
          table.append([
            .integer(size), .uncertain(a.value, a.standardError), .uncertain(b.value, b.standardError),
            .uncertain(c.value, c.standardError),
          ])
          if scale != .paper { outcome.claims += Self.claims(name, hasSignal, size, b, c) }
        }
        outcome.items.append(.table(table))
        plots.append(
          Plot(
            title, x: "variables", y: "accuracy",
            marks: [
              ("training", \ThresholdoutStudy.Accuracies.training), ("holdout", \.holdout),
              ("fresh", \.fresh),
            ].map {
              series, path in
              .line(
                x: ThresholdoutStudy.sizes.map(Double.init),
                y: ThresholdoutStudy.sizes.indices.map { mean(path, $0).value },
                series: series)
            }))
      }
    }
    outcome.items.append(.plot(.grid(plots, columns: 2), name: "thresholdout"))
    return outcome
  }

  /// What an independent program found, by mechanism, signal and variables: the holdout's word.
  private static let published: [String: [Int: Double]] = [
    "standard no signal": [10: 0.559, 50: 0.626, 200: 0.629],
    "Thresholdout no signal": [10: 0.589, 50: 0.531, 100: 0.511, 200: 0.520],
    "standard signal": [20: 0.802, 50: 0.769, 200: 0.769],
    "Thresholdout signal": [20: 0.801, 50: 0.795, 100: 0.678, 200: 0.619],
  ]

  private static func claims(
    _ name: String, _ hasSignal: Bool, _ k: Int, _ holdout: Estimate, _ fresh: Estimate
  )
    -> [Claim]
  {
    let words = hasSignal ? "signal" : "no signal"
    var claims: [Claim] = []
    if let truth = published["\(name) \(words)"]?[k] {
      claims.append(
        Claim(
          "B: \(name), \(words), \(k) variables: accuracy by the holdout", measured: holdout.value,
          uncertainty: holdout.standardError, rule: .near(truth, tolerance: name == "standard" ? 0.012 : 0.04)
        ))
    }
    if k >= 100 {
      claims.append(
        Claim(
          "B: \(name), \(words), \(k) variables: the holdout's word less the fresh accuracy",
          measured: abs(holdout.value - fresh.value), uncertainty: nil,
          // With signal the mechanism's threshold is just being passed at 100 variables: there 40 repetitions have 0.03 to 0.06.
          rule: name == "standard" ? .atLeast(0.08) : k == 100 && hasSignal ? .below(0.08) : .atMost(0.05)))
    }
    if k == 20, hasSignal {
      claims.append(
        Claim(
          "B: \(name), signal, 20 variables: accuracy on fresh records", measured: fresh.value,
          uncertainty: fresh.standardError, rule: .atLeast(0.79)))
    }
    return claims
  }

  // MARK: C

  private func multiplicativeWeights(random: RandomSource) throws -> ExperimentOutcome {
    var stream = random
    let (attributes, n, threshold, queries) = (10, 2000, 0.1, 20_000)
    let universe = 1 << attributes
    let population = stream.gamma(Tensor.full([universe], 0.3, dtype: .double))
    let truth = (population / population.sum()).doubles
    var cumulated = 0.0
    let levels = truth.map { p -> Double in
      cumulated += p
      return cumulated
    }
    let records = (0..<n).map { _ -> Int in
      let u = stream.uniform() * cumulated
      return min(universe - 1, levels.firstIndex { $0 > u } ?? universe - 1)
    }
    var counts = [Double](repeating: 0, count: universe)
    for record in records { counts[record] += 1 / Double(n) }
    func mean(_ law: [Double], _ phi: [Double]) -> Double { zip(law, phi).reduce(0) { $0 + $1.0 * $1.1 } }
    var outcome = ExperimentOutcome()
    var table = ReportTable(
      title: "C: \(queries) adaptive questions, \(universe) points, \(n) records",
      columns: [.text("mechanism"), .integer("updates"), .number("largest error to the population")])
    for scale in [0, threshold / 10] {
      var server = try PrivateMultiplicativeWeights(
        records: records, universe: universe, threshold: threshold, scale: scale, limit: 1_000_000,
        random: random.split("noise"))
      let start = server.divergence
      var (smallest, farthest, population) = (Double.infinity, 0.0, 0.0)
      for t in 0..<queries {
        let phi: [Double]
        if t % 2 == 0 {
          phi = zip(counts, server.distribution).map { $0 > $1 ? 1 : 0 }
        } else {
          let (mask, value) = (stream.integer(in: 1..<universe), stream.integer(in: 0..<universe))
          phi = (0..<universe).map { ($0 ^ value) & mask == 0 ? 1 : 0 }
        }
        let (before, updates) = (server.divergence, server.updates)
        let answer = try server.answer(phi)
        if server.updates > updates { smallest = min(smallest, before - server.divergence) }
        farthest = max(farthest, abs(answer.value - mean(counts, phi)))
        population = max(population, abs(answer.value - mean(truth, phi)))
      }
      table.append([
        .text(scale == 0 ? "multiplicative weights, no noise" : "multiplicative weights, noise T/10"),
        .integer(server.updates), .number(population),
      ])
      guard scale == 0 else { continue }
      outcome.claims = [
        Claim(
          "C: smallest fall of KL(h‖D) in an update, over 2T²",
          measured: smallest / (2 * threshold * threshold),
          uncertainty: nil, rule: .atLeast(1)),
        Claim(
          "C: updates over KL(h‖uniform)/(2T²)",
          measured: Double(server.updates) / (start / (2 * threshold * threshold)), uncertainty: nil,
          rule: .atMost(1)),
        Claim(
          "C: largest distance of an answer from the records' mean, over T", measured: farthest / threshold,
          uncertainty: nil, rule: .atMost(1)),
      ]
    }
    outcome.items = [.table(table)]
    return outcome
  }

  // MARK: D

  private func selection(random: RandomSource) -> ExperimentOutcome {
    let (n, d, runs) = (500, 1000, 1500)
    let epsilons = [0.05, 0.1, 0.2, 0.5]
    let found = Repetitions(runs).run(random) { stream -> [Double] in
      let means =
        (stream.binomial(Tensor.full([d], Double(n), dtype: .double), Tensor.full([d], 0.5, dtype: .double))
        / Double(n)).doubles
      return epsilons.map { means[reportNoisyMax(means, rows: n, epsilon: $0, using: &stream)] - 0.5 }
        + [means.max()! - 0.5]
    }
    var outcome = ExperimentOutcome()
    let published = [0.0054, 0.0124, 0.0246, 0.0562, 0.0723]
    var last = 0.0
    for (place, truth) in published.enumerated() {
      let bias = Estimate(meanOf: found.map { $0[place] })
      let name = place < epsilons.count ? "ε = \(epsilons[place])" : "no noise"
      var rules = [Rule.near(truth, tolerance: 0.003), .above(last)]
      if place < epsilons.count {
        rules.append(.below(TransferTheorem.expectedBias(epsilon: epsilons[place])))
      }
      outcome.claims.append(
        Claim(
          "D: mean of the chosen question on the sample less ½, \(name)", measured: bias.value,
          uncertainty: bias.standardError, rule: .all(rules)))
      last = bias.value
    }
    return outcome
  }

  // MARK: E

  private func ledger() throws -> ExperimentOutcome {
    var ledger = PrivacyLedger()
    for _ in 0..<50 { ledger.addPure(0.02) }
    let (m, e, delta) = (50.0, 0.02, 1e-6)
    let advanced = e * (2 * m * log(1 / delta)).squareRoot() + m * e * (exp(e) - 1)
    var concentrated = PrivacyLedger()
    for _ in 0..<20 { concentrated.addConcentrated(0.003) }
    let rho = 0.06
    var server = try NoisyMeans(
      rows: 100, queries: 7, noise: .laplace, scale: 0.1, random: RandomSource(seed: 1))
    var served = 0
    while (try? server.answer(StatisticalQuery(values: [Double](repeating: 0.5, count: 100)))) != nil {
      served += 1
    }
    return ExperimentOutcome(claims: [
      Claim(
        "E: Σε of 50 mechanisms", measured: ledger.basic, uncertainty: nil, rule: .near(1, tolerance: 1e-12)),
      Claim(
        "E: their advanced composition", measured: PrivacyLedger.advanced(ledger.pure, delta: delta),
        uncertainty: nil,
        rule: .near(advanced, tolerance: 1e-12)),
      Claim(
        "E: 20 Gaussian answers as ε", measured: concentrated.epsilon(delta: delta), uncertainty: nil,
        rule: .near(rho + 2 * (rho * log(1 / delta)).squareRoot(), tolerance: 1e-12)),
      Claim(
        "E: questions served of a budget of 7", measured: Double(served), uncertainty: nil,
        rule: .near(7, tolerance: 0)),
      Claim(
        "E: their privacy over 7/(n b)", measured: server.ledger.basic / (7 / (100 * 0.1)), uncertainty: nil,
        rule: .near(1, tolerance: 1e-12)),
    ])
  }
}
