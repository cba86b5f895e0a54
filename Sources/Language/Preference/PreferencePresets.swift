extension PreferenceLoss {
  /// Published objectives by name. A parameter that an objective does not have is not used.
  public enum Preset: String, Sendable, Hashable, CaseIterable, Codable {
    case sft, dpo, ipo, slic, orpo, asft, simpo, cpo, kto, nca, rrhf, dpop
    case ipoScaled = "ipo-scaled"
    case ipoMean = "ipo-mean"
    case calDPO = "cal-dpo"
    case apoZero = "apo-zero"
    case apoDown = "apo-down"

    /// What `beta` is when it is not given, as in the objective's own paper.
    public var usualBeta: Double {
      switch self {
      case .slic, .orpo, .asft, .sft, .rrhf: 1
      case .simpo: 2
      case .calDPO: 1e-3
      default: 0.1
      }
    }

    /// What the weight of the likelihood term, or of the ranking beside it, is when it is not given.
    public var usualWeight: Double {
      switch self {
      case .sft, .orpo, .asft, .cpo, .rrhf, .slic, .dpop: 1
      default: 0
      }
    }
  }

  /// An objective with the usual parameters where none are given.
  ///
  /// - Parameters:
  ///   - beta: the ranking's scale.
  ///   - weight: λ: of `orpo` and `asft` that of the ranking beside a likelihood term of weight 1, of `slic` the anchor's,
  ///     of `dpop` the penalty's on a fall, of all others that of an added likelihood term.
  ///   - margin: γ of `simpo` (0.5), `slic` (1) and other pairwise rankings.
  ///   - smoothing: the probability that a label is wrong, of logistic rankings.
  public static func preset(
    _ preset: Preset, beta: Double? = nil, weight: Double? = nil, margin: Double? = nil, smoothing: Double = 0
  ) -> PreferenceLoss {
    let (beta, weight) = (beta ?? preset.usualBeta, weight ?? preset.usualWeight)
    func logistic(_ score: ResponseScore, margin usual: Double = 0) -> PreferenceLoss {
      .init(score: score, ranking: .logistic(beta: beta, margin: margin ?? usual, smoothing: smoothing))
    }
    var loss: PreferenceLoss
    switch preset {
    case .sft: loss = .init(score: .meanLikelihood, ranking: .none)
    case .dpo: loss = logistic(.ratio)
    case .ipo: loss = .init(score: .ratio, ranking: .square(beta: beta))
    case .ipoScaled: loss = .init(score: .ratio, ranking: .scaledSquare(beta: beta))
    case .ipoMean: loss = .init(score: .meanRatio, ranking: .square(beta: beta))
    case .slic:
      loss = .init(score: .meanLikelihood, ranking: .hinge(beta: beta, margin: margin ?? 1))
      loss.anchorWeight = weight
      return loss
    case .orpo, .asft:
      loss = preset == .orpo ? logistic(.odds) : .init(score: .odds, ranking: .binary(beta: beta))
      (loss.rankingWeight, loss.likelihoodWeight) = (weight, 1)
      return loss
    case .simpo: loss = logistic(.meanLikelihood, margin: 0.5)
    case .cpo: loss = logistic(.likelihood)
    case .kto:
      loss = .init(score: .ratio, ranking: .prospect(beta: beta, chosenWeight: 1, rejectedWeight: 1))
    case .nca: loss = .init(score: .ratio, ranking: .noiseContrastive(beta: beta))
    case .calDPO: loss = .init(score: .ratio, ranking: .calibrated(beta: beta))
    case .apoZero: loss = .init(score: .ratio, ranking: .anchoredZero(beta: beta))
    case .apoDown: loss = .init(score: .ratio, ranking: .anchoredDown(beta: beta))
    case .rrhf:
      loss = .init(score: .meanLikelihood, ranking: .hinge(beta: beta, margin: margin ?? 0))
      loss.likelihoodIsMean = false
    case .dpop:
      loss = logistic(.ratio)
      loss.fallPenalty = weight
      return loss
    }
    loss.likelihoodWeight = weight
    return loss
  }
}
