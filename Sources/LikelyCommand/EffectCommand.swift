import ArgumentParser
import Files
import Foundation
import Likely

extension InvalidInstrument.Selection: ExpressibleByArgument {}

/// `likely effect …`
struct EffectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "effect",
    abstract:
      "Average effects of an exposure under hidden confounding, by an instrument that may be invalid.",
    discussion: """
      Example:
        likely effect estimate --data study.csv --y y --a a --z z --learners lin
      """,
    subcommands: [EffectEstimateVerb.self])
}

/// `likely effect estimate`
struct EffectEstimateVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "estimate",
    abstract: "Estimates E[Y(1) − Y(0)], choosing learners of the nuisance functions by the data.",
    discussion: """
      Example:
        likely effect estimate --data study.csv --y y --a a --z z --learners lin
        likely effect estimate --data study.csv --y y --a a --z z --learners lin,const
      """)

  @OptionGroup var table: DataTableArguments

  @Option(help: ArgumentHelp("Column of the outcome.", valueName: "name"))
  var y: String

  @Option(help: ArgumentHelp("Column of the exposure, 0 or 1.", valueName: "name"))
  var a: String

  @Option(help: ArgumentHelp("Column of the instrument, 0 or 1.", valueName: "name"))
  var z: String

  @Option(
    help: ArgumentHelp(
      "Candidates between commas: const, lin, poly:N, spline:N, or a learner: \(RegressorNames.all). "
        + "Those of quantiles learn no means and are refused; boosted-logistic is for P(Z = 1 | x) and E[A | z, x] alone.",
      valueName: "names"))
  var learners = "lin"

  @Option(
    help: ArgumentHelp(
      "How candidates are chosen: none (the first), minimax, mixed or smooth.", valueName: "rule"))
  var select = InvalidInstrument.Selection.minimax

  @Flag(
    help:
      "Choose the learners of δ and μ by themselves, not those of the outcome together; η stays a constant.")
  var apart = false

  @Option(help: ArgumentHelp("Splits of the choice.", valueName: "n"))
  var splits = 2

  @Option(help: ArgumentHelp("Folds of the estimate; 1 fits and evaluates on the same rows.", valueName: "n"))
  var folds = 5

  @Option(help: ArgumentHelp("Smallest variance difference |D| that is divided by.", valueName: "d"))
  var floor = 0.02

  @Option(
    help: ArgumentHelp("Repeats everything on resampled rows, for an interval; 0 for none.", valueName: "n"))
  var bootstrap = 0

  @Flag(
    help:
      "Nobody is exposed without the instrument: the estimate among those with it, by linear and logistic models."
  )
  var oneSided = false

  @Flag(help: "Print as JSON.")
  var json = false

  @Option(
    help: ArgumentHelp("Folder for influence.csv, choices.csv and a page with plots.", valueName: "folder"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard bootstrap == 0 || bootstrap >= 20 else {
      throw ValidationError("--bootstrap \(bootstrap): 0, or at least 20")
    }
    if oneSided, let option = out != nil ? "--out" : bootstrap > 0 ? "--bootstrap" : nil {
      throw ValidationError(
        "--one-sided and \(option): that estimate has no learners to choose, no page and no resamples; leave one out"
      )
    }
    guard floor > 0, floor < 0.25 else { throw ValidationError("--floor \(floor): in (0, 0.25)") }
  }

  func run() throws {
    let random = try common.startOnProcessor()
    let data = try load()
    let comparisons = EffectComparisons(data)
    if oneSided {
      try showOneSided(comparisons)
      return
    }
    if data.isOneSided {
      tell(
        "likely: nobody is exposed without the instrument; the assumption that what is hidden does not interact with it then "
          + "means no confounding among those with the instrument (see --one-sided)")
    }
    let candidates = try candidates()
    var estimator = InvalidInstrument(selection: select)
    (estimator.splits, estimator.folds, estimator.limits.variance) = (splits, folds, floor)
    let result = try estimator.estimate(data, candidates, random: random)
    warn(result.strength)
    let interval =
      bootstrap == 0
      ? nil
      : try estimator.bootstrap(data, candidates, resamples: bootstrap, random: random.split("bootstrap"))
        .interval
    let others = others(comparisons)
    if json {
      print(object(result, interval, others, data, candidates).pretty, terminator: "")
    } else {
      show(result, interval, others, candidates)
    }
    guard let out else { return }
    try write(result, others, data, candidates, to: URL(argument: out))
    if !json { print("report: \(out)/report.html, influence values: \(out)/influence.csv") }
  }

  private func load() throws -> InstrumentData {
    try checkRoles([
      ("--y", [y]), ("--a", [a]), ("--z", [z]), ("--columns", table.columns?.listed ?? []),
    ])
    try checkRoles([("--columns", table.columns?.listed ?? []), ("--drop", table.drop?.listed ?? [])])
    var read = try table.table()
    let used = Set([y, a, z] + (table.drop?.listed ?? []))
    let columns = table.columns?.listed ?? read.names.filter { !used.contains($0) }
    if table.dropMissing {
      let complete = try read.complete(columns + [y, a, z])
      if complete.rowCount < read.rowCount {
        tell("likely: \(read.rowCount - complete.rowCount) rows with missing values are left out")
      }
      read = complete
    }
    let coding = try DesignCoding(
      read, columns: columns, factors: Set(table.factors?.listed ?? []), references: try table.references())
    var x = try coding.matrix(of: read)
    var names = coding.names
    let determined = Set(collinearColumns(x))
    if !determined.isEmpty {
      tell(
        "likely: \(determined.sorted().map { coding.names[$0] }.joined(separator: ", ")): constant, or determined by the columns before; left out"
      )
      let kept = names.indices.filter { !determined.contains($0) }
      x = x.select(axis: 1, Tensor(kept))
      names = kept.map { coding.names[$0] }
    }
    for (name, values) in [(a, try read.numbers(a)), (z, try read.numbers(z))] {
      if let row = values.firstIndex(where: { $0 != 0 && $0 != 1 }) {
        throw StatisticsError(
          .badData, "\(read.place(row)), \(name)", found: "\(formatNumber(values[row]))", expected: "0 or 1")
      }
    }
    return try InstrumentData(
      outcome: read.numbers(y), exposure: read.numbers(a), instrument: read.numbers(z), covariates: x,
      names: names)
  }

  private func candidates() throws -> NuisanceCandidates {
    let all = try learners.listed.map { name -> NuisanceLearner in
      let parts = name.split(separator: ":").map(String.init)
      let number = parts.count == 2 ? Int(parts[1]) : nil
      switch parts.first {
      case "const": return .basis(.intercept)
      case "lin": return .basis(.linear)
      case "poly", "spline":
        guard let number, (1...6).contains(number) else {
          throw UsageError("--learners \(name): expected a number from 1 to 6, such as \(parts[0]):2")
        }
        return .basis(parts[0] == "poly" ? .polynomial(number) : .spline(number))
      case "lasso", "elastic": return .regressor(try RegressorNames.regressor(name), .polynomial(2))
      default: return .regressor(try RegressorNames.regressor(name), .linear)
      }
    }
    guard !all.isEmpty else { throw UsageError("--learners: at least one name is expected") }
    for (name, learner) in zip(learners.listed, all) where Self.isOfQuantiles(learner) {
      throw UsageError(
        "--learners \(name): nuisance functions are means, and this learns a quantile; take lin, forest or boosted"
      )
    }
    let outcomes = all.filter { !Self.isOfShares($0) }
    guard !outcomes.isEmpty else {
      throw UsageError(
        "--learners \(learners): boosted-logistic learns shares, and the outcome's functions need a learner of numbers besides, such as lin"
      )
    }
    return apart
      ? NuisanceCandidates(pi: all, p: all, delta: outcomes, mu: outcomes, eta: [.basis(.intercept)])
      : NuisanceCandidates(all, outcomes: outcomes)
  }

  private static func isOfQuantiles(_ learner: NuisanceLearner) -> Bool {
    guard case .regressor(let regressor, _) = learner else { return false }
    switch regressor {
    case is QuantileRegression: return true
    case let forest as RandomForest: return forest.quantile != nil
    case let boosting as GradientBoosting:
      if case .quantile = boosting.loss { return true }
      return false
    default: return false
    }
  }

  /// Whether all that is learnt is of 0 and 1.
  private static func isOfShares(_ learner: NuisanceLearner) -> Bool {
    guard case .regressor(let regressor, _) = learner else { return false }
    return (regressor as? GradientBoosting)?.loss == .logistic
  }

  private func warn(_ strength: InvalidInstrument.Strength) {
    if strength.floored > 0.1 {
      tell(
        "likely: the floor of |D| is hit by \(formatNumber(100 * strength.floored, digits: 3)) % of the rows: the instrument hardly changes the exposure's variance there"
      )
    }
    if strength.changesSign {
      tell("likely: D changes its sign between rows: the influence function has heavy tails")
    }
    if strength.propensityRange.lowerBound < 0.02 || strength.propensityRange.upperBound > 0.98 {
      tell(
        "likely: P(Z = 1 | x) runs from \(formatNumber(strength.propensityRange.lowerBound, digits: 2)) to "
          + "\(formatNumber(strength.propensityRange.upperBound, digits: 2)): there is little overlap")
    }
  }

  /// An estimate on other assumptions, or why there is none.
  private struct Comparison {
    let name: String
    var effect: Estimate?
    var failure: StatisticsError?

    /// A comparison that fails is no reason to withhold the effect.
    init(_ name: String, _ estimate: () throws(StatisticsError) -> Estimate) {
      self.name = name
      do throws(StatisticsError) { effect = try estimate() } catch { failure = error }
    }
  }

  private func others(_ comparisons: EffectComparisons) -> [Comparison] {
    [
      Comparison("difference of means") { comparisons.difference },
      Comparison("least squares", comparisons.regression),
      Comparison("two-stage least squares", comparisons.twoStage),
      Comparison("effect of the instrument (AIPW)", comparisons.instrumentEffect),
      Comparison("without covariates (MR GENIUS)") {
        Estimate(comparisons.withoutCovariates, standardError: .nan)
      },
    ]
  }

  private func showOneSided(_ comparisons: EffectComparisons) throws {
    let found = try comparisons.oneSided()
    if found.propensityRange.lowerBound < 0.01 {
      tell(
        "likely: P(Z = 1 | x) falls to \(formatNumber(found.propensityRange.lowerBound, digits: 2)): weights are extreme"
      )
    }
    if json {
      let object: JSONValue = [
        "effect": .number(found.effect.value), "standard_error": .number(found.effect.standardError),
        "mean_of_delta": .number(found.plugIn),
      ]
      print(object.compact)
    } else {
      print("effect: \(found.effect)")
      print("mean of δ without the correction: \(formatNumber(found.plugIn))")
    }
  }

  private func names(_ choice: NuisanceChoice, _ candidates: NuisanceCandidates) -> String {
    "π \(candidates.pi[choice.pi].name), p \(candidates.p[choice.p].name), δ \(candidates.delta[choice.delta].name), "
      + "μ \(candidates.mu[choice.mu].name), η \(candidates.eta[choice.eta].name)"
  }

  private func show(
    _ result: InvalidInstrument.Result, _ interval: ClosedRange<Double>?,
    _ others: [Comparison],
    _ candidates: NuisanceCandidates
  ) {
    let own = result.effect.interval()
    print(
      "effect: \(result.effect), 95 % from \(formatNumber(own.lowerBound)) to \(formatNumber(own.upperBound))"
    )
    if let interval {
      print(
        "  resampled, choice and all: 95 % from \(formatNumber(interval.lowerBound)) to \(formatNumber(interval.upperBound))"
      )
    }
    print("learners: \(names(result.choice, candidates))")
    if let range = result.sensitivity, result.table.count > 1 {
      print(
        "effects of the tenth of choices with the smallest risk: \(formatNumber(range.lowerBound)) to \(formatNumber(range.upperBound))"
      )
    }
    let strength = result.strength
    print(
      "strength |D|: smallest \(formatNumber(strength.quantiles[0], digits: 3)), 5 % \(formatNumber(strength.quantiles[1], digits: 3)), "
        + "median \(formatNumber(strength.quantiles[2], digits: 3)); below 0.05 in \(formatNumber(100 * strength.weak, digits: 3)) % of the rows; "
        + "weights are worth \(formatNumber(100 * strength.effectiveShare, digits: 3)) % of the rows")
    for other in others {
      if let effect = other.effect {
        print("\(other.name): \(effect.standardError.isNaN ? formatNumber(effect.value) : "\(effect)")")
      } else {
        print("\(other.name): –\(other.failure.map { " (\($0))" } ?? "")")
      }
    }
  }

  private func object(
    _ result: InvalidInstrument.Result, _ interval: ClosedRange<Double>?,
    _ others: [Comparison],
    _ data: InstrumentData, _ candidates: NuisanceCandidates
  ) -> JSONValue {
    func value(_ estimate: Estimate) -> JSONValue {
      ["value": .number(estimate.value), "error": .number(estimate.standardError)]
    }
    func outcome(_ comparison: Comparison) -> JSONValue {
      if let effect = comparison.effect { return value(effect) }
      return ["failure": comparison.failure.map { .string("\($0)") } ?? .null]
    }
    func range(_ range: ClosedRange<Double>) -> JSONValue {
      .array([.number(range.lowerBound), .number(range.upperBound)])
    }
    func learners(_ choice: NuisanceChoice) -> JSONValue {
      [
        "pi": .string(candidates.pi[choice.pi].name), "p": .string(candidates.p[choice.p].name),
        "delta": .string(candidates.delta[choice.delta].name),
        "mu": .string(candidates.mu[choice.mu].name), "eta": .string(candidates.eta[choice.eta].name),
      ]
    }
    let strength: JSONValue = [
      "quantiles": .array(result.strength.quantiles.map(JSONValue.number)),
      "below_0.05": .number(result.strength.weak),
      "floored": .number(result.strength.floored),
      "effective_share": .number(result.strength.effectiveShare),
      "changes_sign": .bool(result.strength.changesSign),
      "pi_range": range(result.strength.propensityRange),
    ]
    let choices: [JSONValue] = result.table.map { candidate in
      [
        "learners": learners(candidate.choice), "effect": .number(candidate.effect),
        "minimax": .number(candidate.minimax), "mixed": .number(candidate.mixed),
      ]
    }
    return [
      "rows": .integer(data.count), "effect": value(result.effect),
      "learners": learners(result.choice), "bootstrap": interval.map(range) ?? .null,
      "sensitivity": result.sensitivity.map(range) ?? .null, "strength": strength,
      "others": .object(.init(uniqueKeysWithValues: others.map { ($0.name, outcome($0)) })),
      "choices": .array(choices),
    ]
  }

  private func write(
    _ result: InvalidInstrument.Result, _ others: [Comparison], _ data: InstrumentData,
    _ candidates: NuisanceCandidates, to folder: URL
  ) throws {
    var influence = ReportTable(
      title: "influence",
      columns: [.number("influence", digits: 17), .number("conditional effect", digits: 17)])
    for (phi, delta) in zip(result.influence, result.conditional) {
      influence.append([.number(phi), .number(delta)])
    }
    var effects = ReportTable(title: "Effects", columns: [.text("estimator"), .uncertain("effect")])
    effects.append([.text("this"), .uncertain(result.effect.value, result.effect.standardError)])
    for other in others {
      let cell = other.effect.map { effect -> ReportTable.Cell in
        effect.standardError.isNaN ? .number(effect.value) : .uncertain(effect.value, effect.standardError)
      }
      effects.append([.text(other.name), cell ?? .missing])
    }
    // The page shows the best; the file has all.
    let count = result.table.count
    let shown = choices(
      Array(result.table.prefix(50)), candidates,
      title: count > 50 ? "The first 50 of \(count) choices by risk; choices.csv has all" : "Choices by risk")
    var page = HTMLReport(title: "Effect of \(a) on \(y)", subtitle: "\(data.count) rows, instrument \(z)")
    page.add("Effects", [.table(effects)])
    if !result.table.isEmpty { page.add("Choice of learners", [.table(shown)]) }
    page.add(
      "Shape",
      [
        .plot(
          .row([
            Plot("δ(x)", x: "conditional effect", y: "rows", marks: [.histogram(result.conditional)]),
            Plot("Influence", x: "φ", y: "rows", marks: [.histogram(result.influence)]),
          ]), name: "shape")
      ])
    try page.write(to: folder)
    try writeAtomically(Data(influence.csv.utf8), to: folder.appendingPathComponent("influence.csv"))
    guard !result.table.isEmpty else { return }
    let all = choices(result.table, candidates, title: "choices", digits: 17)
    try writeAtomically(Data(all.csv.utf8), to: folder.appendingPathComponent("choices.csv"))
  }

  private func choices(
    _ candidates: [InvalidInstrument.Candidate], _ learners: NuisanceCandidates, title: String,
    digits: Int = 4
  ) -> ReportTable {
    ReportTable(
      title: title,
      columns: [
        .text("learners"), .number("effect", digits: digits), .number("largest shift", digits: digits),
        .number("sum of shifts", digits: digits),
      ],
      rows: candidates.map { candidate in
        [
          .text(names(candidate.choice, learners)), .number(candidate.effect), .number(candidate.minimax),
          .number(candidate.mixed),
        ]
      })
  }
}
