import Foundation
import Torch

/// An objective of direct alignment: which score a response has, how scores are ranked, and how much the likelihood of
/// the preferred response counts beside that.
///
/// The parts are independent of each other; the published objectives are ``Preset``s, a few lines each.
public struct PreferenceLoss: Sendable, Hashable, Codable {
  public var score: ResponseScore
  public var ranking: Ranking
  /// What the ranking is multiplied by.
  public var rankingWeight = 1.0
  /// λ of an added −ln π(y_w).
  public var likelihoodWeight = 0.0
  /// Whether that term is a mean over tokens.
  public var likelihoodIsMean = true
  /// α of an added ln(1 + e^{1 − (a − a_ref)}) of the preferred response, a its mean log-likelihood (Zhao et al. 2023).
  public var anchorWeight = 0.0
  /// What max(0, ln π_ref(y_w) − ln π(y_w)) takes off the preferred response's score (Pal et al. 2024).
  public var fallPenalty = 0.0

  /// How scores s_w, s_l make a loss; Δ = s_w − s_l.
  public enum Ranking: Sendable, Hashable, Codable {
    /// −ln σ(βΔ − γ), of labels that are wrong with probability ε.
    case logistic(beta: Double, margin: Double, smoothing: Double)
    /// (Δ − 1/(2β))².
    case square(beta: Double)
    /// (βΔ − ½)², the same times β².
    case scaledSquare(beta: Double)
    /// max(0, γ − βΔ).
    case hinge(beta: Double, margin: Double)
    /// −ln σ(βs_w) − ln σ(−βs_l): each side by itself.
    case binary(beta: Double)
    /// −ln σ(βs_w) − ½ ln σ(−βs_w) − ½ ln σ(−βs_l) (Chen et al. 2024).
    case noiseContrastive(beta: Double)
    /// −ln σ(Δ) + (s_w − 1/(2β))² + (s_l + 1/(2β))² (Xiao et al. 2024).
    case calibrated(beta: Double)
    /// −σ(βs_w) + σ(βs_l) (D'Oosterlinck et al. 2024).
    case anchoredZero(beta: Double)
    /// σ(βs_w) − σ(βΔ), up when the policy is better than its data.
    case anchoredDown(beta: Double)
    /// λ_w(1 − σ(β(s_w − z))) + λ_l(1 − σ(β(z − s_l))), z the mean score of the batch where positive, not
    /// differentiated (Ethayarajh et al. 2024).
    case prospect(beta: Double, chosenWeight: Double, rejectedWeight: Double)
    /// Nothing: the likelihood alone.
    case none
  }

  public init(score: ResponseScore, ranking: Ranking) { (self.score, self.ranking) = (score, ranking) }

  public var needsReference: Bool {
    (score.needsReference && ranking != .none) || anchorWeight != 0 || fallPenalty != 0
  }

  /// Whether each response has a loss of its own, so that pairs of responses to different prompts make sense.
  public var ranksPoints: Bool {
    switch ranking {
    case .binary, .noiseContrastive, .anchoredZero, .prospect, .none: true
    default: false
    }
  }

  /// The loss of every pair, `[pairs]` in `Double`, differentiable.
  public func callAsFunction(_ x: ResponseLikelihoods) -> Tensor {
    var (chosen, rejected) = ranking == .none ? (x.chosen.to(.double), x.rejected.to(.double)) : score(x)
    if fallPenalty != 0 {
      chosen = chosen - fallPenalty * (x.chosenReference!.to(.double) - x.chosen.to(.double)).relu()
    }
    var loss = rankingWeight * ranking(chosen, rejected)
    let mean = x.chosen.to(.double) / x.chosenLengths.to(.double)
    if likelihoodWeight != 0 {
      loss = loss - likelihoodWeight * (likelihoodIsMean ? mean : x.chosen.to(.double))
    }
    if anchorWeight != 0 {
      let reference = x.chosenReference!.to(.double) / x.chosenLengths.to(.double)
      loss = loss + anchorWeight * (1 - (mean - reference)).softplus()
    }
    return loss
  }

  /// - Throws: ``LanguageError`` naming the parameter.
  public func validate() throws(LanguageError) {
    func require(_ holds: Bool, _ name: String, _ found: Double, _ expected: String) throws(LanguageError) {
      guard holds else {
        throw LanguageError(.badValue, file: "objective", place: name, found: "\(found)", expected: expected)
      }
    }
    if let beta = ranking.beta { try require(beta > 0 && beta.isFinite, "beta", beta, "above 0") }
    switch ranking {
    case .logistic(_, let margin, let smoothing):
      try require(margin.isFinite, "margin", margin, "a number")
      try require(smoothing >= 0 && smoothing < 0.5, "smoothing", smoothing, "at least 0, below 0.5")
    case .hinge(_, let margin): try require(margin.isFinite, "margin", margin, "a number")
    case .prospect(_, let first, let second):
      try require(first >= 0, "chosen weight", first, "at least 0")
      try require(second >= 0, "rejected weight", second, "at least 0")
    default: break
    }
    try require(rankingWeight >= 0 && rankingWeight.isFinite, "ranking weight", rankingWeight, "at least 0")
    try require(likelihoodWeight >= 0, "likelihood weight", likelihoodWeight, "at least 0")
    try require(anchorWeight >= 0, "anchor weight", anchorWeight, "at least 0")
    try require(fallPenalty >= 0, "fall penalty", fallPenalty, "at least 0")
  }
}

extension PreferenceLoss.Ranking {
  /// `nil` where there is none.
  public var beta: Double? {
    switch self {
    case .logistic(let beta, _, _), .square(let beta), .scaledSquare(let beta), .hinge(let beta, _),
      .binary(let beta), .noiseContrastive(let beta), .calibrated(let beta), .anchoredZero(let beta),
      .anchoredDown(let beta), .prospect(let beta, _, _):
      beta
    case .none: nil
    }
  }

  func callAsFunction(_ chosen: Tensor, _ rejected: Tensor) -> Tensor {
    let gap = chosen - rejected
    switch self {
    case .logistic(let beta, let margin, let smoothing):
      let x = beta * gap - margin
      return smoothing == 0
        ? (-x).softplus() : (1 - smoothing) * (-x).softplus() + smoothing * x.softplus()
    case .square(let beta): return (gap - 1 / (2 * beta)).square()
    case .scaledSquare(let beta): return (beta * gap - 0.5).square()
    case .hinge(let beta, let margin): return (margin - beta * gap).relu()
    case .binary(let beta): return (-beta * chosen).softplus() + (beta * rejected).softplus()
    case .noiseContrastive(let beta):
      return (-beta * chosen).softplus() + 0.5 * (beta * chosen).softplus() + 0.5
        * (beta * rejected).softplus()
    case .calibrated(let beta):
      return (-gap).softplus() + (chosen - 1 / (2 * beta)).square() + (rejected + 1 / (2 * beta)).square()
    case .anchoredZero(let beta): return (beta * rejected).sigmoid() - (beta * chosen).sigmoid()
    case .anchoredDown(let beta): return (beta * chosen).sigmoid() - (beta * gap).sigmoid()
    case .prospect(let beta, let first, let second):
      let zero = (0.5 * (chosen.mean() + rejected.mean())).detach().clamp(0)
      return first * (1 - (beta * (chosen - zero)).sigmoid())
        + second * (1 - (beta * (zero - rejected)).sigmoid())
    case .none: return .zeros(like: chosen)
    }
  }
}
