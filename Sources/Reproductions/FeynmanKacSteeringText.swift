import Foundation
import Generative
import Probability
import Report
import Sampling
import Torch
import Training

/// Shakespeare's plays over 27 symbols, with n-gram models of their first nine tenths.
struct ShakespeareLetters {
  let vocabulary = CharacterVocabulary.letters
  let training: Tensor
  let test: Tensor
  /// Of order 1 to 4.
  let models: [NGramModel]

  var bigram: NGramModel { models[1] }
  var trigram: NGramModel { models[2] }
  var fourgram: NGramModel { models[3] }

  /// - Throws: `DataSetError` where the text is not here.
  init() throws {
    let url = try DataCatalogue.file(of: try DataCatalogue.dataSet(named: "tinyshakespeare"))
    let tokens = try vocabulary.encode(reduceToLetters(String(textOf: url)))
    let count = tokens.count * 9 / 10
    let training = tokens[0..<count]
    models = try (1...4).map {
      try NGramModel(order: $0, counting: training, symbols: CharacterVocabulary.letters.count)
    }
    (self.training, test) = (training, tokens[count...])
  }

  /// The bigram's chain, which starts in the law of single symbols.
  func chain() throws -> MarkovChain {
    try MarkovChain(initial: models[0].logProbabilities.exp(), transition: bigram.logProbabilities.exp())
  }
}

// Experiment B: masked diffusion of text with an exact denoiser.
extension FeynmanKacSteering {
  private static let length = 32
  /// λ with log Z and the mean reward under the tilted law.
  private static let truths = [
    (4.0, -11.38779, -2.54203), (16, -36.14132, -1.73954), (32, -60.22095, -1.32761),
  ]

  func text(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let corpus: ShakespeareLetters
    do {
      corpus = try ShakespeareLetters()
    } catch let error as DataSetError {
      return ExperimentOutcome(claims: [
        Claim(
          "B: steered text above the best of as many", rule: .atLeast(0.2), notRun: error.description)
      ])
    }
    log("B: n-grams and the transfer matrix")
    var outcome = ExperimentOutcome(claims: try exactNumbers(corpus))
    let denoiser = MarkovChainDenoiser(try corpus.chain(), length: Self.length)
    let sampler = try MaskedSampler(denoiser, unmasking: .randomOrder)
    outcome.append(try bestOfGroups(sampler, corpus, random: random.split("best"), log: log))
    outcome.append(
      try evidence(sampler, corpus, random: random.split("evidence"), log: log))
    return outcome
  }

  private func exactNumbers(_ corpus: ShakespeareLetters) throws -> [Claim] {
    let published = [("bigram", 3.3401), ("trigram", 2.8107), ("4-gram", 2.4141)]
    var claims = zip(published, corpus.models.dropFirst()).map { known, model in
      Claim(
        "B: bits a symbol of the held-out tenth, \(known.0)", measured: model.crossEntropy(of: corpus.test),
        rule: .near(known.1, tolerance: 1e-4))
    }
    let chain = try corpus.chain()
    func tilted(_ λ: Double) -> (logNormaliser: Double, meanScore: Double) {
      chain.tilted(byMeanOf: corpus.trigram.logProbabilities, strength: λ, length: Self.length)
    }
    claims.append(
      Claim(
        "B: exact mean reward, λ = 0", measured: tilted(0).meanScore, rule: .near(-3.2207, tolerance: 1e-4)))
    for (λ, logNormaliser, reward) in Self.truths {
      let (z, mean) = tilted(λ)
      claims.append(
        Claim(
          "B: exact log Z, λ = \(formatNumber(λ))", measured: z, rule: .near(logNormaliser, tolerance: 1e-4)))
      claims.append(
        Claim(
          "B: exact mean reward, λ = \(formatNumber(λ))", measured: mean, rule: .near(reward, tolerance: 1e-4)
        ))
    }
    return claims
  }

  private func options(_ potential: SteeringPotentialKind, particles: Int, groups: Int, strength: Double)
    -> SteeringOptions
  {
    var options = SteeringOptions()
    (options.potential, options.strength) = (potential, strength)
    (options.particles, options.groups, options.steps) = (particles, groups, Self.length)
    options.resamplingSteps = SteeringOptions.steps(from: 4, through: Self.length - 1, every: 4)
    return options
  }

