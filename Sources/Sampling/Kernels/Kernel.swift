import Torch

/// A Markov transition that leaves a law invariant, for many chains at once.
///
/// A kernel is a value without hidden state: what a chain carries is in `State`, what a step tells is in `Info`, and
/// randomness comes from the source that is passed. Chains are the rows of `[chains, d]` and never exchange anything;
/// rejection is a mask, so that no step waits for the device. Equal seeds and numbers of chains give equal chains.
///
/// ```swift
/// let kernel = try MetropolisAdjustedLangevin(target: target, stepSize: 0.1)
/// var state = try kernel.initialState(start)
/// for _ in 0..<100 { state = kernel.step(state, using: &random).state }
/// ```
public protocol Kernel<State>: Sendable {
  associatedtype State: ChainState
  associatedtype Info: KernelInfo

  /// The state of chains that start at the rows of `[chains, d]`.
  ///
  /// - Throws: ``SamplingError`` where a row is no point to start from, naming the chain and the value.
  func initialState(_ position: Tensor) throws(SamplingError) -> State

  /// One transition of every chain.
  func step(_ state: State, using random: inout RandomSource) -> (state: State, info: Info)
}

/// A kernel whose scale is one number that its acceptance rate can tune: see ``DualAveraging``.
public protocol StepSizeKernel: Kernel {
  /// > 0; its unit is said by the kernel.
  var stepSize: Double { get set }
  /// The mean acceptance probability that adaptation aims at, in (0, 1).
  var targetAcceptance: Double { get }
}

/// What chains carry from step to step.
public protocol ChainState: ParticleState {
  /// `[chains, d]`.
  var position: Tensor { get }
  /// log p at the positions up to the target's constant, `[chains]`; finite.
  var logDensity: Tensor { get }
}

/// What a step tells about every chain.
public protocol KernelInfo: Sendable {
  /// The chance that the proposal had, `[chains]`, in [0, 1].
  var acceptanceProbability: Tensor { get }
  /// Whether the proposal broke down numerically (it is then rejected), `[chains]` of `Bool`.
  var isDivergent: Tensor { get }
}

/// The outcome of a step that proposes once.
public struct TransitionInfo: KernelInfo {
  public let acceptanceProbability: Tensor
  /// Whether the chain moved to its proposal, `[chains]` of `Bool`.
  public let isAccepted: Tensor
  public let isDivergent: Tensor
}
