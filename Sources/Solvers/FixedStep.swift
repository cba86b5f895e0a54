import Torch

/// One step of a fixed-step scheme for ordinary differential equations.
public protocol FixedStepScheme: Sendable {
  /// The order of the global error.
  var order: Int { get }
  /// Calls of the right-hand side a step.
  var evaluations: Int { get }
  /// The state after a step of size `h` (negative backwards in time).
  func step(_ field: TimeField, _ t: Double, _ x: Tensor, _ h: Double) -> Tensor
}

/// Integrates along a grid of times with a fixed-step scheme.
///
/// Never waits for the device. Cost: the scheme's evaluations a step.
/// - Parameters:
///   - grid: times in order, increasing or decreasing, both ends included.
///   - every: states are saved after each so many steps, and at the end; `nil` saves only the end.
///   - observing: sees every grid point, the first included.
public func integrate(
  _ field: TimeField, from start: Tensor, along grid: [Double], scheme: some FixedStepScheme = RungeKutta4(),
  savingEvery every: Int? = nil, observing: (_ index: Int, _ t: Double, _ x: Tensor) -> Void = { _, _, _ in }
) -> Solution {
  march(from: start, along: grid, evaluations: scheme.evaluations, savingEvery: every, observing: observing) {
    t, x, h in scheme.step(field, t, x, h)
  }
}

/// The loop of every fixed-step integration: steps along the grid, shows each point, saves some and the end.
func march(
  from start: Tensor, along grid: [Double], evaluations: Int, savingEvery every: Int?,
  observing: (_ index: Int, _ t: Double, _ x: Tensor) -> Void,
  step: (_ t: Double, _ x: Tensor, _ h: Double) -> Tensor
) -> Solution {
  precondition(grid.count >= 2, "integrate: a grid needs both ends")
  var x = start
  var times: [Double] = []
  var states: [Tensor] = []
  observing(0, grid[0], x)
  for i in 1..<grid.count {
    x = step(grid[i - 1], x, grid[i] - grid[i - 1])
    observing(i, grid[i], x)
    if i == grid.count - 1 || every.map({ i % $0 == 0 }) ?? false {
      times.append(grid[i])
      states.append(x)
    }
  }
  let steps = grid.count - 1
  return Solution(
    times: times, states: states,
    statistics: SolverStatistics(evaluations: steps * evaluations, steps: steps))
}
