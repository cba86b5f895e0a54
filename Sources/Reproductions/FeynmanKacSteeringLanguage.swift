import Foundation
import Generative
import Probability
import Report
import Sampling
import Torch
import Training

// Experiment C: a masked diffusion trained on text.
extension FeynmanKacSteering {
  func language(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let corpus: ShakespeareLetters
    do {
      corpus = try ShakespeareLetters()
    } catch let error as DataSetError {
      return ExperimentOutcome(claims: [
        Claim(
          "C: seeds in which steering's mean best reward is higher", rule: .count(atLeast: 9, of: 10),
          notRun: error.description)
      ])
    }
    var options = MaskedTextOptions()
    options.training = TrainingOptions(steps: 3000)
    options.validationFraction = 0
    var stream = random.split("seed")
    options.seed = stream.next()
    log("C: training a masked diffusion of 64 characters")
    let (model, _) = try MaskedTextTraining(options, tokens: corpus.training, vocabulary: corpus.vocabulary)
      .fit(progress: log.bar("C", total: 3000))
    var windows = random.split("bound")
    let bound = try model.bitsPerCharacter(corpus.test, windows: 1500, using: &windows)
    var outcome = try compare(model, corpus, random: random.split("compare"), log: log)
    var table = ReportTable(
      title: "C: bits a character of the held-out tenth", columns: [.text("model"), .uncertain("bits")])
    table.append(["masked diffusion (upper bound)", .uncertain(bound.value, bound.standardError)])
    for (name, ngram) in zip(["bigram", "trigram", "4-gram"], corpus.models.dropFirst()) {
      table.append([.text(name), .uncertain(ngram.crossEntropy(of: corpus.test), 0)])
    }
    outcome.items.append(.table(table))
    return outcome
  }

  /// Steering against the best of as many, seed by seed.
  private func compare(
    _ model: MaskedTextModel, _ corpus: ShakespeareLetters, random: RandomSource, log: ExperimentLog
  ) throws -> ExperimentOutcome {
    var table = ReportTable(
      title: "C: the best of 8, 32 groups a seed",
      columns: [
        .text("particles"), .integer("seed"), .uncertain("trigram, nats"), .uncertain("4-gram, nats"),
        .integer("model calls a group"), .text("a best row"),
      ])
    let sampler = try model.sampler()
    var higher = (reward: 0, heldOut: 0)
    for seed in 0..<10 {
      var means: [(reward: Double, heldOut: Double)] = []
      for (name, potential) in [("best of 8", SteeringPotentialKind.importance), ("steered", .difference)] {
        log("C: \(name), seed \(seed)")
        var options = SteeringOptions()
        (options.potential, options.particles, options.groups, options.steps) = (potential, 8, 32, 64)
        // The mean over 62 characters times 62: λ r is the trigram's log-likelihood itself.
        options.strength = 62
        options.resamplingSteps = SteeringOptions.steps(from: 4, through: 63, every: 4)
        let result = try sampler.steer(
          reward: NGramReward(corpus.trigram), options: options, random: random.split(name).split(seed))
        let best = result.meanBestReward
        let heldOut = Estimate(meanOf: corpus.fourgram.meanLogProbability(of: result.best).doubles)
        means.append((best.value, heldOut.value))
        table.append([
          .text(name), .integer(seed), .uncertain(best.value, best.standardError),
          .uncertain(heldOut.value, heldOut.standardError), .integer(result.modelEvaluations / 32),
          .text(corpus.vocabulary.lines(result.best)[0]),
        ])
      }
      if means[1].reward > means[0].reward { higher.reward += 1 }
      if means[1].heldOut > means[0].heldOut { higher.heldOut += 1 }
    }
    return ExperimentOutcome(
      claims: [
        Claim(
          "C: seeds in which the mean best reward of steering is above that of best of 8",
          measured: Double(higher.reward), rule: .count(atLeast: 9, of: 10)),
        Claim(
          "C: seeds in which the best rows' 4-gram score, which nobody steered for, is higher too",
          measured: Double(higher.heldOut), rule: .count(atLeast: 8, of: 10)),
      ], items: [.table(table)])
  }
}
