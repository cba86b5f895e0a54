import Probability
import Sampling
import Torch

/// Particles of a diffusion on the way: x_t, with what the model made of it.
public struct DiffusionState: ParticleState {
  public var x: Tensor
  /// E[x₀ | x_t]; `nil` at the end. The next move and the intermediate reward share it.
  public var denoised: Tensor?

  public func gathered(_ rows: Tensor) -> DiffusionState {
    DiffusionState(x: x.gathered(rows), denoised: denoised.gathered(rows))
  }
}

/// A diffusion model that draws its reverse path.
public protocol ReverseDiffusion: Denoiser {
  /// Rows at the noisiest level.
  func start(at level: DiffusionLevel, particles: Int, using random: inout GroupRandom) -> Tensor
  /// x₀, or what stands for it, in the step from x_t; see ``DiffusionLevel/reverseStep(_:to:clean:normals:stochasticity:)``.
  func clean(
    _ state: DiffusionState, at level: DiffusionLevel, particles: Int, using random: inout GroupRandom
  ) -> Tensor
  /// `count` draws of x₀ given every x_t, `[rows·count] + event` with those of a row together; `nil` where the model
  /// cannot draw them, which is the default.
  func cleanDraws(
    _ x: Tensor, at level: DiffusionLevel, count: Int, particles: Int, using random: inout GroupRandom
  ) -> Tensor?
}

extension ReverseDiffusion {
  /// N(0, σ² I): the law that a schedule ends in.
  public func start(at level: DiffusionLevel, particles: Int, using random: inout GroupRandom) -> Tensor {
    level.noise * projected(random.normal(particles: particles, event: eventShape))
  }

  /// E[x₀ | x_t], as DDPM and DDIM step.
  public func clean(
    _ state: DiffusionState, at level: DiffusionLevel, particles: Int, using random: inout GroupRandom
  ) -> Tensor { state.denoised! }

  public func cleanDraws(
    _ x: Tensor, at level: DiffusionLevel, count: Int, particles: Int, using random: inout GroupRandom
  ) -> Tensor? { nil }
}

/// A mixture draws x₀ given x_t itself, so its reverse path is exact for any number of steps.
extension MixtureDenoiser: ReverseDiffusion {
  public func start(at level: DiffusionLevel, particles: Int, using random: inout GroupRandom) -> Tensor {
    let noisy = noisy(level)
    let weights = Tensor(mixture.weights).expand([random.groups * particles, mixture.components])
    let components = random.categorical(weights)
    let normals = random.normal(particles: particles, event: eventShape, dtype: .double)
    return noisy.draw(components: components, normals: normals)
  }

  public func clean(
    _ state: DiffusionState, at level: DiffusionLevel, particles: Int, using random: inout GroupRandom
  ) -> Tensor { cleanDraws(state.x, at: level, count: 1, particles: particles, using: &random)! }

  public func cleanDraws(
    _ x: Tensor, at level: DiffusionLevel, count: Int, particles: Int, using random: inout GroupRandom
  ) -> Tensor? {
    let noisy = noisy(level)
    let weights = noisy.responsibilities(x).repeatInterleave(count, axis: 0)
    let components = random.categorical(weights)
    let normals = random.normal(particles: particles * count, event: eventShape, dtype: .double)
    return noisy.cleanDraw(x.repeatInterleave(count, axis: 0), components: components, normals: normals)
  }
}
