import ArgumentParser
import Foundation
import Likely

/// How the steered model is drawn from, on the command line.
struct SteeredSamplerArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Of interpolants: noise level ε of the SDE.", valueName: "ε"))
  var epsilon = 0.5

  @Option(
    name: .customLong("tf"),
    help: ArgumentHelp(
      "Of interpolants: time at which the SDE ends; one denoising step follows.", valueName: "t"))
  var tf: Double?

  @Option(name: .customLong("class"), help: ArgumentHelp("Class to generate.", valueName: "name"))
  var className: String?

  @Option(help: ArgumentHelp("Of diffusion models: weight of the class against none.", valueName: "w"))
  var guidance = 1.0
}

/// A trained model of rows that can be steered.
enum SteerableModel {
  case interpolant(InterpolantModel)
  case diffusion(DiffusionModel)

  init(_ url: URL, on device: Device) throws {
    if DiffusionModel.kind.matches(url) {
      let model = try DiffusionModel(contentsOf: url)
      model.move(to: device)
      self = .diffusion(model)
    } else {
      let model = try InterpolantModel(contentsOf: url)
      model.move(to: device)
      self = .interpolant(model)
    }
  }

  var columns: [String] {
    switch self {
    case .interpolant(let model): model.columns
    case .diffusion(let model): model.columns
    }
  }

  /// What draws with options and a stream. A learned intermediate reward is learned here, once for all draws.
  func steering(
    _ reward: some Reward, _ arguments: SteeringArguments, _ sampler: SteeredSamplerArguments,
    _ random: RandomSource
  ) throws -> (SteeringOptions, RandomSource) throws -> SteeringResult {
    switch self {
    case .interpolant(let model):
      if let kind = arguments.intermediate, kind != .denoised {
        throw UsageError("--intermediate \(kind.rawValue): interpolants take denoised")
      }
      if let batch = arguments.modelBatch {
        throw UsageError("--model-batch \(batch): only diffusion models of rows take it; leave it out")
      }
      let condition = try sampler.className.map { try model.condition(class: $0, count: 1) }
      return { options, random in
        try model.steer(
          reward: reward, options: options, epsilon: .constant(sampler.epsilon), end: sampler.tf,
          condition: condition, random: random)
      }
    case .diffusion(let model):
      let intermediate: IntermediateReward
      switch arguments.intermediate ?? .denoised {
      case .denoised: intermediate = .denoised
      case .noisy: intermediate = .noisy
      case .learned:
        intermediate = try model.learnedReward(
          reward: reward, options: arguments.options(), class: sampler.className, guidance: sampler.guidance,
          random: random.split("learned reward"))
      }
      return { options, random in
        try model.steer(
          reward: reward, intermediate: intermediate, options: options, class: sampler.className,
          guidance: sampler.guidance, random: random)
      }
    }
  }
}
