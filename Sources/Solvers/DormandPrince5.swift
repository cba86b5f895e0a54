#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Torch

/// Dormand and Prince's pair of orders 5 and 4, with step-size control and a dense output of order 4.
///
/// The last slope of a step is the first of the next. One wait for the device a step, for the error.
public struct DormandPrince5: Sendable {
  public var controller: PIDController

  public init(controller: PIDController = PIDController()) { self.controller = controller }

  static let nodes = [0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1]
  static let weights: [[Double]] = [
    [],
    [1.0 / 5],
    [3.0 / 40, 9.0 / 40],
    [44.0 / 45, -56.0 / 15, 32.0 / 9],
    [19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729],
    [9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656],
    [35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84],
  ]
  /// Fifth-order minus fourth-order weights.
  static let errorWeights = [
    71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40,
  ]
  /// Hairer, Nørsett and Wanner's coefficients of the dense output's quartic term.
  static let denseWeights = [
    -12715105075.0 / 11282082432, 0, 87487479700.0 / 32700410799, -10690763975.0 / 1880347072,
    701980252875.0 / 199316789632, -1453857185.0 / 822651844, 69997945.0 / 29380423,
  ]

  private static func combine(_ x: Tensor, _ slopes: [Tensor], _ weights: [Double], _ h: Double) -> Tensor {
    zip(slopes, weights).reduce(x) { sum, term in term.1 == 0 ? sum : sum.adding(term.0, scaledBy: h * term.1)
    }
  }

  /// Integrates from `start` at `t0` to `t1` (either direction), saving at the given times between them.
  /// - Throws: ``SolverError``.
  public func integrate(
    _ field: TimeField, from start: Tensor, t0: Double, t1: Double, savingAt requested: [Double] = []
  ) throws -> Solution {
    let direction: Double = t1 >= t0 ? 1 : -1
    let pending = requested.filter { ($0 - t0) * direction > 0 && (t1 - $0) * direction > 0 }
      .sorted { ($0 - $1) * direction < 0 }
    var next = 0
    var statistics = SolverStatistics()
    var times: [Double] = []
    var states: [Tensor] = []
    var t = t0
    var x = start
    var first = field(t, x)
    statistics.evaluations += 1
    var h = direction * (controller.firstStep ?? firstStep(field, t0, x, first, direction, t1, &statistics))
    var (previous, beforePrevious) = (1.0, 1.0)

    while (t1 - t) * direction > 1e-14 * max(1, abs(t1)) {
      guard statistics.steps + statistics.rejected < controller.maximumSteps else {
        throw SolverError.tooManySteps(controller.maximumSteps, time: t)
      }
      let last = abs(h) >= abs(t1 - t)
      if last { h = t1 - t }
      var slopes = [first]
      for stage in 1...6 {
        let y = Self.combine(x, slopes, Self.weights[stage], h)
        slopes.append(field(t + Self.nodes[stage] * h, y))
      }
      statistics.evaluations += 6
      let proposal = Self.combine(x, slopes, Self.weights[6], h)
      let error = Self.combine(.zeros(like: x), slopes, Self.errorWeights, h)
      let scale =
        controller.absoluteTolerance + controller.relativeTolerance * x.abs().maximum(proposal.abs())
      let ratio = (error / scale).square().mean().sqrt().item()
      guard ratio.isFinite || abs(h) > 1e-10 else { throw SolverError.nonFinite(time: t) }
      let accepted = ratio <= 1
      if accepted {
        while next < pending.count, (t + h - pending[next]) * direction >= 0 {
          times.append(pending[next])
          states.append(Self.dense(x, proposal, slopes, h, (pending[next] - t) / h))
          next += 1
        }
        t = last ? t1 : t + h
        x = proposal
        first = slopes[6]
        statistics.steps += 1
      } else {
        statistics.rejected += 1
      }
      let factor =
        ratio.isFinite
        ? controller.factor(ratio, previous, beforePrevious, order: 5, accepted: accepted)
        : controller.factorRange.lowerBound
      if accepted { (beforePrevious, previous) = (previous, max(ratio, 1e-10)) }
      h *= factor
      if abs(h) < 1e-14 * max(abs(t0), abs(t1)) { throw SolverError.stepTooSmall(abs(h), time: t) }
    }
    times.append(t1)
    states.append(x)
    return Solution(times: times, states: states, statistics: statistics)
  }

  private static func dense(_ x0: Tensor, _ x1: Tensor, _ slopes: [Tensor], _ h: Double, _ theta: Double)
    -> Tensor
  {
    let difference = x1 - x0
    let bend = slopes[0] * h - difference
    let twist = difference - slopes[6] * h - bend
    let quartic = combine(.zeros(like: x0), slopes, denseWeights, h)
    let inner = bend + theta * (twist + (1 - theta) * quartic)
    return x0 + theta * (difference + (1 - theta) * inner)
  }

  /// Hairer, Nørsett and Wanner's guess from the sizes of the state, the slope and its change.
  private func firstStep(
    _ field: TimeField, _ t0: Double, _ x: Tensor, _ slope: Tensor, _ direction: Double, _ t1: Double,
    _ statistics: inout SolverStatistics
  ) -> Double {
    let scale = controller.absoluteTolerance + controller.relativeTolerance * x.abs()
    func size(_ y: Tensor) -> Double { (y / scale).square().mean().sqrt().item() }
    let (d0, d1) = (size(x), size(slope))
    let guess = d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : 0.01 * d0 / d1
    let trial = min(guess, abs(t1 - t0))
    let moved = field(t0 + direction * trial, x.adding(slope, scaledBy: direction * trial))
    statistics.evaluations += 1
    let d2 = size(moved - slope) / trial
    let largest = max(d1, d2)
    let second = largest <= 1e-15 ? max(1e-6, trial * 1e-3) : pow(0.01 / largest, 0.2)
    let step = min(100 * trial, second, abs(t1 - t0))
    return step.isFinite && step > 0 ? step : 1e-6
  }
}
