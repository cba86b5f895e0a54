import Probability
import Torch

/// log p of rows under another model: draws that both models find likely, p(x) q(x)^λ.
public struct DensityReward: Reward, @unchecked Sendable {
  // Models are only read.
  private let logDensity: (Tensor) throws -> Tensor

  /// - Parameters:
  ///   - model: without conditions, over the steered model's columns. Its likelihoods have exact divergences; asking for
  ///     one throws ``InterpolantError`` where its base has no density.
  ///   - steps: of its flow, a row.
  public init(_ model: InterpolantModel, steps: Int = 25) {
    var options = LikelihoodOptions()
    (options.steps, options.probes) = (steps, 0)
    logDensity = { [options] rows in
      // An exact divergence draws nothing.
      var unused = RandomSource(seed: 0)
      return try model.logLikelihood(rows.to(.double), options: options, using: &unused).values
    }
  }

  public init(_ mixture: GaussianMixture) {
    logDensity = { mixture.logProbability($0.to(.double)) }
  }

  public func callAsFunction(_ x: Tensor) throws -> Tensor { try logDensity(x) }
}
