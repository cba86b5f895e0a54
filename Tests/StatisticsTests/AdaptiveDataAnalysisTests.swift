import Foundation
import Probability
import Statistics
import Testing
import Torch

@Suite("validity under adaptive questions")
struct AdaptiveDataAnalysisTests {
  @Test(
    "the attack's accuracy is the published number, and 1 where a single record is asked for its own sign")
  func exact() throws {
    #expect(try abs(OverfittingAttack(rows: 1001, features: 501).exactAccuracy - 0.71396) < 6e-6)
    #expect(
      try abs(
        OverfittingAttack(rows: 1001, features: 1001, noise: .laplace, deviation: 0.05).exactAccuracy
          - 0.68978)
        < 6e-6)
    #expect(try abs(OverfittingAttack(rows: 1, features: 7).exactAccuracy - 1) < 1e-12)
    // Endless noise: a coin.
    #expect(
      try abs(OverfittingAttack(rows: 11, features: 7, noise: .gaussian, deviation: 1e9).exactAccuracy - 0.5)
        < 1e-6)
    #expect(message { _ = try OverfittingAttack(rows: 10, features: 7) }.contains("odd numbers"))
    // Through a mechanism that adds nothing it is the same attack; one that answers from parts of the records leaves little.
    var random = RandomSource(seed: 12)
    let attack = try OverfittingAttack(rows: 301, features: 101)
    let plain = (0..<40).map { _ in
      attack.simulate(through: EmpiricalMeans(rows: 301), using: &random)
    }
    let sample = Estimate(meanOf: plain.map(\.sample))
    #expect(abs(sample.zScore(against: attack.exactAccuracy)) < 4 && plain[0].answered == 101)
    let parts = try (0..<40).map { _ in
      attack.simulate(
        through: try SampleSplitting(rows: 301, queries: 50, random: random.split("parts")), using: &random)
    }
    let split = Estimate(meanOf: parts.map(\.sample))
    #expect(split.value < sample.value - 0.05 && parts[0].answered == 50)
    #expect(
      message { _ = try OverfittingAttack(rows: 11, features: 7, deviation: 0.1) }.contains("without a law"))
  }

  @Test("noise has the scale it is given", arguments: PrivacyNoise.allCases)
  func noise(noise: PrivacyNoise) throws {
    var server = try NoisyMeans(
      rows: 10, queries: 20_000, noise: noise, scale: noise.scale(deviation: 0.3),
      random: RandomSource(seed: 1))
    let query = StatisticalQuery(values: [Double](repeating: 0.5, count: 10))
    let answers = try (0..<20_000).map { _ in try server.answer(query).value - 0.5 }
    let variance = answers.reduce(0) { $0 + $1 * $1 } / 20_000
    // The variance of a square is 2σ⁴ for normals and 5σ⁴ for Laplace: five standard errors.
    let count = Double(answers.count)
    let mean = answers.reduce(0, +) / count
    #expect(abs(variance / 0.09 - 1) < 5 * (5 / count).squareRoot())
    #expect(abs(mean) < 5 * 0.3 / count.squareRoot())
  }

  @Test("composition has the theorems' values")
  func composition() {
    var ledger = PrivacyLedger()
    for _ in 0..<100 { ledger.addPure(0.01) }
    let drift = 100 * 0.01 * (exp(0.01) - 1)
    let advanced = 0.01 * (200 * log(1e6)).squareRoot() + drift
    #expect(abs(ledger.basic - 1) < 1e-12)
    #expect(abs(ledger.epsilon(delta: 1e-6) - min(1, advanced)) < 1e-12)
    ledger.addConcentrated(0.02)
    let pure = min(1, 0.01 * (200 * log(2e6)).squareRoot() + drift)
    let both = pure + 0.02 + 2 * (0.02 * log(2e6)).squareRoot()
    #expect(abs(ledger.epsilon(delta: 1e-6) - both) < 1e-12)
    ledger.addDescription(values: 1024)
    #expect(ledger.bits == 10)
  }

  @Test("a sample's fresh parts are disjoint and all of it, and the last question is refused with the count")
  func splitting() throws {
    var server = try SampleSplitting(rows: 12, queries: 3, random: RandomSource(seed: 2))
    // Every record carries a power of two: sums tell which were looked at.
    let query = StatisticalQuery(values: (0..<12).map { pow(2, Double($0)) }, range: 0...4096)
    let sums = try (0..<3).map { _ in Int(4 * (try server.answer(query).value)) }
    #expect(sums.reduce(0, +) == 4095 && sums.reduce(0, |) == 4095)
    #expect(message { _ = try server.answer(query) }.contains("all 3 parts used after 3 queries"))
  }

  @Test("Thresholdout answers from the training rows while they agree, pays where they do not, and stops")
  func thresholdout() throws {
    var server = try Thresholdout(
      rows: 4, trainingRows: 2, threshold: 0.2, deviation: 0, budget: 2, random: RandomSource(seed: 3))
    let agreeing = StatisticalQuery(values: [0, 1, 0, 1], training: [0.4, 0.5])
    let overfitted = StatisticalQuery(values: [0, 1, 0, 1], training: [1, 1])
    #expect(try server.answer(agreeing) == .init(value: 0.45, source: .training, budgetLeft: 2))
    #expect(try server.answer(overfitted) == .init(value: 0.5, source: .holdout, budgetLeft: 1))
    _ = try server.answer(overfitted)
    #expect(server.corrections == 2)
    #expect(message { _ = try server.answer(agreeing) }.contains("all 2 corrections used after 3 queries"))
    #expect(
      message {
        _ = try Thresholdout(
          rows: 4, trainingRows: 2, threshold: 0.1, deviation: 0.05, random: RandomSource(seed: 3))
      }
      .contains("more than twice the noise"))
  }

  @Test("questions of other shapes and ranges are refused, without a row or a value of what is kept back")
  func bad() throws {
    var server = EmpiricalMeans(rows: 3)
    #expect(
      message { _ = try server.answer(.init("auc", values: [0, 1])) }
        == "auc: found 2 values, expected 3, one a row")
    #expect(
      message { _ = try server.answer(.init("loss", values: [0, .nan, 1])) }
        == "loss: found values outside the range on the records kept back, expected values in 0.0…1.0; clip them, or name a wider range"
    )
    #expect(try server.answer(.init(values: [-2, 2, 0], range: -2...2)).value == 0)
    // Far from 0 plain sums round by an eighth of this range.
    let far = StatisticalQuery(
      values: (0..<1000).map { 1e15 + ($0 % 4 == 0 ? 1 : 0) }, range: 1e15...(1e15 + 1))
    var many = EmpiricalMeans(rows: 1000)
    #expect(try many.answer(far).value == 1e15 + 0.25)
    var holdout = try Thresholdout(
      rows: 3, trainingRows: 1, threshold: 0.1, deviation: 0, random: RandomSource(seed: 3))
    #expect(
      message { _ = try holdout.answer(.init("m", values: [0, 0, 0])) }.contains(
        "no values on the training rows"))
    #expect(
      message { _ = try holdout.answer(.init("m", values: [0, 0, 0], training: [7])) }.contains(
        "m, training row 1: found 7.0"))
    #expect(
      message {
        _ = try PrivateMultiplicativeWeights(
          records: [0], universe: 1 << 23, threshold: 0.1, random: RandomSource(seed: 1))
      }
      .contains("fewer attributes"))
  }

  @Test("every update of multiplicative weights brings the synthetic law nearer by at least 2T²")
  func multiplicativeWeights() throws {
    var random = RandomSource(seed: 4)
    let records = (0..<1000).map { _ in Int(512 * random.uniform() * random.uniform() * random.uniform()) }
    var server = try PrivateMultiplicativeWeights(
      records: records, universe: 512, threshold: 0.1, random: RandomSource(seed: 5))
    let start = server.divergence
    var counts = [Double](repeating: 0, count: 512)
    for record in records { counts[record] += 0.001 }
    for _ in 0..<200 {
      let phi = zip(counts, server.distribution).map { $0 > $1 ? 1.0 : 0 }
      let (before, updates) = (server.divergence, server.updates)
      let answer = try server.answer(phi)
      #expect(abs(answer.value - zip(counts, phi).reduce(0) { $0 + $1.0 * $1.1 }) <= 0.1 + 1e-12)
      if server.updates > updates { #expect(before - server.divergence >= 0.02 - 1e-12) }
    }
    #expect(server.updates > 0 && Double(server.updates) <= start / 0.02)
    #expect(abs(server.distribution.reduce(0, +) - 1) < 1e-9)
  }

  @Test("noisy multiplicative weights pay for comparisons and answers, and stop with the last update")
  func noisyWeights() throws {
    let records = [Int](repeating: 3, count: 10_000)
    var server = try PrivateMultiplicativeWeights(
      records: records, universe: 4, threshold: 0.1, scale: 0.001, limit: 2, random: RandomSource(seed: 8))
    // 1/(nb) for the threshold, twice that for each update.
    #expect(abs((server.epsilon ?? 0) - 0.5) < 1e-12)
    let (hit, all) = ([0.0, 0, 0, 1], [1.0, 1, 1, 1])
    #expect(try server.answer(all).source == .synthetic)
    for _ in 0..<2 {
      let answer = try server.answer(hit)
      #expect(answer.source == .holdout && answer.value != 1 && abs(answer.value - 1) < 0.02)
    }
    #expect(message { _ = try server.answer(all) }.contains("all 2 updates used after 3 queries"))
    let exact = try PrivateMultiplicativeWeights(
      records: records, universe: 4, threshold: 0.1, random: RandomSource(seed: 8))
    #expect(exact.epsilon == nil)
  }

  @Test("guess and check is free while guesses are right")
  func guesses() throws {
    var server = try GuessAndCheck(
      rows: 100_000, corrections: 2, threshold: 0.1, epsilons: (0.5, 0.5, 0.5), random: RandomSource(seed: 6))
    let values = (0..<100_000).map { $0 % 2 == 0 ? 1.0 : 0 }
    for _ in 0..<50 {
      #expect(try server.answer(.init(values: values, training: [0.52])).source == .training)
    }
    let corrected = try server.answer(.init(values: values, training: [0.9]))
    #expect(corrected.source == .holdout && abs(corrected.value - 0.5) < 0.01 && corrected.budgetLeft == 1)
    let bar = try #require(server.errorBar(queries: 100, beta: 0.05))
    #expect(bar > 0.1 && bar < server.errorBar(queries: 10_000, beta: 0.05)!)
    #expect(EmpiricalMeans(rows: 3).errorBar(queries: 1, beta: 0.05) == nil)
  }

  @Test("rounds go on to the next part only where the current one no longer agrees with the rest")
  func rounds() throws {
    var server = try EffectiveRounds(
      rows: 40_000, rounds: 3, threshold: 0.05, epsilon: 50, random: RandomSource(seed: 7))
    let fair = StatisticalQuery(values: (0..<40_000).map { Double($0 % 2) })
    for _ in 0..<30 { #expect(abs(try server.answer(fair).value - 0.5) < 0.05) }
    #expect(server.round == 0)
  }

  @Test("certificates are the largest: one question more is not certified, and more records certify more")
  func certificates() throws {
    let small = try BudgetCalculator(rows: 20_000, tau: 0.1, beta: 0.05)
    let m = small.certificate(.splitting).queries
    func fits(_ m: Double) -> Bool { m * log(2 * m / 0.05) <= 2 * 20_000 * 0.01 }
    #expect(fits(Double(m)) && !fits(Double(m + 1)))
    #expect(small.certificate(.nonadaptive).queries == .max)
    let large = try BudgetCalculator(rows: 80_000, tau: 0.1, beta: 0.05)
    for mechanism in BudgetCalculator.Mechanism.allCases {
      #expect(large.certificate(mechanism).queries >= small.certificate(mechanism).queries)
    }
    #expect(large.certificate(.gaussian).queries > 0 && large.certificate(.laplace).queries > 0)
    // The Laplace recipe by hand at its own answer.
    let laplace = large.certificate(.laplace)
    let b = 0.05 / log(2 * Double(laplace.queries) / 0.05)
    #expect(abs(b - (laplace.scale ?? 0)) < 1e-12)
    let epsilon = Double(laplace.queries) / (80_000 * b)
    let largest = (0.0025 - log(2.0) / 160_000).squareRoot()
    #expect(epsilon <= largest)
    #expect(message { _ = try BudgetCalculator(rows: 10, tau: 0, beta: 0.1) }.contains("tau"))
  }

  @Test("rounded answers stop at the last one that the bits allow")
  func rounded() throws {
    var server = try RoundedMeans(rows: 2000, decimals: 2, tau: 0.1, beta: 0.05)
    var served = 0
    let query = StatisticalQuery(values: (0..<2000).map { Double($0 % 3) / 2 })
    while let answer = try? server.answer(query) {
      served += 1
      #expect(answer.value == 0.5)
    }
    #expect(served > 0)
    #expect(TransferTheorem.descriptionBound(rows: 2000, tau: 0.095, bits: server.ledger.bits) <= 0.05)
    #expect(
      TransferTheorem.descriptionBound(rows: 2000, tau: 0.095, bits: server.ledger.bits + log2(101)) > 0.05)
  }

  @Test("a log keeps the chain, and tells the line where it was changed")
  func chain() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appendingPathComponent("log.jsonl")
    let holdout = try folder.file("kept.csv", "x\n1\n")
    func log() throws -> HoldoutLog { try HoldoutLog(file, holdout: holdout, mechanism: "means") }
    var kept = try log()
    for value in [0.5, 0.25, 0.75] {
      try kept.append("accuracy", QueryAnswer(value: value, source: .holdout, budgetLeft: 3))
    }
    #expect(try log().entries == kept.entries)
    let text = try String(contentsOf: file, encoding: .utf8)
    try text.replacing("0.25", with: "0.26").write(to: file, atomically: true, encoding: .utf8)
    #expect(
      message { _ = try log() }.contains("log.jsonl:3: found an entry whose hash does not follow"))
    try text.split(separator: "\n").dropFirst().joined(separator: "\n")
      .write(to: file, atomically: true, encoding: .utf8)
    #expect(message { _ = try log() }.contains("log.jsonl:1: found no first line"))
    try Data().write(to: file)
    #expect(message { _ = try log() }.contains("log.jsonl:1: found no first line"))
    let place = folder.url
    #expect(message { _ = try HoldoutLog(place, holdout: holdout, mechanism: "means") }.contains("a folder"))
  }

  @Test("a log belongs to one holdout and one mechanism, and knows what each run has spent")
  func earlierRuns() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appendingPathComponent("log.jsonl")
    let (one, other) = (try folder.file("one.csv", "x\n1\n"), try folder.file("other.csv", "x\n2\n"))
    let runs: [[QueryAnswer.Source]] = [[.training, .holdout], [], [.holdout, .training]]
    for run in runs {
      var log = try HoldoutLog(file, holdout: one, mechanism: "guess, budget 3")
      for source in run { try log.append("line\nbreak", QueryAnswer(value: 0.5, source: source)) }
    }
    var spent = ServedCount()
    // A run that says nothing spends nothing.
    (spent.queries, spent.dear, spent.runs, spent.brokenOff) = (4, 2, 2, 1)
    #expect(try HoldoutLog(file, holdout: one, mechanism: "guess, budget 3").earlier == spent)
    #expect(
      message { _ = try HoldoutLog(file, holdout: other, mechanism: "guess, budget 3") }.contains(
        "another holdout"))
    #expect(
      message { _ = try HoldoutLog(file, holdout: one, mechanism: "guess, budget 9") }.contains(
        "found the log of guess, budget 3, expected guess, budget 9"))
  }

  @Test("a restart goes on with what is left, less what its new threshold costs")
  func restarts() throws {
    let right = StatisticalQuery(values: [0, 1, 0, 1], training: [0.5, 0.5])
    var spent = ServedCount()
    (spent.queries, spent.dear, spent.runs, spent.brokenOff) = (9, 2, 2, 1)
    for (noise, left) in [(PrivacyNoise.laplace, 1), (PrivacyNoise.gaussian, 2)] {
      var server = try Thresholdout(
        rows: 4, trainingRows: 2, threshold: 0.2, deviation: 0, budget: 4, noise: noise, after: spent,
        random: RandomSource(seed: 3))
      #expect(try server.answer(right).budgetLeft == left)
    }
    // Two more thresholds at ε₁ = 1 of six corrections at (2 + 1)/6 each: two are left of six, and used.
    func guess(_ runs: Int) throws -> GuessAndCheck {
      spent.runs = runs
      return try GuessAndCheck(
        rows: 1_000_000, corrections: 6, threshold: 0.2, epsilons: (1, 2, 1), after: spent,
        random: RandomSource(seed: 3))
    }
    let values = (0..<1_000_000).map { Double($0 % 2) }
    let free = StatisticalQuery(values: values, training: [0.5])
    var (first, second) = (try guess(1), try guess(2))
    #expect(try first.answer(free).budgetLeft == 2)
    #expect(
      message { _ = try second.answer(free) }.contains("all 6 corrections, with those that restarts cost,"))
  }

  @Test("the best candidate is chosen by answers, ties to the first")
  func best() throws {
    var server = EmpiricalMeans(rows: 2)
    let candidates = [[0.0, 0.5], [1, 0.5], [0.5, 1]].map { StatisticalQuery(values: $0) }
    #expect(try server.best(of: candidates).place == 1)
    #expect(try server.best(of: candidates, largest: false).place == 0)
  }

  @Test("sums of the columns that votes take together have the law of all columns")
  func bundles() {
    let (n, repetitions) = (64, 600)
    let sizes = ThresholdoutStudy.sizes
    var random = RandomSource(seed: 71)
    /// Accuracies of the plain holdout, one a size and sample, from n² numbers a sample.
    func direct() -> [Double] {
      let samples = (0..<3).map { _ in random.normal([n, n], dtype: .double) }
      let means = samples.map { $0.mean(0).doubles }
      let unit = 1 / Double(n).squareRoot()
      let kept = (0..<n).filter {
        min(abs(means[0][$0]), abs(means[1][$0])) > unit && means[0][$0] * means[1][$0] > 0
      }.sorted { abs(means[0][$0]) > abs(means[0][$1]) }
      return sizes.flatMap { size in
        samples.map { sample in
          guard !kept.isEmpty else { return 0.5 }
          let chosen = Array(kept.prefix(size))
          let signs = Tensor(chosen.map { means[0][$0] > 0 ? 1.0 : -1 })
          return (sample.select(axis: 1, Tensor(chosen)).matmul(signs) .> 0).to(.double).mean().item()
        }
      }
    }
    let study = ThresholdoutStudy(rows: n, signals: 0)
    let reference = (0..<repetitions).map { _ in direct() }
    let found = (0..<repetitions).map { _ in
      study.run(using: &random).standard.flatMap { [$0.training, $0.holdout, $0.fresh] }
    }
    for place in 0..<sizes.count * 3 {
      let (a, b) = (Estimate(meanOf: reference.map { $0[place] }), Estimate(meanOf: found.map { $0[place] }))
      let error = (a.standardError * a.standardError + b.standardError * b.standardError).squareRoot()
      #expect(abs(a.value - b.value) < 4.5 * error, "place \(place): \(a), \(b)")
    }
  }
}
