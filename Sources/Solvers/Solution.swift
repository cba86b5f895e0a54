import Torch

/// The right-hand side of dx/dt = f(t, x); x is `[batch, ...]`, every row its own problem at the same time.
public typealias TimeField = (_ t: Double, _ x: Tensor) -> Tensor

/// What an integration cost.
public struct SolverStatistics: Sendable, Hashable {
  /// Calls of the right-hand side.
  public var evaluations = 0
  /// Steps taken.
  public var steps = 0
  /// Steps tried and thrown away by the step-size controller.
  public var rejected = 0

  public init(evaluations: Int = 0, steps: Int = 0, rejected: Int = 0) {
    (self.evaluations, self.steps, self.rejected) = (evaluations, steps, rejected)
  }
}

/// The states of an integration at the times asked for.
public struct Solution: Sendable {
  /// The saved times, in the order of integration; the last is the end.
  public let times: [Double]
  /// The state at each saved time.
  public let states: [Tensor]
  public let statistics: SolverStatistics

  public init(times: [Double], states: [Tensor], statistics: SolverStatistics) {
    precondition(times.count == states.count && !times.isEmpty, "Solution: one state a time, at least one")
    (self.times, self.states, self.statistics) = (times, states, statistics)
  }

  /// The state at the end.
  public var final: Tensor { states[states.count - 1] }
}

/// Why an integration stopped before its end.
public enum SolverError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The state is NaN or infinite.
  case nonFinite(time: Double)
  /// The tolerance asks for more steps than allowed.
  case tooManySteps(Int, time: Double)
  /// The tolerance asks for steps that rounding swallows.
  case stepTooSmall(Double, time: Double)

  public var description: String {
    switch self {
    case .nonFinite(let time):
      "the state became NaN or infinite at t = \(time); use more steps or keep away from the end where the field diverges"
    case .tooManySteps(let count, let time):
      "the tolerance was not met within \(count) steps (reached t = \(time)); loosen it or allow more steps"
    case .stepTooSmall(let size, let time):
      "the tolerance asks for steps of \(size) at t = \(time), below rounding; loosen it or use Double"
    }
  }
}

/// Times of a fixed-step integration.
public enum TimeGrid {
  /// `steps` equal steps, both ends included; either direction.
  public static func uniform(from start: Double, to end: Double, steps: Int) -> [Double] {
    precondition(steps > 0, "TimeGrid: \(steps) steps")
    return (0...steps).map { $0 == steps ? end : start + (end - start) * Double($0) / Double(steps) }
  }
}
