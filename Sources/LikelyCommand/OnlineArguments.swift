import ArgumentParser
import Likely

extension OnlinePreferenceOptions.DataSource: ExpressibleByArgument {}
extension OnlineObjective.Advantage.Baseline: ExpressibleByArgument {}

/// What training on drawn responses takes, on the command line.
struct OnlineArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "\(OnlineObjective.Name.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
  var objective = "ipo"

  @Option(
    help: ArgumentHelp(
      "Temperature of rwr and dpo, weight of what best-of-n-… lowers; 0.1 if left out.", valueName: "β"))
  var beta: Double?

  @Option(
    help: ArgumentHelp("m of ipo, the difference of log-ratios it aims at; 10 if left out.", valueName: "m"))
  var margin: Double?

  @Option(
    help: ArgumentHelp(
      "What reinforce and ppo compare rewards with: "
        + "\(OnlineObjective.Advantage.Baseline.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "name"))
  var baseline = OnlineObjective.Advantage.Baseline.running

  @Option(help: ArgumentHelp("Bonus on entropy, of reinforce and ppo.", valueName: "c"))
  var entropy = 0.0

  @Option(help: ArgumentHelp("Penalty on ln π/π_ref, of reinforce and ppo.", valueName: "λ"))
  var kl = 0.0

  @Option(help: ArgumentHelp("How often prompts are drawn, and responses to them.", valueName: "n"))
  var iterations: Int?

  @Option(help: ArgumentHelp("Prompts an iteration.", valueName: "n"))
  var prompts: Int?

  @Option(help: ArgumentHelp("Responses a prompt.", valueName: "n"))
  var samples: Int?

  @Option(
    help: ArgumentHelp("Steps an iteration: how often its samples are used again.", valueName: "n"))
  var innerSteps: Int?

  @Option(help: ArgumentHelp("The least gap of rewards that makes a pair.", valueName: "gap"))
  var threshold = 0.0

  @Option(help: ArgumentHelp("Learning rate of Adam.", valueName: "rate"))
  var lr: Double?

  @Option(
    help: ArgumentHelp(
      "Share of prompts whose responses come from the reference, of --data current.", valueName: "share"))
  var mix = 0.0

  /// Options with what was given in place of `usual`'s.
  func options(_ usual: OnlinePreferenceOptions, objective: OnlineObjective.Name) -> OnlinePreferenceOptions {
    var advantage = OnlineObjective.Advantage()
    (advantage.baseline, advantage.entropyWeight, advantage.divergenceWeight) = (baseline, entropy, kl)
    var options = usual
    options.objective = .named(objective, beta: beta, margin: margin, advantage: advantage)
    options.iterations = iterations ?? usual.iterations
    options.prompts = prompts ?? usual.prompts
    options.samples = samples ?? usual.samples
    options.innerSteps = innerSteps ?? usual.innerSteps
    (options.threshold, options.learningRate) = (threshold, lr ?? usual.learningRate)
    return options
  }
}
