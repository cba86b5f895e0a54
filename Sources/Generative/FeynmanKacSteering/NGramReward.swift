import Probability
import Torch

/// The mean log-probability of a symbol under an n-gram model, in nats: a reward for finished sequences.
public struct NGramReward: Reward {
  public let model: NGramModel

  public init(_ model: NGramModel) { self.model = model }

  /// - Parameter tokens: `[n, length]`, `Int64`.
  /// - Throws: `NGramError` where a number is no symbol, as masks are not.
  public func callAsFunction(_ tokens: Tensor) throws -> Tensor {
    guard tokens.size(1) >= model.order else {
      throw NGramError.tooShort(found: tokens.size(1), order: model.order)
    }
    try model.validate(tokens)
    return model.meanLogProbability(of: tokens)
  }
}
