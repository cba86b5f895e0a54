import Torch

/// What preference objectives see of pairs of responses: their log-likelihoods under the policy and, where an objective
/// asks for it, under the reference. All are `[pairs]`.
public struct ResponseLikelihoods {
  /// Σ w_t ln π(y_t | x, y_<t) of the preferred responses; w is 1 where nothing else was asked for.
  public var chosen: Tensor
  /// The same of the others.
  public var rejected: Tensor
  /// Tokens of the responses, the ends of texts among them.
  public var chosenLengths: Tensor
  public var rejectedLengths: Tensor
  /// Under the reference, with the same weights; `nil` where an objective needs none.
  public var chosenReference: Tensor?
  public var rejectedReference: Tensor?

  public init(
    chosen: Tensor, rejected: Tensor, chosenLengths: Tensor, rejectedLengths: Tensor,
    chosenReference: Tensor? = nil, rejectedReference: Tensor? = nil
  ) {
    (self.chosen, self.rejected) = (chosen, rejected)
    (self.chosenLengths, self.rejectedLengths) = (chosenLengths, rejectedLengths)
    (self.chosenReference, self.rejectedReference) = (chosenReference, rejectedReference)
  }
}

/// One number a response, whose differences or signs an objective ranks by.
public enum ResponseScore: String, Sendable, Hashable, Codable, CaseIterable {
  /// r = ln π(y) − ln π_ref(y).
  case ratio
  /// r/|y|.
  case meanRatio = "mean-ratio"
  /// ln π(y).
  case likelihood
  /// a = ln π(y)/|y|.
  case meanLikelihood = "mean-likelihood"
  /// ω = ln(p/(1 − p)) of the geometric mean p = e^a of the tokens' probabilities.
  case odds
  /// ω of p = π(y) itself. 1 − p is 1 to all digits for any response of some length, so that ω is ln π(y) then.
  case sequenceOdds = "sequence-odds"

  public var needsReference: Bool { self == .ratio || self == .meanRatio }

  /// The scores of both sides, in `Double`.
  public func callAsFunction(_ x: ResponseLikelihoods) -> (chosen: Tensor, rejected: Tensor) {
    (
      score(x.chosen, x.chosenLengths, x.chosenReference),
      score(x.rejected, x.rejectedLengths, x.rejectedReference)
    )
  }

  private func score(_ sum: Tensor, _ lengths: Tensor, _ reference: Tensor?) -> Tensor {
    let (sum, lengths) = (sum.to(.double), lengths.to(.double))
    precondition(
      !needsReference || reference != nil, "ResponseScore: \(rawValue) without the reference's likelihoods")
    switch self {
    case .ratio: return sum - reference!.to(.double)
    case .meanRatio: return (sum - reference!.to(.double)) / lengths
    case .likelihood: return sum
    case .meanLikelihood: return sum / lengths
    case .odds: return Self.logOdds(sum / lengths)
    case .sequenceOdds: return Self.logOdds(sum)
    }
  }

  /// ln(1 − e^a) for a < 0; a response that is certain counts as certain up to 1e-6, where its slope stays finite.
  public static func logComplement(_ a: Tensor) -> Tensor {
    let a = a.clamp(-.infinity, -1e-6)
    // Each branch is differentiable where the other is taken, too.
    let near = (-(a.clamp(-0.6932).expm1())).log()
    let far = (-(a.clamp(-.infinity, -0.6931).exp())).log1p()
    return .where(a .> -0.6931, near, far)
  }

  /// ln(e^a/(1 − e^a)).
  public static func logOdds(_ a: Tensor) -> Tensor { a - logComplement(a) }
}
