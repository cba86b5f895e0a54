import Probability
import Torch

/// What stands for the reward of the finished draw at x_t.
public enum IntermediateReward: Sendable {
  /// r(E[x₀ | x_t]).
  case denoised
  /// r(x_t) itself, for rewards that know noise.
  case noisy
  /// The average reward of so many draws of x₀ given x_t, for models that have them: mixtures and masked text.
  case samples(_ count: Int, average: SampleAverage = .exponential)
  /// Any estimate from x_t and its index, `[n]`; (1/λ) log E[exp(λ r(x₀)) | x_t] gives the optimal potential.
  case value(@Sendable (_ x: Tensor, _ step: Int) throws -> Tensor)
}

/// How the rewards of several finished draws become one.
public enum SampleAverage: String, Sendable, Hashable, CaseIterable, Codable {
  /// (1/λ) log mean exp(λ r), which tends to the optimal intermediate reward with the number of draws; the mean at λ = 0.
  case exponential
  /// log mean exp(r), whatever λ is.
  case unscaled

  /// One number a row of `[rows, draws]`: `[rows]`.
  public func callAsFunction(_ r: Tensor, strength λ: Double) -> Tensor {
    let factor = self == .exponential ? λ : 1
    return factor == 0 ? r.mean(1) : (factor * r).logMeanExp(1) / factor
  }
}
