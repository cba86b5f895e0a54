import Foundation
import Solvers
import Testing
import Torch

@Suite("Dormand and Prince's pair") struct DormandPrinceTests {
  private func solver(_ tolerance: Double) -> DormandPrince5 {
    DormandPrince5(controller: PIDController(relativeTolerance: tolerance, absoluteTolerance: tolerance))
  }

  /// Steps of one size: every error passes, and no factor changes the size.
  private func fixed(_ h: Double) -> DormandPrince5 {
    DormandPrince5(
      controller: PIDController(
        relativeTolerance: 1e9, absoluteTolerance: 1e9, factorRange: 1...1, firstStep: h))
  }

  private let pendulum: TimeField = { t, x in
    let (q, p) = (x[.all, 0...0], x[.all, 1...1])
    return .concatenate([p, -q.sin() + cos(t) * 0.3], axis: 1)
  }

  @Test("halving the step divides the error by 2⁵, at the end and at times between the steps")
  func order() throws {
    let exact = try solver(1e-13).integrate(pendulum, from: state(1, 0), t0: 0, t1: 2)
    func errors(_ h: Double) throws -> [Double] {
      // At the same place inside a step for both sizes.
      let solution = try fixed(h).integrate(
        pendulum, from: state(1, 0), t0: 0, t1: 2, savingAt: [1 + 0.4 * h])
      let at = try solver(1e-13).integrate(pendulum, from: state(1, 0), t0: 0, t1: 1 + 0.4 * h)
      return [
        (solution.final - exact.final).norm().item(), (solution.states[0] - at.final).norm().item(),
      ]
    }
    let (coarse, fine) = (try errors(0.1), try errors(0.05))
    #expect(abs(log2(coarse[0] / fine[0]) - 5) < 0.35, "\(coarse[0] / fine[0])")
    #expect(log2(coarse[1] / fine[1]) > 4.6, "\(coarse[1] / fine[1])")
  }

  @Test("integrands of degree four are exact at the end, those of degree three everywhere")
  func polynomials() throws {
    for degree in 0...5 {
      let solution = try fixed(0.5).integrate(
        { t, x in .full(x.shape, pow(t, Double(degree)), dtype: .double) }, from: state(0), t0: 0, t1: 2,
        savingAt: [0.3, 1.2])
      for (t, x) in zip(solution.times, solution.states) {
        let exact = pow(t, Double(degree + 1)) / Double(degree + 1)
        let isExact = abs(x.item() - exact) < 1e-13 * max(1, exact)
        #expect(isExact == (degree <= (t == 2 ? 4 : 3)), "degree \(degree) at \(t)")
      }
    }
  }

  @Test("the error follows the tolerance over eight decades")
  func tolerance() throws {
    // The field x' = x cos t: x(t) = exp(sin t).
    for tolerance in [1e-3, 1e-5, 1e-7, 1e-9, 1e-11] {
      let solution = try solver(tolerance).integrate(
        { t, x in x * cos(t) }, from: state(1), t0: 0, t1: 10, savingAt: [2, 5, 7.7])
      for (t, x) in zip(solution.times, solution.states) {
        let error = abs(x.item() - exp(sin(t))) / exp(sin(t))
        #expect(error < 20 * tolerance, "tolerance \(tolerance) at \(t)")
      }
      let end = abs(solution.final.item() - exp(sin(10)))
      #expect(end > tolerance * 1e-3, "the work done is not that of tolerance \(tolerance)")
    }
  }

