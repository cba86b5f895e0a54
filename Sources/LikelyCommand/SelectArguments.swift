import ArgumentParser
import Foundation
import Likely

/// Where scores come from: predictions that the tables hold, or learners.
struct ScoreArguments: ParsableArguments {
  enum Direction: String, ExpressibleByArgument, CaseIterable { case large, small }
  enum Method: String, ExpressibleByArgument, CaseIterable {
    case cs, msel, full, fullMsel = "full-msel", fullEach = "full-each", naive, split, random
  }

  @Option(help: ArgumentHelp("Column of the labels.", valueName: "name"))
  var label: String

  @Option(help: ArgumentHelp("What a label must pass: a number, or a column of them.", valueName: "c"))
  var threshold = "0.5"

  @Option(help: ArgumentHelp("large: labels above the threshold pass; small: below.", valueName: "side"))
  var direction = Direction.large

  @Option(
    help: ArgumentHelp(
      "Columns of predictions, between commas, such as mean1,mean2/scale2.", valueName: "names"))
  var predictions: String?

  @Option(help: ArgumentHelp("Columns to learn from; all others if neither is given.", valueName: "names"))
  var features: String?

  @Option(help: ArgumentHelp("Learners between commas: \(RegressorNames.all).", valueName: "names"))
  var learners = "ridge:1,ridge:10,ridge:100"

  @Option(
    help: ArgumentHelp(
      "cs: one model; msel: the best of several; full: learners on all units; full-msel: both; full-each: ridge and kernel fitted anew for every candidate. To compare: naive (not valid), split, random.",
      valueName: "name"))
  var method: Method?

  @Option(help: ArgumentHelp("False discovery rates between commas.", valueName: "q"))
  var q = "0.1"

  @Option(
    help: ArgumentHelp("hete, homo or dtm: what prunes a selection whose members differ.", valueName: "name"))
  var pruning = ConformalSelection.Pruning.hete

  @Option(help: ArgumentHelp("Share of the level that the first step may use.", valueName: "β"))
  var shrink = 1.0

  @Option(help: ArgumentHelp("What a passing unit counts in a fit.", valueName: "w"))
  var positiveWeight = 1.0

  @Option(
    help: ArgumentHelp(
      "Parts of the rows for learners without a closed form under full; as many as rows leave out one by one.",
      valueName: "n"))
  var folds = 10

  func validate() throws {
    guard folds >= 2 else { throw ValidationError("--folds \(folds): at least 2") }
  }

  func levels() throws -> [Double] {
    try q.listed.map { text in
      guard let level = Double(text), level > 0, level < 1 else {
        throw UsageError("--q \(text): a number in (0, 1) is expected")
      }
      return level
    }
  }

  /// Whether labels pass.
  func passes(_ table: DataTable) throws -> [Bool] {
    let labels = try table.numbers(label)
    let limits = try limits(table)
    return zip(labels, limits).map { direction == .large ? $0 > $1 : $0 < $1 }
  }

  private func limits(_ table: DataTable) throws -> [Double] {
    if let number = Double(threshold) { return [Double](repeating: number, count: table.rowCount) }
    return try table.numbers(threshold)
  }

  /// Predictions of the columns named by `--predictions`, `[models][rows]`; large ones for rows that pass.
  func predicted(_ table: DataTable) throws -> [[Double]]? {
    guard let predictions else { return nil }
    return try predictions.listed.map { name in
      let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
      var values = try table.numbers(parts[0])
      if Double(threshold) == nil, parts.count == 1 {
        values = zip(values, try limits(table)).map { $0 - $1 }
      }
      if parts.count == 2 {
        let scales = try table.numbers(parts[1])
        let positive = scales.filter { $0 > 0 }.sorted()
        guard !positive.isEmpty else {
          throw StatisticsError(
            .badData, "\(table.source), \(parts[1])", found: "no scale above 0",
            expected: "scales of predictions")
        }
        let least = positive[positive.count / 20]
        let raised = scales.count { $0 < least }
        if raised > 0 {
          tell(
            "likely: \(table.source), \(parts[1]): \(raised) scales below \(formatNumber(least)) are raised to it"
          )
        }
        let limits = try limits(table)
        values = values.indices.map { (values[$0] - limits[$0]) / max(least, scales[$0]) }
      }
      return direction == .large ? values : values.map { -$0 }
    }
  }

  /// Features of two tables, coded alike.
  func designs(_ units: DataTable, _ candidates: DataTable) throws -> (Tensor, Tensor) {
    let others = Set([label, threshold])
    let columns =
      features?.listed ?? candidates.names.filter { !others.contains($0) && units.names.contains($0) }
    let coding = try DesignCoding(units, columns: columns)
    return (try coding.matrix(of: units), try coding.matrix(of: candidates))
  }

