import Torch

extension GaussianMixture {
  /// The mixture with density proportional to p(x) exp(a·x), and log E[exp(a·X)].
  ///
  /// Components keep their covariances; means move to μₖ + Cₖ a, and weights become proportional to
  /// wₖ exp(a·μₖ + ½ aᵀCₖ a).
  /// - Parameter a: `[d]`.
  public func tilted(by a: Tensor) -> (mixture: GaussianMixture, logNormaliser: Double) {
    precondition(a.shape == eventShape, "GaussianMixture.tilted: a has shape \(a.shape), not \(eventShape)")
    let a = a.to(like: means)
    let shifts = covariances.matmul(a)
    let terms = Tensor(weights, device: means.device).log() + means.matmul(a) + 0.5 * shifts.matmul(a)
    let logNormaliser = terms.logSumExp(0)
    let mixture = GaussianMixture(
      unchecked: (terms - logNormaliser).exp().doubles, means + shifts, covariances, factors: factors)
    return (mixture, logNormaliser.item())
  }
}
