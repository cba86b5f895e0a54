import ArgumentParser
import Foundation
import Likely

/// One piece of work with preferences and the prepared language model.
struct PreferenceTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "preference")
  @OptionGroup var options: TaskOptions
  @Option(help: "dpo, dpo-kept, orpo, asft, reference, ches or follow-up.")
  var task = "dpo"

  /// The same in the peer's program.
  private func tokens(_ row: Int, _ count: Int) -> [Int] {
    (0..<count).map { (row * 7919 + $0 * 104_729 + 13) % 8192 }
  }

  private func pairs(_ count: Int) -> [PreferencePair] {
    (0..<count).map { row in
      PreferencePair(
        prompt: tokens(row, 200), chosen: tokens(1000 + 2 * row, 60), rejected: tokens(1001 + 2 * row, 60))
    }
  }

  func run() throws {
    Libtorch.threads = options.threads
    let model = try Transformer(folder: options.url.appendingPathComponent("language"))
    switch task {
    case "dpo": try step(model, .preset(.dpo), keepsReference: false)
    case "dpo-kept": try step(model, .preset(.dpo), keepsReference: true)
    case "orpo": try step(model, .preset(.orpo), keepsReference: false)
    case "asft": try step(model, .preset(.asft), keepsReference: false)
    case "reference":
      try measure { try model.referenceLikelihoods(of: pairs(64))[TensorIndex.all, 0].sum().item() }
    case "ches":
      _ = try model.similarities(of: pairs(1))
      try measure { try model.similarities(of: pairs(64)).reduce(0) { $0 + $1.ches } }
    default: try followUp(model)
    }
  }

  private func measure(_ body: () throws -> Double) throws {
    let before = processorSeconds()
    var value = 0.0
    let time = try seconds { value = try body() }
    answer([
      "seconds": time, "processor": processorSeconds() - before, "value": value,
      "megabytes": peakMegabytes(),
    ])
  }

  /// Steps on eight pairs; a reference that is not kept is a copy of the model that is read in every step.
  private func step(_ model: Transformer, _ loss: PreferenceLoss, keepsReference: Bool) throws {
    let pairs = pairs(8)
    let frozen = loss.needsReference && !keepsReference ? try model.copy() : nil
    let known = loss.needsReference && keepsReference ? try model.referenceLikelihoods(of: pairs) : nil
    let optimiser = PreferenceOptions.Optimiser.adam.make(model.trainableParameters, learningRate: 1e-5)
    func step() throws -> Double {
      let reference = try frozen.map { try $0.referenceLikelihoods(of: pairs) } ?? known
      let value = loss(model.likelihoods(of: pairs, reference: reference)).mean()
      let slopes = gradients(of: [value], withRespectTo: optimiser.parameters.map(\.value))
      clipGradients(slopes, limit: 1)
      optimiser.step(slopes)
      return value.item()
    }
    for _ in 0..<2 { _ = try step() }
    try measure {
      var value = 0.0
      for _ in 0..<5 { value = try step() }
      return value
    }
  }

  private func followUp(_ model: Transformer) throws {
    let all = (0..<120).map { tokens(5000 + $0, 8) }
    let followUps = FollowUpTokens([
      .init(name: "all", positive: Array(all[..<60]), negative: Array(all[60...]))
    ])
    let dialogues = (0..<3).map { tokens($0, 300) }
    try measure {
      try model.followUpScores(of: dialogues, followUps: followUps).reduce(0) { $0 + $1.reward }
    }
  }
}
