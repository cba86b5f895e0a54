import Probability
import Sampling
import Solvers
import Torch

/// The forward SDE of an interpolant, dX = (b + ε s) dt + √(2ε) dW, in equal steps of the stochastic Heun scheme, with
/// one denoising step at the end.
///
/// The steps themselves are the model that is steered: a path's law is the scheme's, not the continuous equation's.
struct InterpolantPath: SteerablePath {
  let model: InterpolantModel
  let grid: [Double]
  let equation: StochasticEquation
  let condition: Tensor?
  /// The indices whose states carry E[x₁ | x_t].
  let estimates: Set<Int>

  var steps: Int { grid.count - 1 }
  var isStochastic: Bool { grid.contains { equation.diffusion($0) > 0 } }
  // Before the first step x_t may say nothing about x₁, and dividing by β(0) = 0 would be needed.
  var firstReward: Int { 1 }
  func modelEvaluations(rewardSteps: Int, rows: Int) -> Int { (2 * steps + 1 + rewardSteps) * rows }

  func start(_ shape: ParticleShape, using random: inout GroupRandom) throws -> Proposed<DiffusionState> {
    if case .gaussian = model.base {
      let x = random.normal(
        particles: shape.particles, event: [model.dimension], dtype: model.workingType, device: model.device)
      return Proposed(DiffusionState(x: x))
    }
    let parts = try (0..<shape.groups).map { group in
      guard
        let part = model.base.sample(
          shape.particles, dimension: model.dimension, standardiser: model.standardiser,
          device: model.device, using: &random[group])
      else { throw InterpolantError.conditionRequired("a base to draw from, not given points") }
      return part.to(model.workingType)
    }
    return Proposed(DiffusionState(x: .concatenate(parts)))
  }

  func move(
    _ state: DiffusionState, to step: Int, _ shape: ParticleShape, using random: inout GroupRandom
  ) -> Proposed<DiffusionState> {
    let (t, next) = (grid[step - 1], grid[step])
    let noise = random.normal(
      particles: shape.particles, event: [model.dimension], dtype: model.workingType, device: model.device)
    var x = StochasticHeun().step(equation, t, state.x, next - t, noise)
    guard step < steps else {
      if next < 1 { x = model.denoise(x, from: next, steps: 1, condition: condition) }
      return Proposed(DiffusionState(x: model.standardiser.restore(x.to(.double))))
    }
    guard estimates.contains(step) else { return Proposed(DiffusionState(x: x)) }
    let end = model.fields(.endMean, next, x, condition: condition)
    return Proposed(DiffusionState(x: x, denoised: model.standardiser.restore(end.to(.double))))
  }
}

extension InterpolantModel {
  /// Steers the model's forward SDE towards a reward (Singhal et al. 2025); see ``steer(_:_:reward:intermediate:options:random:)``.
  ///
  /// Rewards see rows in the data's coordinates: E[x₁ | x_t] on the way and finished rows at the end, which the result
  /// holds too. `options.stochasticity` is not used; the noise is ε.
  /// - Parameters:
  ///   - epsilon: > 0 wherever groups may resample.
  ///   - end: where the SDE stops, below 1 where the score is a network's; one denoising step goes on to 1.
  ///   - condition: one row, `[1, k]`, for conditional models.
  /// - Throws: ``InterpolantError``, ``SteeringError``, `ParticleError`, and what the reward throws.
  /// - Complexity: two evaluations of the drift a particle and step, and one of E[x₁ | x_t] where the potential acts.
  public func steer(
    reward: some Reward, options: SteeringOptions, epsilon: NoiseLevel = .constant(0.5), end: Double? = nil,
    condition: Tensor? = nil, random: RandomSource
  ) throws -> SteeringResult {
    try options.validate()
    try options.requireNoGradient("the steps of an interpolant's scheme have no density in closed form")
    var sampler = SamplerOptions()
    (sampler.generator, sampler.epsilon, sampler.steps) = (.forward, epsilon, options.steps)
    sampler.end = end ?? (fields is ExactFields ? 1 : 0.98)
    let path = try forwardPath(sampler, condition, rows: options.groups * options.particles, options)
    return try Generative.steer(along: path, reward: reward, options: options, random: random)
  }

  private func forwardPath(
    _ sampler: SamplerOptions, _ condition: Tensor?, rows: Int, _ options: SteeringOptions
  ) throws -> InterpolantPath {
    let range = try validate(sampler)
    try validate(condition: condition)
    let acts = options.acts(from: 1)
    if !acts.isEmpty { try require(.endMean) }
    let rows = condition?.expand([rows, -1]).to(device: device)
    let (schedule, epsilon) = (schedule, sampler.epsilon)
    let equation = StochasticEquation(
      drift: { [fields] t, x in
        fields(FieldSum([(.velocity, 1), (.score, epsilon(t, schedule))]), t, x, condition: rows)
      }, diffusion: { (2 * epsilon($0, schedule)).squareRoot() })
    return InterpolantPath(
      model: self, grid: TimeGrid.uniform(from: range.start, to: range.end, steps: sampler.steps),
      equation: equation, condition: rows, estimates: acts)
  }
}