  /// The best row of every group, with steering and without.
  private func bestOfGroups(
    _ sampler: MaskedSampler<MarkovChainDenoiser>, _ corpus: ShakespeareLetters, random: RandomSource,
    log: ExperimentLog
  ) throws -> ExperimentOutcome {
    var table = ReportTable(
      title: "B: the best of a group by the trigram, 200 groups, λ = 32",
      columns: [
        .text("particles"), .integer("k"), .uncertain("trigram, nats"), .uncertain("4-gram, nats"),
        .integer("model calls a group"), .integer("reward calls a group"), .text("a best row"),
      ])
    var rewards: [String: Estimate] = [:]
    for particles in [4, 8, 16] {
      for (name, potential) in [("best of k", SteeringPotentialKind.importance), ("steered", .difference)] {
        log("B: \(name), k = \(particles)")
        let result = try sampler.steer(
          reward: NGramReward(corpus.trigram),
          options: options(potential, particles: particles, groups: 200, strength: 32),
          random: random.split(name).split(particles))
        let heldOut = Estimate(meanOf: corpus.fourgram.meanLogProbability(of: result.best).doubles)
        let best = result.meanBestReward
        rewards["\(name) \(particles)"] = best
        table.append([
          .text(name), .integer(particles), .uncertain(best.value, best.standardError),
          .uncertain(heldOut.value, heldOut.standardError), .integer(result.modelEvaluations / 200),
          .integer(result.rewardEvaluations / 200), .text(corpus.vocabulary.lines(result.best)[0]),
        ])
      }
    }
    var claims = [4, 8, 16].map { k in
      let gain = rewards["steered \(k)"]! - rewards["best of k \(k)"]!
      return Claim(
        "B: mean best reward of steering above best of k, k = \(k)", measured: gain.value,
        uncertainty: gain.standardError, rule: .atLeast(0.2))
    }
    let gain = rewards["steered 4"]! - rewards["best of k 16"]!
    claims.append(
      Claim(
        "B: steering with k = 4 above the best of 16, at least as good up to two standard errors",
        measured: gain.value, uncertainty: gain.standardError, rule: .atLeast(-2 * gain.standardError)))
    return ExperimentOutcome(claims: claims, items: [.table(table)])
  }

  /// E[Ẑ] = Z at λ = 4.
  private func evidence(
    _ sampler: MaskedSampler<MarkovChainDenoiser>, _ corpus: ShakespeareLetters, random: RandomSource,
    log: ExperimentLog
  ) throws -> ExperimentOutcome {
    // 32,000 as in A: single groups carry percents of the mean, and a quarter of them would not show it. In runs
    // whose tensors the allocator keeps.
    let (rows, runs) = (3200, 10)
    var table = ReportTable(
      title: "B: \(runs * rows) particles in groups of k, λ = 4",
      columns: [.text("particles"), .integer("k"), .uncertain("mean Ẑ/Z"), .uncertain("mean reward")])
    var claims: [Claim] = []
    let λ = Self.truths[0].0
    let exact = sampler.model.chain.tilted(
      byMeanOf: corpus.trigram.logProbabilities, strength: λ, length: Self.length
    ).logNormaliser
    for (name, potential, threshold) in [
      ("importance", .importance, nil), ("difference", .difference, nil),
      ("difference, ESS", .difference, 0.5),
    ] as [(String, SteeringPotentialKind, Double?)] {
      for particles in [4, 8, 32] {
        log("B: E[Ẑ], \(name), k = \(particles)")
        var ratios: [Double] = []
        var means: [Double] = []
        for run in 0..<runs {
          var options = options(potential, particles: particles, groups: rows / particles, strength: λ)
          options.threshold = threshold
          let result = try sampler.steer(
            reward: NGramReward(corpus.trigram), options: options,
            random: random.split(name).split(particles).split(run))
          ratios += result.particles.logEvidence.map { exp($0 - exact) }
          means += (result.particles.weights * result.rewards).sum(1).doubles
        }
        let (ratio, mean) = (Estimate(meanOf: ratios), Estimate(meanOf: means))
        table.append([
          .text(name), .integer(particles), .uncertain(ratio.value, ratio.standardError),
          .uncertain(mean.value, mean.standardError),
        ])
        claims.append(
          Claim(
            "B: E[Ẑ]/Z − 1, \(name), k = \(particles)", measured: ratio.value - 1,
            uncertainty: ratio.standardError, rule: .agrees(with: 0, uncertainties: 4)))
      }
    }
    return ExperimentOutcome(claims: claims, items: [.table(table)])
  }
}
