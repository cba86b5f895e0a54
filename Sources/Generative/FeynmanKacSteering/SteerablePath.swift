import Sampling
import Torch

/// A path of particles that can be steered: index 0 is where it starts, the last index the finished draw.
protocol SteerablePath: Proposal {
  /// Whether copies of a particle part again.
  var isStochastic: Bool { get }
  /// The first index with an estimate of the finished draw.
  var firstReward: Int { get }
  /// Evaluations of the model for so many rows, with intermediate rewards at so many indices.
  func modelEvaluations(rewardSteps: Int, rows: Int) -> Int
  /// Evaluations of the reward that the moves themselves ask for.
  func rewardEvaluations(rows: Int) -> Int
  /// r(E[x₀ | x_t]) where a move has found it already.
  func rewardOfDenoised(_ state: State) -> Tensor?
  /// x_t as rewards see it, `[rows] + event`; the finished draws at the last index.
  func rows(of state: State) -> Tensor
  /// E[x₀ | x_t]; `nil` where there is no such thing, as for symbols.
  func denoised(_ state: State) -> Tensor?
  /// Draws of x₀ given every x_t, `[rows·count] + event` with those of a row together; `nil` where the model has none.
  func completions(
    of state: State, at step: Int, count: Int, _ shape: ParticleShape, using random: inout GroupRandom
  ) throws -> Tensor?
}

extension SteerablePath {
  func rewardEvaluations(rows: Int) -> Int { 0 }
  func rewardOfDenoised(_ state: State) -> Tensor? { nil }
}

extension SteerablePath where State == DiffusionState {
  func rows(of state: DiffusionState) -> Tensor { state.x }
  func denoised(_ state: DiffusionState) -> Tensor? { state.denoised }
  func completions(
    of state: DiffusionState, at step: Int, count: Int, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) -> Tensor? { nil }
}
