import ArgumentParser
import Files
import Foundation
import Likely

/// `likely bandit …`
struct BanditCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bandit",
    abstract:
      "Small worlds where everything is known exactly: what an objective does before a model is tuned.",
    discussion: """
      Example:
        likely bandit preference --compare best-of-n,ipo --data current,fixed
      """,
    subcommands: [BanditPreference.self])
}

extension BanditStudy.PolicyKind: ExpressibleByArgument {}
extension PreferenceBandit.Peak: ExpressibleByArgument {}

/// `likely bandit preference`
struct BanditPreference: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "preference",
    abstract: "Trains a bandit's policy on its own or its reference's draws; rewards and KL are exact.",
    discussion: """
      A hundred actions, of which the reference draws the twentieth hundreds of times as often as the seventieth; the
      reward has its peak at one of the two.

      Example:
        likely bandit preference --objective ipo --reward misaligned --seeds 2
        likely bandit preference --compare best-of-n,ipo --data current,fixed
      """)

  @OptionGroup var online: OnlineArguments

  @Option(help: ArgumentHelp("Objectives between commas, instead of --objective.", valueName: "names"))
  var compare: String?

  @Option(
    help: ArgumentHelp(
      "Who draws, one or more between commas: current, reference, or fixed, all the reference's draws at once.",
      valueName: "names"))
  var data = "current"

  @Option(
    help: ArgumentHelp(
      "Where the reward's peak is: \(PreferenceBandit.Peak.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "name"))
  var reward = PreferenceBandit.Peak.misaligned

  @Option(help: ArgumentHelp("Width of the reward's peak, in actions.", valueName: "actions"))
  var width = 10.0

  @Option(
    help: ArgumentHelp(
      "\(BanditStudy.PolicyKind.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
  var policy = BanditStudy.PolicyKind.tabular

  @Option(
    help: ArgumentHelp(
      "Draws of a histogram that stands for the reference; exact masses if left out.", valueName: "n"))
  var histogram: Int?

  @Option(help: ArgumentHelp("Trainings of every row.", valueName: "n"))
  var seeds = 5

  @Option(help: ArgumentHelp("File for the readings of every iteration.", valueName: "file.csv"))
  var csv: String?

  @Flag(help: "Print the table as JSON.")
  var json = false

  @Option(
    help: ArgumentHelp("Folder for a page with the table and plots of the readings.", valueName: "folder"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard width > 0, width.isFinite else { throw ValidationError("--width \(width): above 0") }
    guard seeds >= 1 else { throw ValidationError("--seeds \(seeds): at least 1") }
    if let histogram, histogram < 1 { throw ValidationError("--histogram \(histogram): at least 1") }
    if let csv, !csv.hasSuffix(".csv") { throw ValidationError("--csv \(csv): a name that ends with .csv") }
  }

  /// One row of the table: trainings with one objective on one source of data.
  struct Row {
    let objective: OnlineObjective.Name
    let data: OnlinePreferenceOptions.DataSource
    /// Reward of the closed form, where there is one for draws of the reference.
    let optimum: Double?
    let results: [OnlineResult]

    /// Rewards asked for, and steps: the most of a training, as some skip batches without pairs.
    var queries: Int { results.compactMap { $0.readings.last?.queries }.max() ?? 0 }
    var steps: Int { results.compactMap { $0.readings.last?.steps }.max() ?? 0 }
  }

  func run() throws {
    let random = common.start()
    let names = try (compare ?? online.objective).listed.map(OnlineObjective.Name.init(parsing:))
    let sources = try data.listed.map { name in
      guard let source = OnlinePreferenceOptions.DataSource(rawValue: name) else {
        throw UsageError("--data \(data): some of current, reference, fixed between commas are expected")
      }
      return source
    }
    guard !names.isEmpty, !sources.isEmpty else {
      throw UsageError("--compare and --data: at least one name")
    }
    var stream = random.split("reference")
    let reference = histogram.map { PreferenceBandit.histogramReference(draws: $0, using: &stream) }
    var study = BanditStudy(PreferenceBandit(reward, width: width, reference: reference))
    study.policy = policy
    let trainings = names.flatMap { name in sources.map { (name, $0) } }
    // All are checked before the first is run.
    let all = try trainings.map { name, source in
      var options = online.options(OnlinePreferenceOptions(), objective: name)
      options.data = source
      // A mix that no source takes is refused by the options.
      options.mix = source == .current || !sources.contains(.current) ? online.mix : 0
      try options.validate()
      return options
    }
    var rows: [Row] = []
    for ((name, source), options) in zip(trainings, all) {
      study.options = options
      let results = try study.run(seeds: seeds, random: random)
      rows.append(
        Row(objective: name, data: source, optimum: optimum(name, source, study), results: results))
      warn(rows[rows.count - 1])
    }
    try show(rows, study.bandit)
  }

  private func optimum(
    _ name: OnlineObjective.Name, _ source: OnlinePreferenceOptions.DataSource, _ study: BanditStudy
  ) -> Double? {
    let bandit = study.bandit
    guard source != .current else { return nil }
    let law: [Double]
    switch study.options.objective {
    case .best:
      law = PreferenceOptimum.bestOf(
        study.options.samples, reference: bandit.reference, rewards: bandit.rewards)
    case .rewardWeighted(let beta):
      law = PreferenceOptimum.tilted(reference: bandit.reference, rewards: bandit.rewards, beta: beta)
    default: return nil
    }
    return zip(law, bandit.rewards).reduce(0) { $0 + exp($1.0) * $1.1 }
  }

  private func warn(_ row: Row) {
    let name = "\(row.objective.rawValue), \(row.data.rawValue)"
    let skipped = row.results.reduce(0) { $0 + $1.skipped }
    if skipped > 0 {
      tell("likely: \(name): \(skipped) iterations had no pair above the threshold, and took no step")
    }
    let early = row.results.count { if case .noPairs = $0.end { true } else { false } }
    if early > 0 {
      tell(
        "likely: \(name): \(early) of \(row.results.count) trainings ended after "
          + "\(OnlinePreferenceOptions().patience) iterations in a row without a pair")
    }
    if let floored = row.results.compactMap({ $0.readings.last?.flooredShare }).max(), floored > 0.5 {
      tell(
        "likely: \(name): \(formatNumber(100 * floored, digits: 3)) % of what is lowered is at its floor; "
          + "a smaller --beta or fewer steps help")
    }
  }

  private func show(_ rows: [Row], _ bandit: PreferenceBandit) throws {
    let (table, alignment) = (Self.table(rows), bandit.alignment)
    if json {
      print(Self.json(rows, alignment).compact)
    } else {
      print(table.plainText)
      print(
        "reference: mean reward \(formatNumber(alignment.mean)) of at most \(formatNumber(alignment.highest)), a share "
          + "of \(formatNumber(alignment.share, digits: 3))")
      print("advice: \(alignment.recommendation)")
    }
    if let csv {
      try writeAtomically(Data(OnlineCurves.csv(rows).utf8), to: URL(argument: csv))
      if !json { print("curves: \(csv)") }
    }
    if let out {
      var page = HTMLReport(title: "Preferences of a bandit", subtitle: "reward \(reward.rawValue)")
      page.add("Result", [.table(table)] + OnlineCurves.plots(rows))
      try page.write(to: URL(argument: out))
      if !json { print("report: \(out)/report.html") }
    }
  }

  private static func table(_ rows: [Row]) -> ReportTable {
    var table = ReportTable(
      title: "At the end, mean ± standard error over seeds",
      columns: [
        .text("objective"), .text("data"), .integer("rewards"), .integer("steps"), .text("mean reward"),
        .text("closed form"), .text("KL(π‖π_ref)"), .text("KL(π_ref‖π)"), .text("entropy"),
      ])
    for row in rows {
      func cell(_ value: (PolicyLaw) -> Double?) -> ReportTable.Cell {
        let estimate = row.results.final(value)
        return .text(
          estimate.standardError.isFinite
            ? formatNumber(estimate.value, uncertainty: estimate.standardError) : formatNumber(estimate.value)
        )
      }
      table.append([
        .text(row.objective.rawValue), .text(row.data.rawValue), .integer(row.queries), .integer(row.steps),
        cell(\.reward), .text(row.optimum.map { formatNumber($0) } ?? "–"),
        cell(\.divergence), cell(\.reverseDivergence), cell(\.entropy),
      ])
    }
    return table
  }

  private static func json(_ rows: [Row], _ alignment: PreferenceAlignment) -> JSONValue {
    func value(_ estimate: Estimate) -> JSONValue {
      ["value": .number(estimate.value), "error": .number(estimate.standardError)]
    }
    return [
      "alignment": .number(alignment.share), "advice": .string(alignment.recommendation),
      "rows": .array(
        rows.map { row in
          [
            "objective": .string(row.objective.rawValue), "data": .string(row.data.rawValue),
            "queries": .integer(row.queries), "steps": .integer(row.steps),
            "reward": value(row.results.final(\.reward)),
            "closed_form": row.optimum.map(JSONValue.number) ?? .null,
            "kl": value(row.results.final(\.divergence)),
            "kl_reverse": value(row.results.final(\.reverseDivergence)),
            "entropy": value(row.results.final(\.entropy)), "tail_mass": value(row.results.final(\.tailMass)),
          ]
        }),
    ]
  }
}

/// Readings of all iterations, as a table and as plots.
enum OnlineCurves {
  static func csv(_ rows: [BanditPreference.Row]) -> String {
    let names = rows.first?.results.first?.readings.first?.metrics.map(\.name) ?? []
    var lines = [(["objective", "data", "seed", "iteration"] + names).joined(separator: ",")]
    for row in rows {
      for (seed, result) in row.results.enumerated() {
        for reading in result.readings {
          let facts = [row.objective.rawValue, row.data.rawValue, "\(seed)", "\(reading.iteration)"]
          // Empty where an iteration has none.
          let values = reading.metrics.map { $0.value.map { "\($0)" } ?? "" }
          lines.append((facts + values).joined(separator: ","))
        }
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Means over seeds.
  static func plots(_ rows: [BanditPreference.Row]) -> [ReportItem] {
    func plot(_ title: String, _ y: String, _ value: (OnlineReading) -> Double?) -> Plot {
      let marks = rows.map { row in
        let count = row.results.map(\.readings.count).min() ?? 0
        let points = (0..<count).compactMap { i -> (Double, Double)? in
          let values = row.results.compactMap { value($0.readings[i]) }
          guard !values.isEmpty else { return nil }
          return (Double(row.results[0].readings[i].steps), Estimate(meanOf: values).value)
        }
        return Mark.line(
          x: points.map(\.0), y: points.map(\.1), series: "\(row.objective.rawValue), \(row.data.rawValue)")
      }
      return Plot(title, x: "steps", y: Axis(y), marks: marks)
    }
    return [
      .plot(plot("Expected reward", "reward") { $0.law.reward }, name: "reward"),
      .plot(plot("Divergence from the reference", "KL(π‖π_ref), nats") { $0.law.divergence }, name: "kl"),
      .plot(plot("Entropy", "nats") { $0.law.entropy }, name: "entropy"),
      .plot(plot("ln π/π_ref of winners less losers", "nats") { $0.margin }, name: "margin"),
    ]
  }
}
