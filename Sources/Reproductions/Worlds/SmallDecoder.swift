import Language
import Torch
import Training

/// The decoder that experiments on made-up languages train: pre-norm blocks of width 32 with learned positions, RMS
/// normalisation and ReLU perceptrons of four times the width.
func smallDecoder(
  vocabulary: Int, context: Int, width: Int = 32, deviation: Double = 0.1, using random: inout RandomSource
) throws -> Transformer {
  var shape = TransformerConfiguration.llama(
    vocabularySize: vocabulary, width: width, layers: 2, heads: 2, hiddenWidth: 4 * width,
    contextLength: context)
  (shape.positions, shape.activation, shape.isGated) = (.learned, .relu, false)
  shape.initialDeviation = deviation
  return try Transformer(shape, using: &random)
}

extension Transformer {
  /// Trains all weights on fresh texts at every step: Adam, the rate down to 0 along a line, gradients clipped at norm 1.
  func pretrain(
    steps: Int, learningRate: Double = 3e-3, random: RandomSource, log: ExperimentLog, title: String,
    texts: (_ step: Int, inout RandomSource) -> [WeightedText]
  ) throws {
    let trainer = Trainer(
      self, optimiser: Adam(trainableParameters, learningRate: learningRate),
      options: TrainingOptions(steps: steps, schedule: .linear(), clipNorm: 1), random: random,
      progress: log.bar(title, total: steps))
    _ = try trainer.fit { step, random in loss(of: texts(step, &random)) }
  }
}

/// A law over a few outcomes, drawn from by its cumulative sums.
struct DiscreteLaw {
  let probabilities: [Double]
  private let cumulative: [Double]

  init(_ probabilities: [Double]) {
    self.probabilities = probabilities
    var sum = 0.0
    cumulative = probabilities.map { p in
      sum += p
      return sum
    }
  }

  /// Shares of gamma variables: a draw from the symmetric Dirichlet law.
  static func dirichlet(_ concentration: Double, count: Int, using random: inout RandomSource) -> DiscreteLaw
  {
    let gammas = random.gamma(.full([count], concentration, dtype: .double))
    return DiscreteLaw((gammas / gammas.sum()).doubles)
  }

  func sample(using random: inout RandomSource) -> Int {
    let u = random.uniform() * cumulative.last!
    return cumulative.firstIndex { u < $0 } ?? cumulative.count - 1
  }
}
