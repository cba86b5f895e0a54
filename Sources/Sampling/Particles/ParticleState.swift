import Torch

/// What particles carry: rows in the order group 0's particles, group 1's, ….
public protocol ParticleState: Sendable {
  /// The state with row `rows[i]` in place i.
  func gathered(_ rows: Tensor) -> Self
}

extension Tensor: ParticleState {
  public func gathered(_ rows: Tensor) -> Tensor { select(axis: 0, rows.to(device: device)) }
}

extension Optional: ParticleState where Wrapped: ParticleState {
  public func gathered(_ rows: Tensor) -> Wrapped? { map { $0.gathered(rows) } }
}

/// How many particles there are.
public struct ParticleShape: Sendable, Hashable {
  public let groups: Int
  /// Of every group.
  public let particles: Int

  public init(groups: Int, particles: Int) {
    precondition(groups > 0 && particles > 0, "ParticleShape: \(groups) groups of \(particles)")
    (self.groups, self.particles) = (groups, particles)
  }

  public var rows: Int { groups * particles }
}

/// A state with log p − log τ of the draw that made it, `[rows]`; `nil` where the proposal τ is the model p.
public struct Proposed<State: ParticleState>: Sendable {
  public var state: State
  public var logRatio: Tensor?

  public init(_ state: State, logRatio: Tensor? = nil) { (self.state, self.logRatio) = (state, logRatio) }
}

/// What moves particles.
public protocol Proposal<State> {
  associatedtype State: ParticleState
  /// Moves after the start.
  var steps: Int { get }
  /// Draws the start, index 0.
  func start(_ shape: ParticleShape, using random: inout GroupRandom) throws -> Proposed<State>
  /// Moves every row from index `step` − 1 to `step`, in 1...steps.
  func move(_ state: State, to step: Int, _ shape: ParticleShape, using random: inout GroupRandom) throws
    -> Proposed<State>
}

/// What weighs particles: non-negative functions G of the path so far.
public protocol Potential<State> {
  associatedtype State: ParticleState
  /// What a particle remembers of its own past; gathered with it.
  associatedtype Memory: ParticleState
  func initialMemory(_ shape: ParticleShape) -> Memory
  /// log G of every row at index `step` in 0...steps, `[rows]`; −∞ is allowed, NaN and +∞ are not, `nil` is 0.
  func logPotential(
    of state: State, at step: Int, remembering memory: inout Memory, _ shape: ParticleShape,
    using random: inout GroupRandom
  ) throws -> Tensor?
}
