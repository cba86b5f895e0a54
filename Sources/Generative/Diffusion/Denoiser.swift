import Probability
import Sampling
import Torch

/// What a diffusion model knows: E[x₀ | x_t], from which noise, score and velocity follow.
public protocol Denoiser: Sendable {
  /// The shape of one draw.
  var eventShape: [Int] { get }
  /// The type and place of rows that it works on: float on the processor unless said otherwise.
  var dtype: DType { get }
  var device: Device { get }
  /// E[x₀ | x_t = x], with the shape and type of `x`.
  func denoised(_ x: Tensor, at level: DiffusionLevel) -> Tensor
  /// Rows moved into the space that draws lie in: themselves, unless the model is one of centred points.
  func projected(_ x: Tensor) -> Tensor
  /// That space's dimension.
  var freedom: Int { get }
}

extension Denoiser {
  public func projected(_ x: Tensor) -> Tensor { x }
  public var freedom: Int { eventShape.reduce(1, *) }
  public var dtype: DType { .float }
  public var device: Device { .cpu }
}

/// A diffusion model that knows the densities of its noisy laws.
public protocol DensityDenoiser: Denoiser {
  /// log p(x) at a level, `[n]`.
  func logDensity(_ x: Tensor, at level: DiffusionLevel) -> Tensor
}

extension DiffusionLevel {
  /// E[ε | x] from E[x₀ | x].
  public func noise(_ x: Tensor, denoised: Tensor) -> Tensor { (x - signal * denoised) / noise }

  /// ∇ log p(x) from E[x₀ | x].
  public func score(_ x: Tensor, denoised: Tensor) -> Tensor {
    (signal * denoised - x) / (noise * noise)
  }

  /// E[x₀ | x] from E[ε | x].
  public func denoised(_ x: Tensor, noise prediction: Tensor) -> Tensor { (x - noise * prediction) / signal }

  /// E[x₀ | x] from ∇ log p(x).
  public func denoised(_ x: Tensor, score: Tensor) -> Tensor { (x + noise * noise * score) / signal }

  /// E[x₀ | x] from the v-prediction α ε − σ x₀, for α² + σ² = 1.
  public func denoised(_ x: Tensor, v: Tensor) -> Tensor { signal * x - noise * v }

  /// One reverse step: x_s from x_t, x₀ (or its expectation) and standard normals.
  ///
  /// With a draw of x₀ given x_t and `stochasticity` 1 this is exactly p(x_s | x_t). With E[x₀ | x_t] it is the
  /// ancestral step of DDPM at 1, DDIM at 0, and DDIM(η) between (Song, Meng & Ermon 2021, eq. 12).
  public func reverseStep(
    _ x: Tensor, to cleaner: DiffusionLevel, clean: Tensor, normals: Tensor?, stochasticity: Double = 1
  ) -> Tensor {
    let variance = stochasticity * stochasticity * posteriorVariance(to: cleaner)
    let direction = max(0, cleaner.noise * cleaner.noise - variance).squareRoot()
    let mean = (cleaner.signal * clean).adding(noise(x, denoised: clean), scaledBy: direction)
    guard variance > 0, let normals else { return mean }
    return mean.adding(normals, scaledBy: variance.squareRoot())
  }
}

/// A Gaussian mixture as a diffusion model whose every law is known.
public struct MixtureDenoiser: DensityDenoiser {
  public let mixture: GaussianMixture

  public init(_ mixture: GaussianMixture) { self.mixture = mixture }

  public var eventShape: [Int] { mixture.eventShape }
  public var dtype: DType { .double }

  public func logDensity(_ x: Tensor, at level: DiffusionLevel) -> Tensor {
    level.noise == 0 && level.signal == 1
      ? mixture.logProbability(x) : noisy(level).marginal.logProbability(x)
  }

  public func denoised(_ x: Tensor, at level: DiffusionLevel) -> Tensor {
    level.noise == 0 ? x / level.signal : noisy(level).denoised(x)
  }

  /// The law of x_t and of x₀ given it.
  public func noisy(_ level: DiffusionLevel) -> NoisyGaussianMixture {
    NoisyGaussianMixture(mixture, signal: level.signal, noise: level.noise)
  }
}
