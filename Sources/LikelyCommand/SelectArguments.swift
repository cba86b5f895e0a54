import ArgumentParser
import Foundation
import Likely

/// Where scores come from: predictions that the tables hold, or learners.
struct ScoreArguments: ParsableArguments {
  enum Direction: String, ExpressibleByArgument, CaseIterable { case large, small }
  enum Method: String, ExpressibleByArgument, CaseIterable {
    case cs, msel, full, fullMsel = "full-msel", fullEach = "full-each", train, inSample = "in-sample"
    case naive, split, random
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

  @Option(
    help: ArgumentHelp(
      "Learners between commas: \(RegressorNames.all). Left out, ridge:1 under full, else ridge:1,ridge:10,ridge:100.",
      valueName: "names"))
  var learners: String?

  @Option(
    help: ArgumentHelp(
      "cs: one model; msel: the best of several; full: learners on all units; full-msel: both; full-each: ridge and kernel fitted anew for every candidate; train: learners on a --share of the units, tested with the others. To compare: naive and in-sample (not valid), split, random.",
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

  @Flag(help: "Predictions are of passing, not of the label: a column of thresholds is not taken from them.")
  var probabilities = false

  @Option(
    help: ArgumentHelp("Part of the units that learners are fitted on under train.", valueName: "share"))
  var share = 0.5

  @Option(
    help: ArgumentHelp(
      "Parts of the rows for learners without a closed form under full; as many as rows leave out one by one.",
      valueName: "n"))
  var folds = 10

  func validate() throws {
    guard folds >= 2 else { throw ValidationError("--folds \(folds): at least 2") }
    guard share > 0, share < 1 else { throw ValidationError("--share \(share): a number in (0, 1)") }
    guard !(Double(threshold)?.isNaN ?? false) else {
      throw ValidationError("--threshold \(threshold): a number")
    }
    guard shrink > 0, shrink <= 1 else { throw ValidationError("--shrink \(shrink): a number in (0, 1]") }
    for (option, text) in [
      ("--predictions", predictions), ("--learners", learners), ("--features", features),
    ] {
      guard let names = text?.listed else { continue }
      guard !names.isEmpty else { throw ValidationError("\(option): at least one name") }
      if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
        throw ValidationError("\(option): \(twice) twice")
      }
    }
  }

  /// Which columns are features besides what the options say.
  struct FeatureRule {
    /// Columns that are named for something else.
    var excluded: [String] = []
    /// Where it is not that of the units.
    var coding: DesignCoding?
  }

  func levels() throws -> [Double] {
    guard !q.listed.isEmpty else { throw UsageError("--q: at least one number is expected") }
    return try q.listed.map { text in
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

  /// Predictions of the columns named by `--predictions`, `[models][rows]` of both tables; large ones for rows that pass.
  private func predicted(_ units: DataTable, _ candidates: DataTable) throws -> (
    own: [[Double]], other: [[Double]]
  )? {
    guard let predictions else { return nil }
    var found: (own: [[Double]], other: [[Double]]) = ([], [])
    for name in predictions.listed {
      let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      guard parts.count <= 2, !parts.contains("") else {
        throw UsageError("--predictions \(name): expected a column, or mean/scale")
      }
      // One limit for both tables, so that units and candidates are treated alike.
      let least = parts.count == 2 ? try leastScale(parts[1], units, candidates) : nil
      func values(_ table: DataTable) throws -> [Double] {
        var values = try table.numbers(parts[0])
        if probabilities { return values }
        if let least {
          let (limits, scales) = (try limits(table), try table.numbers(parts[1]))
          values = values.indices.map { (values[$0] - limits[$0]) / max(least, scales[$0]) }
        } else if Double(threshold) == nil {
          values = zip(values, try limits(table)).map { $0 - $1 }
        }
        return direction == .large ? values : values.map { -$0 }
      }
      found.own.append(try values(units))
      found.other.append(try values(candidates))
    }
    return found
  }

  /// A small quantile of the scales above 0 of both tables, to which smaller ones are raised.
  private func leastScale(_ name: String, _ units: DataTable, _ candidates: DataTable) throws -> Double {
    let scales = try units.numbers(name) + candidates.numbers(name)
    let positive = scales.filter { $0 > 0 }.sorted()
    guard !positive.isEmpty else {
      throw StatisticsError(
        .badData, "\(units.source) and \(candidates.source), \(name)", found: "no scale above 0",
        expected: "scales of predictions")
    }
    let least = positive[positive.count / 20]
    let raised = scales.count { $0 < least }
    if raised > 0 { tell("likely: \(name): \(raised) scales below \(formatNumber(least)) are raised to it") }
    return least
  }

  /// Features of two tables, coded alike.
  private func designs(_ units: DataTable, _ candidates: DataTable, _ rule: FeatureRule) throws -> (
    Tensor, Tensor
  ) {
    let others = Set([label, threshold] + rule.excluded)
    let columns =
      features?.listed ?? candidates.names.filter { !others.contains($0) && units.names.contains($0) }
    let coding = try rule.coding ?? DesignCoding(units, columns: columns)
    return (try coding.matrix(of: units), try coding.matrix(of: candidates))
  }

  /// How features are coded where both tables are parts of one.
  func coding(of table: DataTable) throws -> DesignCoding {
    try DesignCoding(
      table, columns: features?.listed ?? table.names.filter { $0 != label && $0 != threshold })
  }

  /// Learners as they were typed.
  private var learnerNames: [String] {
    learners?.listed ?? (method == .full ? ["ridge:1"] : ["ridge:1", "ridge:10", "ridge:100"])
  }

  /// The scores, and what the models are called.
  func scores(
    _ units: DataTable, _ candidates: DataTable, _ passes: [Bool], _ rule: FeatureRule,
    using random: inout RandomSource
  )
    throws
    -> (scores: ConformalScores, names: [String])
  {
    if let predictions, let found = try predicted(units, candidates) {
      if let method, [.full, .fullMsel, .train, .inSample].contains(method) {
        throw UsageError("--method \(method.rawValue): it fits learners itself; leave --predictions out")
      }
      return (
        try ConformalScores(calibration: found.own, passes: passes, candidates: found.other),
        predictions.listed
      )
    }
    let chosen = try learnerNames.map { try RegressorNames.regressor($0) }
    let (x, z) = try designs(units, candidates, rule)
    if method == .cs || method == .msel {
      throw UsageError(
        "--method \(method!.rawValue): it takes predictions of models fitted elsewhere; give --predictions, or use full"
      )
    }
    if method == .full, chosen.count > 1 {
      throw UsageError("--method full: \(chosen.count) learners; one is expected, or --method full-msel")
    }
    if method == .train || method == .inSample {
      let scores = try ConformalScores.trained(
        units: x, passes: passes, candidates: z, learners: chosen, share: method == .train ? share : nil,
        positiveWeight: positiveWeight, using: &random)
      return (scores, learnerNames)
    }
    let scores = try ConformalScores.pooled(
      units: x, passes: passes, candidates: z, learners: chosen, folds: folds,
      positiveWeight: positiveWeight, using: &random)
    return (scores, learnerNames)
  }

  /// Learners that can be fitted anew for every candidate.
  private func refittedLearners() throws -> [any LeaveOneOutRegressor] {
    guard predictions == nil else {
      throw UsageError("--method full-each: it fits learners itself; leave --predictions out")
    }
    return try learnerNames.map { name in
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
    _ units: DataTable, _ candidates: DataTable, _ passes: [Bool], _ rule: FeatureRule,
    using random: inout RandomSource
  ) throws -> [ConformalSelection.Selection] {
    if method == .fullEach {
      return try refitted(refittedLearners(), designs(units, candidates, rule), passes, using: &random)
    }
    let scores = try scores(units, candidates, passes, rule, using: &random).scores
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
    _ units: DataTable, _ candidates: DataTable, _ passes: [Bool], shift: String?, _ rule: FeatureRule,
    using random: inout RandomSource
  ) throws -> Told {
    if method == .fullEach {
      guard shift == nil else { throw UsageError("--shift: --method full-each takes no weights") }
      let (learners, designs) = (try refittedLearners(), try designs(units, candidates, rule))
      let found = try refitted(learners, designs, passes, using: &random)
      let single = try learners.map { try refitted([$0], designs, passes, using: &random) }
      return Told(
        selections: found, alone: found.indices.map { l in single.map { $0[l].chosen.count } },
        names: learnerNames)
    }
    var (scores, names) = try scores(units, candidates, passes, rule, using: &random)
    if let shift {
      guard scores.unitCount == passes.count else {
        throw UsageError("--shift: --method train takes no weights")
      }
      scores = try ConformalScores(
        calibration: scores.calibration, passes: passes, candidates: scores.candidates,
        weights: (try units.numbers(shift), try candidates.numbers(shift)))
    }
    let found = try levels().map { try select(scores, $0, using: &random) }
    let alone = try levels().map { level in
      try (0..<scores.models).map {
        try shift == nil
          ? selection(level).selectPlain(scores.model($0), using: &random).chosen.count
          : selection(level).select(scores.model($0), using: &random).chosen.count
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
      return try selection.selectPlain(scores.model(model), using: &random).tested(by: model)
    default:
      // With weights BH alone has no bound in finite samples.
      return scores.models == 1 && scores.weights == nil
        ? try selection.selectPlain(scores, using: &random) : try selection.select(scores, using: &random)
    }
  }
}
