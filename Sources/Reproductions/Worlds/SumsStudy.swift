import Foundation
import Language
import Probability
import Torch
import Training

/// A model of sums with mistakes, models of its right and of its wrong solutions, and what is found and learnt with them.
struct SumsStudy {
  var (baseAccuracy, positiveAccuracy, negativeAccuracy) = (0.0, 0.0, 0.0)
  /// How well low scores, and low probabilities of the base model, tell the first wrong total from tokens before it.
  var (scoreAUC, baseAUC, scoreHits, baseHits) = (0.0, 0.0, 0.0, 0.0)
  var (scoreAtMistake, scoreElsewhere) = (0.0, 0.0)
  var runs: [Run] = []

  struct Run {
    let name: String
    let rate: Double
    /// After every epoch, on fresh prompts.
    var accuracies: [Double]
    /// Mean change of ln π of the right solutions.
    var change: Double
  }

  static func run(random: RandomSource, log: ExperimentLog) throws -> SumsStudy {
    var study = SumsStudy()
    var stream = random.split("network")
    let base = try smallDecoder(
      vocabulary: RunningSums.vocabulary, context: RunningSums.length, using: &stream)
    try base.pretrain(steps: 2000, random: random.split("training"), log: log, title: "sums") {
      texts(64, using: &$1)
    }
    let sampled = try solutions(base, prompts: 400, random: random.split("samples"))
    let right = sampled.filter { RunningSums.isCorrect($0.solution, to: $0.prompt) }
    let wrong = sampled.filter { !RunningSums.isCorrect($0.solution, to: $0.prompt) }
    study.baseAccuracy = Double(right.count) / Double(sampled.count)
    let positive = try tuned(base, on: right, random: random.split("positive"), log: log)
    let negative = try tuned(base, on: wrong, random: random.split("negative"), log: log)
    study.positiveAccuracy = try accuracy(of: positive, prompts: 400, random: random.split("of positive"))
    study.negativeAccuracy = try accuracy(of: negative, prompts: 400, random: random.split("of negative"))
    try study.detect(
      in: solutions(base, prompts: 150, random: random.split("held out")), base: base, positive: positive,
      negative: negative)
    let pairs = try weightedPairs(
      sampled, positive: positive, negative: negative, random: random.split("pairs"))
    for (name, isWeighted, aggregation) in [
      ("DPO", false, PreferenceAggregation.sequence), ("cDPO", true, .sequence),
      ("cDPO by tokens", true, .token),
    ] {
      for rate in aggregation == .sequence ? [3e-4, 1e-3] : [1e-3] {
        study.runs.append(
          try train(
            base, on: isWeighted ? pairs : pairs.map(\.unweighted), name: name, rate: rate,
            aggregation: aggregation, random: random.split("fresh")))
      }
    }
    return study
  }

  private struct Sampled {
    let question: Int
    let prompt: [Int]
    let solution: [Int]
    var text: WeightedText { WeightedText(prompt: prompt, response: solution) }
  }

  private static func texts(_ count: Int, using random: inout RandomSource) -> [WeightedText] {
    (0..<count).map { _ in
      let prompt = RunningSums.prompt(using: &random)
      return WeightedText(prompt: prompt, response: RunningSums.solution(to: prompt, using: &random))
    }
  }

  /// Eight solutions to each of so many prompts.
  private static func solutions(_ model: Transformer, prompts count: Int, random: RandomSource) throws
    -> [Sampled]
  {
    var stream = random.split("prompts")
    let prompts = (0..<count).map { _ in RunningSums.prompt(using: &stream) }
    var options = RunningSums.generation
    options.samples = 8
    let drawn = try model.generate(prompts, options: options, random: random.split("drawn"))
    return zip(prompts, drawn).enumerated().flatMap { question, found in
      found.1.map { Sampled(question: question, prompt: found.0, solution: $0.tokens) }
    }
  }

  private static func accuracy(of model: Transformer, prompts count: Int, random: RandomSource) throws
    -> Double
  {
    var stream = random.split("prompts")
    let prompts = (0..<count).map { _ in RunningSums.prompt(using: &stream) }
    let drawn = try model.generate(
      prompts, options: RunningSums.generation, random: random.split("drawn"))
    return Double(zip(prompts, drawn).count { RunningSums.isCorrect($1[0].tokens, to: $0) }) / Double(count)
  }

