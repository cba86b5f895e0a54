import Torch

/// What a diffusion network's output stands for. Each is a linear function of x = α x₀ + σ ε and E[x₀ | x].
public enum DiffusionPrediction: String, Sendable, Hashable, CaseIterable, Codable {
  /// (α ε − σ x₀)/√(α² + σ²): of size 1 at every level for standardised data, and never amplified.
  case v
  /// ε.
  case noise
  /// x₀.
  case denoised
  /// σ ∇ log p(x) = −ε: the score, divided by the deviation afterwards, as its size grows with 1/σ.
  case score
  /// ε − x₀, the velocity of `flowLinear`.
  case velocity

  /// What the network should give for rows at their own levels `[n, 1]`.
  func target(clean: Tensor, noise: Tensor, signal α: Tensor, deviation σ: Tensor) -> Tensor {
    switch self {
    case .v: (α * noise - σ * clean) / (α.square() + σ.square()).sqrt()
    case .noise: noise
    case .denoised: clean
    case .score: -noise
    case .velocity: noise - clean
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
    case .score: return level.denoised(x, score: output / σ)
    case .velocity: return x.adding(output, scaledBy: -σ) / (α + σ)
    }
  }
}