  @Test("orbits agree with scipy, at a similar cost")
  func scipy() throws {
    let reference = try ScipyFixture.load().lotka_volterra
    let field: TimeField = { _, x in
      let product = x[.all, 0...0] * x[.all, 1...1]
      return .concatenate([x[.all, 0...0] - product, product - x[.all, 1...1] * 2], axis: 1)
    }
    let accurate = try solver(1e-11).integrate(
      field, from: state(4, 1), t0: 0, t1: 10, savingAt: Array(reference.times.dropLast()))
    #expect(accurate.times == reference.times)
    for (x, expected) in zip(accurate.states, reference.states) {
      #expect((x[0] - Tensor(expected)).abs().max().item() < 1e-8)
    }
    let similar = try solver(1e-6).integrate(field, from: state(4, 1), t0: 0, t1: 10)
    let ratio = Double(similar.statistics.evaluations) / Double(reference.rk45_evaluations)
    #expect((0.6...1.4).contains(ratio), "\(ratio)")
    let error = (similar.final[0] - Tensor(reference.states[2])).abs().max().item()
    let theirs = zip(reference.rk45_end, reference.states[2]).map { abs($0 - $1) }.max()!
    #expect(error < 5 * theirs)
  }

  @Test("every call is counted, and the last slope of a step is the first of the next")
  func statistics() throws {
    var calls = 0
    let solution = try solver(1e-8).integrate(
      { t, x in
        calls += 1
        // A pulse in the middle that the first steps do not foresee.
        return x * (6 * exp(-pow((t - 0.5) * 8, 2)))
      }, from: state(1), t0: 0, t1: 1)
    let statistics = solution.statistics
    #expect(calls == statistics.evaluations)
    // Two calls find the first step; then six a step, accepted or not.
    #expect(statistics.evaluations == 2 + 6 * (statistics.steps + statistics.rejected))
    #expect(statistics.rejected > 0)
    #expect(abs(solution.final.item() - exp(6 * Double.pi.squareRoot() / 8)) < 1e-5)
  }

  @Test("backwards in time leads back to the start, with saved times in the order of integration")
  func backwards() throws {
    let there = try solver(1e-10).integrate(pendulum, from: state(1, 0), t0: 0, t1: 3)
    let back = try solver(1e-10).integrate(
      pendulum, from: there.final, t0: 3, t1: 0, savingAt: [0.5, 2, 1, 9, 3])
    #expect(back.times == [2, 1, 0.5, 0])
    #expect((back.final - state(1, 0)).abs().max().item() < 1e-8)
    let at1 = try solver(1e-10).integrate(pendulum, from: state(1, 0), t0: 0, t1: 1)
    #expect((back.states[1] - at1.final).abs().max().item() < 1e-8)
  }

  @Test("an interval of no length is its start")
  func empty() throws {
    let solution = try solver(1e-5).integrate({ _, x in x }, from: state(2), t0: 1, t1: 1, savingAt: [1])
    #expect(solution.times == [1] && solution.final.item() == 2)
  }

  @Test("a solution that blows up, NaN and impatience are typed errors that say where")
  func errors() throws {
    // x' = x² from 1 is 1/(1 − t).
    let blowUp = #expect(throws: SolverError.self) {
      try solver(1e-6).integrate({ _, x in x.square() }, from: state(1), t0: 0, t1: 2)
    }
    let time: Double? =
      switch blowUp {
      case .nonFinite(let time), .stepTooSmall(_, let time), .tooManySteps(_, let time): time
      case nil: nil
      }
    #expect(abs(try #require(time) - 1) < 1e-3)
    let nan = #expect(throws: SolverError.self) {
      try solver(1e-6).integrate({ t, x in (0.5 - x * t).sqrt() }, from: state(0.1), t0: 0, t1: 50)
    }
    #expect(nan != nil)
    #expect(throws: SolverError.nonFinite(time: 0)) {
      try solver(1e-6).integrate({ _, x in x * .nan }, from: state(1), t0: 0, t1: 1)
    }
    var controller = PIDController(relativeTolerance: 1e-10, absoluteTolerance: 1e-10)
    controller.maximumSteps = 20
    let impatient = DormandPrince5(controller: controller)
    let error = #expect(throws: SolverError.self) {
      try impatient.integrate({ t, x in (x * 0) + cos(50 * t) }, from: state(0), t0: 0, t1: 10)
    }
    guard case .tooManySteps(20, let reached) = try #require(error) else {
      Issue.record("\(error!)")
      return
    }
    #expect(reached > 0 && reached < 10)
  }
}
