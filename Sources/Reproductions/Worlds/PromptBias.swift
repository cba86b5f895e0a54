import Language
import Probability
import Torch
import Training

/// Prompts x ~ U(0, 1) with two responses each, whose scores differ by chance and share a bias where x < ½: a ranking of
/// pairs need not see the bias, one of points must come to terms with it (Gorbatovski et al. 2025).
struct PromptBias {
  static let prompts = 2000
  static let epochs = 100
  private let x: Tensor
  /// Preferred and other, `[prompts]`.
  private let preferred: Tensor
  private let other: Tensor
  private let random: RandomSource

  init(isBiased: Bool, random: RandomSource) {
    self.random = random
    var stream = random.split("data")
    let count = Self.prompts
    x = stream.uniform([count])
    let scores = stream.uniform([count, 2])
    let bias = (isBiased ? 0.9 : 0) * (x .< 0.5).to(.float)
    let centred = scores - scores.mean(1, keep: true) + bias.unsqueeze(1)
    (preferred, other) = (centred.max(1), centred.min(1))
  }

  /// Trains a perceptron (x, y) ↦ score on the first four fifths; on the rest, the share of pairs that it ranks right and
  /// the intraclass correlation of its scores by prompt.
  func trained(_ ranking: PreferenceLoss.Ranking) throws -> (accuracy: Double, correlation: Double) {
    var stream = random.split("network")
    let network = MLP([2, 8, 1], activation: .relu, using: &stream)
    let loss = PreferenceLoss(score: .likelihood, ranking: ranking)
    let trainCount = Self.prompts * 4 / 5
    func scores(_ x: Tensor, _ y: Tensor) -> Tensor { network(.stack([x, y], axis: 1)).squeeze(1) }
    let batch = 64
    let rows = ShuffledRows(
      [x, preferred, other].map { $0[0..<trainCount] }, batchSize: batch, random: random.split("batches"))
    let trainer = Trainer(
      network, optimiser: Adam(network.trainableParameters, learningRate: 1e-2),
      options: TrainingOptions(steps: Self.epochs * trainCount / batch), random: random.split("steps"))
    _ = try trainer.fit { step, _ in
      let rows = rows.batch(at: step)
      let ones = Tensor.ones([rows[0].count])
      return loss(
        ResponseLikelihoods(
          chosen: scores(rows[0], rows[1]), rejected: scores(rows[0], rows[2]), chosenLengths: ones,
          rejectedLengths: ones)
      ).mean()
    }
    return withoutGradient {
      let held = trainCount..<Self.prompts
      let first = scores(x[held], preferred[held]), second = scores(x[held], other[held])
      return (
        (first .> second).to(.double).mean().item(),
        intraclassCorrelation(zip(first.doubles, second.doubles).map { [$0, $1] })
      )
    }
  }
}
