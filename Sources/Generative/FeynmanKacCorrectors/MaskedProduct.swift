import Sampling
import Torch

/// The product Π qᵢ^βᵢ of masked models over the same symbols.
///
/// Its laws Π pᵢ(v | seen)^βᵢ are not normalised: what is missing at a lifted mask, Z = Σ_v Π pᵢ^βᵢ, weighs the sequence.
/// In the limit of small steps these are the weights of the jump process with the rates of the product.
public struct MaskedProduct: MaskedDenoiser {
  public let models: [any MaskedDenoiser]
  public let exponents: [Double]

  /// - Throws: ``CorrectorError`` where models are not over the same sequences, or an exponent is not finite.
  public init(_ models: [any MaskedDenoiser], exponents: [Double]) throws(CorrectorError) {
    precondition(!models.isEmpty, "MaskedProduct: no models")
    guard exponents.count == models.count, exponents.allSatisfy(\.isFinite) else {
      throw .option("exponents", "\(exponents)", "\(models.count) finite numbers, one an expert")
    }
    for model in models where model.length != models[0].length || model.symbols != models[0].symbols {
      throw .shapes([models[0].length, models[0].symbols], [model.length, model.symbols])
    }
    (self.models, self.exponents) = (models, exponents)
  }

  public var length: Int { models[0].length }
  public var symbols: Int { models[0].symbols }
  public var device: Device { models[0].device }

  public func tokenProbabilities(_ tokens: Tensor) throws -> Tensor {
    var log = Tensor.zeros([], dtype: .double, device: device)
    for (model, exponent) in zip(models, exponents) where exponent != 0 {
      let p = try model.tokenProbabilities(tokens).to(.double)
      // Laws of models need to sum to 1 only nearly, and an exponent would make more of that.
      log = log + (p / p.sum(-1, keep: true)).log() * exponent
    }
    return log.exp()
  }
}

extension MaskedSampler where Model == MaskedProduct {
  /// Weighted sequences of the product, `[groups·particles, length]`.
  ///
  /// With exact models, masks lifted in random order and one a step, the weights are exact: the mean of Ẑ is
  /// Σ_x Π qᵢ(x)^βᵢ. Several masks a step add the error that the models' own samplers have.
  /// - Parameters:
  ///   - engine: when and how groups are resampled.
  ///   - random: group g draws from stream g.
  /// - Throws: ``CorrectorError``, ``MaskedDiffusionError``, `ParticleError`, and what the models throw.
  /// - Complexity: one evaluation of every model a particle and step that lifts a mask of it.
  public func correct(
    _ shape: ParticleShape, steps: Int, engine: SequentialMonteCarlo = SequentialMonteCarlo(),
    random: RandomSource
  ) throws -> ParticleResult<Tensor> {
    guard steps >= 1 else { throw CorrectorError.option("steps", "\(steps)", "at least 1") }
    let path = WeightedMaskedPath(base: MaskedPath(sampler: self, steps: steps), mask: model.mask)
    return try withoutGradient {
      try engine.run(path, NoPotential(), shape, random: random).map(\.tokens)
    }
  }
}

/// A masked path whose laws' sums are weights.
private struct WeightedMaskedPath: Proposal {
  let base: MaskedPath<MaskedProduct>
  let mask: Int

  var steps: Int { base.steps }

  func start(_ shape: ParticleShape, using random: inout GroupRandom) throws -> Proposed<MaskedState> {
    try base.start(shape, using: &random)
  }

  func move(_ state: MaskedState, to step: Int, _ shape: ParticleShape, using random: inout GroupRandom)
    throws -> Proposed<MaskedState>
  {
    var next = try base.move(state, to: step, shape, using: &random)
    let isLifted = (state.tokens .== Double(mask)) .& (next.state.tokens .!= Double(mask))
    let logSums = state.probabilities!.sum(-1).log()
    next.logRatio = logSums.filled(where: isLifted.logicalNot(), with: 0).sum(1)
    return next
  }
}

/// 1 everywhere.
private struct NoPotential: Potential {
  func initialMemory(_ shape: ParticleShape) -> Tensor? { nil }
  func logPotential(
    of state: MaskedState, at step: Int, remembering memory: inout Tensor?, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) -> Tensor? { nil }
}