  /// Three epochs of all weights on solutions.
  private static func tuned(
    _ base: Transformer, on solutions: [Sampled], random: RandomSource, log: ExperimentLog
  ) throws -> Transformer {
    let model = try base.copy()
    let batches = ShuffledElements(solutions.map(\.text), batchSize: 64, random: random)
    let trainer = Trainer(
      model, optimiser: Adam(model.trainableParameters, learningRate: 1e-3),
      options: TrainingOptions(steps: 3 * (solutions.count + 63) / 64, clipNorm: 1), random: random)
    _ = try trainer.fit { step, _ in model.loss(of: batches.batch(at: step)) }
    return model
  }

  private mutating func detect(
    in sampled: [Sampled], base: Transformer, positive: Transformer, negative: Transformer
  ) throws {
    let wrong = sampled.compactMap { sample in
      RunningSums.firstMistake(in: sample.solution, to: sample.prompt).map { (sample, $0) }
    }
    let scores = try ContrastiveEstimation.scores(
      of: wrong.map { ($0.0.prompt, $0.0.solution) }, positive: positive, negative: negative)
    let logs = try base.score(
      wrong.map { ScoringItem(prompt: $0.0.prompt, continuations: [$0.0.solution]) }
    ).map { $0[0].tokenLogProbabilities }
    func summary(_ values: [[Double]]) -> (auc: Double, hits: Double, at: [Double], elsewhere: [Double]) {
      var (at, elsewhere, hits) = ([Double](), [Double](), 0)
      for ((_, mistake), row) in zip(wrong, values) {
        at.append(row[mistake])
        elsewhere += row[..<mistake]
        if row[...mistake].min() == row[mistake] { hits += 1 }
      }
      return (
        areaUnderCurve(low: at, high: elsewhere), Double(hits) / Double(wrong.count), at, elsewhere
      )
    }
    let (found, plain) = (summary(scores), summary(logs))
    (scoreAUC, baseAUC, scoreHits, baseHits) = (found.auc, plain.auc, found.hits, plain.hits)
    scoreAtMistake = found.at.reduce(0, +) / Double(found.at.count)
    scoreElsewhere = found.elsewhere.reduce(0, +) / Double(found.elsewhere.count)
  }

  /// The most frequent right solution and the most frequent wrong one of every prompt, the tokens of the wrong one weighted
  /// by 1 − s, its end by 1.
  private static func weightedPairs(
    _ sampled: [Sampled], positive: Transformer, negative: Transformer, random: RandomSource
  ) throws -> [PreferencePair] {
    let questions = Dictionary(grouping: sampled.indices) { sampled[$0].question }
    var pairs = questions.keys.sorted().compactMap { question -> PreferencePair? in
      var stream = random.split(question)
      let solutions = questions[question]!.map { place in
        let sample = sampled[place]
        // Fillers are no part of an answer.
        let totals = sample.solution.filter { $0 < 5 }.map(String.init).joined()
        return Solution(
          number: place, answer: totals, isCorrect: RunningSums.isCorrect(sample.solution, to: sample.prompt))
      }
      guard let pair = SolutionSelection(solutions, using: &stream).pair else { return nil }
      return PreferencePair(
        prompt: sampled[pair.chosen].prompt, chosen: sampled[pair.chosen].solution,
        rejected: sampled[pair.rejected].solution)
    }
    let scores = try ContrastiveEstimation.scores(
      of: pairs.map { ($0.prompt, $0.rejected) }, positive: positive, negative: negative)
    for (i, row) in scores.enumerated() {
      pairs[i].rejectedWeights = zip(row, pairs[i].rejected).map { score, token in
        token == RunningSums.end ? 1 : Float(1 - score)
      }
    }
    return pairs
  }

  private static func train(
    _ base: Transformer, on pairs: [PreferencePair], name: String, rate: Double,
    aggregation: PreferenceAggregation, random: RandomSource
  ) throws -> Run {
    let model = try base.copy()
    var options = PreferenceOptions()
    options.loss = .preset(.dpo, beta: 0.1)
    (options.aggregation, options.batchSize, options.learningRate) = (aggregation, 32, rate)
    (options.validationFraction, options.watchedPairs, options.squareDecay) = (0, pairs.count, 0.999)
    let stepsPerEpoch = (pairs.count + 31) / 32
    options.training = TrainingOptions(
      steps: 6 * stepsPerEpoch, clipNorm: 1, validateEvery: stepsPerEpoch)
    let training = try PreferenceTraining(model, pairs: pairs, options: options)
    var run = Run(name: name, rate: rate, accuracies: [], change: .nan)
    _ = try training.fit { _, reading, _ in
      run.accuracies.append(try accuracy(of: model, prompts: 1000, random: random))
      run.change = reading.chosenChange
    }
    return run
  }
}