  /// The scores, and what the models are called.
  func scores(_ units: DataTable, _ candidates: DataTable, _ passes: [Bool], using random: inout RandomSource)
    throws
    -> (scores: ConformalScores, names: [String])
  {
    if let own = try predicted(units), let other = try predicted(candidates) {
      guard method != .full, method != .fullMsel else {
        throw UsageError("--method \(method!.rawValue): it fits learners itself; leave --predictions out")
      }
      return (try ConformalScores(calibration: own, passes: passes, candidates: other), predictions!.listed)
    }
    let chosen = try learners.listed.map { try RegressorNames.regressor($0) }
    let (x, z) = try designs(units, candidates)
    if method == .cs || method == .msel {
      throw UsageError(
        "--method \(method!.rawValue): it takes predictions of models fitted elsewhere; give --predictions, or use full"
      )
    }
    let used = method == .full ? Array(chosen.prefix(1)) : chosen
    let scores = try ConformalScores.pooled(
      units: x, passes: passes, candidates: z, learners: used, folds: folds, positiveWeight: positiveWeight,
      using: &random)
    return (scores, used.map(\.name))
  }

  /// Learners that can be fitted anew for every candidate.
  private func refittedLearners() throws -> [any LeaveOneOutRegressor] {
    guard predictions == nil else {
      throw UsageError("--method full-each: it fits learners itself; leave --predictions out")
    }
    return try learners.listed.map { name in
      guard let learner = try RegressorNames.regressor(name) as? any LeaveOneOutRegressor else {
        throw UsageError(
          "--learners \(name): --method full-each takes ols, ridge:λ and kernel:λ, which leave out rows in closed form"
        )
      }
      return learner
    }
  }

  /// One selection a level by learners that are fitted anew for every candidate.
  private func refitted(
    _ learners: [any LeaveOneOutRegressor], _ designs: (Tensor, Tensor), _ passes: [Bool],
    using random: inout RandomSource
  ) throws -> [ConformalSelection.Selection] {
    try levels().map {
      try selection($0).select(
        units: designs.0, passes: passes, candidates: designs.1, learners: learners,
        positiveWeight: positiveWeight, using: &random)
    }
  }

  /// One selection a level.
  func selections(
    _ units: DataTable, _ candidates: DataTable, _ passes: [Bool], using random: inout RandomSource
  ) throws -> [ConformalSelection.Selection] {
    if method == .fullEach {
      return try refitted(refittedLearners(), designs(units, candidates), passes, using: &random)
    }
    let scores = try scores(units, candidates, passes, using: &random).scores
    return try levels().map { try select(scores, $0, using: &random) }
  }

  /// What is told of a selection: one a level, how many every model alone would select, the models' names, and the share of
  /// candidates that are tied with a unit.
  struct Told {
    var selections: [ConformalSelection.Selection]
    var alone: [[Int]]
    var names: [String]
    var ties = 0.0
  }

  /// - Parameter shift: a column of both tables with the candidates' weights.
  func told(
    _ units: DataTable, _ candidates: DataTable, _ passes: [Bool], shift: String?,
    using random: inout RandomSource
  ) throws -> Told {
    if method == .fullEach {
      guard shift == nil else { throw UsageError("--shift: --method full-each takes no weights") }
      let (learners, designs) = (try refittedLearners(), try designs(units, candidates))
      let found = try refitted(learners, designs, passes, using: &random)
      let single = try learners.map { try refitted([$0], designs, passes, using: &random) }
      return Told(
        selections: found, alone: found.indices.map { l in single.map { $0[l].chosen.count } },
        names: learners.map(\.name))
    }
    var (scores, names) = try scores(units, candidates, passes, using: &random)
    if let shift {
      scores = try ConformalScores(
        calibration: scores.calibration, passes: passes, candidates: scores.candidates,
        weights: (try units.numbers(shift), try candidates.numbers(shift)))
    }
    let found = try levels().map { try select(scores, $0, using: &random) }
    let alone = try levels().map { level in
      try (0..<scores.models).map {
        try selection(level).selectPlain(scores.model($0), using: &random).chosen.count
      }
    }
    return Told(selections: found, alone: alone, names: names, ties: scores.tiedShare)
  }

  func selection(_ level: Double) -> ConformalSelection {
    var selection = ConformalSelection(level: level, pruning: pruning)
    selection.shrinkage = shrink
    return selection
  }

  func select(_ scores: ConformalScores, _ level: Double, using random: inout RandomSource) throws
    -> ConformalSelection.Selection
  {
    if method == .cs, scores.models > 1 {
      throw UsageError("--method cs: \(scores.models) models; one is expected, or --method msel")
    }
    let selection = selection(level)
    switch method {
    case .naive: return try selection.selectNaively(scores, using: &random).selection
    case .split: return try selection.selectBySplit(scores, using: &random).selection
    case .random:
      let model = random.integer(in: 0..<scores.models)
      return try selection.selectPlain(scores.model(model), using: &random)
    default:
      return scores.models == 1
        ? try selection.selectPlain(scores, using: &random) : try selection.select(scores, using: &random)
    }
  }
}
