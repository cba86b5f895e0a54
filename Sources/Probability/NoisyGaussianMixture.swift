import Torch

/// The law of x = α x₀ + σ ε for x₀ from a Gaussian mixture and ε ~ N(0, I), with x₀ given x in closed form.
///
/// Given x, x₀ is a mixture with the responsibilities of the components at x, means
/// μₖ + α Cₖ Vₖ⁻¹ (x − α μₖ) and covariances σ² Vₖ⁻¹ Cₖ, where Vₖ = α² Cₖ + σ² I.
public struct NoisyGaussianMixture: Sendable {
  public let clean: GaussianMixture
  /// α.
  public let signal: Double
  /// σ > 0.
  public let noise: Double
  /// The law of x.
  public let marginal: GaussianMixture
  /// α Cₖ Vₖ⁻¹, `[K, d, d]`.
  private let gains: Tensor
  /// Lower Cholesky factors of the covariances of x₀ given x, `[K, d, d]`.
  private let factors: Tensor

  public init(_ clean: GaussianMixture, signal: Double, noise: Double) {
    precondition(noise > 0, "NoisyGaussianMixture: the noise is \(noise), > 0 is expected")
    self.clean = clean
    (self.signal, self.noise) = (signal, noise)
    let identity = Tensor.identity(clean.dimension, dtype: .double, device: clean.means.device)
    marginal = GaussianMixture(
      unchecked: clean.weights, signal * clean.means,
      signal * signal * clean.covariances + noise * noise * identity)
    // Vₖ and Cₖ commute, so the products below are symmetric.
    let share = marginal.factors.choleskySolve(clean.covariances)
    gains = signal * share
    factors = (noise * noise * 0.5 * (share + share.transposed)).cholesky()
  }

  /// A draw of x from given choices: components `[n]`, `Int64`, and standard normals `[n, d]`.
  public func draw(components: Tensor, normals: Tensor) -> Tensor {
    let spread = marginal.factors.select(axis: 0, components).matmul(normals.to(.double).unsqueeze(-1))
    return marginal.means.select(axis: 0, components) + spread.squeeze(-1)
  }

  /// ∇ log p(x).
  public func score(_ x: Tensor) -> Tensor { marginal.score(x) }

  /// E[x₀ | x], `[n, d]`, in the type of `x`.
  public func denoised(_ x: Tensor) -> Tensor {
    let weights = marginal.responsibilities(x).to(.double)
    return (weights.transposed.unsqueeze(-1) * componentMeans(x)).sum(0).to(x.dtype)
  }

  /// P(component | x), `[n, K]`.
  public func responsibilities(_ x: Tensor) -> Tensor { marginal.responsibilities(x) }

  /// A draw of x₀ given x and its component, from standard normals `[n, d]`.
  /// - Parameter components: `[n]`, `Int64`, drawn from ``responsibilities(_:)``.
  public func cleanDraw(_ x: Tensor, components: Tensor, normals: Tensor) -> Tensor {
    let n = x.size(0)
    let spread = Tensor.einsum("kij,nj->kni", factors, normals.to(.double))
    let draws = componentMeans(x) + spread
    let index = components.reshape(1, n, 1).expand([1, n, x.size(1)])
    return draws.gather(axis: 0, index).squeeze(0).to(x.dtype)
  }

  /// log E[exp(a·x₀) | x], `[n]`: the logarithm of the moment generating function at a, `[d]`.
  public func logExpectedExponential(of a: Tensor, given x: Tensor) -> Tensor {
    let a = a.to(.double)
    let means = componentMeans(x).matmul(a)
    let halfVariances = 0.5 * factors.transposed.matmul(a).square().sum(-1)
    return (responsibilities(x).to(.double).log().transposed + means + halfVariances.unsqueeze(-1)).logSumExp(
      0)
  }

  /// E[x₀ | x, component], `[K, n, d]`.
  private func componentMeans(_ x: Tensor) -> Tensor {
    let centred = x.to(.double).unsqueeze(0) - marginal.means.unsqueeze(1)
    return clean.means.unsqueeze(1) + centred.matmul(gains.transposed)
  }
}
