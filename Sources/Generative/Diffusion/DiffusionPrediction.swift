import Torch

/// What a diffusion network's output stands for. Each is a linear function of x = α x₀ + σ ε and E[x₀ | x].
public enum DiffusionPrediction: String, Sendable, Hashable, CaseIterable, Codable {
  /// (α ε − σ x₀)/√(α² + σ²): of size 1 at every level for standardised data, and never amplified.
  case v
  /// ε.
  case noise
  /// x₀.
  case denoised
  /// ∇ log p(x) = −ε/σ; its squared error is weighted by σ².
  case score
  /// ε − x₀, the velocity of `flowLinear`.
  case velocity

  /// What the network should give, and the weight of its squared error, for rows at their own levels `[n, 1]`.
  func target(clean: Tensor, noise: Tensor, signal α: Tensor, deviation σ: Tensor) -> (
    value: Tensor, weight: Tensor?
  ) {
    switch self {
    case .v: ((α * noise - σ * clean) / (α.square() + σ.square()).sqrt(), nil)
    case .noise: (noise, nil)
    case .denoised: (clean, nil)
    case .score: (-noise / σ, σ.square())
    case .velocity: (noise - clean, nil)
    }
  }

  /// E[x₀ | x] from the network's output.
  func denoised(_ x: Tensor, output: Tensor, at level: DiffusionLevel) -> Tensor {
    let (α, σ) = (level.signal, level.noise)
    switch self {
    case .v:
      let square = α * α + σ * σ
      return (x * (α / square)).adding(output, scaledBy: -σ / square.squareRoot())
    case .noise: return level.denoised(x, noise: output)
    case .denoised: return output
    case .score: return level.denoised(x, score: output)
    case .velocity: return x.adding(output, scaledBy: -σ) / (α + σ)
    }
  }
}
