import Torch
import Training

/// Trains a scalar head and the transformer below it so that preferred responses have the higher reward: −ln σ(r_w − r_l)
/// (Bradley & Terry 1952).
public struct RewardModelTraining {
  public let classifier: TextClassifier
  public let pairs: [PreferencePair]
  /// The last pairs, which are not trained on.
  public let heldOut: [PreferencePair]
  private let options: PreferenceOptions
  private let random: RandomSource

  /// - Parameters:
  ///   - options: batch, optimiser, rates, steps, held-out share and seed; its objective and adapter are not used.
  /// - Throws: ``LanguageError`` where options and pairs do not fit.
  public init(_ model: Transformer, pairs all: [PreferencePair], options: PreferenceOptions)
    throws(LanguageError)
  {
    try options.validate()
    let count = all.count - Int(Double(all.count) * options.validationFraction)
    guard count > 0 else {
      throw LanguageError(
        .badValue, file: "preferences", found: "\(all.count) pairs", expected: "at least one to train on")
    }
    (pairs, heldOut) = (Array(all[..<count]), Array(all[count...]))
    classifier = TextClassifier(model, labels: ["reward"])
    self.options = options
    random = RandomSource(seed: options.seed)
    model.freeze(false)
  }

  /// Trains and returns the result; the losses are nats a pair.
  ///
  /// - Throws: `TrainingError`, storage errors.
  public func fit(
    run: RunFolder? = nil, resuming: Bool = false, progress: ProgressLine? = nil,
    interruption: Interruption? = nil
  ) throws -> TrainingResult {
    let optimiser = options.optimiser.make(
      classifier.trainableParameters, learningRate: options.learningRate, weightDecay: options.weightDecay,
      squareDecay: options.squareDecay)
    let trainer = Trainer(
      classifier, optimiser: optimiser, options: options.training, random: random.split("steps"), run: run,
      progress: progress, interruption: interruption)
    let batches = ShuffledElements(
      pairs, batchSize: min(options.batchSize, pairs.count), random: random.split("batches"))
    return try trainer.fit(
      resuming: resuming,
      observing: heldOut.isEmpty
        ? nil
        : { _ in
          let found = rewards(of: heldOut)
          let gaps = found.chosen - found.rejected
          return Observation(
            value: (-gaps).softplus().mean().item(),
            metrics: [("accuracy", accuracy(gaps)), ("gap", gaps.mean().item())])
        },
      loss: { step, _ in
        let found = differentiableRewards(of: batches.batch(at: step))
        return (found.rejected - found.chosen).softplus().mean()
      })
  }

  /// The share of pairs ranked right, ties counting half; NaN for none.
  public func accuracy(on pairs: [PreferencePair]) -> Double {
    guard !pairs.isEmpty else { return .nan }
    let found = rewards(of: pairs)
    return accuracy(found.chosen - found.rejected)
  }

  private func accuracy(_ gaps: Tensor) -> Double {
    ((gaps .> 0).to(.double) + 0.5 * (gaps .== 0).to(.double)).mean().item()
  }

  /// `[pairs]` each, in batches.
  private func rewards(of pairs: [PreferencePair]) -> (chosen: Tensor, rejected: Tensor) {
    withoutGradient {
      let parts = stride(from: 0, to: pairs.count, by: 32).map { start in
        differentiableRewards(of: Array(pairs[start..<min(start + 32, pairs.count)]))
      }
      return (.concatenate(parts.map(\.chosen)), .concatenate(parts.map(\.rejected)))
    }
  }

  private func differentiableRewards(of pairs: [PreferencePair]) -> (chosen: Tensor, rejected: Tensor) {
    let scores = classifier.scores(of: pairs.flatMap { [$0.prompt + $0.chosen, $0.prompt + $0.rejected] })
      .reshape(pairs.count, 2)
    return (scores[TensorIndex.all, 0], scores[TensorIndex.all, 1])
  }
}
