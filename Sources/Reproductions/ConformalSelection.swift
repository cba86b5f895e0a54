import Foundation
import Probability
import Report
import Statistics
import Torch
import Training

/// Bai & Jin 2024 (arXiv 2411.17983), conformal selection with chosen scores: one of ten models (A), of fifty that know
/// nothing (B), no split of the labelled units (C), exact identities (D), the paper's generators with trees (E), households (F).
public struct OptimisedConformalSelection: Experiment {
  public static let slug = "conformal-selection"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] {
    scale == .quick ? ["B", "D"] : ["A", "B", "C", "D", "E", "F"]
  }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    log("\(part)…")
    return switch part {
    case "A": try chosenModel(random: random)
    case "B": try noise(random: random)
    case "C": try withoutSplit(random: random)
    case "D": try identities(random: random)
    case "E": try trees(scale == .paper ? 1000 : 200, random: random, log: log)
    default: try households(random: random)
    }
  }

  /// Means over repetitions of false discovery proportion, power and whether anything was selected.
  private struct Reading {
    let rate: Estimate
    let power: Estimate
    let some: Double

    init(_ outcomes: [ConformalSelection.Outcome]) {
      rate = Estimate(meanOf: outcomes.map(\.falseDiscoveryProportion))
      power = Estimate(meanOf: outcomes.map(\.power))
      some = Double(outcomes.count { $0.selected > 0 }) / Double(outcomes.count)
    }
  }

  /// Every procedure on one set of scores, in the order of `procedures`.
  private static let procedures = ["OptCS hete", "OptCS homo", "OptCS dtm", "naive", "split", "random model"]

  private static func all(
    _ scores: ConformalScores, _ passes: [Bool], level: Double, using random: inout RandomSource
  ) throws -> [ConformalSelection.Outcome] {
    var selection = ConformalSelection(level: level)
    var found: [[Int]] = []
    for pruning in [ConformalSelection.Pruning.hete, .homo, .dtm] {
      selection.pruning = pruning
      found.append(try selection.select(scores, using: &random).chosen)
    }
    found.append(try selection.selectNaively(scores, using: &random).selection.chosen)
    found.append(try selection.selectBySplit(scores, using: &random).selection.chosen)
    let model = random.integer(in: 0..<scores.models)
    found.append(try selection.selectPlain(scores.model(model), using: &random).chosen)
    return found.map { ConformalSelection.outcome($0, passes: passes) }
  }

  private static func table(_ title: String, _ rows: [(String, Reading)]) -> ReportTable {
    var table = ReportTable(
      title: title,
      columns: [.text("procedure"), .uncertain("FDR"), .uncertain("power"), .number("some selected")])
    for (name, reading) in rows {
      table.append([
        .text(name), .uncertain(reading.rate.value, reading.rate.standardError),
        .uncertain(reading.power.value, reading.power.standardError), .number(reading.some),
      ])
    }
    return table
  }

  /// The three bars of a study with several models.
  private static func claims(
    _ part: String, _ level: Double, _ rows: [Reading], naive: Rule, gain: Double?, room: Double = 2
  )
    -> [Claim]
  {
    var claims = (0..<3).map { place in
      Claim(
        "\(part), q = \(level): FDR of \(procedures[place]) less q, in standard errors",
        measured: (rows[place].rate.value - level) / rows[place].rate.standardError, uncertainty: nil,
        rule: .atMost(room))
    }
    claims.append(
      Claim(
        "\(part), q = \(level): FDR of the naive choice", measured: rows[3].rate.value,
        uncertainty: rows[3].rate.standardError, rule: naive))
    if let gain {
      claims.append(
        Claim(
          "\(part), q = \(level): power of OptCS homo less that of the split",
          measured: rows[1].power.value - rows[4].power.value,
          uncertainty: nil, rule: .atLeast(gain)))
    }
    return claims
  }

  // MARK: A

  private func chosenModel(random: RandomSource) throws -> ExperimentOutcome {
    let levels = [0.2, 0.4]
    let found = try Repetitions(500).run(random) { stream -> [[ConformalSelection.Outcome]] in
      func sample(_ rows: Int) -> (x: Tensor, y: [Double]) {
        let x = stream.normal([rows, 100], dtype: .double)
        let signal = x.select(axis: 1, Tensor([0, 20, 40, 60, 80])).sum(1)
        return (x, (signal + 0.5 * stream.normal([rows], dtype: .double)).doubles)
      }
      let (train, units, candidates) = (sample(200), sample(100), sample(100))
      var (calibration, tests): ([[Double]], [[Double]]) = ([], [])
      for _ in 0..<10 {
        var columns = Array(0..<100)
        columns.shuffle(using: &stream)
        let chosen = Tensor(Array(columns.prefix(20)))
        let fit = try Ridge(penalty: 1, hasIntercept: false).fit(train.x.select(axis: 1, chosen), train.y)
        calibration.append(fit.predict(units.x.select(axis: 1, chosen)))
        tests.append(fit.predict(candidates.x.select(axis: 1, chosen)))
      }
      let scores = try ConformalScores(
        calibration: calibration, passes: units.y.map { $0 > 1.5 }, candidates: tests)
      let passes = candidates.y.map { $0 > 1.5 }
      return try levels.map { try Self.all(scores, passes, level: $0, using: &stream) }
    }
    var outcome = ExperimentOutcome()
    for (l, level) in levels.enumerated() {
      let rows = Self.procedures.indices.map { p in Reading(found.map { $0[l][p] }) }
      outcome.items.append(
        .table(Self.table("A: q = \(level), 500 repetitions", Array(zip(Self.procedures, rows)))))
      outcome.claims += Self.claims(
        "A", level, rows, naive: .atLeast(((level + 0.1) * 10).rounded() / 10), gain: 0.03)
    }
    return outcome
  }

  // MARK: B

  private func noise(random: RandomSource) throws -> ExperimentOutcome {
    let levels = [0.2, 0.4]
    let found = try Repetitions(400).run(random) { stream -> [[ConformalSelection.Outcome]] in
      func scores() -> [[Double]] { (0..<50).map { _ in stream.normal([50], dtype: .double).doubles } }
      func labels() -> [Bool] { (0..<50).map { _ in stream.uniform() < 0.3 } }
      let (calibration, candidates) = (scores(), scores())
      let (units, passes) = (labels(), labels())
      let all = try ConformalScores(calibration: calibration, passes: units, candidates: candidates)
      return try levels.map { try Self.all(all, passes, level: $0, using: &stream) }
    }
    var outcome = ExperimentOutcome()
    for (l, level) in levels.enumerated() {
      let rows = Self.procedures.indices.map { p in Reading(found.map { $0[l][p] }) }
      outcome.items.append(
        .table(Self.table("B: q = \(level), models without knowledge", Array(zip(Self.procedures, rows)))))
      outcome.claims += Self.claims("B", level, rows, naive: .atLeast(0.65), gain: nil)
      let worst = rows.prefix(4).map { abs($0.rate.value - 0.7 * $0.some) }.max()!
      outcome.claims.append(
        Claim(
          "B, q = \(level): largest distance of the FDR of OptCS and naive to 0.7 P(some selected)",
          measured: worst,
          uncertainty: nil,
          rule: .atMost(0.02)))
    }
    return outcome
  }

  // MARK: C

  private func withoutSplit(random: RandomSource) throws -> ExperimentOutcome {
    let level = 0.2
    let names = [
      "full", "split 0.25", "split 0.5", "split 0.75", "in-sample", "full, 4 penalties, hete",
      "full, 4 penalties, homo",
    ]
    let found = try Repetitions(300).run(random) { stream -> [ConformalSelection.Outcome] in
      func sample(_ rows: Int) -> (x: Tensor, passes: [Bool]) {
        let x = stream.normal([rows, 20], dtype: .double)
        let y = x.slice(axis: 1, start: 0, end: 5).sum(1) + 1.5 * stream.normal([rows], dtype: .double)
        return (x, y.doubles.map { $0 > 2 })
      }
      let (units, candidates) = (sample(100), sample(50))
      var selection = ConformalSelection(level: level)
      var chosen: [[Int]] = []
      let full = try ConformalScores.pooled(
        units: units.x, passes: units.passes, candidates: candidates.x, learners: [Ridge(penalty: 10)],
        using: &stream)
      chosen.append(try selection.selectPlain(full, using: &stream).chosen)
      let labels = units.passes.map { $0 ? 1.0 : 0 }
      func trained(_ rows: Range<Int>, _ calibration: Range<Int>) throws -> [Int] {
        let fit = try Ridge(penalty: 10).fit(units.x[rows], Array(labels[rows]))
        let scores = try ConformalScores(
          calibration: [fit.predict(units.x[calibration])], passes: Array(units.passes[calibration]),
          candidates: [fit.predict(candidates.x)])
        return try selection.selectPlain(scores, using: &stream).chosen
      }
      for share in [25, 50, 75] { chosen.append(try trained(0..<share, share..<100)) }
      chosen.append(try trained(0..<100, 0..<100))
      let several = try ConformalScores.pooled(
        units: units.x, passes: units.passes, candidates: candidates.x,
        learners: [1, 10, 100, 1000].map { Ridge(penalty: $0) }, using: &stream)
      for pruning in [ConformalSelection.Pruning.hete, .homo] {
        selection.pruning = pruning
        chosen.append(try selection.select(several, using: &stream).chosen)
      }
      return chosen.map { ConformalSelection.outcome($0, passes: candidates.passes) }
    }
    let rows = names.indices.map { p in Reading(found.map { $0[p] }) }
    let best = rows[1...3].map(\.power.value).max()!
    return ExperimentOutcome(
      claims: [0, 5, 6].map { p in
        Claim(
          "C: FDR of \(names[p]) less q = 0.2, in standard errors",
          measured: (rows[p].rate.value - level) / rows[p].rate.standardError, uncertainty: nil,
          rule: .atMost(2))
      } + [
        Claim(
          "C: power without a split less that of the best split", measured: rows[0].power.value - best,
          uncertainty: nil,
          rule: .atLeast(0)),
        Claim(
          "C: power without a split less that of the even split",
          measured: rows[0].power.value - rows[2].power.value,
          uncertainty: nil, rule: .atLeast(0.02)),
        Claim(
          "C: FDR of scores calibrated on the units they were fitted to", measured: rows[4].rate.value,
          uncertainty: rows[4].rate.standardError, rule: .atLeast(0.3)),
      ], items: [.table(Self.table("C: q = 0.2, 300 repetitions", Array(zip(names, rows))))])
  }

  // MARK: D

  private func identities(random: RandomSource) throws -> ExperimentOutcome {
    var stream = random.split("sizes")
    var (compared, differences) = (0, 0)
    for _ in 0..<10_000 {
      let (k, n, m) = (stream.integer(in: 1..<6), stream.integer(in: 1..<41), stream.integer(in: 1..<41))
      // Few values, so that many are tied.
      func draws(_ count: Int) -> [[Double]] {
        (0..<k).map { _ in (0..<count).map { _ in Double(stream.integer(in: 0..<8)) } }
      }
      let scores = try ConformalScores(
        calibration: draws(n), passes: (0..<n).map { _ in stream.uniform() < 0.4 }, candidates: draws(m))
      let selection = ConformalSelection(level: 0.05 + 0.9 * stream.uniform())
      for model in 0..<k {
        let sizes = selection.auxiliarySizes(scores, model: model)
        let direct = Self.directSizes(scores, model, selection.level)
        compared += sizes.count
        differences += zip(sizes, direct).count { $0 != $1 }
      }
    }
    // Nothing passes: E 1{p ≤ qR/m} = ⌊(n + 1)qR/m⌋/(n + 1).
    let excess = try Repetitions(20_000).run(random.split("null")) { stream -> Double in
      let (k, n, m, q) = (3, 20, 10, 0.3)
      func draws(_ count: Int) -> [[Double]] {
        (0..<k).map { _ in stream.normal([count], dtype: .double).doubles }
      }
      let scores = try ConformalScores(
        calibration: draws(n), passes: [Bool](repeating: false, count: n), candidates: draws(m))
      var selection = ConformalSelection(level: q)
      (selection.isRandomised, selection.breaksTiesAtRandom) = (false, false)
      let found = try selection.select(scores, using: &stream)
      return (0..<m).reduce(0) { sum, j in
        let line = q * Double(found.sizes[j]) / Double(m)
        let expected = min(Double(n + 1), (Double(n + 1) * line + 1e-9).rounded(.down)) / Double(n + 1)
        return sum + (found.eValues[j] > 0 ? 1 : 0) - expected
      }
    }
    var unequal = 0
    for trial in 0..<2000 {
      let m = stream.integer(in: 2..<30)
      let scores = try ConformalScores(
        calibration: (0..<2).map { _ in stream.normal([30], dtype: .double).doubles },
        passes: (0..<30).map { _ in stream.uniform() < 0.5 },
        candidates: (0..<2).map { _ in stream.normal([m], dtype: .double).doubles })
      let selection = ConformalSelection(level: 0.3, pruning: ConformalSelection.Pruning.allCases[trial % 3])
      let found = try selection.select(scores, using: &stream)
      let ratios = zip(found.pruning, found.eValues).map { $1 > 0 ? $0 / $1 : .infinity }
      let chosen = benjaminiHochberg(ratios, level: 0.3)
      if chosen.indices.filter({ chosen[$0] }) != found.chosen { unequal += 1 }
    }
    let estimate = Estimate(meanOf: excess)
    return ExperimentOutcome(claims: [
      Claim(
        "D: R_j by the fast algorithm that differ from the definition, of \(compared)",
        measured: Double(differences),
        uncertainty: nil, rule: .near(0, tolerance: 0)),
      Claim(
        "D: identity of the null, in standard errors", measured: abs(estimate.zScore(against: 0)),
        uncertainty: nil,
        rule: .atMost(3)),
      Claim(
        "D: selections of 2,000 that differ from BH on ξ/e", measured: Double(unequal), uncertainty: nil,
        rule: .near(0, tolerance: 0)),
    ])
  }

  private static func directSizes(_ scores: ConformalScores, _ k: Int, _ q: Double) -> [Int] {
    let (n, m) = (scores.unitCount, scores.candidateCount)
    return (0..<m).map { j in
      let p = (0..<m).map { l -> Double in
        if l == j { return 0 }
        let v = -scores.candidates[k][l]
        let below = (0..<n).count { !scores.passes[$0] && -scores.calibration[k][$0] <= v }
        return Double(below + (-scores.candidates[k][j] <= v ? 1 : 0)) / Double(n + 1)
      }
      return max(1, benjaminiHochberg(p, level: q).count(where: \.self))
    }
  }

  // MARK: E

  private func trees(_ repetitions: Int, random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome
  {
    var outcome = ExperimentOutcome()
    let levels = [0.2, 0.4]
    for setting in [1, 2] {
      log("E: setting \(setting)")
      let found = try Repetitions(repetitions).run(random.split(setting)) { stream in
        try Self.family(setting, levels, using: &stream)
      }
      for (l, level) in levels.enumerated() {
        let rows = Self.procedures.indices.map { p in Reading(found.map { $0[l][p] }) }
        outcome.items.append(
          .table(
            Self.table(
              "E: setting \(setting), q = \(level), \(repetitions) repetitions",
              Array(zip(Self.procedures, rows)))))
        // Trees that agree with each other leave less to choose than ten halves of the truth. Twelve rates that may be q itself are
        // within 3.8 standard errors of it in 999 of 1,000 studies.
        outcome.claims += Self.claims(
          "E, setting \(setting)", level, rows, naive: .clearlyAbove(level, uncertainties: 2), gain: 0,
          room: 3.8)
      }
    }
    return outcome
  }

  /// Forest and boosted quantiles, and a forest's mean over six spreads: 24 models.
  private static func family(_ setting: Int, _ levels: [Double], using stream: inout RandomSource) throws
    -> [[ConformalSelection.Outcome]]
  {
    func sample(_ rows: Int) -> (x: Tensor, y: [Double]) {
      let x = stream.uniform([rows, 20], low: -1, high: 1, dtype: .double)
      let v = x.doubles
      let y = (0..<rows).map { i -> Double in
        let (x1, x2, x3, x4) = (v[i * 20], v[i * 20 + 1], v[i * 20 + 2], v[i * 20 + 3])
        if setting == 1 {
          let mean = x1 * x2 > 0 ? (x4 > 0.5 ? 0.25 + x4 : 0) : (x4 < -0.5 ? x4 - 0.25 : 0)
          return mean + 0.5 * stream.normal([], dtype: .double).item()
        }
        return 2 * (x1 * x2 + x3 * x3 + exp(x4 - 1) - 1) + 0.75 * stream.normal([], dtype: .double).item()
      }
      return (x, y)
    }
    let (train, units, candidates) = (sample(1000), sample(100), sample(100))
    let quantiles = (1...9).map { Double($0) / 10 }
    let both = Tensor.concatenate([units.x, candidates.x])
    let forest = try RandomForest().grown(train.x, train.y, using: &stream)
    let forests = forest.quantiles(quantiles, both)
    var boosted: [[Double]] = []
    for level in quantiles {
      let fit = try GradientBoosting(.quantile(level)).fit(train.x, train.y, weights: nil, using: &stream)
      boosted.append(fit.predict(both))
    }
    let mean = forest.means(both)
    let spreads = [forests, boosted].flatMap { all in
      [(8, 0), (7, 1), (6, 2)].map { high, low in zip(all[high], all[low]).map { $0 - $1 } }
    }
    let ratios = spreads.map { spread in
      // Boosted quantiles may cross; a spread is at least its own first twentieth.
      let least = max(1e-6, spread.sorted()[spread.count / 20])
      return zip(mean, spread).map { $0 / max($1, least) }
    }
    let all = forests + boosted + ratios
    let scores = try ConformalScores(
      calibration: all.map { Array($0[..<100]) }, passes: units.y.map { $0 > 0 },
      candidates: all.map { Array($0[100...]) })
    let passes = candidates.y.map { $0 > 0 }
    return try levels.map { try Self.all(scores, passes, level: $0, using: &stream) }
  }

  // MARK: F

  private func households(random: RandomSource) throws -> ExperimentOutcome {
    let table = try DataTable(contentsOf: DataCatalogue.file(of: DataCatalogue.dataSet(named: "pension")))
    let columns = ["age", "inc", "fsize", "educ", "db", "marr", "twoearn", "pira", "hown", "e401"]
    let design = try DesignCoding(table, columns: columns).matrix(of: table)
    let assets = try table.numbers("net_tfa")
    // About 30 % of the households pass.
    let threshold = assets.sorted()[assets.count * 7 / 10]
    var stream = random
    var order = Array(assets.indices)
    order.shuffle(using: &stream)
    let (training, rest) = (Array(order[..<1000]), Array(order[1000..<3000]))
    let x = design.select(axis: 0, Tensor(training))
    let learners: [any Regressor] = [
      Ridge(penalty: 1), Lasso(), NearestNeighbours(25), RandomForest(), GradientBoosting(),
    ]
    let held = design.select(axis: 0, Tensor(rest))
    var predictions: [[Double]] = []
    for learner in learners {
      predictions.append(
        try learner.fit(x, training.map { assets[$0] }, weights: nil, using: &stream).predict(held))
    }
    let all = predictions
    let found = try Repetitions(100).run(stream) { stream -> ConformalSelection.Outcome in
      var places = Array(rest.indices)
      places.shuffle(using: &stream)
      let (units, candidates) = (places[..<1000], places[1000...])
      let scores = try ConformalScores(
        calibration: all.map { row in units.map { row[$0] } },
        passes: units.map { assets[rest[$0]] > threshold },
        candidates: all.map { row in candidates.map { row[$0] } })
      let chosen = try ConformalSelection(level: 0.3).select(scores, using: &stream).chosen
      return ConformalSelection.outcome(chosen, passes: candidates.map { assets[rest[$0]] > threshold })
    }
    let reading = Reading(found)
    return ExperimentOutcome(
      claims: [
        Claim(
          "F: FDR on households, q = 0.3, less q, in standard errors",
          measured: (reading.rate.value - 0.3) / reading.rate.standardError, uncertainty: nil,
          rule: .atMost(2))
      ],
      items: [
        .table(Self.table("F: 1,000 households and 1,000 candidates, 100 halves", [("OptCS hete", reading)]))
      ])
  }
}
