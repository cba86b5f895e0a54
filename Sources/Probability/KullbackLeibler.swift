import Torch

// KL(p‖q) = E_p[log p − log q] in closed form: a scalar in nats, summed over independent components, whose
// shapes broadcast; differentiable in the parameters of both. ∞ where q excludes what p allows.

/// KL(p‖q) of normals.
public func klDivergence(_ p: Normal, _ q: Normal) -> Tensor {
  let ratio = (p.standardDeviation / q.standardDeviation).square()
  let shift = ((p.mean - q.mean) / q.standardDeviation).square()
  return (0.5 * (ratio + shift - 1 - ratio.log())).sum()
}

/// KL(p‖q) of multivariate normals; two triangular solves with q's Cholesky factor.
public func klDivergence(_ p: MultivariateNormal, _ q: MultivariateNormal) -> Tensor {
  let ratio = q.factor.triangularSolve(p.factor).square().sum()
  let shift = q.factor.triangularSolve((p.mean - q.mean).unsqueeze(-1)).square().sum()
  return 0.5 * (ratio + shift - Double(p.mean.count) + q.logDeterminant - p.logDeterminant)
}

/// KL(p‖q) of gamma distributions.
public func klDivergence(_ p: Gamma, _ q: Gamma) -> Tensor {
  let (a, b) = (p.concentration, q.concentration)
  let shapes = (a - b) * a.digamma() - a.lgamma() + b.lgamma()
  return (shapes + b * (p.rate / q.rate).log() + a * (q.rate / p.rate - 1)).sum()
}

/// KL(p‖q) of beta distributions.
public func klDivergence(_ p: Beta, _ q: Beta) -> Tensor {
  let total = (q.alpha - p.alpha + q.beta - p.beta) * (p.alpha + p.beta).digamma()
  let edges = (p.alpha - q.alpha) * p.alpha.digamma() + (p.beta - q.beta) * p.beta.digamma()
  return (q.logNormaliser - p.logNormaliser + edges + total).sum()
}

/// KL(p‖q) of Dirichlet distributions.
public func klDivergence(_ p: Dirichlet, _ q: Dirichlet) -> Tensor {
  let total = p.concentration.sum(-1, keep: true)
  let edges = (p.concentration - q.concentration) * (p.concentration.digamma() - total.digamma())
  return (q.logNormaliser - p.logNormaliser + edges.sum(-1)).sum()
}

/// KL(p‖q) of exponential distributions.
public func klDivergence(_ p: Exponential, _ q: Exponential) -> Tensor {
  let ratio = q.rate / p.rate
  return (ratio - 1 - ratio.log()).sum()
}

/// KL(p‖q) of Bernoulli distributions.
public func klDivergence(_ p: Bernoulli, _ q: Bernoulli) -> Tensor {
  (weightedGap(p.logOne, q.logOne) + weightedGap(p.logZero, q.logZero)).sum()
}

/// KL(p‖q) of categorical distributions over the same categories.
public func klDivergence(_ p: Categorical, _ q: Categorical) -> Tensor {
  weightedGap(p.logProbabilities, q.logProbabilities).sum()
}

/// KL(p‖q) of Poisson distributions.
public func klDivergence(_ p: Poisson, _ q: Poisson) -> Tensor {
  (p.rate * (p.rate / q.rate).log() - p.rate + q.rate).sum()
}

/// KL(p‖q) of Laplace distributions.
public func klDivergence(_ p: Laplace, _ q: Laplace) -> Tensor {
  let distance = (p.location - q.location).abs()
  let inner = p.scale * (-distance / p.scale).exp() + distance
  return (inner / q.scale - 1 + (q.scale / p.scale).log()).sum()
}

/// KL(p‖q) from draws of p, as the mean of log p − log q + (q/p − 1) over them.
///
/// The added term has mean 0 where q is normalised and lives where p does; with it every summand, and so
/// the estimate, is ≥ 0, and the variance vanishes as q → p. Against a model known by samples alone, let
/// q be its ``KernelDensity``.
/// - Parameters:
///   - logP: log p at independent draws of p, `[n]`.
///   - logQ: log q at the same points, `[n]`.
public func klDivergence(logP: Tensor, logQ: Tensor) -> Estimate {
  let gap = logQ.detach().to(.double) - logP.detach().to(.double)
  return Estimate(meanOf: (gap.expm1() - gap).doubles)
}

/// p(log p − log q), 0 where p is 0.
private func weightedGap(_ logP: Tensor, _ logQ: Tensor) -> Tensor {
  let absent = logP .== -.infinity
  let gap = logP.filled(where: absent, with: 0) - Tensor.where(absent, .zeros(like: logQ), logQ)
  return logP.exp() * gap
}
