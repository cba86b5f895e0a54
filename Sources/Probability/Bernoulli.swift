import Torch

/// 1 with the given probability, else 0.
public struct Bernoulli: CumulativeDistribution {
  /// log P(1) and log P(0), both exact where the other rounds to 0.
  let logOne: Tensor
  let logZero: Tensor

  /// - Parameter probability: of 1, in [0, 1].
  /// - Throws: ``ParameterError``.
  public init(probability: some DistributionParameter) throws(ParameterError) {
    let check = ParameterCheck("Bernoulli")
    let p = try check.broadcast(["probability": probability])[0]
    try check.probability("probability", p)
    logOne = p.log()
    logZero = (-p).log1p()
  }

  /// - Parameter logits: log-odds of 1, finite.
  /// - Throws: ``ParameterError``.
  public init(logits: some DistributionParameter) throws(ParameterError) {
    let check = ParameterCheck("Bernoulli")
    let logits = try check.broadcast(["logits": logits])[0]
    try check.finite("logits", logits)
    logOne = logits.logSigmoid()
    logZero = (-logits).logSigmoid()
  }

  public var eventShape: [Int] { logOne.shape }
  /// P(1).
  public var mean: Tensor { logOne.exp() }
  public var variance: Tensor { (logOne + logZero).exp() }
  /// In nats, summed over components; 0 for a certain outcome.
  public var entropy: Tensor {
    let p = logOne.exp()
    let q = logZero.exp()
    return -(p.xlogy(p) + q.xlogy(q)).sum()
  }

  /// 0 and 1 in the type of the parameter.
  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    source.bernoulli(mean.detach().expand([count] + eventShape))
  }

  public func componentLogProbability(_ x: Tensor) -> Tensor {
    let x = x.aligned(with: logOne)
    let one = x .== 1
    let other = Tensor.where(one, logOne, logZero)
    return other.filled(where: one.logicalNot() .& (x .!= 0), with: -.infinity)
      .filled(where: x.isNaN(), with: .nan)
  }

  public func cdf(_ x: Tensor) -> Tensor {
    let x = x.aligned(with: logOne)
    let middle = Tensor.where(x .>= 1, .ones(like: x), logZero.exp())
    return middle.filled(where: x .< 0, with: 0).filled(where: x.isNaN(), with: .nan)
  }
}
