import ArgumentParser
import Foundation
import Likely

/// What only text takes, when steered.
struct TextSteeringArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Of text models: how every text begins.", valueName: "text"))
  var prompt: String?

  @Option(
    help: ArgumentHelp(
      "Of text models: finished texts whose rewards are averaged on the way, a particle.", valueName: "n"))
  var samples: Int?
}

/// Rewards of texts that a line names: `ngram:FILE`, or `ngram:FILE:ORDER` with an order from 1 to 5.
func textReward(_ line: String, _ vocabulary: CharacterVocabulary) throws -> NGramReward {
  let form =
    "--reward \(line): for a text model ngram:FILE or ngram:FILE:ORDER is expected, with an order from 1 to 5"
  guard line.hasPrefix("ngram:") else { throw UsageError(form) }
  var (file, order) = (String(line.dropFirst(6)), 3)
  if let colon = file.lastIndex(of: ":"), let number = Int(file[file.index(after: colon)...]) {
    (file, order) = (String(file[..<colon]), number)
  }
  guard !file.isEmpty, (1...5).contains(order) else { throw UsageError(form) }
  let text = try readText(file)
  let tokens: Tensor
  do {
    tokens = try vocabulary.encode(vocabulary == .letters ? reduceToLetters(text) : text)
  } catch {
    throw TextError(error.kind, "\(file): \(error)")
  }
  // Every character of the model may be drawn, so every one has to have a probability.
  return NGramReward(
    try NGramModel(order: order, counting: tokens, symbols: vocabulary.count, smoothing: [1, 1, 5]))
}

extension TextSteeringArguments {
  /// What draws texts with options and a stream. A learned intermediate reward is learned here, once for all draws.
  func steering(_ model: MaskedTextModel, _ arguments: SteeringArguments, _ random: RandomSource) throws
    -> (SteeringOptions, RandomSource) throws -> SteeringResult
  {
    if let batch = arguments.modelBatch {
      throw UsageError("--model-batch \(batch): only diffusion models of rows take it; leave it out")
    }
    let reward = try textReward(arguments.reward, model.vocabulary)
    let sampler = try model.sampler(prompt: prompt ?? "")
    let intermediate: IntermediateReward
    switch arguments.intermediate {
    case nil: intermediate = .samples(samples ?? 4)
    case .learned:
      guard samples == nil else { throw UsageError("--samples and --intermediate learned: give one of them") }
      intermediate = try sampler.learnedReward(
        reward: reward, options: arguments.options(), random: random.split("learned reward"))
    case .some(let kind):
      throw UsageError(
        "--intermediate \(kind.rawValue): symbols have no mean; texts take learned, or --samples when left out"
      )
    }
    return { options, random in
      try sampler.steer(reward: reward, intermediate: intermediate, options: options, random: random)
    }
  }
}

extension SteerRun {
  /// Whether the model is one of `text-diffusion train`.
  func isText() throws -> Bool { MaskedTextModel.kind.matches(try modelFile(model.run)) }

  func runText() throws {
    try requireTextFile(out)
    for (name, isGiven) in [("--tf", sampler.tf != nil), ("--class", sampler.className != nil)] where isGiven
    {
      throw UsageError("\(name): a text model has none; leave it out")
    }
    let random = common.start()
    let model = try MaskedTextModel(contentsOf: try modelFile(model.run))
    model.move(to: common.target)
    let steer = try text.steering(model, steering, random)
    let result = try steer(steering.options(), random)
    let rows = textRows(result, model.vocabulary)
    try writeTexts(rows, to: out)
    show(result, "\(rows.count) texts written to \(out)")
  }

  private func textRows(_ result: SteeringResult, _ vocabulary: CharacterVocabulary) -> [JSONValue] {
    if best {
      let texts = vocabulary.lines(result.best)
      return zip(texts, zip(result.bestRewards, result.particles.dead)).filter { !$0.1.1 }.map {
        text, facts in
        ["text": .string(text), "reward": .number(facts.0)]
      }
    }
    let texts = vocabulary.lines(result.particles.state)
    let (weights, rewards) = (result.particles.weights.doubles, result.rewards.doubles)
    return texts.enumerated().map { row, text in
      [
        "text": .string(text), "group": .integer(row / result.particles.shape.particles),
        "weight": .number(weights[row]), "reward": .number(rewards[row]),
      ]
    }
  }
}
