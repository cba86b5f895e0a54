import ArgumentParser
import Foundation
import Likely

/// `likely steer …`
struct SteerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "steer",
    abstract: "Feynman–Kac steering: draws of a trained model tilted by a reward, without training.",
    discussion: """
      Example:
        likely interpolant train --data toy:moons --steps 500 --out runs/moons
        likely steer run runs/moons --reward linear:1,0.5 --out steered.csv
      """,
    subcommands: [SteerRun.self, SteerCompare.self])
}

/// How particles are steered, on the command line.
struct SteeringArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "\(BuiltInReward.forms.joined(separator: "; ")); model:PATH, the log-density of an interpolant's run folder or a mixture (.json); command:PROGRAM, which reads a JSON object a row and answers with a number a line.",
      valueName: "reward"))
  var reward: String

  @Option(
    help: ArgumentHelp(
      "What stands for the reward on the way: \(IntermediateKind.allCases.map(\.rawValue).joined(separator: ", ")); learned trains a network on the model's own draws first. Of diffusion models of rows.",
      valueName: "kind"))
  var intermediate: IntermediateKind?

  @Option(
    help: ArgumentHelp(
      "Of diffusion models: κ of the shift κ λ Σ ∇r of every step; the weights keep the law.", valueName: "κ")
  )
  var gradient = 0.0

  @Option(help: ArgumentHelp("The reward before the first, of the potential max.", valueName: "r"))
  var floor = 0.0

  @Option(help: ArgumentHelp("Most rows that the reward is asked for at once.", valueName: "n"))
  var rewardBatch: Int?

  @Option(help: ArgumentHelp("Most rows of one evaluation of a diffusion model.", valueName: "n"))
  var modelBatch: Int?

  @Option(help: ArgumentHelp("Seconds that command:PROGRAM has for a batch of 1,000 rows.", valueName: "s"))
  var rewardTimeLimit = 60.0

  @Option(help: ArgumentHelp("λ of the target p(x) exp(λ r(x)), ≥ 0.", valueName: "λ"))
  var strength = 1.0

  @Option(
    help: ArgumentHelp(
      "\(SteeringPotentialKind.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "kind"))
  var potential = SteeringPotentialKind.difference

  @Option(
    name: [.customLong("particles"), .customShort("k")], help: ArgumentHelp("Of a group.", valueName: "k"))
  var particles = 8

  @Option(help: ArgumentHelp("Independent groups.", valueName: "n"))
  var groups = 100

  @Option(help: ArgumentHelp("Steps of the sampler.", valueName: "n"))
  var steps = 100

  @Option(help: ArgumentHelp("Steps between resamplings.", valueName: "n"))
  var resampleEvery = 5

  @Option(help: ArgumentHelp("First step after which groups may resample.", valueName: "n"))
  var resampleFrom = 0

  @Option(
    help: ArgumentHelp(
      "Share of effective particles below which a group resamples; above 1 always.", valueName: "ρ"))
  var threshold = 0.5

  @Option(
    help: ArgumentHelp("\(Resampling.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "scheme")
  )
  var resampling = Resampling.systematic

  /// The reward of rows with columns.
  func rowReward(_ columns: [String], on device: Device) throws -> any Reward {
    if reward.hasPrefix("model:") { return try densityReward(String(reward.dropFirst(6)), columns, device) }
    guard reward.hasPrefix("command:") else { return try BuiltInReward(reward, columns: columns) }
    let command = String(reward.dropFirst(8))
    guard !command.isEmpty else {
      throw UsageError("--reward command: a program after the colon is expected")
    }
    guard rewardTimeLimit > 0 else {
      throw UsageError("--reward-time-limit \(rewardTimeLimit): seconds > 0 are expected")
    }
    return ExternalReward(ExternalProcess(command, timeLimit: rewardTimeLimit), columns: columns)
  }

  /// The log-density of another model.
  private func densityReward(_ path: String, _ columns: [String], _ device: Device) throws -> DensityReward {
    if path.hasSuffix(".json") {
      let mixture = try GaussianMixture(contentsOf: URL(argument: path))
      guard mixture.dimension == columns.count else {
        throw UsageError(
          "--reward \(reward): a mixture in \(mixture.dimension) dimensions, and the model has \(columns.count) columns"
        )
      }
      return DensityReward(mixture)
    }
    let model = try InterpolantModel(contentsOf: modelFile(path))
    guard model.columns == columns else {
      throw UsageError(
        "--reward \(reward): its columns are \(model.columns.joined(separator: ", ")), the steered model's \(columns.joined(separator: ", "))"
      )
    }
    guard model.classes.isEmpty else {
      throw UsageError("--reward \(reward): a model with classes; train one without --label")
    }
    model.move(to: device)
    return DensityReward(model)
  }

  func options() throws -> SteeringOptions {
    guard resampleEvery > 0 else { throw UsageError("--resample-every \(resampleEvery): at least 1") }
    guard steps > 0 else { throw UsageError("--steps \(steps): at least 1") }
    guard (0..<steps).contains(resampleFrom) else {
      throw UsageError(
        "--resample-from \(resampleFrom): a step in 0..<\(steps) is expected, as there are \(steps) steps")
    }
    var options = SteeringOptions()
    (options.strength, options.potential) = (strength, potential)
    (options.particles, options.groups, options.steps) = (particles, groups, steps)
    (options.threshold, options.resampling) = (threshold, resampling)
    (options.gradientScale, options.floor) = (gradient, floor)
    (options.modelBatch, options.rewardBatch) = (modelBatch, rewardBatch)
    options.resamplingSteps = SteeringOptions.steps(
      from: resampleFrom, through: steps - 1, every: resampleEvery)
    return options
  }
}

/// `likely steer run`
struct SteerRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Draws rows of a trained interpolant or diffusion model, or texts, that score high.",
    discussion: """
      Every particle is written with its group, its weight in the group and its reward. Texts go to a .jsonl file and
      take the reward ngram:FILE or ngram:FILE:ORDER, the mean log-probability of a character.

      Example:
        likely steer run runs/moons --reward near:1,0.5:0.3 --out steered.csv
      """)

  @OptionGroup var model: ModelArgument
  @OptionGroup var steering: SteeringArguments
  @OptionGroup var text: TextSteeringArguments

  @OptionGroup var sampler: SteeredSamplerArguments

  @Flag(help: "Write only the best row of every group.")
  var best = false

  @Flag(help: "Print the summary as JSON.")
  var json = false

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .csv or .npy; .jsonl of texts.", valueName: "file"))
  var out: String

  func run() throws {
    if try isText() { return try runText() }
    for (name, isGiven) in [("--prompt", text.prompt != nil), ("--samples", text.samples != nil)]
    where isGiven {
      throw UsageError("\(name): only text models take it; leave it out")
    }
    try requireRowFile(out)
    let random = common.start()
    let model = try SteerableModel(modelFile(model.run), on: common.target)
    let reward = try steering.rowReward(model.columns, on: common.target)
    let steer = try model.steering(reward, steering, sampler, random)
    let result = try steer(steering.options(), random)
    let written = try write(result, model.columns)
    show(result, "\(written) rows written to \(out)")
  }

  /// Prints what came of it.
  func show(_ result: SteeringResult, _ written: String) {
    if json {
      print(summary(result).compact)
    } else {
      print(written)
      print("log E[exp(λ r)] = \(result.logEvidence), mean reward \(result.meanReward)")
      let dead = result.particles.dead.filter { $0 }.count
      if result.rewardsBelowFloor > 0 {
        print(
          "note: \(result.rewardsBelowFloor) rewards lay below the floor \(formatNumber(steering.floor)), which stood for them; give a lower --floor"
        )
      }
      if dead > 0 { print("\(dead) of \(steering.groups) groups are dead: every particle was forbidden") }
    }
  }

  private func write(_ result: SteeringResult, _ columns: [String]) throws -> Int {
    if best {
      // A group of forbidden particles has no best row.
      let alive = result.particles.dead.enumerated().filter { !$0.element }.map(\.offset)
      let rows = result.best.to(.double).gathered(Tensor(alive.map { Int64($0) }))
      let rewards = Tensor(alive.map { result.bestRewards[$0] }).unsqueeze(1)
      try writeRows(.concatenate([rows, rewards], axis: 1), names: columns + ["reward"], to: out)
      return alive.count
    }
    let shape = result.particles.shape
    let group = Tensor((0..<shape.rows).map { Double($0 / shape.particles) })
    let facts = Tensor.stack(
      [group, result.particles.weights.reshape(-1), result.rewards.reshape(-1)], axis: 1)
    try writeRows(
      .concatenate([result.particles.state.to(.double, device: .cpu), facts], axis: 1),
      names: columns + ["group", "weight", "reward"], to: out)
    return shape.rows
  }

  private func summary(_ result: SteeringResult) -> JSONValue {
    let sizes = result.trace.effectiveSampleSizes.last ?? []
    return .object([
      "log_evidence": .number(result.logEvidence.value),
      "log_evidence_error": .number(result.logEvidence.standardError),
      "mean_reward": .number(result.meanReward.value),
      "mean_reward_error": .number(result.meanReward.standardError),
      "mean_best_reward": .number(result.meanBestReward.value),
      "mean_final_ess": .number(sizes.reduce(0, +) / Double(max(1, sizes.count))),
      "resamplings": .number(Double(result.trace.resamplings.count)),
      "dead_groups": .number(Double(result.particles.dead.filter { $0 }.count)),
      "model_evaluations": .number(Double(result.modelEvaluations)),
      "reward_evaluations": .number(Double(result.rewardEvaluations)),
    ])
  }
}

/// What stands for the reward on the way, as the command line names it.
enum IntermediateKind: String, CaseIterable, ExpressibleByArgument {
  case denoised, noisy, learned
}

extension SteeringPotentialKind: ExpressibleByArgument {}
extension Resampling: ExpressibleByArgument {}
