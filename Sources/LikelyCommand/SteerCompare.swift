import ArgumentParser
import Foundation
import Likely

/// `likely steer compare`
struct SteerCompare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Steering beside best-of-n and importance sampling, at the same number of model evaluations.",
    discussion: """
      Example:
        likely steer compare runs/moons --reward linear:1,0.5 --sizes 2,4,8
      """)

  @OptionGroup var model: ModelArgument
  @OptionGroup var steering: SteeringArguments
  @OptionGroup var text: TextSteeringArguments
  @OptionGroup var sampler: SteeredSamplerArguments

  @Option(help: ArgumentHelp("k of the steered groups, instead of --particles.", valueName: "k,k,…"))
  var sizes = "2,4,8"

  @Flag(help: "Print the table as JSON.")
  var json = false

  @Option(help: ArgumentHelp("Folder for a page with the table and a plot.", valueName: "folder"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    let counts = sizes.split(separator: ",").map { Int($0) }
    guard !counts.isEmpty, counts.allSatisfy({ ($0 ?? 0) >= 1 }) else {
      throw UsageError("--sizes \(sizes): whole numbers ≥ 1 separated by commas are expected")
    }
    let random = common.start()
    let url = try modelFile(model.run)
    let steer = try draws(url, random)
    let comparison = try SteeringComparison(sizes: counts.map { $0! }, options: steering.options()) {
      options in
      // Every run has its own stream: methods are compared as independent draws.
      let stream = random.split(options.potential.rawValue).split(options.particles)
      return try steer(options, stream)
    }
    if json { print(Self.json(comparison).compact) } else { print(Self.table(comparison).plainText) }
    if let out {
      try Self.page(comparison).write(to: URL(argument: out))
      print("report: \(out)/report.html")
    }
  }

  /// What draws from the model with options and a stream.
  private func draws(_ url: URL, _ random: RandomSource) throws
    -> (SteeringOptions, RandomSource) throws -> SteeringResult
  {
    guard !MaskedTextModel.kind.matches(url) else {
      let model = try MaskedTextModel(contentsOf: url)
      model.move(to: common.target)
      return try text.steering(model, steering, random)
    }
    let model = try SteerableModel(url, on: common.target)
    let reward = try steering.rowReward(model.columns, on: common.target)
    return try model.steering(reward, steering, sampler, random)
  }

  private static func json(_ comparison: SteeringComparison) -> JSONValue {
    func value(_ estimate: Estimate?) -> JSONValue {
      estimate.map { ["value": .number($0.value), "error": .number($0.standardError)] } ?? .null
    }
    return .array(
      comparison.entries.map { entry in
        [
          "method": .string(entry.method.rawValue), "particles": .integer(entry.particles),
          "reward": value(entry.reward), "best_reward": value(entry.bestReward),
          "log_evidence": value(entry.logEvidence), "model_evaluations": .integer(entry.modelEvaluations),
          "reward_evaluations": .integer(entry.rewardEvaluations),
        ]
      })
  }

  private static func table(_ comparison: SteeringComparison) -> ReportTable {
    var table = ReportTable(
      title: "A group's reward by method",
      columns: [
        .text("method"), .integer("draws"), .integer("model calls"), .integer("reward calls"),
        .text("mean reward"),
        .text("best reward"), .text("log E[exp(λ r)]"),
      ])
    for entry in comparison.entries {
      table.append([
        .text(entry.method.rawValue), .integer(entry.particles), .integer(entry.modelEvaluations),
        .integer(entry.rewardEvaluations), .text("\(entry.reward)"),
        .text(entry.bestReward.map { "\($0)" } ?? "–"), .text(entry.logEvidence.map { "\($0)" } ?? "–"),
      ])
    }
    return table
  }

  private static func page(_ comparison: SteeringComparison) -> HTMLReport {
    var page = HTMLReport(title: "Steering at equal cost", subtitle: "rewards by model evaluations a group")
    func line(
      _ name: String, _ method: SteeringComparison.Method, _ reward: (SteeringComparison.Entry) -> Double
    )
      -> Mark
    {
      let entries = comparison.entries.filter { $0.method == method }
      return .line(x: entries.map { Double($0.modelEvaluations) }, y: entries.map(reward), series: name)
    }
    // The best steered draw of a group is what best-of-n is to be compared with, the means with each other.
    let marks =
      SteeringComparison.Method.allCases.map { line($0.rawValue, $0) { $0.reward.value } }
      + [line("steered, best", .steered) { $0.bestReward?.value ?? .nan }]
    page.add(
      "Result",
      [
        .table(table(comparison)),
        .plot(Plot("Reward", x: "model evaluations", y: "reward", marks: marks), name: "reward"),
      ])
    return page
  }
}
