import Torch

/// One of k categories, by logits over the last axis.
///
/// `[k]` logits draw a number; axes before the last are independent components, and draws are whole numbers
/// `[count] + logits.shape.dropLast()`.
public struct Categorical: Distribution {
  /// Normalised log-probabilities, `[..., k]`.
  public let logProbabilities: Tensor

  /// - Parameter logits: `[..., k]`, log-probabilities up to a constant; −∞ excludes a category, but not all.
  /// - Throws: ``ParameterError``.
  public init(logits: some DistributionParameter) throws(ParameterError) {
    let check = ParameterCheck("Categorical")
    let logits = try check.broadcast(["logits": logits])[0]
    guard logits.rank >= 1 else {
      throw check.error("logits", found: "a single number", expected: "one a category on the last axis")
    }
    try check.require("logits", logits, "finite numbers or −∞") { $0 .< .infinity }
    try check.require("logits", logits.max(-1), "a finite number in every row") { $0.isFinite() }
    logProbabilities = logits.logSoftmax(-1)
  }

  /// - Parameter probabilities: `[..., k]`, weights ≥ 0 of any scale with a positive sum.
  /// - Throws: ``ParameterError``.
  public init(probabilities: some DistributionParameter) throws(ParameterError) {
    let check = ParameterCheck("Categorical")
    let weights = try check.broadcast(["probabilities": probabilities])[0]
    try check.require("probabilities", weights, "finite numbers ≥ 0") { $0.isFinite() .& ($0 .>= 0) }
    guard weights.rank >= 1 else {
      throw check.error(
        "probabilities", found: "a single number", expected: "one a category on the last axis")
    }
    try check.require("probabilities", weights.sum(-1), "a positive sum in every row") { $0 .> 0 }
    logProbabilities = weights.log().logSoftmax(-1)
  }

  /// The number of categories.
  public var categories: Int { logProbabilities.size(-1) }
  public var eventShape: [Int] { Array(logProbabilities.shape.dropLast()) }
  /// In nats, summed over components.
  public var entropy: Tensor {
    let p = logProbabilities.exp()
    return -p.xlogy(p).sum()
  }

  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    let weights = logProbabilities.detach().exp().reshape(-1, categories)
    let draws = source.choices(weights, count: count)
    return draws.transposed.reshape([count] + eventShape)
  }

  /// −∞ for what is no category's number.
  public func logProbability(_ x: Tensor) -> Tensor {
    requireRows(x)
    let value = x.to(like: logProbabilities)
    let outside = (value .< 0) .| (value .> Double(categories - 1)) .| (value .!= value.round())
    let index = value.filled(where: outside, with: 0).to(.int64).unsqueeze(-1)
    let rows = logProbabilities.expand([x.size(0)] + logProbabilities.shape)
    return rows.gather(axis: -1, index).squeeze(-1).filled(where: outside, with: -.infinity)
      .filled(where: value.isNaN(), with: .nan).summed(overLast: eventShape.count)
  }
}

extension RandomSource {
  /// Categories by weights `[..., k]`: `[..., count]`, also for a count of 0, which libtorch refuses.
  mutating func choices(_ weights: Tensor, count: Int) -> Tensor {
    guard count == 0 else { return categorical(weights, count: count) }
    return .zeros(weights.shape.dropLast() + [0], dtype: .int64, device: weights.device)
  }
}
