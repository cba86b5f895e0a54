import Torch

/// The loss of a batch as a function of the log-probabilities of its distinct responses alone.
///
/// An objective makes these terms once a batch; every step on the batch then needs one log-probability a response.
public enum ResponseTerms: Sendable, Hashable {
  /// −Σ wᵢ ln π(yᵢ); weights may be negative.
  case likelihood(weights: [Double])
  /// −Σ wᵢ ln π(yᵢ) + Σ vᵢ max(ln π(yᵢ), ln π_ref(yᵢ) − floor): the second sum has no lower bound of its own.
  case contrast(weights: [Double], penalties: [Double], floor: Double)
  /// Mean of max(−Aρ, −A clip(ρ, 1 ± ε)), ρ = π(y)/π_old(y), over draws.
  case ratio(responses: [Int], advantages: [Double], old: [Double], clip: Double)
  /// Σ wᵢ ℓ(y_w, y_l) of pairs.
  case pairs(winners: [Int], losers: [Int], weights: [Double], loss: PreferenceLoss)
  /// A clipped ratio a token, with a critic.
  case tokens(TokenRatio)

  /// The loss as a function of ln π of the distinct responses, `[responses]`, in `Double` and differentiable.
  ///
  /// - Parameters:
  ///   - reference: ln π_ref of the distinct responses.
  ///   - lengths: their tokens; 1 where left out.
  public func loss(reference: [Double], lengths: [Int]? = nil, device: Device = .cpu) -> (Tensor) -> Tensor {
    func tensor(_ values: [Double]) -> Tensor { Tensor(values, device: device) }
    let reference = tensor(reference)
    switch self {
    case .likelihood(let weights):
      let weights = tensor(weights)
      return { -($0.to(.double) * weights).sum() }
    case .contrast(let weights, let penalties, let floor):
      let (weights, penalties) = (tensor(weights), tensor(penalties))
      let lowest = reference - floor
      return { logs in
        let logs = logs.to(.double)
        return (penalties * logs.maximum(lowest)).sum() - (weights * logs).sum()
      }
    case .ratio(let responses, let advantages, let old, let clip):
      let (responses, old) = (Tensor(responses, device: device), tensor(old))
      let advantages = tensor(advantages)
      return { logs in
        let ratio = (logs.to(.double).select(axis: 0, responses) - old).exp()
        return (-advantages * ratio).maximum(-advantages * ratio.clamp(1 - clip, 1 + clip)).mean()
      }
    case .tokens: preconditionFailure("terms of tokens are no function of responses' log-probabilities")
    case .pairs(let winners, let losers, let weights, let loss):
      let (first, second) = (Tensor(winners, device: device), Tensor(losers, device: device))
      let weights = tensor(weights)
      let counts = Tensor(
        (lengths ?? Array(repeating: 1, count: reference.count)).map(Double.init), device: device)
      func sides(_ x: Tensor) -> (Tensor, Tensor) { (x.select(axis: 0, first), x.select(axis: 0, second)) }
      let (known, tokens) = (sides(reference), sides(counts))
      return { logs in
        let (chosen, rejected) = sides(logs.to(.double))
        let likelihoods = ResponseLikelihoods(
          chosen: chosen, rejected: rejected, chosenLengths: tokens.0, rejectedLengths: tokens.1,
          chosenReference: known.0, rejectedReference: known.1)
        return (weights * loss(likelihoods)).sum()
      }
    }
  }
}
